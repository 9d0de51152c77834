"""The SQL views and how facts fold into them: used when appending, when rebuilding and when verifying."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Protocol

from bedrail.core.events import Entry
from bedrail.core.events.bedside import DecisionAnswered, DecisionFellBack, DecisionResponded, OutcomeObserved

Row = tuple[Any, ...]

ROWS_AT_ONCE = 64
"""Rows in one INSERT: every statement gives the interpreter lock away, and a busy event loop may keep it."""


@dataclass(frozen=True)
class Table:
    """A table that rows are inserted into; `key` identifies a row for people, `clash` says what a second one does."""

    name: str
    key: str
    columns: tuple[str, ...]
    clash: str = ""

    @lru_cache(maxsize=512)  # noqa: B019 (the tables below live as long as the process)
    def insertion(self, rows: int) -> str:
        """The INSERT statement for so many rows."""
        values = ", ".join([f"({', '.join('?' * len(self.columns))})"] * rows)
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES {values} {self.clash}"


DECISIONS = Table(
    "decisions",
    "decision",
    (
        *("seq", "decision", "at", "use_case", "candidate", "stage", "subject", "site"),
        *("mode", "shown", "kind", "guard", "reason", "record", "policy"),
    ),
)
RESPONSES = Table("responses", "seq", ("seq", "decision", "at", "use_case", "response", "person", "reason", "record"))
OUTCOMES = Table(
    "outcomes",
    "decision",
    ("seq", "decision", "at", "use_case", "subject", "record"),
    "ON CONFLICT (decision) DO UPDATE SET seq = excluded.seq, at = excluded.at, use_case = excluded.use_case, "
    "subject = excluded.subject, record = excluded.record",
)
VIEWS = (DECISIONS, RESPONSES, OUTCOMES)


def _answered(seq: int, at: str, fact: DecisionAnswered) -> Row:
    return (
        *(seq, fact.decision, at, fact.use_case, fact.candidate, fact.stage, fact.subject, fact.site),
        *(fact.mode, int(fact.shown), "answered", "", "", fact.record, fact.policy),
    )


def _fell_back(seq: int, at: str, fact: DecisionFellBack) -> Row:
    return (
        *(seq, fact.decision, at, fact.use_case, fact.candidate, fact.stage, fact.subject, fact.site),
        *("", 0, "fell-back", fact.guard, fact.reason, fact.record, fact.policy),
    )


def _responded(seq: int, at: str, fact: DecisionResponded) -> Row:
    return seq, fact.decision, at, fact.use_case, fact.response, fact.person, fact.reason, fact.record


def _observed(seq: int, at: str, fact: OutcomeObserved) -> Row:
    return seq, fact.decision, at, fact.use_case, fact.subject, fact.record


_FOLDS: dict[type, tuple[Table, Callable[[int, str, Any], Row]]] = {
    DecisionAnswered: (DECISIONS, _answered),
    DecisionFellBack: (DECISIONS, _fell_back),
    DecisionResponded: (RESPONSES, _responded),
    OutcomeObserved: (OUTCOMES, _observed),
}


def apply(seq: int, entry: Entry) -> list[tuple[str, Row]]:
    """The statements with which one entry changes the views; none for facts that fold into the registry."""
    fold = _FOLDS.get(type(entry.fact))
    return [] if fold is None else [(fold[0].insertion(1), fold[1](seq, entry.at, entry.fact))]


def folded(entries: Iterable[tuple[int, Entry]]) -> list[tuple[Table, list[Row]]]:
    """The rows that many entries add to each view: the same as `apply` one by one.

    Two outcomes of one decision in one batch need their order, which a table's rows keep.
    """
    rows: dict[str, tuple[Table, list[Row]]] = {}
    find = _FOLDS.get
    for seq, entry in entries:
        fold = find(type(entry.fact))
        if fold is not None:
            table, row = fold
            if table.name not in rows:
                rows[table.name] = (table, [])
            rows[table.name][1].append(row(seq, entry.at, entry.fact))
    return list(rows.values())


def fold_into(connection: Inserting, entries: Iterable[tuple[int, Entry]]) -> None:
    """Change the views for many entries, in few statements."""
    for table, several in folded(entries):
        insert(connection, table, several)


class Inserting(Protocol):
    """A connection, as far as inserting goes."""

    def execute(self, sql: str, values: tuple[Any, ...], /) -> object:
        """Run one statement."""
        ...


def insert(connection: Inserting, table: Table, rows: Sequence[Row], *, few_sizes: bool = False) -> None:
    """Insert rows in order, up to 64 in one statement; with `few_sizes` in powers of two of them.

    So the statements stay prepared also where a database keeps few of them.
    """
    start, count = 0, len(rows)
    while start < count:
        several = min(ROWS_AT_ONCE, count - start)
        if few_sizes:
            several = 1 << (several.bit_length() - 1)
        values = tuple(chain.from_iterable(rows[start : start + several]))
        connection.execute(table.insertion(several), values)
        start += several
