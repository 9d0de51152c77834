"""The embedded store: tape, head, sealed records and SQL views in one SQLite file, changed in one transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bedrail.core.errors import Invalid
from bedrail.core.ports import Draft, Head
from bedrail.stores.connections import Connections, make_indexes, missing_indexes, translated
from bedrail.stores.differences import rebuild_views, record_differences, scratch_of, sqlite_snapshot, view_differences
from bedrail.stores.key_rows import RETIRED
from bedrail.stores.pruning import SqlPruning
from bedrail.stores.reading import HEAD, RECORDS, SUBJECT_KEYS, TAPE, SqlReading, head_of
from bedrail.stores.views import Row, fold_into, insert

CHECKPOINT_EVERY = 256
"""A signed checkpoint is kept at the first commit past each multiple (one full tile); the newest is in the head."""

STORED_KEYS = 200_000
"""Data keys that are remembered as stored, before starting over."""


class SqliteStore(SqlReading, SqlPruning):
    """`core.ports.Tape`, `core.ports.Records` and `core.queries.Decisions` over one file.

    Safe to share between threads, and between processes on one machine: writers take turns (`BEGIN IMMEDIATE`, at
    most `busy_seconds` of waiting, then `Unavailable`), readers never wait.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 5.0) -> None:
        """Open the file, making it (mode 0600) when missing; raises `Unavailable`, `Corrupt` or `Refused`."""
        self._connections = Connections(path, busy_seconds=busy_seconds)
        self._stored_keys: set[str] = set()
        self._watching = threading.Lock()
        self._watch: sqlite3.Connection | None = None

    @property
    def path(self) -> Path:
        """The database file."""
        return self._connections.path

    def durability(self) -> dict[str, tuple[str, str]]:
        """What a commit's survival of a power cut rests on: each setting as it is on the writer, and as it must be."""
        with translated(), self._connections.turn() as writer:
            journal = str(writer.execute("PRAGMA journal_mode").fetchone()[0])
            level = int(writer.execute("PRAGMA synchronous").fetchone()[0])
        words = ("off", "normal", "full", "extra")
        return {"journal_mode": (journal, "wal"), "synchronous": (words[level], words[max(level, 2)])}

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[SqliteTransaction]:
        """Begin; commit durably on normal exit, roll back on an exception. Without `wait`, `Busy` rather than wait."""
        with translated(), self._connections.turn(wait) as connection:
            self._connections.begin(wait)
            try:
                transaction = SqliteTransaction(connection, self._stored_keys)
                yield transaction
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._remember(transaction.new_keys)

    def destroy_keys(self, subject: str) -> int:
        """Forget a subject: overwrite and delete every data key, for good; returns how many there were.

        The records stay as unreadable ciphertext, so every digest and proof stays valid. A record sealed earlier
        under one of these keys is refused from now on; running vaults must `forget` the subject.
        """
        with translated(), self._connections.turn() as writer:
            writer.execute("PRAGMA secure_delete = ON")
            writer.execute("BEGIN IMMEDIATE")
            try:
                writer.execute(
                    "INSERT OR IGNORE INTO destroyed_keys SELECT key_id FROM subject_keys WHERE subject = ?", (subject,)
                )
                destroyed = writer.execute("DELETE FROM subject_keys WHERE subject = ?", (subject,)).rowcount
                writer.execute("COMMIT")
            finally:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
            writer.execute("PRAGMA secure_delete = OFF")
        self.purge_log()  # it still held the old page
        return int(destroyed)

    def missing_indexes(self) -> tuple[str, ...]:
        """Indexes that newer versions have and this home has not: its questions are slower, no answer differs."""
        with translated(), self._connections.turn() as writer:
            return missing_indexes(writer)

    def make_indexes(self) -> None:
        """Make them, whatever the size: while one is made nobody can append, 1.5 s for a million rows."""
        with translated(), self._connections.turn() as writer:
            make_indexes(writer)

    def purge_log(self) -> bool:
        """Fold the write-ahead log into the file and empty it; False while somebody is reading an old state."""
        with translated(), self._connections.turn() as writer:
            return not writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def data_version(self) -> int:
        """A number that changes when anybody, this store included, has committed; microseconds, no disk read."""
        self._connections.require_in_place()
        with self._watching, translated():
            if self._watch is None:
                self._watch = self._connections.separate()
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def rebuild(self) -> None:
        """Drop what the views hold and fold every fact again."""
        with self.transaction() as transaction:
            rebuild_views(scratch_of(transaction.connection))

    def rebuild_differences(self) -> list[str]:
        """Where the views (and the tape's action column) differ from what the facts say; empty when nowhere."""
        with translated(), sqlite_snapshot(self.path) as scratch:
            return view_differences(scratch)

    def record_differences(self) -> list[str]:
        """Which sealed records are not the ones that the facts name; empty when none."""
        with translated(), sqlite_snapshot(self.path) as scratch:
            return record_differences(scratch)

    def close(self) -> None:
        """Close every connection of this process."""
        self._connections.close()

    def _remember(self, key_ids: Iterable[str]) -> None:
        """Data keys known to be stored need not be offered to the database again."""
        if len(self._stored_keys) > STORED_KEYS:
            self._stored_keys.clear()
        self._stored_keys.update(key_ids)

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        with translated():
            return self._connections.reader().execute(sql, values).fetchall()

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        with self.transaction() as transaction:
            return transaction.connection.executemany(sql, rows).rowcount

    def _erase(self, statements: Sequence[tuple[str, Sequence[object]]]) -> None:
        with self.transaction() as transaction:
            transaction.connection.execute("PRAGMA secure_delete = ON")
            try:
                for sql, values in statements:
                    transaction.connection.execute(sql, values)
            finally:
                transaction.connection.execute("PRAGMA secure_delete = OFF")


class SqliteTransaction:
    """`core.ports.TapeTransaction`: the write lock is held while this lives."""

    __slots__ = ("_stored_keys", "connection", "new_keys")

    def __init__(self, connection: sqlite3.Connection, stored_keys: Container[str]) -> None:
        """Over the store's writer connection, inside BEGIN IMMEDIATE."""
        self.connection = connection
        self._stored_keys = stored_keys
        self.new_keys: dict[str, Row] = {}

    def head(self) -> Head:
        """The head as of now, under the write lock."""
        return head_of(self.connection.execute(HEAD).fetchall())

    def append(self, start: int, drafts: Sequence[Draft], leaves: Sequence[bytes], head: Head) -> None:
        """Write entries `start..`, their leaf hashes and records, fold the SQL views, and set the new head."""
        connection = self.connection
        entries = [(seq, draft.entry) for seq, draft in enumerate(drafts, start)]
        insert(
            connection,
            TAPE,
            [
                (seq, type(draft.entry.fact).__struct_config__.tag, leaf, draft.data)
                for seq, (draft, leaf) in enumerate(zip(drafts, leaves, strict=True), start)
            ],
        )
        fold_into(connection, entries)
        self._keep_records(start, drafts)
        connection.execute(
            "INSERT OR REPLACE INTO head (one, size, peaks, checkpoint) VALUES (1, ?, ?, ?)",
            (head.size, b"".join(head.peaks), head.checkpoint),
        )
        if head.size // CHECKPOINT_EVERY > start // CHECKPOINT_EVERY:
            connection.execute(
                "INSERT OR REPLACE INTO checkpoints (size, note) VALUES (?, ?)", (head.size, head.checkpoint)
            )

    def _keep_records(self, start: int, drafts: Sequence[Draft]) -> None:
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
        if records:
            self._refuse_destroyed({row[5] for row in records} | {f"{RETIRED}{row[2]}" for row in keys.values()})
            insert(self.connection, RECORDS, records)
        if keys:
            insert(self.connection, SUBJECT_KEYS, list(keys.values()))

    def _refuse_destroyed(self, names: set[str]) -> None:
        """Neither data keys that were destroyed, nor new ones wrapped under a key that was."""
        if not self.connection.execute("SELECT EXISTS (SELECT 1 FROM destroyed_keys)").fetchone()[0]:
            return
        wanted = list(names)
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ", ".join("?" * len(some))
            if self.connection.execute(f"SELECT 1 FROM destroyed_keys WHERE key_id IN ({marks})", some).fetchone():
                raise Invalid(
                    "A record was sealed under a data key that has been destroyed.",
                    remedy="Let the vault forget the subject and seal it again.",
                )
