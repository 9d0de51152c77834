"""How alike two explanations are, and an interval of a mean over patients."""

from __future__ import annotations

import numpy as np

from bedrail.checks.discrimination import midranks
from bedrail.checks.intervals import mean_interval
from bedrail.checks.values import Floats, Ints


def rank_agreement(first: Floats, second: Floats) -> Floats:
    """(n,) Spearman correlations of the absolute shares (n, features) in each row; NaN where one does not vary."""
    found = np.full(len(first), np.nan)
    for i, (a, b) in enumerate(zip(np.abs(first), np.abs(second), strict=True)):
        x, y = midranks(a), midranks(b)
        x, y = x - x.mean(), y - y.mean()
        size = float(np.sqrt((x @ x) * (y @ y)))
        if size > 0:
            found[i] = float(x @ y) / size
    return found


def sign_agreement(first: Floats, second: Floats, top: int = 5) -> Floats:
    """(n,) share of the `top` largest inputs of `first` (n, features) that `second` gives the same sign."""
    order = np.argsort(-np.abs(first), axis=1, kind="stable")[:, :top]
    a, b = np.take_along_axis(first, order, axis=1), np.take_along_axis(second, order, axis=1)
    return np.asarray((np.sign(a) == np.sign(b)).mean(axis=1), dtype=np.float64)


def mean_of(values: Floats, clusters: Ints, confidence: float) -> tuple[float, float, float] | None:
    """(mean, low, high) of the values that are numbers, rows of one patient taken together; None without any two."""
    known = np.isfinite(values)
    if known.sum() < 2:
        return None
    return mean_interval(values[known], clusters[known], confidence)


def permutation_importance(
    ask_rows: Floats, X: Floats, spans: tuple[tuple[int, int], ...], ask: object, rng: np.random.Generator
) -> Floats:
    """(n, features) how far each row's log-odds move when one feature is taken from another row.

    Breiman (2001), Machine Learning 45:5, on the answers instead of the loss, so that it needs no outcome and every row
    has its own. `ask_rows` (n,) are the log-odds of `X`; `ask` gives log-odds of rows.
    """
    assert callable(ask)
    moved = np.empty((len(X), len(spans)))
    for j, (start, stop) in enumerate(spans):
        mixed = X.copy()
        mixed[:, start:stop] = X[rng.permutation(len(X)), start:stop]
        moved[:, j] = np.asarray(ask(mixed)) - ask_rows
    return moved
