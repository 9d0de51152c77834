"""Discrimination against independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.comparison import auroc_difference
from bedrail.checks.discrimination import auroc
from bedrail.checks.estimates.precision import average_precision, of_others
from bedrail.core.values import Verdict

GUARDS = {
    "discrimination": ("auroc", "delong", "clustered_interval", "average_precision", "auprc", "verdicts", "separation"),
    "baseline": ("paired_difference",),
}


def sample(n: int = 400, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    score = 1 / (1 + np.exp(1.5 - x))
    if ties:
        score = np.round(score, 1)
    return (rng.random(n) < 1 / (1 + np.exp(1.5 - x))).astype(float), score


@pytest.mark.parametrize("ties", [False, True])
def test_auroc_equals_scikit_learns(ties: bool) -> None:
    """AUROC agrees with scikit-learn's to 1e-12, ties included."""
    y, s = sample(ties=ties)
    found = auroc(y, s)
    assert found is not None
    assert found.estimate == pytest.approx(roc_auc_score(y, s), abs=1e-12)


def test_delong_variance_equals_the_defining_double_sum() -> None:
    """The variance equals DeLong's placements computed pair by pair."""
    y, s = sample(120, ties=True)
    positive, negative = s[y == 1], s[y == 0]
    kernel = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    variance = kernel.mean(axis=1).var(ddof=1) / len(positive) + kernel.mean(axis=0).var(ddof=1) / len(negative)
    found = auroc(y, s)
    assert found is not None
    assert found.error**2 == pytest.approx(variance, rel=1e-10)


def test_repeating_every_row_does_not_narrow_the_clustered_interval() -> None:
    """Rows copied three times per patient give the error of the rows once."""
    y, s = sample(300)
    once = auroc(y, s)
    patient = np.tile(np.arange(300), 3)
    thrice = auroc(np.tile(y, 3), np.tile(s, 3), patient)
    assert once is not None
    assert thrice is not None
    assert thrice.error == pytest.approx(once.error, rel=0.02)


def test_average_precision_equals_scikit_learns() -> None:
    """AUPRC agrees with scikit-learn's average precision, ties included."""
    for ties in (False, True):
        y, s = sample(ties=ties)
        found = average_precision(y, s, None, 0.95)
        assert found is not None
        assert found.estimate == pytest.approx(average_precision_score(y, s), abs=1e-12)


@pytest.mark.slow
def test_auprc_interval_is_about_as_wide_as_a_plain_bootstrap_and_lies_lower() -> None:
    """It is as wide as the row-by-row percentile bootstrap to a fifth, and takes the estimate's upward bias out."""
    y, s = sample(600)
    found = average_precision(y, s, None, 0.95)
    rows = np.random.default_rng(3).integers(0, 600, size=(400, 600))
    low, high = np.quantile([average_precision_score(y[r], s[r]) for r in rows], [0.025, 0.975])
    assert found is not None
    assert 0.8 <= (found.high - found.low) / (high - low) <= 1.2
    assert found.low + found.high < low + high


@pytest.mark.parametrize("clustered", [False, True])
def test_average_precision_among_other_patients_equals_its_definition(clustered: bool) -> None:
    """Case by case, the share of cases among other patients' rows of at least its score, ties included."""
    rng = np.random.default_rng(4)
    y, s = sample(60, ties=True)
    patient = rng.integers(0, 20, 60) if clustered else np.arange(60)
    shares = []
    for i in np.flatnonzero(y):
        above = (s >= s[i]) & (patient != patient[i])
        shares.append(y[above].mean() if above.any() else (1 + average_precision_score(y, s)) / 2)
    assert of_others(y, s, patient if clustered else None) == pytest.approx(np.mean(shares), abs=1e-12)


def test_average_precision_wants_fifteen_patients_not_rows_of_each_class() -> None:
    """Fourteen patients with the outcome, or fifteen rows of fewer patients, get none; fifteen patients do."""
    rng = np.random.default_rng(5)
    s, many = rng.random(300), np.arange(300)
    for cases, patient, given in ((14, None, False), (15, None, True), (28, many // 2, False), (30, many // 2, True)):
        y = (many < cases).astype(float)
        assert (average_precision(y, s, patient, 0.95) is not None) is given


def test_paired_difference_uses_the_correlation_of_the_scores() -> None:
    """Two nearly equal scores are told apart far better than two independent ones."""
    y, s = sample(500)
    rng = np.random.default_rng(1)
    near = auroc_difference(y, s, s + rng.normal(scale=0.01, size=500), None, 0.95)
    far = auroc_difference(y, s, rng.random(500), None, 0.95)
    assert near is not None
    assert far is not None
    assert near[3] < 0.2 * far[3]


def test_the_three_verdicts_follow_the_interval() -> None:
    """Whole interval above the bound passes, below fails, across is missing."""
    y, s = sample(2_000)
    rng = np.random.default_rng(5)
    wanted = ((s, 2_000, Verdict.PASS), (1 - s, 2_000, Verdict.FAIL), (s, 30, Verdict.MISSING))
    for score, n, verdict in wanted:
        (evidence,) = examine(
            Cohort(outcome=y[:n], score=score[:n]), Requirements(min_auroc=0.65), checks=["discrimination"]
        )
        assert evidence.findings[0].verdict is verdict
    del rng


def test_perfect_separation_keeps_an_honest_lower_limit() -> None:
    """AUROC 1 from five patients with the outcome does not claim an interval of no width."""
    y = np.r_[np.ones(5), np.zeros(50)]
    found = auroc(y, np.r_[np.full(5, 0.9), np.full(50, 0.1)])
    assert found is not None
    low, high = found.interval(0.95)
    assert high == 1.0
    assert low == pytest.approx(0.025 ** (1 / 5))
