"""Is the outcome that was chosen fair to every group, judged by another one?"""

from __future__ import annotations

from math import sqrt

import numpy as np

from bedrail.checks.equity.notions import enough_of
from bedrail.checks.equity.tallies import Tally, families, tally
from bedrail.checks.fairness import holm
from bedrail.checks.groups import NO_GROUPS
from bedrail.checks.intervals import power_factor, quantile, sum_variance
from bedrail.checks.question import check
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

BINS = 50
NOT_GIVEN = "No second outcome was given, so that the choice of the first cannot be judged."


@check("label-choice", "At the same score, is another measure of need the same in every group?")
def label_choice(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`label-choice.at-equal-score` and `label-choice.share-of-alerts`, by group, given `Cohort.other_outcome`.

    Obermeyer, Powers, Vogeli and Mullainathan (2019): a score for cost ranked Black patients as healthy as White ones
    who had fewer illnesses. The first is the mean difference of the other outcome, group less rest, among patients of
    equal score (50 bins of the score, weighed by how many of both are in a bin, with a common slope within bins), in
    standard deviations of the other outcome. It fails when Holm's p-value over all groups is at most `side_alpha` and
    the difference is larger than `max_label_gap`; it passes when such a difference would have been seen. The second is
    information: the group's share of alerts as they are, and if as many alerts went to those with most of the other
    outcome.
    """
    del rng
    other = cohort.other_outcome
    if other is None:
        return (Finding(check="label-choice", verdict=Verdict.MISSING, n=cohort.n, reason=NOT_GIVEN),)
    columns = families(cohort)
    if not columns:
        return (Finding(check="label-choice", verdict=Verdict.MISSING, n=cohort.n, reason=NO_GROUPS),)
    scale = float(np.std(other))
    if scale == 0.0:
        reason = "The second outcome is the same for everybody."
        return (Finding(check="label-choice", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    bins = _bins(cohort.score)
    pulled = _within(other / scale, cohort.score, bins)
    asked: list[tuple[Tally, int]] = []
    found: list[tuple[float, float, int] | None] = []
    for each in columns:
        told = tally(cohort, each)
        for at in np.flatnonzero(enough_of(told, requirements)):
            asked.append((told, int(at)))
            found.append(difference_at_equal_score(pulled, bins, told.codes == at, cohort.clusters))
    values = [_p_value(one) for one in found]
    adjusted = holm(values) if values else []
    findings = [
        _finding(told.names[at], one, p, len(values), requirements)
        for (told, at), one, p in zip(asked, found, adjusted, strict=True)
    ]
    return (*findings, *(_share(cohort, told, at, other, requirements) for told, at in asked))


def _bins(score: Floats) -> Ints:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, score, side="right").astype(np.int64)


def _within(values: Floats, score: Floats, bins: Ints) -> Floats:
    """`values` less what the score explains within its bin, by a slope per bin, so that bins leave no trend behind."""
    k = int(bins.max()) + 1
    n = np.maximum(np.bincount(bins, minlength=k), 1)
    x = score - (np.bincount(bins, weights=score, minlength=k) / n)[bins]
    y = values - (np.bincount(bins, weights=values, minlength=k) / n)[bins]
    square = np.bincount(bins, weights=x * x, minlength=k)
    slope = np.divide(np.bincount(bins, weights=x * y, minlength=k), square, out=np.zeros(k), where=square > 0)
    return np.asarray(values - slope[bins] * x)


def difference_at_equal_score(
    values: Floats, bins: Ints, inside: Bools, clusters: Ints | None
) -> tuple[float, float, int] | None:
    """(difference, standard error, rows of the group that have somebody to compare with), directly standardised.

    Each bin's difference of means weighs n m / (n + m); the variance is that of the weighted residuals, summed within
    patients first. None where no bin holds both.
    """
    k = int(bins.max()) + 1
    n, m = (np.bincount(bins[rows], minlength=k).astype(float) for rows in (inside, ~inside))
    both = (n > 0) & (m > 0)
    weight = np.divide(n * m, n + m, out=np.zeros(k), where=both)
    if weight.sum() <= 0:
        return None
    weight /= weight.sum()
    means = []
    for rows, size in ((inside, n), (~inside, m)):
        total = np.bincount(bins[rows], weights=values[rows], minlength=k)
        means.append(np.divide(total, size, out=np.zeros(k), where=size > 0))
    gap = float(np.sum(weight * (means[0] - means[1])))
    size_of = np.where(inside, n[bins], m[bins])
    mean_of = np.where(inside, means[0][bins], means[1][bins])
    # A bin with one row of a side shows no variance of its own; n/(n-1) corrects the others.
    correction = np.sqrt(np.where(size_of > 1, size_of / np.maximum(size_of - 1, 1), 1.0))
    residual = np.where(inside, 1.0, -1.0) * weight[bins] / np.maximum(size_of, 1) * (values - mean_of) * correction
    return gap, sqrt(sum_variance(residual, clusters)), int(n[both].sum())


def _p_value(one: tuple[float, float, int] | None) -> float:
    from scipy.stats import norm

    if one is None or one[1] <= 0:
        return 1.0
    return float(2 * norm.sf(abs(one[0]) / one[1]))


def _finding(
    name: str, one: tuple[float, float, int] | None, p_value: float, family: int, requirements: Requirements
) -> Finding:
    check_name = "label-choice.at-equal-score"
    if one is None or one[1] <= 0:
        reason = "Nobody outside the group has the same score."
        return Finding(check=check_name, group=name, verdict=Verdict.MISSING, reason=reason)
    gap, error, n = one
    alpha = requirements.side_alpha / family
    half, smallest = quantile(1 - alpha) * error, power_factor(alpha) * error
    most = requirements.max_label_gap
    words = (
        f"At the same score, the second outcome is {abs(gap):.2f} standard deviations "
        f"{'higher' if gap > 0 else 'lower'} in {name} than in the rest."
    )
    if p_value <= requirements.side_alpha and abs(gap) > most:
        verdict = Verdict.FAIL
        words += (
            f" The score's own outcome {'under' if gap > 0 else 'over'}states their need (adjusted p {p_value:.2g})."
        )
    elif smallest <= 2 * most:
        verdict = Verdict.PASS
        words += f" No difference beyond {most:g} is shown; one of {smallest:.2g} would have been."
    else:
        verdict = Verdict.MISSING
        words = f"Not enough patients to tell: only {smallest:.2g} or more would have been shown. {words}"
    return Finding(
        check=check_name,
        group=name,
        verdict=verdict,
        estimate=gap,
        low=gap - half,
        high=gap + half,
        n=n,
        smallest_gap=smallest,
        reason=words,
    )


def _share(cohort: Cohort, told: Tally, at: int, other: Floats, requirements: Requirements) -> Finding:
    """The group's share of alerts now, less its share if as many alerts went by the second outcome (ties shared)."""
    alerts = int(cohort.alert.sum())
    name = told.names[at]
    check_name = "label-choice.share-of-alerts"
    if not 0 < alerts < cohort.n:
        reason = "Nobody, or everybody, has an alert."
        return Finding(check=check_name, group=name, verdict=Verdict.MISSING, reason=reason)
    inside = told.codes == at
    cut = float(np.partition(other, cohort.n - alerts)[cohort.n - alerts])
    above, ties = other > cut, other == cut
    part = (alerts - int(above.sum())) / int(ties.sum())
    would = above + part * ties
    now, then = float(inside[cohort.alert].mean()), float(np.sum(inside * would)) / alerts
    gap = now - then
    pulls = ((inside - now) * cohort.alert - (inside - then) * would) / alerts
    half = quantile(requirements.confidence) * sqrt(sum_variance(pulls, cohort.clusters))
    return Finding(
        check=check_name,
        group=name,
        verdict=Verdict.PASS,
        estimate=gap,
        low=gap - half,
        high=gap + half,
        n=int(inside.sum()),
        reason=f"For information: {now:.1%} of the alerts are in {name}; by the second outcome it would be {then:.1%}.",
        judged=False,
    )
