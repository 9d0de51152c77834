"""Intervals of classes, numbers and times hold the truth in about 95 % of simulated cohorts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bedrail.checks.outcomes.asking import examine_outcome
from bedrail.checks.outcomes.values import MulticlassCohort, OutcomeCohort, RegressionCohort, SurvivalCohort

GUARDS = {
    "multiclass-discrimination": ("rare_class",),
    "regression-accuracy": ("skewed_numbers",),
    "survival-discrimination": ("censored_times",),
}

pytestmark = pytest.mark.slow
Rng = np.random.Generator
PLENTY = 200_000
"""Rows from which the truth is read: its own error is a tenth of that of the cohorts asked, or less."""


def told(cohort: OutcomeCohort, question: str) -> dict[str, tuple[float, float, float]]:
    """(estimate, low, high) by finding and group, where all three are given."""
    (evidence,) = examine_outcome(cohort, checks=[question])
    return {
        f"{one.check.removeprefix(question)}{'' if one.group == 'overall' else one.group}": (one.estimate, *limits)
        for one in evidence.findings
        if one.estimate is not None and None not in (limits := (one.low, one.high))
    }  # type: ignore[misc]


def held(
    draw: Callable[[Rng, int], OutcomeCohort],
    truth: OutcomeCohort,
    question: str,
    names: tuple[str, ...],
    n: int,
    times: int = 400,
) -> dict[str, float]:
    """By finding, the share of cohorts of `n` rows whose interval holds the estimate of `truth`."""
    rng, true = np.random.default_rng(17), told(truth, question)
    found = [told(draw(rng, n), question) for _ in range(times)]
    return {name: float(np.mean([one[name][1] <= true[name][0] <= one[name][2] for one in found])) for name in names}


def test_average_precision_and_auroc_of_a_rare_class_hold_the_truth() -> None:
    """With some 40 rows of the rarest of three classes among 1,000, both intervals cover at 92 to 98.5 %."""

    def draw(rng: Rng, n: int) -> OutcomeCohort:
        x = rng.normal(size=n)
        odds = np.exp(np.column_stack((np.zeros(n), -0.4 + 0.8 * x, -3.2 + 1.6 * x)))
        p = odds / odds.sum(axis=1, keepdims=True)
        outcome = (rng.random(n)[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 2)
        return MulticlassCohort(outcome=outcome, score=p, classes=("a", "b", "c"))

    names = tuple(f".{measure}outcome={k}" for measure in ("auroc", "auprc") for k in "abc")
    found = held(draw, draw(np.random.default_rng(1), PLENTY), "multiclass-discrimination", names, 1_000, 250)
    assert all(0.92 <= share <= 0.985 for share in found.values()), found


def test_errors_of_skewed_numbers_hold_the_truth() -> None:
    """Stays with a long tail, 400 rows: intervals of RMSE, R2 and the mean error cover at 92 to 98 %."""

    def draw(rng: Rng, n: int) -> OutcomeCohort:
        mean = np.exp(1.2 + 0.6 * rng.normal(size=n))
        return RegressionCohort(outcome=mean * rng.gamma(4.0, size=n) / 4, score=mean)

    truth = draw(np.random.default_rng(2), 5 * PLENTY)
    found = held(draw, truth, "regression-accuracy", (".rmse", ".r2", ".mae"), 400)
    assert all(0.92 <= share <= 0.98 for share in found.values()), found


def test_ranking_of_censored_times_holds_the_truth_without_censoring() -> None:
    """Uno's C and the AUC at a horizon, 400 patients half of whom leave early, cover at 92 to 98.5 %."""

    def draw(rng: Rng, n: int, censored: bool = True) -> OutcomeCohort:
        x = rng.normal(size=n)
        first = rng.exponential(12 * np.exp(-0.8 * x))
        until = np.minimum(rng.exponential(20.0, n), rng.uniform(6, 26, n)) if censored else np.full(n, 1e9)
        risk = 1 - np.exp(-8 / 12 * np.exp(0.8 * x))
        return SurvivalCohort(
            time=np.minimum(first, until),
            event=(first <= until).astype(np.int64),
            risks=risk[:, None],
            horizons=(8.0,),
            score=x,
            competing="none",
        )

    truth = draw(np.random.default_rng(3), PLENTY, censored=False)
    found = held(draw, truth, "survival-discrimination", (".uno-c", ".auc-at-8"), 400, 250)
    assert all(0.92 <= share <= 0.985 for share in found.values()), found
