"""Watching what is deployed, and acting on alarms as the policy says, without waiting for anybody."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bedrail.core.errors import NotFound, Refused
from bedrail.core.events import (
    Actor,
    AlarmRaised,
    DataRead,
    DeploymentHalted,
    DeploymentMoved,
    Fact,
    MonitoringReported,
    SentinelsRecorded,
)
from bedrail.core.values import Value
from bedrail.governance.actions import action_for, strongest
from bedrail.governance.views import UseCaseView
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.delivery import read_dataset, write_report
from bedrail.journeys.examination import load_model
from bedrail.journeys.windows import Watched, decisions_since, outcomes_since, reference_rows, reference_window
from bedrail.monitoring.report import monitoring_html
from bedrail.monitoring.sentinels import SentinelSet, ask_sentinels, choose_sentinels, compare_sentinels
from bedrail.monitoring.values import BUDGETED, Alarm, Budget, WatchState
from bedrail.monitoring.watch import Watch

if TYPE_CHECKING:
    from bedrail.governance.usecase import Charter

EARLY = ("input-drift", "missingness", "units", "output-drift")
"""Monitors that need no outcome: they look at decisions as they are made."""

LATE = tuple(name for name in BUDGETED if name not in EARLY)
"""Monitors that wait for outcomes: they look again when those are in."""


class RaisedAlarm(Value, frozen=True, kw_only=True):
    """An alarm as told to people: the monitor, its likely causes in words, who is affected, what was done."""

    monitor: str
    causes: tuple[str, ...]
    groups: tuple[str, ...]
    detail: str
    action_taken: str


class Looked(Value, frozen=True, kw_only=True):
    """What one call of `watch_use_case` saw."""

    use_case: str
    decisions: int
    windows: int
    waiting: int
    alarms: tuple[RaisedAlarm, ...]
    report: str


class SentinelAnswer(Value, frozen=True, kw_only=True):
    """Whether a model still answers its sentinel questions as on record."""

    use_case: str
    changed: bool
    asked: int
    differing: int
    largest: float
    detail: str


class Memory(Value, frozen=True, kw_only=True):
    """Where a watch stands between looks: its two halves and the last ledger index each has seen."""

    early: WatchState
    late: WatchState
    early_seen: int = -1
    late_seen: int = -1


def watch_use_case(ctx: Context, use_case: str) -> Looked:
    """Look at every full window of decisions, and of outcomes, since the last look; act on alarms at once.

    The false-alarm budget of the charter covers both halves together. Raises `Refused` when nothing is deployed.
    """
    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    if view.deployment is None:
        raise Refused("nothing is deployed.", remedy=f"bedrail deploy {use_case} --to shadow")
    candidate = view.deployment.candidate
    memory = _remembered(ctx, charter, use_case, candidate)
    early, late = Watch(memory.early), Watch(memory.late)
    size = charter.monitoring.window
    first = decisions_since(ctx, charter, use_case, candidate, memory.early_seen, size)
    second = outcomes_since(ctx, charter, use_case, candidate, memory.late_seen, size)
    found = [(alarm, half) for half, watched in ((early, first), (late, second)) for alarm in _look(half, watched)]
    memory = Memory(
        early=early.state,
        late=late.state,
        early_seen=max(memory.early_seen, first.last_seen),
        late_seen=max(memory.late_seen, second.last_seen),
    )
    report = monitoring_html(early.state, late.state, [a for a, _ in found], title=view.title)
    path = write_report(ctx, use_case, "monitoring.html", report)
    digest = ctx.artifacts.put(report.encode())
    raised = _act(ctx, view, candidate, [a for a, _ in found], digest)
    facts: list[Fact] = []
    if first.rows + second.rows:
        facts.append(DataRead(use_case=use_case, kind="decision", count=first.rows + second.rows, reason="monitoring"))
        facts.append(
            MonitoringReported(
                use_case=use_case,
                candidate=candidate,
                first=first.first or second.first,
                last=first.last or second.last,
                decisions=first.rows,
                verdict="fail" if raised else "pass",
                report=digest,
            )
        )
        ctx.append(SYSTEM, "safety", *facts)
    _remember(ctx, use_case, candidate, memory)
    return Looked(
        use_case=use_case,
        decisions=first.rows,
        windows=len(first.windows),
        waiting=first.waiting,
        alarms=tuple(raised),
        report=str(path),
    )


def _look(half: Watch, watched: Watched) -> list[Alarm]:
    return [alarm for window in watched.windows for alarm in half.look(window)]


def _act(ctx: Context, view: UseCaseView, candidate: str, alarms: Sequence[Alarm], report: str) -> list[RaisedAlarm]:
    """Record alarms together with what the policy does about them: one commit, so neither is without the other."""
    if not alarms:
        return []
    policy = ctx.policy()
    actions = [action_for(policy, view.tier, alarm.monitor) for alarm in alarms]
    raised, facts = [], []
    for alarm, action in zip(alarms, actions, strict=True):
        causes = tuple(cause.sentence for cause in alarm.causes)
        raised.append(
            RaisedAlarm(
                monitor=alarm.monitor, causes=causes, groups=alarm.groups, detail=alarm.detail, action_taken=action
            )
        )
        facts.append(
            AlarmRaised(
                alarm=ctx.ids.new(),
                use_case=view.id,
                candidate=candidate,
                monitor=alarm.monitor,
                action_taken=action,
                causes=causes[:5],
                groups=alarm.groups[:20],
                detail=alarm.detail,
                report=report,
            )
        )
    ctx.append(SYSTEM, "safety", *facts, *_retreat(view, strongest(actions), alarms[0].monitor))
    return raised


def _retreat(view: UseCaseView, action: str, monitor: str) -> list[Fact]:
    """The facts that carry out an action; going down needs no gate."""
    deployment = view.deployment
    if deployment is None or deployment.halted or action == "notify":
        return []
    reason = f"alarm: {monitor}"
    if action == "halt":
        return [DeploymentHalted(use_case=view.id, candidate=deployment.candidate, reason=reason)]
    if deployment.stage == "shadow":
        return []
    return [
        DeploymentMoved(
            use_case=view.id,
            candidate=deployment.candidate,
            from_stage=deployment.stage,
            to_stage="shadow",
            sites=(),
            share=1000,
            until=deployment.until,
            reason=reason,
        )
    ]


def _memory_file(ctx: Context, use_case: str, candidate: str) -> Path:
    return ctx.home / "watch" / f"{use_case}-{candidate[:16]}.json"


def _remembered(ctx: Context, charter: Charter, use_case: str, candidate: str) -> Memory:
    """The watch as it stood after the last look, or a fresh one against the reference rows."""
    file = _memory_file(ctx, use_case, candidate)
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Memory)
    reference = reference_window(ctx, charter, use_case, candidate)
    given = charter.monitoring
    shares = Budget().shares
    halves = []
    for names in (EARLY, LATE):
        own = {name: share for name, share in shares.items() if name in names}
        budget = Budget(
            false_alarms_per_year=given.false_alarms_per_year, looks_per_year=given.looks_per_year, shares=own
        )
        halves.append(Watch.start(reference, budget).state)
    return Memory(early=halves[0], late=halves[1])


def _remember(ctx: Context, use_case: str, candidate: str, memory: Memory) -> None:
    file = _memory_file(ctx, use_case, candidate)
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_suffix(".new")
    scratch.write_bytes(msgspec.json.encode(memory))
    scratch.replace(file)


def record_sentinels(ctx: Context, actor: Actor, use_case: str, candidate: str) -> None:
    """Choose sentinel questions from the calibration rows, ask the model, and put its answers on record."""
    charter = ctx.charter(use_case)
    model = load_model(ctx, candidate)
    frame, labels = read_dataset(ctx, use_case)
    rows = frame[(labels == "calibration").to_numpy()]
    names = [f.name for f in charter.features]
    chosen = choose_sentinels(rows[names], np.random.default_rng(0))
    answers = ask_sentinels(chosen, model.score_values)
    digest = ctx.artifacts.put(msgspec.json.encode(answers))
    fact = SentinelsRecorded(use_case=use_case, candidate=candidate, sentinels=digest, count=len(answers.questions))
    ctx.append(actor, "safety", fact)


def check_sentinels(ctx: Context, use_case: str) -> SentinelAnswer:
    """Ask again; a changed answer raises the `sentinels` alarm, acts by policy, and thereby closes the gate."""
    view = ctx.use_case(use_case)
    if not view.sentinels:
        raise NotFound("no sentinels on record.", path=use_case, remedy="They are recorded by: bedrail import-model.")
    candidate = view.deployment.candidate if view.deployment else list(view.sentinels)[-1]
    if candidate not in view.sentinels:
        raise NotFound("the deployed version has no sentinels.", path=use_case, remedy="Import the model again.")
    recorded = msgspec.json.decode(ctx.artifacts.get(view.sentinels[candidate]), type=SentinelSet)
    present = ask_sentinels(recorded, load_model(ctx, candidate).score_values)
    comparison = compare_sentinels(recorded, present)
    if comparison.alarm is not None:
        _act(ctx, view, candidate, [comparison.alarm], ctx.artifacts.put(msgspec.json.encode(comparison)))
    return SentinelAnswer(
        use_case=use_case,
        changed=comparison.alarm is not None,
        asked=comparison.asked,
        differing=comparison.differing,
        largest=comparison.largest,
        detail=comparison.detail,
    )


def standing(ctx: Context, use_case: str) -> dict[str, object]:
    """One line of `bedrail status`."""
    view = ctx.use_case(use_case)
    counts, deployment = ctx.views.counts(use_case), view.deployment
    name = view.candidates[deployment.candidate].name if deployment else ""
    return {
        "use case": use_case,
        "tier": view.tier,
        "stage": ("halted" if deployment.halted else deployment.stage) if deployment else "not deployed",
        "version": f"{name} {deployment.candidate[:12]}" if deployment else "",
        "serves": (", ".join(sorted(deployment.sites)) or "all sites") if deployment else "",
        "until": deployment.until if deployment else "",
        "answered": counts.get("answered", 0),
        "fell back": counts.get("fell-back", 0),
        "alarms": len(view.alarms),
    }


__all__ = ["check_sentinels", "record_sentinels", "reference_rows", "standing", "watch_use_case"]
