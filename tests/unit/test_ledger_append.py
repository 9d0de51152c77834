"""Appending signs only what follows from what this key signed before, and keeps the anchor behind the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt, Invalid, Unavailable
from bedrail.core.ports import Draft, Head
from bedrail.ledger import Checkpoint, Ledger, sign_checkpoint
from bedrail.ledger.merkle import CompactRange
from bedrail.stores import FileAnchor
from ledger_parts import ORIGIN, draft, home, person, signer
from memory_tape import MemoryTape


class Notes:
    """An anchor in memory that counts its writes, and can fail."""

    def __init__(self) -> None:
        self.note: bytes | None = None
        self.writes = 0
        self.broken = False

    def read(self) -> bytes | None:
        return self.note

    def write(self, checkpoint: bytes) -> None:
        if self.broken:
            raise OSError("gone")
        self.note, self.writes = checkpoint, self.writes + 1

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        if standing != self.note:
            return False
        self.write(checkpoint)
        return True


def _ledger(tape: MemoryTape, anchor: Notes | None = None, **more: object) -> Ledger:
    return Ledger(tape, signer(), ORIGIN, anchor or Notes(), **more)  # type: ignore[arg-type]


def test_appending_nothing_writes_nothing() -> None:
    """No drafts, no commit."""
    tape = MemoryTape()
    assert _ledger(tape).append([]) == []
    assert tape.commits == 0


def test_an_oversized_entry_is_the_callers_mistake() -> None:
    """65,535 bytes fit a tile bundle, one more does not."""
    tape = MemoryTape()
    made = person()
    ledger = _ledger(tape)
    ledger.append([Draft(entry=made.entry, data=b"x" * 65_535)])
    with pytest.raises(Invalid, match="65535"):
        ledger.append([Draft(entry=made.entry, data=b"x" * 65_536)])
    assert tape.commits == 1


def test_any_failure_of_the_tape_is_unavailable() -> None:
    """Whatever the tape raises, the caller learns that nothing was written."""
    tape = MemoryTape()
    tape.broken = OSError(5, "Input/output error")
    with pytest.raises(Unavailable) as caught:
        _ledger(tape).append([person()])
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(Unavailable):
        _ledger(tape).probe()


def test_a_head_that_another_key_signed_is_not_built_upon() -> None:
    """Nor opened."""
    tape = MemoryTape()
    Ledger(tape, signer(8), ORIGIN, Notes()).append([person()])
    with pytest.raises(Corrupt, match="not signed by this key"):
        _ledger(tape)


def test_changed_peaks_are_not_built_upon() -> None:
    """The signed root must follow from the tree state."""
    tape = MemoryTape()
    ledger = _ledger(tape)
    ledger.append([person(0)])
    head = tape.head()
    for peaks in ((b"x" * 32,), (), (b"x" * 32, b"y" * 32)):
        tape._head = Head(size=head.size, peaks=peaks, checkpoint=head.checkpoint)
        with pytest.raises(Corrupt):
            _ledger(tape)
    tape._head = head
    tree = CompactRange(1, (b"x" * 32,))
    forged = sign_checkpoint(Checkpoint(origin=ORIGIN, size=1, root=tree.root()), signer(9))
    tape._head = Head(size=1, peaks=tree.peaks, checkpoint=forged)
    with pytest.raises(Corrupt):
        ledger.append([person(1)])
    assert tape.commits == 1


def test_a_restored_database_is_noticed_at_opening() -> None:
    """The anchor says more than the head."""
    tape, anchor = MemoryTape(), Notes()
    ledger = _ledger(tape, anchor, anchor_seconds=0)
    ledger.append([person(0)])
    earlier = tape.head()
    ledger.append([person(1)])
    tape._head = earlier
    with pytest.raises(Corrupt, match="anchor says 2"):
        _ledger(tape, anchor)
    with pytest.raises(Corrupt, match="already written"):
        ledger.append([person(2)])


def test_an_anchor_of_the_same_size_must_be_the_head() -> None:
    """Two histories of one length cannot both be true."""
    tape, anchor = MemoryTape(), Notes()
    _ledger(tape).append([person(0)])
    anchor.note = sign_checkpoint(Checkpoint(origin=ORIGIN, size=1, root=b"r" * 32), signer())
    with pytest.raises(Corrupt, match="not the anchored one"):
        _ledger(tape, anchor)


def test_the_anchor_is_written_once_a_second_and_at_closing() -> None:
    """Not at every commit; never backwards."""
    now = [100.0]
    tape, anchor = MemoryTape(), Notes()
    ledger = _ledger(tape, anchor, monotonic=lambda: now[0])
    for _ in range(5):
        ledger.append([person()])
    assert anchor.writes == 2  # of the empty ledger, and of the first commit
    now[0] += 1
    ledger.append([person()])
    assert anchor.writes == 3
    ledger.append([person()])
    ledger.close()
    assert (anchor.writes, anchor.note) == (4, tape.head().checkpoint)
    newest = anchor.note
    other = _ledger(tape, anchor)
    other._write_anchor(sign_checkpoint(Checkpoint(origin=ORIGIN, size=3, root=b"r" * 32), signer()))
    assert anchor.note == newest


def test_a_failing_anchor_does_not_undo_a_durable_fact() -> None:
    """It is noted, tried again, and raised at closing."""
    tape, anchor = MemoryTape(), Notes()
    ledger = _ledger(tape, anchor, anchor_seconds=0)
    anchor.broken = True
    assert ledger.append([person(0)])[0].index == 0
    assert "OSError" in ledger.anchor_failure
    with pytest.raises(Unavailable):
        ledger.close()
    anchor.broken = False
    ledger.append([person(1)])
    assert ledger.anchor_failure == ""
    assert anchor.note == tape.head().checkpoint


def test_two_ledgers_on_one_tape_continue_each_other(tmp_path: Path) -> None:
    """Each reads the head anew; indexes never collide."""
    one, two = home(tmp_path), home(tmp_path)
    indexes = [each.ledger.append([person(number)])[0].index for number, each in enumerate((one, two, two, one))]
    assert indexes == [0, 1, 2, 3]
    assert one.verify().ok
    assert FileAnchor(tmp_path / "anchor").read() == one.store.head().checkpoint


def test_the_head_is_the_tapes_head() -> None:
    """And the origin the one given."""
    tape = MemoryTape()
    ledger = _ledger(tape)
    ledger.append([draft(person().entry.fact)])
    assert ledger.head() == tape.head()
    assert ledger.origin == ORIGIN
