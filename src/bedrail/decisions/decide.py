"""From a case to an answer, pure: the same case and model give the same record, byte for byte."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bedrail.core.errors import Unavailable
from bedrail.core.values import NO_DECISION, Mode
from bedrail.decisions.card import card, reasons, recommendation
from bedrail.decisions.guards import PROCEED, Case, FallBack, Hold, Ruling, after_model, on_inputs
from bedrail.decisions.request import Intake, Request
from bedrail.decisions.values import (
    Answer,
    AnswerRecord,
    Fallback,
    FallbackRecord,
    Given,
    ModelNote,
    Reason,
    Withheld,
    answer_record,
    to_bytes,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bedrail.ledger.append import Receipt
    from bedrail.models.predict import LoadedModel
    from bedrail.models.values import Assessment

PLAIN = msgspec.Raw(b"null")
HELD = "held for review: a reviewer looks at this before it is shown"
SHADOW = "recorded in shadow: not shown, use clinical judgement"


def given(request: Request, *, plain: bool = False) -> Given:
    """The request as it is kept; `plain` features are kept as the record's inputs alone."""
    return Given(
        at=request.at,
        encounter=request.encounter,
        site=request.site,
        features=PLAIN if plain else request.features,
        groups=request.groups,
    )


def credible(assessment: Assessment) -> Assessment:
    """The assessment; raises `Unavailable` when its numbers are no probabilities (NaN included)."""
    low, high = assessment.low, assessment.high
    if not (0.0 <= low <= high <= 1.0 and 0.0 <= assessment.risk <= 1.0 and math.isfinite(assessment.raw)):
        raise Unavailable("the model gave something that is no probability.", remedy="Use clinical judgement.")
    return assessment


class Answered(msgspec.Struct, frozen=True):
    """An answer: its record, and its reasons in words (which follow from the record and the model's contract)."""

    record: AnswerRecord
    reasons: tuple[Reason, ...]


def routing(case: Case) -> tuple[Mode, str] | FallBack:
    """Which way the answer goes and, when it is held, why; or the guard that doubts it."""
    ruling: Ruling = after_model(case)
    if isinstance(ruling, FallBack):
        return ruling
    if isinstance(ruling, Hold):
        return "review", ruling.reason
    if case.terms.mode == "review":
        return "review", "Every answer of this use case is reviewed."
    assert ruling is PROCEED
    return case.terms.mode, ""


def answered(
    case: Case,
    *,
    decision: str,
    model: str,
    package: str,
    policy: str,
    vector: NDArray[np.float64],
    contributions: NDArray[np.float64] | None = None,
) -> Answered | FallBack:
    """An answer with its record, or the guard that doubts it.

    `vector` is the encoded row (k,), `contributions` one share per feature, or None from a
    black box. The case must have
    passed the guards before the model and hold its assessment.
    """
    way = routing(case)
    if isinstance(way, FallBack):
        return way
    assert case.deployment is not None
    assert case.contract is not None
    assert case.inputs is not None
    assert case.assessment is not None
    deployment, assessment = case.deployment, case.assessment
    why: tuple[Reason, ...] = ()
    if contributions is not None:
        why = reasons(case.contract, case.inputs.values, contributions)
    advice = recommendation(case.terms, assessment.risk)
    record = AnswerRecord(
        decision=decision,
        use_case=case.use_case,
        as_of=case.now,
        candidate=deployment.candidate,
        model=model,
        package=package,
        stage=deployment.stage,
        policy=policy,
        expires=deployment.until,
        terms=case.terms,
        given=given(case.request, plain=case.inputs.plain),
        inputs=case.inputs.values,
        ages=case.inputs.ages,
        vector=vector.tobytes(),
        raw=assessment.raw,
        risk=assessment.risk,
        low=assessment.low,
        high=assessment.high,
        p_values=tuple(assessment.p_values),
        ood_distance=assessment.ood_distance,
        contributions=b"" if contributions is None else contributions.tobytes(),
        routing=way[0],
        hold=way[1],
        recommendation=advice,
        card=card(case.terms, assessment, why, model, deployment, advice),
    )
    return Answered(record, why)


def fallback_record(case: Case, ruling: FallBack, *, decision: str, policy: str) -> FallbackRecord:
    """The record of a doubt about a readable request."""
    return FallbackRecord(
        decision=decision,
        use_case=case.use_case,
        as_of=case.now,
        candidate=case.deployment.candidate if case.deployment else "",
        stage=case.deployment.stage if case.deployment else "",
        policy=policy,
        guard=ruling.guard,
        reason=ruling.reason,
        given=given(case.request),
    )


@dataclass(frozen=True, slots=True)
class Then:
    """The deployment as it was when a record was made."""

    candidate: str
    stage: str
    until: str
    until_epoch: float
    sites: frozenset[str] = frozenset()
    share: int = 1000
    halted: bool = False
    reason: str = ""


def rerun(plaintext: bytes, model: LoadedModel) -> bytes:
    """The record made anew from its own stored inputs by `model`, as bytes: equal to `plaintext`, or something changed.

    Reading, conversion, encoding, score, interval, guards after the model, reasons and card are all done again; only
    who, when, where and the terms are taken from the record. A doubt where there was an answer gives other bytes.
    """
    old = answer_record(plaintext)
    contract = model.package.contract
    features = old.given.features
    if features == PLAIN:
        features = msgspec.Raw(msgspec.json.encode({name: v for name, v in old.inputs.items() if v is not None}))
    request = Request(
        subject="-",
        encounter=old.given.encounter,
        site=old.given.site,
        at=old.given.at,
        features=features,
        groups=old.given.groups,
    )
    case = Case(
        use_case=old.use_case,
        now=old.as_of,
        deployment=Then(old.candidate, old.stage, old.expires, float("inf")),
        terms=old.terms,
        opted_out=False,
        subject="-",
        request=request,
        contract=contract,
    )
    case.inputs = Intake(contract).read(features, old.given.at, old.as_of)
    vector = contract.encoder().row(case.inputs.values)
    case.assessment = credible(model.assess(vector))
    doubt = on_inputs(case)
    contributions = model.contributions(vector) if old.contributions else None
    new = (
        doubt
        if isinstance(doubt, FallBack)
        else answered(
            case,
            decision=old.decision,
            model=model.package.name,
            package=model.package.model_sha256,
            policy=old.policy,
            vector=vector,
            contributions=contributions,
        )
    )
    if isinstance(new, FallBack):
        return to_bytes(fallback_record(case, new, decision=old.decision, policy=old.policy))
    return to_bytes(new.record)


def shown(record: AnswerRecord) -> bool:
    """Whether the caller sees the answer: not in shadow, and not while it waits for a reviewer."""
    return record.stage != "shadow" and record.routing != "review"


def reply(answer: Answered, receipt: Receipt) -> Answer | Withheld:
    """What goes back to the caller once the record is durable."""
    record = answer.record
    model = ModelNote(candidate=record.candidate, name=record.model)
    if not shown(record):
        hidden = record.stage == "shadow"
        return Withheld(
            decision=record.decision,
            kind="shadow" if hidden else "review",
            message=SHADOW if hidden else HELD,
            mode=record.terms.mode,
            routing=record.routing,
            model=model,
            stage=record.stage,
            expires=record.expires,
            receipt=receipt,
        )
    return Answer(
        decision=record.decision,
        risk=record.risk,
        low=record.low,
        high=record.high,
        threshold=record.terms.threshold,
        recommendation=record.recommendation,
        mode=record.terms.mode,
        routing=record.routing,
        reasons=answer.reasons,
        card=record.card,
        model=model,
        stage=record.stage,
        expires=record.expires,
        receipt=receipt,
    )


def fallback(decision: str, ruling: FallBack, plan: str, receipt: Receipt | None) -> Fallback:
    """The visible fallback."""
    return Fallback(
        decision=decision,
        message=NO_DECISION,
        guard=ruling.guard,
        reason=ruling.reason,
        fallback_plan=plan,
        receipt=receipt,
    )
