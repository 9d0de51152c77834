"""Estimators for a time until an event: concordance, time-dependent AUC, Brier score, calibration slope, net benefit.

All weights are of the probability of censoring, nothing assumes proportional hazards, and every estimate carries the
pull of each row, that through the estimated weights included.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import numpy as np

from bedrail.checks.columns import Floats, Ints
from bedrail.checks.intervals import design_effect, quantile
from bedrail.checks.outcomes.censoring import Censoring, Incidence, Weighted, effective_limits
from bedrail.checks.outcomes.dominance import ordered_pairs, pair_weights
from bedrail.checks.outcomes.estimates import Pulled
from bedrail.checks.outcomes.values import COMPETING, EVENT

EDGE = 1e-6


def concordance(
    time: Floats,
    event: Ints,
    score: Floats,
    until: float,
    clusters: Ints | None = None,
    *,
    censoring: Censoring | None = None,
) -> Pulled | None:
    """The chance that of two patients the one whose event (by `until`) comes first has the higher score.

    Without `censoring`, Harrell's C (1982) over pairs whose order is known, which drifts with the censoring; with it,
    Uno's C (2011), each pair weighed by 1 / G^2, which does not. Whoever had a competing event never has the event and
    should have the lower score (Wolbers et al. 2009, 2014). Equal scores count half. None without such a pair.
    """
    place = np.unique(time, return_inverse=True)[1]
    # Of the same time, an event comes before a censoring or a competing event, and two events have no order.
    code = (2 * place + (event != EVENT)).astype(np.float64)
    case = ((event == EVENT) & (time <= until)).astype(np.float64)
    weight = np.ones(len(time)) if censoring is None else censoring.before()
    one = np.ones(len(time))
    twice, once, rival = case * weight**2, case * weight, (event == COMPETING) * weight
    ahead, behind = ordered_pairs(code, score, twice, one)
    later, earlier = pair_weights(code, twice, one)
    rival_ahead, rival_behind = np.zeros(len(time)), np.zeros(len(time))
    rival_later, rival_earlier = np.zeros(len(time)), np.zeros(len(time))
    if rival.any():
        rival_ahead, rival_behind = ordered_pairs(-code, score, once, rival)
        rival_later, rival_earlier = pair_weights(-code, once, rival)
    pairs = float(twice @ later + once @ rival_later)
    if pairs <= 0:
        return None
    share = float(twice @ ahead + once @ rival_ahead) / pairs
    first = twice * (ahead - share * later) / pairs
    second = (behind - share * earlier) / pairs
    third = once * (rival_ahead - share * rival_later) / pairs
    fourth = rival * (rival_behind - share * rival_earlier) / pairs
    pulls = first + second + third + fourth
    if censoring is not None:
        pulls = pulls + censoring.pull(2 * first + third + fourth, censoring.place)
    return Pulled(share, pulls, clusters)


def _below(score: Floats, weight: Floats) -> Floats:
    """(n,) sums of `weight` over rows of lower score, equal scores counting half."""
    rank = np.unique(score, return_inverse=True)[1]
    whole = np.bincount(rank, weights=weight)
    return np.asarray((np.cumsum(whole) - whole / 2)[rank])


def auc_at(status: Weighted, score: Floats, clusters: Ints | None = None) -> Pulled | None:
    """Cumulative/dynamic AUC: the chance that a case by the horizon has the higher score than one who is none.

    Uno et al. (2007); with competing events, definition (ii) of Blanche et al. (2013): whoever had one is a control.
    None without cases or controls.
    """
    cases, controls = status.weight * status.case, status.weight * (1 - status.case)
    U, V = float(cases.sum()), float(controls.sum())
    if U <= 0 or V <= 0:
        return None
    won, lost = _below(score, controls) / V, _below(-score, cases) / U
    area = float(cases @ won) / U
    direct = cases * (won - area) / U + controls * (lost - area) / V
    return status.pulled(area, direct, direct, clusters)


def brier_at(status: Weighted, risk: Floats, clusters: Ints | None = None) -> Pulled:
    """IPCW Brier score (Graf et al. 1999; with competing events Schoop et al. 2011)."""
    loss = status.weight * (status.case - risk) ** 2
    n, score = len(risk), float(loss.mean())
    return status.pulled(score, (loss - score) / n, loss / n, clusters)


def skill_of(score: Pulled, reference: Pulled) -> Pulled | None:
    """1 - score / reference, the index of prediction accuracy (Kattan and Gerds 2018); None for a reference of 0."""
    if reference.estimate <= 0:
        return None
    ratio = score.estimate / reference.estimate
    pulls = (score.pulls - ratio * reference.pulls) / reference.estimate
    return Pulled(1 - ratio, -pulls, score.clusters)


def implied_error(
    statuses: Sequence[Weighted], risks: Sequence[Floats], rates: Sequence[float], weights: Sequence[float], one: Pulled
) -> float:
    """The standard error of a Brier skill `one` that the risks themselves imply, brought to the incidences `rates`.

    One status, (n,) risks, incidence and weight for each horizon, in order; a skill at one horizon has one of each. As
    Spiegelhalter's (1986, Statistics in Medicine 5:421) variance of the Brier score: an event first seen at a horizon
    pulls there and at all later ones, with the chance that the risks give it, times the design effect of repeated rows.
    Where a handful of events happened, those of high risk are mostly not among them, and the variance seen is too
    small; that of the risks counts them.
    """
    reference = sum(w * a * (1 - a) for w, a in zip(weights, rates, strict=True)) * len(risks[0])
    if reference <= 0:
        return 0.0
    ratio = 1 - one.estimate
    pull = [w * ((1 - 2 * p) - ratio * (1 - 2 * a)) for w, p, a in zip(weights, risks, rates, strict=True)]
    later = np.cumsum(np.array(pull)[::-1], axis=0)[::-1] / reference
    scaled = [_brought(p, a) for p, a in zip(risks, rates, strict=True)]
    chance = np.diff(np.maximum.accumulate(scaled, axis=0), axis=0, prepend=0.0)
    known = np.array([status.weight for status in statuses])
    mean = (chance * later).sum(axis=0)
    plain = float((known * chance * later**2).sum() - (known[-1] * mean**2).sum())
    return sqrt(max(0.0, plain) * design_effect(one.pulls, one.clusters))


def _brought(risk: Floats, rate: float) -> Floats:
    """Risks in the same proportions whose mean is `rate`, none over 1."""
    mean = float(risk.mean())
    return np.clip(risk * rate / mean, 0.0, 1.0) if mean > 0 else np.full(len(risk), rate)


def skill_limits(one: Pulled, implied: float, confidence: float) -> tuple[float, float]:
    """Limits of a Brier skill: the further of Student's by the error seen and the normal ones by the error `implied`.

    Student's t makes up for an error estimated from few patients; the implied one is not. Of 600 samples of 2,000 rows
    with 20, 36 and 48 events by three horizons this held 98.5 %, 97.2 % and 93.7 %, and 95.5 % of the integrated
    skill; Hall's correction 93.0 %, 95.0 %, 94.2 % and 94.5 %, with limits 1.2 to 1.5 times as far apart.
    """
    half = max(one.factor(confidence) * one.error, quantile(confidence) * implied)
    return one.estimate - half, min(1.0, one.estimate + half)


def horizon_weights(horizons: Sequence[float]) -> Floats:
    """(h,) the weights of trapezia over the time from the first to the last horizon, adding up to 1; two at least."""
    gaps = np.diff(horizons)
    weights = np.zeros(len(horizons))
    weights[:-1] += gaps / 2
    weights[1:] += gaps / 2
    return np.asarray(weights / weights.sum())


def integrated(scores: Sequence[Pulled], horizons: Sequence[float]) -> Pulled:
    """The mean of a score over the time from the first to the last horizon, by trapezia; two horizons at least."""
    weights = horizon_weights(horizons)
    mean = float(sum(w * one.estimate for w, one in zip(weights, scores, strict=True)))
    pulls = np.sum([w * one.pulls for w, one in zip(weights, scores, strict=True)], axis=0)
    return Pulled(mean, pulls, scores[0].clusters)


def observed_to_expected(observed: Incidence, risk: Floats, confidence: float) -> tuple[Pulled, float, float] | None:
    """(O/E with its pulls, low, high): the incidence over the mean risk; None when nothing is expected."""
    expected = float(risk.mean())
    if expected <= 0:
        return None
    share = observed.share
    ratio = share.estimate / expected
    pulls = (share.pulls - ratio * (risk - expected) / len(risk)) / expected
    found = Pulled(ratio, pulls, share.clusters)
    low, high = effective_limits(share.estimate, found.error * expected, observed.at_risk, confidence)
    return found, low / expected, high / expected


def cloglog(risk: Floats) -> Floats:
    """log(-log(1 - risk)), risks kept inside by one in a million."""
    inside = np.clip(risk, EDGE, 1 - EDGE)
    return np.asarray(np.log(-np.log1p(-inside)))


def slope_at(status: Weighted, risk: Floats, clusters: Ints | None = None) -> tuple[Pulled, Pulled] | None:
    """(intercept, slope) of status on cloglog(risk), weighted, with complementary log-log link; right are 0 and 1.

    Newton's method from the mean; Austin, Harrell and van Klaveren (2020), with weights (Gerds and Kattan 2021) in
    place of a proportional-hazards model. None without spread, without both outcomes, or when it does not settle.
    """
    x = cloglog(risk)
    y, w = status.case, status.weight
    cases, whole = float(w @ y), float(w.sum())
    if not 0 < cases < whole or float(np.ptp(x)) < 1e-9:
        return None
    X = np.column_stack((np.ones_like(x), x))
    beta = np.array([log(-log(1 - cases / whole)), 0.0])
    for _ in range(100):
        rows, bread = _score(X, y, w, beta)
        if not np.isfinite(bread).all() or np.linalg.cond(bread) > 1e12:
            return None
        step = np.linalg.solve(bread, rows.sum(axis=0))
        beta = beta + step * min(1.0, 1.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-10:
            break
    else:
        return None
    rows, bread = _score(X, y, w, beta)
    direct = rows @ np.linalg.inv(bread)
    level, slope = (status.pulled(float(beta[j]), direct[:, j], direct[:, j], clusters) for j in (0, 1))
    return level, slope


def _score(X: Floats, y: Floats, w: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """((n, 2) contributions to the score, (2, 2) minus its derivative) of a binomial model with cloglog link."""
    hazard = np.exp(np.clip(X @ beta, -30, 5))
    risk = np.maximum(-np.expm1(-hazard), 1e-13)
    rows = X * (w * hazard * (y / risk - 1))[:, None]
    curve = w * hazard * (1 - y / risk + y * hazard * np.exp(-hazard) / risk**2)
    return rows, X.T @ (X * curve[:, None])


def benefit_at(status: Weighted, risk: Floats, threshold: float, clusters: Ints | None = None) -> tuple[Pulled, Pulled]:
    """Net benefit of acting from `threshold` on, and what it gains over acting on everyone (Vickers et al. 2008)."""
    odds, n = threshold / (1 - threshold), len(risk)
    worth = status.weight * (status.case - odds * (1 - status.case))
    acted = worth * (risk >= threshold)
    gain = acted - worth
    model, over = (status.pulled(float(g.mean()), (g - g.mean()) / n, g / n, clusters) for g in (acted, gain))
    return model, over
