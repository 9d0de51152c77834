"""The types of outcome there are, and what is asked of each, in the order in which it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bedrail.checks.outcomes import (
    multiclass_calibration,
    multiclass_groups,
    survival_groups,
    survival_questions,
    survival_time,
)
from bedrail.checks.outcomes import multiclass_questions as classes
from bedrail.checks.outcomes import regression_questions as numbers
from bedrail.checks.outcomes.asking import Question
from bedrail.checks.outcomes.requirements import (
    MulticlassRequirements,
    RegressionRequirements,
    SurvivalRequirements,
)
from bedrail.checks.outcomes.values import (
    MulticlassCohort,
    OutcomeCohort,
    OutcomeType,
    RegressionCohort,
    SurvivalCohort,
)


@dataclass(frozen=True, slots=True)
class Known:
    """A type of outcome: its cohort, its requirements, its questions by name; `grouped` is asked only with groups.

    `required` are the questions whose answers count when nobody chose otherwise.
    """

    name: OutcomeType
    cohort: type
    requirements: Any
    questions: dict[str, Question]
    grouped: tuple[str, ...]
    optional: tuple[str, ...] = ()


def _named(*questions: Question) -> dict[str, Question]:
    return {one.name: one for one in questions}


TYPES: dict[str, Known] = {
    "multiclass": Known(
        "multiclass",
        MulticlassCohort,
        MulticlassRequirements,
        _named(
            classes.discrimination, classes.predictions, multiclass_calibration.calibration, multiclass_groups.subgroups
        ),
        ("multiclass-subgroups",),
    ),
    "regression": Known(
        "regression",
        RegressionCohort,
        RegressionRequirements,
        _named(numbers.accuracy, numbers.calibration, numbers.ranking, numbers.intervals, numbers.subgroups),
        ("regression-subgroups",),
        ("regression-intervals",),
    ),
    "survival": Known(
        "survival",
        SurvivalCohort,
        SurvivalRequirements,
        _named(
            survival_time.follow_up,
            survival_time.competing_events,
            survival_questions.discrimination,
            survival_questions.calibration,
            survival_questions.net_benefit,
            survival_groups.subgroups,
        ),
        ("survival-subgroups",),
    ),
}

TITLES = {name: one.title for known in TYPES.values() for name, one in known.questions.items()}


def known_type(cohort: OutcomeCohort) -> Known:
    """The type that a cohort is of."""
    return next(known for known in TYPES.values() if isinstance(cohort, known.cohort))
