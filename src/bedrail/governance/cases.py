"""The folds of one use case: charter, data, candidates, evidence, gates, deployment, alarms; part of the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from bedrail.core.events.delivery import (
    CandidateAdmitted,
    DatasetAdmitted,
    DatasetSplit,
    DeploymentHalted,
    DeploymentLimited,
    DeploymentMoved,
    DeploymentRolledBack,
    EvidenceRecorded,
    HoldoutOpened,
)
from bedrail.core.events.governance import Approved, GateJudged, Objected, UseCaseOpened
from bedrail.core.events.oversight import AlarmRaised, MonitoringReported, SentinelsRecorded
from bedrail.core.events.scenarios import ScenariosKept
from bedrail.governance.moments import epoch
from bedrail.governance.values import (
    AlarmView,
    ApprovalView,
    CandidateView,
    DatasetView,
    DeploymentView,
    EvidenceView,
    JudgementView,
    ObjectionView,
    PersonView,
    ReportView,
    UseCaseView,
)


class Registry(Protocol):
    """What of the registry these folds read and change."""

    people: dict[str, PersonView]
    use_cases: dict[str, UseCaseView]
    refused_artifacts: dict[str, str]


def _use_case(registry: Registry, fact: UseCaseOpened, at: str) -> None:
    case = registry.use_cases.get(fact.use_case)
    if case is None:
        registry.use_cases[fact.use_case] = UseCaseView(
            fact.use_case, fact.title, fact.tier, fact.mode, fact.owner, fact.charter, at, epoch(at)
        )
        return
    if case.charter != fact.charter:
        case.charter_since = epoch(at)
    case.title, case.tier, case.mode = fact.title, fact.tier, fact.mode
    case.owner, case.charter = fact.owner, fact.charter


def _judged(case: UseCaseView, fact: GateJudged, at: str) -> None:
    case.judgements.append(
        JudgementView(fact.candidate, fact.stage, fact.open, fact.reasons, fact.policy, fact.until, at)
    )


def _approved(registry: Registry, fact: Approved, at: str) -> None:
    case = registry.use_cases.get(fact.use_case)
    if case is None:
        return
    person = registry.people.get(fact.person)
    case.approvals.append(
        ApprovalView(
            approval=fact.approval,
            candidate=fact.candidate,
            dataset=fact.dataset,
            policy=fact.policy,
            stage=fact.stage,
            role=fact.role,
            person=fact.person,
            expires=fact.expires,
            comment=fact.comment,
            at=at,
            at_epoch=epoch(at),
            expires_epoch=epoch(fact.expires),
            held=person is not None and fact.role in person.roles,
        )
    )


def _objected(case: UseCaseView, fact: Objected, at: str) -> None:
    case.objections.append(
        ObjectionView(fact.candidate, fact.stage, fact.role, fact.person, fact.reason, at, epoch(at))
    )


def _dataset(case: UseCaseView, fact: DatasetAdmitted, at: str) -> None:
    known = case.datasets.get(fact.dataset)
    view = DatasetView(
        dataset=fact.dataset,
        source=fact.source,
        rows=fact.rows,
        columns=fact.columns,
        profile=fact.profile,
        verdict=fact.verdict,
        artifact=fact.artifact,
        at=at,
        at_epoch=epoch(at),
    )
    if known is not None:  # the same bytes admitted again: their split and opened holdout remain what they were
        view = replace(
            view,
            split=known.split,
            counts=known.counts,
            holdout_opened_at=known.holdout_opened_at,
            holdout_candidates=known.holdout_candidates,
        )
    case.datasets[fact.dataset] = case.dataset = view


def _change_dataset(case: UseCaseView, dataset: str, **changes: Any) -> None:
    known = case.datasets.get(dataset)
    if known is None:
        return
    changed = replace(known, **changes)
    case.datasets[dataset] = changed
    if case.dataset is not None and case.dataset.dataset == dataset:
        case.dataset = changed


def _split(case: UseCaseView, fact: DatasetSplit, _at: str) -> None:
    _change_dataset(case, fact.dataset, split=fact.split, counts=dict(fact.counts))


def _holdout(case: UseCaseView, fact: HoldoutOpened, at: str) -> None:
    _change_dataset(case, fact.dataset, holdout_opened_at=at, holdout_candidates=fact.candidates)


def _candidate(case: UseCaseView, fact: CandidateAdmitted, at: str) -> None:
    """Whoever made the bytes first stays their author: admitting them again hands nobody their approval."""
    known = case.candidates.get(fact.candidate)
    case.candidates[fact.candidate] = CandidateView(
        candidate=fact.candidate,
        name=fact.name,
        kind=fact.kind,
        origin=fact.origin,
        dataset=fact.dataset,
        author=known.author if known is not None else fact.author,
        signature=fact.signature,
        at=at,
        at_epoch=epoch(at),
    )


def _evidence(case: UseCaseView, fact: EvidenceRecorded, at: str) -> None:
    key = (fact.candidate, fact.check)
    before = case.evidence.get(key)
    now = epoch(at)
    same = before is not None and (
        (before.verdict, before.dataset, before.policy) == (fact.verdict, fact.dataset, fact.policy)
        and before.since_epoch >= case.charter_since
    )
    since = before.since_epoch if before is not None and same else now
    case.evidence[key] = EvidenceView(
        evidence=fact.evidence,
        check=fact.check,
        verdict=fact.verdict,
        reason=fact.reason,
        candidate=fact.candidate,
        dataset=fact.dataset,
        policy=fact.policy,
        at=at,
        at_epoch=now,
        since_epoch=since,
    )


def _scenarios(case: UseCaseView, fact: ScenariosKept, _at: str) -> None:
    case.suite = fact.suite


def _serve(case: UseCaseView, view: DeploymentView) -> None:
    case.history.append(view)
    case.deployment = view


def _served(
    case: UseCaseView, fact: DeploymentMoved | DeploymentRolledBack, candidate: str, stage: str, at: str
) -> None:
    _serve(
        case,
        DeploymentView(
            candidate=candidate,
            stage=stage,
            sites=frozenset(fact.sites),
            share=fact.share,
            until=fact.until,
            until_epoch=epoch(fact.until),
            halted=False,
            reason=fact.reason,
            at=at,
            at_epoch=epoch(at),
        ),
    )


def _moved(case: UseCaseView, fact: DeploymentMoved, at: str) -> None:
    _served(case, fact, fact.candidate, fact.to_stage, at)


def _rolled_back(case: UseCaseView, fact: DeploymentRolledBack, at: str) -> None:
    _served(case, fact, fact.to_candidate, fact.stage, at)


def _halted(case: UseCaseView, fact: DeploymentHalted, at: str) -> None:
    """Halting a use case that serves nothing changes nothing: nothing is answered there anyway."""
    if case.deployment is not None:
        _serve(case, replace(case.deployment, halted=True, reason=fact.reason, at=at, at_epoch=epoch(at)))


def _limited(case: UseCaseView, fact: DeploymentLimited, _at: str) -> None:
    """The same state with a nearer end, and so no new line of its history."""
    now = case.deployment
    if now is not None and now.candidate == fact.candidate and epoch(fact.until) < now.until_epoch:
        case.deployment = replace(now, until=fact.until, until_epoch=epoch(fact.until))


def _alarm(case: UseCaseView, fact: AlarmRaised, at: str) -> None:
    case.alarms.append(
        AlarmView(
            alarm=fact.alarm,
            candidate=fact.candidate,
            monitor=fact.monitor,
            action_taken=fact.action_taken,
            causes=fact.causes,
            groups=fact.groups,
            detail=fact.detail,
            report=fact.report,
            at=at,
            at_epoch=epoch(at),
        )
    )


def _report(case: UseCaseView, fact: MonitoringReported, at: str) -> None:
    case.reports.append(
        ReportView(fact.candidate, fact.first, fact.last, fact.decisions, fact.verdict, fact.report, at, epoch(at))
    )


def _sentinels(case: UseCaseView, fact: SentinelsRecorded, _at: str) -> None:
    case.sentinels[fact.candidate] = fact.sentinels


def _candidate_admitted(registry: Registry, fact: CandidateAdmitted, at: str) -> None:
    """A package is admitted after its bytes were checked: that lifts a refusal of the same package."""
    case = registry.use_cases.get(fact.use_case)
    if case is not None:
        registry.refused_artifacts.pop(fact.candidate, None)
        _candidate(case, fact, at)


def _in_case(fold: Callable[[UseCaseView, Any, str], None]) -> Callable[[Registry, Any, str], None]:
    """A fold of one use case; a fact about a use case that was never opened says nothing."""

    def apply(registry: Registry, fact: Any, at: str) -> None:
        case = registry.use_cases.get(fact.use_case)
        if case is not None:
            fold(case, fact, at)

    return apply


CASES: dict[type, Callable[[Any, Any, str], None]] = {
    UseCaseOpened: _use_case,
    GateJudged: _in_case(_judged),
    Approved: _approved,
    Objected: _in_case(_objected),
    DatasetAdmitted: _in_case(_dataset),
    DatasetSplit: _in_case(_split),
    HoldoutOpened: _in_case(_holdout),
    CandidateAdmitted: _candidate_admitted,
    EvidenceRecorded: _in_case(_evidence),
    ScenariosKept: _in_case(_scenarios),
    DeploymentMoved: _in_case(_moved),
    DeploymentRolledBack: _in_case(_rolled_back),
    DeploymentHalted: _in_case(_halted),
    DeploymentLimited: _in_case(_limited),
    AlarmRaised: _in_case(_alarm),
    MonitoringReported: _in_case(_report),
    SentinelsRecorded: _in_case(_sentinels),
}
