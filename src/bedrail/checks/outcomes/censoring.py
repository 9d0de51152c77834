"""Incidence under censoring and competing events, and inverse-probability weights; both know what each row pulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedrail.checks.columns import Bools, Floats, Ints
from bedrail.checks.intervals import wilson
from bedrail.checks.outcomes.estimates import Pulled
from bedrail.checks.outcomes.values import CENSORED, EVENT


@dataclass(frozen=True, slots=True)
class Incidence:
    """The share with the event by a time, with its pulls, and how many were still followed then."""

    share: Pulled
    at_risk: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """Wilson's interval on the number of rows that the variance is worth, so that no event still has a limit."""
        return effective_limits(self.share.estimate, self.share.error, self.at_risk, confidence)


def effective_limits(rate: float, error: float, fallback: int, confidence: float) -> tuple[float, float]:
    """Wilson limits for a rate known with standard error `error`; `fallback` rows where no spread is seen."""
    rows = rate * (1 - rate) / error**2 if error > 0 and 0 < rate < 1 else float(fallback)
    return wilson(rate, max(1.0, rows), confidence)


def incidence(
    time: Floats, event: Ints, at: Sequence[float], clusters: Ints | None = None, cause: int = EVENT
) -> list[Incidence]:
    """Aalen and Johansen's (1978) cumulative incidence of `cause` at each time of `at`.

    Every code other than 0 and `cause` competes; with none, it is 1 - Kaplan and Meier (1958). Pulls are the
    derivative of the estimate by the weight of each row (infinitesimal jackknife), whose squares add up to Greenwood's
    variance for Kaplan-Meier.
    """
    times, place = np.unique(time, return_inverse=True)
    k = len(times)
    whole = np.bincount(place, minlength=k)
    at_risk = whole.sum() - np.concatenate(([0], np.cumsum(whole)[:-1]))
    mine = np.bincount(place[event == cause], minlength=k) / at_risk
    every = np.bincount(place[event != CENSORED], minlength=k) / at_risk
    survival = np.concatenate(([1.0], np.cumprod(1 - every)[:-1]))
    share = np.cumsum(survival * mine)
    found = []
    for t in at:
        until = int(np.searchsorted(times, t, side="right"))
        reached = float(share[until - 1]) if until else 0.0
        direct = np.where(np.arange(k) < until, survival / at_risk, 0.0)
        left = 1 - every
        later = np.zeros(k)
        np.divide(reached - share, left * at_risk, out=later, where=(np.arange(k) < until) & (left > 0))
        drift = np.cumsum(direct * mine - later * every)
        pulls = (event == cause) * direct[place] - (event != CENSORED) * later[place] - drift[place]
        found.append(Incidence(Pulled(reached, pulls, clusters), int((time >= t).sum())))
    return found


@dataclass(frozen=True, slots=True)
class Censoring:
    """The chance G of being still uncensored (reverse Kaplan-Meier), events leaving before censorings of the same time.

    `place` (n,) is the index of each row's time among the distinct `times` (k,), `still` (k,) is G just before each.
    """

    times: Floats
    place: Ints
    censored: Bools
    hazard: Floats
    at_risk: Floats
    still: Floats

    @classmethod
    def of(cls, time: Floats, event: Ints) -> Censoring:
        """G is fitted on all rows alike: censoring must not depend on what predicts the event (see docs)."""
        times, place = np.unique(time, return_inverse=True)
        k = len(times)
        whole = np.bincount(place, minlength=k)
        gone = np.concatenate(([0], np.cumsum(whole)[:-1]))
        happened = np.bincount(place[event != CENSORED], minlength=k)
        at_risk = (whole.sum() - gone - happened).astype(np.float64)
        hazard = np.zeros(k)
        np.divide(np.bincount(place[event == CENSORED], minlength=k), at_risk, out=hazard, where=at_risk > 0)
        still = np.concatenate(([1.0], np.cumprod(1 - hazard)[:-1]))
        return cls(times, place.astype(np.int64), event == CENSORED, hazard, at_risk, still)

    def before(self) -> Floats:
        """(n,) 1 / G just before each row's own time; 0 where G is 0."""
        weight = np.zeros(len(self.place))
        np.divide(1.0, self.still[self.place], out=weight, where=self.still[self.place] > 0)
        return weight

    def at(self, t: float) -> tuple[float, int]:
        """(1 / G(t), how many distinct times lie up to t); 0 where G(t) is 0."""
        until = int(np.searchsorted(self.times, t, side="right"))
        chance = float(np.prod(1 - self.hazard[:until]))
        return (1 / chance if chance > 0 else 0.0), until

    def pull(self, leaning: Floats, ends: Ints) -> Floats:
        """(n,) what each row pulls through its part in the estimate of G.

        `leaning` (n,) is the derivative of the statistic by the logarithm of each row's weight 1 / G, `ends` (n,) how
        many distinct times that weight's G runs over. The martingale term of Uno et al. (2007) and Blanche et al.
        (2013), here for any statistic of such weights, with ties.
        """
        k = len(self.times)
        leans = np.bincount(ends, weights=leaning, minlength=k + 1)
        through = np.cumsum(leans[::-1])[::-1][1:]
        each = np.zeros(k)
        np.divide(through, (1 - self.hazard) * self.at_risk, out=each, where=(self.hazard < 1) & (self.at_risk > 0))
        drift = np.cumsum(each * self.hazard)
        before = np.concatenate(([0.0], drift[:-1]))
        own = np.where(self.censored, each[self.place] - (drift - before)[self.place], 0.0)
        return np.asarray(own - before[self.place])


@dataclass(frozen=True, slots=True)
class Weighted:
    """Status at a horizon: `case` (n,) of 0/1 for the event by then, `weight` (n,) (0 where the status is unknown).

    Whoever had a competing event by the horizon is known not to have the event: weight as a case, `case` 0.
    """

    case: Floats
    weight: Floats
    ends: Ints
    censoring: Censoring

    def pulled(self, estimate: float, direct: Floats, leaning: Floats, clusters: Ints | None) -> Pulled:
        """The estimate with direct pulls and those through G."""
        return Pulled(estimate, direct + self.censoring.pull(leaning, self.ends), clusters)


def weighted_at(time: Floats, event: Ints, t: float, censoring: Censoring | None = None) -> Weighted:
    """Inverse-probability-of-censoring weights at horizon `t` (Graf et al. 1999; Gerds and Schumacher 2006)."""
    censoring = censoring or Censoring.of(time, event)
    known = (time <= t) & (event != CENSORED)
    later = time > t
    at_horizon, until = censoring.at(t)
    weight = np.where(known, censoring.before(), np.where(later, at_horizon, 0.0))
    ends = np.where(known, censoring.place, np.where(later, until, 0))
    case = (known & (event == EVENT)).astype(np.float64)
    return Weighted(case, weight, ends.astype(np.int64), censoring)
