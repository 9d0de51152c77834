"""Checkpoints with their witnesses' cosignatures, in a file of their own: publishing never waits for the ledger."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from bedrail.stores.connections import translated

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cosigned (
    origin TEXT NOT NULL,
    hour INTEGER NOT NULL,
    met INTEGER NOT NULL,
    at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note BLOB NOT NULL,
    PRIMARY KEY (origin, hour, met)
) WITHOUT ROWID
"""

HOUR = 3600


class CosignedStore:
    """`core.ports.Cosigned` in one SQLite file, opened at the first use; of each hour the largest checkpoint stays."""

    def __init__(self, path: Path) -> None:
        """Names the file; it is made by the first write."""
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def keep(self, origin: str, at: int, size: int, note: bytes, *, met: bool) -> None:
        """Keep a cosigned checkpoint; `met` says whether the quorum has signed it. Never replaced by a smaller one."""
        with self._lock, translated():
            self._opened().execute(
                "INSERT INTO cosigned VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (origin, hour, met) DO UPDATE "
                "SET at = excluded.at, size = excluded.size, note = excluded.note WHERE excluded.size >= size",
                (origin, at // HOUR, int(met), at, size, note),
            )

    def newest(self, origin: str, *, met: bool = True) -> tuple[int, int, bytes] | None:
        """(POSIX seconds, size, note) of the largest one; with `met`, of those that have the quorum."""
        rows = self._rows(
            "SELECT at, size, note FROM cosigned WHERE origin = ? AND met >= ? ORDER BY size DESC, met DESC LIMIT 1",
            (origin, int(met)),
        )
        return (rows[0][0], rows[0][1], bytes(rows[0][2])) if rows else None

    def notes(self, origin: str) -> dict[int, bytes]:
        """Every kept one of a log by size; where there are two, the one with the quorum."""
        rows = self._rows("SELECT size, note FROM cosigned WHERE origin = ? ORDER BY size, met", (origin,))
        return {row[0]: bytes(row[1]) for row in rows}

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, suppress(sqlite3.Error):
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[tuple[int, ...]]:
        with self._lock, translated():
            return [] if not self._path.exists() else self._opened().execute(sql, values).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._path.exists():
                self._path.touch(mode=0o600)
            self._connection = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
            self._connection.execute(_SCHEMA)
        return self._connection
