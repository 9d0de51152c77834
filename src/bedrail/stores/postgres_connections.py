"""PostgreSQL connections of one home: one writer behind a lock, a few readers that are lent out, one that watches."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from bedrail.core.errors import BedrailError, Busy, Corrupt, Invalid, Refused, Unavailable
from bedrail.stores.connections import SCHEMA_VERSION, indexes, statements
from bedrail.stores.views import Row

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Row]

LOCK_CLASS = 0x42454452
"""`BEDR`: the first half of the advisory lock that whoever appends holds; the other half is the tape table's oid."""

IDLE_READERS = 8
"""Reader connections kept open between questions."""

_LINK = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 3000,
    "application_name": "bedrail",
}
"""A server that is gone without a word is noticed within seconds; what the address itself says comes first."""

_ASKED = (
    "SELECT current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes'), "
    "current_setting('server_encoding'), pg_is_in_recovery(), current_schema()"
)


class PostgresConnections:
    """Opens the database and makes the tables when missing, and indexes that newer versions added.

    Raises `Unavailable`, `Refused` (a newer schema, or settings under which an acknowledged commit could be lost) or
    `Invalid` (an address that cannot be used).
    """

    def __init__(self, address: str, *, busy_seconds: float = 5.0) -> None:
        """The password, when one is needed, comes from PGPASSWORD, PGPASSFILE or ~/.pgpass, never the address."""
        self.address = usable(address)
        self._busy_ms = int(busy_seconds * 1000)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self._writer: Connection | None = None
        self.writing = threading.Lock()
        self.out = threading.Event()
        """Set while the last attempt to reach the server failed."""
        try:
            with translated():
                self.schema = self._prepare(self.writer())
        except BaseException:
            self.close()
            raise

    def writer(self) -> Connection:
        """The one connection that writes, opened again when it was lost; for whoever holds `writing`."""
        if self._writer is None or self._writer.closed:
            self._writer = self._open(read_only=False)
        return self._writer

    @contextmanager
    def turn(self, wait: bool) -> Iterator[None]:
        """The writer connection for this thread alone; without `wait`, raises `Busy` when another thread has it."""
        if not self.writing.acquire(blocking=wait):
            raise busy()
        try:
            yield
        finally:
            self.writing.release()

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection that cannot write, for one question; a broken one is not lent again."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._open(read_only=True)
        try:
            yield connection
        finally:
            with self._lock:
                kept = not (self._closed or connection.closed) and len(self._idle) < IDLE_READERS
                if kept:
                    self._idle.append(connection)
            if not kept:
                connection.close()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """What a question in this room's SQL finds; asked once more when the connection turns out to be lost.

        On an event loop nothing is tried while the server is known to be out: others find out when it is back, and
        what waits there are people at the bedside.
        """
        import psycopg

        if self.out.is_set() and on_a_loop():
            raise unreachable("known to be out")
        spoken = postgres(sql)
        for attempt in (1, 2):
            connection: Connection | None = None
            try:
                with self.lent() as connection:
                    found = connection.execute(spoken, values, binary=True).fetchall()
                self.out.clear()
                return found
            except psycopg.OperationalError:
                lost = connection is None or connection.closed  # none: not even a new one could be had
                if attempt == 2 or not lost:
                    if lost:
                        self.out.set()
                    raise
                self._drop_idle()
        raise AssertionError

    def separate(self) -> Connection:
        """One more connection, for a single user; whoever asked closes it."""
        return self._open(read_only=False)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
        self._drop_idle()
        with self.writing:
            if self._writer is not None:
                self._writer.close()

    def _drop_idle(self) -> None:
        """When one connection is lost the others mostly are, too."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(Exception):
                connection.close()

    def _open(self, *, read_only: bool) -> Connection:
        if self._closed:
            raise Unavailable("The ledger database is closed.", remedy="Open the home again.")
        connect = _psycopg().connect
        said = {name for name, _ in parse_qsl(urlsplit(self.address).query)}
        link: dict[str, Any] = {name: value for name, value in _LINK.items() if name not in said}
        connection: Connection = connect(self.address, autocommit=True, **link)
        try:
            settings = {
                "lock_timeout": self._busy_ms,
                # A node that hangs in the middle of an append must not keep every other node from appending.
                "idle_in_transaction_session_timeout": 60_000,
                "default_transaction_read_only": "on" if read_only else "off",
                "default_transaction_isolation": "read committed",
            }
            for name, value in settings.items():
                connection.execute(f"SET {name} = '{value}'")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: Connection) -> str:
        """Refuse what could lose a commit; make the tables on first use. Returns the schema they are in."""
        found = connection.execute(_ASKED).fetchone()
        assert found is not None
        synchronous, fsync, full_pages, encoding, standby, schema = found
        _require_durable(synchronous, fsync, full_pages)
        if standby:
            raise Unavailable("This PostgreSQL is a standby.", remedy="Name the primary server.")
        if encoding != "UTF8":
            raise Refused(f"The database's encoding is {encoding}.", remedy="Make one with ENCODING 'UTF8'.")
        if schema is None:
            raise Invalid("The schema in search_path does not exist.", path="--store", remedy="CREATE SCHEMA first.")
        made = _version(connection)
        if made > SCHEMA_VERSION:
            raise Refused("The database was written by a newer Bedrail.", remedy="Install that version or a later one.")
        if not made:
            _make(connection)
        else:
            # Nobody is kept from the ledger by an index: where others hold a table, the next opening makes it.
            with suppress(_psycopg().Error):
                make_indexes(connection)
        return str(schema)


def usable(address: str, *, path: str = "--store") -> str:
    """The address, when it is a postgresql:// one without a password; raises `Invalid` at `path`."""
    parts = urlsplit(address)
    if parts.scheme not in ("postgresql", "postgres"):
        raise Invalid("this is no PostgreSQL address.", path=path, remedy="postgresql://USER@HOST/DATABASE")
    query = {name for name, _ in parse_qsl(parts.query)}
    if parts.password is not None or "password" in query:
        raise Invalid(
            "a password does not belong in the address.",
            path=path,
            remedy="Leave it out, and put it into ~/.pgpass (mode 0600), PGPASSFILE or PGPASSWORD.",
        )
    return address


_LOOPBACK = re.compile(r"(?:127(?:\.\d{1,3}){3}|localhost|\[?::1\]?)(?::\d+)?\Z")


def unverified_link(address: str) -> str:
    """How a database on another machine is reached, in words, when its certificate is not verified; else nothing.

    Sockets of this machine and loopback leave nothing to listen to. PGSSLMODE counts where the address says nothing.
    """
    parts = urlsplit(address)
    said = dict(parse_qsl(parts.query))
    hosts = (said.get("host") or said.get("hostaddr") or unquote(parts.netloc.rpartition("@")[2])).split(",")
    away = [host for host in hosts if host and not host.startswith("/") and not _LOOPBACK.match(host)]
    mode = said.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer"
    if not away or mode == "verify-full" or said.get("sslrootcert") == "system":
        return ""
    return f"with sslmode={mode}"


@lru_cache(maxsize=1024)
def postgres(sql: str) -> str:
    """A statement of this room, which is written as SQLite reads it, as PostgreSQL reads it.

    The C collation compares texts by their bytes, as SQLite does.
    """
    if sql.startswith("CREATE TABLE"):
        sql = re.sub(r"\bid INTEGER PRIMARY KEY", "id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", sql)
        sql = re.sub(r"\bINTEGER\b", "BIGINT", sql)
        sql = re.sub(r"\bBLOB\b", "BYTEA", sql)
        sql = re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', sql)
        sql = sql.replace(" WITHOUT ROWID", "")
    sql = re.sub(r"CAST\(([\w.]+) AS BLOB\)", r"\1", sql)
    return sql.replace(" IS NOT l.", " IS DISTINCT FROM l.").replace("?", "%s")


def _make(connection: Connection) -> None:
    """Every table and index, in one commit."""
    with connection.transaction():
        # Two processes making the tables at once take turns, and the second finds them made.
        connection.execute(f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, 0)")
        for statement in statements("schema.sql") + statements("views.sql"):
            connection.execute(postgres(statement))
        connection.execute("CREATE TABLE IF NOT EXISTS bedrail_version (one INT PRIMARY KEY, made INT NOT NULL)")
        connection.execute(
            "INSERT INTO bedrail_version VALUES (1, %s) ON CONFLICT (one) DO UPDATE SET made = excluded.made",
            (SCHEMA_VERSION,),
        )


def _valid(connection: Connection) -> dict[str, bool]:
    """The indexes of this schema, and whether each was made to its end."""
    rows = connection.execute(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema()"
    )
    return {str(name): bool(valid) for name, valid in rows}


def missing_indexes(connection: Connection) -> tuple[str, ...]:
    """Which of ours this schema lacks; nobody is held up by the question."""
    there = _valid(connection)
    return tuple(name for name in indexes() if not there.get(name))


def make_indexes(connection: Connection) -> None:
    """Those that are missing, or were left half made, while others append; unless somebody else is at it.

    CONCURRENTLY waits for open transactions, holding up nobody (PostgreSQL manual, CREATE INDEX); it stands in no
    transaction. What breaks off leaves an index that is not valid, and is begun anew.
    """
    missing = missing_indexes(connection)
    if not missing:
        return
    lock = f"({LOCK_CLASS}, 'responses'::regclass::oid::int)"
    mine = connection.execute(f"SELECT pg_try_advisory_lock{lock}").fetchone()
    if mine is None or not mine[0]:
        return
    try:
        there = _valid(connection)
        for name in missing:
            if there.get(name) is False:
                connection.execute(f"DROP INDEX CONCURRENTLY {name}")
            if not there.get(name):
                statement = postgres(indexes()[name][1])
                connection.execute(statement.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1))
    finally:
        connection.execute(f"SELECT pg_advisory_unlock{lock}")


def _version(connection: Connection) -> int:
    there = connection.execute("SELECT to_regclass('bedrail_version') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return 0
    found = connection.execute("SELECT made FROM bedrail_version").fetchone()
    return int(found[0]) if found else 0


def _require_durable(synchronous: str, fsync: str, full_pages: str) -> None:
    if synchronous not in ("on", "remote_apply"):
        raise Refused(
            f"synchronous_commit is {synchronous}: acknowledged facts could be lost.",
            remedy="ALTER ROLE ... SET synchronous_commit = on, or set it in postgresql.conf.",
        )
    for name, value in (("fsync", fsync), ("full_page_writes", full_pages)):
        if value != "on":
            raise Refused(
                f"{name} is {value}: a power cut could damage the database.",
                remedy=f"Set {name} = on in postgresql.conf and restart PostgreSQL.",
            )


@contextmanager
def translated() -> Iterator[None]:
    """PostgreSQL's errors in the house's words, by their code: its texts may repeat values."""
    try:
        yield
    except BedrailError:
        raise
    except Exception as error:
        if not isinstance(error, _psycopg().Error):
            raise
        _raise(error)


def _raise(error: psycopg.Error) -> NoReturn:
    """By SQLSTATE (PostgreSQL 15, appendix A)."""
    import psycopg

    state = error.sqlstate or ""
    if isinstance(error, psycopg.IntegrityError):
        name = error.diag.constraint_name or state
        raise Invalid(f"This is already recorded ({name}).", remedy="Give every new thing a new id.") from error
    if state == "55P03":
        raise Unavailable(
            "Another process has held the ledger database for too long.",
            remedy="Wait for it to finish, or stop it, and try again.",
        ) from error
    if state == "53100":
        raise Unavailable("The disk of the ledger database is full.", remedy="Free space, then try again.") from error
    if state in ("XX001", "XX002"):
        raise Corrupt("The ledger database is damaged.", remedy="Restore it from backup, then verify it.") from error
    if state in ("25006", "42501"):
        raise Unavailable(
            "The ledger database cannot be written.", remedy="Name the primary server; check the role's rights."
        ) from error
    if state in ("42P01", "42703"):
        raise Corrupt("A table of the ledger database is missing.", remedy="Restore it from backup.") from error
    if state[:2] == "28":
        raise Unavailable(
            "The ledger database does not let this role in.", remedy="Check the role, and ~/.pgpass or PGPASSWORD."
        ) from error
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        raise unreachable(state or type(error).__name__) from error
    raise Unavailable(
        f"The ledger database failed ({state or type(error).__name__}).", remedy="See PostgreSQL's log, then try again."
    ) from error


def on_a_loop() -> bool:
    """Whether this thread runs an event loop, on which nothing may wait for another machine."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def unreachable(why: str) -> Unavailable:
    """Nobody answers at the address."""
    return Unavailable(
        f"The ledger database cannot be reached ({why}).",
        remedy="Check that PostgreSQL runs and can be reached, then try again.",
    )


def busy() -> Busy:
    """Somebody else is writing."""
    return Busy("Another process is writing to the ledger database.", remedy="Try again in a moment.")


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise Unavailable("psycopg is not installed.", remedy="pip install 'bedrail[postgres]'") from error
    return psycopg
