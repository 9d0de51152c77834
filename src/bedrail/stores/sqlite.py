"""The embedded store: tape, head, sealed records and SQL views in one SQLite file, changed in one transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from bedrail.core.errors import Corrupt, Invalid
from bedrail.core.events import HIGH_VOLUME
from bedrail.core.ports import Draft, Head, SealedRecord, WrappedKey
from bedrail.stores.connections import Connections, translated
from bedrail.stores.differences import rebuild_differences, rebuild_views, record_differences
from bedrail.stores.questions import SqliteDecisions
from bedrail.stores.views import Row, Table, fold_into, insert

TAPE = Table("tape", "seq", ("seq", "action", "leaf", "entry"))
RECORDS = Table("records", "record_id", ("record_id", "seq", "subject", "kind", "purpose", "key_id", "ciphertext"))
SUBJECT_KEYS = Table(
    "subject_keys", "key_id", ("subject", "key_id", "kek", "wrapped"), "ON CONFLICT (subject, key_id) DO NOTHING"
)

CHECKPOINT_EVERY = 256
"""A signed checkpoint is kept at the first commit past each multiple (one full tile); the newest is in the head."""

STORED_KEYS = 200_000
"""Data keys that are remembered as stored, before starting over."""

PAGE = 4096
"""Rows read at once: no read transaction stays open between pages."""

_REGISTRY = f"action NOT IN ({', '.join(repr(action) for action in sorted(HIGH_VOLUME))})"
# Casts: whoever edits rows by hand easily turns bytes into text, and that must still be read, and found.
_HEAD = "SELECT size, CAST(peaks AS BLOB), CAST(checkpoint AS BLOB) FROM head"


class SqliteStore(SqliteDecisions):
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

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[SqliteTransaction]:
        """Begin; commit durably on normal exit, roll back on an exception. Without `wait`, `Busy` rather than wait."""
        with self._connections.turn(wait):
            connection = self._connections.writer
            with translated():
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

    def head(self) -> Head:
        """The last committed head."""
        return _head(self._rows(_HEAD))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(index, canonical bytes) in order."""
        yield from self._paged(
            "SELECT seq, CAST(entry AS BLOB) FROM tape WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?", start, stop
        )

    def registry_entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the low-volume facts only, from index `start` on."""
        sql = (
            f"SELECT seq, CAST(entry AS BLOB) FROM tape WHERE {_REGISTRY} AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?"
        )
        yield from self._paged(sql, start, None)

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """(size, signed note) of the checkpoints that were kept, smallest first."""
        yield from self._paged(
            "SELECT size, CAST(note AS BLOB) FROM checkpoints WHERE size >= ? AND size < ? ORDER BY size LIMIT ?",
            0,
            None,
        )

    def sealed_pages(self, start: int = 0, stop: int | None = None) -> Iterator[Sequence[tuple[int, bytes, bytes]]]:
        """(index, stored leaf hash, canonical bytes) in order; pages small enough to stay in the processor's cache."""
        columns = "seq, CAST(leaf AS BLOB), CAST(entry AS BLOB)"
        sql = f"SELECT {columns} FROM tape WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT 256"
        end = _LAST if stop is None else stop
        while page := self._rows(sql, (start, end)):
            yield cast("list[tuple[int, bytes, bytes]]", page)
            start = page[-1][0] + 1

    def leaves(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """Stored leaf hashes in order."""
        sql = "SELECT CAST(leaf AS BLOB) FROM tape WHERE seq >= ? AND seq < ? ORDER BY seq"
        return [leaf for (leaf,) in self._rows(sql, (start, _LAST if stop is None else stop))]

    def get(self, record_id: str) -> tuple[SealedRecord, WrappedKey] | None:
        """The record and its wrapped key, or None when it never was, or its key was destroyed."""
        found = self._rows(f"{_RECORDS} WHERE r.record_id = ?", (record_id,))
        return _record(found[0]) if found else None

    def of_kind(self, kind: str, record_ids: Sequence[str]) -> Iterator[tuple[SealedRecord, WrappedKey]]:
        """The records of that kind among these ids, in their order; absent ones are passed over."""
        for start in range(0, len(record_ids), 500):
            some = record_ids[start : start + 500]
            marks = ", ".join("?" * len(some))
            rows = self._rows(f"{_RECORDS} WHERE r.record_id IN ({marks}) AND r.kind = ?", (*some, kind))
            found = {row[0]: row for row in rows}
            yield from (_record(found[record_id]) for record_id in some if record_id in found)

    def newest_key(self, subject: str) -> WrappedKey | None:
        """A stored data key of this subject (for `AesVault(load=...)`), or None."""
        sql = "SELECT key_id, subject, kek, wrapped FROM subject_keys WHERE subject = ? ORDER BY key_id LIMIT 1"
        found = self._rows(sql, (subject,))
        return _key(found[0]) if found else None

    def destroy_keys(self, subject: str) -> int:
        """Forget a subject: overwrite and delete every data key, for good; returns how many there were.

        The records stay as unreadable ciphertext, so every digest and proof stays valid. A record sealed earlier
        under one of these keys is refused from now on; running vaults must `forget` the subject.
        """
        with self._connections.writing, translated():
            writer = self._connections.writer
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
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the log still held the old page
        return int(destroyed)

    def data_version(self) -> int:
        """A number that changes when anybody, this store included, has committed; microseconds, no disk read."""
        with self._watching, translated():
            if self._watch is None:
                self._watch = self._connections.separate()
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def rebuild(self) -> None:
        """Drop what the views hold and fold every fact again."""
        with self.transaction() as transaction:
            rebuild_views(transaction.connection)

    def rebuild_differences(self) -> list[str]:
        """Where the views (and the tape's action column) differ from what the facts say; empty when nowhere."""
        with translated():
            return rebuild_differences(self.path)

    def record_differences(self) -> list[str]:
        """Which sealed records are not the ones that the facts name; empty when none."""
        with translated():
            return record_differences(self.path)

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

    def _paged(self, sql: str, start: int, stop: int | None) -> Iterator[tuple[int, bytes]]:
        end = _LAST if stop is None else stop
        while page := self._rows(sql, (start, end, PAGE)):
            yield from page
            start = page[-1][0] + 1


_LAST = 2**63 - 1
_RECORDS = (
    "SELECT r.record_id, r.subject, r.kind, r.purpose, r.key_id, CAST(r.ciphertext AS BLOB), "
    "k.kek, CAST(k.wrapped AS BLOB) "
    "FROM records r JOIN subject_keys k ON k.subject = r.subject AND k.key_id = r.key_id"
)


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
        return _head(self.connection.execute(_HEAD).fetchall())

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
            self._refuse_destroyed({row[5] for row in records})
            insert(self.connection, RECORDS, records)
        if keys:
            insert(self.connection, SUBJECT_KEYS, list(keys.values()))

    def _refuse_destroyed(self, key_ids: set[str]) -> None:
        if not self.connection.execute("SELECT EXISTS (SELECT 1 FROM destroyed_keys)").fetchone()[0]:
            return
        for key_id in key_ids:
            if self.connection.execute("SELECT 1 FROM destroyed_keys WHERE key_id = ?", (key_id,)).fetchone():
                raise Invalid(
                    "A record was sealed under a data key that has been destroyed.",
                    remedy="Let the vault forget the subject and seal it again.",
                )


def _head(rows: Sequence[Row]) -> Head:
    if not rows:
        return Head(size=0, peaks=(), checkpoint=b"")
    size, peaks, checkpoint = rows[0]
    if not (isinstance(size, int) and isinstance(peaks, bytes) and isinstance(checkpoint, bytes)):
        raise Corrupt("The ledger's head is unreadable.", remedy="Restore the database from backup.")
    cut = tuple(peaks[at : at + 32] for at in range(0, len(peaks), 32))
    return Head(size=size, peaks=cut, checkpoint=checkpoint)


def _key(row: Row) -> WrappedKey:
    return WrappedKey(key_id=row[0], subject=row[1], kek=row[2], wrapped=row[3])


def _record(row: Row) -> tuple[SealedRecord, WrappedKey]:
    record = SealedRecord(
        record_id=row[0], subject=row[1], kind=row[2], purpose=row[3], key_id=row[4], ciphertext=row[5]
    )
    return record, WrappedKey(key_id=row[4], subject=row[1], kek=row[6], wrapped=row[7])
