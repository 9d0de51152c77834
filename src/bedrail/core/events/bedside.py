"""Facts of the bedside. Values are sealed in records; these carry pseudonyms, codes and ciphertext digests."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class DecisionAnswered(FactStruct, frozen=True, kw_only=True, tag="decision.answered"):
    """A governed answer was given (or, in shadow, computed and not shown).

    `record` is the SHA-256 of the sealed record's ciphertext; inputs, score, interval, reasons and card are inside.
    """

    decision: str
    use_case: str
    candidate: str
    stage: str
    subject: str
    site: str
    mode: str
    shown: bool
    record: str
    policy: str


class DecisionFellBack(FactStruct, frozen=True, kw_only=True, tag="decision.fell-back"):
    """No decision: use clinical judgement. `guard` names which doubt, `reason` why, without values."""

    decision: str
    use_case: str
    candidate: str
    stage: str
    subject: str
    site: str
    guard: str
    reason: str
    record: str
    policy: str


class DecisionResponded(FactStruct, frozen=True, kw_only=True, tag="decision.responded"):
    """What the clinician or reviewer did: confirmed, overridden, escalated; `reason` is from a closed list."""

    decision: str
    use_case: str
    response: str
    person: str
    reason: str
    record: str = ""


class OutcomeObserved(FactStruct, frozen=True, kw_only=True, tag="outcome.observed"):
    """The outcome of a decided encounter became known; its value is in the sealed record."""

    decision: str
    use_case: str
    subject: str
    record: str


class ConsentChanged(FactStruct, frozen=True, kw_only=True, tag="consent.changed"):
    """A patient opted out of, or back into, AI support for one use case (`*` for all)."""

    subject: str
    use_case: str
    opted_out: bool
