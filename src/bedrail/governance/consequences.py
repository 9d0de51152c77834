"""What becomes of a version that serves when its ground moves: an objection, a new policy, a lost role, a finding.

A gate that closes does not by itself stop what already serves: the policy's `[on]` says what does. These are pure rules
that give the facts; whoever records the cause records them in the same commit, so that a running server follows both at
once. Going down needs no gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bedrail.core.events import DeploymentHalted, DeploymentLimited, DeploymentMoved
from bedrail.governance.approvals import Ground, fill, flaw, ground_for
from bedrail.governance.rules import Policy, Response
from bedrail.governance.stages import at_least
from bedrail.governance.values import DeploymentView, UseCaseView

Consequence = DeploymentHalted | DeploymentLimited | DeploymentMoved


def to_shadow(view: UseCaseView, reason: str) -> list[DeploymentMoved]:
    """The fact that takes what serves out of clinicians' view; none where nothing is shown. It needs no gate."""
    deployment = view.deployment
    if deployment is None or deployment.halted or deployment.stage == "shadow":
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


def after_objection(policy: Policy, view: UseCaseView, candidate: str, stage: str, reason: str) -> list[Consequence]:
    """An objection to this candidate at this stage: it touches what serves at that stage or a later one."""
    deployment = _serving(view)
    if deployment is None or deployment.candidate != candidate or not at_least(deployment.stage, stage):
        return []
    return _respond(policy.on(view.tier).objection, view, reason, deployment.until_epoch)


def after_finding(policy: Policy, view: UseCaseView, reason: str, now: float) -> list[Consequence]:
    """A blocking finding that concerns this use case."""
    on = policy.on(view.tier)
    return _respond(on.finding, view, reason, _grace(now, on.grace_days))


def after_adoption(policy: Policy, view: UseCaseView, reason: str, now: float) -> list[Consequence]:
    """Another policy: what it no longer allows is left at once; what it does allow has the days of grace to be
    examined and approved under it."""
    deployment = _serving(view)
    if deployment is None:
        return []
    rule, on = policy.stage(view.tier, deployment.stage), policy.on(view.tier)
    if rule is None and policy.stage(view.tier, "shadow") is None:
        return _respond("halt", view, f"{reason}; it has no place for the tier {view.tier}", now)
    if rule is None or deployment.share > rule.max_share or (rule.sites == "named" and not deployment.sites):
        return _respond("retreat", view, f"{reason}; it does not allow this at {deployment.stage}", now)
    return _respond(on.policy, view, reason, _grace(now, on.grace_days))


def after_loss(
    policy: Policy,
    view: UseCaseView,
    held: Mapping[tuple[str, str], float],
    lost: Mapping[tuple[str, str], float],
    reason: str,
    now: float,
) -> list[Consequence]:
    """Roles lost just now, by (person, role), beside those `held` as lost before: it touches what rested on approvals
    given in them, unless others' approvals fill the places as long."""
    deployment = _serving(view)
    rule = policy.stage(view.tier, deployment.stage) if deployment is not None else None
    candidate = view.candidates.get(deployment.candidate) if deployment is not None else None
    if deployment is None or rule is None or candidate is None or not rule.approvals:
        return []
    before = ground_for(policy, view, candidate, deployment.stage, held)
    after = ground_for(policy, view, candidate, deployment.stage, {**held, **lost})
    if _filled_until(view, rule.approvals, before, now) is None:
        return []  # it did not rest on approvals that count: its end was told when they stopped counting
    until = _filled_until(view, rule.approvals, after, now)
    response = policy.on(view.tier).role_lost
    if until is not None:
        return _respond("limit", view, reason, until)
    return _respond("retreat" if response == "limit" else response, view, reason, now)


def _filled_until(view: UseCaseView, places: tuple[str, ...], ground: Ground, now: float) -> float | None:
    counting = [approval for approval in view.approvals if flaw(approval, ground, now) is None]
    filled = fill(places, counting, ground)
    return filled.until if all(approval is not None for _, approval in filled.places) else None


def _serving(view: UseCaseView) -> DeploymentView | None:
    deployment = view.deployment
    return None if deployment is None or deployment.halted else deployment


def _grace(now: float, days: int) -> float:
    return now + timedelta(days=days).total_seconds()


def _respond(response: Response, view: UseCaseView, reason: str, until: float) -> list[Consequence]:
    deployment = _serving(view)
    if deployment is None or response == "continue":
        return []
    if response == "halt":
        return [DeploymentHalted(use_case=view.id, candidate=deployment.candidate, reason=reason)]
    if response == "retreat":
        return [*to_shadow(view, reason)]
    if until >= deployment.until_epoch:
        return []
    end = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")
    return [DeploymentLimited(use_case=view.id, candidate=deployment.candidate, until=end, reason=reason)]
