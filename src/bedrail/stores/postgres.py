"""The store for several machines: tape, head, sealed records and SQL views in one PostgreSQL schema."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.ports import Draft, Head
from bedrail.stores.connections import statements
from bedrail.stores.differences import Scratch, rebuild_views, record_differences, view_differences
from bedrail.stores.key_rows import RETIRED
from bedrail.stores.postgres_connections import (
    LOCK_CLASS,
    PostgresConnections,
    busy,
    make_indexes,
    missing_indexes,
    on_a_loop,
    postgres,
    translated,
    unreachable,
)
from bedrail.stores.pruning import SqlPruning
from bedrail.stores.reading import HEAD, RECORDS, SUBJECT_KEYS, TAPE, SqlReading, head_of
from bedrail.stores.sqlite import CHECKPOINT_EVERY, STORED_KEYS
from bedrail.stores.views import Row, Table, folded, insert

if TYPE_CHECKING:
    from bedrail.stores.postgres_connections import Connection

COPY_FROM_ROWS = 8
"""Fewer go by INSERT, all in one round trip; from here on COPY, two round trips each and a tenth of the work a row."""

LOOK_SECONDS = 0.25
"""An event loop waits so long, and once, for a server that does not answer."""

_COPY_TYPES = {int: "int8", str: "text", bytes: "bytea"}
_LOCK = f"({LOCK_CLASS}, 'tape'::regclass::oid::int)"


class PostgresStore(SqlReading, SqlPruning):
    """`core.ports.Tape`, `core.ports.Records` and `core.queries.Decisions` over one schema of one database.

    Safe to share between threads, processes and machines: writers take turns by an advisory lock that ends with the
    transaction (at most `busy_seconds` of waiting, then `Unavailable`), readers never wait. A lost connection is
    opened again by whoever needs one next.
    """

    def __init__(self, address: str, *, busy_seconds: float = 5.0) -> None:
        """Open, making the tables when missing; raises `Unavailable`, `Refused` (weak durability) or `Invalid`."""
        self._connections = PostgresConnections(address, busy_seconds=busy_seconds)
        self._busy_seconds = busy_seconds
        self._stored_keys: set[str] = set()
        self._watch = Watch(self.newest_commit, self._connections.out)

    @property
    def address(self) -> str:
        """Where the database is, without a password."""
        return self._connections.address

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[PostgresTransaction]:
        """Begin; commit durably on normal exit, roll back on an exception. Without `wait`, `Busy` rather than wait.

        When the connection is lost during the commit itself, a new one waits for the lock, which the old transaction
        held to its end, and looks whether the entries are there: then it was committed. `Unavailable` otherwise; only
        when no new connection can be had within `busy_seconds` does that leave open whether it was written.
        """
        if not wait and on_a_loop():
            raise busy()  # several round trips to another machine: not for a loop, whose caller has a thread for it
        with self._connections.turn(wait), translated():
            connection, head = self._begin(wait)
            transaction = PostgresTransaction(connection, self._stored_keys, head)
            try:
                yield transaction
                self._commit(connection, transaction)
            except BaseException:
                _roll_back(connection)
                raise
            self._remember(transaction.new_keys)

    def newest_commit(self) -> tuple[int, int]:
        """(size, transaction id) of the last change of the head; raises `Unavailable`."""
        found = self._rows("SELECT size, CAST(CAST(xmin AS TEXT) AS BIGINT) FROM head")
        return (int(found[0][0]), int(found[0][1])) if found else (0, 0)

    def data_version(self) -> int:
        """A number that changes when anybody, this store included, has appended; one question to the server.

        On an event loop `Unavailable` after a quarter of a second without an answer.
        """
        size, transaction = self._watch.look() if on_a_loop() else self.newest_commit()
        return size << 32 | transaction

    def destroy_keys(self, subject: str) -> int:
        """Forget a subject: delete every data key, for good; returns how many there were.

        The records stay as unreadable ciphertext, so every digest and proof stays valid. A record sealed earlier
        under one of these keys is refused from now on; running vaults must `forget` the subject. PostgreSQL's own log
        and its archives keep the wrapped keys until they are recycled.
        """
        with self.transaction() as transaction:
            connection = transaction.connection
            connection.execute(
                "INSERT INTO destroyed_keys SELECT key_id FROM subject_keys WHERE subject = %s ON CONFLICT DO NOTHING",
                (subject,),
            )
            destroyed = connection.execute("DELETE FROM subject_keys WHERE subject = %s", (subject,)).rowcount
        with self._connections.writing, translated():
            self._connections.writer().execute("VACUUM subject_keys")
        return int(destroyed)

    def missing_indexes(self) -> tuple[str, ...]:
        """Indexes that newer versions have and this home has not: its questions are slower, no answer differs."""
        with self._connections.writing, translated():
            return missing_indexes(self._connections.writer())

    def make_indexes(self) -> None:
        """Make them, while others append; raises `Unavailable` when an open transaction does not end meanwhile."""
        with self._connections.writing, translated():
            make_indexes(self._connections.writer())

    def purge_log(self) -> bool:
        """False: the server's own log and its archives are not ours to empty."""
        return False

    def rebuild(self) -> None:
        """Drop what the views hold and fold every fact again."""
        with self.transaction() as transaction:
            rebuild_views(_scratch(transaction.connection, self._connections.schema))

    def rebuild_differences(self) -> list[str]:
        """Where the views (and the tape's action column) differ from what the facts say; empty when nowhere."""
        with translated(), self._snapshot() as scratch:
            return view_differences(scratch)

    def record_differences(self) -> list[str]:
        """Which sealed records are not the ones that the facts name; empty when none."""
        with translated(), self._snapshot() as scratch:
            return record_differences(scratch)

    def snapshot(self) -> Connection:
        """A connection that sees the store as it is at this moment, whatever is written meanwhile; to be closed."""
        with translated():
            connection = self._connections.separate()
            connection.execute("SET idle_in_transaction_session_timeout = 0")
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT 1 FROM head")
        return connection

    def clear(self) -> None:
        """Empty Bedrail's own tables: only for a store that has just been filled, and is nobody's home yet."""
        made = (
            re.match(r"CREATE TABLE IF NOT EXISTS (\w+)", each)
            for each in statements("schema.sql") + statements("views.sql")
        )
        with self.transaction() as transaction:
            transaction.connection.execute(f"TRUNCATE {', '.join(each[1] for each in made if each)}")

    def close(self) -> None:
        """Close every connection of this process."""
        self._watch.close()
        self._connections.close()

    def _begin(self, wait: bool) -> tuple[Connection, list[Row]]:
        """A transaction that holds the lock, and the head's row as of then, all in one round trip.

        An idle connection that was lost meanwhile is opened again.
        """
        import psycopg

        for attempt in (1, 2):
            connection = self._connections.writer()
            try:
                with connection.pipeline():
                    connection.execute("BEGIN")
                    locked = connection.execute(f"SELECT pg_{'' if wait else 'try_'}advisory_xact_lock{_LOCK}")
                    head = connection.execute(postgres(HEAD), binary=True)
                if wait or locked.fetchall()[0][0]:
                    return connection, head.fetchall()
            except psycopg.OperationalError:
                _roll_back(connection)
                if attempt == 2 or not connection.closed:
                    raise
                continue
            _roll_back(connection)
            raise busy()
        raise AssertionError

    def _commit(self, connection: Connection, transaction: PostgresTransaction) -> None:
        import psycopg

        try:
            # COMMIT of a transaction that failed before answers ROLLBACK, and raises nothing.
            if connection.execute("COMMIT").statusmessage != "COMMIT":
                raise Unavailable("The ledger database did not commit.", remedy="Try again in a moment.")
        except psycopg.OperationalError:
            if not connection.closed or not self._settled(transaction):
                raise

    def _settled(self, transaction: PostgresTransaction) -> bool:
        """Whether the transaction whose commit got no answer was committed all the same."""
        import psycopg

        if transaction.wrote is None:
            return False
        start, leaf = transaction.wrote
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection, _ = self._begin(wait=True)
                found = connection.execute("SELECT leaf FROM tape WHERE seq = %s", (start,)).fetchone()
                _roll_back(connection)
                return found is not None and found[0] == leaf
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    @contextmanager
    def _snapshot(self) -> Iterator[Scratch]:
        """Temporary views beside the store as it is at one moment; nothing of it remains."""
        schema = self._connections.schema
        with closing(self.snapshot()) as connection:
            scratch = _scratch(connection, schema)
            for statement in statements("views.sql"):
                if statement.startswith("CREATE TABLE"):
                    scratch.execute(statement)
            yield scratch
            _roll_back(connection)

    def _remember(self, key_ids: Iterable[str]) -> None:
        """Data keys known to be stored need not be offered to the database again."""
        if len(self._stored_keys) > STORED_KEYS:
            self._stored_keys.clear()
        self._stored_keys.update(key_ids)

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        with translated():
            return self._connections.rows(sql, values)

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        with self.transaction() as transaction, transaction.connection.cursor() as cursor:
            cursor.executemany(postgres(sql), rows)
            return cursor.rowcount

    def _erase(self, statements: Sequence[tuple[str, Sequence[object]]]) -> None:
        with self.transaction() as transaction:
            for sql, values in statements:
                transaction.connection.execute(postgres(sql), values)


class Watch:
    """One question to the server, asked from a thread of its own, so that an event loop waits for it only so long."""

    def __init__(self, ask: Callable[[], tuple[int, int]], out: threading.Event) -> None:
        """`ask` is the question; `out` is set when no answer came."""
        self._ask = ask
        self._out = out
        self._threads: ThreadPoolExecutor | None = None
        self._asked: Future[tuple[int, int]] | None = None

    def look(self) -> tuple[int, int]:
        """The answer as of now; raises `Unavailable` when none comes, at once while an earlier one is still due."""
        if self._asked is not None and not self._asked.done():
            raise unreachable("no answer")
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="bedrail-watch")
        self._asked = self._threads.submit(self._ask)
        try:
            return self._asked.result(LOOK_SECONDS)
        except TimeoutError as error:
            self._out.set()
            raise unreachable("no answer") from error

    def close(self) -> None:
        """Ask no more."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


class PostgresTransaction:
    """`core.ports.TapeTransaction`: the advisory lock is held while this lives."""

    __slots__ = ("_head", "_stored_keys", "connection", "new_keys", "wrote")

    def __init__(self, connection: Connection, stored_keys: Container[str], head: list[Row]) -> None:
        """Over the store's writer connection, inside a transaction that holds the lock and began at this head."""
        self.connection = connection
        self._head = head
        self._stored_keys = stored_keys
        self.new_keys: dict[str, Row] = {}
        self.wrote: tuple[int, bytes] | None = None
        """Index and leaf hash of the first entry written here."""

    def head(self) -> Head:
        """The head as of now, under the lock."""
        if self.wrote is not None:
            return head_of(self.connection.execute(postgres(HEAD), binary=True).fetchall())
        return head_of(self._head)

    def append(self, start: int, drafts: Sequence[Draft], leaves: Sequence[bytes], head: Head) -> None:
        """Write entries `start..`, their leaf hashes and records, fold the SQL views, and set the new head."""
        copying = len(drafts) >= COPY_FROM_ROWS
        with nullcontext() if copying else self.connection.pipeline():
            destroyed = self._write(start, drafts, leaves, head, copying)
        if destroyed is not None and destroyed.fetchall()[0][0]:
            raise Invalid(
                "A record was sealed under a data key that has been destroyed.",
                remedy="Let the vault forget the subject and seal it again.",
            )
        if leaves and self.wrote is None:
            self.wrote = (start, leaves[0])

    def _write(self, start: int, drafts: Sequence[Draft], leaves: Sequence[bytes], head: Head, copying: bool) -> Any:
        """Everything that is to be written; few entries go in one round trip, COPY of many needs its own."""
        connection = self.connection
        tape = [
            (seq, type(draft.entry.fact).__struct_config__.tag, leaf, draft.data)
            for seq, (draft, leaf) in enumerate(zip(drafts, leaves, strict=True), start)
        ]
        write(connection, TAPE, tape, copying=copying)
        for table, rows in folded((seq, draft.entry) for seq, draft in enumerate(drafts, start)):
            write(connection, table, rows, copying=copying)
        destroyed = self._keep_records(start, drafts, copying)
        connection.execute(
            "INSERT INTO head (one, size, peaks, checkpoint) VALUES (1, %s, %s, %s) ON CONFLICT (one) DO UPDATE "
            "SET size = excluded.size, peaks = excluded.peaks, checkpoint = excluded.checkpoint",
            (head.size, b"".join(head.peaks), head.checkpoint),
        )
        if head.size // CHECKPOINT_EVERY > start // CHECKPOINT_EVERY:
            connection.execute(
                "INSERT INTO checkpoints (size, note) VALUES (%s, %s) ON CONFLICT (size) DO UPDATE "
                "SET note = excluded.note",
                (head.size, head.checkpoint),
            )
        return destroyed

    def _keep_records(self, start: int, drafts: Sequence[Draft], copying: bool) -> Any:
        """Returns the question whether one of their keys was destroyed, to be read when all is sent."""
        records: list[Row] = []
        keys, stored = self.new_keys, self._stored_keys
        for seq, draft in enumerate(drafts, start):
            for each in draft.records:
                records.append(
                    (each.record_id, seq, each.subject, each.kind, each.purpose, each.key_id, each.ciphertext)
                )
                key = each.key
                if key is not None and key.key_id not in stored and key.key_id not in keys:
                    keys[key.key_id] = (key.subject, key.key_id, key.kek, key.wrapped)
        if not records:
            return None
        # Neither data keys that were destroyed, nor new ones wrapped under a key that was.
        names = {row[5] for row in records} | {f"{RETIRED}{row[2]}" for row in keys.values()}
        sql = "SELECT EXISTS (SELECT 1 FROM destroyed_keys WHERE key_id = ANY(%s))"
        destroyed = self.connection.execute(sql, (list(names),))
        write(self.connection, RECORDS, records, copying=copying)
        if keys:
            write(self.connection, SUBJECT_KEYS, list(keys.values()))
        return destroyed


def write(connection: Connection, table: Table, rows: Sequence[Row], *, copying: bool = True) -> None:
    """Insert rows in order: by COPY when they are many, cannot clash, and no pipeline is open (which forbids it)."""
    if table.clash or not copying or len(rows) < COPY_FROM_ROWS:
        if "DO UPDATE" in table.clash:  # PostgreSQL refuses to update a row twice in one statement: the last one counts
            place = table.columns.index(table.key)
            rows = list({row[place]: row for row in rows}.values())
        insert(_Inserting(connection), table, rows, few_sizes=True)
        return
    with connection.cursor().copy(f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([_COPY_TYPES[type(value)] for value in rows[0]])
        for row in rows:
            copy.write_row(row)


class _Inserting:
    """What `views.insert` asks of a connection, in PostgreSQL's words."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any]) -> object:
        return self._connection.execute(postgres(sql), values)


def _scratch(connection: Connection, schema: str) -> Scratch:
    """Over a connection whose transaction sees the store as `live` and has, or may make, temporary tables."""
    import psycopg

    def execute(sql: str, values: Sequence[object] = ()) -> Any:
        spoken = postgres(sql).replace("live.", f'"{schema}".').replace("main.", "pg_temp.")
        if spoken.startswith("CREATE TABLE"):
            spoken = spoken.replace("CREATE TABLE", "CREATE TEMP TABLE", 1)
        return connection.execute(spoken, values)

    def insert_rows(table: Table, rows: Sequence[Row]) -> None:
        write(connection, table, rows)

    return Scratch(execute, insert_rows, psycopg.IntegrityError, psycopg.ProgrammingError)


def _roll_back(connection: Connection) -> None:
    """Undo what is open, if anything still can be."""
    if not connection.closed:
        with suppress(Exception):
            connection.execute("ROLLBACK")
