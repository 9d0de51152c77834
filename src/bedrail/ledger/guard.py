"""The rollback guard: nothing is signed that does not extend the last checkpoint signed, which is kept apart.

The anchor is a compare-and-swap store, as in Sunlight's lock backend: it only ever moves on to a checkpoint that
extends the standing one, also when several processes share it. It is written after the commit, at most once a second,
so the commits of the last second may be younger than the anchor (`docs/witness.md` says how they are covered).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bedrail.core.errors import Corrupt
from bedrail.core.ports import Anchor, Head
from bedrail.ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note
from bedrail.ledger.merkle import CompactRange

SPAN = 65_536
TURNS = 100

Leaves = Callable[[int, int], Sequence[bytes]]
"""(first, end) -> stored leaf hashes."""

RESTORE = "Put back the newest backup (bedrail restore); bedrail ledger verify names what is missing."


def checkpoint_in(note: bytes) -> Checkpoint:
    """The checkpoint of a note, unverified; raises `Corrupt`."""
    return parse_checkpoint(parse_note(note).text)


def extends(head: Head, old: Checkpoint, leaves: Leaves) -> bool:
    """Whether the tree of `head` has `old` as its beginning; `head.peaks` must be those of a signed root.

    The peaks that both trees share need no reading; of the rest, the stored leaf hashes must lead to the old root and
    on to the head's peaks. That is usually a handful, and at most the whole ledger when a power of two was crossed.
    """
    if old.size > head.size:
        return False
    shared, kept = 0, 0
    for bit in reversed(range(head.size.bit_length())):
        if (old.size ^ head.size) >> bit & 1:
            break
        if head.size >> bit & 1:
            shared, kept = shared + (1 << bit), kept + 1
    tree = CompactRange(shared, head.peaks[:kept])
    _grow(tree, old.size, leaves)
    if tree.size != old.size or tree.root() != old.root:
        return False
    _grow(tree, head.size, leaves)
    return (tree.size, tree.peaks) == (head.size, head.peaks)


def continues(size: int, peaks: Sequence[bytes], head: Head, leaves: Leaves) -> bool:
    """Whether the signed tree of `head` grew out of the known one of `size` and `peaks`; reads what came after it."""
    tree = CompactRange(size, peaks)
    _grow(tree, head.size, leaves)
    return (tree.size, tree.peaks) == (head.size, head.peaks)


def _grow(tree: CompactRange, size: int, leaves: Leaves) -> None:
    while tree.size < size:
        more = leaves(tree.size, min(size, tree.size + SPAN))
        if not more:
            return
        tree.extend(more)


def require_extended(
    note: bytes | None, head: Head, leaves: Leaves, is_ours: Callable[[Checkpoint, bytes], bool]
) -> None:
    """That the head continues the anchored checkpoint; raises `Corrupt` with the remedy when it does not.

    `is_ours` says whether this key signed exactly this checkpoint in this note.
    """
    if note is None:
        if head.size:
            raise Corrupt(
                "The anchor is gone, so nobody can tell whether entries are missing.",
                remedy="Put its file back; if it is lost for good: bedrail ledger anchor --renew REASON.",
            )
        return
    anchored = checkpoint_in(note)
    if not is_ours(anchored, note):
        raise Corrupt("The anchor was not signed by this key.", remedy="Put back the anchor that belongs to this home.")
    if anchored.size > head.size:
        raise Corrupt(
            f"Rollback detected: the ledger has {head.size} entries, its anchor says {anchored.size}.",
            remedy=f"The database was shortened or restored. {RESTORE}",
        )
    if not extends(head, anchored, leaves):
        raise Corrupt(
            "Fork detected: the ledger's head is not the anchored one, and does not continue it.",
            remedy=f"The database was replaced. {RESTORE}",
        )


def move_anchor(anchor: Anchor, note: bytes) -> None:
    """Let the anchor stand at this checkpoint, unless it is further already; raises OSError, `Corrupt`, `Unavailable`.

    Whoever calls has made sure that the note extends what it found at opening. Another process may have moved the
    anchor meanwhile: then the standing note is looked at again, so that it never goes back.
    """
    size = checkpoint_in(note).size
    for _ in range(TURNS):
        standing = anchor.read()
        if standing is not None and checkpoint_in(standing).size >= size:
            return
        if anchor.swap(standing, note):
            return
    raise OSError("the anchor changes all the time")
