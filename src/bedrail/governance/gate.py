"""The gate: may this candidate move to this stage now? A pure function of policy and registry.

It starts from closed: every question that the policy asks must find its answer in recorded facts, bound to the very
digests of model, data and policy. Each reason says what is missing, who can supply it, and with which command.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bedrail.core.errors import Refused
from bedrail.governance import commands
from bedrail.governance.moments import days_after, iso
from bedrail.governance.questions import QUESTIONS, Hearing, reason
from bedrail.governance.rules import Policy
from bedrail.governance.stages import parse_stage
from bedrail.governance.values import CandidateView, Closed, Condition, Gate, Open, Reason, UseCaseView
from bedrail.governance.views import Registry

__all__ = ["Closed", "Condition", "Gate", "Open", "Reason", "check_scope", "judge"]


def judge(
    policy: Policy,
    registry: Registry,
    use_case: str,
    candidate: str | None,
    stage: str,
    now: datetime,
    *,
    observed: int | None = None,
) -> Gate:
    """Whether `candidate` (a digest; None means the one admitted last) may move to `stage` at `now`.

    `observed` is the number of decisions answered in the stage before, where the caller can count them; without it the
    decisions of monitoring reports since that stage began are counted. Raises `Invalid` for an unknown stage.
    """
    target = parse_stage(stage)
    about: dict[str, Any] = {
        "use_case": use_case,
        "candidate": candidate or "",
        "candidate_name": "",
        "stage": target,
        "policy": policy.digest,
        "judged_at": iso(now),
    }
    view = registry.use_cases.get(use_case)
    if view is None:
        message, how = f"There is no use case {use_case!r}.", commands.open_use_case()
        unknown = reason(registry, "use-case-unknown", "use-case", message, how, "use-case.open")
        return Closed(**about, criteria=("use-case",), conditions=(), obligations=(), reasons=(unknown,))
    hearing = Hearing(
        policy=policy,
        registry=registry,
        view=view,
        candidate=_candidate(view, candidate),
        stage=target,
        now=now.timestamp(),
        observed=observed,
        tier=policy.tier(view.tier),
        rule=policy.stage(view.tier, target),
    )
    reasons = tuple(found for question in QUESTIONS for found in question(hearing))
    if hearing.candidate is not None:
        about |= {"candidate": hearing.candidate.candidate, "candidate_name": hearing.candidate.name}
    about |= {
        "criteria": ("use-case", *hearing.criteria),
        "conditions": tuple(hearing.conditions),
        "obligations": hearing.rule.obligations if hearing.rule else (),
    }
    if reasons or hearing.tier is None or hearing.candidate is None:
        return Closed(**about, reasons=reasons)
    until = min(hearing.until, days_after(hearing.now, hearing.tier.validity_days))
    return Open(**about, until=iso(until), until_epoch=until)


def _candidate(view: UseCaseView, digest: str | None) -> CandidateView | None:
    """The candidate of that digest; the newest without one; None when there is none."""
    if digest:
        return view.candidates.get(digest)
    return next(reversed(view.candidates.values()), None)


def check_scope(policy: Policy, tier: str, stage: str, *, sites: tuple[str, ...], share: int) -> None:
    """That a deployment's scope keeps to the policy: sites named where it asks so, share (per mille) within its limit.

    Raises `Refused`.
    """
    rule = policy.stage(tier, stage)
    if rule is None:
        raise Refused(f"The policy does not allow {stage} for the tier {tier!r}.", remedy="Choose another stage.")
    if rule.sites == "named" and not sites:
        raise Refused(f"{stage} serves some sites only.", remedy="Name them: --sites north,east.")
    if not 1 <= share <= rule.max_share:
        raise Refused(
            f"{stage} may serve 1 to {rule.max_share} of 1000 patients, not {share}.",
            remedy=f"Ask for a share of at most {rule.max_share / 10:g} %.",
        )
