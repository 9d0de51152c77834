"""Does the score hold as time goes on, and would it hold if the patients were others?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from scipy.stats import norm

from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.columns import Bools, Floats, Ints
from bedrail.checks.discrimination import auroc
from bedrail.checks.intervals import power_factor, quantile, sum_variance
from bedrail.checks.question import check
from bedrail.checks.robustness.reweighting import Tilt, reweighted, tilts
from bedrail.checks.robustness.slices import spoken_of
from bedrail.checks.robustness.tails import odds
from bedrail.checks.values import Cohort, Requirements
from bedrail.core.values import Finding, Verdict

NAME = "shift"
PERIODS = 4
FEWEST = 10
"""Patients with, and without, the outcome in each period: DeLong's normal approximation needs them."""
TRENDS = 2
MOST_ROWS = 100_000


@check(NAME, "Does it hold as time goes on, and would it if the patients were others?")
def shift(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`over_time` and `among_others`; being wrong from the start is `calibration`'s question and fails nothing here."""
    if cohort.n < 2:
        return (_missing("overall", "Fewer than two predictions."),)
    return (*over_time(cohort, requirements), *among_others(cohort, requirements, rng))


def over_time(cohort: Cohort, requirements: Requirements) -> tuple[Finding, ...]:
    """AUROC and O/E in four periods of equally many predictions, each with its interval, and a trend test of each.

    The calibration trend is the change of log-odds from the first to the last prediction beyond what the risks say
    (logistic regression with the risks' log-odds as offset, sandwich errors over patients); `estimate` is the factor.
    The trend of ranking is a weighted regression of the periods' AUROC on their order. Each trend fails when it is
    significant at `shift_alpha` / 2 and larger than tolerated (`group_observed_to_expected`, `max_auroc_fall`).
    """
    if cohort.time is None:
        return (_missing("period=*", "No times were given, so nothing can be said about time."),)
    place = time_place(cohort.time)
    if place is None:
        return (_missing("period=*", "All predictions bear the same time."),)
    period = np.minimum((place * PERIODS).astype(np.int64), PERIODS - 1)
    told = [_period(cohort, requirements, period == k, f"period={k + 1} of {PERIODS}") for k in range(PERIODS)]
    areas = [_area(cohort, period == k) for k in range(PERIODS)]
    return (
        *(finding for each in told for finding in each),
        _calibration_trend(cohort, requirements, place),
        _ranking_trend(cohort, requirements, areas),
    )


def time_place(times: np.ndarray) -> Floats | None:
    """(n,) where each prediction stands in time from 0 to 1, by rank, equal times sharing theirs; None if all are."""
    values = times.astype("datetime64[ns]").astype(np.int64) if times.dtype.kind == "M" else times
    _, rank, count = np.unique(values, return_inverse=True, return_counts=True)
    if len(count) < 2:
        return None
    before = np.cumsum(count) - count
    middle = (before + (count - 1) / 2) / (len(values) - 1)
    return np.asarray(middle[rank])


def _area(cohort: Cohort, rows: Bools) -> tuple[float, float] | None:
    """(AUROC, its standard error), or None with too few of either outcome."""
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    found = auroc(cohort.outcome[rows], cohort.score[rows], clusters)
    if found is None or min(found.positives, found.negatives) < FEWEST or found.error == 0:
        return None
    return found.estimate, found.error


def _period(cohort: Cohort, requirements: Requirements, rows: Bools, group: str) -> tuple[Finding, Finding]:
    n, confidence = int(rows.sum()), requirements.confidence
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    found = auroc(cohort.outcome[rows], cohort.score[rows], clusters)
    names = (f"{NAME}.auroc", f"{NAME}.observed-to-expected")
    few = f"Too few patients with, or without, the outcome in {group}."
    if found is None or min(found.positives, found.negatives) < FEWEST:
        first = Finding(check=names[0], group=group, verdict=Verdict.MISSING, n=n, reason=few)
    else:
        low, high = found.interval(confidence)
        words = f"AUROC {found.estimate:.3f}."
        first = Finding(
            check=names[0],
            group=group,
            verdict=Verdict.PASS,
            estimate=found.estimate,
            low=low,
            high=high,
            n=n,
            reason=words,
        )
    ratio = observed_to_expected(cohort.outcome[rows], cohort.score[rows], clusters, confidence)
    if ratio is None:
        return first, Finding(check=names[1], group=group, verdict=Verdict.MISSING, n=n, reason=few)
    return first, Finding(
        check=names[1],
        group=group,
        verdict=Verdict.PASS,
        estimate=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        n=n,
        reason=f"Mean predicted {cohort.score[rows].mean():.1%}, observed {cohort.outcome[rows].mean():.1%}.",
    )


def _calibration_trend(cohort: Cohort, requirements: Requirements, place: Floats) -> Finding:
    name, group = f"{NAME}.calibration-trend", "period=*"
    fit = trend_of_odds(cohort.outcome, cohort.score, place, cohort.clusters)
    if fit is None or fit[1] <= 0:
        reason = "Both outcomes are needed, spread over time."
        return Finding(check=name, group=group, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    slope, error = fit
    z = quantile(requirements.confidence)
    factor = exp(slope)
    low, high = requirements.group_observed_to_expected
    p = 2 * float(norm.sf(abs(slope) / error))
    gap = power_factor(requirements.shift_alpha / TRENDS) * error
    outside = not low <= factor <= high
    words = f"From the first to the last prediction, the odds of the outcome change {factor:.2f}-fold beyond the risks"
    verdict, more = _ruled(outside, p, gap, requirements)
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=factor,
        low=exp(slope - z * error),
        high=exp(slope + z * error),
        n=cohort.n,
        smallest_gap=exp(gap) - 1,
        reason=f"{words} (p {p:.2g}). {more}",
    )


def _ruled(outside: bool, p: float, gap: float, requirements: Requirements) -> tuple[Verdict, str]:
    """Significant and outside fails; inside, where an outside one would have shown, passes; else nobody can tell."""
    if outside and p <= requirements.shift_alpha / TRENDS:
        return Verdict.FAIL, "That is more than tolerated."
    if not outside and gap <= log(1 + requirements.detectable_calibration_gap):
        return Verdict.PASS, "That is within the tolerance."
    return Verdict.MISSING, "Not enough patients to tell."


def trend_of_odds(outcome: Floats, score: Floats, place: Floats, clusters: Ints | None) -> tuple[float, float] | None:
    """(slope, standard error) of log-odds over `place` (n,), the score's log-odds being offset; None if none exists."""
    if outcome.min() == outcome.max():
        return None
    X, offset, beta = np.column_stack((np.ones_like(place), place)), odds(score), np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(X @ beta + offset, -35, 35)))
        bread = X.T @ (X * (p * (1 - p))[:, None])
        if np.linalg.cond(bread) > 1e12:
            return None
        step = np.linalg.solve(bread, X.T @ (outcome - p))
        beta = beta + step * min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-10:
            break
    pull = (X * (outcome - p)[:, None]) @ np.linalg.inv(bread)[:, 1]
    return float(beta[1]), sqrt(sum_variance(pull, clusters))


def _ranking_trend(cohort: Cohort, requirements: Requirements, areas: list[tuple[float, float] | None]) -> Finding:
    name, group = f"{NAME}.ranking-trend", "period=*"
    there = [(k / (PERIODS - 1), *each) for k, each in enumerate(areas) if each is not None]
    if len(there) < 3:
        reason = "Fewer than three periods have enough patients with and without the outcome."
        return Finding(check=name, group=group, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    x, y, error = (np.array(column) for column in zip(*there, strict=True))
    weight = 1 / error**2
    centre = float(np.dot(weight, x) / weight.sum())
    spread = float(np.dot(weight, (x - centre) ** 2))
    slope, own = float(np.dot(weight, (x - centre) * y)) / spread, 1 / sqrt(spread)
    z, p = quantile(requirements.confidence), float(norm.cdf(slope / own))
    most, gap = requirements.max_auroc_fall, power_factor(requirements.shift_alpha / TRENDS) * own
    if slope < -most and p <= requirements.shift_alpha / TRENDS:
        verdict, more = Verdict.FAIL, f"A fall of at most {most:g} is allowed."
    elif slope >= -most and gap <= 2 * most:
        verdict, more = Verdict.PASS, "That is within the tolerance."
    else:
        verdict, more = Verdict.MISSING, "Not enough patients to tell."
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=slope,
        low=slope - z * own,
        high=slope + z * own,
        n=cohort.n,
        smallest_gap=gap,
        reason=f"From the first to the last period the AUROC changes by {slope:+.3f}. {more}",
    )


@dataclass(frozen=True, slots=True)
class _Worst:
    tilt: Tilt
    ratio: float
    error: float


def among_others(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> Iterator[Finding]:
    """Were the patients older, sicker, more often of one group: O/E after reweighting, relative to O/E now.

    For each input and group column the mean is moved by half an SD either way, or a level's share is doubled, by
    weights; the direction that changes O/E most is told. It fails when the ratio leaves `group_observed_to_expected`
    and its interval, at the confidence shared over all directions (`side_alpha`), excludes 1.
    """
    frame = spoken_of(cohort)
    if frame is None or not len(frame.columns):
        yield _missing("overall", "Neither inputs nor groups were given: no other mix of patients can be imagined.")
        return
    rows = np.arange(cohort.n)
    if cohort.n > MOST_ROWS:
        rows = np.sort(rng.choice(cohort.n, MOST_ROWS, replace=False))
    outcome, score = cohort.outcome[rows], cohort.score[rows]
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    if outcome.sum() < FEWEST or score.sum() <= 0:
        yield _missing("overall", "Too few patients with the outcome to imagine another mix of them.")
        return
    every = tuple(tilts(frame.iloc[rows]))
    worst: dict[str, _Worst] = {}
    for tilt in every:
        ratio, error = reweighted(outcome, score, tilt.weights, clusters)
        if tilt.column not in worst or abs(log(ratio)) > abs(log(worst[tilt.column].ratio)):
            worst[tilt.column] = _Worst(tilt, ratio, error)
    for each in worst.values():
        yield _other(each, requirements, len(rows), max(1, len(every)))


def _other(each: _Worst, requirements: Requirements, n: int, directions: int) -> Finding:
    z, strict = quantile(requirements.confidence), quantile(1 - requirements.side_alpha / directions)
    ratio, spread = each.ratio, each.error
    low, high = requirements.group_observed_to_expected
    outside = not low <= ratio <= high
    gap = power_factor(1 - requirements.confidence) * spread
    figure = f"{each.tilt.words}, observed over expected would be {ratio:.2f} times what it is"
    if outside and abs(log(ratio)) > strict * spread:
        verdict, reason = Verdict.FAIL, f"{figure}: more than tolerated."
    elif not outside and gap <= log(1 + requirements.detectable_calibration_gap):
        verdict, reason = Verdict.PASS, f"{figure}."
    else:
        verdict, reason = Verdict.MISSING, f"{figure}; not enough patients to tell."
    return Finding(
        check=f"{NAME}.other-patients",
        group=f"column={each.tilt.column}",
        verdict=verdict,
        estimate=ratio,
        low=ratio * exp(-z * spread),
        high=ratio * exp(z * spread),
        n=n,
        smallest_gap=exp(gap) - 1,
        reason=reason,
    )


def _missing(group: str, reason: str) -> Finding:
    return Finding(check=NAME, group=group, verdict=Verdict.MISSING, reason=reason)
