"""Receipts, and the monitor that holds a ledger to them.

A receipt is a promise: this leaf stands at this index of the tree under this signed checkpoint. The checkpoint is that
of the commit, shared by all decisions in it, so a promise costs no signature of its own (ADR 0009). A client keeps its
receipts, one JSON value a line, and asks later, of any view of the ledger, whether the promises were kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from bedrail.core.errors import Corrupt, Invalid
from bedrail.core.ports import Verifier
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import Checkpoint, open_checkpoint
from bedrail.ledger.merkle import EMPTY_ROOT, CompactRange
from bedrail.ledger.shards import open_sealed, signing_key

MMD_SECONDS = 2.0
"""Maximum merge delay: so long after an answer every view of the ledger must hold its entry."""

SPAN = 4096
MOST_BYTES = 1_000_000_000

Kind = Literal["unsigned", "impossible", "fork", "missing", "changed", "stranger", "silent"]


class _Receipt(msgspec.Struct):
    index: int
    leaf: str
    size: int
    checkpoint: str


class _Line(msgspec.Struct):
    receipt: _Receipt | None = None
    decision: str = ""
    received: str = ""
    index: int = -1
    leaf: str = ""
    size: int = -1
    checkpoint: str = ""


class Promise(Value, frozen=True, kw_only=True):
    """One kept receipt: its line in the client's file, what was promised, for which decision, received when (UTC)."""

    line: int
    index: int
    leaf: bytes
    size: int
    checkpoint: bytes
    decision: str = ""
    received: float | None = None


class BrokenPromise(Value, frozen=True, kw_only=True):
    """What is wrong, at which line of the receipts (0: in the ledger's view itself)."""

    line: int
    kind: Kind
    what: str


class Kept(Value, frozen=True, kw_only=True):
    """The monitor's report: promises kept, those too young for this view to hold, and what is wrong."""

    size: int
    kept: int
    pending: int
    broken: tuple[BrokenPromise, ...]


class View(Protocol):
    """A ledger as somebody sees it: an audit bundle, or a server's public hashes."""

    @property
    def checkpoint(self) -> bytes:
        """The signed checkpoint."""
        ...

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        """Leaf hashes."""
        ...


def parse_receipts(lines: Iterable[bytes], path: str = "receipts") -> list[Promise]:
    """The promises in a file of JSON lines; raises `Invalid` with `path:line`.

    A line is a receipt, or an answer with its `receipt`; `decision` and `received` (ISO 8601 with zone) are taken
    along, whatever else stands there is passed over.
    """
    decoder, promises = msgspec.json.Decoder(_Line), []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = decoder.decode(line)
            told = found.receipt or found
            received = datetime.fromisoformat(found.received).timestamp() if found.received else None
            leaf = bytes.fromhex(told.leaf)
        except (msgspec.MsgspecError, ValueError):
            raise _wrong(path, number) from None
        if len(leaf) != 32 or not 0 <= told.index < 2**63 or not told.checkpoint:
            raise _wrong(path, number)
        promises.append(
            Promise(
                line=number,
                index=told.index,
                leaf=leaf,
                size=told.size,
                checkpoint=told.checkpoint.encode(),
                decision=found.decision,
                received=received,
            )
        )
    return promises


def hold(
    promises: Sequence[Promise],
    view: View,
    origin: str,
    public_key: bytes,
    verify: Verifier,
    *,
    as_of: float | None = None,
    mmd: float = MMD_SECONDS,
    former: Sequence[bytes] = (),
    entry_id: Callable[[int], str] | None = None,
) -> Kept:
    """Hold a view of the ledger to these promises, in one pass over its leaf hashes.

    `as_of` (POSIX seconds) is when the view was taken: promises received later than `mmd` seconds before it may be
    missing. Without it, or for a receipt without its time, whatever is missing is a broken promise. `former` are keys
    of earlier shards, which signed older receipts. `entry_id` gives
    the id of an entry, where the view holds entries. Raises `Corrupt` when the view's own checkpoint is not signed by
    the pinned key.
    """
    head = open_checkpoint(view.checkpoint, origin, public_key, verify)
    broken: list[BrokenPromise] = []
    sound = [(promise, seal) for promise in promises if (seal := _seal(promise, (public_key, *former), verify, broken))]
    roots, leaves = _walk(view, head, sound)
    if roots.get(head.size) != head.root:
        broken.append(BrokenPromise(line=0, kind="fork", what="the view's hashes do not give the root that is signed"))
    kept = pending = 0
    for promise, seal in sound:
        if seal.size > head.size:
            if as_of is not None and promise.received is not None and promise.received + mmd > as_of:
                pending += 1
                continue
            what = f"entry {promise.index} was promised; the ledger has {head.size} entries, not {seal.size}"
            broken.append(BrokenPromise(line=promise.line, kind="missing", what=what))
        elif roots.get(seal.size) != seal.root:
            what = f"the ledger of {seal.size} entries is not the one that was signed in the receipt: two histories"
            broken.append(BrokenPromise(line=promise.line, kind="fork", what=what))
        elif leaves.get(promise.index) != promise.leaf:
            what = f"entry {promise.index} is another one than was promised"
            broken.append(BrokenPromise(line=promise.line, kind="changed", what=what))
        elif promise.decision and entry_id is not None and entry_id(promise.index) not in ("", promise.decision):
            what = f"entry {promise.index} is not the one of this decision"
            broken.append(BrokenPromise(line=promise.line, kind="stranger", what=what))
        else:
            kept += 1
    broken.sort(key=lambda each: each.line)
    return Kept(size=head.size, kept=kept, pending=pending, broken=tuple(broken))


def silences(moments: Iterable[str], most: float, as_of: float | None = None) -> list[BrokenPromise]:
    """Gaps longer than `most` seconds between entries, and after the last one; a running server beats every minute."""
    found: list[BrokenPromise] = []
    before: float | None = None
    for moment in moments:
        now = datetime.fromisoformat(moment).timestamp()
        if before is not None and now - before > most:
            found.append(_silent(before, now))
        before = now if before is None else max(before, now)
    if before is not None and as_of is not None and as_of - before > most:
        found.append(_silent(before, as_of))
    return found


def _silent(start: float, end: float) -> BrokenPromise:
    what = f"nothing was recorded for {end - start:.0f} seconds after {datetime.fromtimestamp(start).astimezone()}"
    return BrokenPromise(line=0, kind="silent", what=what)


def _seal(promise: Promise, keys: Sequence[bytes], verify: Verifier, broken: list[BrokenPromise]) -> Checkpoint | None:
    try:
        key = signing_key(promise.checkpoint, keys) or keys[0]
        seal = open_sealed(promise.checkpoint, key, verify)
    except Corrupt as error:
        broken.append(BrokenPromise(line=promise.line, kind="unsigned", what=error.message))
        return None
    if promise.index >= seal.size or promise.size != seal.size:
        what = "the receipt's checkpoint does not cover its entry"
        broken.append(BrokenPromise(line=promise.line, kind="impossible", what=what))
        return None
    return seal


def _walk(
    view: View, head: Checkpoint, sound: Sequence[tuple[Promise, Checkpoint]]
) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Roots at every promised size and at the head, and the leaves at every promised index."""
    sizes = sorted({seal.size for _, seal in sound if seal.size <= head.size} | {head.size})
    wanted = {promise.index for promise, _ in sound}
    tree, roots = CompactRange(), {0: EMPTY_ROOT}
    found: dict[int, bytes] = {}
    for size in sizes:
        while tree.size < size:
            start = tree.size
            leaves = view.leaves(start, min(size, start + SPAN))
            if not leaves:
                return roots, found
            tree.extend(leaves)
            for index in range(start, start + len(leaves)):
                if index in wanted:
                    found[index] = leaves[index - start]
        roots[size] = tree.root()
    return roots, found


def _wrong(path: str, number: int) -> Invalid:
    remedy = "One JSON value a line: a receipt, or an answer with its receipt."
    return Invalid("this is no receipt.", path=f"{path}:{number}", remedy=remedy)
