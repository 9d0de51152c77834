"""The numbers behind the drawings of other outcomes, as plain stored values; small cells are left out here already."""

from __future__ import annotations

import numpy as np

from bedrail.checks.curves import HISTOGRAM_BINS, Benefit, Bin, Curves
from bedrail.checks.intervals import rate_interval
from bedrail.checks.outcomes import survival as times
from bedrail.checks.outcomes.censoring import incidence, weighted_at
from bedrail.checks.outcomes.estimates import mean_of
from bedrail.checks.outcomes.multiclass import confusion_of
from bedrail.checks.outcomes.regression import fifths, patients
from bedrail.checks.outcomes.requirements import SurvivalRequirements
from bedrail.checks.outcomes.survival_time import status_of, usable
from bedrail.checks.outcomes.values import (
    Floats,
    Ints,
    MulticlassCohort,
    OutcomeCohort,
    RegressionCohort,
    SurvivalCohort,
)
from bedrail.core.values import Value

STEPS = 60
MOST_TIMES = 5


class Square(Value, frozen=True, kw_only=True):
    """One cell of a confusion matrix: the share of its row with an interval, and the count; None where withheld."""

    share: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None


class Matrix(Value, frozen=True, kw_only=True, tag="matrix"):
    """Confusion matrix: `squares[i][j]` for outcome i of which j was said; `totals` rows of each outcome."""

    classes: tuple[str, ...]
    squares: tuple[tuple[Square, ...], ...]
    totals: tuple[int | None, ...]


class Agreement(Value, frozen=True, kw_only=True, tag="agreement"):
    """Mean outcome, with its interval, against mean prediction, by tenths of the prediction.

    `spread` are the 10th and 90th percentiles of the outcome there; `unit` is that of the outcome.
    """

    bins: tuple[Bin, ...]
    spread: tuple[tuple[float, float], ...]
    unit: str = ""


class Course(Value, frozen=True, kw_only=True):
    """Cumulative incidence of a group of risk: (time, share, low, high) steps, and how many were at risk when."""

    name: str
    n: int
    steps: tuple[tuple[float, float, float, float], ...]
    at_risk: tuple[int, ...]


class Courses(Value, frozen=True, kw_only=True, tag="courses"):
    """Courses of groups of predicted risk, with the times at which those at risk are counted."""

    courses: tuple[Course, ...]
    times: tuple[float, ...]
    unit: str = ""
    competing: bool = False


class RiskCurve(Value, frozen=True, kw_only=True, tag="risks"):
    """Calibration of one class, or at one horizon, as bins; `name` says of what."""

    name: str
    curves: Curves


Picture = Matrix | Agreement | Courses | RiskCurve


def pictures(cohort: OutcomeCohort, confidence: float, least: int) -> tuple[Picture, ...]:
    """What is drawn of a cohort; nothing of fewer than `least` patients is told."""
    if isinstance(cohort, MulticlassCohort):
        return (matrix(cohort, confidence, least), *_class_curves(cohort, confidence, least))
    if isinstance(cohort, RegressionCohort):
        found = agreement(cohort, confidence, least)
        return (found,) if found.bins else ()
    drawn: list[Picture] = [found for found in (courses(cohort, confidence, least),) if found.courses]
    return (*drawn, *_horizon_curves(cohort, confidence, least))


def matrix(cohort: MulticlassCohort, confidence: float, least: int) -> Matrix:
    """Rows are what happened. A cell of 1 to `least`-1 rows is withheld, and with it the next smallest of its row and
    column, so that no difference gives it away.
    """
    counts = confusion_of(cohort.outcome, cohort.said, len(cohort.classes))
    hide = withheld(counts, least)
    rows = []
    for i in range(len(counts)):
        here = cohort.outcome == i
        clusters = None if cohort.clusters is None else cohort.clusters[here]
        squares = []
        for j, hidden in enumerate(hide[i]):
            if hidden or not here.any():
                squares.append(Square())
                continue
            rate, low, high = rate_interval((cohort.said[here] == j).astype(np.float64), clusters, confidence)
            squares.append(Square(share=rate, low=low, high=high, n=int(counts[i, j])))
        rows.append(tuple(squares))
    totals = tuple(int(t) if t >= least or t == 0 else None for t in counts.sum(axis=1))
    return Matrix(classes=cohort.classes, squares=tuple(rows), totals=totals)


def withheld(counts: Ints, least: int) -> np.ndarray:
    """(K, K) which cells may not be told: small ones, and others until none stands alone in its row or column."""
    hide = (counts > 0) & (counts < least)
    for _ in range(counts.size):
        before = int(hide.sum())
        for lines, marks in ((counts, hide), (counts.T, hide.T)):
            for line, mark in zip(lines, marks, strict=True):
                if mark.any() and (mark.sum() == 1 or line[mark].sum() < least) and not mark.all():
                    rest = np.where(mark, np.iinfo(np.int64).max, line)
                    mark[int(rest.argmin())] = True
        if int(hide.sum()) == before:
            break
    return hide


def _class_curves(cohort: MulticlassCohort, confidence: float, least: int) -> list[RiskCurve]:
    found = []
    for k, name in enumerate(cohort.classes[:8]):
        happened = (cohort.outcome == k).astype(np.float64)
        bins = tuple(
            Bin(
                predicted=float(cohort.score[rows, k].mean()),
                **_rate(happened[rows], None if cohort.clusters is None else cohort.clusters[rows], confidence),
                n=int(rows.sum()),
            )
            for rows in _tenths(cohort.score[:, k], cohort.clusters, least)
        )
        found.append(RiskCurve(name=name, curves=Curves(calibration=bins, histogram=_histogram(cohort.score[:, k]))))
    return [one for one in found if one.curves.calibration]


def _rate(hits: Floats, clusters: Ints | None, confidence: float) -> dict[str, float]:
    rate, low, high = rate_interval(hits, clusters, confidence)
    return {"observed": rate, "low": low, "high": high}


def _histogram(score: Floats) -> tuple[int, ...]:
    return tuple(int(c) for c in np.histogram(score, bins=HISTOGRAM_BINS, range=(0.0, 1.0))[0])


def _tenths(score: Floats, clusters: Ints | None, least: int) -> list[np.ndarray]:
    """Tenths of the score, those under `least` patients joined to their neighbour; nothing when all are too few."""
    joined: list[np.ndarray] = []
    for rows in fifths(score, parts=10):
        if joined and patients(joined[-1], clusters) < least:
            joined[-1] = joined[-1] | rows
        else:
            joined.append(rows)
    if len(joined) > 1 and patients(joined[-1], clusters) < least:
        last = joined.pop()
        joined[-1] = joined[-1] | last
    return [rows for rows in joined if patients(rows, clusters) >= least]


def agreement(cohort: RegressionCohort, confidence: float, least: int) -> Agreement:
    """Tenths of the prediction."""
    bins, spread = [], []
    for rows in _tenths(cohort.score, cohort.clusters, least):
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        mean = mean_of(cohort.outcome[rows], clusters)
        low, high = mean.plain(confidence)
        bins.append(
            Bin(
                predicted=float(cohort.score[rows].mean()),
                observed=mean.estimate,
                low=low,
                high=high,
                n=int(rows.sum()),
            )
        )
        tenth, ninetieth = np.quantile(cohort.outcome[rows], [0.1, 0.9])
        spread.append((float(tenth), float(ninetieth)))
    return Agreement(bins=tuple(bins), spread=tuple(spread), unit=cohort.unit)


def courses(cohort: SurvivalCohort, confidence: float, least: int) -> Courses:
    """Thirds of the score: Aalen-Johansen (Kaplan-Meier where nothing competes), as far as `least` are followed."""
    event, found = status_of(cohort), []
    end = float(np.sort(cohort.time)[max(0, cohort.n - least)])
    if end <= 0:
        return Courses(courses=(), times=())
    ticks = np.linspace(0, end, MOST_TIMES)
    names = ("lower third of risk", "middle third of risk", "upper third of risk")
    thirds = fifths(cohort.ranks, parts=3)
    for k, rows in enumerate(thirds):
        if patients(rows, cohort.clusters) < least:
            continue
        time, clusters = cohort.time[rows], None if cohort.clusters is None else cohort.clusters[rows]
        # A course ends where fewer than `least` are followed: beyond, single patients would be told.
        last = min(end, float(np.sort(time)[max(0, len(time) - least)]))
        grid = np.linspace(0, last, STEPS)
        reached = incidence(time, event[rows], [float(t) for t in grid], clusters)
        steps = tuple(
            (float(t), one.share.estimate, *one.interval(confidence)) for t, one in zip(grid, reached, strict=True)
        )
        at_risk = tuple(int((time >= t).sum()) for t in ticks)
        at_risk = tuple(0 if n < least else n for n in at_risk)
        name = names[k] if len(thirds) == 3 else f"group {k + 1} of {len(thirds)} by risk"
        found.append(Course(name=name, n=int(rows.sum()), steps=steps, at_risk=at_risk))
    competing = bool((event > 1).any())
    return Courses(courses=tuple(found), times=tuple(map(float, ticks)), unit=cohort.unit, competing=competing)


def _horizon_curves(cohort: SurvivalCohort, confidence: float, least: int) -> list[RiskCurve]:
    """Calibration and decision curve at the last horizon that can be examined."""
    can = usable(cohort, SurvivalRequirements(confidence=confidence))
    if cohort.risks is None or not can:
        return []
    k, event = can[-1], status_of(cohort)
    t, risk = cohort.horizons[k], cohort.risks[:, k]
    bins = []
    for rows in _tenths(risk, cohort.clusters, least):
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        (one,) = incidence(cohort.time[rows], event[rows], [t], clusters)
        low, high = one.interval(confidence)
        bins.append(
            Bin(
                predicted=float(risk[rows].mean()),
                observed=one.share.estimate,
                low=low,
                high=high,
                n=int(rows.sum()),
            )
        )
    shown = Curves(calibration=tuple(bins), histogram=_histogram(risk), benefit=_benefit(cohort, event, t, risk))
    return [RiskCurve(name=f"by {t:g}{' ' + cohort.unit if cohort.unit else ''}", curves=shown)]


def _benefit(cohort: SurvivalCohort, event: Ints, t: float, risk: Floats) -> tuple[Benefit, ...]:
    status = weighted_at(cohort.time, event, t)
    level = cohort.threshold if cohort.threshold is not None else float((status.weight * status.case).mean())
    found = []
    for threshold in np.linspace(0.01, min(0.9, max(0.3, 3 * level)), 40):
        model, over = times.benefit_at(status, risk, float(threshold))
        found.append(
            Benefit(
                threshold=round(float(threshold), 5),
                score=model.estimate,
                everyone=model.estimate - over.estimate,
            )
        )
    return tuple(found)
