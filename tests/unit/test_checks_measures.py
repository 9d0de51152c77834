"""Thresholds, net benefit, comparator, uncertainty, leakage, missing inputs, and examine itself."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bedrail.checks import CHECKS, Cohort, Probe, Requirements, examine
from bedrail.checks.intervals import difference, wilson
from bedrail.checks.outcomes.requirements import (
    MulticlassRequirements,
    RegressionRequirements,
    SurvivalRequirements,
)
from bedrail.checks.utility import net_benefit
from bedrail.core.errors import Invalid, Refused
from bedrail.core.values import Evidence, Finding, Verdict

GUARDS = {
    "thresholds": ("wilson", "newcombes", "rates_at_the_threshold", "a_bound_on_sensitivity"),
    "net-benefit": ("net_benefit", "acting_on_noise"),
    "baseline": ("a_worse_candidate",),
    "uncertainty": ("coverage_is_counted", "intervals_must_hold"),
    "leakage": ("each_trace", "clean_data", "an_identifier_among"),
    "missing-inputs": ("a_model_that_breaks",),
}


def sample(n: int = 3_000, seed: int = 0, **more: object) -> Cohort:
    rng = np.random.default_rng(seed)
    risk = 1 / (1 + np.exp(2 - rng.normal(size=n)))
    given = {"threshold": 0.2, **more}
    return Cohort(outcome=(rng.random(n) < risk).astype(float), score=risk, **given)  # type: ignore[arg-type]


def ask(cohort: Cohort, check: str, **numbers: object) -> Evidence:
    (evidence,) = examine(cohort, Requirements(**numbers), checks=[check])  # type: ignore[arg-type]
    return evidence


def named(evidence: Evidence) -> dict[str, Finding]:
    return {f.check.split(".", 1)[-1]: f for f in evidence.findings}


def test_wilson_equals_statsmodels() -> None:
    """Wilson's interval agrees with statsmodels."""
    from statsmodels.stats.proportion import proportion_confint

    for hits, n in ((0, 10), (3, 20), (50, 50)):
        assert wilson(hits / n, n, 0.95) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-9)


def test_newcombes_interval_reproduces_his_published_example() -> None:
    """56/70 against 48/80: 0.2000 with 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    assert difference((56 / 70, 70), (48 / 80, 80), 0.95) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_rates_at_the_threshold_are_those_of_the_two_by_two_table() -> None:
    """Sensitivity, specificity, PPV, NPV, alert rate and number needed follow from the four counts."""
    y, s = np.repeat([1, 1, 0, 0], [30, 20, 25, 125]), np.repeat([0.9, 0.1, 0.9, 0.1], [30, 20, 25, 125])
    found = named(ask(Cohort(outcome=y, score=s, threshold=0.5), "thresholds"))
    wanted = {
        "sensitivity": 30 / 50,
        "specificity": 125 / 150,
        "ppv": 30 / 55,
        "npv": 125 / 145,
        "alert-rate": 55 / 200,
        "number-needed-to-evaluate": 55 / 30,
    }
    assert {name: f.estimate for name, f in found.items()} == pytest.approx(wanted)


def test_a_bound_on_sensitivity_fails_passes_or_cannot_be_told() -> None:
    """The interval against the bound gives all three verdicts."""
    for bound, n, verdict in ((0.9, 3_000, Verdict.FAIL), (0.3, 3_000, Verdict.PASS), (0.6, 120, Verdict.MISSING)):
        assert named(ask(sample(n), "thresholds", min_sensitivity=bound))["sensitivity"].verdict is verdict


def test_net_benefit_is_true_positives_minus_weighted_false_ones() -> None:
    """Net benefit equals TP/n - FP/n t/(1-t), and over-none equals it."""
    cohort = sample()
    tp, fp = (float((cohort.alert & (cohort.outcome == k)).mean()) for k in (1, 0))
    assert net_benefit(cohort.outcome, cohort.score, 0.2) == pytest.approx(tp - fp * 0.25)
    assert named(ask(cohort, "net-benefit"))["over-none"].estimate == pytest.approx(tp - fp * 0.25)


def test_acting_on_noise_does_harm_and_fails() -> None:
    """A random score at a threshold above the outcome rate is worth less than treating no one."""
    rng = np.random.default_rng(0)
    cohort = Cohort(outcome=rng.random(5_000) < 0.1, score=rng.random(5_000), threshold=0.4)
    assert ask(cohort, "net-benefit").verdict is Verdict.FAIL


def test_a_worse_candidate_fails_against_its_comparator() -> None:
    """Noise against true risks fails; true risks against noise pass; without a comparator it is missing."""
    good = sample()
    noise = np.random.default_rng(1).random(3_000)
    assert ask(sample(baseline=noise), "baseline").verdict is Verdict.PASS
    assert (
        ask(Cohort(outcome=good.outcome, score=noise, baseline=good.score, threshold=0.2), "baseline").verdict
        is Verdict.FAIL
    )
    assert ask(good, "baseline").verdict is Verdict.MISSING


def test_coverage_is_counted_by_class_and_group() -> None:
    """Sets that hold 90 % pass; sets that miss half of the positives fail for the positives only."""
    cohort = sample(6_000)
    rng = np.random.default_rng(3)
    p = rng.random((6_000, 2))
    assert ask(sample(6_000, p_values=p), "uncertainty").verdict is Verdict.PASS
    p[(cohort.outcome == 1) & (rng.random(6_000) < 0.5), 1] = 0.01
    found = named(ask(sample(6_000, p_values=p), "uncertainty"))
    assert found["coverage-positive"].verdict is Verdict.FAIL
    assert found["coverage-negative"].verdict is Verdict.PASS


def test_intervals_must_hold_their_own_risk_and_the_outcome_rate() -> None:
    """An interval beside its risk fails; intervals far from the outcome rate fail."""
    risk = sample().score
    good = np.column_stack((risk * 0.8, np.minimum(1, risk * 1.2)))
    assert ask(sample(interval=good), "uncertainty").verdict is Verdict.PASS
    assert named(ask(sample(interval=good + 0.3), "uncertainty"))["interval-order"].verdict is Verdict.FAIL
    assert named(ask(sample(interval=good + 0.3), "uncertainty"))["interval-rate"].verdict is Verdict.FAIL


def test_each_trace_of_leakage_fails() -> None:
    """Score as outcome, shared patients, repeats, an input that knows, and the future: each is found."""
    cohort = sample(1_000)
    y = cohort.outcome
    assert ask(Cohort(outcome=y, score=y), "leakage").verdict is Verdict.FAIL
    ids = np.arange(1_000)
    assert (
        named(ask(sample(1_000, subject=ids, training_subjects=[5]), "leakage"))["patient-overlap"].verdict
        is Verdict.FAIL
    )
    again = np.r_[np.arange(900), np.arange(100)]
    assert named(ask(sample(1_000, subject=again, time=again), "leakage"))["duplicates"].verdict is Verdict.FAIL
    inputs = pd.DataFrame({"fine": np.random.default_rng(0).normal(size=1_000), "billing": np.where(y == 1, "x", "y")})
    failed = [f for f in ask(sample(1_000, inputs=inputs), "leakage").findings if f.verdict is Verdict.FAIL]
    assert [f.group for f in failed] == ["input=billing"]
    absent = pd.DataFrame({"autopsy": np.where(y == 1, 3.0, np.nan)})
    failed = [f for f in ask(sample(1_000, inputs=absent), "leakage").findings if f.verdict is Verdict.FAIL]
    assert [f.group for f in failed] == ["input=autopsy (absent or not)"]
    late = pd.DataFrame({"lab": ids + 1})
    assert named(ask(sample(1_000, time=ids, input_times=late), "leakage"))["future"].verdict is Verdict.FAIL


def test_clean_data_show_no_leakage() -> None:
    """With patients, times and honest inputs at hand, leakage passes."""
    ids = np.arange(1_000)
    inputs = pd.DataFrame({"a": np.random.default_rng(0).normal(size=1_000), "b": ["u", None] * 500})
    cohort = sample(1_000, subject=ids, time=ids, training_subjects=ids + 5_000, inputs=inputs, outcome_time=ids + 30)
    assert ask(cohort, "leakage").verdict is Verdict.PASS


def test_a_model_that_breaks_without_an_input_fails_and_one_that_refuses_passes() -> None:
    """NaN risks, errors and jumps fail; refusing and sane answers pass."""
    frame = pd.DataFrame({"a": np.linspace(0, 1, 300), "b": np.linspace(1, 0, 300)})

    def refuses(x: pd.DataFrame) -> np.ndarray:
        if x.isna().any(axis=None):
            raise Refused("An input is absent.")
        return np.full(len(x), 0.2)

    def breaks(x: pd.DataFrame) -> np.ndarray:
        if x["b"].isna().any():
            raise ZeroDivisionError
        return np.full(len(x), 0.2)

    cases = {
        Verdict.PASS: (refuses, lambda x: x.fillna(0.5)["a"].to_numpy(float)),
        Verdict.FAIL: (breaks, lambda x: x["a"].to_numpy(float), lambda x: np.where(x["a"].isna(), 0.9, 0.1)),
    }
    for verdict, models in cases.items():
        for model in models:
            assert ask(sample(probe=Probe(score=model, inputs=frame)), "missing-inputs").verdict is verdict


def test_examine_answers_every_check_in_order_and_reports_progress() -> None:
    """One evidence per catalogue entry, progress from 0 to the last, same seed same numbers whichever are asked."""
    seen: list[tuple[int, int]] = []
    evidence = examine(sample(500), progress=lambda _title, done, total: seen.append((done, total)))
    assert [e.check for e in evidence] == list(CHECKS)
    assert seen == [(i, len(CHECKS)) for i in range(len(CHECKS) + 1)]
    assert examine(sample(500), checks=["calibration"])[0] == evidence[1]


def test_an_unknown_check_is_invalid() -> None:
    """A misspelt name is refused with the list of names."""
    with pytest.raises(Invalid, match="calibration"):
        examine(sample(50), checks=["calibraton"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("confidence", 1.0), ("family_alpha", 0.0), ("draws", 0), ("min_group", 1), ("observed_to_expected", (1.1, 1.2))],
)
def test_senseless_requirements_are_invalid_with_their_path(name: str, value: object) -> None:
    """A policy cannot ask for what no data could answer."""
    with pytest.raises(Invalid) as caught:
        Requirements(**{name: value})  # type: ignore[arg-type]
    assert caught.value.path == f"requirements.{name}"


def test_no_requirement_takes_what_is_no_number_or_no_limit() -> None:
    """nan, infinity, words and truth values are refused in every number of every kind: nothing fails against nan."""
    for kind in (Requirements, MulticlassRequirements, RegressionRequirements, SurvivalRequirements):
        for name, default in zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True):
            if isinstance(default, bool) or name in ("fairness_metrics", "error_rate_columns"):
                continue
            for value in (math.nan, math.inf, 10**400, "0.5", True, (math.nan, 2.0), (0.5, math.inf), [0.5, 2.0]):
                with pytest.raises(Invalid) as caught:
                    kind(**{name: value})
                assert caught.value.path == f"requirements.{name}"
                assert caught.value.remedy
    for name, value in (("max_cost_ratio", -1.0), ("min_auroc", 60.0), ("fairness_metrics", "ppv")):
        with pytest.raises(Invalid):
            Requirements(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("score", [0.1, 31.0, 0.2], "score[1]"),
        ("score", [0.1, float("nan"), 0.2], "score[1]"),
        ("score", [0.1, 0.2], "score"),
        ("outcome", [0, 1, 2], "outcome[2]"),
        ("outcome", [0, None, 1], "outcome[1]"),
        ("outcome", ["a", "b", "c"], "outcome"),
        ("threshold", 1.5, "threshold"),
        ("subject", [1, 2], "subject"),
        ("subject", ["a", None, "b"], "subject"),
        ("baseline", [2, 0, 0], "baseline[0]"),
        ("p_values", [1, 2, 3], "p_values"),
        ("groups", pd.DataFrame({"g": [1]}), "groups"),
        ("intersections", (("race",),), "intersections[0]"),
        ("inputs", pd.DataFrame({"g": [1]}), "inputs"),
    ],
)
def test_bad_input_is_invalid_with_its_path(field: str, value: object, path: str) -> None:
    """Every malformed field is refused with the path to it and a remedy."""
    given: dict[str, object] = {"outcome": [0, 1, 0], "score": [0.1, 0.2, 0.3], field: value}
    with pytest.raises(Invalid) as caught:
        Cohort(**given)  # type: ignore[arg-type]
    assert caught.value.path == path
    assert caught.value.remedy


def test_an_identifier_among_the_inputs_is_not_taken_for_the_outcome() -> None:
    """A level per row tells nothing about other rows, so it is no leak by itself."""
    inputs = pd.DataFrame({"record": [f"r{i}" for i in range(1_000)], "constant": ["x"] * 1_000})
    found = [f for f in ask(sample(1_000, inputs=inputs), "leakage").findings if f.check == "leakage.single-input"]
    assert {f.verdict for f in found} == {Verdict.PASS}
