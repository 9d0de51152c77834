"""Intervals of combinations: limits of the parts are recovered into limits of the whole, asymmetry included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from bedrail.checks.intervals import Measured, design_effect, quantile, student, sum_variance, wilson
from bedrail.checks.values import Floats, Ints


@dataclass(frozen=True, slots=True)
class Part:
    """One independent part of a measure, with its own limits."""

    estimate: float
    low: float
    high: float


def combined(
    measure: Callable[..., float], parts: tuple[Part, ...], confidence: float, stretch: float = 1.0
) -> Measured:
    """A smooth function of independent parts, its limits recovered from theirs (MOVER).

    Zou and Donner (2008), Statistics in Medicine 27:1693, and Newcombe (2001): the distance to each limit is the root
    of the squared distances that each part alone would cause at the limit that pulls that way. `stretch` multiplies the
    distances: the root of a design effect where rows repeat.
    """
    centre = [part.estimate for part in parts]
    middle = measure(*centre)
    down = up = 0.0
    for k, part in enumerate(parts):
        moved = [measure(*centre[:k], limit, *centre[k + 1 :]) - middle for limit in (part.low, part.high)]
        down += min(0.0, *moved) ** 2
        up += max(0.0, *moved) ** 2
    low, high = middle - stretch * sqrt(down), middle + stretch * sqrt(up)
    return Measured(middle, low, high, (high - low) / 2 / quantile(confidence))


def class_mean(values: Floats, confidence: float) -> Part:
    """Mean of `values` (n >= 2) of one outcome class with Student's limits."""
    n, mean = len(values), float(values.mean())
    half = student(confidence, n - 1) * float(values.std(ddof=1)) / sqrt(n)
    return Part(mean, mean - half, mean + half)


def share(outcome: Floats, confidence: float) -> Part:
    """The outcome rate with Wilson's limits."""
    rate = float(outcome.mean())
    return Part(rate, *wilson(rate, len(outcome), confidence))


def few_valued_mean(values: Floats, kinds: Floats, clusters: Ints | None, confidence: float) -> Measured:
    """Mean of `values` (n >= 1) that are all among `kinds` (k,), such as what a row adds to net benefit.

    Each kind's share has Wilson's limits (also a kind that was not seen), and shares of one multinomial are negatively
    correlated: MOVER with correlations (Zou, Huang and Zhang 2009, Computational Statistics and Data Analysis 53:1080),
    which keeps its level where a normal interval of few events does not. Rows of one patient widen both sides by the
    root of the design effect.
    """
    n = len(values)
    counts = np.array([np.count_nonzero(values == kind) for kind in kinds])
    share = counts / n
    mean = float(kinds @ share)
    limits = np.array([wilson(float(p), n, confidence) for p in share])
    below, above = share - limits[:, 0], limits[:, 1] - share
    odds = np.sqrt(share / np.maximum(1 - share, 1e-12))
    related = np.maximum(-1.0, -np.outer(odds, odds))
    np.fill_diagonal(related, 1.0)
    down = np.where(kinds > 0, kinds * below, kinds * above)
    up = np.where(kinds > 0, kinds * above, kinds * below)
    wide = sqrt(design_effect(values - mean, clusters))
    low, high = (wide * sqrt(max(0.0, float(one @ related @ one))) for one in (down, up))
    return Measured(mean, mean - low, mean + high, sqrt(sum_variance(values - mean, clusters)) / n)
