"""The registry: everything the low-volume facts say about people, use cases and deployments, folded in memory.

A registry holds nothing of its own: any process rebuilds it from zero by applying the ledger's entries in order.
The bedside reads it once per decision (`Registry.snapshot_for`): plain attributes, nothing copied, nothing parsed.
A change of deployment replaces one frozen value, so a reader in another thread sees the old one or the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bedrail.core.errors import NotFound
from bedrail.core.events import HIGH_VOLUME, Entry, action_of
from bedrail.core.events.artifacts import EgressAllowed, EgressClosed, ServedUnsafely
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
from bedrail.core.events.governance import (
    Approved,
    GateJudged,
    InstallationOpened,
    Objected,
    PolicyAdopted,
    UseCaseOpened,
)
from bedrail.core.events.oversight import AlarmRaised, ArtifactRefused, MonitoringReported, SentinelsRecorded
from bedrail.core.events.scenarios import ScenariosKept
from bedrail.governance.abuse import ABUSE, Abuse
from bedrail.governance.access import GLASS, Access
from bedrail.governance.accounts import IDENTITY, Identity
from bedrail.governance.catalogue import CATALOGUE, Catalogue
from bedrail.governance.consents import CONSENTS, Consents
from bedrail.governance.continuity import CONTINUITY, Continuity
from bedrail.governance.custody import CUSTODY, Custody
from bedrail.governance.deidentification import DEIDENTIFICATION, Deidentification
from bedrail.governance.findings import Findings
from bedrail.governance.moments import epoch
from bedrail.governance.orders import ORDER, ORDERS, Orders
from bedrail.governance.refusals import REFUSALS, RefusedActs
from bedrail.governance.rights import RIGHTS
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
    TokenView,
    UseCaseView,
)

__all__ = [
    "AlarmView",
    "ApprovalView",
    "CandidateView",
    "DatasetView",
    "DeploymentView",
    "EvidenceView",
    "JudgementView",
    "ObjectionView",
    "PersonView",
    "Registry",
    "ReportView",
    "TokenView",
    "UseCaseView",
]


class Registry:
    """The fold over all low-volume facts. `seen` is the index after the last entry applied: read on from there."""

    __slots__ = (
        "abuse",
        "access",
        "acting",
        "catalogue",
        "consents",
        "continuity",
        "custody",
        "deidentification",
        "egress",
        "findings",
        "identity",
        "installation",
        "orders",
        "people",
        "policies",
        "policy",
        "refused",
        "refused_artifacts",
        "revoked_tokens",
        "seen",
        "tokens",
        "unsafe",
        "use_cases",
    )

    def __init__(self) -> None:
        self.seen = 0
        self.installation: InstallationOpened | None = None
        self.abuse = Abuse()
        self.access = Access()
        self.catalogue = Catalogue()
        self.acting = ""
        self.consents = Consents()
        self.custody = Custody()
        self.deidentification = Deidentification()
        self.continuity = Continuity()
        self.findings = Findings()
        self.identity = Identity()
        self.orders = Orders()
        self.people: dict[str, PersonView] = {}
        self.tokens: dict[str, TokenView] = {}
        self.revoked_tokens: dict[str, TokenView] = {}
        self.use_cases: dict[str, UseCaseView] = {}
        self.policy = ""
        self.policies: list[str] = []
        self.refused = RefusedActs()
        self.refused_artifacts: dict[str, str] = {}
        self.egress: dict[tuple[str, int], str] = {}
        self.unsafe: tuple[ServedUnsafely, ...] = ()

    def apply(self, index: int, entry: Entry) -> bool:
        """Fold one entry; True when it was new. Entries before `seen` and high-volume facts change nothing."""
        if index < self.seen:
            return False
        self.seen = index + 1
        if action_of(entry) in HIGH_VOLUME:
            return False
        if entry.actor.auth.startswith(GLASS):
            self.access.acted(index, entry)
        if entry.actor.auth.startswith(ORDER):
            self.orders.acted(entry.actor.auth, entry.at)
        fold = _FOLDS.get(type(entry.fact))
        if fold is None:
            return False
        self.acting = entry.actor.id
        fold(self, entry.fact, entry.at)
        return True

    def use_case(self, use_case: str) -> UseCaseView:
        """The use case; raises `NotFound`."""
        try:
            return self.use_cases[use_case]
        except KeyError:
            known = ", ".join(self.use_cases) or "none yet"
            raise NotFound(
                f"There is no use case {use_case!r}.",
                path="use_case",
                remedy=f"Use cases here: {known}. Open one with `bedrail use-case open FOLDER`.",
            ) from None

    def snapshot_for(self, use_case: str) -> UseCaseView | None:
        """For the bedside, once per decision: the live view itself (not a copy), or None when unknown."""
        return self.use_cases.get(use_case)

    def opted_out_of(self, subject: str, use_case: str, now: float) -> bool:
        """Whether this subject (a pseudonym) refused AI support, or must be asked first and was not."""
        return self.consents.bars_care(subject, use_case, now)

    def holders(self, role: str) -> tuple[str, ...]:
        """The people who hold the role, by id."""
        return tuple(sorted(p.person for p in self.people.values() if role in p.roles))


def _installation(registry: Registry, fact: InstallationOpened, at: str) -> None:
    registry.installation = fact
    registry.people.setdefault(fact.owner, PersonView(fact.owner, fact.owner, frozenset({"owner"}), at))


def _policy(registry: Registry, fact: PolicyAdopted, _at: str) -> None:
    registry.policy = fact.policy
    registry.access.withheld = frozenset(fact.withheld)
    registry.policies.append(fact.policy)


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


def _moved(case: UseCaseView, fact: DeploymentMoved, at: str) -> None:
    _serve(
        case,
        DeploymentView(
            candidate=fact.candidate,
            stage=fact.to_stage,
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


def _rolled_back(case: UseCaseView, fact: DeploymentRolledBack, at: str) -> None:
    _serve(
        case,
        DeploymentView(
            candidate=fact.to_candidate,
            stage=fact.stage,
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


def _refused_artifact(registry: Registry, fact: ArtifactRefused, _at: str) -> None:
    registry.refused_artifacts[fact.digest] = fact.reason


def _egress(registry: Registry, fact: EgressAllowed, _at: str) -> None:
    registry.egress = {**registry.egress, (fact.host, fact.port): fact.network}  # replaced whole: read by other threads


def _egress_closed(registry: Registry, fact: EgressClosed, _at: str) -> None:
    registry.egress = {place: net for place, net in registry.egress.items() if place != (fact.host, fact.port)}


def _unsafe(registry: Registry, fact: ServedUnsafely, _at: str) -> None:
    registry.unsafe = (*registry.unsafe, fact)


def _in_case(fold: Callable[[UseCaseView, Any, str], None]) -> Callable[[Registry, Any, str], None]:
    """A fold of one use case; a fact about a use case that was never opened says nothing."""

    def apply(registry: Registry, fact: Any, at: str) -> None:
        case = registry.use_cases.get(fact.use_case)
        if case is not None:
            fold(case, fact, at)

    return apply


_FOLDS: dict[type, Callable[[Registry, Any, str], None]] = {
    InstallationOpened: _installation,
    **RIGHTS,
    **ABUSE,
    **CONTINUITY,
    **IDENTITY,
    **CUSTODY,
    **REFUSALS,
    **ORDERS,
    **CATALOGUE,
    **DEIDENTIFICATION,
    PolicyAdopted: _policy,
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
    **CONSENTS,
    AlarmRaised: _in_case(_alarm),
    MonitoringReported: _in_case(_report),
    SentinelsRecorded: _in_case(_sentinels),
    ArtifactRefused: _refused_artifact,
    EgressAllowed: _egress,
    EgressClosed: _egress_closed,
    ServedUnsafely: _unsafe,
}
