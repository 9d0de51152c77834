"""How sure a risk is: an honest interval of the true rate at a score, and conformal p-values for either outcome."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.models.calibrate import TIE, checked, fit_venn_abers

Vector = NDArray[np.float64]

ANCHORS = 256
"""The interval is worked out between so many quantiles of the calibration scores."""

WINDOWS = (0.5, 1.5, 4.5)
"""Window sizes as multiples of n^(2/3), the rate at which bias and noise of a monotone fit balance."""

MOST_KNOTS = 1000
"""So many scores of each outcome are kept; p-values of scores between them are rounded up."""


class Uncertainty(Value, frozen=True, kw_only=True):
    """Step functions of the raw score, fitted on calibration data; built by `fit_uncertainty`.

    `interval`: unless risk falls as the score rises, the share of patients with this score who have the outcome lies
    in [low, high], in at least `confidence` of all calibrations, for every single score (not only on average).
    `p_values`: how usual this score is among calibration patients without and with the outcome.
    """

    confidence: float
    low_scores: tuple[float, ...]
    low: tuple[float, ...]
    high_scores: tuple[float, ...]
    high: tuple[float, ...]
    control_scores: tuple[float, ...]
    control_p: tuple[float, ...]
    case_scores: tuple[float, ...]
    case_p: tuple[float, ...]
    cases: int
    controls: int

    def interval(self, score: float) -> tuple[float, float]:
        """(low, high) of the risk at one raw score."""
        return (
            self.low[bisect_right(self.low_scores, score)],
            self.high[bisect_left(self.high_scores, score)],
        )

    def p_values(self, score: float) -> tuple[float, float]:
        """(p of outcome 0, p of outcome 1): the conformal p-value under the hypothesis that it is the outcome.

        Among patients who truly have that outcome, p <= alpha happens in at most alpha of the cases (Vovk 2012,
        label-conditional conformal predictors), whatever the model; small for both means an unusual patient.
        """
        return (
            self.control_p[bisect_left(self.control_scores, score)],
            self.case_p[bisect_right(self.case_scores, score)],
        )

    def prediction_set(self, score: float, alpha: float) -> tuple[int, ...]:
        """The outcomes that cannot be ruled out at level alpha: (), (0,), (1,) or (0, 1)."""
        if not 0 < alpha < 1:
            raise Invalid("alpha must lie between 0 and 1.", path="alpha", remedy="Use 0.1 for 90 % coverage.")
        return tuple(outcome for outcome, p in enumerate(self.p_values(score)) if p > alpha)

    def intervals(self, scores: ArrayLike) -> tuple[Vector, Vector]:
        """(low, high) of n raw scores, each (n,)."""
        s = np.asarray(scores, dtype=np.float64)
        low = np.array(self.low)[np.searchsorted(self.low_scores, s, side="right")]
        high = np.array(self.high)[np.searchsorted(self.high_scores, s, side="left")]
        return low, high

    def p_values_many(self, scores: ArrayLike) -> NDArray[np.float64]:
        """p-values of n raw scores, (n, 2): columns outcome 0 and outcome 1."""
        s = np.asarray(scores, dtype=np.float64)
        control = np.array(self.control_p)[np.searchsorted(self.control_scores, s, side="left")]
        case = np.array(self.case_p)[np.searchsorted(self.case_scores, s, side="right")]
        return np.column_stack((control, case))


def fit_uncertainty(scores: ArrayLike, outcomes: ArrayLike, *, confidence: float = 0.95) -> Uncertainty:
    """Fit on n calibration scores in [0, 1] and outcomes 0/1 that the model was not trained on.

    The interval is the hull of the Venn-Abers pair (p0, p1) and of Clopper-Pearson bounds under monotonicity:
    see `rate_bounds`. Raises `Invalid` as `calibrate.checked` does.
    """
    if not 0.5 <= confidence < 1:
        raise Invalid(
            "the confidence must lie between 0.5 and 1.", path="confidence", remedy="Use 0.95, or another level."
        )
    s, y = checked(scores, outcomes)
    anchors, below, above = rate_bounds(s, y, confidence=confidence)
    pair = fit_venn_abers(s, y)
    low_scores, low = _hull(anchors - TIE, (0.0, *below), pair.scores, (0.0, *pair.values), side="right")
    high_scores, high = _hull(anchors + TIE, (*above, 1.0), pair.scores_1, (*pair.values_1, 1.0), side="left")
    controls, cases = np.sort(s[y == 0]), np.sort(s[y == 1])
    control_scores, control_p = _tail(-controls[::-1])
    case_scores, case_p = _tail(cases)
    return Uncertainty(
        confidence=confidence,
        low_scores=low_scores,
        low=low,
        high_scores=high_scores,
        high=high,
        control_scores=tuple(-score for score in reversed(control_scores)),
        control_p=tuple(reversed(control_p)),
        case_scores=case_scores,
        case_p=case_p,
        cases=len(cases),
        controls=len(controls),
    )


def rate_bounds(
    scores: Vector, outcomes: NDArray[np.int64], *, confidence: float, anchors: int = ANCHORS
) -> tuple[Vector, Vector, Vector]:
    """(anchor scores, lower bound for scores at or above each, upper bound for scores at or below each).

    If the rate does not fall as the score rises, the m calibration patients next below a score have at most its rate:
    their number of outcomes is stochastically smaller than binomial with that rate, so a one-sided Clopper-Pearson
    (1934) bound on them is a lower bound for it; the upper bound mirrors this. Three window sizes around n^(2/3), fixed
    beforehand by n alone, share the level (Bonferroni); the running extremes that make both bounds non-decreasing only
    widen them. The idea is that of the honest bands of Dimitriadis, Dümbgen et al. (Biometrika 2023), pointwise.
    """
    order = np.argsort(scores, kind="stable")
    s = scores[order]
    total = np.concatenate(([0], np.cumsum(outcomes[order])))
    n = len(s)
    at = np.unique(s[np.unique(np.linspace(0, n - 1, anchors).round().astype(int))])
    sizes = sorted({max(1, min(n, round(n ** (2 / 3) * factor))) for factor in WINDOWS})
    tail = (1 - confidence) / 2 / len(sizes)
    stop = np.searchsorted(s, at, side="right")
    start = np.searchsorted(s, at, side="left")
    low = np.zeros(len(at))
    high = np.ones(len(at))
    for size in sizes:
        first = np.maximum(stop - size, 0)
        low = np.maximum(low, clopper_pearson_low(total[stop] - total[first], stop - first, tail))
        last = np.minimum(start + size, n)
        high = np.minimum(high, clopper_pearson_high(total[last] - total[start], last - start, tail))
    return at, np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high)


def clopper_pearson_low(cases: ArrayLike, n: ArrayLike, tail: float) -> Vector:
    """The exact lower confidence bound of a binomial rate at one-sided level `tail`; 0 without cases."""
    from scipy.stats import beta

    k, m = np.asarray(cases, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return np.where(k > 0, beta.ppf(tail, np.maximum(k, 1), m - k + 1), 0.0)


def clopper_pearson_high(cases: ArrayLike, n: ArrayLike, tail: float) -> Vector:
    """The exact upper confidence bound of a binomial rate at one-sided level `tail`; 1 when all are cases."""
    return 1.0 - clopper_pearson_low(np.asarray(n) - np.asarray(cases), n, tail)


def _hull(
    xs: Vector, values: Sequence[float], other_xs: Sequence[float], other: Sequence[float], *, side: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The lower (side right) or upper (side left) of two step functions; each has one more value than knots."""
    knots = np.unique(np.concatenate((xs, np.asarray(other_xs))))
    right = side == "right"
    # A value for each stretch between knots: probe at its closed end, and once beyond all knots.
    probes = np.concatenate(([-np.inf], knots)) if right else np.concatenate((knots, [np.inf]))
    mine = np.asarray(values)[np.searchsorted(xs, probes, side="right" if right else "left")]
    theirs = np.asarray(other)[np.searchsorted(np.asarray(other_xs), probes, side="right" if right else "left")]
    steps = np.minimum(mine, theirs) if right else np.maximum(mine, theirs)
    change = np.diff(steps) != 0
    return tuple(knots[change].tolist()), tuple(steps[np.concatenate(([True], change))].tolist())


def _tail(ordered: Vector) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Conformal p-values (count at or below + 1) / (n + 1) as steps of a rising score, thinned by rounding up."""
    n = len(ordered)
    kept = np.arange(n) if n <= MOST_KNOTS else np.unique(np.linspace(0, n - 1, MOST_KNOTS).round().astype(int))
    # Between kept knots i < j the count is at most j; at and after the last it is n. Of tied knots the first is enough.
    p = (np.append(kept, n) + 1) / (n + 1)
    first = np.concatenate(([True], np.diff(ordered[kept]) > 0))
    last = np.concatenate((first[1:], [True]))
    return tuple((ordered[kept][first] - TIE).tolist()), (float(p[0]), *p[1:][last].tolist())
