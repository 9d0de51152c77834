"""Average precision (the area under the precision-recall curve) with an interval that costs a sort or two."""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from bedrail.checks.intervals import Measured, design_effect, distinct, student, sum_variance
from bedrail.checks.values import Bools, Floats, Ints

FEWEST = 15
"""Patients of each class. With fewer, those cohorts that happen to have enough are not typical of their population."""


def average_precision(outcome: Floats, score: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """Average precision, ties in score counted together, with a logit interval; None under 15 patients of a class.

    The logit scale is that of Boyd, Eng and Page (2013, ECML PKDD), who compare ten intervals. Its centre is not the
    estimate, which is too high with few cases because each case counts among those at its own score, but `of_others`,
    which has next to no bias. The variance is that of the influence of each row (`influence`), summed within patients,
    scaled as the distance from 1 is; Student's t on positive patients - 1 degrees of freedom, since the rarer class
    rules the variance. The limits always take the estimate in.
    """
    cases = int(outcome.sum())
    positives = _patients(clusters, outcome == 1, cases)
    if min(positives, _patients(clusters, outcome == 0, len(outcome) - cases)) < FEWEST:
        return None
    estimate, pulls = influence(outcome, score)
    error = sqrt(sum_variance(pulls, clusters) * positives / (positives - 1)) / len(outcome)
    if estimate == 1:  # a perfect order shows no variance: Clopper and Pearson for the cases, as if each were one trial
        fewer = cases / design_effect(outcome - outcome.mean(), clusters)
        return Measured(1.0, ((1 - confidence) / 2) ** (1 / fewer), 1.0, 0.0)
    centre = of_others(outcome, score, clusters)
    half = student(confidence, positives - 1) * error / (centre * (1 - estimate))
    low, high = (1 / (1 + np.exp(-(log(centre / (1 - centre)) + side * half))) for side in (-1, 1))
    return Measured(estimate, min(float(low), estimate), max(float(high), estimate), error)


def _patients(clusters: Ints | None, rows: Bools, count: int) -> int:
    return count if clusters is None else distinct(clusters[rows])


def of_others(outcome: Floats, score: Floats, clusters: Ints | None = None) -> float:
    """The mean over cases of the share of cases among other patients' rows of at least the same score.

    Given a case's score s, the others are a sample, so each such share has P(Y=1 | S>=s) as its mean, as average
    precision of the population has; average precision of the sample counts the case itself too. Where no other
    patient's row is as high, the share is not seen, and the midpoint of average precision and 1 stands in for it.
    """
    _, place = np.unique(-score, return_inverse=True)
    above = np.cumsum(np.bincount(place))[place]
    cases = np.cumsum(np.bincount(place, weights=outcome))[place]
    area = float(np.mean((cases / above)[outcome == 1]))
    own, own_cases = (1, outcome) if clusters is None else _own(outcome, place, clusters)
    rest = above - own
    share = np.where(rest > 0, (cases - own_cases) / np.maximum(rest, 1), (1 + area) / 2)
    return float(np.mean(share[outcome == 1]))


def _own(outcome: Floats, place: Ints, clusters: Ints) -> tuple[Floats, Floats]:
    """((n,) rows, (n,) cases) that each row's own patient has in its place or a higher one."""
    _, patient = np.unique(clusters, return_inverse=True)
    spots, at = np.unique(patient * (int(place.max()) + 1) + place, return_inverse=True)
    holder = spots // (int(place.max()) + 1)
    first = np.searchsorted(holder, holder)
    sums = []
    for weights in (np.ones(len(outcome)), outcome):
        upto = np.concatenate(([0.0], np.cumsum(np.bincount(at, weights=weights))))
        sums.append((upto[1:] - upto[first])[at])
    return sums[0], sums[1]


def influence(outcome: Floats, score: Floats) -> tuple[float, Floats]:
    """(average precision, (n,) influence of each row, whose mean is zero).

    AP = E[Y H(S)/A(S)]/π with H(s) = P(Y=1, S>=s), A(s) = P(S>=s). Differentiating along a row (y, s) gives
    [y (H/A(s) - AP) + y C(s) - D(s)]/π, where C and D add up 1/A and H/A² over cases of at most its score.
    """
    n = len(score)
    _, place, rows = np.unique(-score, return_inverse=True, return_counts=True)
    hits = np.bincount(place, weights=outcome, minlength=len(rows))
    above, cases = np.cumsum(rows), np.cumsum(hits)
    precision = cases / above
    rate = cases[-1] / n
    area = float(hits @ precision / cases[-1])
    each = hits / above
    once = np.cumsum(each[::-1])[::-1]
    twice = np.cumsum((each * precision)[::-1])[::-1]
    pulls = (outcome * (precision[place] - area + once[place]) - twice[place]) / rate
    return area, np.asarray(pulls)
