"""SQLite connections of one database file: one writer behind a lock, one reader for each thread."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

from bedrail.core.errors import BedrailError, Busy, Corrupt, Invalid, Refused, Unavailable

APPLICATION_ID = 0x42454452
"""`BEDR`: what `file` and SQLite see in the header of a Bedrail database."""

SCHEMA_VERSION = 1
"""Of tables and columns. A new index is none: versions with and without it serve the same home, see `make_indexes`."""

MOST_AT_OPENING = 200_000
"""Rows of a table that gets an index when its home is opened: about half a second, in which nobody can append."""


class Connections:
    """Opens (and makes, when missing) the database; raises `Unavailable`, `Corrupt` or `Refused` (newer schema)."""

    def __init__(self, path: Path, *, busy_seconds: float = 5.0) -> None:
        """WAL with synchronous=FULL: a commit that returned survives a power cut."""
        self.path = Path(path)
        self._busy_milliseconds = int(busy_seconds * 1000)
        self._patient = True
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._writing = threading.Lock()
        with translated():
            self.writer = self._open()
            self._prepare()
            self._identity = _identity(self.path)

    def reader(self) -> sqlite3.Connection:
        """This thread's own connection, which cannot write."""
        connection = getattr(self._local, "connection", None)
        if connection is None or self._closed:
            connection = self._open()
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
        return connection

    def separate(self) -> sqlite3.Connection:
        """One more connection that cannot write, for a single user behind a lock of its own."""
        with translated():
            connection = self._open()
            connection.execute("PRAGMA query_only = ON")
        return connection

    @contextmanager
    def turn(self, wait: bool = True) -> Iterator[sqlite3.Connection]:
        """The writer connection for this thread alone; without `wait`, raises `Busy` when another thread has it.

        Only with `wait` does it wait for other processes too.
        """
        if not self._writing.acquire(blocking=wait):
            raise _busy()
        try:
            if wait is not self._patient:  # asked once for many commits of one kind: it is a statement
                self.writer.execute(f"PRAGMA busy_timeout = {self._busy_milliseconds if wait else 0}").fetchall()
                self._patient = wait
            yield self.writer
        finally:
            self._writing.release()

    def require_in_place(self) -> None:
        """Raise `Unavailable` when the file was deleted or replaced: what is written to it then is gone with us."""
        if _identity(self.path) != self._identity:
            raise Unavailable(
                "The ledger database was deleted or replaced while in use.",
                remedy="Put it back, verify it, and start again.",
            )

    def begin(self, wait: bool) -> None:
        """BEGIN IMMEDIATE in a turn; in one without `wait`, raises `Busy` when another process is writing."""
        self.require_in_place()
        try:
            self.writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if wait:
                raise
            raise _busy() from error

    def close(self) -> None:
        """Close every connection; the last one of all processes folds the write-ahead log into the file."""
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, []
        with self._writing:
            for connection in reversed(opened):
                with suppress(sqlite3.Error):
                    connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise Unavailable("The ledger database is closed.", remedy="Open the home again.")
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_milliseconds / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,  # one for each table and number of rows up to 64, and all others
        )
        with self._lock:
            self._opened.append(connection)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self) -> None:
        """Make the schema on first use, and small indexes of newer versions; two processes at once are harmless."""
        made = self.writer.execute("PRAGMA user_version").fetchone()[0]
        if made > SCHEMA_VERSION:
            raise Refused(f"{self.path} was written by a newer Bedrail.", remedy="Install that version or a later one.")
        if self.writer.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise Unavailable("The file system cannot hold a write-ahead log.", remedy="Use a local disk.")
        # The default of 1,000 pages would fold the log into the file every few commits under load.
        self.writer.execute("PRAGMA wal_autocheckpoint = 8000")
        if not made:
            self.path.chmod(0o600)
            self._make()
        else:
            # Nobody is kept from the ledger by an index: on a full disk, or while others write, it waits.
            with suppress(sqlite3.Error):
                make_indexes(self.writer, MOST_AT_OPENING)

    def _make(self) -> None:
        """Every table and index, in one commit."""
        self.writer.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements("schema.sql") + statements("views.sql"):
                self.writer.execute(statement)
            self.writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self.writer.execute("COMMIT")
        finally:
            if self.writer.in_transaction:
                self.writer.execute("ROLLBACK")


def statements(name: str) -> list[str]:
    """The statements of one of this room's SQL files."""
    text = files("bedrail.stores").joinpath(name).read_text(encoding="utf-8")
    plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in plain.split(";") if statement.strip()]


@cache
def indexes() -> dict[str, tuple[str, str]]:
    """Of each index the table, and the statement that makes it where it is missing."""
    found = {}
    for statement in statements("schema.sql") + statements("views.sql"):
        if (named := re.match(r"CREATE INDEX IF NOT EXISTS (\w+) ON (\w+)", statement)) is not None:
            found[named[1]] = (named[2], statement)
    return found


def missing_indexes(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Which of them this database lacks; nobody is held up by the question."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    return tuple(name for name in indexes() if name not in there)


def make_indexes(connection: sqlite3.Connection, most: int = 0) -> None:
    """Those that are missing, each in a commit of its own; with `most`, only of tables of fewer rows."""
    for name in missing_indexes(connection):
        table, statement = indexes()[name]
        rows = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT ?)"
        if not most or connection.execute(rows, (most,)).fetchone()[0] < most:
            connection.execute(statement)


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's errors in the house's words; their texts name tables and columns, never values."""
    try:
        yield
    except BedrailError:
        raise
    except sqlite3.IntegrityError as error:
        raise Invalid(f"This is already recorded ({error}).", remedy="Give every new thing a new id.") from error
    except sqlite3.OperationalError as error:
        raise _out(str(error)) from error
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        raise Unavailable("The ledger database is closed.", remedy="Open the home again.") from error
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise _out(str(error)) from error
        raise Corrupt(
            f"The ledger database is damaged ({error}).", remedy="Restore it from backup, then verify it."
        ) from error


def _identity(path: Path) -> tuple[int, int]:
    """Which file this is; none of them when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 (for every commit: half the cost of Path.stat)
    except OSError:
        return (-1, -1)
    return (found.st_dev, found.st_ino)


def _busy() -> Busy:
    return Busy("Another process is writing to the ledger database.", remedy="Try again in a moment.")


def _out(text: str) -> Unavailable:
    if "locked" in text or "busy" in text:
        return Unavailable(
            "Another process has held the ledger database for too long.",
            remedy="Wait for it to finish, or stop it, and try again.",
        )
    if "full" in text:
        return Unavailable("The disk of the ledger database is full.", remedy="Free space, then try again.")
    if "readonly" in text or "unable to open" in text:
        return Unavailable(
            f"The ledger database cannot be written ({text}).", remedy="Check path, owner and permissions."
        )
    return Unavailable(f"The ledger database failed ({text}).", remedy="Check the disk, then try again.")
