"""After the answer: what clinicians did with it, how it turned out, who opted out, and what waits for a reviewer."""

from __future__ import annotations

from bedrail.core.errors import Invalid, NotFound, Refused, Unavailable
from bedrail.core.events import Actor
from bedrail.core.events.bedside import ConsentChanged, DecisionResponded, OutcomeObserved
from bedrail.core.events.oversight import DataRead
from bedrail.core.queries import DecisionRow
from bedrail.core.values import Value
from bedrail.decisions.values import (
    REASONS,
    AnswerRecord,
    OutcomeRecord,
    ResponseRecord,
    decision_record,
    to_bytes,
)
from bedrail.governance.access import authorise, require_site
from bedrail.journeys.desk import SYSTEM, Desk
from bedrail.ledger.append import Receipt

MOST_NOTE = 2000


class ResponseState(Value, frozen=True, kw_only=True):
    """What somebody did with a decision."""

    response: str
    person: str
    reason: str
    at: str


class DecisionState(Value, frozen=True, kw_only=True):
    """A decision without patient data. `kind` is answered or fell-back; `responses` are oldest first."""

    decision: str
    at: str
    kind: str
    candidate: str
    stage: str
    routing: str
    shown: bool
    guard: str
    reason: str
    responses: tuple[ResponseState, ...]
    outcome_known: bool


class Waiting(Value, frozen=True, kw_only=True):
    """A held answer that waits for a reviewer."""

    decision: str
    at: str
    candidate: str
    stage: str
    site: str


class Opened(Value, frozen=True, kw_only=True):
    """What a reviewer sees of a held answer."""

    decision: str
    risk: float
    low: float
    high: float
    threshold: float
    recommendation: str
    card: str
    hold: str


async def respond(
    desk: Desk,
    decision: str,
    use_case: str,
    response: str,
    person: str,
    reason: str,
    note: str = "",
    *,
    token: str = "",
) -> Receipt:
    """Record that a person confirmed, overrode or escalated an answer; the note, if any, rests sealed.

    Raises `NotFound` for a decision that is not this use case's, `Invalid` for a response or reason outside the closed
    list, `Refused` when the person may not respond or there is nothing to respond to, `Unavailable`.
    """
    row = _row(desk, decision, use_case)
    if response not in REASONS:
        raise Invalid("this is no response.", path="response", remedy=f"One of: {', '.join(REASONS)}.")
    if reason not in REASONS[response]:
        raise Invalid(
            "this reason is not on the list.", path="reason", remedy=f"One of: {', '.join(REASONS[response])}."
        )
    if len(note) > MOST_NOTE:
        raise Invalid("the note is too long.", path="note", remedy=f"At most {MOST_NOTE} characters.")
    actor = _person(desk, person, "decision.respond", row.site, token)
    if row.kind != "answered" or row.stage == "shadow":
        raise Refused("there was no answer to respond to.", remedy="Use clinical judgement.", reasons=("conflict",))
    entry, sealed, digest = desk.ids.new(), None, ""
    if note:
        record = ResponseRecord(decision=decision, note=note, as_of=desk.clock.now())
        sealed, digest = desk.seal(entry, row.subject, "response", to_bytes(record))
    fact = DecisionResponded(
        decision=decision, use_case=use_case, response=response, person=person, reason=reason, record=digest
    )
    return await desk.append(actor, fact, record=sealed, entry=entry)


async def observe(desk: Desk, decision: str, use_case: str, value: int, *, token: str = "") -> Receipt:
    """Record the outcome of a decided encounter, once; the value rests sealed under `outcome:DECISION`.

    Raises `NotFound`, `Invalid` (value not 0 or 1), `Refused` (known already, or nobody it could belong to).
    """
    row = _row(desk, decision, use_case)
    if isinstance(value, bool) or value not in (0, 1):
        raise Invalid("an outcome is 0 or 1.", path="value", remedy="1: it happened; 0: it did not.")
    if not row.subject:
        raise Refused("that decision belongs to no patient.", reasons=("conflict",))
    if desk.views.outcome(decision) is not None:
        raise Refused("the outcome is recorded already.", remedy="It is recorded once.", reasons=("conflict",))
    record = OutcomeRecord(decision=decision, value=int(value), as_of=desk.clock.now())
    sealed, digest = desk.seal(outcome_id(decision), row.subject, "outcome", to_bytes(record))
    fact = OutcomeObserved(decision=decision, use_case=use_case, subject=row.subject, record=digest)
    return await desk.append(_system(token), fact, record=sealed)


def outcome_id(decision: str) -> str:
    """The id of the sealed record that holds a decision's outcome."""
    return f"outcome:{decision}"


async def set_consent(desk: Desk, subject: str, use_case: str, opted_out: bool, *, token: str = "") -> Receipt:
    """Record an opt-out (or the way back) of a patient for a use case, `*` for all; in force here on return."""
    if use_case != "*" and use_case not in desk.registry.use_cases:
        raise NotFound("there is no such use case.", path="use_case", remedy="Name one, or `*` for all.")
    fact = ConsentChanged(subject=desk.pseudonyms.pseudonym(subject), use_case=use_case, opted_out=opted_out)
    receipt = await desk.append(_system(token), fact)
    desk.serving.refresh()
    return receipt


async def open_held(desk: Desk, decision: str, use_case: str, person: str, *, token: str = "") -> Opened:
    """The answer behind a held decision, for its reviewer; that it was read is on record before it is shown.

    Raises `NotFound`, `Unavailable`, and `Refused` when it is not held, or may not be shown any more: its deployment
    ended, or the patient opted out since.
    """
    row = _row(desk, decision, use_case)
    actor = _person(desk, person, "decision.respond", row.site, token)
    if row.kind != "answered" or row.mode != "review" or row.stage == "shadow":
        raise Refused("that decision is not held for review.", reasons=("conflict",))
    _still_served(desk, row)
    found = desk.records.get(decision)
    if found is None:
        raise NotFound("the record is no longer there.", path="decision", remedy="Its key was destroyed.")
    record = decision_record(desk.vault.open(*found))
    if not isinstance(record, AnswerRecord):
        raise Unavailable("the record is not an answer's.", remedy="Run `bedrail ledger verify`.")
    read = DataRead(
        use_case=use_case, kind="decision", count=1, reason="review", decision=decision, subject=row.subject
    )
    await desk.append(actor, read)
    return Opened(
        decision=decision,
        risk=record.risk,
        low=record.low,
        high=record.high,
        threshold=record.terms.threshold,
        recommendation=record.recommendation,
        card=record.card,
        hold=record.hold,
    )


def _still_served(desk: Desk, row: DecisionRow) -> None:
    """A held answer is shown only where one could be given now; raises `Refused`, or `Unavailable` when none knows."""
    if not desk.serving.followed():
        raise Unavailable("the ledger cannot be followed.", remedy="Use clinical judgement; try again later.")
    deployment = desk.registry.use_case(row.use_case).deployment
    if deployment is None or deployment.candidate != row.candidate:
        why = "the model that gave this answer no longer serves here."
    elif deployment.halted:
        why = "the model has been stopped for this use case."
    elif desk.clock.now().timestamp() >= deployment.until_epoch:
        why = "the approval of this model has expired."
    elif desk.registry.opted_out_of(row.subject, row.use_case, desk.clock.now().timestamp()):
        why = "the patient opted out of AI support."
    else:
        return
    raise Refused(why, remedy="Use clinical judgement.", reasons=("conflict",))


def state(desk: Desk, decision: str, use_case: str) -> DecisionState:
    """What happened to a decision, without patient data; raises `NotFound`."""
    row = _row(desk, decision, use_case)
    return DecisionState(
        decision=decision,
        at=row.at,
        kind=row.kind,
        candidate=row.candidate,
        stage=row.stage,
        routing=row.mode,
        shown=row.shown,
        guard=row.guard,
        reason=row.reason,
        responses=tuple(
            ResponseState(response=each.response, person=each.person, reason=each.reason, at=each.at)
            for each in desk.views.responses(decision)
        ),
        outcome_known=desk.views.outcome(decision) is not None,
    )


def reviews(desk: Desk, use_case: str) -> tuple[Waiting, ...]:
    """Held answers that nobody has looked at, oldest first, without patient data."""
    return tuple(
        Waiting(decision=r.decision, at=r.at, candidate=r.candidate, stage=r.stage, site=r.site)
        for r in desk.views.review_queue(use_case)
        if r.stage != "shadow"
    )


def _row(desk: Desk, decision: str, use_case: str) -> DecisionRow:
    row = desk.views.decision(decision)
    if row is None or row.use_case != use_case:
        raise NotFound("there is no such decision.", path="decision", remedy="Use the id that came with the answer.")
    return row


def _person(desk: Desk, person: str, action: str, site: str, token: str) -> Actor:
    """The person whom the calling system names, when they may do this with decisions of this site.

    A refusal is told of the token: the name is its holder's claim, and whoever sends many names writes no more for it.
    """
    try:
        actor = authorise(desk.registry, person, action, desk.clock.now().timestamp(), "asserted")
        require_site(desk.registry, person, site)
    except Refused as refused:
        if token:
            desk.deny("token", token, action, refused)
        elif person in desk.registry.people:  # within this process; any other name may be a patient's
            desk.deny("person", person, action, refused)
        raise
    return actor


def _system(token: str) -> Actor:
    """The calling system by its token's id, or Bedrail itself when no token was used."""
    return Actor(auth="bearer", id=token, kind="token") if token else SYSTEM
