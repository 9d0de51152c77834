"""From a raw score to a calibrated risk: Venn-Abers, isotonic regression or Platt scaling, stored as plain numbers."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

Vector = NDArray[np.float64]
Method = Literal["venn-abers", "isotonic", "platt"]

TIE = 1e-12
"""Scores closer than this are the same score: one-row and batch arithmetic may differ in the last bit."""

FEWEST_PER_CLASS = 10
_EDGE = 1e-12


class Calibration(Value, frozen=True, kw_only=True):
    """A non-decreasing map from raw score in [0, 1] to risk in [0, 1]; built by `fit_calibration`.

    - `venn-abers`: `scores`/`values` is the step function p0 (last knot at or below the score), `scores_1`/`values_1`
      the step function p1 (first knot at or above it); the risk is p1 / (1 - p0 + p1).
    - `isotonic`: linear between the knots, constant outside.
    - `platt`: sigmoid(slope * logit(score) + intercept).
    """

    method: Method
    scores: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    scores_1: tuple[float, ...] = ()
    values_1: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0
    cases: int
    controls: int

    def apply(self, score: float) -> float:
        """The risk of one score."""
        if self.method == "venn-abers":
            i = bisect_right(self.scores, score)
            j = bisect_left(self.scores_1, score)
            p0 = self.values[i - 1] if i else 0.0
            p1 = self.values_1[j] if j < len(self.values_1) else 1.0
            return p1 / (1.0 - p0 + p1)
        if self.method == "platt":
            return sigmoid(self.slope * _logit(score) + self.intercept)
        xs, ys = self.scores, self.values
        i = bisect_right(xs, score)
        if i == 0:
            return ys[0]
        if i == len(xs):
            return ys[-1]
        left, right = xs[i - 1], xs[i]
        return ys[i - 1] + (ys[i] - ys[i - 1]) * ((score - left) / (right - left))

    def apply_many(self, scores: ArrayLike) -> Vector:
        """The risks of n scores, (n,) -> (n,)."""
        s = np.asarray(scores, dtype=np.float64)
        if self.method == "venn-abers":
            p0 = np.array((0.0, *self.values))[np.searchsorted(self.scores, s, side="right")]
            p1 = np.array((*self.values_1, 1.0))[np.searchsorted(self.scores_1, s, side="left")]
            return np.asarray(p1 / (1.0 - p0 + p1))
        if self.method == "platt":
            clipped = np.clip(s, _EDGE, 1 - _EDGE)
            return sigmoids(self.slope * np.log(clipped / (1 - clipped)) + self.intercept)
        return np.interp(s, self.scores, self.values)


def fit_calibration(scores: ArrayLike, outcomes: ArrayLike, method: Method = "venn-abers") -> Calibration:
    """Fit on n calibration scores in [0, 1] and outcomes 0/1 that the model was not trained on.

    Raises `Invalid` for other numbers, unequal lengths, or fewer than 10 rows of either outcome.
    """
    fit = {"venn-abers": fit_venn_abers, "isotonic": fit_isotonic, "platt": fit_platt}.get(method)
    if fit is None:
        raise Invalid(
            f"there is no calibration method `{method}`.", path="method", remedy="Use venn-abers, isotonic or platt."
        )
    return fit(scores, outcomes)


def fit_venn_abers(scores: ArrayLike, outcomes: ArrayLike) -> Calibration:
    """Inductive Venn-Abers predictor (Vovk, Petej & Fedorova 2015), p0 and p1 merged for log loss.

    For each score, p0 and p1 are what isotonic regression would say at it if this patient were added to the
    calibration set with outcome 0, and with outcome 1. No assumption on the model; linear time after sorting.
    """
    s, y = checked(scores, outcomes)
    pools = _ties(s, y)
    p1 = _added_case(pools.rows, pools.cases)
    mirrored = _added_case(pools.rows[::-1], (pools.rows - pools.cases)[::-1])
    p0 = 1.0 - mirrored[::-1]
    first = np.concatenate(([True], np.diff(p0) != 0))
    last = np.concatenate((np.diff(p1) != 0, [True]))
    return Calibration(
        method="venn-abers",
        scores=_floats(pools.score[first] - TIE),
        values=_floats(p0[first]),
        scores_1=_floats(pools.score[last] + TIE),
        values_1=_floats(p1[last]),
        cases=int(y.sum()),
        controls=int((1 - y).sum()),
    )


def venn_abers_bounds(calibration: Calibration, scores: ArrayLike) -> tuple[Vector, Vector]:
    """(p0, p1) of n scores under a `venn-abers` calibration."""
    s = np.asarray(scores, dtype=np.float64)
    p0 = np.array((0.0, *calibration.values))[np.searchsorted(calibration.scores, s, side="right")]
    p1 = np.array((*calibration.values_1, 1.0))[np.searchsorted(calibration.scores_1, s, side="left")]
    return p0, p1


def fit_isotonic(scores: ArrayLike, outcomes: ArrayLike) -> Calibration:
    """Isotonic regression by pool adjacent violators (Ayer et al. 1955), linear between the pools' ends."""
    s, y = checked(scores, outcomes)
    pools = _ties(s, y)
    fitted = pool_adjacent_violators(pools.cases / pools.rows, pools.rows)
    change = np.diff(fitted) != 0
    keep = np.concatenate(([True], change)) | np.concatenate((change, [True]))
    return Calibration(
        method="isotonic",
        scores=_floats(pools.score[keep]),
        values=_floats(fitted[keep]),
        cases=int(y.sum()),
        controls=int((1 - y).sum()),
    )


def fit_platt(scores: ArrayLike, outcomes: ArrayLike) -> Calibration:
    """Logistic regression on the logit of the score with Platt's (1999) smoothed targets, by Newton's method.

    The slope is kept at or above 0, so that the risk never falls as the score rises.
    """
    s, y = checked(scores, outcomes)
    cases = int(y.sum())
    controls = len(y) - cases
    target = np.where(y == 1, (cases + 1) / (cases + 2), 1 / (controls + 2))
    clipped = np.clip(s, _EDGE, 1 - _EDGE)
    design = np.column_stack((np.log(clipped / (1 - clipped)), np.ones(len(s))))
    beta = np.array((1.0, 0.0))
    for _ in range(100):
        p = sigmoids(design @ beta)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (target - p))
        beta = beta + step / max(1.0, float(np.abs(step).max()) / 2.0)
        if np.abs(step).max() < 1e-10:
            break
    if beta[0] < 0:
        rate = (cases + 1) / (len(y) + 2)
        beta = np.array((0.0, math.log(rate / (1 - rate))))
    return Calibration(
        method="platt", slope=float(beta[0]), intercept=float(beta[1]), cases=int(y.sum()), controls=int((1 - y).sum())
    )


def pool_adjacent_violators(values: ArrayLike, weights: ArrayLike) -> Vector:
    """The non-decreasing sequence closest to `values` in weighted least squares, (n,) -> (n,)."""
    means: list[float] = []
    sums: list[float] = []
    lengths: list[int] = []
    for value, weight in zip(np.asarray(values, dtype=float).tolist(), np.asarray(weights).tolist(), strict=True):
        mean, total, length = value, float(weight), 1
        while means and means[-1] >= mean:
            previous, before, run = means.pop(), sums.pop(), lengths.pop()
            mean = (previous * before + mean * total) / (before + total)
            total += before
            length += run
        means.append(mean)
        sums.append(total)
        lengths.append(length)
    return np.repeat(np.array(means), lengths)


def checked(scores: ArrayLike, outcomes: ArrayLike) -> tuple[Vector, NDArray[np.int64]]:
    """Scores and outcomes as arrays; raises `Invalid` when they cannot calibrate anything."""
    s = np.asarray(scores, dtype=np.float64).ravel()
    y = np.asarray(outcomes, dtype=np.float64).ravel()
    if s.shape != y.shape:
        raise Invalid("scores and outcomes differ in length.", path="outcomes", remedy="Give one outcome per score.")
    if not (np.isfinite(s).all() and (s >= 0).all() and (s <= 1).all()):
        raise Invalid("a score is not a number between 0 and 1.", path="scores", remedy="Give raw probabilities.")
    if not np.isin(y, (0.0, 1.0)).all():
        raise Invalid("an outcome is neither 0 nor 1.", path="outcomes", remedy="Leave unknown outcomes out.")
    cases = int(y.sum())
    if min(cases, len(y) - cases) < FEWEST_PER_CLASS:
        raise Invalid(
            f"{cases} rows with and {len(y) - cases} without the outcome; {FEWEST_PER_CLASS} of each are needed.",
            path="outcomes",
            remedy="Give more calibration data.",
        )
    return s, y.astype(np.int64)


def sigmoid(margin: float) -> float:
    """The logistic function of one number, without overflow."""
    if margin >= 0:
        return 1.0 / (1.0 + math.exp(-margin))
    e = math.exp(margin)
    return e / (1.0 + e)


def sigmoids(margins: ArrayLike) -> Vector:
    """The logistic function of an array, without overflow."""
    m = np.asarray(margins, dtype=np.float64)
    e = np.exp(-np.abs(m))
    return np.where(m >= 0, 1.0, e) / (1.0 + e)


class _Pools(NamedTuple):
    score: Vector
    rows: NDArray[np.int64]
    cases: NDArray[np.int64]


def _ties(scores: Vector, outcomes: NDArray[np.int64]) -> _Pools:
    """Distinct scores in rising order, with how many rows and how many cases stand at each."""
    unique, inverse = np.unique(scores, return_inverse=True)
    count = np.bincount(inverse, minlength=len(unique)).astype(np.int64)
    cases = np.bincount(inverse, weights=outcomes, minlength=len(unique)).astype(np.int64)
    return _Pools(unique, count, cases)


def _added_case(count: NDArray[np.int64], cases: NDArray[np.int64]) -> Vector:
    """For each distinct score the isotonic fit at it after adding one row there with outcome 1.

    The fit is the slope of the greatest convex minorant of the cumulative sum diagram. The added row is a unit step
    of slope 1 that starts left of everything and trades places with one score after another; each trade only lowers
    one corner of the diagram, so the minorant is mended at its left end in amortised constant time. Integers
    throughout: no rounding decides which corner stays.
    """
    xs = [-1, 0, *np.cumsum(count).tolist()]
    ys = [-1, 0, *np.cumsum(cases).tolist()]
    stack: list[tuple[int, int]] = []  # the minorant's corners, the leftmost on top
    for point in reversed(list(zip(xs, ys, strict=True))):
        while len(stack) > 1 and not _turns_left(point, stack[-1], stack[-2]):
            stack.pop()
        stack.append(point)
    fitted = np.empty(len(count))
    before = (-1, -1)
    corner = (0, 0)
    for i, point in enumerate(zip(xs[2:], ys[2:], strict=True)):
        (x0, y0), (x1, y1) = stack[-1], stack[-2]
        fitted[i] = (y1 - y0) / (x1 - x0)
        corner, before = point, (before[0] + point[0] - corner[0], before[1] + point[1] - corner[1])
        # `before` is now the corner between this score's own step and the added row moved behind it.
        if (x1 - x0) * (before[1] - y0) >= (before[0] - x0) * (y1 - y0):
            continue
        stack.pop()
        while len(stack) > 1 and not _turns_left(before, stack[-1], stack[-2]):
            stack.pop()
        stack.append(before)
    return fitted


def _turns_left(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])


def _logit(score: float) -> float:
    clipped = min(max(score, _EDGE), 1 - _EDGE)
    return math.log(clipped / (1 - clipped))


def _floats(values: Sequence[float] | Vector) -> tuple[float, ...]:
    return tuple(np.asarray(values, dtype=np.float64).tolist())
