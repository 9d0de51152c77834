"""One measure in one group against the rest of its column, with small-sample tests."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.groups import Cell
from bedrail.checks.intervals import difference
from bedrail.checks.sides import Shared
from bedrail.checks.values import Cohort, Requirements

METRICS = ("sensitivity", "specificity", "ppv", "calibration")


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


def contrast(
    cohort: Cohort, cell: Cell, metric: str, requirements: Requirements, shared: Shared | None = None
) -> Contrast | None:
    """Compare one group with the rest; None when either side has fewer than `min_group` rows to judge by.

    `shared`, made of the same cohort, spares later groups what the first has found.
    """
    shared = Shared(cohort) if shared is None else shared
    if metric == "calibration":
        return _calibration(cohort, cell, requirements, shared)
    return _rate(cell, metric, requirements, shared)


def exact_rates(hits: tuple[float, float], sizes: tuple[float, float]) -> float:
    """Fisher's exact test of two rates, the smaller tail doubled: never more false alarms than stated, at any size.

    `hits` and `sizes` are effective counts (after division by the design effect, Rao and Scott 1992), rounded here.
    """
    from scipy.stats import hypergeom

    n, m = (max(1, round(size)) for size in sizes)
    a, b = round(hits[0] * n / sizes[0]), round(hits[1] * m / sizes[1])
    tails = hypergeom.cdf(a, n + m, a + b, n), hypergeom.sf(a - 1, n + m, a + b, n)
    return float(min(1.0, 2 * min(tails)))


def _rate(cell: Cell, metric: str, requirements: Requirements, shared: Shared) -> Contrast | None:
    whole, rows = shared.whole(metric), shared.within(cell).rows
    among = whole.among[rows]
    n = int(among.sum())
    m = whole.rows - n
    if min(n, m) < requirements.min_group:
        return None
    mine = float(whole.hits[rows][among].sum())
    pooled, found = whole.found / whole.rows, (mine, whole.found - mine)
    designs = shared.designs(metric, cell)
    sizes = (n / designs[0], m / designs[1])
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


def _calibration(cohort: Cohort, cell: Cell, requirements: Requirements, shared: Shared) -> Contrast | None:
    """O/E inside against outside: given all outcomes, those inside are binomial with the share expected inside.

    Counts are scaled to the variance that the (rescaled) risks imply, and widened by the design effect of patients.
    """
    from scipy.stats import binom

    y, score, rows = cohort.outcome, cohort.score, cell.rows
    n, m = int(rows.sum()), int((~rows).sum())
    if min(n, m) < requirements.min_group:
        return None
    expected = float(score[rows].sum()), float(score[~rows].sum())
    if min(expected) <= 0 or not y.any():
        return None
    observed = float(y[rows].sum()), float(y[~rows].sum())
    ratio, share = sum(observed) / sum(expected), expected[0] / sum(expected)
    risk = np.minimum(ratio * score, 1.0)
    weight = np.where(rows, (1 - share) ** 2, share**2)
    plain = float(np.dot(weight, risk))
    variance = (plain - float(np.dot(weight * risk, risk))) * max(shared.designs("calibration", cell))
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
