"""One pass over a matrix gives mergeable counts per feature; every distance of drift is read from the counts.

A `Grid` is fitted once, on reference data. Counting is `bins` bins and one for missing values per feature; counts of
parts (windows, workers, sites) add up to the counts of the whole. Bins follow a piecewise linear logarithm of the
distance from a centre (the feature's low end, high end or median), with a bend chosen per feature: even bins for even
data, finer ones where a skewed or heavy-tailed feature has its mass. The first and last bin hold what lies outside the
reference's range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

try:
    from bedrail.monitoring import _histogram
except ImportError:  # no compiler at installation: numpy gives the same counts, slower
    _histogram = None  # type: ignore[assignment]

BINS = 1024
_BENDS = tuple(2.0**-power for power in range(0, 25, 3))
_FIT_ROWS = 200_000
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Counts:
    """How many values fell in each bin: `table` is (k, bins + 1) int64, the last column counts missing values.

    Counts of the same grid add up: `a + b` counts the union of the rows.
    """

    table: NDArray[np.int64]
    grid: Grid

    def __add__(self, other: Counts) -> Counts:
        if self.grid is not other.grid and self.grid.digest_parts() != other.grid.digest_parts():
            raise Invalid("Counts of different grids cannot be added.", remedy="Count both parts on one Grid.")
        return Counts(self.table + other.table, self.grid)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.table[0].sum())

    @property
    def missing(self) -> NDArray[np.float64]:
        """(k,) share of missing values; 0 where nothing was counted."""
        return np.asarray(self.table[:, -1] / np.maximum(self.table.sum(axis=1), 1))


@dataclass(frozen=True, slots=True)
class Distances:
    """Per feature, each (k,): the distances between two sets of counts; NaN where a side has no value at all.

    `ks` Kolmogorov-Smirnov, `w1` Wasserstein-1 in the feature's unit (values beyond the reference's range are counted
    at its edge, so it is a lower bound for them), `psi` population stability index over tenths of the reference (half
    a count added to each, so that it is finite), `js` Jensen-Shannon distance (base 2, in [0, 1], as scipy's),
    `missing_change` missing share now minus then.
    """

    names: tuple[str, ...]
    ks: NDArray[np.float64]
    w1: NDArray[np.float64]
    psi: NDArray[np.float64]
    js: NDArray[np.float64]
    missing_change: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the bins of each feature lie; fit it on reference data and keep it."""

    names: tuple[str, ...]
    bins: int
    centre: NDArray[np.float64]
    bend: NDArray[np.float32]
    scale: NDArray[np.float32]
    middle: NDArray[np.float32]
    values: NDArray[np.float64]

    @classmethod
    def fit(cls, X: NDArray[Any], names: Sequence[str], bins: int = BINS) -> Grid:
        """Choose ranges and bends from `X` (n, k), NaN for missing; up to 200,000 evenly spaced rows are looked at
        for the bend, all for the range. Raises `Invalid` when names and columns differ in number.
        """
        X = _matrix(X, len(names))
        if not 8 <= bins <= 16384:
            raise Invalid("The number of bins must lie between 8 and 16384.", path="bins")
        sample = X[:: max(1, -(-len(X) // _FIT_ROWS))].astype(np.float64)
        low, high = _ranges(X)
        parts = np.array([_best_bend(sample[:, j], low[j], high[j], bins) for j in range(X.shape[1])])
        grid = cls(
            names=tuple(names),
            bins=bins,
            centre=np.ascontiguousarray(parts[:, 0]),
            bend=parts[:, 1].astype(np.float32),
            scale=parts[:, 2].astype(np.float32),
            middle=parts[:, 3].astype(np.float32),
            values=np.zeros((X.shape[1], bins)),
        )
        grid._set_values(sample, low, high)
        return grid

    def count(self, X: NDArray[Any]) -> Counts:
        """The counts of `X` (n, k), float32 or float64 (other types are converted); infinities count as outside."""
        X = _matrix(X, len(self.names))
        table = np.zeros((len(self.names), self.bins + 1), dtype=np.int64)
        if len(X) and _histogram is not None:
            wide = X.dtype == np.float64
            grid = (self.centre, self.centre.astype(np.float32), self.bend, self.bend.view(np.int32), self.scale)
            _histogram.count(X, len(X), X.shape[1], wide, self.bins, *grid, self.middle, table)
        elif len(X):
            self._count_numpy(X, table)
        return Counts(table, self)

    def digest_parts(self) -> tuple[bytes, ...]:
        """The bytes that make two grids the same grid."""
        arrays = (self.centre, self.bend, self.scale, self.middle)
        return (repr((self.names, self.bins)).encode(), *(array.tobytes() for array in arrays))

    def places(self, X: NDArray[Any]) -> NDArray[np.int32]:
        """(n, k) bin of every value; `bins` stands for missing. The arithmetic of `_histogram.c`, step by step."""
        t = (X - self.centre.astype(X.dtype)).astype(np.float32)
        return np.asarray(np.where(np.isnan(t), self.bins, _place(t, self.bend, self.scale, self.middle, self.bins)))

    def _count_numpy(self, X: NDArray[Any], table: NDArray[np.int64]) -> None:
        width = self.bins + 1
        offsets = np.arange(X.shape[1], dtype=np.int64) * width
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, len(X), _BLOCK):
                flat = (self.places(X[start : start + _BLOCK]) + offsets).ravel()
                table += np.bincount(flat, minlength=table.size).reshape(table.shape)

    def _set_values(self, sample: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """A bin stands for the mean of the reference in it (exact for tied data), else for its middle."""
        places = self.places(sample)
        for j in range(sample.shape[1]):
            step = (np.arange(self.bins) + 0.5 - float(self.middle[j])) / float(self.scale[j])
            base = int(self.bend[j].view(np.int32))
            bits = (base + np.abs(step)).clip(base, 2**31 - 2**24).astype(np.int32)
            far = bits.view(np.float32).astype(np.float64) - float(self.bend[j])
            middles = (self.centre[j] + np.sign(step) * far).clip(low[j], high[j])
            seen = np.isfinite(sample[:, j])
            total = np.bincount(places[seen, j], sample[seen, j], minlength=self.bins)[: self.bins]
            number = np.bincount(places[seen, j], minlength=self.bins)[: self.bins]
            values = np.where(number > 0, total / np.maximum(number, 1), middles)
            self.values[j] = np.maximum.accumulate(values)


def distances(reference: Counts, current: Counts) -> Distances:
    """The five distances between two counts of one grid. KS and W1 from cumulative counts; PSI, JS from shares.

    KS errs by at most the mass that shares a bin with another value; for data whose distinct values have bins of their
    own (counts, codes) it is exact. Raises `Invalid` when the grids differ.
    """
    if reference.grid is not current.grid and reference.grid.digest_parts() != current.grid.digest_parts():
        raise Invalid("Counts of different grids cannot be compared.", remedy="Count both on one Grid.")
    a, n = _shares(reference.table)
    b, m = _shares(current.table)
    gap = np.cumsum(b - a, axis=1)
    width = np.abs(np.diff(reference.grid.values, axis=1))
    out = Distances(
        names=reference.grid.names,
        ks=np.abs(gap).max(axis=1),
        w1=(np.abs(gap[:, :-1]) * width).sum(axis=1),
        psi=_psi(reference.table[:, :-1], current.table[:, :-1], a),
        js=_jensen_shannon(a, b),
        missing_change=np.where((reference.rows > 0) & (current.rows > 0), current.missing - reference.missing, np.nan),
    )
    for values in (out.ks, out.w1, out.psi, out.js):
        values[(n == 0) | (m == 0)] = np.nan
    return out


def _shares(table: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    number = table[:, :-1].sum(axis=1)
    return table[:, :-1] / np.maximum(number, 1)[:, None], number


def _psi(then: NDArray[np.int64], now: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tenths of the reference (fewer for tied data); Siddiqi, Credit Risk Scorecards, 2006, sec. 7."""
    features = len(then)
    rows = np.arange(features)[:, None] * 10
    tenth = np.minimum((np.cumsum(share, axis=1) - share / 2) * 10, 9).astype(np.int64)
    p = np.bincount((tenth + rows).ravel(), then.ravel(), minlength=10 * features).reshape(features, 10)
    used = p > 0
    used[~used.any(axis=1), 0] = True
    # A tenth that the reference leaves empty counts with the next one in use, and behind the last with the last.
    order = np.where(used, np.arange(10), 99)
    after = np.minimum.accumulate(order[:, ::-1], axis=1)[:, ::-1]
    last = np.where(used, np.arange(10), -1).max(axis=1, keepdims=True)
    home = np.take_along_axis(np.where(after == 99, last, after), tenth, axis=1)
    q = np.bincount((home + rows).ravel(), now.ravel(), minlength=10 * features).reshape(features, 10)
    p, q = np.where(used, p + 0.5, 0.0), np.where(used, q + 0.5, 0.0)
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    return np.asarray(((q - p) * np.log(np.where(used, q, 1.0) / np.where(used, p, 1.0))).sum(axis=1))


def _jensen_shannon(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of the Jensen-Shannon divergence in bits (Endres & Schindelin 2003)."""
    middle = (a + b) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(a > 0, a * np.log2(a / middle), 0.0).sum(axis=1)
        right = np.where(b > 0, b * np.log2(b / middle), 0.0).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum((left + right) / 2, 0.0)))


def _matrix(X: NDArray[Any], features: int) -> NDArray[Any]:
    array = np.asarray(X)
    if array.ndim != 2 or array.shape[1] != features or features == 0:
        raise Invalid(
            f"Expected a matrix with {features} columns, got shape {array.shape}.",
            path="X",
            remedy="One column per feature name, one row per decision.",
        )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return np.ascontiguousarray(array)


def _ranges(X: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.errstate(invalid="ignore"):
        low = np.fmin.reduce(np.where(np.isfinite(X), X, np.inf), axis=0, initial=np.inf).astype(np.float64)
        high = np.fmax.reduce(np.where(np.isfinite(X), X, -np.inf), axis=0, initial=-np.inf).astype(np.float64)
    empty = low > high
    low[empty], high[empty] = 0.0, 1.0
    high = np.where(high > low, high, low + np.maximum(np.abs(low) * 1e-6, 1e-6))
    return low, high


def _place(t: NDArray[np.float32], bend: Any, scale: Any, middle: Any, bins: int) -> NDArray[np.int32]:
    """Bins of the float32 distances `t` from the centre: the formula of `_histogram.c` in the same precision."""
    bits = (np.abs(t) + bend).view(np.int32) - bend.view(np.int32)
    value = middle + np.copysign(bits.astype(np.float32) * scale, t)
    return np.asarray(
        np.minimum(np.maximum(np.nan_to_num(value, posinf=bins), 0), np.float32(bins - 1)).astype(np.int32)
    )


def _best_bend(column: NDArray[np.float64], low: float, high: float, bins: int) -> tuple[float, float, float, float]:
    """(centre, bend, scale, middle) whose bins crowd least; crowding is the sum of squared shares of the reference."""
    values = column[np.isfinite(column)]
    best: tuple[float, float, float, float] | None = None
    lightest = np.inf
    for end in dict.fromkeys((low, high, float(np.median(values)) if len(values) else low)):
        centre = float(np.float32(end))  # the single-precision path must subtract the same number
        t = (values - centre).astype(np.float32)
        for power in _BENDS:
            bend = np.float32((high - low) * power)
            sides = [max(np.float32(side), np.float32(0)) + bend for side in (centre - low, high - centre)]
            below, above = (int(side.view(np.int32)) - int(bend.view(np.int32)) for side in sides)
            if not (bend > 0 and np.isfinite(sides[0] + sides[1])) or below + above == 0:
                continue
            scale = np.float32((bins - 2 - 1e-3) / (below + above + 1))
            middle = np.float32(1 + below * float(scale) + 1e-3 / 2)
            place = _place(t, bend, scale, middle, bins)
            crowding = float(((np.bincount(place, minlength=bins) / max(len(values), 1)) ** 2).sum())
            if crowding < lightest * 0.98:
                lightest, best = crowding, (centre, float(bend), float(scale), float(middle))
    if best is None:
        raise Invalid("A feature's range cannot be divided into bins.", path="X", remedy="Rescale the feature.")
    return best
