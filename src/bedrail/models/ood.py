"""How far an encounter lies from the training patients, and which input contributes most."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.models.contract import Contract

Matrix = NDArray[np.float64]

QUANTILE = 0.999
_GRID = (0.0, 0.001, 0.01, *(round(0.05 * i, 2) for i in range(1, 20)), 0.99, 0.999, 1.0)


class Distance(Value, frozen=True, kw_only=True):
    """Mahalanobis distance to the training patients over the numeric columns; built by `fit_distance`.

    `whiten` (d, d, row by row) times the standardised numbers gives coordinates whose length is the distance;
    `limit` is the stated `quantile` of the training distances. `percentiles` holds, per numeric feature, the training
    values at the levels `levels`.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]
    width: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    whiten: tuple[tuple[float, ...], ...]
    shrinkage: float
    quantile: float
    limit: float
    levels: tuple[float, ...]
    percentiles: tuple[tuple[float, ...], ...]

    def compiled(self) -> Gauge:
        """The matrices for use: build them once and keep them."""
        return Gauge(self)


class Strangeness(NamedTuple):
    """One feature's part in a distance.

    `share` is its part of the squared distance (shares sum to 1; one may be negative). Between `below` and `at_most`
    of the training patients have a smaller value, as far as the stored percentiles tell.
    """

    feature: str
    share: float
    below: float
    at_most: float


class Gauge:
    """Measures rows (k,) of encoded columns against a fitted `Distance`."""

    __slots__ = ("_map", "_shift", "fitted", "limit")

    def __init__(self, fitted: Distance) -> None:
        self.fitted = fitted
        self.limit = fitted.limit
        size = len(fitted.columns)
        whiten = np.array(fitted.whiten, dtype=np.float64).reshape(size, size)
        scaled = whiten / np.array(fitted.scale).reshape(1, size) if size else whiten
        # Spread over all columns, so that a row needs one product and no gathering.
        self._map = np.zeros((size, fitted.width))
        self._map[:, list(fitted.columns)] = scaled
        self._shift = scaled @ np.array(fitted.mean).reshape(size)

    def distance(self, x: Matrix) -> float:
        """The Mahalanobis distance of one row (k,); 0 for a model without numeric columns."""
        z = self._map.dot(x)
        z -= self._shift
        return math.sqrt(z.dot(z))

    def distances(self, X: Matrix) -> Matrix:
        """The distances of n rows, (n, k) -> (n,)."""
        Z = X @ self._map.T - self._shift
        return np.asarray(np.sqrt((Z * Z).sum(axis=1)))

    def reasons(self, x: Matrix) -> tuple[Strangeness, ...]:
        """Features by their part in the squared distance, largest first: z_i (P z)_i with P the inverse covariance."""
        fitted = self.fitted
        if not fitted.columns:
            return ()
        values = x[list(fitted.columns)]
        z = (values - np.array(fitted.mean)) / np.array(fitted.scale)
        whiten = np.array(fitted.whiten)
        parts = z * (whiten.T @ (whiten @ z))
        total = float(parts.sum()) or 1.0
        rows = [
            Strangeness(name, float(part) / total, *self._percentile(i, float(value)))
            for i, (name, part, value) in enumerate(zip(fitted.names, parts, values, strict=True))
        ]
        return tuple(sorted(rows, key=lambda row: -row.share))

    def _percentile(self, i: int, value: float) -> tuple[float, float]:
        grid, levels = self.fitted.percentiles[i], self.fitted.levels
        below, at_most = bisect_left(grid, value), bisect_right(grid, value)
        return (levels[below - 1] if below else 0.0), (levels[at_most] if at_most < len(grid) else 1.0)


def fit_distance(X: Matrix, contract: Contract, *, quantile: float = QUANTILE) -> Distance:
    """Fit on n training rows of encoded columns (n, k); one-hot columns take no part.

    The correlation matrix is shrunk towards a multiple of the identity as Ledoit & Wolf (J. Multivariate Analysis 88,
    2004) derive. Raises `Invalid` for fewer than 10 rows, another width, gaps, or a quantile outside (0.5, 1].
    """
    if not 0.5 < quantile <= 1:
        raise Invalid("the quantile must lie above 0.5.", path="quantile", remedy="Use 0.999.")
    width = len(contract.columns)
    if X.ndim != 2 or X.shape[1] != width or X.shape[0] < 10 or not np.isfinite(X).all():
        raise Invalid(
            f"at least 10 rows of {width} finite columns are needed to learn what is usual.",
            path="X",
            remedy="Encode the training table with the model's contract.",
        )
    spans = zip(contract.features, contract.spans, strict=True)
    numeric = [(feature.name, start) for feature, (start, _) in spans if feature.kind == "numeric"]
    columns = [column for _, column in numeric]
    values = X[:, columns]
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(1.0, np.abs(mean)), scale, 1.0)
    Z = (values - mean) / scale
    covariance, shrinkage = ledoit_wolf(Z)
    whiten = _inverse_root(covariance)
    distances = np.sqrt(((Z @ whiten.T) ** 2).sum(axis=1))
    return Distance(
        names=tuple(name for name, _ in numeric),
        columns=tuple(columns),
        width=width,
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        whiten=tuple(tuple(row) for row in whiten.tolist()),
        shrinkage=shrinkage,
        quantile=quantile,
        limit=float(np.quantile(distances, quantile)),
        levels=_GRID,
        percentiles=tuple(tuple(column) for column in _percentiles(values).tolist()),
    )


def ledoit_wolf(Z: Matrix) -> tuple[Matrix, float]:
    """(shrunk covariance (d, d), shrinkage in [0, 1]) of centred rows Z (n, d): (1 - b) S + b mu I.

    mu is the mean variance, b = min(beta, delta) / delta with delta = |S - mu I|^2 / d and
    beta = (mean over rows of |z z' - S|^2) / (n d), in the notation of Ledoit & Wolf (2004), lemma 3.2 to 3.4.
    """
    n, d = Z.shape
    if d == 0:
        return np.zeros((0, 0)), 0.0
    S = Z.T @ Z / n
    mu = float(np.trace(S)) / d
    delta = float(((S - mu * np.eye(d)) ** 2).sum()) / d
    fourth = float(((Z * Z).sum(axis=1) ** 2).mean())
    beta = (fourth - float((S * S).sum())) / (n * d)
    shrinkage = 0.0 if beta <= 0 else 1.0 if delta <= 0 else min(beta, delta) / delta
    return (1 - shrinkage) * S + shrinkage * mu * np.eye(d), shrinkage


def _inverse_root(covariance: Matrix) -> Matrix:
    """W with W'W = covariance^-1 (the inverse Cholesky factor); directions without spread count as nearly constant."""
    size = len(covariance)
    if size == 0:
        return covariance
    smallest = 1e-6 * max(1.0, float(np.trace(covariance)) / size)
    factor = np.linalg.cholesky(covariance + smallest * np.eye(size))
    return np.asarray(np.linalg.solve(factor, np.eye(size)))


def _percentiles(values: Matrix) -> Matrix:
    levels: Sequence[float] = _GRID
    return np.quantile(values, levels, axis=0).T if values.shape[1] else np.empty((0, len(levels)))
