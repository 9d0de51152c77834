"""The numbers behind the drawings: calibration by tenths of risk, ROC and decision curves, as plain stored values."""

from __future__ import annotations

import numpy as np

from bedrail.checks.estimates.alerts import net_benefit
from bedrail.checks.intervals import rate_interval
from bedrail.checks.values import Cohort, Floats
from bedrail.core.values import Value

TENTHS = 10
HISTOGRAM_BINS = 40
ROC_POINTS = 200
BENEFIT_POINTS = 60
SMALLEST_BIN = 11
"""A drawing shows no group of fewer patients: bins below join their neighbour."""


class Bin(Value, frozen=True, kw_only=True):
    """Patients of similar predicted risk: mean prediction, observed rate with its interval, and how many."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int


class Benefit(Value, frozen=True, kw_only=True):
    """Net benefit at one threshold: of acting by the score, on everyone, and (always 0) on no one.

    `low` and `high` are the limits of the score's, point by point; absent in reports made before they were kept.
    """

    threshold: float
    score: float
    everyone: float
    low: float | None = None
    high: float | None = None


class Curves(Value, frozen=True, kw_only=True):
    """What the plots draw. `histogram` counts rows per equal-width bin of risk on [0, 1]; `roc` is (fpr, tpr)."""

    calibration: tuple[Bin, ...] = ()
    histogram: tuple[int, ...] = ()
    roc: tuple[tuple[float, float], ...] = ()
    benefit: tuple[Benefit, ...] = ()


def curves(cohort: Cohort, confidence: float = 0.95) -> Curves:
    """Curves of a cohort; ROC and decision curve are empty when an outcome class is absent."""
    if cohort.n == 0:
        return Curves()
    both = 0 < float(cohort.outcome.sum()) < cohort.n
    counts = np.histogram(cohort.score, bins=HISTOGRAM_BINS, range=(0.0, 1.0))[0]
    return Curves(
        calibration=_calibration(cohort, confidence),
        histogram=tuple(int(count) for count in counts),
        roc=_roc(cohort.outcome, cohort.score) if both else (),
        benefit=_benefit(cohort, confidence) if both else (),
    )


def _calibration(cohort: Cohort, confidence: float) -> tuple[Bin, ...]:
    """Tenths of predicted risk; equal scores stay in one bin (Van Calster et al. 2019 on calibration curves)."""
    edges = np.unique(np.quantile(cohort.score, np.linspace(0, 1, TENTHS + 1)[1:-1]))
    place = np.searchsorted(edges, cohort.score, side="right")
    bins: list[Bin] = []
    waiting = np.zeros(cohort.n, dtype=bool)
    for k in range(len(edges) + 1):
        waiting |= place == k
        left = int((place > k).sum())
        if int(waiting.sum()) < SMALLEST_BIN or 0 < left < SMALLEST_BIN:
            continue
        rate, low, high = rate_interval(
            cohort.outcome[waiting], None if cohort.clusters is None else cohort.clusters[waiting], confidence
        )
        mean = float(cohort.score[waiting].mean())
        bins.append(Bin(predicted=mean, observed=rate, low=low, high=high, n=int(waiting.sum())))
        waiting = np.zeros(cohort.n, dtype=bool)
    return tuple(bins)


def _roc(outcome: Floats, score: Floats) -> tuple[tuple[float, float], ...]:
    """(false positive rate, true positive rate) at every distinct score, thinned to at most 200 points."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(outcome[order])[last]
    false = last + 1 - hits
    x = np.concatenate(([0.0], false / false[-1]))
    y = np.concatenate(([0.0], hits / hits[-1]))
    if len(x) > ROC_POINTS:
        keep = np.unique(np.searchsorted(x + y, np.linspace(0, 2, ROC_POINTS), side="left").clip(max=len(x) - 1))
        x, y = x[keep], y[keep]
    return tuple((round(float(a), 5), round(float(b), 5)) for a, b in zip(x, y, strict=True))


def _benefit(cohort: Cohort, confidence: float) -> tuple[Benefit, ...]:
    """Net benefit TP/n - FP/n * t/(1-t) from 1 % to three times the threshold, at least 30 % (Vickers, Elkin 2006)."""
    outcome, score = cohort.outcome, cohort.score
    top = min(0.9, max(0.3, 3 * cohort.cut))
    rate = float(outcome.mean())
    points = []
    for threshold in np.linspace(0.01, top, BENEFIT_POINTS):
        t = float(threshold)
        found = net_benefit(outcome, np.asarray(score >= t), t, cohort.clusters, confidence)
        points.append(
            Benefit(
                threshold=round(t, 5),
                score=found.estimate,
                everyone=rate - (1 - rate) * t / (1 - t),
                low=found.low,
                high=found.high,
            )
        )
    return tuple(points)
