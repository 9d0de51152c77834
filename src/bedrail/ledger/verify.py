"""Verification: recompute every leaf and root, and say what was changed, where, and how one can tell.

Levels L0 to L3 (`ledger/report.py`): signatures, roots from entries, stored hashes, consistency with every checkpoint
there is. Views and sealed records are compared by the store, what the facts mean by `governance/replay.py`; both join
the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from bedrail.core.errors import Corrupt
from bedrail.core.ports import Anchor, Head, Tape, Verifier
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import Checkpoint, key_hash, open_checkpoint, parse_checkpoint, parse_note
from bedrail.ledger.cosignature import CosignerKey, Verifiers, cosigned_at
from bedrail.ledger.hashing import Parallel, Stretch, all_stretches
from bedrail.ledger.merkle import EMPTY_ROOT, CompactRange
from bedrail.ledger.report import Difference, Kind, Level, VerificationReport
from bedrail.ledger.shards import Chain, chain_of, signing_key

__all__ = ["Beside", "Difference", "Kind", "Level", "VerificationReport", "verify_ledger"]

SPAN = 4096
"""Leaf hashes read at once."""

MOST_NAMED = 100
"""Differences of one kind that are named one by one."""


@dataclass(frozen=True, slots=True)
class _Seal:
    """A checkpoint with the pinned key's signature, and where it was found."""

    where: str
    checkpoint: Checkpoint


@dataclass(slots=True)
class _Walk:
    """What one pass over the entries found. `tree` stops growing at the first gap."""

    tree: CompactRange = field(default_factory=CompactRange)
    roots: dict[int, bytes] = field(default_factory=lambda: {0: EMPTY_ROOT})
    unlike: list[int] = field(default_factory=list)
    pruned: int = 0
    gap: tuple[int, int] | None = None
    rows: int = 0


class Beside(Value, frozen=True, kw_only=True):
    """What is known of signatures beside the ledger's first: its second key, witnesses, and the notes they cosigned.

    `published` names the note that must bear the second signature: `anchor` in a home, `head` in a bundle. `cosigned`
    holds (where it was found, signed note); each must bear a signature of one of `witnesses`. `known` are notes that
    somebody kept apart, in the same shape.
    """

    key: CosignerKey | None = None
    published: str = "anchor"
    cosigned: tuple[tuple[str, bytes], ...] = ()
    witnesses: tuple[CosignerKey, ...] = ()
    known: tuple[tuple[str, bytes], ...] = ()


def verify_ledger(
    tape: Tape,
    anchor: Anchor | None,
    origin: str,
    public_key: bytes,
    verify: Verifier,
    *,
    name: str = "",
    beside: Beside = Beside(),  # noqa: B008 (frozen)
    verifiers: Verifiers | None = None,
    level: Level = "L3",
    parallel: Parallel | None = None,
) -> VerificationReport:
    """Recompute the tree over all stored entries and compare it with everything that the pinned key ever signed.

    `name` is the key's name in signed notes, the origin unless given. Of a ledger in several shards, `origin` is the
    first or the newest one's, `public_key` any one's (below L3 the newest one's), and every link between them is looked
    at (`ledger/shards.py`). The ledger may grow meanwhile: what was committed when the head was read is verified.

    Named are: an edited entry (by index), a leaf hash changed beside an intact entry, missing entries, a deleted tail,
    entries that were never sealed, a history that is not the signed one, checkpoints by another key, changed
    checkpoints, and shards that are missing or do not follow one another. Nothing above `level` is looked at; L4 needs
    to know what facts mean, and is not looked at here. With `parallel` a long ledger is hashed on several cores.
    Raises `Unavailable` when the tape is out.
    """
    # Anchor and kept checkpoints are read before the head: whatever they seal must then be inside it.
    notes = _notes(tape, anchor, beside) if level >= "L3" else []
    head, unreadable = _head(tape)
    chain = chain_of(tape, head, origin, public_key, verify, whole=anchor is not None)
    if level < "L3":  # whether one key handed over to another is a matter of roots
        chain = replace(chain, keys=(public_key,) * len(chain.shards))
    keyring = _Keyring(chain, verify, name, beside, verifiers or {"ed25519": verify})
    seals, differences = keyring.open_all(notes, head)
    differences += unreadable
    if level == "L0":
        return _report(
            differences, seals[-1].checkpoint if seals else Checkpoint(origin=origin, size=0, root=EMPTY_ROOT), level
        )
    if level >= "L3":
        differences += [*_about_anchor(anchor, head), *chain.differences]
        seals += [_Seal(where, final) for where, final in chain.finals]
    hashed = all_stretches(tape, head.size, chain.pruned, parallel)
    walk = _walk(hashed, sorted({seal.checkpoint.size for seal in seals}))
    differences += _about_leaves(walk, seals)
    differences += _about_length(tape, head, walk, seals)
    differences += _about_roots(tape, walk, seals)
    if not any(each.kind in ("bad-checkpoint", "foreign-key") and each.where == "head" for each in differences):
        differences += _about_head(head, seals)
    if level == "L1":
        differences = [each for each in differences if each.breaks <= "L1"]
    return _report(differences, Checkpoint(origin=origin, size=walk.rows, root=walk.tree.root()), level, walk.pruned)


def _report(differences: Sequence[Difference], found: Checkpoint, level: Level, pruned: int = 0) -> VerificationReport:
    looked: Level = min(level, "L3")
    unlooked = "the meaning of the facts was not looked at" if level >= "L3" else f"no more than {level} was asked for"
    if pruned:
        unlooked += f"; of {pruned} pruned entries only the hashes are left"
    return VerificationReport(
        ok=not differences,
        size=found.size,
        root=found.root.hex(),
        differences=tuple(differences),
        looked=looked,
        unlooked=unlooked,
    )


@dataclass(frozen=True, slots=True)
class _Keyring:
    chain: Chain
    verify: Verifier
    name: str
    beside: Beside
    verifiers: Verifiers

    def open_all(
        self, notes: Sequence[tuple[str, int | None, bytes]], head: Head
    ) -> tuple[list[_Seal], list[Difference]]:
        """Every note that the pinned keys signed, and a difference for every other one."""
        seals: list[_Seal] = []
        differences: list[Difference] = []
        unopened = not head.size and not head.checkpoint
        for where, size, note in [*notes, *([] if unopened else [("head", head.size, head.checkpoint)])]:
            try:
                origin, key = self._expected(note)
                checkpoint = open_checkpoint(note, origin, key, self.verify, name=self.name)
                self._require_cosigners(where, note, origin)
            except Corrupt as error:
                differences.append(self._unopened(where, note, error))
                continue
            seals.append(_Seal(where, checkpoint))
            if size is not None and checkpoint.size != size:
                what = f"stands at size {size}, but its signed note says {checkpoint.size}"
                differences.append(_about_note("bad-checkpoint", where, what))
        return seals, differences

    def _expected(self, note: bytes) -> tuple[str, bytes]:
        """Under which origin and by which key the note must be signed; raises `Corrupt`.

        A note that says more than is there stands under its own origin, and is signed by any of the keys.
        """
        checkpoint = parse_checkpoint(parse_note(note).text)
        if checkpoint.size > self.chain.shards[-1].size:  # perhaps of a shard that was cut off
            return checkpoint.origin, signing_key(note, self.chain.keys) or self.chain.keys[-1]
        return self.chain.origin_at(checkpoint.size), self.chain.key_at(checkpoint.size)

    def _require_cosigners(self, where: str, note: bytes, origin: str) -> None:
        """A published note bears the second signature, a cosigned one that of a known witness; raises `Corrupt`."""
        beside = self.beside
        second = None if beside.key is None else msgspec.structs.replace(beside.key, name=origin)
        if second is not None and where == beside.published and cosigned_at(note, second, self.verifiers) is None:
            raise Corrupt("it lacks the ledger's second signature (ML-DSA-44)")
        if where in {place for place, _ in beside.cosigned}:
            parsed = parse_note(note)
            times = [cosigned_at(parsed, witness, self.verifiers) for witness in beside.witnesses]
            if all(each is None for each in times):
                raise Corrupt("no known witness signed it")

    def _unopened(self, where: str, note: bytes, error: Corrupt) -> Difference:
        """Another key's signature is a rebuilt ledger; anything else is a changed note."""
        try:
            parsed = parse_note(note)
            origin, key = self._expected(note)
        except Corrupt:
            return _about_note("bad-checkpoint", where, str(error))
        name = self.name or origin
        pinned = key_hash(name, key)
        if not any(each.name == name and each.key_hash == pinned for each in parsed.signatures):
            for each in parsed.signatures:
                if each.key_hash != key_hash(each.name, key):
                    what = f"signed by another key ({each.name}, {each.key_hash.hex()}) than the pinned {pinned.hex()}"
                    return _about_note("foreign-key", where, what)
        return _about_note("bad-checkpoint", where, str(error))


def _about_note(kind: Kind, where: str, what: str) -> Difference:
    """The newest checkpoint carries all levels; any other one only the highest of these."""
    return Difference(kind=kind, where=where, what=what, level="L0" if where == "head" else "L3")


def _head(tape: Tape) -> tuple[Head, list[Difference]]:
    """The head, or an empty one and the reason why."""
    try:
        return tape.head(), []
    except Corrupt as error:
        return Head(size=0, peaks=(), checkpoint=b""), [Difference(kind="bad-head", where="head", what=str(error))]


def _about_anchor(anchor: Anchor | None, head: Head) -> list[Difference]:
    """An anchor follows the very first commit; without one nobody can tell whether the newest entries were deleted."""
    if anchor is None or head.size == 0 or anchor.read() is not None:
        return []
    what = "the anchor is gone, so a deleted tail could not be told; compare with a receipt or an earlier bundle"
    return [Difference(kind="missing-anchor", where="anchor", what=what)]


def _notes(tape: Tape, anchor: Anchor | None, beside: Beside) -> list[tuple[str, int | None, bytes]]:
    notes: list[tuple[str, int | None, bytes]] = []
    anchored = anchor.read() if anchor is not None else None
    if anchored is not None:
        notes.append(("anchor", None, anchored))
    notes += [(where, None, note) for where, note in (*beside.known, *beside.cosigned)]
    notes += [(f"checkpoint {size}", size, note) for size, note in tape.checkpoints()]
    return notes


def _walk(hashed: Iterable[Stretch], sizes: Sequence[int]) -> _Walk:
    """Grow the tree over every entry once, and keep its root at each of the sizes."""
    walk = _Walk()
    wanted = iter([size for size in sizes if size > 0])
    following = next(wanted, None)
    for stretch in hashed:
        first, leaves = walk.rows, stretch.leaves
        walk.unlike += stretch.unlike
        walk.pruned += stretch.pruned
        walk.rows += len(leaves)
        if walk.gap is not None:
            continue
        walk.gap = (first, stretch.first) if stretch.first != first else stretch.gap
        end = walk.rows if walk.gap is None else walk.gap[0]
        done = 0
        while following is not None and following <= end:
            walk.tree.extend(leaves[done : following - first])
            walk.roots[following] = walk.tree.root()
            done, following = following - first, next(wanted, None)
        walk.tree.extend(leaves[done : end - first])
    return walk


def _about_leaves(walk: _Walk, seals: Sequence[_Seal]) -> list[Difference]:
    """Entry and leaf hash disagree: the one that still leads to the signed roots is the intact one."""
    differences: list[Difference] = []
    if walk.gap is not None:
        first, resumes = walk.gap
        what = f"{resumes - first} missing here" if resumes > first else "out of order"
        differences.append(Difference(kind="missing-entry", where=f"entry {first}", what=what))
    if not walk.unlike:
        return differences
    covered = any(walk.unlike[-1] < seal.checkpoint.size <= walk.rows for seal in seals)
    leaf_changed = covered and walk.gap is None and not _unexplained(walk.roots, seals, walk.rows)
    for index in walk.unlike[:MOST_NAMED]:
        if leaf_changed:
            what = "its stored leaf hash was changed; the entry is the sealed one"
            differences.append(Difference(kind="changed-leaf", where=f"entry {index}", what=what))
        else:
            what = "its bytes do not hash to the leaf that was sealed"
            differences.append(Difference(kind="edited-entry", where=f"entry {index}", what=what))
    if len(walk.unlike) > MOST_NAMED:
        where = f"entries {walk.unlike[MOST_NAMED]} to {walk.unlike[-1]}"
        what = f"{len(walk.unlike) - MOST_NAMED} more entries differ from their leaf hashes"
        differences.append(Difference(kind="edited-entry", where=where, what=what))
    return differences


def _unexplained(roots: dict[int, bytes], seals: Sequence[_Seal], rows: int) -> list[_Seal]:
    """Seals within reach whose root is not the recomputed one."""
    return [
        seal
        for seal in seals
        if seal.checkpoint.size <= rows and roots.get(seal.checkpoint.size) != seal.checkpoint.root
    ]


def _about_roots(tape: Tape, walk: _Walk, seals: Sequence[_Seal]) -> list[Difference]:
    """Signed roots that neither the entries nor, where those differ, the stored leaf hashes lead to."""
    if walk.gap is not None:
        return []
    wrong = _unexplained(walk.roots, seals, walk.rows)
    if wrong and walk.unlike:
        wrong = _unexplained(_stored_roots(tape, walk.rows, wrong), wrong, walk.rows)
    if not wrong:
        return []
    unlike = {(seal.where, seal.checkpoint.size) for seal in wrong}
    first = min(seal.checkpoint.size for seal in wrong)
    good = [
        seal.checkpoint.size
        for seal in seals
        if (seal.where, seal.checkpoint.size) not in unlike and seal.checkpoint.size < first
    ]
    where = f"entries {max(good, default=0)} to {max(first - 1, 0)}"
    names = ", ".join(seal.where for seal in wrong[:3]) + (" and more" if len(wrong) > 3 else "")
    what = f"not the history that was signed (see {names})"
    level: Level = "L1" if any(seal.where == "head" for seal in wrong) else "L3"
    return [Difference(kind="rewritten", where=where, what=what, level=level)]


def _stored_roots(tape: Tape, rows: int, seals: Sequence[_Seal]) -> dict[int, bytes]:
    tree, roots = CompactRange(), {0: EMPTY_ROOT}
    for size in sorted({seal.checkpoint.size for seal in seals}):
        for start in range(tree.size, min(size, rows), SPAN):
            tree.extend(tape.leaves(start, min(start + SPAN, size, rows)))
        roots[size] = tree.root()
    return roots


def _about_length(tape: Tape, head: Head, walk: _Walk, seals: Sequence[_Seal]) -> list[Difference]:
    """Fewer entries than somebody signed for, or more than anybody did."""
    if walk.gap is None:
        longest = max(seals, key=lambda seal: seal.checkpoint.size, default=None)
        signed = longest.checkpoint.size if longest is not None else 0
        claimed, where = max((signed, longest.where if longest else "head"), (head.size, "head"))
        if claimed > walk.rows:
            what = f"{claimed - walk.rows} missing at the end: the {where} says {claimed}, {walk.rows} are left"
            return [Difference(kind="deleted-tail", where=f"entries {walk.rows} to {claimed - 1}", what=what)]
    beyond = sum(1 for _ in tape.entries(head.size))
    now = _head(tape)[0].size
    if head.size + beyond > now:
        what = "appended without being sealed by a checkpoint"
        return [Difference(kind="unsealed-entries", where=f"entries {now} to {head.size + beyond - 1}", what=what)]
    return []


def _about_head(head: Head, seals: Sequence[_Seal]) -> list[Difference]:
    """The peaks that the next append would build on must be those of the signed tree."""
    sealed = next((seal.checkpoint for seal in seals if seal.where == "head"), None)
    try:
        root = CompactRange(head.size, head.peaks).root()
    except ValueError:
        root = b""
    if root != (sealed.root if sealed is not None else EMPTY_ROOT):
        what = "its tree state does not belong to its signed checkpoint"
        return [Difference(kind="bad-head", where="head", what=what)]
    return []
