"""Whatever is done to a ledger, or to what was handed out, is found: bits, deletions, swaps, insertions, rollbacks."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bedrail.core.ports import Head
from bedrail.keys.signing import VERIFIERS, verify_ed25519
from bedrail.ledger import Ledger, VerificationReport, export_bundle, verify_bundle, verify_ledger
from bedrail.ledger.cosignature import CosignerKey
from bedrail.ledger.merkle import CompactRange, leaf_hash
from bedrail.ledger.publisher import PublishedAnchor
from bedrail.ledger.verify import Beside
from ledger_parts import ORIGIN, fell_back, publisher, second, signer
from memory_tape import MemoryTape

BENCH = Path(__file__).parents[2] / "bench"
KEY = signer().public_key
SECOND = CosignerKey(name=ORIGIN, algorithm="ml-dsa-44", public_key=second().public_key)
ENTRIES = 64


class MemoryAnchor:
    """An anchor in memory."""

    def __init__(self) -> None:
        self.note: bytes | None = None

    def read(self) -> bytes | None:
        return self.note

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        if self.note != standing:
            return False
        self.note = checkpoint
        return True


def _ledger(facts: range = range(ENTRIES)) -> tuple[MemoryTape, MemoryAnchor]:
    tape, inner = MemoryTape(), MemoryAnchor()
    ledger = Ledger(tape, signer(), ORIGIN, PublishedAnchor(inner, publisher()), anchor_seconds=0)
    for number in facts:
        ledger.append([fell_back(number)])
        tape.kept[number - facts[0] + 1] = tape.head().checkpoint
    ledger.close()
    return tape, inner


@pytest.fixture(scope="module")
def master() -> tuple[MemoryTape, MemoryAnchor]:
    """64 entries in 64 commits, every checkpoint kept; the anchor bears both signatures."""
    return _ledger()


def _verified(tape: MemoryTape, anchor: MemoryAnchor) -> VerificationReport:
    beside = Beside(key=SECOND)
    return verify_ledger(tape, anchor, ORIGIN, KEY, verify_ed25519, beside=beside, verifiers=VERIFIERS)


def _copy(tape: MemoryTape, every: int = 1) -> MemoryTape:
    """The same ledger; with `every`, fewer kept checkpoints, so that verifying it is quick."""
    made = MemoryTape()
    made.rows, made._head = list(tape.rows), tape.head()
    made.kept = {size: note for size, note in tape.kept.items() if size % every == 0}
    return made


def test_the_untouched_ledger_verifies_with_both_signatures(master: tuple[MemoryTape, MemoryAnchor]) -> None:
    """To the highest level that knows no facts."""
    report = _verified(*master)
    assert (report.ok, report.size, report.level) == (True, ENTRIES, "L3")


def _row(number: int) -> tuple[bytes, bytes]:
    data = fell_back(number).data
    return leaf_hash(data), data


EDITS: dict[str, Callable[[list[tuple[bytes, bytes]], int], None]] = {
    "deleted": lambda rows, at: rows.__delitem__(at),
    "cut here": lambda rows, at: rows.__delitem__(slice(at, None)),
    "swapped": lambda rows, at: rows.__setitem__(slice(at, at + 2), rows[at : at + 2][::-1] if at < 63 else [_row(7)]),
    "doubled": lambda rows, at: rows.insert(at, rows[at]),
    "inserted": lambda rows, at: rows.insert(at, _row(1000 + at)),
    "replaced, with its leaf": lambda rows, at: rows.__setitem__(at, _row(1000 + at)),
    "leaf alone": lambda rows, at: rows.__setitem__(at, (_row(1000 + at)[0], rows[at][1])),
    "entry alone": lambda rows, at: rows.__setitem__(at, (rows[at][0], _row(1000 + at)[1])),
}


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_every_edit_of_rows_is_found_wherever_it_is_made(master: tuple[MemoryTape, MemoryAnchor], edit: str) -> None:
    """At each of the 64 places, whatever else stays as it was."""
    tape, anchor = master
    for at in range(ENTRIES):
        changed = _copy(tape, 32)
        EDITS[edit](changed.rows, at)
        assert not _verified(changed, anchor).ok, (edit, at)


def test_every_older_head_put_back_is_found(master: tuple[MemoryTape, MemoryAnchor]) -> None:
    """A rollback to any earlier signed state, rows and kept checkpoints to match: the anchor is younger."""
    tape, anchor = master
    for size in range(1, ENTRIES):
        changed, tree = _copy(tape), CompactRange()
        changed.rows = changed.rows[:size]
        changed.kept = {each: note for each, note in tape.kept.items() if each <= size}
        tree.extend(leaf for leaf, _ in changed.rows)
        changed._head = Head(size=size, peaks=tree.peaks, checkpoint=tape.kept[size])
        report = _verified(changed, anchor)
        assert {each.kind for each in report.differences} == {"deleted-tail"}, size


@pytest.mark.slow
def test_a_fork_under_the_same_key_is_found_by_any_checkpoint_of_the_other_branch(
    master: tuple[MemoryTape, MemoryAnchor],
) -> None:
    """Both branches are whole in themselves; a checkpoint that somebody kept tells them apart."""
    tape, anchor = master
    other, others_anchor = _ledger(range(500, 500 + ENTRIES))
    assert _verified(other, others_anchor).ok
    assert [each.kind for each in _verified(other, anchor).differences] == ["rewritten"]
    for note in tape.kept.values():
        beside = Beside(key=SECOND, known=(("known", note),))
        report = verify_ledger(other, others_anchor, ORIGIN, KEY, verify_ed25519, beside=beside, verifiers=VERIFIERS)
        assert (report.level, [each.kind for each in report.differences]) == ("L2", ["rewritten"])


def test_an_anchor_without_its_second_signature_is_found(master: tuple[MemoryTape, MemoryAnchor]) -> None:
    """It cannot simply be taken away, nor be another key's."""
    tape, anchor = master
    assert anchor.note is not None
    for note in (tape.head().checkpoint, publisher(9).published(tape.head().checkpoint)):
        bare = MemoryAnchor()
        bare.note = note
        report = _verified(tape, bare)
        assert [(each.kind, each.where) for each in report.differences] == [("bad-checkpoint", "anchor")]
        assert "second signature" in report.differences[0].what


@pytest.fixture(scope="module")
def bundle(master: tuple[MemoryTape, MemoryAnchor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is handed to an auditor; never changed."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    return export_bundle(_copy(master[0], 32), folder, ORIGIN, KEY, publisher())


def _whole(folder: Path, *known: bytes) -> VerificationReport:
    named = [(f"known {number}", note) for number, note in enumerate(known)]
    return verify_bundle(folder, VERIFIERS, key=KEY, second=SECOND, known=named)


def test_every_file_of_a_bundle_deleted_cut_doubled_or_exchanged_is_found(bundle: Path, tmp_path: Path) -> None:
    """Each file in turn; exchanged with each of some others; and a file more."""
    folder = tmp_path / "bundle"
    shutil.copytree(bundle, folder)
    assert _whole(folder).ok
    files, draw = sorted(each for each in folder.rglob("*") if each.is_file()), random.Random(5)
    for path in files:
        data = path.read_bytes()
        others = [each.read_bytes() for each in draw.sample(files, 3) if each != path]
        for changed in (data[:-1], data[1:], data + b"\n", data + data, b"", *others):
            path.write_bytes(changed)
            assert _found(folder), (path.name, len(changed))
        path.unlink()
        assert _found(folder), path.name
        path.write_bytes(data)
    (folder / "tile" / "0" / "001").write_bytes(b"")
    assert _found(folder)
    (folder / "tile" / "0" / "001").unlink()
    (folder / "README.txt").rename(folder / "readme.txt")
    assert _found(folder)
    (folder / "readme.txt").rename(folder / "README.txt")
    assert _whole(folder).ok


def _found(folder: Path) -> bool:
    from bedrail.core.errors import BedrailError

    try:
        return not _whole(folder).ok
    except BedrailError:
        return True


def test_an_older_or_forked_bundle_is_found_by_a_checkpoint_kept_apart(
    master: tuple[MemoryTape, MemoryAnchor], tmp_path: Path
) -> None:
    """Each is whole, and signed by the same keys; what somebody kept says that it is not all, or not this."""
    tape, anchor = master
    assert anchor.note is not None
    older, others = _copy(tape), _ledger(range(500, 600))[0]
    older.rows, tree = older.rows[:40], CompactRange()
    tree.extend(leaf for leaf, _ in older.rows)
    older.kept, older._head = {}, Head(size=40, peaks=tree.peaks, checkpoint=tape.kept[40])
    for name, made, kind in (("older", older, "deleted-tail"), ("fork", others, "rewritten")):
        folder = export_bundle(made, tmp_path / name, ORIGIN, KEY, publisher())
        assert _whole(folder).ok
        report = _whole(folder, anchor.note)
        assert kind in {each.kind for each in report.differences}


def test_a_bundle_whose_second_key_was_taken_away_with_its_signature_is_found_under_the_pinned_one(
    bundle: Path, tmp_path: Path
) -> None:
    """And even when the list of files is signed again by whoever holds the first key."""
    folder = tmp_path / "bundle"
    shutil.copytree(bundle, folder)
    (folder / "second.vkey").unlink()
    (folder / "checkpoint").write_bytes(b"\n".join((folder / "checkpoint").read_bytes().splitlines()[:5]) + b"\n")
    kinds = {(each.kind, each.where) for each in _whole(folder).differences}
    assert {("foreign-key", "second.vkey"), ("bad-checkpoint", "head"), ("manifest", "second.vkey")} <= kinds


@pytest.mark.slow
def test_every_single_bit_of_a_bundle_of_64_entries_is_guarded() -> None:
    """Entries, length fields, leaf hashes, tiles, checkpoints, both keys, both signatures, notice, lists: all of it."""
    sys.path.insert(0, str(BENCH))
    from soak_bitflips import soak

    result = soak(ENTRIES, whole_every=5003)
    assert result["missed"] == 0
    assert result["flips"] > 300_000
    assert result["whole"] > 50
