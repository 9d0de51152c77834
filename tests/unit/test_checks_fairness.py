"""Fairness: exact tests, family-wise adjustment, verdicts by tolerance and by power."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.bootstrap import Tally, confusion, confusion_rate
from bedrail.checks.contrasts import exact_rates
from bedrail.checks.fairness import holm
from bedrail.checks.groups import cells
from bedrail.core.values import Evidence, Verdict

GUARDS = {
    "fairness": (
        "the_rate_test",
        "holm",
        "a_large_fair",
        "a_group_whose",
        "a_significant",
        "too_few",
        "mirror",
        "unbanded",
    ),
    "subgroups": ("small_groups", "absent_group", "bootstrap", "patients_with_equal", "spreads"),
}


def sample(n: int, seed: int = 0, **more: object) -> Cohort:
    rng = np.random.default_rng(seed)
    x = -2 + rng.normal(size=n)
    risk = 1 / (1 + np.exp(-x))
    groups = pd.DataFrame({"race": rng.choice(list("abc"), n, p=(0.6, 0.3, 0.1)), "gender": rng.choice(list("fm"), n)})
    given: dict[str, object] = {"groups": groups, "threshold": 0.15, "intersections": (("race", "gender"),)}
    return Cohort(outcome=(rng.random(n) < risk).astype(float), score=risk, **{**given, **more})  # type: ignore[arg-type]


def ask(cohort: Cohort, check: str = "fairness", **numbers: object) -> Evidence:
    (evidence,) = examine(cohort, Requirements(**numbers), checks=[check])  # type: ignore[arg-type]
    return evidence


def test_the_rate_test_is_fishers_with_the_smaller_tail_doubled() -> None:
    """p equals twice the smaller one-sided Fisher p-value of scipy."""
    for table in ([[3, 12], [40, 60]], [[30, 5], [100, 100]], [[0, 11], [9, 80]]):
        (a, b), (c, d) = table
        tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        assert exact_rates((a, c), (a + b, c + d)) == pytest.approx(min(1, 2 * min(tails)), rel=1e-9)


def test_holm_equals_statsmodels() -> None:
    """Adjusted p-values agree with statsmodels' Holm."""
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(0).random(20) ** 3
    assert holm(list(p)) == pytest.approx(list(multipletests(p, method="holm")[1]))


def test_a_large_fair_model_passes() -> None:
    """True risks and random groups, 30,000 patients: fairness passes in every group."""
    assert ask(sample(30_000)).verdict is Verdict.PASS


def test_a_group_whose_patients_are_missed_fails_and_is_named() -> None:
    """Losing 40 % of the found patients of group b fails sensitivity in race=b, in words that say so."""
    cohort = sample(8_000)
    assert cohort.groups is not None
    rng = np.random.default_rng(1)
    score = cohort.score.copy()
    lost = (cohort.groups["race"] == "b").to_numpy() & (cohort.outcome == 1) & (rng.random(8_000) < 0.4)
    score[lost] = 0.02
    evidence = ask(Cohort(outcome=cohort.outcome, score=score, groups=cohort.groups, threshold=0.15))
    found = next(f for f in evidence.findings if (f.check, f.group) == ("fairness.sensitivity", "race=b"))
    assert found.verdict is Verdict.FAIL
    assert found.estimate is not None
    assert found.high is not None
    assert found.estimate < -0.15
    assert found.high < 0
    assert "race=b" in found.reason


def test_a_significant_gap_within_tolerance_does_not_fail() -> None:
    """Tolerance decides: the same data pass when the policy tolerates the gap."""
    cohort = sample(8_000)
    assert cohort.groups is not None
    score = np.where((cohort.groups["race"] == "b") & (np.arange(8_000) % 3 == 0), 0.02, cohort.score)
    harmed = Cohort(outcome=cohort.outcome, score=score, groups=cohort.groups, threshold=0.15)
    strict = ask(harmed, fairness_metrics=("sensitivity",))
    lax = ask(harmed, fairness_metrics=("sensitivity",), max_sensitivity_gap=0.6)
    assert strict.verdict is Verdict.FAIL
    assert lax.verdict is not Verdict.FAIL


def test_too_few_patients_to_tell_is_its_own_verdict() -> None:
    """In 400 patients no gap of 20 points could be shown: missing, with the smallest gap given."""
    evidence = ask(sample(400))
    told = [f for f in evidence.findings if f.check == "fairness.sensitivity" and f.smallest_gap is not None]
    assert evidence.verdict is Verdict.MISSING
    assert "Not enough patients to tell" in evidence.reason
    assert all(f.smallest_gap > 0.2 for f in told if f.smallest_gap is not None)


def test_the_two_levels_of_a_column_mirror_each_other() -> None:
    """With two levels, gaps are opposite and smallest gaps equal, and only one test enters the family."""
    found = {(f.check, f.group): f for f in ask(sample(5_000)).findings}
    first, second = found["fairness.ppv", "gender=f"], found["fairness.ppv", "gender=m"]
    assert first.estimate == pytest.approx(-(second.estimate or 0.0))
    assert first.smallest_gap == pytest.approx(second.smallest_gap)


def test_small_groups_show_neither_estimate_nor_count() -> None:
    """Ten patients of one level: no number of theirs is in any finding."""
    cohort = sample(3_000)
    assert cohort.groups is not None
    groups = cohort.groups.astype(object)
    groups.loc[:9, "race"] = "rare"
    rare = Cohort(outcome=cohort.outcome, score=cohort.score, groups=groups, threshold=0.15)
    for check in ("fairness", "subgroups"):
        for finding in ask(rare, check).findings:
            if "race=rare" in finding.group:
                assert finding.verdict is Verdict.MISSING
                assert (finding.n, finding.estimate, finding.low, finding.smallest_gap) == (None, None, None, None)


def test_absent_group_values_become_the_level_missing() -> None:
    """NaN, None and blanks are one group, and every row belongs to a group."""
    groups = pd.DataFrame({"race": ["a", None, " ", "b"] * 50, "age": [1.0, np.nan, 2.0, 1.0] * 50})
    found = cells(Cohort(outcome=np.tile([0, 1], 100), score=np.full(200, 0.3), groups=groups))
    assert {c.name: c.patients for c in found if c.columns == ("race",)} == {
        "race=a": 50,
        "race=b": 50,
        "race=missing": 100,
    }
    assert sum(c.patients for c in found if c.columns == ("age",)) == 200
    assert "age=missing" in {c.name for c in found}


def test_attributes_of_many_values_become_few_groups() -> None:
    """Ages are banded, also where some say `> 89`; other numbers go by fifths; of 200 hospitals the largest stay."""
    rng = np.random.default_rng(1)
    ages = rng.integers(0, 100, 600)
    frame = pd.DataFrame(
        {
            "age": ages,
            "age in words": [f"> {89}" if age > 89 else str(age) for age in ages],
            "bmi": rng.normal(27, 4, 600),
            "hospital": rng.permutation([f"h{at}" for at in range(200)] * 3),
        }
    )
    cohort = Cohort(outcome=np.zeros(600), score=np.zeros(600), groups=frame)
    assert cohort.groups is not None
    bands = ["0-17", "18-44", "45-64", "65-74", "75-84", "85+"]
    assert list(cohort.groups["age"].cat.categories) == bands
    assert (cohort.groups["age"] == cohort.groups["age in words"]).all()
    assert (cohort.groups["age"] == "65-74").sum() == ((ages >= 65) & (ages < 75)).sum()
    assert cohort.groups["bmi"].value_counts().between(100, 140).all()
    assert len(cohort.groups["hospital"].cat.categories) == 21
    assert cohort.site is not None
    assert len(np.unique(cohort.site)) == 200


def test_the_counted_bootstrap_has_the_moments_of_the_row_bootstrap() -> None:
    """Mean and variance of drawn rates equal those of drawing rows one by one."""
    rng = np.random.default_rng(0)
    y, alert, group = (rng.random(2_000) < 0.3).astype(float), rng.random(2_000) < 0.4, rng.integers(0, 4, 2_000)
    counts, drawn = confusion(y, alert, group, 4, None, 4_000, rng)
    rates = confusion_rate("sensitivity", drawn)
    p = confusion_rate("sensitivity", counts)
    n = counts[:, 2:].sum(axis=1)
    assert rates.mean(axis=0) == pytest.approx(p, abs=0.005)
    assert rates.std(axis=0) == pytest.approx(np.sqrt(p * (1 - p) / n), rel=0.08)


def test_the_patient_bootstrap_widens_as_rows_repeat() -> None:
    """Every row three times per patient: counts are drawn in threes, so spread is that of patients."""
    rng = np.random.default_rng(0)
    cell = rng.integers(0, 5, 600)
    once = Tally.of(cell, 5, None).draw(4_000, rng)
    thrice = Tally.of(np.repeat(cell, 3), 5, np.repeat(np.arange(600), 3)).draw(4_000, rng)
    assert thrice.sum(axis=1) == pytest.approx(np.full(4_000, 1_800))
    assert thrice.std(axis=0) == pytest.approx(3 * once.std(axis=0), rel=0.1)
    assert thrice.mean(axis=0) == pytest.approx(3 * once.mean(axis=0), rel=0.05)


def test_patients_with_equal_rows_are_one_kind() -> None:
    """Kinds times weights give back the counts of rows."""
    rng = np.random.default_rng(2)
    patient, cell = rng.integers(0, 300, 900), rng.integers(0, 4, 900)
    tally = Tally.of(cell, 4, patient)
    assert tally.weights @ tally.kinds == pytest.approx(tally.counts)
    assert tally.weights.sum() == len(np.unique(patient))


def test_spreads_need_two_groups_and_can_fail() -> None:
    """A bound on the spread fails when the whole de-biased interval is above it."""
    cohort = sample(8_000)
    assert cohort.groups is not None
    score = np.where(cohort.groups["race"] == "b", cohort.score / 3, cohort.score)
    harmed = Cohort(outcome=cohort.outcome, score=score, groups=cohort.groups, threshold=0.15)
    evidence = ask(harmed, "subgroups", max_spread=0.1, group_observed_to_expected=(0.0, 99.0))
    failed = {(f.check, f.group) for f in evidence.findings if f.verdict is Verdict.FAIL}
    assert ("subgroups.sensitivity-spread", "race=*") in failed
    assert ("subgroups.sensitivity-spread", "gender=*") not in failed
