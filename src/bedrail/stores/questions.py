"""Questions about decisions, answered from the SQL views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bedrail.core.queries import DecisionRow, OutcomeRow, ResponseRow
from bedrail.stores.views import DECISIONS, OUTCOMES, RESPONSES, Row

_DECISION = ", ".join(f"d.{column}" for column in DECISIONS.columns)
_RESPONSE = ", ".join(RESPONSES.columns)
_OUTCOME = ", ".join(f"o.{column}" for column in OUTCOMES.columns)
_ALL = 2**63 - 1  # a LIMIT that is none, in every dialect


class SqlDecisions:
    """`core.queries.Decisions` over a store that can fetch rows."""

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        raise NotImplementedError

    def decision(self, decision: str) -> DecisionRow | None:
        """The decision of this id."""
        found = self._rows(f"SELECT {_DECISION} FROM decisions d WHERE decision = ?", (decision,))
        return _decision(found[0]) if found else None

    def decisions(
        self,
        use_case: str,
        candidate: str | None = None,
        since: str | None = None,
        limit: int = 1000,
        *,
        after_seq: int = -1,
        newest_first: bool = False,
    ) -> list[DecisionRow]:
        """Decisions in ledger order, at or after the UTC text `since` and beyond `after_seq`, `limit` at most."""
        where, values = "use_case = ? AND seq > ?", [use_case, after_seq]
        if candidate is not None:
            where, values = f"{where} AND candidate = ?", [*values, candidate]
        if since is not None:
            where, values = f"{where} AND at >= ?", [*values, since]
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT {_DECISION} FROM decisions d WHERE {where} ORDER BY seq {order} LIMIT ?"
        return [_decision(row) for row in self._rows(sql, (*values, limit))]

    def responses(self, decision: str) -> list[ResponseRow]:
        """Everything people did with this decision, in order."""
        rows = self._rows(f"SELECT {_RESPONSE} FROM responses WHERE decision = ? ORDER BY seq", (decision,))
        return [ResponseRow(**_named(RESPONSES.columns, row)) for row in rows]

    def responses_of(self, person: str, since: str, until: str) -> list[ResponseRow]:
        """Everything this person did with decisions from one moment to another, in order."""
        where = "person = ? AND at >= ? AND at <= ?"
        rows = self._rows(f"SELECT {_RESPONSE} FROM responses WHERE {where} ORDER BY seq", (person, since, until))
        return [ResponseRow(**_named(RESPONSES.columns, row)) for row in rows]

    def outcome(self, decision: str) -> OutcomeRow | None:
        """The latest observed outcome."""
        found = self._rows(f"SELECT {_OUTCOME} FROM outcomes o WHERE decision = ?", (decision,))
        return OutcomeRow(**_named(OUTCOMES.columns, found[0])) if found else None

    def decided_with_outcomes(
        self, use_case: str, candidate: str | None = None, after_seq: int = -1, limit: int | None = None
    ) -> list[tuple[DecisionRow, OutcomeRow]]:
        """Decisions whose outcome arrived in the ledger after index `after_seq`, in order of arrival."""
        where, values = "o.use_case = ? AND o.seq > ?", [use_case, after_seq]
        if candidate is not None:
            where, values = f"{where} AND d.candidate = ?", [*values, candidate]
        sql = (
            f"SELECT {_DECISION}, {_OUTCOME} FROM outcomes o JOIN decisions d ON d.decision = o.decision "
            f"WHERE {where} ORDER BY o.seq LIMIT ?"
        )
        width = len(DECISIONS.columns)
        return [
            (_decision(row[:width]), OutcomeRow(**_named(OUTCOMES.columns, row[width:])))
            for row in self._rows(sql, (*values, _ALL if limit is None else limit))
        ]

    def review_queue(self, use_case: str, limit: int = 1000) -> list[DecisionRow]:
        """Answers routed to review that nobody has responded to, oldest first."""
        sql = (
            f"SELECT {_DECISION} FROM decisions d WHERE use_case = ? AND mode = 'review' AND kind = 'answered' "
            "AND NOT EXISTS (SELECT 1 FROM responses r WHERE r.decision = d.decision) ORDER BY seq LIMIT ?"
        )
        return [_decision(row) for row in self._rows(sql, (use_case, limit))]

    def counts(self, use_case: str) -> Mapping[str, int]:
        """How many: `answered`, `fell-back`, `shown`, `outcomes`, `awaiting-review`, and each response by name."""
        counts = {"answered": 0, "fell-back": 0, "shown": 0, "outcomes": 0, "awaiting-review": 0}
        for kind, decisions, shown in self._rows(
            "SELECT kind, COUNT(*), SUM(shown) FROM decisions WHERE use_case = ? GROUP BY kind", (use_case,)
        ):
            counts[kind] = decisions
            counts["shown"] += int(shown)
        counts["outcomes"] = self._rows("SELECT COUNT(*) FROM outcomes WHERE use_case = ?", (use_case,))[0][0]
        counts["awaiting-review"] = self._rows(
            "SELECT COUNT(*) FROM decisions d WHERE use_case = ? AND mode = 'review' AND kind = 'answered' "
            "AND NOT EXISTS (SELECT 1 FROM responses r WHERE r.decision = d.decision)",
            (use_case,),
        )[0][0]
        counts.update(
            self._rows("SELECT response, COUNT(*) FROM responses WHERE use_case = ? GROUP BY response", (use_case,))
        )
        return counts

    def last_seen(self, before: str, after: str, limit: int) -> list[tuple[str, str]]:
        """Subjects of whom nothing was recorded since `before`, by subject, from behind `after`."""
        sql = (
            "SELECT subject, MAX(at) FROM "
            "(SELECT subject, at FROM decisions UNION ALL SELECT subject, at FROM outcomes) t "
            "WHERE subject > ? GROUP BY subject HAVING MAX(at) < ? ORDER BY subject LIMIT ?"
        )
        return [(str(subject), str(at)) for subject, at in self._rows(sql, (after, before, limit))]

    def entry(self, seq: int) -> bytes | None:
        """Canonical bytes of one ledger entry."""
        found = self._rows("SELECT CAST(entry AS BLOB) FROM tape WHERE seq = ?", (seq,))
        return found[0][0] if found else None

    def find_entry(self, decision: str) -> tuple[int, bytes] | None:
        """(index, canonical bytes) of the ledger entry that made this decision."""
        sql = "SELECT t.seq, CAST(t.entry AS BLOB) FROM decisions d JOIN tape t ON t.seq = d.seq WHERE d.decision = ?"
        found = self._rows(sql, (decision,))
        return (found[0][0], found[0][1]) if found else None

    def entries_about(self, decision: str) -> list[int]:
        """Ledger indexes of the decision, its responses and its outcome."""
        sql = " UNION ".join(f"SELECT seq FROM {table} WHERE decision = ?" for table in _TABLES)
        return [seq for (seq,) in self._rows(f"{sql} ORDER BY seq", (decision,) * len(_TABLES))]


_TABLES = (DECISIONS.name, RESPONSES.name, OUTCOMES.name)


def _decision(row: Row) -> DecisionRow:
    named = _named(DECISIONS.columns, row)
    named["shown"] = bool(named["shown"])
    return DecisionRow(**named)


def _named(columns: Sequence[str], row: Row) -> dict[str, Any]:
    return dict(zip(columns, row, strict=True))
