"""Calibration intercept and slope with intervals that keep their level where outcomes are few."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from bedrail.checks.intervals import Measured, quantile, sum_variance
from bedrail.checks.values import Floats, Ints

EDGE = 1e-6
PLENTY = 150
FEWEST = 2
FARTHEST = 60.0


def logits(score: Floats) -> Floats:
    """Log-odds of `score`, with risks of 0 and 1 moved inside by one in a million."""
    inside = np.clip(score, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def recalibration(
    outcome: Floats, score: Floats, clusters: Ints | None, confidence: float
) -> tuple[Measured, Measured] | None:
    """(intercept, slope): calibration in the large with slope held at 1, and the slope of logistic recalibration.

    Cox (1958), as in Van Calster et al. (2019); fitted by Newton's method with sandwich errors over patients. None
    when an outcome class or any spread of the score is absent, or the classes can be separated completely.
    """
    x = logits(score)
    if len(outcome) < 3 or outcome.min() == outcome.max() or np.ptp(x) < 1e-9:
        return None
    slope = _newton(np.column_stack((np.ones_like(x), x)), np.zeros_like(x), outcome, clusters)
    level = _newton(np.ones((len(x), 1)), x, outcome, clusters)
    if slope is None or level is None:
        return None
    z = quantile(confidence)
    fits = ((level[0][0], level[1][0]), (slope[0][1], slope[1][1]))
    intercept, steepness = (Measured(float(b), float(b - z * e), float(b + z * e), float(e)) for b, e in fits)
    return intercept, steepness


def _newton(X: Floats, offset: Floats, y: Floats, clusters: Ints | None) -> tuple[Floats, Floats] | None:
    """(coefficients, sandwich errors) of a logistic regression; None when it does not settle in 50 steps."""
    beta = np.zeros(X.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(X @ beta + offset, -35, 35)))
        weight = p * (1 - p)
        bread = X.T @ (X * weight[:, None])
        if np.linalg.cond(bread) > 1e12:
            return None
        step = np.linalg.solve(bread, X.T @ (y - p))
        beta = beta + step * min(1.0, 4.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-10:
            break
    else:
        return None
    scores = X * (y - p)[:, None]
    if clusters is not None:
        _, patient = np.unique(clusters, return_inverse=True)
        scores = np.column_stack([np.bincount(patient, weights=scores[:, j]) for j in range(X.shape[1])])
    inverse = np.linalg.inv(bread)
    cover = inverse @ (scores.T @ scores) @ inverse
    return beta, np.sqrt(np.maximum(np.diag(cover), 0.0))


def intercept_and_slope(
    outcome: Floats, score: Floats, clusters: Ints | None, confidence: float
) -> tuple[Measured, Measured] | None:
    """(intercept with slope 1, slope) of logistic recalibration (Cox 1958), right at 0 and 1.

    Under 150 rows of the rarer class the normal interval around the estimate is too short and too symmetric: the
    intercept's is then that of the score test, the slope's that of the profile likelihood ratio (Cox and Hinkley 1974,
    section 7.2), both with the sandwich's variance in the place of the model's. None where `recalibration` gives none
    and with fewer than two rows of a class.
    """
    cases = int(outcome.sum())
    if min(cases, len(outcome) - cases) < FEWEST:
        return None
    found = recalibration(outcome, score, clusters, confidence)
    if found is None or min(cases, len(outcome) - cases) >= PLENTY:
        return found
    x = logits(score)
    return _by_score(x, outcome, clusters, confidence, found[0]), _by_likelihood(x, outcome, confidence, found[1])


def _expit(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -35, 35)))


def _by_score(x: Floats, y: Floats, clusters: Ints | None, confidence: float, found: Measured) -> Measured:
    """Shifts a at which the sum of y - p(a) lies within z standard errors of zero."""
    p = _expit(x + found.estimate)
    model = float(np.sum(p * (1 - p)))
    wide = sum_variance(y - p, clusters) / model if clusters is not None else 1.0
    limit = quantile(confidence) ** 2 * max(1.0, wide)

    def excess(a: float) -> float:
        p = _expit(x + a)
        return float(np.sum(y - p)) ** 2 / max(1e-12, float(np.sum(p * (1 - p)))) - limit

    low, high = (_crossing(excess, found.estimate, side * found.error) for side in (-1, 1))
    return Measured(found.estimate, low, high, found.error)


def _by_likelihood(x: Floats, y: Floats, confidence: float, found: Measured) -> Measured:
    """Slopes b whose profile likelihood lies within the quantile of its largest."""
    start = _level(x, y, found.estimate, 0.0)
    best = _likelihood(x, y, found.estimate, start)
    p = _expit(start + found.estimate * x)
    weight = p * (1 - p)
    centred = x - float(weight @ x) / float(weight.sum())
    model = 1 / float(weight @ centred**2)
    limit = quantile(confidence) ** 2 * max(1.0, found.error**2 / model)
    where = [start]

    def excess(b: float) -> float:
        where[0] = _level(x, y, b, where[0])
        return 2 * (best - _likelihood(x, y, b, where[0])) - limit

    low, high = (_crossing(excess, found.estimate, side * max(found.error, sqrt(model))) for side in (-1, 1))
    return Measured(found.estimate, low, high, found.error)


def _level(x: Floats, y: Floats, b: float, start: float) -> float:
    """The intercept that fits best at slope b: Newton's steps on a concave function, held to two at most."""
    a = start
    for _ in range(60):
        p = _expit(a + b * x)
        step = float(np.sum(y - p)) / max(1e-9, float(np.sum(p * (1 - p))))
        a += max(-2.0, min(2.0, step))
        if abs(step) < 1e-8:
            break
    return a


def _likelihood(x: Floats, y: Floats, b: float, a: float) -> float:
    line = a + b * x
    return float(np.sum(y * line - np.logaddexp(0.0, line)))


def _crossing(excess: Callable[[float], float], start: float, step: float) -> float:
    """Where `excess` rises through 0, going from `start` by growing steps; infinite when it does not."""
    inside, outside = start, start + step
    while excess(outside) < 0:
        inside, outside = outside, outside + 2 * (outside - inside)
        if abs(outside - start) > FARTHEST:
            return float("inf") if step > 0 else float("-inf")
    for _ in range(30):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if excess(middle) < 0 else (inside, middle)
        if abs(outside - inside) < 1e-6 * max(1.0, abs(outside)):
            break
    return (inside + outside) / 2
