"""Other mixes of the same patients, by weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.columns import Floats, Ints
from bedrail.checks.intervals import sum_variance

if TYPE_CHECKING:
    import pandas as pd

STEP = 0.5
"""SDs by which a number's mean is moved."""
MOST_SHARE = 0.9
FEWEST_ROWS = 100
LEAST_EFFECTIVE = 0.1
"""Share of the rows that must be left as effective sample size (Kish 1965); beyond, weights say more than data."""
MOST_COLUMNS = 60


@dataclass(frozen=True, slots=True)
class Tilt:
    """Weights (n,) with mean one that move one column; `words` begin a sentence."""

    column: str
    words: str
    weights: Floats


def tilts(frame: pd.DataFrame) -> Iterator[Tilt]:
    """For each column: a number's mean half an SD up and down, each level (of at least 100 rows) doubled in share."""
    for name in list(frame.columns)[:MOST_COLUMNS]:
        column = frame[name]
        found = _of_numbers(str(name), column) if column.dtype.kind in "iuf" else _of_levels(str(name), column)
        for tilt in found:
            if tilt.weights.sum() ** 2 / np.dot(tilt.weights, tilt.weights) >= LEAST_EFFECTIVE * len(frame):
                yield tilt


def _of_numbers(name: str, column: pd.Series[Any]) -> Iterator[Tilt]:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    there = np.isfinite(values)
    if there.sum() < FEWEST_ROWS or values[there].std() == 0:
        return
    z = np.where(there, (values - values[there].mean()) / values[there].std(), 0.0)
    for sign, way in ((1.0, "higher"), (-1.0, "lower")):
        weights = np.exp(_strength(z[there], sign * STEP) * z)
        weights[~there] = weights[there].mean()
        yield Tilt(name, f"Were {name} {STEP:g} SD {way} on average", weights / weights.mean())


def _strength(z: Floats, goal: float) -> float:
    """The t with weighted mean of z under exp(t z) equal to `goal` (exponential tilting), by bisection within +-3."""
    low, high = -3.0, 3.0
    for _ in range(50):
        t = (low + high) / 2
        weight = np.exp(t * z - np.max(t * z))
        mean = float(np.dot(weight, z) / weight.sum())
        low, high = (t, high) if mean < goal else (low, t)
    return (low + high) / 2


def _of_levels(name: str, column: pd.Series[Any]) -> Iterator[Tilt]:
    words = column.astype(object)
    for level, count in words.value_counts().items():
        share = int(count) / len(column)
        if count < FEWEST_ROWS or share >= MOST_SHARE:
            continue
        goal = min(2 * share, (1 + share) / 2)
        inside = (words == level).to_numpy()
        weights = np.where(inside, goal / share, (1 - goal) / (1 - share))
        yield Tilt(name, f"Were {goal:.0%} instead of {share:.0%} {name} = {level}", weights)


def reweighted(outcome: Floats, score: Floats, weights: Floats, clusters: Ints | None) -> tuple[float, float]:
    """(O/E under the weights over O/E as it is, standard error of its logarithm) by linearisation, over patients."""
    plain, heavy = outcome.sum() / score.sum(), np.dot(weights, outcome) / np.dot(weights, score)
    pull = weights * (outcome - heavy * score) / (heavy * np.dot(weights, score))
    pull = pull - (outcome - plain * score) / (plain * score.sum())
    ratio = float(heavy / plain)
    return max(ratio, 1e-6), sqrt(sum_variance(pull, clusters))
