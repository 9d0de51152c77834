"""Do predicted risks agree with what happened?"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from bedrail.checks.intervals import power_factor, quantile, sum_variance, wilson
from bedrail.checks.question import check
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

EDGE = 1e-6
BINS = 10
NOT_ENOUGH = "Not enough patients to tell"


@dataclass(frozen=True, slots=True)
class Measured:
    """An estimate with its interval and standard error."""

    estimate: float
    low: float
    high: float
    error: float


def observed_to_expected(outcome: Floats, score: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """O/E: observed over expected number of outcomes; None when nothing is expected.

    The variance is that of a ratio of sums, with one patient's rows summed first; the interval is Wilson's for the
    outcome rate on the effective number of rows that this variance implies, divided by the mean risk, so that few
    or no outcomes still give an honest upper limit.
    """
    expected = float(score.sum())
    if len(outcome) == 0 or expected <= 0:
        return None
    n = len(outcome)
    ratio = float(outcome.sum()) / expected
    rate, risk = float(outcome.mean()), expected / n
    variance = sum_variance(outcome - ratio * score, clusters)
    plain = n * rate * (1 - rate)
    patients = n if clusters is None else len(np.unique(clusters))
    effective = n * plain / variance if variance > 0 and plain > 0 else float(patients)
    low, high = wilson(rate, max(1.0, min(effective, 4.0 * n)), confidence)
    # Under the model's own risks, so that a cohort with no outcome at all still knows what it could have shown.
    error = sqrt(max(variance, float(np.sum(score * (1 - score))) if variance == 0 else variance)) / expected
    return Measured(estimate=ratio, low=low / risk, high=high / risk, error=error)


def logits(score: Floats) -> Floats:
    """Log-odds of `score`, with risks of 0 and 1 moved inside by one in a million."""
    inside = np.clip(score, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def recalibration(
    outcome: Floats, score: Floats, clusters: Ints | None, confidence: float
) -> tuple[Measured, Measured] | None:
    """(intercept, slope): calibration in the large with slope held at 1, and the slope of logistic recalibration.

    Cox (1958), as in Van Calster et al. (2019); fitted by Newton's method with sandwich errors over patients. None
    when an outcome class or any spread of the score is absent, or the classes can be separated completely.
    """
    x = logits(score)
    if len(outcome) < 3 or outcome.min() == outcome.max() or np.ptp(x) < 1e-9:
        return None
    slope = _newton(np.column_stack((np.ones_like(x), x)), np.zeros_like(x), outcome, clusters)
    level = _newton(np.ones((len(x), 1)), x, outcome, clusters)
    if slope is None or level is None:
        return None
    z = quantile(confidence)
    fits = ((level[0][0], level[1][0]), (slope[0][1], slope[1][1]))
    intercept, steepness = (Measured(float(b), float(b - z * e), float(b + z * e), float(e)) for b, e in fits)
    return intercept, steepness


def _newton(X: Floats, offset: Floats, y: Floats, clusters: Ints | None) -> tuple[Floats, Floats] | None:
    """(coefficients, sandwich errors) of a logistic regression; None when it does not settle in 50 steps."""
    beta = np.zeros(X.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(X @ beta + offset, -35, 35)))
        weight = p * (1 - p)
        bread = X.T @ (X * weight[:, None])
        if np.linalg.cond(bread) > 1e12:
            return None
        step = np.linalg.solve(bread, X.T @ (y - p))
        beta = beta + step * min(1.0, 4.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-10:
            break
    else:
        return None
    scores = X * (y - p)[:, None]
    if clusters is not None:
        _, patient = np.unique(clusters, return_inverse=True)
        scores = np.column_stack([np.bincount(patient, weights=scores[:, j]) for j in range(X.shape[1])])
    inverse = np.linalg.inv(bread)
    cover = inverse @ (scores.T @ scores) @ inverse
    return beta, np.sqrt(np.maximum(np.diag(cover), 0.0))


@check("calibration", "Do predicted risks agree with what happened?")
def calibration(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`calibration.observed-to-expected`: see `_ratio`."""
    del rng
    return (_ratio(cohort, requirements),)


def _ratio(cohort: Cohort, requirements: Requirements) -> Finding:
    name = "calibration.observed-to-expected"
    found = observed_to_expected(cohort.outcome, cohort.score, cohort.clusters, requirements.confidence)
    if found is None:
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason="No outcomes are expected by the score.")
    low, high = requirements.observed_to_expected
    gap = power_factor(1 - requirements.confidence) * found.error
    rate, risk = cohort.outcome.mean(), cohort.score.mean()
    if (found.low > 1 or found.high < 1) and not low <= found.estimate <= high:
        way = "over-predicts" if found.estimate < 1 else "under-predicts"
        verdict = Verdict.FAIL
        reason = f"The score {way}: mean predicted risk {risk:.1%}, observed {rate:.1%}."
    elif low <= found.estimate <= high and gap <= requirements.detectable_miscalibration:
        verdict, reason = Verdict.PASS, f"Mean predicted risk {risk:.1%}, observed {rate:.1%}."
    else:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH}: predicted {risk:.1%}, observed {rate:.1%}."
    return Finding(
        check=name,
        verdict=verdict,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        n=cohort.n,
        smallest_gap=gap,
        reason=reason,
    )
