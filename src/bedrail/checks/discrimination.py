"""Does the score tell patients with the outcome from those without?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from bedrail.checks.estimates.precision import FEWEST, average_precision
from bedrail.checks.intervals import design_effect, power_factor, quantile, student, sum_variance
from bedrail.checks.question import check
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

PLENTY = 30
"""From so many effective rows of the rarer class on, DeLong's own variance is trusted."""


@dataclass(frozen=True, slots=True)
class Auroc:
    """An area under the ROC curve, its standard error, and what each row pulls (n,): influences sum to zero.

    `design` is the design effect of repeated rows, 1 without.
    """

    estimate: float
    error: float
    pulls: Floats
    positives: int
    negatives: int
    design: float = 1.0

    def interval(self, confidence: float) -> tuple[float, float]:
        """DeLong's variance on the logit scale with Student's t; a score interval where the rarer class is small.

        Under 30 effective rows of the rarer class DeLong's variance is itself too uncertain (with 4 cases its interval
        holds the truth three times in four). Newcombe's (2006, Statistics in Medicine 25:559) inversion is used there:
        all areas that differ from the estimate by at most z of the standard error that they would themselves have, by
        Hanley and McNeil (1982). At 0 and 1 no variance is seen: Clopper and Pearson for the rarer class.
        """
        a, fewer = self.estimate, min(self.positives, self.negatives) / self.design
        if a in (0.0, 1.0):
            edge = 1 - ((1 - confidence) / 2) ** (1 / max(1.0, fewer))
            return max(0.0, a - edge), min(1.0, a + edge)
        if fewer < PLENTY or self.error == 0.0:
            return self._inverted(confidence)
        half = student(confidence, fewer - 1) * self.error / (a * (1 - a))
        centre = log(a / (1 - a))
        return _expit(centre - half), _expit(centre + half)

    def _inverted(self, confidence: float) -> tuple[float, float]:
        limit = quantile(confidence) ** 2 * self.design

        def outside(area: float) -> bool:
            return (area - self.estimate) ** 2 > limit * hanley_mcneil(area, self.positives, self.negatives)

        return _edge(outside, self.estimate, 0.0), _edge(outside, self.estimate, 1.0)


def hanley_mcneil(area: float, positives: int, negatives: int) -> float:
    """The variance of an AUROC under exponential scores (Hanley and McNeil 1982, Radiology 143:29)."""
    both, each = area / (2 - area), 2 * area * area / (1 + area)
    spread = (positives - 1) * (both - area * area) + (negatives - 1) * (each - area * area)
    return (area * (1 - area) + spread) / (positives * negatives)


def _edge(outside: Callable[[float], bool], inner: float, outer: float) -> float:
    """Where areas from `inner` towards `outer` begin to lie outside, by bisection."""
    for _ in range(40):
        middle = (inner + outer) / 2
        inner, outer = (inner, middle) if outside(middle) else (middle, outer)
    return (inner + outer) / 2


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def midranks(values: Floats) -> Floats:
    """(n,) ranks from 1, ties sharing their mean rank."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(values) else np.zeros(0, int)
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def auroc(outcome: Floats, score: Floats, clusters: Ints | None = None) -> Auroc | None:
    """AUROC with the variance of DeLong, DeLong and Clarke-Pearson (1988), fast by midranks (Sun and Xu 2014).

    With `clusters`, placements are summed within patients before squaring (Obuchowski 1997). None when a
    class is absent.
    """
    positive = outcome == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return None
    ranks = midranks(score)
    placement = np.empty(len(score))
    placement[positive] = (ranks[positive] - midranks(score[positive])) / n
    placement[~positive] = 1 - (ranks[~positive] - midranks(score[~positive])) / m
    area = float(placement[positive].mean())
    pulls = (placement - area) / np.where(positive, m, n)
    if clusters is None:
        by_class = [float(np.sum(pulls[rows] ** 2)) * k / max(1, k - 1) for rows, k in ((positive, m), (~positive, n))]
        variance = sum(by_class)
    else:
        variance = sum_variance(pulls, clusters)
    design = design_effect(pulls, clusters)
    return Auroc(estimate=area, error=sqrt(variance), pulls=pulls, positives=m, negatives=n, design=design)


@check("discrimination", "Does the score tell patients with the outcome from those without?")
def discrimination(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`discrimination.auroc` and `discrimination.auprc`.

    AUROC fails when its whole interval lies below `min_auroc`, passes when the whole interval reaches it, and is
    missing in between. AUPRC is held against the outcome rate (what chance gives): it fails when its whole interval
    lies below it, passes when above, and is missing in between and under 15 patients of a class.
    """
    del rng
    area = auroc(cohort.outcome, cohort.score, cohort.clusters)
    if area is None:
        reason = "Patients with and without the outcome are both needed; one of them is absent."
        return tuple(
            Finding(check=f"discrimination.{m}", verdict=Verdict.MISSING, n=cohort.n, reason=reason)
            for m in ("auroc", "auprc")
        )
    return _auroc_finding(cohort, requirements, area), _auprc_finding(cohort, requirements)


def _auroc_finding(cohort: Cohort, requirements: Requirements, area: Auroc) -> Finding:
    low, high = area.interval(requirements.confidence)
    bound = requirements.min_auroc
    verdict = Verdict.FAIL if high < bound else Verdict.PASS if low >= bound else Verdict.MISSING
    words = {
        Verdict.FAIL: f"Even the upper limit {high:.3f} lies below the required AUROC of {bound:.2f}.",
        Verdict.PASS: f"AUROC {area.estimate:.3f}; the whole interval reaches the required {bound:.2f}.",
        Verdict.MISSING: f"Not enough patients to tell whether AUROC reaches {bound:.2f}.",
    }
    return Finding(
        check="discrimination.auroc",
        verdict=verdict,
        estimate=area.estimate,
        low=low,
        high=high,
        n=cohort.n,
        smallest_gap=power_factor(1 - requirements.confidence) * area.error,
        reason=words[verdict],
    )


def _auprc_finding(cohort: Cohort, requirements: Requirements) -> Finding:
    found = average_precision(cohort.outcome, cohort.score, cohort.clusters, requirements.confidence)
    if found is None:
        reason = f"Average precision cannot be told from fewer than {FEWEST} patients with, or without, the outcome."
        return Finding(check="discrimination.auprc", verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    estimate, low, high = found.estimate, found.low, found.high
    chance = float(cohort.outcome.mean())
    verdict = Verdict.FAIL if high < chance else Verdict.PASS if low > chance else Verdict.MISSING
    words = {
        Verdict.FAIL: f"Precision is worse than chance, which is the outcome rate {chance:.3f}.",
        Verdict.PASS: f"Average precision {estimate:.3f}, above the {chance:.3f} that chance gives.",
        Verdict.MISSING: f"Not enough patients to tell whether precision beats chance ({chance:.3f}).",
    }
    return Finding(
        check="discrimination.auprc",
        verdict=verdict,
        estimate=estimate,
        low=low,
        high=high,
        n=cohort.n,
        reason=words[verdict],
    )
