"""Is acting on the score worth more than treating everyone, or no one?"""

from __future__ import annotations

import numpy as np

from bedrail.checks.estimates.alerts import gains as benefits
from bedrail.checks.estimates.alerts import net_benefit as measured_benefit
from bedrail.checks.estimates.alerts import net_benefit_difference
from bedrail.checks.intervals import Measured, power_factor, quantile
from bedrail.checks.question import against, check
from bedrail.checks.values import Cohort, Floats, Requirements
from bedrail.core.values import Finding, Verdict

__all__ = ["FEWEST", "benefits", "net_benefit", "utility"]

FEWEST = 20


def net_benefit(outcome: Floats, score: Floats, threshold: float) -> float:
    """Net benefit of alerting from `threshold` on, 0 < threshold < 1, n >= 1."""
    return float(benefits(outcome, np.asarray(score >= threshold), threshold).mean())


@check("net-benefit", "Is acting on the score worth more than treating everyone, or no one?")
def utility(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`net-benefit.over-none` (which is the net benefit itself) and `net-benefit.over-all`, at the threshold.

    Each interval comes from the limits of its shares, rows clustered by patient. It fails when its whole interval lies
    below `min_net_benefit_gain`, passes when the whole interval lies above, and is missing in between.
    """
    del rng
    threshold = cohort.cut
    if cohort.n < FEWEST or not 0 < threshold < 1:
        reason = f"Fewer than {FEWEST} predictions, or no threshold between 0 and 1."
        return (Finding(check="net-benefit.over-none", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    everyone = np.ones(cohort.n, dtype=np.bool_)
    outcome, alert, clusters, confidence = cohort.outcome, cohort.alert, cohort.clusters, requirements.confidence
    over_none = measured_benefit(outcome, alert, threshold, clusters, confidence)
    over_all = net_benefit_difference(outcome, alert, everyone, threshold, clusters, confidence)
    always, never = bool(cohort.alert.all()), not cohort.alert.any()
    return (
        _gain("net-benefit.over-none", "treating no one", over_none, never, cohort, requirements),
        _gain("net-benefit.over-all", "treating everyone", over_all, always, cohort, requirements),
    )


def _gain(name: str, other: str, found: Measured, alike: bool, cohort: Cohort, requirements: Requirements) -> Finding:
    mean, low, high = found.estimate, found.low, found.high
    bound = requirements.min_net_benefit_gain
    verdict = against(low, high, bound)
    figure = f"{1000 * mean:+.1f} true positives per 1,000 patients against {other}, at threshold {cohort.cut:.3g}"
    words = {
        Verdict.FAIL: f"Acting on the score does harm: {figure}.",
        Verdict.PASS: f"{figure}.",
        Verdict.MISSING: f"Not enough patients to tell whether the score is worth acting on: {figure}.",
    }
    if alike:
        verdict = Verdict.MISSING
        words[verdict] = f"At threshold {cohort.cut:.3g} the score never acts differently from {other}."
    error = (high - low) / 2 / quantile(requirements.confidence)
    return Finding(
        check=name,
        verdict=verdict,
        estimate=mean,
        low=low,
        high=high,
        n=cohort.n,
        smallest_gap=power_factor(1 - requirements.confidence) * error,
        reason=words[verdict],
    )
