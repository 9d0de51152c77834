"""One measure in one group against the rest of its column, with small-sample tests."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.groups import Cell
from bedrail.checks.intervals import design_effect, difference, distinct
from bedrail.checks.thresholds import part
from bedrail.checks.values import Bools, Cohort, Floats, Requirements

METRICS = ("sensitivity", "specificity", "ppv", "calibration")
FEWEST_FOR_OWN_DESIGN = 30


@dataclass(frozen=True, slots=True)
class Contrast:
    """One measure in one group (`inside`) and in the rest of its column (`outside`).

    `p_value` is two-sided for no difference; `n` the rows of the group that the measure rests on; `error` the
    standard error of the gap if there were none, from which the smallest detectable gap follows; `sizes` the effective
    numbers of rows inside and outside (rates only).
    """

    metric: str
    cell: Cell
    inside: float
    outside: float
    p_value: float
    n: int
    error: float
    sizes: tuple[float, float]

    @property
    def gap(self) -> float:
        """Group minus rest."""
        return self.inside - self.outside


Effects = dict[str, float]
"""Design effects of all rows by measure: the same for every group of one cohort, so found once."""


def contrast(
    cohort: Cohort, cell: Cell, metric: str, requirements: Requirements, effects: Effects | None = None
) -> Contrast | None:
    """Compare one group with the rest; None when either side has fewer than `min_group` rows to judge by.

    `effects`, an empty mapping at first, spares later groups of the same cohort what the first has found.
    """
    effects = {} if effects is None else effects
    if metric == "calibration":
        return _calibration(cohort, cell, requirements, effects)
    return _rate(cohort, cell, metric, requirements, effects)


def exact_rates(hits: tuple[float, float], sizes: tuple[float, float]) -> float:
    """Fisher's exact test of two rates, the smaller tail doubled: never more false alarms than stated, at any size.

    `hits` and `sizes` are effective counts (after division by the design effect, Rao and Scott 1992), rounded here.
    """
    from scipy.stats import hypergeom

    n, m = (max(1, round(size)) for size in sizes)
    a, b = round(hits[0] * n / sizes[0]), round(hits[1] * m / sizes[1])
    tails = hypergeom.cdf(a, n + m, a + b, n), hypergeom.sf(a - 1, n + m, a + b, n)
    return float(min(1.0, 2 * min(tails)))


def _rate(cohort: Cohort, cell: Cell, metric: str, requirements: Requirements, effects: Effects) -> Contrast | None:
    among, hits = part(metric, cohort.outcome, cohort.alert)
    inside, outside = among & cell.rows, among & ~cell.rows
    n, m = int(inside.sum()), int(outside.sum())
    if min(n, m) < requirements.min_group:
        return None
    pooled = float(hits[among].mean())
    centred = hits - pooled
    whole = _whole(cohort, centred, among, metric, effects)
    sizes = (n / _design(cohort, centred, whole, inside), m / _design(cohort, centred, whole, outside))
    found = (float(hits[inside].sum()), float(hits[outside].sum()))
    spread = max(pooled * (1 - pooled), 0.0475)
    p_value = exact_rates((found[0] * sizes[0] / n, found[1] * sizes[1] / m), sizes)
    return Contrast(
        metric=metric,
        cell=cell,
        inside=found[0] / n,
        outside=found[1] / m,
        p_value=p_value,
        n=n,
        error=sqrt(spread * (1 / sizes[0] + 1 / sizes[1])),
        sizes=sizes,
    )


def _whole(cohort: Cohort, centred: Floats, among: Bools, metric: str, effects: Effects) -> float:
    """Design effect of all rows `among`."""
    if cohort.clusters is None:
        return 1.0
    if metric not in effects:
        effects[metric] = design_effect(centred[among], cohort.clusters[among])
    return effects[metric]


def _design(cohort: Cohort, centred: Floats, whole: float, side: Bools) -> float:
    """Design effect of one side: that of all rows, or its own where its patients are many and it is larger."""
    if cohort.clusters is None:
        return 1.0
    own = cohort.clusters[side]
    if distinct(own) < FEWEST_FOR_OWN_DESIGN:
        return whole
    return max(whole, design_effect(centred[side] - centred[side].mean(), own))


def _calibration(cohort: Cohort, cell: Cell, requirements: Requirements, effects: Effects) -> Contrast | None:
    """O/E inside against outside: given all outcomes, those inside are binomial with the share expected inside.

    Counts are scaled to the variance that the (rescaled) risks imply, and widened by the design effect of patients.
    """
    from scipy.stats import binom

    y, score, rows = cohort.outcome, cohort.score, cell.rows
    n, m = int(rows.sum()), int((~rows).sum())
    expected = float(score[rows].sum()), float(score[~rows].sum())
    if min(n, m) < requirements.min_group or min(expected) <= 0 or not y.any():
        return None
    observed = float(y[rows].sum()), float(y[~rows].sum())
    ratio, share = sum(observed) / sum(expected), expected[0] / sum(expected)
    risk = np.minimum(ratio * score, 1.0)
    weight = np.where(rows, (1 - share) ** 2, share**2)
    everyone = np.ones(cohort.n, dtype=np.bool_)
    residual = y - ratio * score
    whole = _whole(cohort, residual, everyone, "calibration", effects)
    widen = max(_design(cohort, residual, whole, side) for side in (rows, ~rows))
    variance = float(np.sum(weight * risk * (1 - risk))) * widen
    plain = float(np.sum(weight * risk))
    scale = max(0.05, variance / plain)
    a, total = round(observed[0] / scale), round(sum(observed) / scale)
    p_value = min(1.0, 2 * min(binom.cdf(a, total, share), binom.sf(a - 1, total, share)))
    return Contrast(
        metric="calibration",
        cell=cell,
        inside=observed[0] / expected[0],
        outside=observed[1] / expected[1],
        p_value=float(p_value),
        n=n,
        error=sqrt(scale * plain) / (expected[0] * (1 - share)),
        sizes=(0.0, 0.0),
    )


def gap_interval(cohort: Cohort, found: Contrast, confidence: float) -> tuple[float, float]:
    """(low, high) of the gap: Newcombe's hybrid of two score intervals for rates, the same construction for O/E."""
    if found.metric != "calibration":
        _, low, high = difference((found.inside, found.sizes[0]), (found.outside, found.sizes[1]), confidence)
        return low, high
    sides = []
    for rows in (found.cell.rows, ~found.cell.rows):
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        side = observed_to_expected(cohort.outcome[rows], cohort.score[rows], clusters, confidence)
        assert side is not None
        sides.append(side)
    a, b = sides
    gap = a.estimate - b.estimate
    low = gap - sqrt((a.estimate - a.low) ** 2 + (b.high - b.estimate) ** 2)
    return low, gap + sqrt((a.high - a.estimate) ** 2 + (b.estimate - b.low) ** 2)
