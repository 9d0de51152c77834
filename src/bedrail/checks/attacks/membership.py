"""Could somebody who asks the model tell who was in its training data?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bedrail.checks.attacks.rates import TailRate, fewest_others, pooled_rates, tail_rate
from bedrail.checks.discrimination import Auroc, auroc
from bedrail.checks.values import Bools, Floats, Requirements
from bedrail.core.values import Evidence, Finding, Verdict

CHECK = "membership-inference"
FPRS = (0.01, 0.001)
BLIND = 0.55
"""AUROC from which training and other patients are too unlike, without the model, to attack the candidate itself."""


@dataclass(frozen=True, slots=True)
class MembershipAttack:
    """What an attack gave: `ratios` and `losses` (targets, patients) of the recipe's own models, `members` likewise.

    `candidate` holds the candidate's (ratios of its training patients, ratios of the others), `blind` the AUROC of
    telling these two apart by inputs and outcome without any model; both None where the candidate was not attacked.
    """

    ratios: Floats
    losses: Floats
    members: Bools
    candidate: tuple[Floats, Floats] | None = None
    blind: Auroc | None = None


def membership_evidence(
    attack: MembershipAttack, requirements: Requirements, rng: np.random.Generator, draws: int = 200
) -> Evidence:
    """Evidence `membership-inference`: what shadow models of this recipe, and this candidate, give away.

    `tpr` at 1 % and 0.1 % false positives and `auroc` for LiRA against models of the recipe (each a target with members
    drawn at random, so that nothing but membership parts them); `loss-tpr` the same for the plain loss threshold;
    `candidate-tpr` for the candidate's own bytes, with an exact interval. A rate fails when its interval lies above
    `max_membership_tpr` (1 %) or `max_membership_tpr_rare` (0.1 %), passes when it lies below.
    """
    findings: list[Finding] = []
    bounds = (requirements.max_membership_tpr, requirements.max_membership_tpr_rare)
    for name, scores in (("tpr", attack.ratios), ("loss-tpr", attack.losses)):
        pooled = pooled_rates(scores, attack.members, FPRS, requirements.confidence, draws, rng)
        for fpr, bound in zip(FPRS, bounds, strict=True):
            findings.append(_tail(name, fpr, bound, pooled.tails[fpr], attack.members.shape, requirements))
        if name == "tpr":
            findings.append(_area(pooled.auc, attack.members.shape, requirements.max_membership_auroc))
    findings += _candidate(attack, requirements, bounds)
    verdict, reason = _ruling(findings)
    return Evidence(check=CHECK, verdict=verdict, reason=reason, findings=tuple(findings))


def _ruling(findings: list[Finding]) -> tuple[Verdict, str]:
    """Any fail fails; what could not be told at 1 % on models of the recipe leaves the whole question open."""
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    if failed:
        return Verdict.FAIL, failed[0].reason
    first = findings[0]
    untold = sum(f.verdict is Verdict.MISSING for f in findings)
    if first.verdict is Verdict.MISSING:
        return Verdict.MISSING, first.reason
    return Verdict.PASS, f"{first.reason}{f' {untold} figures could not be told.' if untold else ''}"


def within(low: float, high: float, bound: float) -> Verdict:
    """Fail when the whole interval lies above `bound`, pass when none of it does, missing in between."""
    return Verdict.FAIL if low > bound else Verdict.PASS if high <= bound else Verdict.MISSING


def _tail(
    name: str,
    fpr: float,
    bound: float,
    rate: tuple[float, float, float],
    shape: tuple[int, ...],
    requirements: Requirements,
) -> Finding:
    targets, patients = shape
    estimate, low, high = rate
    least = 2 * fewest_others(fpr, requirements.confidence)
    asked = "LiRA" if name == "tpr" else "The loss threshold"
    told = f"{asked} finds {estimate:.2%} of training patients at {fpr:.1%} false alarms"
    if patients < least:
        verdict = Verdict.MISSING
        told = f"Too few patients to measure at {fpr:.1%} false alarms: {patients:,}, and {least:,} are needed"
        estimate_, low_, high_ = None, None, None
    else:
        verdict = within(low, high, bound)
        estimate_, low_, high_ = estimate, low, high
        told += {
            Verdict.FAIL: f", more than the {bound:.1%} allowed",
            Verdict.PASS: f"; at most {bound:.1%} is allowed",
            Verdict.MISSING: f"; whether that keeps within {bound:.1%} cannot be told",
        }[verdict]
    return Finding(
        check=f"{CHECK}.{name}",
        group=f"false-alarms={fpr:.1%}",
        verdict=verdict,
        estimate=estimate_,
        low=low_,
        high=high_,
        n=patients,
        reason=f"{told} ({targets} models of this recipe attacked).",
    )


def _area(found: tuple[float, float, float], shape: tuple[int, ...], bound: float) -> Finding:
    estimate, low, high = found
    verdict = within(low, high, bound)
    reason = f"Training patients rank above others with AUROC {estimate:.3f}; chance is 0.5, {bound:g} is allowed."
    return Finding(
        check=f"{CHECK}.auroc", verdict=verdict, estimate=estimate, low=low, high=high, n=shape[1], reason=reason
    )


def _candidate(attack: MembershipAttack, requirements: Requirements, bounds: tuple[float, float]) -> list[Finding]:
    if attack.candidate is None or attack.blind is None:
        return []
    inside, outside = attack.candidate
    low, high = attack.blind.interval(requirements.confidence)
    unlike = high > BLIND
    blind = Finding(
        check=f"{CHECK}.without-the-model",
        group="target=candidate",
        verdict=Verdict.MISSING if unlike else Verdict.PASS,
        estimate=attack.blind.estimate,
        low=low,
        high=high,
        n=len(inside) + len(outside),
        reason=f"Without the model, training and other patients are told apart with AUROC {attack.blind.estimate:.3f}"
        + (": what tells them apart below need not be the model." if unlike else ": they are alike."),
    )
    return [blind, *(_exact(tail_rate(inside, outside, fpr, requirements.confidence), bound, unlike, requirements)
                     for fpr, bound in zip(FPRS, bounds, strict=True))]  # fmt: skip


def _exact(rate: TailRate, bound: float, unlike: bool, requirements: Requirements) -> Finding:
    verdict = within(rate.low, rate.high, bound)
    reason = f"LiRA finds {rate.estimate:.2%} of the candidate's training patients at {rate.fpr:.1%} false alarms"
    if not rate.measurable:
        verdict, least = Verdict.MISSING, fewest_others(rate.fpr, requirements.confidence)
        reason = f"Too few other patients to measure at {rate.fpr:.1%}: {rate.others:,}, and {least:,} are needed"
    elif unlike and verdict is Verdict.FAIL:
        verdict = Verdict.MISSING
        reason += ", but the two groups differ without the model too"
    return Finding(
        check=f"{CHECK}.candidate-tpr",
        group=f"target=candidate & false-alarms={rate.fpr:.1%}",
        verdict=verdict,
        estimate=rate.estimate if rate.measurable else None,
        low=rate.low if rate.measurable else None,
        high=rate.high if rate.measurable else None,
        n=rate.members + rate.others,
        reason=f"{reason}.",
    )


def blind_auroc(X: Floats, inside: Bools, clusters: np.ndarray, seed: int = 0) -> Auroc | None:
    """AUROC of telling rows of training patients from others by their inputs and outcome, without the model.

    Five folds by patient. An attack on a candidate is only evidence against the model beyond this (Das, Zhang and
    Tramer, "Blind baselines beat membership inference attacks", 2024). None when one kind is absent.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import GroupKFold

    if inside.all() or not inside.any() or len(np.unique(clusters)) < 10:
        return None
    score = np.empty(len(X))
    learner: Callable[[], HistGradientBoostingClassifier] = lambda: HistGradientBoostingClassifier(  # noqa: E731
        max_iter=60, max_leaf_nodes=15, random_state=seed
    )
    for fit, ask in GroupKFold(5).split(X, inside, clusters):
        score[ask] = learner().fit(X[fit], inside[fit]).predict_proba(X[ask])[:, 1]
    return auroc(inside.astype(np.float64), score, clusters)
