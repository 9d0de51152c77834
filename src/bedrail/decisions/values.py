"""The nouns of a decision: the terms it is made under, what is answered, and the record that is sealed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from bedrail.core.errors import NOT_JSON, Unavailable
from bedrail.core.values import NO_DECISION, Mode, Value
from bedrail.ledger.append import Receipt

Response = Literal["confirmed", "overridden", "escalated"]

REASONS: dict[str, tuple[str, ...]] = {
    "confirmed": ("agrees-with-assessment", "agrees-after-review", "no-objection"),
    "overridden": (
        "clinical-picture-differs",
        "data-wrong",
        "data-outdated",
        "patient-preference",
        "already-done",
        "not-applicable",
        "other",
    ),
    "escalated": ("needs-senior-opinion", "needs-specialist", "safety-concern", "other"),
}
"""The closed list of reason codes for each response; words of one's own go into the sealed note."""


class Terms(Value, frozen=True, kw_only=True):
    """What the charter says about deciding: threshold, mode, words, and when to doubt.

    `threshold` and `max_interval_width` are probabilities, `budget_ms` milliseconds. `groups` are the columns that a
    request may carry for monitoring. The terms are kept in every record, so that a decision can be run again.
    """

    title: str
    threshold: float
    suggestion: str
    fallback: str
    mode: Mode
    max_interval_width: float = 1.0
    budget_ms: int = 1000
    groups: tuple[str, ...] = ()


class Deployed(Protocol):
    """Which candidate serves, at which stage, where (no sites: everywhere), for how many per mille, until when.

    `until_epoch` is `until` in seconds since 1970; when `halted`, `reason` says why.
    """

    @property
    def candidate(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def sites(self) -> frozenset[str]: ...
    @property
    def share(self) -> int: ...
    @property
    def until(self) -> str: ...
    @property
    def until_epoch(self) -> float: ...
    @property
    def halted(self) -> bool: ...
    @property
    def reason(self) -> str: ...


class ModelNote(Value, frozen=True, kw_only=True):
    """Which model answered: the candidate's digest and its name."""

    candidate: str
    name: str


class Reason(Value, frozen=True, kw_only=True):
    """One input's exact share in the risk, in log-odds, with the clinical word for its direction."""

    feature: str
    label: str
    value: float | str | None
    unit: str
    direction: Literal["raises", "lowers"]
    contribution: float


class Answer(Value, frozen=True, kw_only=True):
    """A governed answer that may be shown. `risk`, `low`, `high` and `threshold` are probabilities."""

    decision: str
    kind: Literal["answer"] = "answer"
    risk: float
    low: float
    high: float
    threshold: float
    recommendation: str
    mode: Mode
    routing: Mode
    reasons: tuple[Reason, ...]
    card: str
    model: ModelNote
    stage: str
    expires: str
    receipt: Receipt


class Withheld(Value, frozen=True, kw_only=True):
    """Computed and recorded, but not shown: in shadow, or held for a reviewer; says neither risk nor reasons."""

    decision: str
    kind: Literal["shadow", "review"]
    message: str
    mode: Mode
    routing: Mode
    model: ModelNote
    stage: str
    expires: str
    receipt: Receipt


class Fallback(Value, frozen=True, kw_only=True):
    """No decision: which guard doubted and why (without values), and what the charter says to do instead."""

    decision: str
    kind: Literal["fallback"] = "fallback"
    message: str = NO_DECISION
    guard: str
    reason: str
    fallback_plan: str
    receipt: Receipt | None = None


class Given(Value, frozen=True, kw_only=True):
    """The caller's request as it is kept: features verbatim, everything else as understood.

    Features are `null` where they were plain values that the record holds as `inputs` anyway.
    """

    at: datetime | None
    encounter: str
    site: str
    features: msgspec.Raw
    groups: dict[str, str]


class AnswerRecord(Value, frozen=True, kw_only=True):
    """What rests sealed behind `decision.answered`: enough to run the decision again and get these very bytes.

    `vector` and `contributions` are little-endian float64: the encoded columns, and one log-odds share per contract
    feature (empty when the model gives none). `inputs` are in contract units, None where imputed. `ages` are hours
    at the time of deciding, `*` standing for every input without a time of its own. `as_of` is that time.
    """

    v: Literal[1] = 1
    kind: Literal["answer"] = "answer"
    decision: str
    use_case: str
    as_of: datetime
    candidate: str
    model: str
    package: str
    stage: str
    policy: str
    expires: str
    terms: Terms
    given: Given
    inputs: dict[str, float | str | None]
    ages: dict[str, float]
    vector: bytes
    raw: float
    risk: float
    low: float
    high: float
    p_values: tuple[float, ...]
    ood_distance: float
    contributions: bytes
    routing: Mode
    hold: str
    recommendation: str
    card: str


class FallbackRecord(Value, frozen=True, kw_only=True):
    """What rests sealed behind `decision.fell-back` when there was a readable request about a patient."""

    v: Literal[1] = 1
    kind: Literal["fallback"] = "fallback"
    decision: str
    use_case: str
    as_of: datetime
    candidate: str
    stage: str
    policy: str
    guard: str
    reason: str
    given: Given


class OutcomeRecord(Value, frozen=True, kw_only=True):
    """The outcome of a decided encounter: 1 happened, 0 did not."""

    v: Literal[1] = 1
    decision: str
    value: int
    as_of: datetime


class ResponseRecord(Value, frozen=True, kw_only=True):
    """A clinician's own words about a decision."""

    v: Literal[1] = 1
    decision: str
    note: str
    as_of: datetime


_encoder = msgspec.json.Encoder()


def to_bytes(record: AnswerRecord | FallbackRecord | OutcomeRecord | ResponseRecord | dict[str, Any]) -> bytes:
    """The record's bytes as they are sealed: fields as declared, inputs in contract order, the rest as it was sent."""
    return _encoder.encode(record)


_answer = msgspec.json.Decoder(AnswerRecord)
_fallback = msgspec.json.Decoder(FallbackRecord)
_outcome = msgspec.json.Decoder(OutcomeRecord)
_response = msgspec.json.Decoder(ResponseRecord)


class _Kind(msgspec.Struct):
    kind: Literal["answer", "fallback"]


_kind = msgspec.json.Decoder(_Kind)

T = TypeVar("T")


def _read(decoder: msgspec.json.Decoder[T], plaintext: bytes) -> T:
    """A version that is not known here is not guessed at, even where its fields would fit."""
    try:
        return decoder.decode(plaintext)
    except NOT_JSON as error:
        remedy = "Use the version of Bedrail that wrote it, or a newer one."
        raise Unavailable("a sealed record has a form that this version does not know.", remedy=remedy) from error


def answer_record(plaintext: bytes) -> AnswerRecord:
    """The record behind an answered decision; raises `Unavailable` for any other bytes."""
    return _read(_answer, plaintext)


def decision_record(plaintext: bytes) -> AnswerRecord | FallbackRecord:
    """The record of a decision of either kind; raises `Unavailable` for any other bytes."""
    return _read(_answer, plaintext) if _read(_kind, plaintext).kind == "answer" else _read(_fallback, plaintext)


def outcome_record(plaintext: bytes) -> OutcomeRecord:
    """The record behind an observed outcome; raises `Unavailable` for any other bytes."""
    return _read(_outcome, plaintext)


def response_record(plaintext: bytes) -> ResponseRecord:
    """The note behind a response; raises `Unavailable` for any other bytes."""
    return _read(_response, plaintext)
