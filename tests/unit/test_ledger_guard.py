"""The rollback guard: an older, other or beheaded ledger is not continued, also not by a process already running."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrail.core.errors import Corrupt
from bedrail.core.ports import Head
from bedrail.ledger import Checkpoint, Ledger, sign_checkpoint
from bedrail.ledger.guard import checkpoint_in, continues, extends, move_anchor
from bedrail.ledger.merkle import CompactRange, leaf_hash, root_of
from bedrail.stores import FileAnchor, SqliteStore
from ledger_parts import ORIGIN, Home, home, person, signer

LEAVES = [leaf_hash(str(number).encode()) for number in range(300)]
OTHER = [leaf_hash(f"other {number}".encode()) for number in range(300)]


def head_of(leaves: Sequence[bytes]) -> Head:
    """The head of a tree."""
    tree = CompactRange()
    tree.extend(leaves)
    return Head(size=tree.size, peaks=tree.peaks, checkpoint=b"")


def told(leaves: Sequence[bytes], size: int) -> Checkpoint:
    """The checkpoint of its first entries."""
    return Checkpoint(origin=ORIGIN, size=size, root=root_of(leaves[:size]))


def saved(house: Home, name: str) -> Path:
    """A copy of the database as it is now."""
    copy = house.folder / name
    with closing(sqlite3.connect(house.folder / "ledger.db")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def restore(house: Home, copy: Path) -> None:
    """Put the copy in the place of the database."""
    for file in house.folder.glob("ledger.db*"):
        file.unlink()
    shutil.copy(copy, house.folder / "ledger.db")


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 299))
def test_a_head_extends_exactly_its_own_beginnings(old: int, new: int, fork: int) -> None:
    """For all pairs of sizes, and for histories that part at any entry."""
    leaves = lambda first, end: LEAVES[first:end]  # noqa: E731
    head = head_of(LEAVES[:new])
    assert extends(head, told(LEAVES, old), leaves) == (old <= new)
    forked = LEAVES[:fork] + OTHER[fork:]
    assert extends(head, told(forked, old), leaves) == (old <= new and old <= fork)
    peaks = head_of(LEAVES[:old]).peaks
    assert continues(old, peaks, head, leaves) == (old <= new)
    assert continues(old, head_of(forked[:old]).peaks, head, leaves) == (old <= new and old <= fork)


def test_a_database_put_back_is_not_opened(tmp_path: Path) -> None:
    """The anchor says more."""
    house = home(tmp_path, entries=20)
    copy = saved(house, "older")
    house.ledger.append([person(1)])
    house.close()
    restore(house, copy)
    with pytest.raises(Corrupt, match=r"Rollback detected: the ledger has 20 entries, its anchor says 21") as caught:
        home(tmp_path)
    assert "restore" in caught.value.remedy


def test_a_database_put_back_and_continued_is_not_opened(tmp_path: Path) -> None:
    """Longer than the anchor, signed by the right key, and still of another history."""
    house = home(tmp_path, entries=20)
    copy = saved(house, "older")
    house.ledger.append([person(1)])
    house.close()
    restore(house, copy)
    anchor = (tmp_path / "anchor").read_bytes()
    (tmp_path / "anchor").unlink()
    aside = FileAnchor(tmp_path / "aside")
    aside.write(_head_note(copy))
    other = Ledger(SqliteStore(tmp_path / "ledger.db"), signer(), ORIGIN, aside, anchor_seconds=0)
    other.append([person(2), person(3), person(4)])
    (tmp_path / "anchor").write_bytes(anchor)
    with pytest.raises(Corrupt, match="Fork detected"):
        home(tmp_path)


def test_a_running_process_does_not_continue_another_history(tmp_path: Path) -> None:
    """The database under it is replaced by a shorter one, or by a longer one that parts before its last entry."""
    house = home(tmp_path, entries=20)
    copy = saved(house, "older")
    house.ledger.append([person(1)])
    house.close()
    watching = home(tmp_path)
    seen = watching.store.head().size
    restore(watching, copy)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(copy, elsewhere / "ledger.db")
    FileAnchor(elsewhere / "anchor").write(_head_note(copy))
    late = home(elsewhere)
    watching.ledger._tape = late.store
    with pytest.raises(Corrupt, match="already written"):
        watching.ledger.append([person(2)])
    late.ledger.append([person(number) for number in range(5)])
    assert late.store.head().size > seen
    with pytest.raises(Corrupt, match="Fork detected"):
        watching.ledger.append([person(2)])
    late.close()


def test_peaks_changed_beside_an_unchanged_checkpoint_are_not_built_upon(tmp_path: Path) -> None:
    """The tree state is part of what must be ours."""
    house = home(tmp_path, entries=3)
    house.tamper("UPDATE head SET peaks = zeroblob(64)")
    with pytest.raises(Corrupt, match="not signed by this key"):
        house.ledger.append([person(1)])
    house.close()


def test_a_ledger_whose_anchor_is_gone_is_not_opened(tmp_path: Path) -> None:
    """Even when the process died before its first commit was anchored: the empty ledger has an anchor already."""
    house = home(tmp_path)
    first = FileAnchor(tmp_path / "anchor").read()
    assert first is not None
    assert checkpoint_in(first).size == 0
    house.ledger.append([person(1)])
    house.close()
    (tmp_path / "anchor").unlink()
    with pytest.raises(Corrupt, match="anchor is gone"):
        home(tmp_path)


def test_an_anchor_that_lags_is_brought_up_at_opening(tmp_path: Path) -> None:
    """A killed process leaves it up to a second behind; whoever opens next closes the gap."""
    house = home(tmp_path, entries=5)
    lagging = FileAnchor(tmp_path / "anchor").read()
    house.ledger.append([person(1)])
    assert lagging is not None
    (tmp_path / "anchor").write_bytes(lagging)
    home(tmp_path).store.close()
    found = FileAnchor(tmp_path / "anchor").read()
    assert found is not None
    assert checkpoint_in(found).size == 6
    house.close()


def test_an_anchor_of_another_key_is_refused(tmp_path: Path) -> None:
    """Somebody else's word about this ledger does not count."""
    house = home(tmp_path, entries=5)
    house.close()
    forged = sign_checkpoint(checkpoint_in(_head_note(tmp_path / "ledger.db")), signer(9))
    FileAnchor(tmp_path / "anchor").write(forged)
    with pytest.raises(Corrupt, match="not signed by this key"):
        home(tmp_path)


def test_the_anchor_settles_when_nothing_more_is_appended(tmp_path: Path) -> None:
    """After the interval, without waiting for the next fact."""
    now = [100.0]
    house = home(tmp_path)
    ledger = Ledger(house.store, signer(), ORIGIN, house.anchor, monotonic=lambda: now[0])
    ledger.append([person(1)])
    ledger.append([person(2)])
    ledger.settle_anchor()
    assert _anchored(house) == 1
    now[0] += 1
    ledger.settle_anchor()
    assert _anchored(house) == 2
    house.store.close()


def test_an_anchor_shared_by_many_never_goes_back(tmp_path: Path) -> None:
    """Eight writers move it in any order; it is never smaller than what was just put, and ends at the largest."""
    anchor = FileAnchor(tmp_path / "anchor")
    notes = {size: sign_checkpoint(told(LEAVES, size), signer()) for size in range(1, 65)}

    def move(size: int) -> int:
        move_anchor(FileAnchor(tmp_path / "anchor"), notes[size])
        standing = anchor.read()
        assert standing is not None
        return checkpoint_in(standing).size - size

    with ThreadPoolExecutor(8) as pool:
        assert min(pool.map(move, [size for size in range(64, 0, -1) if size % 3] + list(range(1, 65)))) >= 0
    assert anchor.read() == notes[64]


def test_an_anchor_is_swapped_only_for_what_was_read(tmp_path: Path) -> None:
    """Compare and swap."""
    anchor = FileAnchor(tmp_path / "anchor")
    assert anchor.swap(None, b"one")
    assert not anchor.swap(None, b"two")
    assert not anchor.swap(b"three", b"two")
    assert anchor.swap(b"one", b"two")
    assert anchor.read() == b"two"


def _anchored(house: Home) -> int:
    note = house.anchor.read()
    assert note is not None
    return checkpoint_in(note).size


def _head_note(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        return bytes(connection.execute("SELECT checkpoint FROM head").fetchone()[0])
