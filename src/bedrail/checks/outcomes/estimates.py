"""An estimate with the pull of each row on it: variance, intervals and verdicts come from these pulls alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, exp, log, sqrt, tanh
from typing import Any

import numpy as np

from bedrail.checks.columns import Floats, Ints
from bedrail.checks.groups import patients_in
from bedrail.checks.intervals import cluster_sums, distinct, power_factor, sum_variance
from bedrail.core.values import Finding, Verdict

FEWEST = 10
"""A normal approximation needs that many patients of each kind before its interval can be trusted."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """An estimate and what each row pulls (n,): influences that sum to about zero (Hampel 1974; von Mises expansion).

    The variance is the sum of squared pulls, summed within patients first (the sandwich, k/(k-1)-corrected).
    """

    estimate: float
    pulls: Floats
    clusters: Ints | None = None

    @property
    def error(self) -> float:
        """The standard error."""
        return sqrt(sum_variance(self.pulls, self.clusters))

    @property
    def patients(self) -> int:
        """Independent units."""
        return len(self.pulls) if self.clusters is None else distinct(self.clusters)

    def factor(self, confidence: float) -> float:
        """Student's t quantile on Satterthwaite's degrees of freedom: few patients that pull strongly make it wider.

        The degrees of freedom are 2 V^2 / var(V), with V the sum of squared pulls (Satterthwaite 1946): for pulls of
        normal shape it is about the number of patients, for a handful of pulls their number.
        """
        from scipy.stats import t

        squares = cluster_sums(self.pulls, self.clusters) ** 2
        k = len(squares)
        if k < 2:
            return float("inf")
        spread = float(np.sum((squares - squares.mean()) ** 2)) * k / (k - 1)
        total = float(squares.sum())
        freedom = k - 1.0 if spread <= 0 else min(k - 1.0, max(1.0, 2 * total**2 / spread))
        return float(t.ppf(0.5 + confidence / 2, freedom))

    def plain(self, confidence: float) -> tuple[float, float]:
        """On the scale of the estimate."""
        half = self.factor(confidence) * self.error
        return self.estimate - half, self.estimate + half

    def logit(self, confidence: float) -> tuple[float, float]:
        """For shares between 0 and 1; (0, 1) where no spread is seen."""
        a = self.estimate
        if not 0 < a < 1 or self.error == 0:
            edge = 1 - ((1 - confidence) / 2) ** (1 / max(1, self.patients))
            return (max(0.0, a - edge), min(1.0, a + edge)) if a in (0.0, 1.0) else (0.0, 1.0)
        half = self.factor(confidence) * self.error / (a * (1 - a))
        centre = log(a / (1 - a))
        return _expit(centre - half), _expit(centre + half)

    def ratio(self, confidence: float) -> tuple[float, float]:
        """For positive numbers, on the log scale."""
        if self.estimate <= 0:
            return self.plain(confidence)
        half = min(700.0, self.factor(confidence) * self.error / self.estimate)
        return self.estimate * exp(-half), self.estimate * exp(half)

    def skewed(self, confidence: float) -> tuple[float, float]:
        """For means of skewed values: Hall's (1992) cubic transformation of t, which takes their skewness out.

        g(t) = t + a t^2 / 3 + a^2 t^3 / 27 + a / 6 with a the skewness over the root of the number of patients, here
        the sum of cubed pulls over the 3/2 power of that of squared ones.
        """
        each = cluster_sums(self.pulls, self.clusters)
        spread = float(np.sum(each**2))
        if spread <= 0 or len(each) < 2:
            return self.plain(confidence)
        lean, z = float(np.sum(each**3)) / spread**1.5, self.factor(confidence)
        if abs(lean) < 1e-6:
            return self.plain(confidence)
        ends = [3 / lean * (float(np.cbrt(1 + lean * (x - lean / 6))) - 1) for x in (z, -z)]
        return self.estimate - ends[0] * self.error, self.estimate - ends[1] * self.error

    def tailed(self, confidence: float) -> tuple[float, float]:
        """For positive numbers made of values with a long tail: on the log scale, its skewness taken out."""
        if self.estimate <= 0:
            return self.plain(confidence)
        low, high = Pulled(log(self.estimate), self.pulls / self.estimate, self.clusters).skewed(confidence)
        return exp(max(-700.0, low)), exp(min(700.0, high))

    def root(self, confidence: float) -> tuple[float, float]:
        """For the root of a mean of skewed values: Hall's interval of the mean, its root taken.

        In 500 to 800 simulated samples the RMSE of heavy and mild tails was held in 94.0 % and 96.8 % at n = 200, and
        in 94.2 % at 2,000, as by `tailed` (94.4 %, 96.2 %, 95.0 %) with half its width; uncorrected in 85 % to 92 %.
        In 2,000 others of the heavy tail at n = 200, whose truth is worked out, it held 92.3 %: a little short.
        """
        square = Pulled(self.estimate**2, 2 * self.estimate * self.pulls, self.clusters)
        low, high = square.skewed(confidence)
        return sqrt(max(0.0, low)), sqrt(max(0.0, high))

    def skill(self, confidence: float, *, tailed: bool = False) -> tuple[float, float]:
        """For one minus a positive ratio, on the log scale of that ratio.

        With `tailed` Hall's correction takes the pulls of the skill, and not those of the ratio, which have the other
        sign: a few long tails stand in loss and reference alike, and of the two only this one kept its level when
        simulated (R2 of a mild tail at n = 200: 95.7 % against 87.7 %, and 93.3 % without any, of 300 samples).
        """
        ratio = Pulled(1 - self.estimate, self.pulls, self.clusters)
        low, high = ratio.tailed(confidence) if tailed else ratio.ratio(confidence)
        return 1 - high, 1 - low

    def fisher(self, confidence: float) -> tuple[float, float]:
        """For agreement between -1 and 1, on Fisher's z scale."""
        a = self.estimate
        if not -1 < a < 1:
            return (-1.0, 1.0)
        half, centre = self.factor(confidence) * self.error / (1 - a * a), atanh(a)
        return tanh(centre - half), tanh(centre + half)

    def gap(self, confidence: float) -> float:
        """The smallest difference that the data could have shown with 80 % power."""
        return power_factor(1 - confidence) * self.error


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(max(x, -700)) / (1 + exp(max(x, -700)))


def mean_of(values: Floats, clusters: Ints | None) -> Pulled:
    """The mean of (n,) values."""
    mean = float(values.mean())
    return Pulled(mean, (values - mean) / len(values), clusters)


def finding(
    name: str,
    found: Pulled,
    interval: tuple[float, float],
    verdict: Verdict,
    reason: str,
    confidence: float,
    *,
    n: int,
    group: str = "overall",
    judged: bool = True,
) -> Finding:
    """An estimate as a finding."""
    return stated(
        name,
        (found.estimate, *interval),
        verdict,
        reason,
        n=n,
        group=group,
        gap=found.gap(confidence),
        judged=judged,
    )


def stated(
    name: str,
    figures: tuple[float, float, float],
    verdict: Verdict,
    reason: str,
    *,
    n: int,
    group: str = "overall",
    gap: float | None = None,
    judged: bool = True,
) -> Finding:
    """`figures` (estimate, low, high) as a finding; `gap` is the smallest difference that could have been shown."""
    estimate, low, high = figures
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=estimate,
        low=low,
        high=high,
        n=n,
        smallest_gap=gap,
        reason=reason,
        judged=judged,
    )


def missing(name: str, reason: str, *, n: int | None = None, group: str = "overall") -> Finding:
    """A finding that could not be made."""
    return Finding(check=name, group=group, verdict=Verdict.MISSING, n=n, reason=reason)


def banded(
    estimate: float, sure: tuple[float, float], right: float, band: tuple[float, float], gap: float, detectable: float
) -> Verdict:
    """Fail when the (stricter) interval excludes what is right and the estimate leaves its band; pass inside the band
    when the data could have shown `detectable`; else missing.
    """
    outside = not band[0] <= estimate <= band[1]
    if outside and (sure[1] < right or sure[0] > right):
        return Verdict.FAIL
    return Verdict.PASS if not outside and gap <= detectable else Verdict.MISSING


def at_least(interval: tuple[float, float], sure: tuple[float, float], bound: float) -> Verdict:
    """Fail when the stricter interval lies below the bound, pass when the interval reaches it, else missing."""
    return Verdict.FAIL if sure[1] < bound else Verdict.PASS if interval[0] >= bound else Verdict.MISSING


def rows_of(cohort: Any, rows: Any) -> int:
    """Number of patients with a row in `rows`."""
    return patients_in(cohort, rows)
