"""What the SQLite store promises beyond the tape: locks, failing disks, permissions, damaged and foreign files."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bedrail.core.errors import Busy, Corrupt, Refused, Unavailable
from bedrail.core.events import HIGH_VOLUME, decode
from bedrail.ledger import Ledger
from bedrail.stores import SqliteStore
from bedrail.stores.views import VIEWS, apply
from ledger_parts import Home, answered, fell_back, home, observed, person, responded, signer


def _sqlite(made: Home) -> SqliteStore:
    assert isinstance(made.store, SqliteStore)
    return made.store


def test_views_fold_the_same_one_by_one_as_in_batches(tmp_path: Path) -> None:
    """`apply` on each entry gives the tables that appending gave."""
    made = home(tmp_path)
    vault = made.vault
    made.ledger.append(
        [answered(1, vault), fell_back(3), observed(6, 1, vault), responded(8, 1), observed(9, 1, vault)]
    )
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as live, closing(sqlite3.connect(":memory:")) as again:
        for view in VIEWS:
            again.execute(live.execute("SELECT sql FROM sqlite_master WHERE name = ?", (view.name,)).fetchone()[0])
        for seq, data in made.store.entries():
            for sql, values in apply(seq, decode(data)):
                again.execute(sql, values)
        for view in VIEWS:
            both = [base.execute(f"SELECT * FROM {view.name} ORDER BY seq").fetchall() for base in (live, again)]
            assert both[0] == both[1] != []


def test_another_process_that_holds_the_lock_makes_the_store_unavailable(tmp_path: Path) -> None:
    """After the busy time, with a remedy; and it works again afterwards."""
    made = home(tmp_path, entries=4)
    hasty = SqliteStore(tmp_path / "ledger.db", busy_seconds=0.05)
    ledger = Ledger(hasty, signer(), made.ledger.origin, made.anchor)
    with made.store.transaction(), pytest.raises(Unavailable, match=r"Another process.*Wait"):
        ledger.append([person(4)])
    assert ledger.append([person(4)])[0].index == 4
    hasty.close()


def test_who_does_not_wait_is_told_at_once_and_the_next_one_waits_again(tmp_path: Path) -> None:
    """`Busy` without waiting, also twice; a transaction that waits gets its turn when the other process is done."""
    store = _sqlite(home(tmp_path))
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(Busy), store.transaction(wait=False):
                pass
        done = threading.Timer(0.05, other.execute, ("COMMIT",))
        done.start()
        with store.transaction() as transaction:
            assert transaction.head() == store.head()
        done.join()
        with store.transaction(wait=False), pytest.raises(Busy), store.transaction(wait=False):
            pass


def test_a_full_disk_refuses_the_write_and_keeps_what_is_there(tmp_path: Path) -> None:
    """SQLite's own page limit stands in for the disk; room again means writing again."""
    made = home(tmp_path, entries=50)
    writer = _sqlite(made)._connections.writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match=r"full.*Free space"):
        made.ledger.append([answered(number, made.vault) for number in range(50, 250)])
    assert made.store.head().size == 50
    writer.execute("PRAGMA max_page_count = 1073741823")
    made.ledger.append([answered(50, made.vault)])
    assert made.verify().ok
    assert made.store.rebuild_differences() == []


def test_registry_entries_are_found_by_index_without_reading_the_tape(tmp_path: Path) -> None:
    """The partial index names exactly the high-volume actions, and the planner takes it."""
    made = home(tmp_path)
    from bedrail.stores.reading import REGISTRY

    for action in HIGH_VOLUME:
        assert action in REGISTRY
    plan = made.store._rows(
        f"EXPLAIN QUERY PLAN SELECT seq, entry FROM tape WHERE {REGISTRY} AND seq >= 5 ORDER BY seq"
    )
    assert "tape_registry" in str(plan)


def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600, write-ahead log included."""
    made = home(tmp_path, entries=1)
    for file in tmp_path.glob("ledger.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    made.close()


def test_commits_are_synchronous_and_logged_ahead(tmp_path: Path) -> None:
    """WAL with synchronous=FULL, so that an acknowledged fact survives a power cut."""
    writer = _sqlite(home(tmp_path))._connections.writer
    assert writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert writer.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Query connections refuse changes."""
    with pytest.raises(Unavailable):
        home(tmp_path, entries=1).store._rows("DELETE FROM tape")


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """An older Bedrail does not guess at a later schema."""
    home(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Refused, match="newer"):
        SqliteStore(tmp_path / "ledger.db")


def test_an_older_database_gets_its_indexes_when_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that others hold opens without, until later; one of many responses until its keeper says so; the version
    stays, so that an older Bedrail opens it too."""
    home(tmp_path, entries=2).close()
    file = tmp_path / "ledger.db"

    def made() -> tuple[int, int]:
        with closing(sqlite3.connect(file)) as connection:
            there = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'responses_person'")
            return there.fetchone()[0], connection.execute("PRAGMA user_version").fetchone()[0]

    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("DROP INDEX responses_person; PRAGMA user_version = 1")
        connection.execute("INSERT INTO responses VALUES (0, 'D', '', 'c', 'confirmed', 'lee', '', '')")
        connection.commit()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store = SqliteStore(file, busy_seconds=0.01)
        assert (store.head().size, made()) == (2, (0, 1))
        store.close()
    with monkeypatch.context() as patched:
        patched.setattr("bedrail.stores.connections.MOST_AT_OPENING", 1)
        store = SqliteStore(file)
        assert (store.missing_indexes(), made()) == (("responses_person",), (0, 1))
        store.make_indexes()
        assert (store.missing_indexes(), made()) == ((), (1, 1))
        store.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("DROP INDEX responses_person; DELETE FROM responses WHERE seq = 0")
    store = SqliteStore(file)
    (plan,) = store._rows("EXPLAIN QUERY PLAN SELECT seq FROM responses WHERE person = ? AND at >= ?", ("lee", ""))
    assert ("responses_person" in plan[3], made()) == (True, (1, 1))
    assert store.rebuild_differences() == []
    store.close()


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    """Named as damaged, with a remedy."""
    (tmp_path / "ledger.db").write_bytes(b"not a database at all" * 300)
    with pytest.raises(Corrupt, match="Restore"):
        SqliteStore(tmp_path / "ledger.db")


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    """No home, no store."""
    with pytest.raises(Unavailable):
        SqliteStore(tmp_path / "absent" / "ledger.db")
