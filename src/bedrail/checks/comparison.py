"""Is the candidate at least as good as what it would replace?"""

from __future__ import annotations

from math import sqrt

import numpy as np

from bedrail.checks.discrimination import auroc
from bedrail.checks.estimates.alerts import net_benefit_difference
from bedrail.checks.intervals import power_factor, quantile, student, sum_variance
from bedrail.checks.question import against, check
from bedrail.checks.utility import FEWEST
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict


def auroc_difference(
    outcome: Floats, first: Floats, second: Floats, clusters: Ints | None, confidence: float
) -> tuple[float, float, float, float] | None:
    """(difference, low, high, standard error) of two correlated AUROCs on the same rows; None when a class is absent.

    DeLong, DeLong and Clarke-Pearson (1988): the variance of the difference of placements, summed within
    patients; Student's t on the rarer class, whose few placements rule the variance.
    """
    a, b = auroc(outcome, first, clusters), auroc(outcome, second, clusters)
    if a is None or b is None:
        return None
    pulls = a.pulls - b.pulls
    if clusters is None:
        variance = 0.0
        for rows in (outcome == 1, outcome == 0):
            k = int(rows.sum())
            variance += float(np.sum(pulls[rows] ** 2)) * k / max(1, k - 1)
    else:
        variance = sum_variance(pulls, clusters)
    gap, error = a.estimate - b.estimate, sqrt(variance)
    half = student(confidence, min(a.positives, a.negatives) - 1) * error
    return gap, gap - half, gap + half, error


@check("baseline", "Is the candidate at least as good as what it would replace?")
def comparison(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`baseline.auroc-difference` and `baseline.net-benefit-difference`, candidate minus comparator on the same rows.

    Non-inferiority: each fails when its whole interval lies below minus the margin (`baseline_margin`,
    `baseline_net_benefit_margin`), passes when the whole interval lies above it, and is missing in between.
    """
    del rng
    if cohort.baseline is None:
        reason = (
            "No comparator was given: nothing to be better than. What would answer it are the risks of what is in use "
            "now, for the same rows: in a home another candidate, such as an import of that score (`examine USE_CASE "
            "--baseline NAME`; else the first linear one), in a notebook `baseline=`."
        )
        return (Finding(check="baseline.auroc-difference", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    return _areas(cohort, requirements, cohort.baseline), _benefits(cohort, requirements, cohort.baseline)


def _areas(cohort: Cohort, requirements: Requirements, baseline: Floats) -> Finding:
    name = "baseline.auroc-difference"
    found = auroc_difference(cohort.outcome, cohort.score, baseline, cohort.clusters, requirements.confidence)
    if found is None or min(cohort.outcome.sum(), cohort.n - cohort.outcome.sum()) < 2:
        reason = "Patients with and without the outcome are both needed."
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    gap, low, high, error = found
    return _finding(cohort, requirements, name, "AUROC", (gap, low, high), error, requirements.baseline_margin)


def _benefits(cohort: Cohort, requirements: Requirements, baseline: Floats) -> Finding:
    name = "baseline.net-benefit-difference"
    if cohort.n < FEWEST or not 0 < cohort.cut < 1:
        reason = f"Fewer than {FEWEST} predictions, or no threshold between 0 and 1."
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    other = np.asarray(baseline >= cohort.cut)
    gap = net_benefit_difference(
        cohort.outcome, cohort.alert, other, cohort.cut, cohort.clusters, requirements.confidence
    )
    found = (gap.estimate, gap.low, gap.high)
    error = (gap.high - gap.low) / 2 / quantile(requirements.confidence)
    return _finding(cohort, requirements, name, "net benefit", found, error, requirements.baseline_net_benefit_margin)


def _finding(
    cohort: Cohort,
    requirements: Requirements,
    name: str,
    measure: str,
    found: tuple[float, float, float],
    error: float,
    margin: float,
) -> Finding:
    gap, low, high = found
    verdict = against(low, high, -margin)
    words = {
        Verdict.FAIL: f"Worse than the comparator: {measure} {gap:+.4f}, beyond the margin of {margin:g}.",
        Verdict.PASS: f"{measure} {gap:+.4f} against the comparator; not worse by {margin:g} or more.",
        Verdict.MISSING: f"Not enough patients to tell whether {measure} ({gap:+.4f}) stays within {margin:g}.",
    }
    return Finding(
        check=name,
        verdict=verdict,
        estimate=gap,
        low=low,
        high=high,
        n=cohort.n,
        smallest_gap=power_factor(1 - requirements.confidence) * error,
        reason=words[verdict],
    )
