"""The Tape and Records ports in memory: the contract's second witness, and a fast tape that can be made to fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from threading import Lock

import msgspec

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.events import HIGH_VOLUME, action_of, decode
from bedrail.core.ports import Draft, Head, Pruned, SealedRecord, WrappedKey


class MemoryTape:
    """Everything in lists; `broken` makes transactions fail before or at commit."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes, bytes]] = []
        self.kept: dict[int, bytes] = {}
        self.records: dict[str, SealedRecord] = {}
        self.keys: dict[tuple[str, str], WrappedKey] = {}
        self.commits = 0
        self.broken: Exception | None = None
        self._head = Head(size=0, peaks=(), checkpoint=b"")
        self._lock = Lock()

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[_Transaction]:
        with self._lock:
            transaction = _Transaction(self._head, self.records)
            yield transaction
            if self.broken is not None:
                raise self.broken
            self.commits += 1
            self.rows += transaction.rows
            if transaction.rows and transaction.after.size // 256 > self._head.size // 256:
                self.kept[transaction.after.size] = transaction.after.checkpoint
            self._head = transaction.after
            self.records |= transaction.records
            for record in transaction.records.values():
                if record.key is not None:
                    self.keys.setdefault((record.subject, record.key_id), record.key)

    def head(self) -> Head:
        return self._head

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        for index, (_, data) in enumerate(self.rows[start:stop], start):
            if data:
                yield index, data

    def decided_about(self, subjects: Sequence[str], start: int, stop: int) -> list[str]:
        facts = [decode(data).fact for _, data in self.entries(start, stop)]
        about = {getattr(fact, "subject", "") for fact in facts if getattr(fact, "stage", "")}
        return [subject for subject in subjects if subject in about]

    def prune(self, start: int, stop: int) -> Pruned:
        daily = [index for index, data in self.entries(start, stop) if action_of(decode(data)) in HIGH_VOLUME]
        named = {getattr(decode(self.rows[index][1]).fact, "record", "") for index in daily}
        gone = [key for key, each in self.records.items() if sha256(each.ciphertext).hexdigest() in named]
        for key in gone:
            del self.records[key]
        for index in daily:
            self.rows[index] = (self.rows[index][0], b"")
        return Pruned(entries=len(daily), records=len(gone))

    def leaves(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        return [leaf for leaf, _ in self.rows[start:stop]]

    def sealed_pages(self, start: int = 0, stop: int | None = None) -> Iterator[list[tuple[int, bytes, bytes]]]:
        rows = [(index, leaf, data) for index, (leaf, data) in enumerate(self.rows[start:stop], start)]
        for at in range(0, len(rows), 100):
            yield rows[at : at + 100]

    def registry_entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """An entry that cannot be read any more is nobody's daily traffic: it is handed out for others to name."""
        for index, data in self.entries(start):
            try:
                busy = action_of(decode(data)) in HIGH_VOLUME
            except (msgspec.MsgspecError, ValueError):
                busy = False
            if not busy:
                yield index, data

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        yield from sorted(self.kept.items())

    def get(self, record_id: str) -> tuple[SealedRecord, WrappedKey] | None:
        record = self.records.get(record_id)
        key = self.keys.get((record.subject, record.key_id)) if record is not None else None
        return None if record is None or key is None else (_bare(record), key)

    def of_kind(self, kind: str, record_ids: Sequence[str]) -> Iterator[tuple[SealedRecord, WrappedKey]]:
        for record_id in record_ids:
            found = self.get(record_id)
            if found is not None and found[0].kind == kind:
                yield found

    def close(self) -> None:
        self.broken = Unavailable("closed")


class _Transaction:
    def __init__(self, head: Head, taken: dict[str, SealedRecord]) -> None:
        self.before = self.after = head
        self.taken = taken
        self.rows: list[tuple[bytes, bytes]] = []
        self.records: dict[str, SealedRecord] = {}

    def head(self) -> Head:
        return self.before

    def append(self, start: int, drafts: Sequence[Draft], leaves: Sequence[bytes], head: Head) -> None:
        assert start == self.before.size
        for draft, leaf in zip(drafts, leaves, strict=True):
            self.rows.append((leaf, draft.data))
            for record in draft.records:
                if record.record_id in self.taken or record.record_id in self.records:
                    raise Invalid("This is already recorded.")
                self.records[record.record_id] = record
        self.after = head


def _bare(record: SealedRecord) -> SealedRecord:
    names = ("record_id", "subject", "kind", "purpose", "key_id", "ciphertext")
    return SealedRecord(**{name: getattr(record, name) for name in names})
