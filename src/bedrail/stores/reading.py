"""What every SQL store reads alike: tape, head, checkpoints, sealed records and their keys, by plain SELECTs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from bedrail.core.errors import Corrupt
from bedrail.core.events import HIGH_VOLUME
from bedrail.core.ports import Head, SealedRecord, WrappedKey
from bedrail.stores.key_rows import SqlKeys
from bedrail.stores.questions import SqlDecisions
from bedrail.stores.views import Row, Table

TAPE = Table("tape", "seq", ("seq", "action", "leaf", "entry"))
RECORDS = Table("records", "record_id", ("record_id", "seq", "subject", "kind", "purpose", "key_id", "ciphertext"))
SUBJECT_KEYS = Table(
    "subject_keys", "key_id", ("subject", "key_id", "kek", "wrapped"), "ON CONFLICT (subject, key_id) DO NOTHING"
)

PAGE = 4096
"""Rows read at once: no read transaction stays open between pages."""

REGISTRY = f"action NOT IN ({', '.join(repr(action) for action in sorted(HIGH_VOLUME))})"
# Casts: whoever edits rows by hand easily turns bytes into text, and that must still be read, and found.
HEAD = "SELECT size, CAST(peaks AS BLOB), CAST(checkpoint AS BLOB) FROM head"

_LAST = 2**63 - 1
_RECORDS = (
    "SELECT r.record_id, r.subject, r.kind, r.purpose, r.key_id, CAST(r.ciphertext AS BLOB), "
    "k.kek, CAST(k.wrapped AS BLOB) "
    "FROM records r JOIN subject_keys k ON k.subject = r.subject AND k.key_id = r.key_id"
)


class SqlReading(SqlDecisions, SqlKeys):
    """The reading half of `core.ports.Tape` and `core.ports.Records`, over a store that can fetch rows."""

    def head(self) -> Head:
        """The last committed head."""
        return head_of(self._rows(HEAD))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(index, canonical bytes) in order; pruned entries are passed over."""
        yield from self._paged(
            "SELECT seq, CAST(entry AS BLOB) FROM tape WHERE seq >= ? AND seq < ? AND length(entry) > 0 "
            "ORDER BY seq LIMIT ?",
            start,
            stop,
        )

    def registry_entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the low-volume facts only, from index `start` on."""
        sql = (
            f"SELECT seq, CAST(entry AS BLOB) FROM tape WHERE {REGISTRY} AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?"
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

    def _paged(self, sql: str, start: int, stop: int | None) -> Iterator[tuple[int, bytes]]:
        end = _LAST if stop is None else stop
        while page := self._rows(sql, (start, end, PAGE)):
            yield from page
            start = page[-1][0] + 1


def head_of(rows: Sequence[Row]) -> Head:
    """The head in the one row that `HEAD` finds, or the empty one; raises `Corrupt`."""
    if not rows:
        return Head(size=0, peaks=(), checkpoint=b"")
    size, peaks, checkpoint = rows[0]
    if not (isinstance(size, int) and isinstance(peaks, bytes) and isinstance(checkpoint, bytes)):
        raise Corrupt("The ledger's head is unreadable.", remedy="Restore the database from backup.")
    cut = tuple(peaks[at : at + 32] for at in range(0, len(peaks), 32))
    return Head(size=size, peaks=cut, checkpoint=checkpoint)


def _record(row: Row) -> tuple[SealedRecord, WrappedKey]:
    record = SealedRecord(
        record_id=row[0], subject=row[1], kind=row[2], purpose=row[3], key_id=row[4], ciphertext=row[5]
    )
    return record, WrappedKey(key_id=row[4], subject=row[1], kek=row[6], wrapped=row[7])
