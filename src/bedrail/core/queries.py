"""What the rooms ask about decisions: rows of the SQL views, and the port that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from bedrail.core.values import Value


class DecisionRow(Value, frozen=True, kw_only=True):
    """One decision as the facts tell it; `seq` is its index in the ledger.

    `guard` and `reason` are empty for an answer; `mode` is empty and `shown` False for a fallback.
    """

    seq: int
    decision: str
    at: str
    use_case: str
    candidate: str
    stage: str
    subject: str
    site: str
    mode: str
    shown: bool
    kind: Literal["answered", "fell-back"]
    guard: str
    reason: str
    record: str
    policy: str


class ResponseRow(Value, frozen=True, kw_only=True):
    """What a person did with a decision."""

    seq: int
    decision: str
    at: str
    use_case: str
    response: str
    person: str
    reason: str
    record: str


class OutcomeRow(Value, frozen=True, kw_only=True):
    """That the outcome of a decision became known; the latest observation counts."""

    seq: int
    decision: str
    at: str
    use_case: str
    subject: str
    record: str


class Decisions(Protocol):
    """Questions about decisions, responses and outcomes; answered from views that the facts can rebuild."""

    def decision(self, decision: str) -> DecisionRow | None:
        """The decision of this id."""
        ...

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
        ...

    def responses(self, decision: str) -> list[ResponseRow]:
        """Everything people did with this decision, in order."""
        ...

    def responses_of(self, person: str, since: str, until: str) -> list[ResponseRow]:
        """Everything this person did with decisions from one moment to another (UTC texts), in order."""
        ...

    def outcome(self, decision: str) -> OutcomeRow | None:
        """The latest observed outcome."""
        ...

    def decided_with_outcomes(
        self, use_case: str, candidate: str | None = None, after_seq: int = -1, limit: int | None = None
    ) -> list[tuple[DecisionRow, OutcomeRow]]:
        """Decisions whose outcome arrived in the ledger after index `after_seq`, in order of arrival."""
        ...

    def review_queue(self, use_case: str, limit: int = 1000) -> list[DecisionRow]:
        """Answers routed to review that nobody has responded to, oldest first."""
        ...

    def counts(self, use_case: str) -> Mapping[str, int]:
        """How many: `answered`, `fell-back`, `shown`, `outcomes`, `awaiting-review`, and each response by name."""
        ...

    def last_seen(self, before: str, after: str, limit: int) -> list[tuple[str, str]]:
        """(subject, when a decision or outcome of theirs was last recorded), where that is before `before` (UTC text).

        By subject, from behind `after`, `limit` at most.
        """
        ...

    def find_entry(self, decision: str) -> tuple[int, bytes] | None:
        """(index, canonical bytes) of the ledger entry that made this decision."""
        ...

    def entry(self, seq: int) -> bytes | None:
        """Canonical bytes of one ledger entry."""
        ...

    def entries_about(self, decision: str) -> Sequence[int]:
        """Ledger indexes of the decision, its responses and its outcome."""
        ...
