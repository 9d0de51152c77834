"""One decision's whole path: inputs, model, approvals, what was shown, what was done, how it turned out; and again."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from bedrail.core.errors import NOT_JSON, BedrailError, Corrupt, NotFound
from bedrail.core.events import DataRead, DecisionAnswered, DecisionFellBack, decode
from bedrail.core.queries import DecisionRow
from bedrail.core.values import Value
from bedrail.decisions.decide import rerun
from bedrail.decisions.values import AnswerRecord, FallbackRecord, decision_record, outcome_record, response_record
from bedrail.governance.access import require_site
from bedrail.governance.approvals import flaw, ground_for
from bedrail.governance.moments import epoch
from bedrail.governance.policy import parse_policy
from bedrail.governance.views import Registry, UseCaseView
from bedrail.journeys.context import Context
from bedrail.journeys.examination import load_model
from bedrail.journeys.packages import package_statement
from bedrail.ledger.merkle import leaf_hash, verify_inclusion
from bedrail.ledger.shards import open_sealed

DESTROYED = "destroyed with the patient's key"
"""What stands for a record that its patient's right to be forgotten, or a retention period, closed for good."""


class Proof(Value, frozen=True, kw_only=True):
    """That the decision's entry is in the ledger: index, size and signed root of the tree, the audit path in hex."""

    index: int
    size: int
    root: str
    leaf: str
    path: tuple[str, ...]
    holds: bool


class Trace(Value, frozen=True, kw_only=True):
    """Everything known of one decision; `reproduced` says whether running it again gave the same bytes."""

    decision: str
    at: str
    kind: str
    use_case: str
    stage: str
    site: str
    shown: bool
    record: dict[str, Any]
    model: dict[str, str]
    evidence: tuple[dict[str, str], ...]
    approvals: tuple[dict[str, str], ...]
    responses: tuple[dict[str, str], ...]
    outcome: int | None
    reproduced: str
    proof: Proof


def trace_decision(ctx: Context, person: str, decision: str) -> Trace:
    """Join ledger, records and registry for one decision, and run it again from its sealed inputs.

    Opening the record is itself a fact. Raises `NotFound`, `Refused` for a role that may not read decisions, and
    `Corrupt` when the view or the sealed record is not what the fact says.
    """
    actor = ctx.require(person, "decision.read")
    row = ctx.views.decision(decision)
    found = ctx.views.find_entry(decision)
    if row is None or found is None:
        raise NotFound(f"no decision `{decision[:40]}`.", path="decision", remedy="bedrail status shows where to look.")
    _check_row(row, found[1])
    require_site(ctx.registry, person, row.site)
    view = ctx.use_case(row.use_case)
    taken = DataRead(
        use_case=row.use_case, kind="decision", count=1, reason="trace", decision=decision, subject=row.subject
    )
    ctx.append(actor, "oversight", taken)
    plaintext = sealed_record(ctx, row)
    past = _registry_before(ctx, row.seq)
    record = None if plaintext is None else decision_record(plaintext)
    return Trace(
        decision=decision,
        at=row.at,
        kind=row.kind,
        use_case=row.use_case,
        stage=row.stage,
        site=row.site if record is None else record.given.site,
        shown=row.shown,
        record=_told(record, row),
        model=_model(ctx, view, row.candidate),
        evidence=_evidence(past.use_case(row.use_case), row),
        approvals=_approvals(ctx, past, row),
        responses=_responses(ctx, decision),
        outcome=_outcome(ctx, decision),
        reproduced=_again(ctx, row, record, plaintext),
        proof=_prove(ctx, *found),
    )


def _told(record: AnswerRecord | FallbackRecord | None, row: DecisionRow) -> dict[str, Any]:
    """The record as plain values; a fallback before there was a patient has none, nor has a forgotten patient."""
    if record is None and row.record:
        return {"guard": row.guard, "reason": row.reason, "destroyed": DESTROYED}
    if record is None:
        return {"guard": row.guard, "reason": row.reason}
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record))
    return told


def _model(ctx: Context, view: UseCaseView, candidate: str) -> dict[str, str]:
    known = view.candidates.get(candidate)
    if known is None:
        return {}
    key = ctx.signer.public_key
    signed = ctx.verify(key, package_statement(candidate), bytes.fromhex(known.signature))
    return {
        "name": known.name,
        "kind": known.kind,
        "candidate": candidate,
        "origin": known.origin,
        "author": known.author,
        "dataset": known.dataset,
        "signature": "valid" if signed else "NOT VALID",
    }


def _check_row(row: DecisionRow, entry: bytes) -> None:
    """That the view says what the fact behind it says; raises `Corrupt` otherwise."""
    try:
        fact = decode(entry).fact
    except NOT_JSON:
        fact = None
    if not isinstance(fact, DecisionAnswered | DecisionFellBack):
        raise Corrupt("the ledger entry of this decision cannot be read.", remedy="Run `bedrail ledger verify`.")
    for name in fact.__struct_fields__:
        if getattr(row, name) != getattr(fact, name):
            raise Corrupt(
                f"the view of this decision differs from its fact: {name}.", remedy="Run `bedrail ledger verify`."
            )


def sealed_record(ctx: Context, row: DecisionRow) -> bytes | None:
    """The plaintext of the record that the fact names; None when there is none, or its key was destroyed."""
    found = ctx.records.get(row.decision)
    if found is None:
        return None
    if hashlib.sha256(found[0].ciphertext).hexdigest() != row.record:
        raise Corrupt("the sealed record is not the one that was recorded.", remedy="Run `bedrail ledger verify`.")
    return ctx.vault.open(*found)


def _registry_before(ctx: Context, seq: int) -> Registry:
    """Everything as it stood when the entry of this index was written: evidence renewed since does not count."""
    past = Registry()
    for index, data in ctx.tape.registry_entries():
        if index >= seq:
            break
        past.apply(index, decode(data))
    return past


def _evidence(view: UseCaseView, row: DecisionRow) -> tuple[dict[str, str], ...]:
    return tuple(
        {"check": e.check, "verdict": e.verdict, "at": e.at, "evidence": e.evidence, "reason": e.reason}
        for e in view.evidence.values()
        if e.candidate in {row.candidate, ""}
    )


def _approvals(ctx: Context, past: Registry, row: DecisionRow) -> tuple[dict[str, str], ...]:
    """Those that counted at that moment, under the policy of that moment."""
    view = past.use_case(row.use_case)
    candidate = view.candidates.get(row.candidate)
    if candidate is None:
        return ()
    policy = parse_policy(ctx.artifacts.get(past.policy).decode())
    ground = ground_for(policy, view, candidate, row.stage, past.access.lost)
    return tuple(
        {"person": a.person, "role": a.role, "stage": a.stage, "given": a.at, "expires": a.expires, "policy": a.policy}
        for a in view.approvals
        if flaw(a, ground, epoch(row.at)) is None
    )


def _responses(ctx: Context, decision: str) -> tuple[dict[str, str], ...]:
    told = []
    for response in ctx.views.responses(decision):
        entry = ctx.views.entry(response.seq)
        note = ""
        if response.record and entry is not None:
            record_id = decode(entry).id
            notes = dict(ctx.opened("response", [record_id]))
            note = response_record(notes[record_id]).note if record_id in notes else "(destroyed)"
        told.append(
            {
                "response": response.response,
                "person": response.person,
                "reason": response.reason,
                "at": response.at,
                "note": note,
            }
        )
    return tuple(told)


def _outcome(ctx: Context, decision: str) -> int | None:
    opened = dict(ctx.opened("outcome", [f"outcome:{decision}"]))
    data = opened.get(f"outcome:{decision}")
    return None if data is None else outcome_record(data).value


def _again(
    ctx: Context, row: DecisionRow, record: AnswerRecord | FallbackRecord | None, plaintext: bytes | None
) -> str:
    """`same bytes`, `not applicable` (a fallback), or what stands in the way."""
    if record is None and row.record:
        return DESTROYED
    if plaintext is None or not isinstance(record, AnswerRecord):
        return "not applicable"
    try:
        model = load_model(ctx, row.candidate)
        return "same bytes" if rerun(plaintext, model) == plaintext else "DIFFERENT BYTES"
    except BedrailError as error:
        return f"could not run again: {error.message}"


def _prove(ctx: Context, index: int, entry: bytes) -> Proof:
    """An inclusion proof of the entry in the signed tree, checked here as an outsider would (RFC 6962, 2.1.1)."""
    head = ctx.tape.head()
    signed = open_sealed(head.checkpoint, ctx.public_key, ctx.verify)
    path = ctx.prover.inclusion(index, signed.size) if index < signed.size else []
    holds = verify_inclusion(leaf_hash(entry), index, signed.size, path, signed.root)
    return Proof(
        index=index,
        size=signed.size,
        root=signed.root.hex(),
        leaf=leaf_hash(entry).hex(),
        path=tuple(step.hex() for step in path),
        holds=holds,
    )
