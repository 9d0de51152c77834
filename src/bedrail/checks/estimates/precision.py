"""Average precision (the area under the precision-recall curve) with an interval that costs one sort."""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from bedrail.checks.intervals import Measured, design_effect, student, sum_variance
from bedrail.checks.values import Floats, Ints

FEWEST = 10


def average_precision(outcome: Floats, score: Floats, clusters: Ints | None, confidence: float) -> Measured | None:
    """Average precision, ties in score counted together, with a logit interval; None under 10 rows of a class.

    The logit scale is that of Boyd, Eng and Page (2013, ECML PKDD), who compare ten intervals. The variance is that of
    the influence of each row (`influence`), summed within patients; Student's t on positive patients - 1 degrees of
    freedom, since the rarer class rules the variance.
    """
    cases = int(outcome.sum())
    if min(cases, len(outcome) - cases) < FEWEST:
        return None
    estimate, pulls = influence(outcome, score)
    error = sqrt(sum_variance(pulls, clusters)) / len(outcome)
    if estimate == 1:  # a perfect order shows no variance: Clopper and Pearson for the cases, as if each were one trial
        fewer = cases / design_effect(outcome - outcome.mean(), clusters)
        return Measured(1.0, ((1 - confidence) / 2) ** (1 / fewer), 1.0, 0.0)
    half = student(confidence, cases - 1) * error / (estimate * (1 - estimate))
    centre = log(estimate / (1 - estimate))
    low, high = (1 / (1 + np.exp(-(centre + side * half))) for side in (-1, 1))
    return Measured(estimate, float(low), float(high), error)


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
    area = float(hits @ precision) / cases[-1]
    each = hits / above
    once = np.cumsum(each[::-1])[::-1]
    twice = np.cumsum((each * precision)[::-1])[::-1]
    pulls = (outcome * (precision[place] - area + once[place]) - twice[place]) / rate
    return area, np.asarray(pulls)
