"""Gaps of predicted and observed in bins: calibration error and the parts of the Brier score, with bias taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bedrail.checks.binning import bins_of
from bedrail.checks.intervals import Measured, distinct, quantile, rate_design_effect, wilson
from bedrail.checks.values import Bools, Floats, Ints

Statistic = Callable[[Floats], Floats]
STEPS = 12
MOST = 4.0
FEWEST = 10
"""Patients of the rarer outcome below which nothing is told: with fewer cases than bins most bins hold none, and the
gaps seen do not show in which direction the true ones lie (4 cases in 200 rows, several a patient: held in 91.5 %)."""
FEWEST_DRAWS = 2_000
"""Of 500 draws a limit errs by an eighth of a standard error, which by itself cost the interval a point and a half."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Tenths of the score: rows, mean risk and observed rate of each (bins,), and effective rows."""

    rows: Floats
    risk: Floats
    rate: Floats
    effective: Floats


def told(outcome: Floats, clusters: Ints | None) -> bool:
    """Whether `FEWEST` patients had the outcome, and as many had rows without it."""
    return all(_patients(outcome == kind, clusters) >= FEWEST for kind in (0, 1))


def _patients(rows: Bools, clusters: Ints | None) -> int:
    return int(np.count_nonzero(rows)) if clusters is None else distinct(clusters[rows])


def bins(outcome: Floats, score: Floats, clusters: Ints | None) -> Bins:
    """The ten bins of equal size of `binning.bins_of`, empty ones left out; n >= 1.

    Repeated rows count by the design effect of the outcome, one figure for all bins: no less than that of the gap of
    outcome and risk, and more where patients share their risk.
    """
    at = bins_of(score)
    rows = np.bincount(at).astype(np.float64)
    full = rows > 0
    risk, rate = (np.bincount(at, weights=v)[full] / rows[full] for v in (score, outcome))
    wide = rate_design_effect(outcome, clusters)
    return Bins(rows[full], np.asarray(risk), np.asarray(rate), rows[full] / wide)


def calibration_gap(
    outcome: Floats, score: Floats, clusters: Ints | None, confidence: float, draws: int, rng: np.random.Generator
) -> Measured | None:
    """Expected calibration error in tenths of the score, its upward bias taken out; None unless `told`."""
    if not told(outcome, clusters):
        return None
    found = bins(outcome, score, clusters)
    weight = found.rows / found.rows.sum()
    return inverted(found, found.risk, lambda rates: np.abs(rates - found.risk) @ weight, confidence, draws, rng)


def reliability(
    outcome: Floats, score: Floats, clusters: Ints | None, confidence: float, draws: int, rng: np.random.Generator
) -> Measured | None:
    """Reliability of the Brier score (0 is right): mean squared gap of risk and observed rate, bias taken out.

    None unless `told`.
    """
    if not told(outcome, clusters):
        return None
    found = bins(outcome, score, clusters)
    weight = found.rows / found.rows.sum()
    return inverted(found, found.risk, lambda rates: (rates - found.risk) ** 2 @ weight, confidence, draws, rng)


def resolution(
    outcome: Floats, score: Floats, clusters: Ints | None, confidence: float, draws: int, rng: np.random.Generator
) -> Measured | None:
    """Resolution of the Brier score (more is better): how far observed rates of bins differ, bias taken out.

    None unless `told`.
    """
    if not told(outcome, clusters):
        return None
    found = bins(outcome, score, clusters)
    weight = found.rows / found.rows.sum()

    def spread(rates: Floats) -> Floats:
        return np.asarray((rates - (rates @ weight)[..., None]) ** 2 @ weight)

    return inverted(found, np.full_like(found.risk, found.rate @ weight), spread, confidence, draws, rng)


def noise(outcome: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """Uncertainty of the Brier score: rate (1 - rate), carried over from Wilson's limits; None without rows."""
    if len(outcome) == 0:
        return None
    rate = float(outcome.mean())
    ends = wilson(rate, len(outcome) / rate_design_effect(outcome, clusters), confidence)
    values = [p * (1 - p) for p in ends]
    low, high = min(values), 0.25 if ends[0] <= 0.5 <= ends[1] else max(values)
    return Measured(rate * (1 - rate), low, high, (high - low) / 2 / quantile(confidence))


def inverted(
    found: Bins, start: Floats, statistic: Statistic, confidence: float, draws: int, rng: np.random.Generator
) -> Measured:
    """Median-unbiased estimate and interval of a statistic of bin rates that cannot be negative.

    Absolute and squared gaps grow with noise, so the plug-in figure is too high (Roelofs et al. 2022; Ferro and
    Fricker 2012) and a bootstrap around it misses zero. Here the observed pattern of gaps from `start` is shrunk or
    stretched by a factor; for each factor counts are drawn from the bins' rates, and the factors under which what was
    seen is the median and the outer quantiles are found by bisection: the interval inverts the test (Lehmann and
    Romano, section 3.5), and it holds 0 when 0 is likely.
    """
    seen, draws = float(statistic(found.rate)), max(draws, FEWEST_DRAWS)
    size = np.maximum(1, np.round(found.effective)).astype(np.int64)
    seed = int(rng.integers(2**32))

    def along(factor: float) -> Floats:
        return np.clip(start + factor * (found.rate - start), 0.0, 1.0)

    def below(factor: float) -> float:
        """The chance of at most what was seen, ties by half."""
        again = np.random.default_rng(seed)
        drawn = statistic(again.binomial(size, along(factor), size=(draws, len(size))) / size)
        return float(np.mean(drawn < seen - 1e-15) + np.mean(drawn <= seen + 1e-15)) / 2

    def found_at(level: float) -> float:
        if below(0.0) <= level:
            return 0.0
        low, high = 0.0, MOST
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if below(middle) > level else (low, middle)
        return float(statistic(along((low + high) / 2)))

    tail = (1 - confidence) / 2
    low, middle, high = (found_at(level) for level in (1 - tail, 0.5, tail))
    return Measured(middle, low, high, (high - low) / 2 / quantile(confidence))
