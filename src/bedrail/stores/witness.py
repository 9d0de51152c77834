"""A witness's memory: the logs it trusts, and of each the latest checkpoint that it cosigned, in one SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.stores.connections import translated

MOST_EVIDENCE = 100
"""Signed contradictions kept for each log."""

_SCHEMA = """
CREATE TABLE logs (origin TEXT NOT NULL, public_key BLOB NOT NULL, PRIMARY KEY (origin, public_key)) WITHOUT ROWID;
CREATE TABLE latest (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, note BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE evidence (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, at INTEGER NOT NULL, held BLOB NOT NULL,
    submitted BLOB NOT NULL);
"""


class WitnessMemory:
    """Opened once per process; what `turn` commits has reached the disk (synchronous=FULL).

    A witness whose memory is gone could be led to cosign a fork, so opening never makes the file anew.
    """

    def __init__(self, path: Path) -> None:
        """Raises `NotFound` when the file is not there, `Corrupt` when it is damaged."""
        if not path.is_file():
            raise NotFound(
                f"The witness's memory {path} is gone.",
                remedy="Restore the newest copy; a witness that forgot is replaced by one with another key.",
            )
        self._lock = threading.Lock()
        with translated():
            self._connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA synchronous = FULL")

    @classmethod
    def create(cls, path: Path) -> WitnessMemory:
        """Make an empty memory; raises `Refused` when there is one."""
        if path.exists():
            raise Refused(f"{path} exists already.", remedy="Choose another folder.")
        path.touch(mode=0o600)
        memory = cls(path)
        with translated():
            memory._connection.execute("PRAGMA journal_mode = WAL").fetchone()
            memory._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        return memory

    def trust(self, origin: str, public_key: bytes) -> None:
        """Cosign this log from now on; a second key of the same origin is one more that may sign for it."""
        with self._lock, translated():
            self._connection.execute("INSERT OR IGNORE INTO logs VALUES (?, ?)", (origin, public_key))

    def keys(self, origin: str) -> list[bytes]:
        """The public keys that may sign for this origin; none when the log is unknown."""
        with self._lock, translated():
            rows = self._connection.execute("SELECT public_key FROM logs WHERE origin = ?", (origin,)).fetchall()
        return [row[0] for row in rows]

    def origins(self) -> list[str]:
        """The logs that are trusted."""
        with self._lock, translated():
            rows = self._connection.execute("SELECT DISTINCT origin FROM logs ORDER BY origin").fetchall()
        return [row[0] for row in rows]

    def latest(self, origin: str) -> bytes | None:
        """The latest cosigned checkpoint with its signatures."""
        with self._lock, translated():
            row = self._connection.execute("SELECT note FROM latest WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else bytes(row[0])

    @contextmanager
    def turn(self, origin: str) -> Iterator[tuple[bytes | None, Callable[[int, bytes], None]]]:
        """(latest cosigned note, how to replace it), under a lock against threads and processes; durable at the end."""
        with self._lock, translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                row = self._connection.execute("SELECT note FROM latest WHERE origin = ?", (origin,)).fetchone()

                def keep(size: int, note: bytes) -> None:
                    self._connection.execute("INSERT OR REPLACE INTO latest VALUES (?, ?, ?)", (origin, size, note))

                yield (None if row is None else bytes(row[0])), keep
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def keep_evidence(self, origin: str, at: int, held: bytes, submitted: bytes) -> None:
        """Two notes signed by one log that contradict each other; the first hundred are kept."""
        with self._lock, translated():
            self._connection.execute(
                "INSERT INTO evidence (origin, at, held, submitted) SELECT ?, ?, ?, ? "
                "WHERE (SELECT count(*) FROM evidence WHERE origin = ?) < ?",
                (origin, at, held, submitted, origin, MOST_EVIDENCE),
            )

    def evidence(self) -> list[tuple[str, int, bytes, bytes]]:
        """(origin, POSIX seconds, note that was held, body that was refused), oldest first."""
        with self._lock, translated():
            rows = self._connection.execute("SELECT origin, at, held, submitted FROM evidence ORDER BY id").fetchall()
        return [(row[0], row[1], bytes(row[2]), bytes(row[3])) for row in rows]

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()


def require_new_folder(folder: Path) -> None:
    """Raises `Invalid` unless the folder is absent or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid("the folder is not empty.", path=str(folder), remedy="Name a new one.")
