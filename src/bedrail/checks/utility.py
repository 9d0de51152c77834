"""Is acting on the score worth more than treating everyone, or no one?"""

from __future__ import annotations

import numpy as np

from bedrail.checks.intervals import mean_interval, power_factor, quantile
from bedrail.checks.question import against, check
from bedrail.checks.values import Bools, Cohort, Floats, Requirements
from bedrail.core.values import Finding, Verdict

FEWEST = 20


def benefits(outcome: Floats, alert: Bools, threshold: float) -> Floats:
    """(n,) what each row adds to net benefit: 1 for a true alert, minus the odds of the threshold for a false one.

    Net benefit is their mean (Vickers and Elkin 2006), in true positives per patient.
    """
    odds = threshold / (1 - threshold)
    return np.where(alert, np.where(outcome == 1, 1.0, -odds), 0.0)


def net_benefit(outcome: Floats, score: Floats, threshold: float) -> float:
    """Net benefit of alerting from `threshold` on, 0 < threshold < 1, n >= 1."""
    return float(benefits(outcome, np.asarray(score >= threshold), threshold).mean())


@check("net-benefit", "Is acting on the score worth more than treating everyone, or no one?")
def utility(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`net-benefit.over-none` (which is the net benefit itself) and `net-benefit.over-all`, at the threshold.

    Each is a mean of per-row gains, clustered by patient. It fails when its whole interval lies below
    `min_net_benefit_gain`, passes when the whole interval lies above, and is missing in between.
    """
    del rng
    threshold = cohort.cut
    if cohort.n < FEWEST or not 0 < threshold < 1:
        reason = f"Fewer than {FEWEST} predictions, or no threshold between 0 and 1."
        return (Finding(check="net-benefit.over-none", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    model = benefits(cohort.outcome, cohort.alert, threshold)
    everyone = benefits(cohort.outcome, np.ones(cohort.n, dtype=np.bool_), threshold)
    return (
        _gain("net-benefit.over-none", "treating no one", model, cohort, requirements),
        _gain("net-benefit.over-all", "treating everyone", model - everyone, cohort, requirements),
    )


def _gain(name: str, other: str, gains: Floats, cohort: Cohort, requirements: Requirements) -> Finding:
    mean, low, high = mean_interval(gains, cohort.clusters, requirements.confidence)
    bound = requirements.min_net_benefit_gain
    verdict = against(low, high, bound)
    figure = f"{1000 * mean:+.1f} true positives per 1,000 patients against {other}, at threshold {cohort.cut:.3g}"
    words = {
        Verdict.FAIL: f"Acting on the score does harm: {figure}.",
        Verdict.PASS: f"{figure}.",
        Verdict.MISSING: f"Not enough patients to tell whether the score is worth acting on: {figure}.",
    }
    if not gains.any():
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
