"""Guarding the decision API: look at what tokens asked, flag what honest use does not show, act as the policy says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import AbuseLifted, AbuseLooked, AbuseSuspected, DataRead, Fact, NoticeGiven, decode
from bedrail.core.ports import Notice
from bedrail.core.queries import DecisionRow
from bedrail.core.values import Value
from bedrail.governance.abuse import SUSPEND, Flag
from bedrail.governance.usecase import Charter
from bedrail.governance.views import UseCaseView
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.examination import assess_rows, load_model
from bedrail.journeys.windows import inputs_of, received, reference_rows
from bedrail.monitoring.abuse import (
    BLOCK,
    FEWEST_STEPS,
    SWEPT,
    Baseline,
    Floats,
    Found,
    Queries,
    blocks,
    calibrate,
    look_at_inputs,
    look_at_times,
    look_for_sweeps,
    sweep_limit,
)

ATTEMPTS = 5
"""To record a flag while others record facts."""

MOST = 20_000
"""Decisions of a use case that one look goes back over, the newest."""


class Suspicion(Value, frozen=True, kw_only=True):
    """A flag as told; `again` when it stood already and nothing new was recorded."""

    flag: str
    token: str
    client: str
    detector: str
    found: str
    limit: str
    decisions: int
    taken: str
    again: bool = False


class LookedForAbuse(Value, frozen=True, kw_only=True):
    """What one look saw: decisions gone over, tokens, blocks held against a baseline (`calibrated`: there was one)."""

    use_case: str
    decisions: int
    tokens: int
    blocks: int
    calibrated: bool
    suspicions: tuple[Suspicion, ...]


@dataclass(slots=True)
class _Asked:
    """One token's decisions in order, with what was sent in those whose records still open."""

    token: str
    rows: list[DecisionRow]
    times: Queries
    inputs: Queries
    places: list[int]
    """For each row of `inputs`, its row in `rows`."""


def look_for_abuse(ctx: Context, person: str, use_case: str) -> LookedForAbuse:
    """Look at the newest decisions of a use case, token by token; what is found is on record, and officers are told.

    Honest blocks come from the dataset in force, or no calibrated detector runs. Raises `NotFound` and `Refused`.
    """
    actor, view = ctx.require(person, "abuse.look"), ctx.use_case(use_case)
    charter = ctx.charter(use_case)
    rows = ctx.views.decisions(use_case, limit=MOST, newest_first=True)[::-1]
    by_token = _by_token(ctx, [row for row in rows if row.subject])
    asked = [_asked(ctx, charter, token, rows) for token, rows in by_token.items()]
    fresh = {each.token: each.inputs.taken(_since(each, _cursor(ctx, use_case, each.token))) for each in asked}
    wanted = any(blocks(queries.subject) for queries in fresh.values())
    baseline, steps = _baseline(ctx, view, charter, whole=wanted)
    facts: list[Fact] = []
    suspicions: list[Suspicion] = []
    told: list[tuple[AbuseSuspected, Notice]] = []
    full = 0
    for each in asked:
        found, last, count = _look(ctx, use_case, each, baseline, steps)
        full += count
        if last is not None:
            facts.append(AbuseLooked(use_case=use_case, token=each.token, decisions=count * BLOCK, last=last))
        for one in found:
            suspicion, fact = _suspicion(ctx, view, each, one)
            suspicions.append(suspicion)
            if fact is not None:
                told.append((fact, _notice(ctx, fact, suspicion.client)))
    opened = sum(len(each.inputs) for each in asked)
    if opened:
        facts.append(DataRead(use_case=use_case, kind="decision", count=opened, reason="looking for abuse"))
    if facts:
        ctx.append(actor, "security", *facts)
    for fact, notice in told:
        _tell(ctx, fact, notice)
    return LookedForAbuse(
        use_case=use_case,
        decisions=sum(len(each.rows) for each in asked),
        tokens=len(asked),
        blocks=full,
        calibrated=baseline is not None,
        suspicions=tuple(suspicions),
    )


def _tell(ctx: Context, fact: AbuseSuspected, notice: Notice) -> None:
    """Flag on record and officers told, unless another look did so meanwhile."""
    given = NoticeGiven(notice=notice.notice, kind=notice.kind, about=notice.about, to=notice.to)
    for attempt in range(ATTEMPTS):
        known = ctx.refresh().seen
        if _standing(ctx, fact.use_case, fact.token, fact.detector) is not None:
            return
        try:
            ctx.append(SYSTEM, "security", fact, given, known=known if attempt < ATTEMPTS - 1 else None)
        except Refused:  # somebody recorded something in between: look again whether it was this
            continue
        ctx.notices.give(notice)
        return


def _standing(ctx: Context, use_case: str, token: str, detector: str) -> Flag | None:
    flags = ctx.registry.abuse.standing(use_case)
    return next((flag for flag in flags if (flag.token, flag.detector) == (token, detector)), None)


def lift(ctx: Context, person: str, flag: str, reason: str) -> Flag:
    """Settle a flag: what was asked until now no longer counts, and a token that it suspended opens again.

    Raises `NotFound`, `Refused` for one settled already, `Invalid` for a reason of fewer than ten characters.
    """
    actor = ctx.require(person, "abuse.lift")
    known = ctx.registry.abuse.flags.get(flag)
    if known is None:
        raise NotFound("there is no such flag.", path="flag", remedy="bedrail abuse list")
    if known.settled_by:
        raise Refused(f"{known.settled_by} has settled it already.", remedy="bedrail abuse list")
    if not 10 <= len(reason.strip()) <= 500:
        raise Invalid("say why, in 10 to 500 characters.", path="--reason", remedy="No patient data.")
    fact = AbuseLifted(flag=flag, use_case=known.use_case, token=known.token, person=person, reason=reason)
    ctx.append(actor, "security", fact, known=ctx.registry.seen)
    return ctx.registry.abuse.flags[flag]


def _by_token(ctx: Context, rows: Sequence[DecisionRow]) -> dict[str, list[DecisionRow]]:
    """Rows by the token that asked, as the ledger has it."""
    found: dict[str, list[DecisionRow]] = {}
    by_seq = {row.seq: row for row in rows}
    if rows:
        for index, data in ctx.tape.entries(rows[0].seq, rows[-1].seq + 1):
            row = by_seq.get(index)
            if row is not None:
                actor = decode(data).actor
                if actor.kind == "token":
                    found.setdefault(actor.id, []).append(row)
    return found


def _asked(ctx: Context, charter: Charter, token: str, rows: list[DecisionRow]) -> _Asked:
    """Records are opened only of decisions that a detector of inputs may still look at."""
    settled = ctx.registry.abuse.settled.get((charter.use_case.id, token), -1)
    since = min(_cursor(ctx, charter.use_case.id, token), rows[max(0, len(rows) - SWEPT)].seq - 1)
    wanted = [row for row in rows if row.seq > max(since, settled) and row.record]
    kept, X, risk = received(ctx, charter, wanted)
    place = {row.seq: number for number, row in enumerate(rows)}
    return _Asked(token, rows, _queries(rows), _queries(kept, X, risk), [place[row.seq] for row in kept])


def _queries(rows: Sequence[DecisionRow], X: Floats | None = None, risk: Floats | None = None) -> Queries:
    n = len(rows)
    return Queries(
        X=np.empty((n, 0)) if X is None else X,
        risk=np.full(n, np.nan) if risk is None else risk,
        subject=np.array([row.subject for row in rows]),
        at=np.array([datetime.fromisoformat(row.at).timestamp() for row in rows], dtype=float),
    )


def _cursor(ctx: Context, use_case: str, token: str) -> int:
    """The ledger index up to which blocks of this token are done."""
    abuse, key = ctx.registry.abuse, (use_case, token)
    return max(abuse.looked.get(key, -1), abuse.settled.get(key, -1))


def _since(asked: _Asked, seq: int) -> slice:
    first = next((n for n, place in enumerate(asked.places) if asked.rows[place].seq > seq), len(asked.places))
    return slice(first, None)


def _look(
    ctx: Context, use_case: str, asked: _Asked, baseline: Baseline | None, steps: float
) -> tuple[list[Found], int | None, int]:
    """Findings by rows of `asked.rows`, the ledger index up to which blocks are done (None: no further), blocks."""
    settled = ctx.registry.abuse.settled.get((use_case, asked.token), -1)
    new = next((n for n, row in enumerate(asked.rows) if row.seq > settled), len(asked.rows))
    found = look_at_times(asked.times, new)
    found += [_placed(asked, one, 0) for one in look_for_sweeps(asked.inputs, steps)] if len(asked.inputs) else []
    last, count = None, 0
    if baseline is not None:
        rest = _since(asked, _cursor(ctx, use_case, asked.token))
        fresh = asked.inputs.taken(rest)
        strange, end = look_at_inputs(fresh, baseline)
        found += [_placed(asked, one, rest.start) for one in strange]
        count = len(blocks(fresh.subject))
        last = asked.rows[asked.places[rest.start + end - 1]].seq if end else None
    return found, last, count


def _placed(asked: _Asked, found: Found, start: int) -> Found:
    """A finding among the inputs, told in rows of all decisions."""
    first, last = asked.places[start + found.first], asked.places[start + found.last]
    return Found(found.detector, found.found, found.limit, first, last)


def _baseline(ctx: Context, view: UseCaseView, charter: Charter, *, whole: bool) -> tuple[Baseline | None, float]:
    """What honest use looks like by the dataset in force, and how many steps are a sweep.

    The draws are the same at every look at the same candidate. A model outside is not asked about its reference:
    without risks, nothing is said about its threshold.
    """
    if view.deployment is None or view.dataset is None:
        return None, float(FEWEST_STEPS)
    candidate = view.deployment.candidate
    try:
        rows, contract = reference_rows(ctx, view.id, candidate), charter.contract()
    except NotFound:  # its key was destroyed: nothing is left to compare with
        return None, float(FEWEST_STEPS)
    rng = np.random.default_rng(int(candidate[:16], 16))
    X = inputs_of(rows, contract)
    steps = sweep_limit(X, rng)
    if not whole:
        return None, steps
    remote = view.candidates[candidate].kind == "remote"
    risk = np.full(len(rows), np.nan) if remote else assess_rows(load_model(ctx, candidate), rows).risk
    reference = Queries(X, risk, rows[charter.data.subject].astype(str).to_numpy(), np.zeros(len(rows)))
    levels = [len(f.levels) if f.kind == "categorical" else 0 for f in contract.features]
    baseline = calibrate(reference, levels, charter.decision.threshold, rng)
    if baseline is not None and remote:
        baseline.limits["boundary"] = float(BLOCK)
    return baseline, steps


def _suspicion(ctx: Context, view: UseCaseView, asked: _Asked, found: Found) -> tuple[Suspicion, AbuseSuspected | None]:
    registry = ctx.registry
    token = next((t for t in registry.tokens.values() if t.token == asked.token), None)
    gone = registry.revoked_tokens.get(asked.token)
    client = token.client if token else gone.client if gone else ""
    known = _standing(ctx, view.id, asked.token, found.detector)
    fact = AbuseSuspected(
        flag=known.flag if known else ctx.ids.new(),
        use_case=view.id,
        token=asked.token,
        detector=found.detector,
        decisions=found.last - found.first + 1,
        found=f"{found.found:.4g}",
        limit=f"{found.limit:.4g}",
        first=asked.rows[found.first].decision,
        last=asked.rows[found.last].decision,
        taken=known.taken if known else ctx.policy().on(view.tier).abuse if token else "notify",
    )
    said = Suspicion(
        flag=fact.flag,
        token=fact.token,
        client=client,
        detector=fact.detector,
        found=fact.found,
        limit=fact.limit,
        decisions=fact.decisions,
        taken=fact.taken,
        again=known is not None,
    )
    return said, None if known else fact


def _notice(ctx: Context, fact: AbuseSuspected, client: str) -> Notice:
    """To the officers, or the owners where there are none."""
    holders = ctx.registry.holders
    officers = {*holders("privacy-officer"), *holders("security-officer")} or set(holders("owner"))
    done = "The token is suspended. " if fact.taken == SUSPEND else ""
    words = f"{fact.detector}: the token of {client} asked {fact.use_case} as honest use does not"
    return Notice(
        notice=ctx.ids.new(),
        kind="abuse",
        about=fact.flag,
        to=tuple(sorted(officers)),
        words=f"{words} (found {fact.found}, limit {fact.limit}). {done}bedrail abuse list",
        at=ctx.clock.now().isoformat(timespec="seconds"),
    )
