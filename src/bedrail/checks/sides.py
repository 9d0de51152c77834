"""Each group beside the rest of everybody, at the cost of the group's own rows: the rest is all, less the group."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bedrail.checks.groups import Cell
from bedrail.checks.intervals import dense
from bedrail.checks.thresholds import part
from bedrail.checks.values import Bools, Cohort, Floats, Ints

FEWEST_FOR_OWN_DESIGN = 30
ROUNDING = 1e-12
"""Of a sum of squares: what is left below that after its mean is taken out is not variation."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One measure over the rows `among` (n,) of everybody: `hits` (n,), `found` in all, `values` (n,) less their mean.

    `rows` of them have the sum `total` of values and `square` of squares. Where patients repeat, `sums` and `counts`
    (patients,) are each one's values and rows, `moments` the sums of their squares, products and squared counts,
    `patients` how many have a row, and `effect` is the design effect of all rows.
    """

    among: Bools
    hits: Floats
    found: float
    values: Floats
    rows: int
    total: float
    square: float
    sums: Floats
    counts: Floats
    moments: tuple[float, float, float]
    patients: int
    effect: float

    @classmethod
    def of(cls, among: Bools, hits: Floats, clusters: Ints | None) -> Whole:
        """Count once what every group is then compared with."""
        rows = int(among.sum())
        found = float(hits[among].sum())
        values = np.where(among, hits - (found / rows if rows else 0.0), 0.0)
        total, square = float(values.sum()), float(np.dot(values, values))
        if clusters is None:
            none = np.zeros(0)
            return cls(among, hits, found, values, rows, total, square, none, none, (0.0, 0.0, 0.0), rows, 1.0)
        sums = np.bincount(clusters, weights=values).astype(np.float64)
        counts = np.bincount(clusters, weights=among).astype(np.float64)
        moments = (float(np.dot(sums, sums)), float(np.dot(sums, counts)), float(np.dot(counts, counts)))
        patients = int(np.count_nonzero(counts))
        effect = _kish(moments[0], patients, square, 0.0)
        return cls(among, hits, found, values, rows, total, square, sums, counts, moments, patients, effect)


@dataclass(frozen=True, slots=True)
class Within:
    """A group's rows by place; where patients repeat `who` (k,) are their codes, `local` (rows,) 0..k-1."""

    rows: Ints
    who: Ints
    local: Ints


@dataclass(slots=True)
class Shared:
    """What the groups of one cohort have in common, found once."""

    cohort: Cohort
    wholes: dict[str, Whole] = field(default_factory=dict)
    last: tuple[str, Within] | None = None

    def whole(self, metric: str) -> Whole:
        """A rate over all rows, or (`calibration`) outcomes less risks that are rescaled to expect as many."""
        if metric not in self.wholes:
            y, score, clusters = self.cohort.outcome, self.cohort.score, self.cohort.clusters
            if metric == "calibration":
                among, hits = np.ones(len(y), dtype=np.bool_), y - float(y.sum()) / float(score.sum()) * score
            else:
                among, hits = part(metric, y, self.cohort.alert)
            self.wholes[metric] = Whole.of(among, hits, clusters)
        return self.wholes[metric]

    def within(self, cell: Cell) -> Within:
        """Places and patients of the group that is asked about; the last one asked about is remembered."""
        if self.last is None or self.last[0] != cell.name:
            rows, clusters = np.flatnonzero(cell.rows), self.cohort.clusters
            who, local = (rows, rows) if clusters is None else dense(clusters[rows])
            self.last = (cell.name, Within(rows, who, local))
        return self.last[1]

    def designs(self, metric: str, cell: Cell) -> tuple[float, float]:
        """Design effects (Kish) inside and outside: that of all rows, or a side's own where it has 30 patients or more
        and is larger.

        A patient's sum outside is the whole sum less that inside, and the rest's sum of squares is everybody's with
        the group's patients put right: equal to adding up the rest row by row, but for rounding.
        """
        if self.cohort.clusters is None:
            return 1.0, 1.0
        whole, within = self.whole(metric), self.within(cell)
        k, values, among = len(within.who), whole.values[within.rows], whole.among[within.rows]
        sums = np.bincount(within.local, weights=values, minlength=k)
        counts = np.bincount(within.local, weights=among, minlength=k)
        n, total, square = float(counts.sum()), float(values.sum()), float(np.dot(values, values))
        mean, patients = total / n, int(np.count_nonzero(counts))
        inside = _kish(float(np.sum((sums - mean * counts) ** 2)), patients, square, n * mean * mean)
        m, rest = whole.rows - n, whole.square - square
        mean = (whole.total - total) / m
        all_sums, all_counts = whole.sums[within.who], whole.counts[within.who]
        left = np.sum((all_sums - sums - mean * (all_counts - counts)) ** 2 - (all_sums - mean * all_counts) ** 2)
        others = whole.moments[0] - 2 * mean * whole.moments[1] + mean * mean * whole.moments[2] + float(left)
        gone = int(np.count_nonzero((counts > 0) & (all_counts == counts)))
        outside = _kish(others, whole.patients - gone, rest, m * mean * mean)
        few = patients < FEWEST_FOR_OWN_DESIGN, whole.patients - gone < FEWEST_FOR_OWN_DESIGN
        return (
            whole.effect if few[0] else max(whole.effect, inside),
            whole.effect if few[1] else max(whole.effect, outside),
        )


def _kish(clustered: float, patients: int, square: float, of_mean: float) -> float:
    """The clustered over the unclustered variance of a sum: at least 1, and 1 without variation."""
    plain = square - of_mean
    if patients < 2 or plain <= ROUNDING * square:
        return 1.0
    return max(1.0, clustered * patients / (patients - 1) / plain)
