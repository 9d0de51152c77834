"""Whether the probabilities of several classes agree with how often the classes happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.binning import calibration_error
from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.estimates.recalibrated import intercept_and_slope
from bedrail.checks.intervals import power_factor
from bedrail.checks.outcomes import multiclass as kinds
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.estimates import at_least, banded, finding, missing, stated
from bedrail.checks.outcomes.multiclass_questions import NOT_ENOUGH, of_class, shared
from bedrail.checks.outcomes.requirements import MulticlassRequirements
from bedrail.checks.outcomes.values import MulticlassCohort
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.intervals import Measured


@question("multiclass-calibration", "Do the probabilities of the classes agree with how often they happen?")
def calibration(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Brier and log-loss skill; top-label calibration; O/E, slope and expected calibration error of each class.

    Skills fail when their interval lies below 0, which is giving everybody the class shares. Top label: the mean
    probability of the class that was said against how often it was right. O/E and slopes as for yes-or-no outcomes, at
    the confidence shared by the classes.
    """
    K, head = len(cohort.classes), "multiclass-calibration"
    brier, logloss = kinds.brier_rows(cohort.outcome, cohort.score), kinds.log_loss_rows(cohort.outcome, cohort.score)
    impossible = int((cohort.score[np.arange(cohort.n), cohort.outcome] <= 0).sum())
    note = f" {impossible:,} outcomes had been given probability 0: the loss is cut there." if impossible else ""
    found = []
    losses = zip(
        ("brier-skill", "log-loss-skill"), (brier, logloss), kinds.share_losses(cohort.outcome, K), strict=True
    )
    for name, loss, reference in losses:
        one = kinds.skill(loss, reference, cohort.clusters)
        if one is None or one.error == 0:
            found.append(missing(f"{head}.{name}", "At least two classes must occur.", n=cohort.n))
            continue
        interval = one.skill(requirements.confidence)
        verdict = at_least(interval, interval, 0.0)
        words = {
            Verdict.PASS: "Nearer to the truth than giving everybody the class shares",
            Verdict.FAIL: "Further from the truth than giving everybody the class shares",
            Verdict.MISSING: f"{NOT_ENOUGH} whether it is nearer to the truth than the class shares",
        }
        reason = f"{words[verdict]}: mean loss {loss.mean():.4f} against {reference.mean():.4f}.{note}"
        found.append(finding(f"{head}.{name}", one, interval, verdict, reason, requirements.confidence, n=cohort.n))
    found += _top_label(cohort, requirements, rng)
    for k in range(K):
        found += _class_calibration(cohort, requirements, rng, k)
    return tuple(found)


def _top_label(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator
) -> list[Finding]:
    """Guo et al. (2017) ask of the highest probability; a class said for other reasons is held to its own."""
    right = (cohort.outcome == cohort.said).astype(np.float64)
    sure = cohort.score[np.arange(cohort.n), cohort.said]
    name = "multiclass-calibration.top-label-observed-to-expected"
    ratio = observed_to_expected(right, sure, cohort.clusters, requirements.confidence)
    found = []
    if ratio is None:
        found.append(missing(name, "Nothing is said with any probability.", n=cohort.n))
    else:
        found.append(_ratio(name, "overall", ratio, (ratio.low, ratio.high), cohort.n, requirements))
    return [*found, _error("multiclass-calibration.top-label-error", "overall", right, sure, cohort, requirements, rng)]


def _ratio(
    name: str,
    group: str,
    ratio: Measured,
    sure: tuple[float, float],
    n: int,
    requirements: MulticlassRequirements,
) -> Finding:
    gap = power_factor(1 - requirements.confidence) * ratio.error
    detectable = requirements.detectable_miscalibration
    verdict = banded(ratio.estimate, sure, 1.0, requirements.observed_to_expected, gap, detectable)
    words = {
        Verdict.PASS: f"Observed over expected {ratio.estimate:.2f}.",
        Verdict.FAIL: f"{'Over' if ratio.estimate < 1 else 'Under'}-predicted: observed over expected "
        f"{ratio.estimate:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH}: observed over expected {ratio.estimate:.2f}.",
    }
    return stated(name, (ratio.estimate, ratio.low, ratio.high), verdict, words[verdict], n=n, group=group, gap=gap)


def _error(
    name: str,
    group: str,
    happened: np.ndarray,
    score: np.ndarray,
    cohort: MulticlassCohort,
    requirements: MulticlassRequirements,
    rng: np.random.Generator,
) -> Finding:
    found = calibration_error(happened, score, cohort.clusters, requirements.draws, requirements.confidence, rng)
    most = requirements.max_calibration_error
    figure = f"ECE {found.measured:.3f}, of which chance alone gives {found.by_chance:.3f}"
    if found.low > most and found.measured > found.chance_limit:
        verdict, reason = Verdict.FAIL, f"{figure}; at most {most:g} is allowed."
    elif found.measured <= most:
        verdict, reason = Verdict.PASS, f"{figure}."
    else:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH} whether ECE keeps {most:g}: {figure}."
    figures = (found.measured, found.low, found.high)
    return stated(name, figures, verdict, reason, n=cohort.n, group=group, gap=found.chance_limit)


def _class_calibration(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator, k: int
) -> list[Finding]:
    group, head = of_class(cohort, k), "multiclass-calibration"
    happened, score = (cohort.outcome == k).astype(np.float64), cohort.score[:, k]
    strict = shared(requirements, len(cohort.classes))
    names = [f"{head}.{name}" for name in ("observed-to-expected", "slope", "expected-error")]
    ratio = observed_to_expected(happened, score, cohort.clusters, requirements.confidence)
    sure = observed_to_expected(happened, score, cohort.clusters, strict)
    found = []
    if ratio is None or sure is None:
        found.append(missing(names[0], "The class is never expected.", group=group))
    else:
        found.append(_ratio(names[0], group, ratio, (sure.low, sure.high), cohort.n, requirements))
    fits = intercept_and_slope(happened, score, cohort.clusters, requirements.confidence)
    stricter = intercept_and_slope(happened, score, cohort.clusters, strict)
    if fits is None or stricter is None:
        found.append(
            missing(names[1], "No slope: under two rows of a class, no spread, or perfect separation.", group=group)
        )
    else:
        found.append(_slope(names[1], group, fits[1], stricter[1], cohort.n, requirements))
    return [*found, _error(names[2], group, happened, score, cohort, requirements, rng)]


def _slope(
    name: str, group: str, slope: Measured, sure: Measured, n: int, requirements: MulticlassRequirements
) -> Finding:
    gap = power_factor(1 - requirements.confidence) * slope.error
    verdict = banded(
        slope.estimate, (sure.low, sure.high), 1.0, requirements.calibration_slope, gap, requirements.detectable_slope
    )
    words = {
        Verdict.PASS: f"Slope {slope.estimate:.2f}.",
        Verdict.FAIL: f"Too {'extreme' if slope.estimate < 1 else 'timid'}: slope {slope.estimate:.2f}, right is 1.",
        Verdict.MISSING: f"{NOT_ENOUGH}: slope {slope.estimate:.2f}.",
    }
    return stated(name, (slope.estimate, slope.low, slope.high), verdict, words[verdict], n=n, group=group, gap=gap)
