"""Measures of an alert that are no plain share: F1, balanced accuracy, Matthews' correlation, net benefit."""

from __future__ import annotations

from math import atanh, sqrt, tanh

import numpy as np

from bedrail.checks.estimates.combining import Part, combined, few_valued_mean
from bedrail.checks.intervals import (
    Measured,
    design_effect,
    quantile,
    rate_interval,
    wilson,
)
from bedrail.checks.values import Bools, Floats, Ints


def f_measure(outcome: Floats, alert: Bools, clusters: Ints | None, confidence: float) -> Measured | None:
    """F1: the harmonic mean of sensitivity and PPV, 2 TP / (2 TP + FP + FN); None without alert and outcome.

    F1 = 2J / (1 + J) rises with Jaccard's share J of true alerts among rows with an alert or the outcome, so Wilson's
    limits of J (on effective rows) are carried over: no normal approximation (unlike Takahashi et al. 2022).
    """
    rows = alert | (outcome == 1)
    if not rows.any():
        return None
    hits = (alert & (outcome == 1))[rows].astype(np.float64)
    found = rate_interval(hits, None if clusters is None else clusters[rows], confidence)
    mean, low, high = (2 * j / (1 + j) for j in found)
    return Measured(mean, low, high, (high - low) / 2 / quantile(confidence))


def balanced_accuracy(outcome: Floats, alert: Bools, clusters: Ints | None, confidence: float) -> Measured | None:
    """Mean of sensitivity and specificity, from Wilson's limits of both; None when a class is absent."""
    happened = outcome == 1
    m, n = int(happened.sum()), int((~happened).sum())
    if min(m, n) == 0:
        return None
    rates = float(alert[happened].mean()), float((~alert[~happened]).mean())
    parts = tuple(Part(rate, *wilson(rate, k, confidence)) for rate, k in zip(rates, (m, n), strict=True))
    pulls = np.where(happened, (alert - rates[0]) / m, (~alert - rates[1]) / n)
    wide = sqrt(design_effect(pulls, clusters))
    return combined(lambda a, b: (a + b) / 2, parts, confidence, wide)


def matthews(outcome: Floats, alert: Bools, clusters: Ints | None, confidence: float) -> Measured | None:
    """Matthews' correlation of alert and outcome, its interval by Fisher's z (Itaya et al. 2025) around half counts.

    Half a row is added to each of the four cells (Haldane 1956; Anscombe 1956), and centre and delta-method variance of
    the interval are of these: with a handful of cases the variance seen in the cells is itself too uncertain, and an
    empty cell shows none at all. Repeated rows widen it by the design effect of the influences. None where alert or
    outcome never differ, or the correlation is 1.
    """
    y, a = outcome, alert.astype(np.float64)
    sy, sa = float(y.std()), float(a.std())
    if sy == 0 or sa == 0:
        return None
    zy, za = (y - y.mean()) / sy, (a - a.mean()) / sa
    r = float((zy * za).mean())
    if abs(r) > 1 - 1e-12:
        return None
    pulls = zy * za - r * (zy**2 + za**2) / 2
    cells = np.bincount((2 * y + a).astype(np.int64), minlength=4).astype(np.float64) + 0.5
    middle, error = _correlation(cells)
    error *= sqrt(design_effect(pulls, clusters))
    half = quantile(confidence) * error / (1 - middle * middle)
    low, high = tanh(atanh(middle) - half), tanh(atanh(middle) + half)
    return Measured(r, min(low, r), max(high, r), error)


def _correlation(cells: Floats) -> tuple[float, float]:
    """(correlation, its standard error) of a table of rows (4,): neither, alert only, outcome only, both."""
    share = cells / cells.sum()
    y, a = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    p, q = float(share @ y), float(share @ a)
    zy, za = (y - p) / sqrt(p * (1 - p)), (a - q) / sqrt(q * (1 - q))
    r = float(share @ (zy * za))
    influence = zy * za - r * (zy**2 + za**2) / 2
    return r, sqrt(float(share @ influence**2) / float(cells.sum()))


def gains(outcome: Floats, alert: Bools, threshold: float) -> Floats:
    """(n,) what each row adds to net benefit: 1 for a true alert, minus the odds of the threshold for a false one."""
    odds = threshold / (1 - threshold)
    return np.where(alert, np.where(outcome == 1, 1.0, -odds), 0.0)


def net_benefit(outcome: Floats, alert: Bools, threshold: float, clusters: Ints | None, confidence: float) -> Measured:
    """Net benefit TP/n - FP/n t/(1-t) of the alert at `threshold` t (Vickers and Elkin 2006), n >= 1.

    Its interval recovers Wilson's limits of the two shares: see `few_valued_mean`.
    """
    return few_valued_mean(gains(outcome, alert, threshold), _kinds(threshold), clusters, confidence)


def net_benefit_difference(
    outcome: Floats, alert: Bools, other: Bools, threshold: float, clusters: Ints | None, confidence: float
) -> Measured:
    """Net benefit of `alert` less that of `other` on the same rows, n >= 1, with an interval as `net_benefit`.

    Rows where both act alike add nothing. Treating everyone is `other` all true.
    """
    difference = gains(outcome, alert, threshold) - gains(outcome, other, threshold)
    kinds = _kinds(threshold)
    kinds = -kinds if other.all() else np.concatenate((kinds, -kinds))
    return few_valued_mean(difference, kinds, clusters, confidence)


def _kinds(threshold: float) -> Floats:
    return np.array([1.0, -threshold / (1 - threshold)])
