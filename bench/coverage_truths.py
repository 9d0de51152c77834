"""The true values of every measure in the populations of `coverage_outcomes`, worked out by quadrature.

Nothing here calls an estimator of Bedrail: each definition is written down once more over a grid of the population
(the leanings x of patients, and times), so that a wrong estimator cannot hide behind a wrong truth.
"""

from __future__ import annotations

import numpy as np
from interval_coverage import fitted
from scipy.optimize import brentq
from scipy.stats import gamma

HORIZONS = (4.0, 8.0, 12.0)


def normal_grid(points: int) -> tuple[np.ndarray, np.ndarray]:
    """(points,) of the standard normal and their weights."""
    x = np.linspace(-6.5, 6.5, points)
    w = np.exp(-x * x / 2)
    return x, w / w.sum()


def area(score: np.ndarray, case: np.ndarray, control: np.ndarray) -> float:
    """The chance that a case has the higher score, equal scores half; weights need not add up to 1."""
    _, rank = np.unique(score, return_inverse=True)
    cases, controls = np.bincount(rank, weights=case), np.bincount(rank, weights=control)
    below = np.cumsum(controls) - controls / 2
    return float(cases @ below / cases.sum() / controls.sum())


def precision(score: np.ndarray, case: np.ndarray, weight: np.ndarray) -> float:
    """Average precision: over cases, the share of cases among those of at least the same score."""
    order = np.argsort(-score, kind="stable")
    hits, rows = np.cumsum(case[order]), np.cumsum(weight[order])
    return float(case[order] @ ((hits - case[order] / 2) / (rows - weight[order] / 2)) / case.sum())


def multiclass(rare: float) -> dict[str, float]:
    """Three ordered classes, of x alone."""
    x, w = normal_grid(40_001)
    logits = np.column_stack((np.zeros_like(x), -0.4 + 0.8 * x, np.log(rare / 0.55) - 0.6 + 1.6 * x))
    p, s = (np.exp(k * logits) / np.exp(k * logits).sum(axis=1, keepdims=True) for k in (1.0, 1.15))
    joint = w[:, None] * p
    shares, said, K = joint.sum(axis=0), s.argmax(axis=1), 3
    table = np.array([[joint[said == j, i].sum() for j in range(K)] for i in range(K)])
    right, named = np.diag(table), table.sum(axis=0)
    areas = [area(s[:, k], joint[:, k], w - joint[:, k]) for k in range(K)]
    pairs = [area(s[:, k], joint[:, k], joint[:, i + j - k]) for i in range(K) for j in range(i) for k in (i, j)]
    apart = (np.arange(K)[:, None] - np.arange(K)) ** 2
    loss = (s**2).sum(axis=1) * w + (joint * (1 - 2 * s)).sum(axis=1)
    found = {
        "discrimination.macro-auroc": np.mean(areas),
        "discrimination.weighted-auroc": shares @ areas,
        "discrimination.pairwise-auroc": np.mean(pairs),
        "predictions.accuracy": right.sum(),
        "predictions.balanced-accuracy": np.mean(right / shares),
        "predictions.macro-f1": np.mean(2 * right / (named + shares)),
        "predictions.quadratic-kappa": 1 - (apart * table).sum() / (apart * np.outer(shares, named)).sum(),
        "calibration.brier-skill": 1 - loss.sum() / (1 - shares @ shares),
        "calibration.log-loss-skill": 1 - (joint * np.log(s)).sum() / (shares @ np.log(shares)),
        "calibration.top-label-observed-to-expected": right.sum() / (w @ s.max(axis=1)),
    }
    for k, name in enumerate("abc"):
        found |= {
            f"discrimination.auroc [outcome={name}]": areas[k],
            f"discrimination.auprc [outcome={name}]": precision(s[:, k], joint[:, k], w),
            f"predictions.sensitivity [outcome={name}]": right[k] / shares[k],
            f"predictions.ppv [outcome={name}]": right[k] / named[k],
            f"calibration.observed-to-expected [outcome={name}]": shares[k] / (w @ s[:, k]),
            f"calibration.slope [outcome={name}]": fitted(x, w, p[:, k], s[:, k])[1],
        }
    return {f"multiclass-{key}": float(value) for key, value in found.items()}


def regression(tail: float) -> dict[str, float]:
    """Outcome m g and score m e^(z/10) with m = exp(1.2 + 0.6 x) and g of mean 1: most is known in closed form."""
    z, v = normal_grid(1_001)
    s = np.exp(0.1 * z)
    first, second = np.exp(1.2 + 0.18), np.exp(2.4 + 0.72)  # E m, E m^2
    up, twice = np.exp(0.005), np.exp(0.02)  # E s, E s^2

    def below(g: np.ndarray) -> np.ndarray:
        return np.asarray(gamma.cdf(g * tail, tail))

    def distance(g: np.ndarray) -> np.ndarray:
        """E |g' - g| for the gamma g' of mean 1."""
        return g * (2 * below(g) - 1) + 1 - 2 * gamma.cdf(g * tail, tail + 1)

    x, w = normal_grid(2_001)
    m = np.exp(1.2 + 0.6 * x)
    mae = first * float(v @ distance(s))
    square = second * (1 + 1 / tail - 2 * up + twice)
    middle = brentq(lambda y: float(w @ below(y / m)) - 0.5, 0.01, 100)
    typical = float(w @ (m * distance(middle / m)))
    few, few_v = normal_grid(201)
    near = np.exp(0.1 * few)

    def within(e: float) -> float:
        part = below(near + e / m[:, None]) - below(np.maximum(0.0, near - e / m[:, None]))
        return float(w @ part @ few_v) - 0.5

    spread = twice * second - up**2 * first**2
    slope = up * (second - first**2) / spread
    low, high = (float(v @ below(s * gamma.ppf(q, tail) / tail)) for q in (0.05, 0.95))
    found = {
        "accuracy.mae": mae,
        "accuracy.rmse": np.sqrt(square),
        "accuracy.median-absolute-error": brentq(within, 0.001, 50),
        "accuracy.r2": 1 - square / (second * (1 + 1 / tail) - first**2),
        "accuracy.mae-skill": 1 - mae / typical,
        "calibration.bias": first * (up - 1),
        "calibration.slope": slope,
        "calibration.intercept": first - slope * up * first,
        "ranking.concordance": concordance(tail),
        "intervals.coverage": high - low,
        "intervals.outcome-below": low,
        "intervals.outcome-above": 1 - high,
    }
    return {f"regression-{key}": float(value) for key, value in found.items()}


def concordance(tail: float) -> float:
    """2 P(score > score', outcome > outcome'), over a grid of scores and of outcomes given them."""
    u, w = normal_grid(601)
    inner, v = normal_grid(31)
    leaning = np.sqrt(0.37) * u * 0.36 / 0.37
    m = np.exp(1.2 + leaning[:, None] + np.sqrt(0.36 * 0.01 / 0.37) * inner)
    edges = np.exp(np.linspace(-12, 7, 1_501))
    reached = np.array([gamma.cdf(edges[None, :] / row[:, None] * tail, tail).T @ v for row in m])
    mass = np.diff(reached, axis=1, prepend=0.0)
    won, low = 0.0, np.zeros(len(edges))
    for k in range(len(u)):
        whole = np.cumsum(low + w[k] * mass[k] / 2) - (low + w[k] * mass[k] / 2) / 2
        won += w[k] * float(mass[k] @ whole)
        low += w[k] * mass[k]
    return 2 * won


def survival(rate: float, competing: bool) -> dict[str, float]:
    """Times of x and one of two shapes, over a grid of both; incidences by summing over small steps of time."""
    x, w = normal_grid(1_201)
    w = np.concatenate((w, w)) / 2
    x, shape = np.concatenate((x, x)), np.repeat([0.8, 1.4], len(x))
    scale = 8.0 / (-np.log1p(-rate)) ** (1 / shape) * np.exp(-0.9 * x / shape) * 1.35
    steps = 1_800
    t = np.concatenate(([0.0], 12.0 * (np.arange(1, steps + 1) / steps) ** 3))
    t = np.unique(np.concatenate((t, HORIZONS)))
    free = np.exp(-((t[:, None] / scale) ** shape))
    other = np.exp(-t[:, None] * np.exp(0.3 * x) / 20) if competing else np.ones((len(t), 1)) * np.ones(len(x))
    mine = -np.diff(free, axis=0) * (other[1:] + other[:-1]) / 2
    rival = -np.diff(other, axis=0) * (free[1:] + free[:-1]) / 2
    share = np.concatenate((np.zeros((1, len(x))), np.cumsum(mine, axis=0)))
    at_risk = ((free * other) @ w)[:-1]
    here = ((free * other) @ w)[1:]
    naive = 1 - np.exp(-np.cumsum((mine @ w) / ((at_risk + here) / 2)))
    found: dict[str, float] = {}
    threshold = min(0.4, 1.5 * rate)
    odds = threshold / (1 - threshold)
    own, theirs = [], []
    for horizon in HORIZONS:
        k = int(np.searchsorted(t, horizon))
        p, risk = share[k], 1 - np.exp(-(((horizon / scale) ** shape) ** 1.1))
        pi, at = float(w @ p), f"-at-{horizon:g}"
        own.append(float(w @ (p * (1 - risk) ** 2 + (1 - p) * risk**2)))
        theirs.append(pi * (1 - pi))
        worth = p - odds * (1 - p)
        acted = float((w * worth)[risk >= threshold].sum())
        found |= {
            f"discrimination.auc{at}": area(risk, w * p, w * (1 - p)),
            f"calibration.observed-to-expected{at}": pi / float(w @ risk),
            f"calibration.slope{at}": cloglog_slope(risk, p, w),
            f"calibration.brier-skill{at}": 1 - own[-1] / theirs[-1],
            f"net-benefit.over-none{at}": acted,
            f"net-benefit.over-all{at}": acted - float(w @ worth),
        }
        if competing:
            found[f"competing-events.share{at}"] = float(rival[:k].sum(axis=0) @ w)
            found[f"competing-events.overstatement{at}"] = float(naive[k - 1] / pi - 1)
    found["calibration.integrated-brier-skill"] = 1 - np.dot([1, 2, 1], own) / np.dot([1, 2, 1], theirs)
    found["discrimination.uno-c"] = first_higher(x, w, mine, share)
    return {f"survival-{key}": float(value) for key, value in found.items()}


def first_higher(x: np.ndarray, w: np.ndarray, mine: np.ndarray, share: np.ndarray) -> float:
    """The chance that who has the event first scores higher than who has not had it by then (and may never)."""
    half = len(x) // 2  # both shapes have the same grid of x, in order
    fold = lambda rows: (rows * w)[:, :half] + (rows * w)[:, half:]  # noqa: E731
    cases, still = fold(mine), fold(1 - (share[1:] + share[:-1]) / 2)
    below = np.cumsum(still, axis=1) - still / 2
    return float((cases * below).sum() / (cases.sum(axis=1) @ still.sum(axis=1)))


def cloglog_slope(risk: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """What regression with complementary log-log link converges to: Fisher's scoring on the grid."""
    inside = np.clip(risk, 1e-6, 1 - 1e-6)
    X = np.column_stack((np.ones_like(inside), np.log(-np.log1p(-inside))))
    beta = np.array([0.0, 1.0])
    for _ in range(200):
        hazard = np.exp(np.clip(X @ beta, -30, 5))
        chance = np.maximum(-np.expm1(-hazard), 1e-14)
        score = X.T @ (w * hazard * (p - chance) / chance)
        bread = (X * (w * hazard**2 * (1 - chance) / chance)[:, None]).T @ X
        step = np.linalg.solve(bread, score)
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-12:
            break
    return float(beta[1])
