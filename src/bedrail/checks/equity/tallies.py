"""Every group of a column counted in one pass: 2 x 2 tables, expected outcomes, and design effects of patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.groups import MOST_CELLS, families
from bedrail.checks.intervals import quantile
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements

__all__ = [
    "METRICS",
    "Levels",
    "Pairs",
    "Rates",
    "Tally",
    "families",
    "levels_of",
    "shown",
    "split",
    "tally",
    "wilson_many",
]

METRICS = ("sensitivity", "specificity", "ppv", "alert-rate", "prevalence")
"""The rates of a tally: each a share of the rows that `split` gives."""


@dataclass(frozen=True, slots=True)
class Rates:
    """One rate in g groups: `rate` (g,), NaN without rows; `n` (g,) rows it is taken of; `size` (g,) effective rows."""

    rate: Floats
    n: Floats
    size: Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """g groups of `columns`: `names`, `patients` (g,), `counts` (g, 4), `expected` (g,) sums of risks.

    `counts` are no outcome and no alert, no outcome but alert, outcome but no alert, outcome and alert. `effects` maps
    a rate to its design effects (g,), at least 1; `residual` (g,) is the variance of observed minus rescaled expected.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]
    codes: Ints
    patients: Ints
    counts: Floats
    expected: Floats
    effects: dict[str, Floats]
    residual: Floats

    @property
    def family(self) -> str:
        """`race & sex`."""
        return " & ".join(self.columns)

    @property
    def everyone(self) -> str:
        """The group of a finding about all groups of the column: `race=*`."""
        return " & ".join(f"{column}=*" for column in self.columns)

    @property
    def rows(self) -> Floats:
        """(g,) rows."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def observed(self) -> Floats:
        """(g,) outcomes."""
        return np.asarray(self.counts[:, 2] + self.counts[:, 3])

    def rates(self, metric: str) -> Rates:
        """One of `METRICS` in each group."""
        hit, among = split(metric, self.counts)
        rate = np.full(len(hit), np.nan)
        np.divide(hit, among, out=rate, where=among > 0)
        return Rates(rate=rate, n=among, size=among / self.effects[metric])

    def rest(self, metric: str) -> Rates:
        """The same rate among everybody outside each group; its design effect is that of the whole column."""
        hit, among = split(metric, self.counts)
        hit, among = hit.sum() - hit, among.sum() - among
        rate = np.full(len(hit), np.nan)
        np.divide(hit, among, out=rate, where=among > 0)
        whole = float(np.average(self.effects[metric], weights=np.maximum(split(metric, self.counts)[1], 1e-9)))
        return Rates(rate=rate, n=among, size=among / whole)


def split(metric: str, counts: Floats) -> tuple[Floats, Floats]:
    """(hits, rows) of a rate from counts (..., 4)."""
    tn, fp, fn, tp = (counts[..., k] for k in range(4))
    return {
        "sensitivity": (tp, fn + tp),
        "specificity": (tn, tn + fp),
        "ppv": (tp, fp + tp),
        "alert-rate": (fp + tp, tn + fp + fn + tp),
        "prevalence": (fn + tp, tn + fp + fn + tp),
    }[metric]


@dataclass(frozen=True, slots=True)
class Levels:
    """The groups of `columns` that have a row: `codes` (n,) of 0..g-1, `names`, `digits` (g, columns) of levels."""

    codes: Ints
    names: tuple[str, ...]
    digits: Ints


def levels_of(cohort: Cohort, columns: tuple[str, ...]) -> Levels:
    """Find them without sorting rows."""
    assert cohort.groups is not None
    code, size = np.zeros(cohort.n, dtype=np.int64), 1
    levels: list[list[str]] = []
    for column in columns:
        series = cohort.groups[column].cat
        levels.append([str(level) for level in series.categories])
        code = code * len(levels[-1]) + series.codes.to_numpy(dtype=np.int64)
        size *= len(levels[-1])
    if size > MOST_CELLS:
        present, codes = np.unique(code, return_inverse=True)
    else:
        present = np.flatnonzero(np.bincount(code, minlength=size))
        place = np.zeros(size, dtype=np.int64)
        place[present] = np.arange(len(present))
        codes = place[code]
    digits = np.empty((len(present), len(columns)), dtype=np.int64)
    left = present
    for at in reversed(range(len(columns))):
        left, digits[:, at] = np.divmod(left, len(levels[at]))
    names = tuple(
        " & ".join(f"{column}={words[digit]}" for column, words, digit in zip(columns, levels, row, strict=True))
        for row in digits
    )
    return Levels(codes=codes.astype(np.int64), names=names, digits=digits)


def tally(cohort: Cohort, columns: tuple[str, ...]) -> Tally:
    """Count the groups of `columns`; cost is one pass over rows, and a sort of rows where patients repeat."""
    found = levels_of(cohort, columns)
    codes, names, g = found.codes, found.names, len(found.names)
    state = 2 * cohort.outcome.astype(np.int64) + cohort.alert
    counts = np.bincount(codes * 4 + state, minlength=4 * g).reshape(g, 4).astype(np.float64)
    expected = np.bincount(codes, weights=cohort.score, minlength=g).astype(np.float64)
    observed = counts[:, 2] + counts[:, 3]
    ratio = np.divide(observed, expected, out=np.zeros(g), where=expected > 0)
    residuals = cohort.outcome - ratio[codes] * cohort.score
    if cohort.clusters is None:
        ones = {metric: np.ones(g) for metric in METRICS}
        squares = np.bincount(codes, weights=residuals**2, minlength=g).astype(np.float64)
        patients = counts.sum(axis=1).astype(np.int64)
        return Tally(columns, names, codes, patients, counts, expected, ones, squares)
    pairs = Pairs.of(codes, cohort, g)
    effects = {metric: _effects(metric, counts, cohort, codes, pairs, g) for metric in METRICS}
    squares = np.bincount(pairs.owner, weights=pairs.sums(residuals) ** 2, minlength=g).astype(np.float64)
    return Tally(columns, names, codes, pairs.patients(g), counts, expected, effects, squares)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows gathered by (patient, group): `order` (n,) of rows, `starts` and `owner` (pairs,) the group of each pair."""

    order: Ints
    starts: Ints
    owner: Ints

    @classmethod
    def of(cls, codes: Ints, cohort: Cohort, g: int) -> Pairs:
        """Rows of a cohort in which patients repeat; they stand by patient already, so that little is left to sort."""
        assert cohort.clusters is not None
        assert cohort.by_patient is not None
        key = (cohort.clusters * g + codes)[cohort.by_patient]
        again = np.argsort(key, kind="stable")
        order, ordered = cohort.by_patient[again], key[again]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        return cls(order=order, starts=starts, owner=ordered[starts] % g)

    def sums(self, values: Floats) -> Floats:
        """(pairs,) sums of `values` (n,)."""
        return np.asarray(np.add.reduceat(values[self.order], self.starts), dtype=np.float64)

    def patients(self, g: int) -> Ints:
        """(g,) patients with a row in each group."""
        return np.bincount(self.owner, minlength=g).astype(np.int64)


def _effects(metric: str, counts: Floats, cohort: Cohort, codes: Ints, pairs: Pairs, g: int) -> Floats:
    """(g,) Kish design effects of a rate: clustered over unclustered variance of its centred hits.

    Where a group's rate shows no variation its repeated rows count once (as `intervals.rate_design_effect`).
    """
    hit, among = split(metric, counts)
    rate = np.divide(hit, among, out=np.zeros(g), where=among > 0)
    rows, hits = _rows(metric, cohort)
    residual = np.where(rows, hits - rate[codes], 0.0)
    clustered = np.bincount(pairs.owner, weights=pairs.sums(residual) ** 2, minlength=g)
    touched = np.bincount(pairs.owner, weights=pairs.sums(rows) > 0, minlength=g)
    plain = among * rate * (1 - rate)
    small = touched / np.maximum(touched - 1, 1)
    effect = np.divide(clustered * small, plain, out=among / np.maximum(touched, 1), where=plain > 0)
    return np.asarray(np.maximum(effect, 1.0))


def _rows(metric: str, cohort: Cohort) -> tuple[Floats, Floats]:
    y, alert = cohort.outcome, cohort.alert.astype(np.float64)
    one = np.ones(cohort.n)
    return {
        "sensitivity": (y, alert),
        "specificity": (1 - y, 1 - alert),
        "ppv": (alert, y),
        "alert-rate": (one, alert),
        "prevalence": (one, y),
    }[metric]


def wilson_many(rate: Floats, size: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Wilson's intervals of many rates at once; (0, 1) where there is nothing."""
    z = quantile(confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (rate + z * z / (2 * size)) / (1 + z * z / size)
        half = z / (1 + z * z / size) * np.sqrt(np.maximum(rate * (1 - rate), 0) / size + z * z / (4 * size * size))
    none = ~(size > 0)
    low = np.where(none, 0.0, np.maximum(0.0, middle - half))
    return low, np.where(none, 1.0, np.minimum(1.0, middle + half))


def shown(found: Tally, requirements: Requirements) -> Bools:
    """(g,) whether a group has enough patients to be told of."""
    return np.asarray(found.patients >= requirements.min_group, dtype=np.bool_)
