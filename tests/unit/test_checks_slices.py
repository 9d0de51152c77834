"""Slices nobody named: planted ones are found and named, fair models have none, and one half never sees the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.robustness.rules import atoms
from bedrail.checks.robustness.slices import discover, halves, holm, p_value, smallest_excess, smallest_support
from bedrail.checks.robustness.tails import upper_tail
from bedrail.core.values import Evidence, Verdict

GUARDS = ("slices",)


def patients(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Inputs and the true risk of n patients."""
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 95, n).astype(float),
            "stay": rng.poisson(4, n).astype(float),
            "insulin": rng.choice(["no", "steady", "up", "down"], n),
            "lab": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
        }
    )
    return frame, -2.3 + 0.9 * rng.normal(size=n)


def planted(seed: int, n: int, shift: float, rows: int = 1) -> tuple[Cohort, np.ndarray]:
    """A calibrated score, but for the old on rising insulin, whose log-odds are `shift` higher than it says."""
    rng = np.random.default_rng(seed)
    frame, logit = patients(rng, n)
    failing = ((frame["age"] > 75) & (frame["insulin"] == "up")).to_numpy()
    frame, logit, failing = frame.loc[frame.index.repeat(rows)], np.repeat(logit, rows), np.repeat(failing, rows)
    outcome = (rng.random(n * rows) < 1 / (1 + np.exp(-(logit + shift * failing)))).astype(float)
    subject = np.repeat(np.arange(n), rows) if rows > 1 else None
    score = 1 / (1 + np.exp(-logit))
    return Cohort(
        outcome=outcome, score=score, inputs=frame.reset_index(drop=True), subject=subject, threshold=0.15
    ), failing


def ask(cohort: Cohort, **numbers: float) -> Evidence:
    (evidence,) = examine(cohort, Requirements(**numbers), checks=["slices"])  # type: ignore[arg-type]
    return evidence


@pytest.mark.parametrize(("shift", "fault", "side"), [(1.2, "under", 1), (-2.5, "over", -1)])
@pytest.mark.slow
def test_a_planted_slice_of_five_percent_is_found_and_named(shift: float, fault: str, side: int) -> None:
    """The rule names both columns; its effect on the confirming half has the right sign and excludes 1."""
    cohort, failing = planted(3, 12_000, shift)
    evidence = ask(cohort)
    assert evidence.verdict is Verdict.FAIL
    (found,) = [f for f in evidence.findings if f.check == f"slices.{fault}-predicted"]
    assert "age > " in found.group
    assert "insulin = up" in found.group
    assert found.estimate is not None
    assert found.low is not None
    assert found.high is not None
    assert (found.low > 1) if side > 0 else (found.high < 1)
    candidates = discover(cohort, Requirements(), np.random.default_rng(0))
    one = next(each for each in candidates if each.fault.name.startswith(fault))
    assert (one.rows & failing).sum() / (one.rows | failing).sum() > 0.7


def test_a_score_that_ranks_nobody_in_a_slice_is_found_as_misranked() -> None:
    """Scores shuffled inside the slice keep its mean: only the ranking is lost there, and the slope says so."""
    rng = np.random.default_rng(4)
    frame, logit = patients(rng, 20_000)
    logit = logit * 1.8
    outcome = (rng.random(len(logit)) < 1 / (1 + np.exp(-logit))).astype(float)
    failing = np.flatnonzero(frame["insulin"] == "up")
    score = 1 / (1 + np.exp(-logit))
    score[failing] = score[rng.permutation(failing)]
    evidence = ask(Cohort(outcome=outcome, score=score, inputs=frame, threshold=0.15))
    named = {f.group for f in evidence.findings if f.check == "slices.misranked" and f.verdict is Verdict.FAIL}
    assert named == {"insulin = up"}


@pytest.mark.slow
def test_a_fair_model_has_no_failing_slice_and_says_what_would_have_been_seen() -> None:
    """It passes with the smallest excess; where that is larger than `detectable_slice`, the verdict is missing."""
    cohort, _ = planted(5, 12_000, 0.0)
    evidence = ask(cohort)
    assert evidence.verdict is Verdict.PASS
    assert [f.group for f in evidence.findings] == ["overall"]
    gap = evidence.findings[0].smallest_gap
    assert gap is not None
    assert ask(cohort, detectable_slice=gap / 2).verdict is Verdict.MISSING
    few = Cohort(outcome=cohort.outcome[:300], score=cohort.score[:300], inputs=cohort.inputs.iloc[:300])  # type: ignore[union-attr]
    assert ask(few).verdict is Verdict.MISSING
    bare = Cohort(outcome=cohort.outcome, score=cohort.score)
    assert "Neither inputs nor groups" in ask(bare).reason


def test_too_few_patients_say_the_smallest_slice_that_could_have_been_seen() -> None:
    """The told support is the one in which an excess of `detectable_slice` is found and confirmed; where half of the
    patients would not do, that is said."""
    large, _ = planted(5, 12_000, 0.0)
    gap = smallest_excess(large, Requirements(), 1)
    assert gap is not None
    assert smallest_support(large, Requirements(detectable_slice=gap), 1) == pytest.approx(0.05)
    half = ask(large, detectable_slice=gap / 2)
    assert "of them or more" in half.reason
    assert smallest_support(large, Requirements(detectable_slice=gap / 2), 1) == pytest.approx(0.2)
    few = Cohort(outcome=large.outcome[:300], score=large.score[:300], inputs=large.inputs.iloc[:300])  # type: ignore[union-attr]
    assert "in no slice" in ask(few).reason


def test_a_model_wrong_for_everybody_alike_has_no_failing_slice() -> None:
    """Risks halved throughout are a matter of calibration: the search recalibrates first."""
    cohort, _ = planted(6, 6_000, 0.0)
    wrong = Cohort(outcome=cohort.outcome, score=cohort.score / 2, inputs=cohort.inputs, threshold=0.1)
    assert ask(wrong, detectable_slice=9.0).verdict is Verdict.PASS


def test_no_patient_is_in_both_halves() -> None:
    """With repeated rows, the halves share no patient, and neither is empty."""
    cohort, _ = planted(7, 500, 0.0, rows=3)
    first, second = halves(cohort, np.random.default_rng(1))
    assert cohort.subject is not None
    assert not set(cohort.subject[first]) & set(cohort.subject[second])
    assert min(first.sum(), second.sum()) > 500


def test_rows_of_one_patient_do_not_count_as_new_patients() -> None:
    """The same rows six times over, as rows of the same patients, give the p-value of one row each."""
    rng = np.random.default_rng(8)
    risk = rng.beta(1, 6, 800)
    outcome = (rng.random(800) < risk + 0.04).astype(float)
    nothing = np.zeros((2, 2))
    once = p_value(outcome, risk, np.ones(800), None, nothing)
    six = [np.repeat(each, 6) for each in (outcome, risk, np.ones(800))]
    again = p_value(*six, np.repeat(np.arange(800), 6), nothing)
    assert 1e-6 < once < 0.01
    assert norm.isf(again) == pytest.approx(norm.isf(once), rel=0.06)
    assert p_value(*six, None, nothing) < once**3


def test_the_tail_is_that_of_the_exact_distribution() -> None:
    """Counts against the Poisson-binomial by convolution, weighted sums against all 4,096 outcomes of 12 tosses."""
    rng = np.random.default_rng(9)
    for n, at in ((40, 0.1), (400, 0.03), (1_000, 0.2)):
        p = rng.beta(1, 1 / at, n)
        exact = np.array([1.0])
        for each in p:
            exact = np.convolve(exact, [1 - each, each])
        tails = exact[::-1].cumsum()[::-1]
        for k in np.flatnonzero((tails < 0.6) & (tails > 1e-9))[:: max(1, n // 200)]:
            outcome = np.zeros(n)
            outcome[: int(k)] = 1
            assert upper_tail(p, np.full(n, 2.0), outcome) == pytest.approx(tails[k], rel=0.12)
    p, w = rng.uniform(0.05, 0.6, 12), rng.normal(size=12)
    every = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    chance = np.prod(np.where(every, p, 1 - p), axis=1)
    for outcome in every[rng.choice(4096, 200, p=chance)]:
        exact_tail = float(chance[every @ w >= outcome @ w - 1e-12].sum())
        assert upper_tail(p, w, outcome.astype(float)) == pytest.approx(exact_tail, abs=0.08)
    assert upper_tail(p, np.ones(12), np.ones(12)) == pytest.approx(np.prod(p))
    assert upper_tail(p, np.ones(12), np.zeros(12)) == 1.0


def test_holm_is_the_step_down_rule() -> None:
    """Against the definition: each p-value meets alpha over the number still standing, until one does not."""
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([], 0.05) == []
    assert holm([0.02, 0.02], 0.05) == [True, True]


def test_statements_are_what_a_clinician_would_say() -> None:
    """Numbers are cut, levels named, gaps said; what holds for nearly nobody or everybody is left out."""
    frame = pd.DataFrame({"age": [20.0, 40, 60, 80, np.nan] * 20, "sex": ["f", "m"] * 50, "rare": ["a"] * 99 + ["b"]})
    said = atoms(frame, 11)
    words = [atom.text for atom in said.said]
    assert {"age absent", "age > 60", "age ≤ 20", "sex = f"} <= set(words)
    assert not any("rare = b" in word for word in words)
    rule = (words.index("age > 60"), words.index("sex = f"))
    assert said.words(rule) == "age > 60 & sex = f"
    assert said.rows(rule).sum() == 10


@pytest.mark.slow
def test_fair_models_are_failed_rarely_and_planted_slices_are_found() -> None:
    """60 fair models: at most 6 fail (5 % promised); 20 planted 5 % slices: at least 16 are found."""
    fair = sum(ask(planted(100 + seed, 8_000, 0.0)[0]).verdict is Verdict.FAIL for seed in range(60))
    assert fair <= 6
    found = 0
    for seed in range(20):
        cohort, failing = planted(200 + seed, 12_000, 1.2)
        slices = discover(cohort, Requirements(), np.random.default_rng(seed))
        sure = holm([each.p for each in slices], 0.05)
        found += any(
            ok and (s.rows & failing).sum() / (s.rows | failing).sum() > 0.5 for s, ok in zip(slices, sure, strict=True)
        )
    assert found >= 16
