"""The report of other outcomes: its context, the figures that a committee reads first, and one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.outcomes.catalogue import Known, known_type
from bedrail.checks.outcomes.pictures import pictures
from bedrail.checks.outcomes.values import (
    CENSORED,
    COMPETING,
    EVENT,
    MulticlassCohort,
    OutcomeCohort,
    RegressionCohort,
    SurvivalCohort,
)
from bedrail.checks.words import number, percent
from bedrail.core.values import Evidence, Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.report import Context, Report

Show = Callable[[float | None], str]

FIGURES: dict[str, tuple[str, str, Show]] = {
    "multiclass-discrimination.macro-auroc": ("Macro AUROC", "0.5 is chance, 1 is perfect", number),
    "multiclass-discrimination.pairwise-auroc": ("Pairwise AUROC", "two classes told apart (Hand, Till)", number),
    "multiclass-predictions.accuracy": ("Accuracy", "share of predictions that are right", percent),
    "multiclass-predictions.quadratic-kappa": ("Quadratic kappa", "0 is chance, 1 is perfect", number),
    "multiclass-predictions.kappa": ("Kappa", "0 is chance, 1 is perfect", number),
    "multiclass-calibration.brier-skill": ("Brier skill", "0 is saying the class shares", number),
    "multiclass-calibration.top-label-observed-to-expected": ("Right over expected", "1 is right", number),
    "regression-accuracy.mae": ("Mean absolute error", "in the outcome's unit", number),
    "regression-accuracy.within-tolerance": ("Within the accepted error", "share of predictions", percent),
    "regression-accuracy.r2": ("R2", "0 is saying the mean, 1 is perfect", number),
    "regression-calibration.bias": ("Bias", "mean prediction less mean outcome", number),
    "regression-calibration.slope": ("Calibration slope", "1 is right; below 1 too extreme", number),
    "regression-ranking.concordance": ("Concordance", "0.5 is chance, 1 is perfect", number),
    "regression-intervals.coverage": ("Coverage of intervals", "share of outcomes inside", percent),
    "survival-discrimination.uno-c": ("Concordance (Uno)", "0.5 is chance, 1 is perfect", number),
    "survival-discrimination.auc": ("AUC", "cases by then against the others", number),
    "survival-calibration.observed-to-expected": ("Observed over predicted", "1 is right", number),
    "survival-calibration.slope": ("Calibration slope", "1 is right; below 1 too extreme", number),
    "survival-competing-events.overstatement": ("Kaplan-Meier's excess", "it ignores competing events", percent),
    "survival-net-benefit.over-none": ("Net benefit", "true alerts per patient, less false ones", number),
}
"""Figures in reading order; of measures at several horizons the last that was told is shown."""


def chosen_figures(report: Report) -> list[tuple[Finding, str, str, Show]]:
    """(finding, label, how to read it, how to write it) of the figures that a report of this type shows first."""
    overall = [f for one in report.evidence for f in one.findings if f.group == "overall" and f.estimate is not None]
    chosen = []
    for name, (label, reading, show) in FIGURES.items():
        told = [f for f in overall if f.check == name or f.check.startswith(f"{name}-at-")]
        if told:
            horizon = told[-1].check.partition("-at-")[2]
            chosen.append((told[-1], f"{label} by {horizon}" if horizon else label, reading, show))
    return chosen


def counted(
    evidence: tuple[Evidence, ...], known: Known, *, grouped: bool, more: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The checks that count when nobody chose: all that the data can answer, and whatever fails anyway."""
    failed = {one.check for one in evidence if one.verdict is Verdict.FAIL}
    left = {*(() if grouped else known.grouped), *(set(known.optional) - set(more))}
    return tuple(name for name in known.questions if name not in left or name in failed)


def outcome_context(cohort: OutcomeCohort, requirements: Any, **more: Any) -> Context:
    """The context of a cohort of any other outcome; `more` are further fields of `Context`."""
    from bedrail.checks.report import Context

    known = known_type(cohort)
    events = cohort.event == EVENT if isinstance(cohort, SurvivalCohort) else None
    threshold = cohort.threshold if isinstance(cohort, SurvivalCohort) else None
    return Context(
        n=cohort.n,
        patients=cohort.patients,
        outcomes=int(events.sum()) if events is not None else 0,
        mean_score=float(cohort.score.mean()) if isinstance(cohort, RegressionCohort) else None,
        threshold=threshold,
        threshold_given=threshold is not None,
        outcome_requirements=requirements,
        outcome_type=known.name,
        counts=counts(cohort, requirements.min_group),
        sentence=sentence(cohort),
        pictures=pictures(cohort, requirements.confidence, requirements.min_group),
        **more,
    )


def counts(cohort: OutcomeCohort, least: int) -> str:
    """How many of what, in words."""
    whole = f"{cohort.n:,}, of {cohort.patients:,} patients"
    if isinstance(cohort, MulticlassCohort):
        rows = np.bincount(cohort.outcome, minlength=len(cohort.classes))
        each = (
            f"{name} {n:,}" if n >= least else f"{name} under {least}"
            for name, n in zip(cohort.classes, rows, strict=True)
        )
        return f"{whole}; {', '.join(each)}"
    if isinstance(cohort, RegressionCohort):
        low, middle, high = (number(float(v)) for v in np.quantile(cohort.outcome, [0.25, 0.5, 0.75]))
        unit = f" {cohort.unit}" if cohort.unit else ""
        return f"{whole}; outcome {middle}{unit} in the median (quartiles {low} to {high})"
    happened, rival, out = (int((cohort.event == code).sum()) for code in (EVENT, COMPETING, CENSORED))
    return f"{whole}; {happened:,} events, {rival:,} competing events, {out:,} censored"


def sentence(cohort: OutcomeCohort) -> str:
    """Prediction against outcome in a sentence."""
    if isinstance(cohort, MulticlassCohort):
        rate = float((cohort.outcome == cohort.said).mean())
        sure = float(cohort.score[np.arange(cohort.n), cohort.said].mean())
        return f"{rate:.1%} of predictions are right; the score gave them {sure:.1%} on average."
    if isinstance(cohort, RegressionCohort):
        said, seen = (number(float(values.mean())) for values in (cohort.score, cohort.outcome))
        return f"Mean prediction {said}, mean outcome {seen}."
    if cohort.risks is None:
        return f"{float((cohort.event == EVENT).mean()):.1%} had the event while followed."
    return f"Mean predicted risk by {cohort.horizons[-1]:g}: {float(cohort.risks[:, -1].mean()):.1%}."
