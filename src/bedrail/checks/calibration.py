"""Do predicted risks agree with what happened?"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from bedrail.checks.binning import brier, calibration_error
from bedrail.checks.estimates.gaps import FEWEST as FEWEST_CASES
from bedrail.checks.estimates.gaps import calibration_gap
from bedrail.checks.estimates.losses import brier_skill
from bedrail.checks.estimates.recalibrated import intercept_and_slope, logits, recalibration
from bedrail.checks.intervals import Measured, distinct, power_factor, sum_variance, wilson
from bedrail.checks.question import against, check
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

__all__ = ["Measured", "calibration", "logits", "observed_to_expected", "recalibration"]

Limits = Callable[[float, float, float], tuple[float, float]]
"""(low, high) of a rate, the rows it is of and a confidence."""
NOT_ENOUGH = "Not enough patients to tell"
FEWEST = 10
"""Predictions below which no interval of a rate is to be believed."""


def observed_to_expected(
    outcome: Floats, score: Floats, clusters: Ints | None, confidence: float, limits: Limits = wilson
) -> Measured | None:
    """O/E: observed over expected number of outcomes; None when nothing is expected.

    The variance is that of a ratio of sums, with one patient's rows summed first; the interval is Wilson's for the
    outcome rate on the effective number of rows that this variance implies, divided by the mean risk, so that few
    or no outcomes still give an honest upper limit. Far out `exact_limits` take the place of Wilson's as `limits`.
    """
    expected = float(score.sum())
    if len(outcome) == 0 or expected <= 0:
        return None
    n = len(outcome)
    ratio = float(outcome.sum()) / expected
    rate, risk = float(outcome.mean()), expected / n
    variance = sum_variance(outcome - ratio * score, clusters)
    plain = n * rate * (1 - rate)
    patients = n if clusters is None else distinct(clusters)
    effective = n * plain / variance if variance > 0 and plain > 0 else float(patients)
    low, high = limits(rate, max(1.0, min(effective, 4.0 * n)), confidence)
    # Without any outcome the residuals vanish; the model's own risks then say what the data could have shown.
    error = sqrt(variance if variance > 0 else float(np.sum(score * (1 - score)))) / expected
    return Measured(estimate=ratio, low=low / risk, high=high / risk, error=error)


@check("calibration", "Do predicted risks agree with what happened?")
def calibration(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """O/E, intercept, slope, expected calibration error and Brier skill.

    `calibration.observed-to-expected` fails when the interval, at the confidence that shares `calibration_alpha`
    over it, the intercept and the slope, excludes 1 and the estimate is outside the band `observed_to_expected`
    (0.9 to 1.1); it passes when the estimate is inside and the data could have shown `detectable_miscalibration`;
    otherwise it is missing. `calibration.intercept` (0 is right, band plus or minus `max_calibration_intercept`)
    and `calibration.slope` (1 is right, band `calibration_slope`; below it risks are too extreme) are ruled the
    same way. `calibration.expected-error` fails when it exceeds `max_calibration_error` with its whole interval and
    also what chance gives a perfectly calibrated score; it passes when the estimate keeps the bound, and is missing
    otherwise, as with fewer than ten patients of an outcome. `calibration.brier-skill` is 1 - Brier / (rate (1 -
    rate)): it fails when its whole interval lies below 0 (worse than giving everybody the outcome rate), passes
    when above, and is missing in between.
    """
    if cohort.n < FEWEST:
        reason = f"{NOT_ENOUGH}: fewer than {FEWEST} predictions."
        name = "calibration.observed-to-expected"
        return (Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    return (
        _ratio(cohort, requirements),
        *_recalibrated(cohort, requirements),
        _expected_error(cohort, requirements, rng),
        _skill(cohort, requirements),
    )


def _banded(
    cohort: Cohort,
    name: str,
    found: Measured,
    right: float,
    band: tuple[float, float],
    gap: tuple[float, float],
    words: tuple[str, str],
    sure: Measured,
) -> Finding:
    """The rule of O/E, intercept and slope: `gap` is (smallest the data could show, largest that may go unseen), `sure`
    the same measure as `found`, at the confidence that a fail needs."""
    inside = band[0] <= found.estimate <= band[1]
    if not inside and (sure.low > right or sure.high < right):
        verdict, reason = Verdict.FAIL, words[0]
    elif inside and gap[0] <= gap[1]:
        verdict, reason = Verdict.PASS, words[1]
    else:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH}. {words[1]}"
    return Finding(
        check=name,
        verdict=verdict,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        n=cohort.n,
        smallest_gap=gap[0],
        reason=reason,
    )


def _strict(requirements: Requirements) -> float:
    """The confidence that shares `calibration_alpha` over O/E, intercept and slope (Bonferroni)."""
    return 1 - requirements.calibration_alpha / 3


def _ratio(cohort: Cohort, requirements: Requirements) -> Finding:
    name = "calibration.observed-to-expected"
    strict = _strict(requirements)
    found, sure = (
        observed_to_expected(cohort.outcome, cohort.score, cohort.clusters, confidence)
        for confidence in (requirements.confidence, strict)
    )
    if found is None or sure is None:
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason="No outcomes are expected by the score.")
    gap = power_factor(1 - strict) * found.error
    figures = f"mean predicted risk {cohort.score.mean():.1%}, observed {cohort.outcome.mean():.1%}"
    way = "over-predicts" if found.estimate < 1 else "under-predicts"
    words = (f"The score {way}: {figures} (O/E {found.estimate:.2f}).", f"O/E {found.estimate:.2f}: {figures}.")
    limits = (gap, requirements.detectable_miscalibration)
    return _banded(cohort, name, found, 1.0, requirements.observed_to_expected, limits, words, sure)


def _recalibrated(cohort: Cohort, requirements: Requirements) -> tuple[Finding, Finding]:
    names = ("calibration.intercept", "calibration.slope")
    strict = _strict(requirements)
    found, sure = (
        intercept_and_slope(cohort.outcome, cohort.score, cohort.clusters, confidence)
        for confidence in (requirements.confidence, strict)
    )
    if found is None or sure is None:
        reason = f"{NOT_ENOUGH}: both outcomes, a spread of scores and some overlap are needed."
        first, second = (Finding(check=n, verdict=Verdict.MISSING, n=cohort.n, reason=reason) for n in names)
        return first, second
    level, slope = found
    factor = power_factor(1 - strict)
    most = requirements.max_calibration_intercept
    way = "too high" if level.estimate < 0 else "too low"
    words = (f"Risks are {way} throughout: intercept {level.estimate:+.2f}.", f"Intercept {level.estimate:+.2f}.")
    limits = (factor * level.error, requirements.detectable_miscalibration)
    first = _banded(cohort, names[0], level, 0.0, (-most, most), limits, words, sure[0])
    way = "too extreme" if slope.estimate < 1 else "too timid"
    words = (f"Risks are {way}: slope {slope.estimate:.2f}, right is 1.", f"Slope {slope.estimate:.2f}.")
    limits = (factor * slope.error, requirements.detectable_slope)
    return first, _banded(cohort, names[1], slope, 1.0, requirements.calibration_slope, limits, words, sure[1])


def _expected_error(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> Finding:
    found = calibration_error(
        cohort.outcome, cohort.score, cohort.clusters, requirements.draws, requirements.confidence, rng
    )
    gap = calibration_gap(
        cohort.outcome, cohort.score, cohort.clusters, requirements.confidence, requirements.draws, rng
    )
    name = "calibration.expected-error"
    if gap is None:
        reason = f"{NOT_ENOUGH}: fewer than {FEWEST_CASES} patients with, or without, the outcome for ten bins."
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    most = requirements.max_calibration_error
    figure = (
        f"ECE {gap.estimate:.3f} with its bias taken out; measured {found.measured:.3f}, "
        f"of which chance alone gives {found.by_chance:.3f}"
    )
    if gap.low > most and found.measured > found.chance_limit:
        verdict, reason = Verdict.FAIL, f"{figure}; at most {most:g} is allowed."
    elif found.measured <= most:
        verdict, reason = Verdict.PASS, f"{figure}."
    else:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH} whether ECE keeps {most:g}: {figure}."
    return Finding(
        check=name,
        verdict=verdict,
        estimate=gap.estimate,
        low=gap.low,
        high=gap.high,
        n=cohort.n,
        smallest_gap=found.chance_limit,
        reason=reason,
    )


def _skill(cohort: Cohort, requirements: Requirements) -> Finding:
    name = "calibration.brier-skill"
    parts = brier(cohort.outcome, cohort.score)
    skill = brier_skill(cohort.outcome, cohort.score, cohort.clusters, requirements.confidence)
    if skill is None:
        reason = "At least two patients with and two without the outcome are needed."
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    verdict = against(skill.low, skill.high, 0.0)
    words = {
        Verdict.FAIL: "Risks are further from the truth than giving everybody the outcome rate",
        Verdict.PASS: "Risks are nearer to the truth than giving everybody the outcome rate",
        Verdict.MISSING: f"{NOT_ENOUGH} whether risks are nearer to the truth than the outcome rate",
    }
    split = f"reliability {parts.reliability:.4f}, resolution {parts.resolution:.4f}, noise {parts.uncertainty:.4f}"
    return Finding(
        check=name,
        verdict=verdict,
        estimate=skill.estimate,
        low=skill.low,
        high=skill.high,
        n=cohort.n,
        reason=f"{words[verdict]}: Brier {parts.score:.4f} ({split}).",
    )
