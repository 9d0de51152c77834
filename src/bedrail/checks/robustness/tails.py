"""Exact-enough tail probabilities of weighted sums of unequal coin tosses."""

from __future__ import annotations

from math import exp, inf, sinh, sqrt

import numpy as np
from scipy.stats import norm

from bedrail.checks.columns import Floats

EDGE = 1e-12


def upper_tail(risk: Floats, weight: Floats, outcome: Floats) -> float:
    """P(sum of weight * Y >= what was observed), Y independent with chance `risk` (n,); 1 without any spread.

    The saddlepoint formula of Lugannani and Rice (1980), with Daniels' second continuity correction (1987) where all
    weights are equal and the sum therefore is a count.
    """
    keep = (risk > EDGE) & (risk < 1 - EDGE) & (weight != 0)
    p, w, y = risk[keep], weight[keep], outcome[keep]
    if len(p) == 0:
        return 1.0
    counted = bool(np.ptp(w) == 0 and w[0] > 0)
    if counted:
        w = np.ones_like(w)
    observed = float(np.dot(w, y))
    top, bottom = float(w[w > 0].sum()), float(w[w < 0].sum())
    if observed >= top - 1e-9:
        return exp(max(-700.0, float(np.log(np.where(w > 0, p, 1 - p)).sum())))
    if observed <= bottom + 1e-9:
        return 1.0
    goal = observed - 0.5 if counted else observed
    mean, variance = float(np.dot(w, p)), float(np.dot(w * w, p * (1 - p)))
    if abs(goal - mean) < 1e-4 * sqrt(variance):  # the formula is 0/0 at the mean, where the normal is good
        return float(norm.sf((goal - mean) / sqrt(variance)))
    t = _saddle(p, w, goal)
    tilted = w * t + np.log(p) - np.log1p(-p)
    share = 1 / (1 + np.exp(-np.clip(tilted, -700, 700)))
    curvature = float(np.dot(w * w, share * (1 - share)))
    cumulant = float((np.log1p(-p) + np.logaddexp(0.0, tilted)).sum())
    z = (1.0 if t > 0 else -1.0) * sqrt(max(0.0, 2 * (t * goal - cumulant)))
    u = (2 * sinh(t / 2) if counted else t) * sqrt(curvature)
    if abs(z) < 1e-6 or u == 0:
        return float(norm.sf((goal - mean) / sqrt(variance)))
    tail = float(norm.sf(z)) + float(norm.pdf(z)) * (1 / u - 1 / z)
    return float(min(1.0, max(1e-300, tail)))


def _saddle(p: Floats, w: Floats, goal: float) -> float:
    """The t at which the tilted mean of the sum is `goal`, by bisection kept safe around Newton's step."""
    lean = np.log(p) - np.log1p(-p)
    low, high, t = -inf, inf, 0.0
    for _ in range(200):
        share = 1 / (1 + np.exp(-np.clip(w * t + lean, -700, 700)))
        miss = float(np.dot(w, share)) - goal
        if abs(miss) < 1e-9 * max(1.0, abs(goal)):
            break
        low, high = (t, high) if miss < 0 else (low, t)
        slope = float(np.dot(w * w, share * (1 - share)))
        step = t - miss / slope if slope > 0 else inf
        if not low < step < high or abs(step - t) > 5:
            step = t + (2.0 if miss < 0 else -2.0) if not (low > -inf and high < inf) else (low + high) / 2
        t = step
    return t


def as_z(tail: float) -> float:
    """The standard normal value with that upper tail."""
    return float(norm.isf(min(1 - 1e-16, max(1e-300, tail))))


def odds(risk: Floats) -> Floats:
    """Log-odds, a millionth away from certainty."""
    inside = np.clip(risk, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))
