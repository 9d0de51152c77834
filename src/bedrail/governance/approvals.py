"""Who may approve, which recorded approvals count, and whether they fill the places that a policy asks for.

GOV-4: whoever made a candidate does not approve it, and each place is filled by another person. GOV-5: approvals
expire, at the latest after the policy's lifetime, and a renewal needs evidence gathered since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bedrail.core.errors import Invalid, Refused
from bedrail.governance import commands
from bedrail.governance.moments import days_after
from bedrail.governance.rules import DATA_QUALITY, OnRule, Policy, StageRule, TierRule, alternatives
from bedrail.governance.stages import VISIBLE, at_least, parse_stage
from bedrail.governance.values import AlarmView, ApprovalView, CandidateView, EvidenceView, ObjectionView, UseCaseView
from bedrail.governance.views import Registry


@dataclass(frozen=True, slots=True)
class Ground:
    """What an approval must rest on: these bytes, this stage, and what happened last (epoch seconds).

    `lost` says when a person lost a role, and `grace_days` how long an approval given in it lives on (None: as if the
    role were still held).
    """

    candidate: CandidateView
    dataset: str
    policy: str
    stage: str
    charter_since: float
    evidence_since: float
    alarm_at: float
    validity_days: int
    lost: Mapping[tuple[str, str], float] = field(default_factory=dict)
    grace_days: int | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """Which approval fills each place (None where none does), and when the first of them expires (epoch seconds)."""

    places: tuple[tuple[str, ApprovalView | None], ...]
    until: float


def evidence_on(view: UseCaseView, candidate: str, check: str) -> EvidenceView | None:
    """The newest evidence of this check about the candidate; that on data quality speaks for every candidate."""
    found = view.evidence.get((candidate, check))
    if found is None and check == DATA_QUALITY:
        found = view.evidence.get(("", check))
    return found


def acting_alarms(view: UseCaseView, candidate: str, stage: str) -> tuple[AlarmView, ...]:
    """Alarms about this candidate on which the policy acted; in shadow none matters, since nothing is shown."""
    if stage not in VISIBLE:
        return ()
    return tuple(alarm for alarm in view.alarms if alarm.candidate == candidate and alarm.action_taken != "notify")


def ground_for(
    policy: Policy,
    view: UseCaseView,
    candidate: CandidateView,
    stage: str,
    lost: Mapping[tuple[str, str], float] | None = None,
) -> Ground:
    """The ground for approvals of this candidate at this stage, as the registry stands, with its lost roles."""
    rule = policy.stage(view.tier, stage)
    tier = policy.tier(view.tier)
    found = [evidence_on(view, candidate.candidate, check) for check in (rule.checks if rule else ())]
    return Ground(
        candidate=candidate,
        dataset=view.dataset.dataset if view.dataset else "",
        policy=policy.digest,
        stage=stage,
        charter_since=view.charter_since,
        evidence_since=max((e.since_epoch for e in found if e is not None), default=0.0),
        alarm_at=max((a.at_epoch for a in acting_alarms(view, candidate.candidate, stage)), default=0.0),
        validity_days=tier.validity_days if tier else 0,
        lost=lost or {},
        grace_days=grace_for(policy.on(view.tier)),
    )


def grace_for(on: OnRule) -> int | None:
    """How many days an approval outlives its giver's role; None: it is not touched by that."""
    return {"continue": None, "limit": on.grace_days}.get(on.role_lost, 0)


def lasts_until(approval: ApprovalView, ground: Ground) -> float:
    """Its expiry, never beyond the policy's lifetime, nor its grace when the giver lost the role (epoch seconds)."""
    until = min(approval.expires_epoch, days_after(approval.at_epoch, ground.validity_days))
    lost_at = ground.lost.get((approval.person, approval.role))
    if lost_at is None or ground.grace_days is None:
        return until
    return min(until, days_after(lost_at, ground.grace_days))


class Flaw(NamedTuple):
    """Why an approval does not count: a code for machines and words for people."""

    code: str
    words: str


def flaw(approval: ApprovalView, ground: Ground, now: float) -> Flaw | None:
    """Why this approval does not count on this ground at `now` (epoch seconds), or None when it does."""
    who = approval.person
    flaws = (
        (approval.candidate != ground.candidate.candidate, "other-candidate", f"{who} approved another candidate"),
        (not approval.held, "role-not-held", f"{who} did not hold the role {approval.role}"),
        (who == ground.candidate.author, "own-work", f"{who} made this candidate"),
        (not at_least(approval.stage, ground.stage), "lower-stage", f"{who} approved for {approval.stage} only"),
        (approval.dataset != ground.dataset, "other-data", f"{who} approved on other data"),
        (approval.policy != ground.policy, "other-policy", f"{who} approved under another policy"),
        (approval.at_epoch < ground.charter_since, "charter-changed", f"the use case changed since {who} approved"),
        (approval.at_epoch < ground.evidence_since, "evidence-changed", f"the evidence changed since {who} approved"),
        (approval.at_epoch < ground.alarm_at, "alarm-since", f"an alarm was raised since {who} approved"),
        (_lapsed(approval, ground, now), "role-lost", f"{who} no longer holds the role {approval.role}"),
        (lasts_until(approval, ground) <= now, "expired", f"the approval by {who} has expired"),
    )
    return next((Flaw(code, words) for broken, code, words in flaws if broken), None)


def _lapsed(approval: ApprovalView, ground: Ground, now: float) -> bool:
    lost_at = ground.lost.get((approval.person, approval.role))
    return lost_at is not None and ground.grace_days is not None and days_after(lost_at, ground.grace_days) <= now


def fill(asked: tuple[str, ...], approvals: list[ApprovalView], ground: Ground) -> Filled:
    """Fill as many places as possible with distinct people, so that the first expiry is as late as can be.

    `approvals` must count already (see `flaw`). A maximum matching of places and people (Kuhn 1955), repeated from the
    latest expiry downwards until no more places can be filled.
    """
    latest: dict[tuple[str, str], ApprovalView] = {}
    for approval in approvals:
        key = (approval.role, approval.person)
        if key not in latest or lasts_until(approval, ground) > lasts_until(latest[key], ground):
            latest[key] = approval
    usable = sorted(latest.values(), key=lambda a: lasts_until(a, ground), reverse=True)
    best: dict[int, ApprovalView] = {}
    for count in range(1, len(usable) + 1):
        found = _match(asked, usable[:count])
        if len(found) > len(best):
            best = found
    until = min((lasts_until(approval, ground) for approval in best.values()), default=float("inf"))
    return Filled(tuple((place, best.get(index)) for index, place in enumerate(asked)), until)


def _match(asked: tuple[str, ...], usable: list[ApprovalView]) -> dict[int, ApprovalView]:
    """A maximum matching of places (by index) to people, each person once."""
    taken: dict[str, tuple[int, ApprovalView]] = {}

    def place(index: int, tried: set[str]) -> bool:
        for approval in usable:
            if approval.role in alternatives(asked[index]) and approval.person not in tried:
                tried.add(approval.person)
                holder = taken.get(approval.person)
                if holder is None or place(holder[0], tried):
                    taken[approval.person] = (index, approval)
                    return True
        return False

    for index in range(len(asked)):
        place(index, set())
    return dict(taken.values())


def standing_objections(view: UseCaseView, candidate: str, stage: str) -> tuple[ObjectionView, ...]:
    """Objections to this candidate at this or an earlier stage that no later approval of the same role lifted."""
    return tuple(
        objection
        for objection in view.objections
        if objection.candidate == candidate
        and at_least(stage, objection.stage)
        and not any(_lifts(approval, objection) for approval in view.approvals)
    )


def _lifts(approval: ApprovalView, objection: ObjectionView) -> bool:
    return (
        approval.candidate == objection.candidate
        and approval.role == objection.role
        and approval.held
        and approval.at_epoch > objection.at_epoch
        and at_least(approval.stage, objection.stage)
    )


def check_approval(
    policy: Policy,
    registry: Registry,
    view: UseCaseView,
    candidate: CandidateView,
    *,
    person: str,
    role: str,
    stage: str,
    now: datetime,
    valid_for: timedelta | None = None,
) -> datetime:
    """That this person may approve this candidate for `stage` and those below it, now; returns when it expires (UTC).

    Raises `Refused` when the role is not held or not asked for, for one's own work, for a second role of one person,
    for an approval with nothing examined, and for a renewal without fresh evidence; `Invalid` for a lifetime that is
    not positive or longer than the policy's.
    """
    parse_stage(stage)
    rule, tier = policy.stage(view.tier, stage), policy.tier(view.tier)
    if rule is None or tier is None:
        raise Refused(f"The policy has no stage {stage} for the {view.tier} tier.", remedy="Choose another stage.")
    objecting = {o.role for o in standing_objections(view, candidate.candidate, stage)}
    _check_person(registry, rule, candidate, person=person, role=role, stage=stage, objecting=objecting)
    if view.dataset is None or not any(key[0] == candidate.candidate for key in view.evidence):
        raise Refused(
            f"Nothing was examined yet about {candidate.name}.",
            remedy=f"First: {commands.examine(view.id, candidate.name)}",
        )
    ground = ground_for(policy, view, candidate, stage, registry.access.lost)
    _check_other_roles(view, ground, person=person, role=role, now=now.timestamp())
    asked_for = _expiry(tier, now, valid_for)
    return _check_renewal(view, rule, ground, role=role, expires=asked_for)


def _check_person(
    registry: Registry,
    rule: StageRule,
    candidate: CandidateView,
    *,
    person: str,
    role: str,
    stage: str,
    objecting: set[str],
) -> None:
    known = registry.people.get(person)
    if known is None or role not in known.roles:
        holders = ", ".join(registry.holders(role)) or "nobody yet"
        raise Refused(f"{person} does not hold the role {role}.", remedy=f"It is held by: {holders}.")
    asked = sorted({each for approval in rule.approvals for each in alternatives(approval)})
    if role not in asked and role not in objecting:  # whoever objects may take it back, though no place asks for it
        wanted = f"It asks for: {', '.join(asked)}." if asked else "It asks for no approvals."
        raise Refused(f"The stage {stage} does not ask for an approval by {role}.", remedy=wanted)
    if person == candidate.author:
        others = ", ".join(p for p in registry.holders(role) if p != person) or "nobody else yet"
        raise Refused(
            f"{person} made {candidate.name} and may not approve it.",
            remedy=f"The role {role} is also held by: {others}.",
            reasons=("own-work",),
        )


def _check_other_roles(view: UseCaseView, ground: Ground, *, person: str, role: str, now: float) -> None:
    for earlier in view.approvals:
        same = earlier.person == person and earlier.candidate == ground.candidate.candidate
        if same and earlier.role != role and flaw(earlier, ground, now) is None:
            raise Refused(
                f"{person} has approved as {earlier.role} already.",
                remedy=f"Each role is filled by another person: ask another {role}.",
                reasons=("second-place",),
            )


def _expiry(tier: TierRule, now: datetime, valid_for: timedelta | None) -> datetime:
    longest = timedelta(days=tier.validity_days)
    lifetime = longest if valid_for is None else valid_for
    if not timedelta(0) < lifetime <= longest:
        raise Invalid(
            f"An approval of this tier lasts at most {tier.validity_days} days.",
            path="valid_for",
            remedy=f"Ask for 1 to {tier.validity_days} days.",
        )
    return now + lifetime


def _check_renewal(view: UseCaseView, rule: StageRule, ground: Ground, *, role: str, expires: datetime) -> datetime:
    """A role that approved these bytes before may do so again only on evidence gathered since.

    One exception: taking back one's objection needs no new evidence, and does not make the approval last longer.
    """
    digest = ground.candidate.candidate
    earlier = [
        approval
        for approval in view.approvals
        if (approval.candidate, approval.role) == (digest, role)
        and (approval.dataset, approval.policy) == (ground.dataset, ground.policy)
        and approval.held
        and at_least(approval.stage, ground.stage)
    ]
    if not earlier:
        return expires
    last = max(earlier, key=lambda a: a.at_epoch)
    found = [evidence_on(view, digest, check) for check in rule.checks if check != DATA_QUALITY]
    if all(e is not None and e.at_epoch > last.at_epoch for e in found) and found:
        return expires
    if any(o.role == role and o.at_epoch > last.at_epoch for o in standing_objections(view, digest, ground.stage)):
        return min(expires, datetime.fromtimestamp(lasts_until(last, ground), UTC))
    raise Refused(
        f"The role {role} approved this on {last.at[:10]} already; a renewal needs fresh evidence.",
        remedy=f"First: {commands.examine(view.id, ground.candidate.name)}",
    )
