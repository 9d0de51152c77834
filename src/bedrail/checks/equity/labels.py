"""Is the outcome that was chosen fair to every group, judged by another one?"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from bedrail.checks.equity.notions import enough_of
from bedrail.checks.equity.tallies import Tally, families, tally
from bedrail.checks.fairness import holm
from bedrail.checks.groups import NO_GROUPS
from bedrail.checks.intervals import power_factor, quantile, student, sum_variance
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
    found: list[Difference | None] = []
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


@dataclass(frozen=True, slots=True)
class Difference:
    """A group's mean less the rest's at equal score, its standard error, and the degrees of freedom of Student's t.

    `n` is the number of the group's rows that have somebody to compare with.
    """

    gap: float
    error: float
    freedom: int
    n: int


def difference_at_equal_score(values: Floats, bins: Ints, inside: Bools, clusters: Ints | None) -> Difference | None:
    """The difference, directly standardised: each bin's difference of means weighs n m / (n + m).

    That is the least squares coefficient of `inside` beside a level for each bin (k of them), x_i being what the bins
    leave of it. Its variance is HC3 (MacKinnon and White 1985, Journal of Econometrics 29:305), each residual over one
    less its leverage, summed within patients first, so that a row that is alone of its side in a bin still shows how
    it strays; a group of 38 in 50 bins mostly is. Student's t counts the patients of the smaller side, the group or
    the rest (Bell and McCaffrey 2002, Survey Methodology 28:169, for few beside many): of two groups both are asked
    one and the same, and the larger must not be the surer. None where no bin holds both.
    """
    k = int(bins.max()) + 1
    n, m = (np.bincount(bins[rows], minlength=k).astype(float) for rows in (inside, ~inside))
    size = np.maximum(n + m, 1)
    x = np.where(((n > 0) & (m > 0))[bins], inside - (n / size)[bins], 0.0)
    square = float(np.dot(x, x))
    if square <= 0:
        return None
    y = values - (np.bincount(bins, weights=values, minlength=k) / size)[bins]
    gap = float(np.dot(x, y)) / square
    leverage = np.minimum(1 / size[bins] + x * x / square, 0.99)
    compared, beside = inside & (m > 0)[bins], ~inside & (n > 0)[bins]
    people = min(_patients(each, clusters) for each in (compared, beside))
    error = sqrt(sum_variance(x * (y - gap * x) / (1 - leverage) / square, clusters))
    return Difference(gap, error, max(1, people - 1), int(compared.sum()))


def _patients(rows: Bools, clusters: Ints | None) -> int:
    return int(rows.sum()) if clusters is None else len(np.unique(clusters[rows]))


def _p_value(one: Difference | None) -> float:
    from scipy.stats import t

    if one is None or one.error <= 0:
        return 1.0
    return float(2 * t.sf(abs(one.gap) / one.error, one.freedom))


def _finding(name: str, one: Difference | None, p_value: float, family: int, requirements: Requirements) -> Finding:
    check_name = "label-choice.at-equal-score"
    if one is None or one.error <= 0:
        reason = "Nobody outside the group has the same score."
        return Finding(check=check_name, group=name, verdict=Verdict.MISSING, reason=reason)
    gap, error = one.gap, one.error
    alpha = requirements.side_alpha / family
    half = student(1 - alpha, one.freedom) * error
    smallest = half + (power_factor(alpha) - quantile(1 - alpha)) * error
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
        n=one.n,
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
