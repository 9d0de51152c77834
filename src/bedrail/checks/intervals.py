"""Intervals for rates and means, with one patient's rows taken as one cluster."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from bedrail.checks.values import Floats, Ints

POWER = 0.8


@dataclass(frozen=True, slots=True)
class Measured:
    """An estimate with its interval and standard error."""

    estimate: float
    low: float
    high: float
    error: float


def quantile(confidence: float) -> float:
    """The two-sided standard normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def student(confidence: float, freedom: float) -> float:
    """The two-sided quantile of Student's t: 2.78 for 0.95 on 4 degrees of freedom (at least one is taken)."""
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, max(1.0, freedom)))


def power_factor(alpha: float) -> float:
    """Standard errors that a two-sided test at `alpha` needs for 80 % power."""
    return quantile(1 - alpha) + NormalDist().inv_cdf(POWER)


def cluster_sums(values: Floats, clusters: Ints | None) -> Floats:
    """(patients,) sums of `values` (n,) within patients; `values` itself when every row is its own patient."""
    if clusters is None or len(values) == 0:
        return values
    codes = _small(clusters)
    sums = np.bincount(codes, weights=values)
    return np.asarray(sums[np.bincount(codes) > 0], dtype=np.float64)


def dense(clusters: Ints) -> tuple[Ints, Ints]:
    """(k,) the codes that occur, in order, and (n,) each row's place among them; no sorting."""
    here = np.zeros(int(clusters.max()) + 1 if len(clusters) else 0, dtype=np.bool_)
    here[clusters] = True
    who = np.flatnonzero(here)
    place = np.empty(len(here), dtype=np.int64)
    place[who] = np.arange(len(who))
    return who, place[clusters]


def _small(clusters: Ints) -> Ints:
    """The same patients under small codes, where a small group would else be counted in a table of everybody."""
    return clusters if len(clusters) * 2 > int(clusters.max()) else dense(clusters)[1]


def distinct(clusters: Ints) -> int:
    """Number of different patients, whose codes are small non-negative integers."""
    if not len(clusters):
        return 0
    here = np.zeros(int(clusters.max()) + 1, dtype=np.bool_)
    here[clusters] = True
    return int(np.count_nonzero(here))


def sum_variance(values: Floats, clusters: Ints | None) -> float:
    """Variance of the sum of `values` whose mean is zero: the sandwich over k patients, corrected by k/(k-1)."""
    sums = cluster_sums(values, clusters)
    k = len(sums)
    return float(np.dot(sums, sums)) * k / (k - 1) if k > 1 else 0.0


def design_effect(values: Floats, clusters: Ints | None) -> float:
    """How much repeated rows of a patient widen the variance of the sum of centred `values`; at least 1.

    Kish's design effect, estimated as the clustered over the unclustered variance.
    """
    if clusters is None or len(values) < 2:
        return 1.0
    plain = float(np.dot(values, values))
    return max(1.0, sum_variance(values, clusters) / plain) if plain > 0 else 1.0


def rate_design_effect(hits: Floats, clusters: Ints | None) -> float:
    """Design effect of the rate of `hits` (n,) of 0/1; repeated rows count once where the rate shows no variation."""
    if clusters is None or len(hits) == 0:
        return 1.0
    centred = hits - hits.mean()
    if not centred.any():
        return len(hits) / distinct(clusters)
    return design_effect(centred, clusters)


def wilson(rate: float, n: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval for a rate of `n` (effective) rows; (0, 1) when there are none (Wilson 1927)."""
    if n <= 0:
        return 0.0, 1.0
    z = quantile(confidence)
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(max(0.0, rate * (1 - rate) / n + z * z / (4 * n * n)))
    return max(0.0, middle - half), min(1.0, middle + half)


def rate_interval(hits: Floats, clusters: Ints | None, confidence: float) -> tuple[float, float, float]:
    """(rate, low, high) of 0/1 `hits` (n >= 1): Wilson on the effective number of rows (Korn and Graubard 1998)."""
    rate = float(hits.mean())
    return rate, *near_edges(rate, len(hits) / rate_design_effect(hits, clusters), confidence)


def near_edges(rate: float, n: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval, but with the Poisson limit on the near side of one to three hits, or misses.

    Wilson's own is too short there (Brown, Cai and DasGupta 2001, Statistical Science 16:101, section 4.1.1).
    """
    from scipy.stats import chi2

    low, high = wilson(rate, n, confidence)
    few = 2.5 if n <= 50 else 3.5
    if 0.5 <= rate * n < few:
        low = min(low, float(chi2.ppf(1 - confidence, 2 * rate * n)) / 2 / n)
    if 0.5 <= (1 - rate) * n < few:
        high = max(high, 1 - float(chi2.ppf(1 - confidence, 2 * (1 - rate) * n)) / 2 / n)
    return low, high


def exact_limits(rate: float, n: float, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's limits for a rate of `n` (effective) rows; (0, 1) when there are none.

    With fractions of hits where rows of one patient count for less (Korn and Graubard 1998, Survey Methodology 24:193).
    They never hold too seldom, however far out: Wilson's do, at the confidence that many questions share (of 12 rows at
    a true rate of 0.9 its limit at 99.97 % is broken in 0.4 % of samples, not in 0.02 %).
    """
    from scipy.special import betaincinv

    if n <= 0:
        return 0.0, 1.0
    tail, hits = (1 - confidence) / 2, rate * n
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high


def mean_interval(values: Floats, clusters: Ints | None, confidence: float) -> tuple[float, float, float]:
    """(mean, low, high) of `values` (n >= 1), with Student's t on patients - 1 degrees of freedom."""
    from scipy.stats import t

    n = len(values)
    mean = float(values.mean())
    k = n if clusters is None else distinct(clusters)
    if k < 2:
        return mean, float("-inf"), float("inf")
    half = float(t.ppf(0.5 + confidence / 2, k - 1)) * sqrt(sum_variance(values - mean, clusters)) / n
    return mean, mean - half, mean + half


def difference(
    first: tuple[float, float], second: tuple[float, float], confidence: float
) -> tuple[float, float, float]:
    """(gap, low, high) of two independent rates given as (rate, effective n): Newcombe's hybrid interval (1998)."""
    (a, n), (b, m) = first, second
    la, ua = wilson(a, n, confidence)
    lb, ub = wilson(b, m, confidence)
    gap = a - b
    return gap, gap - sqrt((a - la) ** 2 + (ub - b) ** 2), gap + sqrt((ua - a) ** 2 + (b - lb) ** 2)
