"""Watching what is deployed, and acting on alarms as the policy says, without waiting for anybody."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bedrail.core.errors import NotFound, Refused, Unavailable
from bedrail.core.events import (
    Actor,
    AlarmRaised,
    DataRead,
    DeploymentHalted,
    Fact,
    MonitoringReported,
    SentinelsRecorded,
)
from bedrail.core.values import Value
from bedrail.governance.actions import SENTINELS as SENTINELS_MONITOR
from bedrail.governance.actions import action_for, strongest
from bedrail.governance.consequences import to_shadow
from bedrail.governance.stages import at_least
from bedrail.governance.views import AlarmView, DeploymentView, UseCaseView
from bedrail.journeys.admission import write_report
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.dataset_reads import read_dataset
from bedrail.journeys.examination import load_model
from bedrail.journeys.windows import decisions_since, outcomes_since, reference_window
from bedrail.models.predict import LoadedModel
from bedrail.monitoring import sentinels
from bedrail.monitoring.report import report as report_of
from bedrail.monitoring.values import BUDGETED, Alarm, Budget, WatchState
from bedrail.monitoring.watch import Watch

if TYPE_CHECKING:
    from bedrail.governance.usecase import Charter

EARLY = ("input-drift", "missingness", "units", "output-drift")
"""Monitors that need no outcome: they look at decisions as they are made."""

LATE = tuple(name for name in BUDGETED if name not in EARLY)
"""Monitors that wait for outcomes: they look again when those are in."""


SENTINELS = 32
MOST_TO_CHOOSE_FROM = 1000
"""Every candidate row is one question to the vendor; so many are enough to choose well from."""

ATTEMPTS = 5
"""To record an alarm while others record facts."""


class RaisedAlarm(Value, frozen=True, kw_only=True):
    """An alarm as told to people: the monitor, its likely causes in words, who is affected, what was done.

    `again`: the fault of an alarm that stands lasts; nothing new was recorded, `action_taken` is what was done then.
    """

    monitor: str
    causes: tuple[str, ...]
    groups: tuple[str, ...]
    detail: str
    action_taken: str
    again: bool = False


class Looked(Value, frozen=True, kw_only=True):
    """What one call of `watch_use_case` saw; `unanswered` counts sentinel questions to a model out of reach."""

    use_case: str
    decisions: int
    windows: int
    waiting: int
    alarms: tuple[RaisedAlarm, ...]
    report: str
    unanswered: int = 0


class SentinelAnswer(Value, frozen=True, kw_only=True):
    """Whether a model still answers its sentinel questions as on record; `unanswered` says nothing about it."""

    use_case: str
    changed: bool
    asked: int
    differing: int
    unanswered: int
    largest: float
    detail: str


class Memory(Value, frozen=True, kw_only=True):
    """Where a watch stands between looks: what it gathered, and the ledger index up to which each kind was seen."""

    state: WatchState
    decisions_seen: int = -1
    outcomes_seen: int = -1


def watch_use_case(ctx: Context, use_case: str) -> Looked:
    """Look at every full window of decisions, and of outcomes, since the last look; act on alarms at once.

    The false-alarm budget of the charter covers both halves together. Raises `Refused` when nothing is deployed.
    """
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    if view.deployment is None:
        raise Refused("nothing is deployed.", remedy=f"bedrail deploy {use_case} --to shadow")
    candidate = view.deployment.candidate
    memory = _remembered(ctx, charter, use_case, candidate)
    watch = Watch(memory.state)
    size = charter.monitoring.window
    early = decisions_since(ctx, charter, use_case, candidate, memory.decisions_seen, size)
    late = outcomes_since(ctx, charter, use_case, candidate, memory.outcomes_seen, size)
    alarms = [alarm for window in early.windows for alarm in watch.look(window, monitors=EARLY)]
    alarms += [alarm for window in late.windows for alarm in watch.look(window, monitors=LATE)]
    memory = Memory(
        state=watch.state,
        decisions_seen=max(memory.decisions_seen, early.last_seen),
        outcomes_seen=max(memory.outcomes_seen, late.last_seen),
    )
    made_at = ctx.clock.now().isoformat(timespec="seconds")
    page = report_of(watch, tuple(alarms), title=view.title, made_at=made_at).to_html()
    path = write_report(ctx, use_case, "monitoring.html", page)
    digest = ctx.artifacts.put(page.encode())
    raised = _act(ctx, view, candidate, alarms, digest)
    unanswered = 0
    if candidate in view.sentinels:
        comparison, changed = _ask_sentinels(ctx, view, candidate)
        raised, unanswered = raised + changed, comparison.unanswered
    facts: list[Fact] = []
    if early.rows + late.rows:
        facts.append(DataRead(use_case=use_case, kind="decision", count=early.rows + late.rows, reason="monitoring"))
        facts.append(
            MonitoringReported(
                use_case=use_case,
                candidate=candidate,
                first=early.first or late.first,
                last=early.last or late.last,
                decisions=early.rows,
                verdict="fail" if raised else "pass",
                report=digest,
            )
        )
        ctx.append(SYSTEM, "safety", *facts)
    _remember(ctx, use_case, candidate, memory)
    return Looked(
        use_case=use_case,
        decisions=early.rows,
        windows=len(early.windows) + len(late.windows),
        waiting=early.waiting,
        alarms=tuple(raised),
        report=str(path),
        unanswered=unanswered,
    )


def _act(ctx: Context, view: UseCaseView, candidate: str, alarms: Sequence[Alarm], report: str) -> list[RaisedAlarm]:
    """Record alarms together with what the policy does about them: one commit, so neither is without the other.

    An alarm on record already (the process ended before it remembered its look, or lost its memory) is told again,
    and neither recorded nor acted on twice; nor is one that repeats an alarm that stands (`_stands`). Whoever halts
    meanwhile is not overruled: then all is looked up again.
    """
    for attempt in range(ATTEMPTS):
        known = ctx.refresh().seen
        there = {alarm.alarm: alarm.action_taken for alarm in view.alarms}
        told = _mark_repeats(view, candidate, [_told(ctx, view, candidate, alarm, there) for alarm in alarms], there)
        fresh = [(name, alarm, said) for name, alarm, said in told if name not in there and not said.again]
        facts = [_fact(name, view, candidate, alarm, said, report) for name, alarm, said in fresh]
        if not fresh:
            break
        retreat = _retreat(view, candidate, strongest([said.action_taken for *_, said in fresh]), fresh[0][1].monitor)
        try:
            ctx.append(SYSTEM, "safety", *facts, *retreat, known=known)
            break
        except Refused:
            if attempt == ATTEMPTS - 1:
                raise
    return [said for *_, said in told]


def _told(
    ctx: Context, view: UseCaseView, candidate: str, alarm: Alarm, there: Mapping[str, str]
) -> tuple[str, Alarm, RaisedAlarm]:
    """The alarm's name, which is the same whenever the same window raises it again, and what people are told."""
    name = ctx.ids.new()
    if alarm.first:
        seen = "\n".join((view.id, candidate, alarm.monitor, alarm.first, alarm.last))
        name = hashlib.sha256(seen.encode()).hexdigest()[:32]
    said = RaisedAlarm(
        monitor=alarm.monitor,
        causes=tuple(cause.sentence for cause in alarm.causes),
        groups=alarm.groups,
        detail=alarm.detail,
        action_taken=there.get(name) or action_for(ctx.policy(), view.tier, alarm.monitor),
    )
    return name, alarm, said


def _mark_repeats(
    view: UseCaseView,
    candidate: str,
    told: Sequence[tuple[str, Alarm, RaisedAlarm]],
    there: Mapping[str, str],
) -> list[tuple[str, Alarm, RaisedAlarm]]:
    """Alarms that repeat one on record, or an earlier one of these, are told as such, with what was done about that.

    A stronger action than was taken then (the policy changed) makes an alarm a new one.
    """
    taken = {alarm.monitor: alarm.action_taken for alarm in view.alarms if _stands(view, candidate, alarm)}
    marked = []
    for name, alarm, said in told:
        before = taken.get(alarm.monitor)
        repeats = name not in there and (alarm.again or alarm.monitor == SENTINELS_MONITOR)
        if repeats and before is not None and strongest((before, said.action_taken)) == before:
            marked.append((name, alarm, msgspec.structs.replace(said, action_taken=before, again=True)))
            continue
        if name not in there:
            taken[alarm.monitor] = said.action_taken
        marked.append((name, alarm, said))
    return marked


def _stands(view: UseCaseView, candidate: str, alarm: AlarmView) -> bool:
    """Whether this alarm still says all there is to say: no evidence about its candidate is newer, and nobody moved the
    candidate up since. Otherwise the same fault, seen again, is news: it must close the gate and act once more."""
    if alarm.candidate != candidate:
        return False
    if any(e.at_epoch > alarm.at_epoch for e in view.evidence.values() if e.candidate == candidate):
        return False
    return not any(
        now.candidate == candidate and now.at_epoch > alarm.at_epoch and _is_up(before, now)
        for before, now in pairwise((None, *view.history))
        if now is not None
    )


def _is_up(before: DeploymentView | None, now: DeploymentView) -> bool:
    """Whether this state lets the candidate do more than the one before did."""
    if now.halted:
        return False
    if before is None or before.halted or before.candidate != now.candidate:
        return True
    return now.stage != before.stage and at_least(now.stage, before.stage)


def _fact(name: str, view: UseCaseView, candidate: str, alarm: Alarm, said: RaisedAlarm, report: str) -> AlarmRaised:
    return AlarmRaised(
        alarm=name,
        use_case=view.id,
        candidate=candidate,
        monitor=alarm.monitor,
        action_taken=said.action_taken,
        causes=said.causes[:5],
        groups=said.groups[:20],
        detail=said.detail,
        report=report,
    )


def _retreat(view: UseCaseView, candidate: str, action: str, monitor: str) -> list[Fact]:
    """The facts that carry out an action on this candidate, if it still serves; going down needs no gate."""
    deployment = view.deployment
    if deployment is None or deployment.candidate != candidate or deployment.halted or action == "notify":
        return []
    reason = f"alarm: {monitor}"
    if action == "halt":
        return [DeploymentHalted(use_case=view.id, candidate=deployment.candidate, reason=reason)]
    return [*to_shadow(view, reason)]


def _memory_file(ctx: Context, use_case: str, candidate: str) -> Path:
    return ctx.home / "watch" / f"{use_case}-{candidate[:16]}.json"


def _remembered(ctx: Context, charter: Charter, use_case: str, candidate: str) -> Memory:
    """The watch as it stood after the last look, or a fresh one against the reference rows.

    A memory that is gone or unreadable is no loss: from the first decision on, a fresh watch sees it all again.
    """
    file = _memory_file(ctx, use_case, candidate)
    with suppress(FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(file.read_bytes(), type=Memory)
    reference = reference_window(ctx, charter, use_case, candidate)
    given = charter.monitoring
    budget = Budget(false_alarms_per_year=given.false_alarms_per_year, looks_per_year=given.looks_per_year)
    return Memory(state=Watch.start(reference, budget).state)


def _remember(ctx: Context, use_case: str, candidate: str, memory: Memory) -> None:
    file = _memory_file(ctx, use_case, candidate)
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_suffix(f".{ctx.ids.new()}")  # two watches may run at once
    scratch.write_bytes(msgspec.json.encode(memory))
    scratch.replace(file)


def record_sentinels(ctx: Context, actor: Actor, use_case: str, candidate: str) -> None:
    """Choose sentinel questions from the calibration rows, ask the model, and put its answers on record."""
    model = load_model(ctx, candidate)
    read, _ = read_dataset(ctx, use_case, "calibration", reader=actor, reason="choosing sentinel questions")
    rows = read.head(MOST_TO_CHOOSE_FROM)
    X = model.encoder.table(rows)
    chosen = sentinels.choose(X, model.scores(X), SENTINELS, np.random.default_rng(0))
    recorded = sentinels.record(model.package.contract.columns, X[chosen], model.scores(X[chosen]))
    digest = ctx.put_sealed(msgspec.json.encode(recorded), dataset=_dataset_of(ctx, use_case), kind="sentinels")
    fact = SentinelsRecorded(use_case=use_case, candidate=candidate, sentinels=digest, count=len(chosen))
    ctx.append(actor, "safety", fact)


def _dataset_of(ctx: Context, use_case: str) -> str:
    """The dataset whose rows `read_dataset` reads."""
    dataset = ctx.use_case(use_case).dataset
    return dataset.dataset if dataset else ""


def check_sentinels(ctx: Context, use_case: str) -> SentinelAnswer:
    """Ask again; a changed answer raises the `sentinels` alarm, acts by policy, and thereby closes the gate.

    A model out of reach gave no other answer: that is counted as `unanswered`, and nothing is halted for it.
    """
    view = ctx.use_case(use_case)
    if not view.sentinels:
        raise NotFound("no sentinels on record.", path=use_case, remedy="They are recorded by: bedrail import-model.")
    candidate = view.deployment.candidate if view.deployment else list(view.sentinels)[-1]
    if candidate not in view.sentinels:
        raise NotFound("the deployed version has no sentinels.", path=use_case, remedy="Import the model again.")
    comparison, raised = _ask_sentinels(ctx, view, candidate)
    return SentinelAnswer(
        use_case=use_case,
        changed=bool(raised),
        asked=comparison.count,
        differing=comparison.changed,
        unanswered=comparison.unanswered,
        largest=comparison.largest,
        detail=raised[0].detail if raised else _unchanged(comparison),
    )


def _unchanged(comparison: sentinels.Comparison) -> str:
    if comparison.same:
        return f"All {comparison.count} sentinel answers are as on record."
    return f"{comparison.unanswered} of {comparison.count} sentinel questions were not answered; no answer changed."


def _ask_sentinels(ctx: Context, view: UseCaseView, candidate: str) -> tuple[sentinels.Comparison, list[RaisedAlarm]]:
    """Compare present answers with those on record; act when one changed."""
    recorded = msgspec.json.decode(ctx.get_sealed(view.sentinels[candidate]), type=sentinels.Sentinels)
    model = load_model(ctx, candidate)
    comparison = sentinels.compare(recorded, [_answer(model, row) for row in recorded.inputs])
    alarm = sentinels.alarm(comparison)
    if alarm is None:
        return comparison, []
    return comparison, _act(ctx, view, candidate, [alarm], ctx.artifacts.put(msgspec.json.encode(comparison)))


def _answer(model: LoadedModel, row: Sequence[float | None]) -> float | None:
    """The model's present answer, or None when it gives none."""
    try:
        return model.score(np.array([np.nan if value is None else value for value in row]))
    except Unavailable:
        return None
