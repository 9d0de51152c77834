"""What became of answers that were recorded and then, after all, not given."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class AnswerNotShown(FactStruct, frozen=True, kw_only=True, tag="decision.not-shown"):
    """A recorded answer was not given: its record came too late, or something that forbids it was recorded first."""

    decision: str
    reason: str
    use_case: str
