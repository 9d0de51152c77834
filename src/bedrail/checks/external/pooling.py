"""Random effects: one measure at many sites, its mean, how much it differs, what to expect at a new one."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np

from bedrail.checks.intervals import quantile
from bedrail.checks.values import Floats

GRID = 40


@dataclass(frozen=True, slots=True)
class Pooled:
    """k effects pooled: mean with limits, between-site variance with limits, I2 with limits, and what a new site gives.

    `new` is the prediction interval, None with fewer than 3 sites. `p_value` is Cochran's test of no difference
    between sites.
    """

    k: int
    mean: float
    low: float
    high: float
    error: float
    tau2: float
    tau2_limits: tuple[float, float]
    i2: float
    i2_limits: tuple[float, float]
    q: float
    p_value: float
    new: tuple[float, float] | None


def pooled(effects: Floats, variances: Floats, confidence: float = 0.95) -> Pooled | None:
    """Pool effects (k,) with known variances (k,); None for fewer than two.

    Between-site variance by Paule and Mandel (1982), mean with the variance of Hartung, Knapp, Sidik and Jonkman and
    Student's t on k - 1 (as IntHout, Ioannidis and Borm 2014; never narrower than the normal interval), limits of the
    between-site variance by the Q-profile (Viechtbauer 2007), I2 from it (Higgins and Thompson 2002), prediction
    interval over the confidence distribution of the between-site variance (Nagashima, Noma and Furukawa 2019), since
    the usual one (Higgins, Thompson and Spiegelhalter 2009) is too narrow with few sites (Partlett and Riley 2017).
    """
    from scipy.stats import chi2, t

    k = len(effects)
    if k < 2 or not (np.isfinite(effects).all() and (variances > 0).all()):
        return None
    weights = 1 / variances
    fixed = float(np.sum(weights * effects) / weights.sum())
    q = float(np.sum(weights * (effects - fixed) ** 2))
    tau2 = _solve(effects, variances, float(k - 1))
    tail = (1 - confidence) / 2
    limits = (
        _solve(effects, variances, float(chi2.ppf(1 - tail, k - 1))),
        _solve(effects, variances, float(chi2.ppf(tail, k - 1))),
    )
    inside = 1 / (variances + tau2)
    mean = float(np.sum(inside * effects) / inside.sum())
    plain = 1 / float(inside.sum())
    knapp = float(np.sum(inside * (effects - mean) ** 2)) / (k - 1) * plain
    error = sqrt(max(knapp, 0.0))
    half = max(float(t.ppf(1 - tail, k - 1)) * error, quantile(confidence) * sqrt(plain))
    typical = (k - 1) * float(weights.sum()) / (float(weights.sum()) ** 2 - float(np.sum(weights**2)))
    return Pooled(
        k=k,
        mean=mean,
        low=mean - half,
        high=mean + half,
        error=error,
        tau2=tau2,
        tau2_limits=limits,
        i2=tau2 / (tau2 + typical),
        i2_limits=(limits[0] / (limits[0] + typical), limits[1] / (limits[1] + typical) if limits[1] < inf else 1.0),
        q=q,
        p_value=float(chi2.sf(q, k - 1)),
        new=_next_site(effects, variances, tail) if k >= 3 else None,
    )


def _generalised(effects: Floats, variances: Floats, tau2: float) -> float:
    weights = 1 / (variances + tau2)
    mean = np.sum(weights * effects) / weights.sum()
    return float(np.sum(weights * (effects - mean) ** 2))


def _solve(effects: Floats, variances: Floats, target: float) -> float:
    """The between-site variance at which the generalised Q equals `target`; 0 when it is below that already."""
    from scipy.optimize import brentq

    if _generalised(effects, variances, 0.0) <= target:
        return 0.0
    high = float(np.var(effects)) + 1.0
    while _generalised(effects, variances, high) > target:
        high *= 4
        if high > 1e12:
            return inf
    return float(brentq(lambda x: _generalised(effects, variances, x) - target, 0.0, high, xtol=1e-12))


def _next_site(effects: Floats, variances: Floats, tail: float) -> tuple[float, float]:
    """Quantiles of mean + between-site deviation, over tau2 as Q's distribution leaves it uncertain.

    Each of `GRID` equally likely tau2 solves Q(tau2) = a quantile of chi-squared on k - 1; given it, the deviation from
    the mean is taken as Student's t on k - 1 with variance tau2 + se2, which is wider than the normal part it contains.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, t

    k = len(effects)
    centres, scales = np.empty(GRID), np.empty(GRID)
    for at, share in enumerate((np.arange(GRID) + 0.5) / GRID):
        tau2 = _solve(effects, variances, float(chi2.ppf(share, k - 1)))
        weights = 1 / (variances + tau2)
        centres[at] = np.sum(weights * effects) / weights.sum()
        spread = float(np.sum(weights * (effects - centres[at]) ** 2)) / (k - 1) / weights.sum()
        scales[at] = sqrt(tau2 + max(spread, 1 / weights.sum()))

    def below(x: float, share: float) -> float:
        return float(t.cdf((x - centres) / scales, k - 1).mean()) - share

    wide = 100 * float(scales.max()) + 1
    low, high = float(centres.min()) - wide, float(centres.max()) + wide
    return float(brentq(below, low, high, args=(tail,))), float(brentq(below, low, high, args=(1 - tail,)))


@dataclass(frozen=True, slots=True)
class Ratios:
    """O/E at many sites, some of them tiny: the common ratio, and how its sites differ beyond chance.

    `spread` is the between-site standard deviation of O/E relative to the common ratio, with limits; `new` the O/E to
    expect at a new site.
    """

    k: int
    ratio: float
    low: float
    high: float
    spread: float
    spread_limits: tuple[float, float]
    q: float
    p_value: float
    new: tuple[float, float]


def pooled_ratios(observed: Floats, expected: Floats, variances: Floats, confidence: float = 0.95) -> Ratios | None:
    """Pool O/E of k sites from `observed` and `expected` (k,) and the `variances` (k,) of observed under the risks.

    No logarithm of a site's own ratio is taken, so that sites without any outcome count too. With r the common ratio,
    (O - r E)^2 has the mean r V + s^2 r^2 E^2, where s is the relative spread: s is found where the sum of
    (O - r E)^2 / (r V + s^2 r^2 E^2) equals k - 1, its limits where that equals the quantiles of chi-squared (the
    Q-profile of Viechtbauer 2007 on the scale of counts; compare Boehning et al. 2002). None for fewer than two sites.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, t

    keep = (expected > 0) & (variances > 0)
    o, e, v = observed[keep], expected[keep], variances[keep]
    k = len(o)
    if k < 2 or o.sum() <= 0:
        return None

    def at(s2: float) -> tuple[float, float]:
        ratio = float(o.sum() / e.sum())
        for _ in range(25):
            weight = e / (v + s2 * ratio * e**2)
            before, ratio = ratio, float(weight @ o / (weight @ e))
            if abs(ratio - before) < 1e-9 * ratio:
                break
        return ratio, float(np.sum((o - ratio * e) ** 2 / (ratio * v + s2 * ratio**2 * e**2)))

    def solve(target: float) -> float:
        high = 1.0
        if at(0.0)[1] <= target:
            return 0.0
        while at(high)[1] > target:
            high *= 4
            if high > 1e6:
                return high
        return float(brentq(lambda s2: at(s2)[1] - target, 0.0, high, xtol=1e-9))

    tail = (1 - confidence) / 2
    s2 = solve(float(k - 1))
    limits = sqrt(solve(float(chi2.ppf(1 - tail, k - 1)))), sqrt(solve(float(chi2.ppf(tail, k - 1))))
    ratio, _ = at(s2)
    q = at(0.0)[1]
    weight = e / (ratio * v + s2 * ratio**2 * e**2)
    plain = 1 / float(np.sum(weight * e))
    observed_spread = float(np.sum(weight**2 * (o - ratio * e) ** 2)) / float(np.sum(weight * e)) ** 2 * k / (k - 1)
    error = sqrt(max(plain, observed_spread)) / ratio
    half = float(t.ppf(1 - tail, k - 1)) * error
    wide = float(t.ppf(1 - tail, max(1, k - 2))) * sqrt(error**2 + log(1 + s2))
    return Ratios(
        k=k,
        ratio=ratio,
        low=float(ratio * np.exp(-half)),
        high=float(ratio * np.exp(half)),
        spread=sqrt(s2),
        spread_limits=limits,
        q=q,
        p_value=float(chi2.sf(q, k - 1)),
        new=(float(ratio * np.exp(-wide)), float(ratio * np.exp(wide))),
    )
