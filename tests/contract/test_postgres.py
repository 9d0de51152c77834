"""What the PostgreSQL store promises beyond the contract: durability, lost connections, lost answers, locks."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from bedrail.core.errors import Busy, Invalid, Refused, Unavailable
from bedrail.ledger import Ledger
from bedrail.stores import PostgresStore, SqliteStore
from bedrail.stores.chosen import choose_store, open_store
from bedrail.stores.postgres_connections import postgres
from ledger_parts import Home, answered, home, person, signer
from postgres_server import Server, free_port, own_server, server


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Home]:
    """A home of four decisions in a fresh schema."""
    new = home(tmp_path, entries=4, address=server().schema())
    yield new
    new.store.close()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server to be killed."""
    with own_server() as new:
        yield new


def _postgres(made: Home) -> PostgresStore:
    assert isinstance(made.store, PostgresStore)
    return made.store


@pytest.mark.parametrize("value", ["off", "local", "remote_write"])
def test_a_role_whose_commits_do_not_wait_for_the_disk_is_refused(value: str) -> None:
    """synchronous_commit must be on or remote_apply; the remedy says how."""
    address = server().schema() + f"%20-csynchronous_commit%3D{value}"
    with pytest.raises(Refused, match=rf"synchronous_commit is {value}.*ALTER ROLE"):
        PostgresStore(address)


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_could_be_damaged_by_a_power_cut_is_refused(setting: str) -> None:
    """Whatever the role says."""
    with own_server(**{setting: "off"}) as careless, pytest.raises(Refused, match=f"{setting} is off"):
        PostgresStore(careless.address())


def test_commits_are_synchronous_whatever_the_reader_does(made: Home) -> None:
    """The writer's own session says so, and readers cannot write."""
    connections = _postgres(made)._connections
    assert connections.writer().execute("SHOW synchronous_commit").fetchone() == ("on",)
    with pytest.raises(Unavailable, match="cannot be written"):
        made.store._rows("DELETE FROM tape")


def test_a_password_does_not_stand_in_the_address(tmp_path: Path) -> None:
    """Neither before the host nor in the query; and nothing of it is kept or repeated."""
    for address in ("postgresql://u:sesame@127.0.0.1/d", "postgresql://u@127.0.0.1/d?password=sesame"):
        with pytest.raises(Invalid) as told:
            choose_store(tmp_path, address)
        assert "sesame" not in str(told.value)
        assert "pgpass" in told.value.remedy
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Invalid, match="no PostgreSQL address"):
        PostgresStore("mysql://u@127.0.0.1/d")


def test_a_database_that_holds_a_ledger_is_nobody_elses(made: Home, tmp_path: Path) -> None:
    """A second home would sign over the first one's head."""
    with pytest.raises(Refused, match="holds a ledger"):
        choose_store(tmp_path, _postgres(made).address)


def test_a_home_opens_the_store_it_chose(tmp_path: Path) -> None:
    """By its settings; without any it is SQLite; unreadable ones are said."""
    address = server().schema()
    choose_store(tmp_path, address)
    store = open_store(tmp_path)
    assert isinstance(store, PostgresStore)
    assert store.address == address
    store.close()
    (tmp_path / "store.toml").write_text("address = 5")
    with pytest.raises(Invalid, match=r"store\.toml"):
        open_store(tmp_path)
    (tmp_path / "store.toml").unlink()
    embedded = open_store(tmp_path)
    assert isinstance(embedded, SqliteStore)
    embedded.close()


def test_a_newer_database_is_refused(made: Home) -> None:
    """An older Bedrail does not guess at a later schema."""
    made.tamper("UPDATE bedrail_version SET made = 99")
    with pytest.raises(Refused, match="newer"):
        PostgresStore(_postgres(made).address)


VALID = (
    "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n "
    "ON n.oid = c.relnamespace WHERE (c.relname, n.nspname) = ('responses_person', current_schema())"
)


def test_an_older_database_gets_its_indexes_when_it_is_opened(made: Home) -> None:
    """One whose table others hold opens without; half an index is made anew; the version stays, for older nodes."""
    made.tamper("DROP INDEX responses_person")
    made.tamper("UPDATE bedrail_version SET made = 1")
    address = _postgres(made).address
    assert _postgres(made).missing_indexes() == ("responses_person",)
    for mode, left in (("ACCESS EXCLUSIVE", []), ("ROW EXCLUSIVE", [(False,)])):
        with psycopg.connect(address) as other:
            other.execute(f"LOCK TABLE responses IN {mode} MODE")
            held = PostgresStore(address, busy_seconds=0.05)
            assert held.head().size == 4
            assert held._rows(VALID) == left
            held.close()
    assert _postgres(made).missing_indexes() == ("responses_person",)
    later = PostgresStore(address)
    assert (later._rows(VALID), later._rows("SELECT made FROM bedrail_version")) == ([(True,)], [(1,)])
    assert later.missing_indexes() == ()
    assert later.rebuild_differences() == []
    later.close()


def test_nobody_who_appends_is_held_up_by_an_index(made: Home) -> None:
    """While one waits to be made, for a transaction that is open, others write into the tape and the same table."""
    made.tamper("DROP INDEX responses_person")
    made.tamper("UPDATE bedrail_version SET made = 1")
    address, opened = _postgres(made).address, list[PostgresStore]()
    opening = threading.Thread(target=lambda: opened.append(PostgresStore(address, busy_seconds=30)))
    waiting = (
        "SELECT count(*) FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE query LIKE 'CREATE INDEX%' "
        "AND relation = 'responses'::regclass AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(address) as slow, psycopg.connect(address, autocommit=True) as watching:
        slow.execute("LOCK TABLE tape, responses IN ROW EXCLUSIVE MODE")
        opening.start()
        while watching.execute(waiting).fetchone() == (0,):
            assert opening.is_alive()
        with psycopg.connect(address) as appender:
            appender.execute("SET lock_timeout = 2000")
            appender.execute("LOCK TABLE tape, decisions, responses, outcomes IN ROW EXCLUSIVE MODE")
    opening.join()
    assert opened[0]._rows(VALID) == [(True,)]
    opened[0].close()


def test_nobody_there_is_unavailable() -> None:
    """With the remedy, and without a wait."""
    with pytest.raises(Unavailable, match="cannot be reached"):
        PostgresStore(f"postgresql://u@127.0.0.1:{free_port()}/d")


def test_a_question_is_unavailable_too_when_not_even_a_connection_can_be_had(made: Home) -> None:
    """No idle connection is left and no new one can be opened: said as such, never as a bug."""
    connections = _postgres(made)._connections
    connections._drop_idle()
    connections.address = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be reached"):
            _postgres(made).decision("D1")


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional library is asked for in words."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unavailable, match=r"bedrail\[postgres\]"):
        PostgresStore("postgresql://u@127.0.0.1/d")


@pytest.mark.slow
def test_a_server_killed_and_started_again_is_found_again(mortal: Server, tmp_path: Path) -> None:
    """Unavailable while it is out; afterwards the same store appends and reads on, and nothing acknowledged is gone."""
    made = home(tmp_path, entries=20, address=mortal.schema())
    made.store.data_version()
    mortal.kill()
    with pytest.raises(Unavailable):
        made.ledger.append([person(1)])
    with pytest.raises(Unavailable):
        made.store.head()
    mortal.start()
    assert made.store.head().size == 20
    assert made.ledger.append([answered(20, made.vault)])[0].index == 20
    mortal.kill_backend()
    mortal.wait()
    assert made.ledger.append([answered(21, made.vault)])[0].index == 21
    assert made.verify().ok
    assert made.store.rebuild_differences() == []
    made.close()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_commit_whose_answer_is_lost_is_looked_up(made: Home, tmp_path: Path, arrives: bool) -> None:
    """The link breaks around COMMIT: what was written is acknowledged, what was not is not, and nothing is doubled."""
    with _broken_link(server().port, arrives=arrives) as port:
        address = _postgres(made).address.replace(f":{server().port}/", f":{port}/")
        cut = PostgresStore(address)
        ledger = Ledger(cut, signer(), made.ledger.origin, made.anchor)
        before = made.store.head().size
        if arrives:
            assert ledger.append([person(7)])[0].index == before
        else:
            with pytest.raises(Unavailable):
                ledger.append([person(7)])
        cut.close()
    assert made.store.head().size == before + arrives
    assert made.ledger.append([person(8)])[0].index == before + arrives
    assert made.verify().ok


@contextmanager
def _broken_link(to: int, *, arrives: bool) -> Iterator[int]:
    """A relay whose first COMMIT breaks its connection: when it has gone through, answer unheard, or before."""
    cut = threading.Event()
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def ask(near: socket.socket, far: socket.socket, broken: threading.Event) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if b"COMMIT" in data and not cut.is_set():
                    cut.set()
                    broken.set()
                    if not arrives:
                        break
                far.sendall(data)
        _hang_up(near, far)

    def answer(near: socket.socket, far: socket.socket, broken: threading.Event) -> None:
        with suppress(OSError):
            while (data := far.recv(65536)) and not broken.is_set():
                near.sendall(data)
        _hang_up(near, far)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", to))
                ends.extend((near, far))
                broken = threading.Event()
                for way in (ask, answer):
                    threads.append(threading.Thread(target=way, args=(near, far, broken)))
                    threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
            assert cut.is_set()
        finally:
            _hang_up(listener)
            accepting.join()
            _hang_up(*ends)
            for thread in threads:
                thread.join()
            for end in ends:
                end.close()


def _hang_up(*ends: socket.socket) -> None:
    for each in ends:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def test_somebody_else_writing_is_busy_at_once_or_unavailable_in_time(made: Home) -> None:
    """Without waiting `Busy`; with it `Unavailable` after the busy time; and it works afterwards."""
    hasty = PostgresStore(_postgres(made).address, busy_seconds=0.05)
    ledger = Ledger(hasty, signer(), made.ledger.origin, made.anchor)
    with made.store.transaction():
        with pytest.raises(Busy):
            ledger.append([person(4)], wait=False)
        with pytest.raises(Unavailable, match=r"Another process.*Wait"):
            ledger.append([person(4)])
    assert ledger.append([person(4)], wait=False)[0].index == 4
    hasty.close()


_HOLDER = """
import sys, time
sys.path.insert(0, sys.argv[2])
from bedrail.stores import PostgresStore
store = PostgresStore(sys.argv[1])
with store.transaction():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_node_killed_in_the_middle_of_an_append_holds_nobody_up(made: Home) -> None:
    """The lock ends with its connection."""
    command = [sys.executable, "-c", _HOLDER, _postgres(made).address, str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(Busy):
                made.ledger.append([person(4)], wait=False)
        finally:
            holder.kill()
    assert made.ledger.append([person(4)])[0].index == 4


def test_low_volume_facts_are_found_by_their_own_index(made: Home) -> None:
    """The partial index answers, so that following the registry never reads the decisions."""
    from bedrail.stores.reading import REGISTRY

    with psycopg.connect(_postgres(made).address, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            postgres(f"EXPLAIN SELECT seq, entry FROM tape WHERE {REGISTRY} AND seq >= 5 ORDER BY seq")
        ).fetchall()
    assert "tape_registry" in str(plan)


def test_nothing_but_ids_stands_in_the_words_of_errors(made: Home) -> None:
    """PostgreSQL repeats values in its messages; Bedrail's say which rule, never which value."""
    with pytest.raises(Invalid) as told:
        made.ledger.append([answered(2, made.vault)])
    assert "already recorded" in str(told.value)
    assert f"{2:025d}" not in str(told.value)


def test_many_rows_and_few_rows_are_written_alike(made: Home) -> None:
    """By COPY or by INSERT: what stands there is the same, and so is what a fold of the facts gives."""
    made.ledger.append([answered(number, made.vault) for number in range(4, 6)])
    made.ledger.append([answered(number, made.vault) for number in range(6, 200)])
    assert made.store.rebuild_differences() == []
    assert made.store.record_differences() == []
    assert len(made.store.decisions("readmission-30d")) == 200
    made.store.rebuild()
    assert made.store.rebuild_differences() == []


def test_an_idle_transaction_is_ended_by_the_server(made: Home) -> None:
    """A node that hangs in the middle of an append cannot keep the others out for ever."""
    found = _postgres(made)._connections.writer().execute("SHOW idle_in_transaction_session_timeout").fetchone()
    assert found == ("1min",)


def test_a_server_that_falls_silent_does_not_hold_an_event_loop(made: Home) -> None:
    """On a loop: no answer is said after a moment, then at once; appends go to a thread; afterwards all is well."""
    with _silenced_link(server().port) as (port, silent):
        store = PostgresStore(_postgres(made).address.replace(f":{server().port}/", f":{port}/"))

        async def on_the_loop() -> None:
            before = store.data_version()
            with pytest.raises(Busy), store.transaction(wait=False):
                pass
            silent.set()
            for _ in range(3):
                with pytest.raises(Unavailable, match="no answer"):
                    store.data_version()
            with pytest.raises(Unavailable, match="known to be out"):
                store.head()
            silent.clear()
            assert (await asyncio.to_thread(store.head)).size == 4
            assert store.head().size == 4
            while store._watch._asked is not None and not store._watch._asked.done():
                await asyncio.sleep(0.01)
            assert store.data_version() == before

        asyncio.run(on_the_loop())
        store.close()


@contextmanager
def _silenced_link(to: int) -> Iterator[tuple[int, threading.Event]]:
    """A relay that swallows what it is given while the event is set, and keeps the connections open."""
    silent, over = threading.Event(), threading.Event()
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                while silent.is_set() and not over.wait(0.01):
                    pass
                target.sendall(data)
        _hang_up(source, target)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", to))
                ends.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threads.append(threading.Thread(target=pass_on, args=pair))
                    threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1], silent
        finally:
            over.set()
            _hang_up(listener)
            accepting.join()
            _hang_up(*ends)
            for thread in threads:
                thread.join()
            for end in ends:
                end.close()
