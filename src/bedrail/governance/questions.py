"""The questions that a gate asks, each a small function over one hearing: it yields the reasons that close the gate.

A question notes its criteria, what it accepts under a condition, and how long its answer holds. Sources: GOV-3 to
GOV-5, CRY-4, VAL-1 to VAL-4, SRV-3 and MON-1 of the control catalogue; FDA's good machine learning practice, 2021.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bedrail.core.values import Verdict
from bedrail.governance import commands
from bedrail.governance.actions import SENTINELS
from bedrail.governance.approvals import (
    Ground,
    acting_alarms,
    evidence_on,
    fill,
    flaw,
    ground_for,
    standing_objections,
)
from bedrail.governance.moments import days_after
from bedrail.governance.permissions import ACTIONS
from bedrail.governance.rules import DATA_QUALITY, Policy, StageRule, TierRule, alternatives
from bedrail.governance.stages import Stage, Stays, answer, at_least, before, move_to, state_of
from bedrail.governance.values import (
    AlarmView,
    ApprovalView,
    CandidateView,
    Condition,
    EvidenceView,
    Reason,
    UseCaseView,
)
from bedrail.governance.views import Registry


@dataclass(slots=True)
class Hearing:
    """Everything a question may look at, and what was found so far. Moments are epoch seconds."""

    policy: Policy
    registry: Registry
    view: UseCaseView
    candidate: CandidateView | None
    stage: Stage
    now: float
    observed: int | None
    tier: TierRule | None
    rule: StageRule | None
    until: float = float("inf")
    criteria: list[str] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)

    @property
    def named(self) -> str:
        """The candidate as one writes it in a command."""
        return self.candidate.name if self.candidate else "NAME"

    def ends(self, moment: float) -> None:
        """The gate's answer holds no longer than `moment`."""
        self.until = min(self.until, moment)


def reason(
    registry: Registry, code: str, criterion: str, message: str, how: str, action_or_roles: str | tuple[str, ...]
) -> Reason:
    """A reason with `who` as `clinical-lead (dr-adams, dr-baker) or owner (nobody yet)`.

    The roles are given, or those that may do the action so named.
    """
    roles = action_or_roles if isinstance(action_or_roles, tuple) else tuple(sorted(ACTIONS[action_or_roles]))
    held = {role: registry.holders(role) for role in roles}
    return _to_mend(held, code=code, criterion=criterion, message=message, how=how)


def _to_mend(able: dict[str, tuple[str, ...]], *, code: str, criterion: str, message: str, how: str) -> Reason:
    """A reason whom these people, by role, can mend."""
    who = " or ".join(f"{role} ({', '.join(people) or 'nobody yet'})" for role, people in able.items())
    people = tuple(dict.fromkeys(person for holders in able.values() for person in holders))
    return Reason(code=code, message=message, who=who, how=how, criterion=criterion, roles=tuple(able), people=people)


def policy_rules(h: Hearing) -> Iterator[Reason]:
    """The policy is the adopted one, and it speaks of this tier and stage."""
    h.criteria.append("policy")
    if h.registry.policy != h.policy.digest:
        message = "This policy is not the one that was adopted." if h.registry.policy else "No policy was adopted."
        yield reason(h.registry, "policy-not-adopted", "policy", message, commands.adopt_policy(), "policy.adopt")
    if h.rule is None:
        message = f"The policy does not allow {h.stage} for the tier {h.view.tier!r}."
        yield reason(h.registry, "stage-not-in-policy", "policy", message, commands.adopt_policy(), "policy.adopt")


def data_admitted(h: Hearing) -> Iterator[Reason]:
    """Local data speaks for the use case."""
    h.criteria.append("data")
    if h.view.dataset is None:
        message = "No data of this hospital was admitted."
        yield reason(h.registry, "data-missing", "data", message, commands.admit_data(h.view.id), "data.admit")


def data_deidentified(h: Hearing) -> Iterator[Reason]:
    """Signed evidence says that this very data is de-identified, and the time to look at it again has not come."""
    days = next((days for tier, days in h.policy.deidentification.days.items() if tier == h.view.tier), None)
    if days is None:
        return
    h.criteria.append("deidentification")
    if h.view.dataset is None:
        return  # `data_admitted` says so
    found = h.registry.deidentification.judged.get(h.view.dataset.dataset)
    again = commands.admit_data(h.view.id)
    if found is None:
        code, message = "deidentification-missing", "Nothing on record says how the data was de-identified."
    elif found.verdict != Verdict.PASS:
        word = "failed" if found.verdict == Verdict.FAIL else "untold"
        said = "does not hold" if found.verdict == Verdict.FAIL else "could not be told"
        code, message = f"deidentification-{word}", f"The data's de-identification {said}: {found.reason}."
        shown = commands.show_deidentification(h.view.dataset.dataset)
        again = f"{shown} says where; de-identify the file again, or have it judged, then {again}"
    else:
        ends = min(found.until_epoch, days_after(found.at_epoch, days))
        h.ends(ends)
        if ends > h.now:
            return
        code = "deidentification-expired"
        message = f"The data's de-identification was judged on {found.at[:10]} and has to be looked at again."
    yield reason(h.registry, code, "deidentification", message, again, "data.admit")


def candidate_sound(h: Hearing) -> Iterator[Reason]:
    """There is a candidate, signed, and its stored bytes are still its own."""
    h.criteria.append("candidate")
    if h.candidate is None:
        message = "There is no candidate."
        yield reason(
            h.registry, "candidate-missing", "candidate", message, commands.train(h.view.id), "candidate.train"
        )
        return
    again = commands.train(h.view.id)
    if not h.candidate.signature:
        message = f"The package of {h.named} is not signed."
        yield reason(h.registry, "candidate-unsigned", "candidate", message, again, "candidate.train")
    if h.candidate.candidate in h.registry.refused_artifacts:
        message = f"The stored bytes of {h.named} are not the admitted ones; loading was refused."
        how = f"restore its bytes and admit the same package again, or: {again}"
        yield reason(h.registry, "artifact-refused", "candidate", message, how, "candidate.train")


def evidence_stands(h: Hearing) -> Iterator[Reason]:
    """Every required check was answered about exactly this candidate, data and policy, recently, and passed."""
    for check in h.rule.checks if h.rule else ():
        criterion = f"evidence:{check}"
        h.criteria.append(criterion)
        problem = _evidence_problem(h, check, criterion)
        if problem is None:
            continue
        code, message = problem
        if check == DATA_QUALITY:
            yield reason(h.registry, code, criterion, message, commands.admit_data(h.view.id), "data.admit")
        else:
            how = commands.examine(h.view.id, h.named)
            yield reason(h.registry, code, criterion, message, how, "candidate.examine")


def _evidence_problem(h: Hearing, check: str, criterion: str) -> tuple[str, str] | None:
    found = evidence_on(h.view, h.candidate.candidate if h.candidate else "", check)
    if found is None or (h.candidate is None and check != DATA_QUALITY):
        return _quality_without_evidence(h, check)
    dataset = h.view.dataset.dataset if h.view.dataset else ""
    if found.dataset != dataset:
        return "evidence-other-data", f"`{check}` was answered on other data than the admitted."
    if found.policy != h.policy.digest and check != DATA_QUALITY:  # the rules of data quality are not the policy's
        return "evidence-other-policy", f"`{check}` was answered under another policy."
    if found.at_epoch < h.view.charter_since:
        return "evidence-before-charter", f"The use case changed since `{check}` was answered."
    stale = days_after(found.at_epoch, h.tier.evidence_days if h.tier else 0)
    if stale <= h.now:
        return "evidence-stale", f"`{check}` was answered on {found.at[:10]}, longer ago than the policy allows."
    problem = _verdict_problem(h, found, criterion)
    if problem is None:
        h.ends(stale)
    return problem


def _quality_without_evidence(h: Hearing, check: str) -> tuple[str, str] | None:
    """The admission itself says how good the data is, where no separate evidence does."""
    if check != DATA_QUALITY or h.view.dataset is None:
        return "evidence-missing", f"`{check}` was not answered."
    data = h.view.dataset
    stale = days_after(data.at_epoch, h.tier.evidence_days if h.tier else 0)
    if data.verdict != Verdict.PASS or data.at_epoch < h.view.charter_since or stale <= h.now:
        return "evidence-missing", f"`{check}` was not answered, or not passed, when the data was admitted."
    h.ends(stale)
    return None


def _verdict_problem(h: Hearing, found: EvidenceView, criterion: str) -> tuple[str, str] | None:
    if found.verdict == Verdict.PASS:
        return None
    why = found.reason.removesuffix(".") or "no reason given"
    if found.verdict == Verdict.MISSING:
        kind = h.candidate.kind if h.candidate else ""
        exception = h.policy.accepted(h.view.tier, h.stage, found.check, kind)
        if exception is not None:
            message = f"`{found.check}` could not be told: {why}. {exception.reason}"
            h.conditions.append(Condition(criterion=criterion, message=message, obligation=exception.obligation))
            return None
        return "evidence-untold", f"`{found.check}` could not be told: {why}."
    return "evidence-failed", f"`{found.check}` failed: {why}."


def approvals_given(h: Hearing) -> Iterator[Reason]:
    """Every place is filled by another person in the role, with an approval that counts."""
    places = h.rule.approvals if h.rule else ()
    h.criteria.extend(f"approval:{place}" for place in places)
    ground = None
    counting: list[ApprovalView] = []
    if h.candidate is not None:
        ground = ground_for(h.policy, h.view, h.candidate, h.stage, h.registry.access.lost)
        counting = [a for a in h.view.approvals if flaw(a, ground, h.now) is None]
        filled = fill(places, counting, ground)
        h.ends(filled.until)
        seats = filled.places
    else:
        seats = tuple((place, None) for place in places)
    busy = {approval.person for _, approval in seats if approval is not None}
    for place, approval in seats:
        if approval is None:
            yield _empty_place(h, place, ground, counting, busy)


def _empty_place(h: Hearing, place: str, ground: Ground | None, counting: list[ApprovalView], busy: set[str]) -> Reason:
    roles = alternatives(place)
    spoken = " or ".join(roles)
    code, message = "approval-missing", f"An approval by {spoken} is missing."
    if any(approval.role in roles for approval in counting):
        code, message = "approval-same-person", f"The approval by {spoken} must come from a person of its own."
    elif h.candidate is not None and ground is not None:
        digest = h.candidate.candidate
        given = [a for a in h.view.approvals if a.role in roles and a.candidate == digest]
        found = flaw(given[-1], ground, h.now) if given else None
        if found is not None:
            code, message = f"approval-{found.code}", f"An approval by {spoken} is missing: {found.words}."
    excluded = busy | {h.candidate.author if h.candidate else ""}
    able = {role: tuple(p for p in h.registry.holders(role) if p not in excluded) for role in roles}
    first = next(((role, people[0]) for role, people in able.items() if people), None)
    if first is not None:
        how = commands.approve(h.view.id, h.named, first[0], h.stage, first[1])
    else:
        approve = commands.approve(h.view.id, h.named, roles[0], h.stage, "PERSON")
        how = f"{commands.add_person(roles[0])}; then {approve}"
    return _to_mend(able, code=code, criterion=f"approval:{place}", message=message, how=how)


def no_objection(h: Hearing) -> Iterator[Reason]:
    """Nobody's objection stands."""
    h.criteria.append("objections")
    if h.candidate is None:
        return
    for objection in standing_objections(h.view, h.candidate.candidate, h.stage):
        message = f"{objection.person} objects as {objection.role}: {objection.reason}"
        how = commands.approve(h.view.id, h.named, objection.role, h.stage, objection.person)
        yield reason(h.registry, "objection-stands", "objections", message, how, (objection.role,))


def findings_answered(h: Hearing) -> Iterator[Reason]:
    """No blocking finding of an auditor stands: answered by its owner, and the answer accepted by an auditor."""
    h.criteria.append("findings")
    for found in h.registry.findings.blocking(h.view.id):
        about = "" if found.use_case else " about the whole installation"
        said = f"A blocking audit finding{about} of {found.at[:10]} is {found.state}: {found.title.rstrip('.')}."
        if found.state == "answered":
            how = commands.close_finding(found.finding)
            yield reason(h.registry, "finding-unaccepted", "findings", said, how, "finding.file")
            continue
        how = commands.answer_finding(found.finding, found.owner)
        holders = h.registry.holders("owner")
        yield Reason(
            code="finding-open",
            message=said,
            who=f"{found.owner}, who owns the finding, or owner ({', '.join(holders) or 'nobody yet'})",
            how=how,
            criterion="findings",
            roles=("owner",),
            people=tuple(dict.fromkeys((found.owner, *holders))),
        )


def stage_in_order(h: Hearing) -> Iterator[Reason]:
    """No stage is skipped; a version that served at this stage before, and gave way to another, may come back."""
    h.criteria.append("stage")
    digest = h.candidate.candidate if h.candidate else ""
    state = state_of(h.view, digest)
    if state == "none" and any(d.candidate == digest and at_least(d.stage, h.stage) for d in h.view.history):
        return
    found = answer(state, move_to(h.stage))
    if isinstance(found, Stays):
        first = found.first or "shadow"
        message = f"{found.reason[:1].upper()}{found.reason[1:]}."
        how = commands.deploy(h.view.id, h.named, first)
        yield reason(h.registry, "stage-skipped", "stage", message, how, "deployment.move")


def observed_enough(h: Hearing) -> Iterator[Reason]:
    """The stage before was watched for as many decisions and days as the policy asks."""
    earlier = before(h.stage)
    if h.rule is None or earlier is None or not (h.rule.min_decisions or h.rule.min_days):
        return
    h.criteria.append("observation")
    digest = h.candidate.candidate if h.candidate else ""
    state = state_of(h.view, digest)
    if at_least(state, h.stage) or (state == "none" and any(d.candidate == digest for d in h.view.history)):
        return  # it is there already (a renewal), or was and comes back
    began = None
    for deployment in reversed(h.view.history):
        if (deployment.candidate, deployment.stage, deployment.halted) != (digest, earlier, False):
            break
        began = deployment.at_epoch
    days = 0.0 if began is None else (h.now - began) / 86_400
    seen = h.observed or 0
    if h.observed is None and began is not None:
        seen = sum(r.decisions for r in h.view.reports if r.candidate == digest and r.at_epoch >= began)
    if seen < h.rule.min_decisions or days < h.rule.min_days:
        message = (
            f"{earlier} was watched for {seen} decisions in {int(days)} days;"
            f" the policy asks for {h.rule.min_decisions} in {h.rule.min_days}."
        )
        how = commands.watch(h.view.id)
        yield reason(h.registry, "observation-short", "observation", message, how, "monitoring.look")


def no_open_alarm(h: Hearing) -> Iterator[Reason]:
    """No alarm was acted on since the evidence; a model that is no longer the approved one never passes."""
    h.criteria.append("alarms")
    if h.candidate is None or h.rule is None:
        return
    digest = h.candidate.candidate
    swapped = [a for a in h.view.alarms if a.candidate == digest and a.monitor.startswith(SENTINELS)]
    if swapped:
        message = (
            f"Sentinel inputs noticed on {swapped[-1].at[:10]} that {h.named} answers differently: it was changed."
        )
        how = f"admit what answers now as a new candidate, then {commands.examine(h.view.id, 'NEW')}"
        yield reason(h.registry, "model-changed", "alarms", message, how, "candidate.import")
    found = [evidence_on(h.view, digest, check) for check in h.rule.checks if check != DATA_QUALITY]
    oldest = min((e.at_epoch for e in found if e is not None), default=0.0)
    acted = [a for a in acting_alarms(h.view, digest, h.stage) if a.at_epoch >= oldest and a not in swapped]
    for said in _by_monitor(acted):
        how = commands.examine(h.view.id, h.named)
        yield reason(h.registry, "alarm-open", "alarms", f"{said}, after the evidence.", how, "candidate.examine")
    told = [a for a in h.view.alarms if a.candidate == digest and a.action_taken == "notify" and a.at_epoch >= oldest]
    for said in _by_monitor(told):
        condition = Condition(criterion="alarms", message=f"{said}.", obligation="Read the monitoring report.")
        h.conditions.append(condition)


def _by_monitor(alarms: Sequence[AlarmView]) -> list[str]:
    """One line for each monitor: how often it raised an alarm, and when last."""
    newest = {alarm.monitor: alarm for alarm in alarms}
    count = Counter(alarm.monitor for alarm in alarms)
    return [
        f"The monitor {monitor} raised an alarm on {alarm.at[:10]}"
        if count[monitor] == 1
        else f"The monitor {monitor} raised {count[monitor]} alarms, the last on {alarm.at[:10]}"
        for monitor, alarm in newest.items()
    ]


Question = Callable[[Hearing], Iterator[Reason]]

QUESTIONS: tuple[Question, ...] = (
    policy_rules,
    data_admitted,
    data_deidentified,
    candidate_sound,
    evidence_stands,
    approvals_given,
    no_objection,
    findings_answered,
    stage_in_order,
    observed_enough,
    no_open_alarm,
)
"""Every question, in the order in which people can mend what is missing."""
