"""Pruning: the bytes of a sealed shard's daily traffic go; its hashes and what governs stay."""

from __future__ import annotations

from collections.abc import Sequence

from bedrail.core.events import HIGH_VOLUME
from bedrail.core.ports import Pruned
from bedrail.stores.views import VIEWS, Row

AT_ONCE = 1000
"""Entries or records in one commit: the bedside waits for a few milliseconds, not for a year's worth of rows."""

_DAILY = f"action IN ({', '.join(repr(action) for action in sorted(HIGH_VOLUME))})"
_LATER = f"seq >= ? AND seq < ? AND {_DAILY} AND length(entry) > 0"
_NAMED = (
    f"NOT EXISTS (SELECT 1 FROM tape t WHERE t.seq = records.seq AND t.{_DAILY.replace('action IN', 'action NOT IN')})"
)


class SqlPruning:
    """`core.ports.Records.prune` over a store that can fetch rows and run several statements in one commit."""

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        raise NotImplementedError

    def _erase(self, statements: Sequence[tuple[str, Sequence[object]]]) -> None:
        """Run the statements in one durable commit; what they delete is overwritten where the store can do that."""
        raise NotImplementedError

    def purge_log(self) -> bool:
        """Fold the log into the file and empty it, where the store has one of its own."""
        raise NotImplementedError

    def prune(self, start: int, stop: int) -> Pruned:
        """See `core.ports.Records.prune`. Records go first: an entry without its record is only an interrupted run."""
        records = self._prune_records(start, stop)
        entries = 0
        while page := self._rows(f"SELECT seq FROM tape WHERE {_LATER} ORDER BY seq LIMIT {AT_ONCE}", (start, stop)):
            first, last = page[0][0], page[-1][0] + 1
            rows = [(f"DELETE FROM {view.name} WHERE seq >= ? AND seq < ?", (first, last)) for view in VIEWS]
            self._erase([(f"UPDATE tape SET entry = ? WHERE {_LATER}", (b"", first, last)), *rows])
            entries += len(page)
            start = last
        self.purge_log()  # it still held the old pages
        return Pruned(entries=entries, records=records)

    def decided_about(self, subjects: Sequence[str], start: int, stop: int) -> list[str]:
        """See `core.ports.Records.decided_about`."""
        found: list[str] = []
        for at in range(0, len(subjects), 500):
            some = subjects[at : at + 500]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT DISTINCT subject FROM decisions WHERE seq >= ? AND seq < ? AND subject IN ({marks})"
            found += [row[0] for row in self._rows(sql, (start, stop, *some))]
        return found

    def _prune_records(self, start: int, stop: int) -> int:
        count, after = 0, -1
        find = f"SELECT id FROM records WHERE id > ? AND seq >= ? AND seq < ? AND {_NAMED} ORDER BY id LIMIT {AT_ONCE}"
        delete = f"DELETE FROM records WHERE id >= ? AND id <= ? AND seq >= ? AND seq < ? AND {_NAMED}"
        while page := self._rows(find, (after, start, stop)):
            after = page[-1][0]
            self._erase([(delete, (page[0][0], after, start, stop))])
            count += len(page)
        return count
