"""Proper scores: Brier score, log loss, and the skill of each over giving everybody the outcome rate."""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt

import numpy as np

from bedrail.checks.estimates.combining import class_mean, combined, share
from bedrail.checks.intervals import Measured, design_effect
from bedrail.checks.values import Floats, Ints

EDGE = 1e-15
FEWEST = 2


def brier_losses(outcome: Floats, score: Floats) -> Floats:
    """(n,) squared distance of risk and outcome."""
    return np.asarray((score - outcome) ** 2)


def log_losses(outcome: Floats, score: Floats) -> Floats:
    """(n,) minus the log of the risk given to what happened; risks of 0 and 1 are moved inside by 1e-15."""
    inside = np.clip(score, EDGE, 1 - EDGE)
    return np.asarray(-np.where(outcome == 1, np.log(inside), np.log1p(-inside)))


def brier_score(outcome: Floats, score: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """Mean squared distance of risk and outcome (Brier 1950), with its interval as in `mean_loss`."""
    return mean_loss(outcome, brier_losses(outcome, score), clusters, confidence)


def log_loss(outcome: Floats, score: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """Mean of minus the log of the risk given to what happened (Good 1952), with its interval as in `mean_loss`."""
    return mean_loss(outcome, log_losses(outcome, score), clusters, confidence)


def mean_loss(outcome: Floats, losses: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """Mean of `losses` (n,): the outcome rate mixes the mean losses of both classes, and each has its own limits.

    Where outcomes are rare the mean is ruled by how many there were, which is skewed: Wilson's limits of the rate and
    Student's limits of the class means are recovered into one interval (`combined`). None with fewer than two rows of a
    class, from which no spread can be seen.
    """
    happened = outcome == 1
    if min(int(happened.sum()), int((~happened).sum())) < FEWEST:
        return None
    parts = (share(outcome, confidence), *(class_mean(losses[rows], confidence) for rows in (happened, ~happened)))
    wide = sqrt(design_effect(losses - losses.mean(), clusters))
    return combined(lambda rate, cases, controls: rate * cases + (1 - rate) * controls, parts, confidence, wide)


def brier_skill(outcome: Floats, score: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """1 - Brier / (rate (1 - rate)): the share of the noise that the score takes away; 0 for the outcome rate itself.

    Murphy (1973). The rate stands in both parts, so 1 - B1/(1 - rate) - B0/rate is combined from rate and the Brier
    scores B1, B0 of the classes. None as in `mean_loss`.
    """
    losses = brier_losses(outcome, score)

    def skill(rate: float, cases: float, controls: float) -> float:
        return 1 - max(cases, 0.0) / (1 - rate) - max(controls, 0.0) / rate

    def pulls(rate: float, mean: float, noise: float) -> Floats:
        return -(losses - mean) / noise + mean / noise**2 * (1 - 2 * rate) * (outcome - rate)

    return _skill(outcome, losses, clusters, confidence, skill, pulls, lambda rate: rate * (1 - rate))


def log_skill(outcome: Floats, score: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """1 - log loss / entropy of the outcome rate (McFadden 1974): 0 for giving everybody the outcome rate."""
    losses = log_losses(outcome, score)

    def entropy(rate: float) -> float:
        return -rate * log(rate) - (1 - rate) * log(1 - rate)

    def skill(rate: float, cases: float, controls: float) -> float:
        return 1 - (rate * max(cases, 0.0) + (1 - rate) * max(controls, 0.0)) / entropy(rate)

    def pulls(rate: float, mean: float, noise: float) -> Floats:
        return -(losses - mean) / noise + mean / noise**2 * log((1 - rate) / rate) * (outcome - rate)

    return _skill(outcome, losses, clusters, confidence, skill, pulls, entropy)


def _skill(
    outcome: Floats,
    losses: Floats,
    clusters: Ints | None,
    confidence: float,
    skill: Callable[[float, float, float], float],
    pulls: Callable[[float, float, float], Floats],
    noise: Callable[[float], float],
) -> Measured | None:
    happened = outcome == 1
    if min(int(happened.sum()), int((~happened).sum())) < FEWEST:
        return None
    rate = float(outcome.mean())
    parts = (share(outcome, confidence), *(class_mean(losses[rows], confidence) for rows in (happened, ~happened)))
    wide = sqrt(design_effect(pulls(rate, float(losses.mean()), noise(rate)), clusters))
    return combined(skill, parts, confidence, wide)
