"""Predicted against observed in bins of the score: expected calibration error and the parts of the Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.bootstrap import Tally
from bedrail.checks.values import Floats, Ints

BINS = 10


@dataclass(frozen=True, slots=True)
class Binned:
    """Scores in `BINS` groups of equal size: rows, observed and expected outcomes of each (bins,)."""

    rows: Floats
    observed: Floats
    expected: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: mean absolute gap of observed and predicted, weighted by rows."""
        return float(np.abs(self.observed - self.expected).sum() / self.rows.sum())


def bins_of(score: Floats) -> Ints:
    """(n,) bin of each row, equal-sized up to ties."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, score, side="right").astype(np.int64)


def binned(outcome: Floats, score: Floats) -> Binned:
    """Rows counted by bin; empty bins are left out."""
    at = bins_of(score)
    rows = np.bincount(at).astype(np.float64)
    full = rows > 0
    observed, expected = (np.bincount(at, weights=v).astype(np.float64) for v in (outcome, score))
    return Binned(rows=rows[full], observed=observed[full], expected=expected[full])


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """ECE as measured, what a perfectly calibrated score would show by chance, and bounds of the excess over that."""

    measured: float
    by_chance: float
    chance_limit: float
    low: float
    high: float


def calibration_error(
    outcome: Floats, score: Floats, clusters: Ints | None, draws: int, confidence: float, rng: np.random.Generator
) -> CalibrationError:
    """Expected calibration error in ten bins of equal size, n >= 1.

    ECE cannot be negative and is biased upwards (Nixon et al. 2019; Roelofs et al. 2022). The bias is measured by
    drawing outcomes from the bins' own mean risks; `chance_limit` is the (one-sided) quantile of that. The interval
    is the bootstrap over patients, moved down by the bootstrap's own bias.
    """
    found = binned(outcome, score)
    risk = np.clip(found.expected / found.rows, 0, 1)
    n = found.rows.sum()
    fair = rng.binomial(found.rows.astype(np.int64), risk, size=(draws, len(risk)))
    chance = np.abs(fair - found.expected).sum(axis=1) / n
    at = bins_of(score)
    cells = 2 * (int(at.max()) + 1)
    tally = Tally.of(at * 2 + outcome.astype(np.int64), cells, clusters)
    drawn = tally.draw(draws, rng).reshape(draws, -1, 2)
    mean = np.bincount(at, weights=score, minlength=cells // 2) / np.maximum(np.bincount(at, minlength=cells // 2), 1)
    errors = np.abs(drawn[:, :, 1] - drawn.sum(axis=2) * mean).sum(axis=1) / np.maximum(drawn.sum(axis=(1, 2)), 1)
    moved = errors - (errors.mean() - found.error)
    tail = (1 - confidence) / 2
    low, high = (max(0.0, float(q)) for q in np.quantile(moved, [tail, 1 - tail]))
    limit = float(np.quantile(chance, confidence))
    return CalibrationError(found.error, float(chance.mean()), limit, low, high)


@dataclass(frozen=True, slots=True)
class Brier:
    """Brier score = reliability - resolution + uncertainty + within-bin remainder (Murphy 1973; Stephenson 2008)."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier(outcome: Floats, score: Floats) -> Brier:
    """The Brier score and its decomposition over ten bins of equal size, n >= 1; the parts add up exactly."""
    found = binned(outcome, score)
    share, rate, base = found.rows / len(score), found.observed / found.rows, float(outcome.mean())
    total = float(np.mean((score - outcome) ** 2))
    reliability = float(np.sum(share * (found.expected / found.rows - rate) ** 2))
    resolution = float(np.sum(share * (rate - base) ** 2))
    noise = base * (1 - base)
    return Brier(total, reliability, resolution, noise, total - (reliability - resolution + noise))
