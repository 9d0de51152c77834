"""Whatever a cohort looks like, the checks answer with verdicts, or refuse with the path; never anything else."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrail.checks import CHECKS, Cohort, Probe, Requirements, examine
from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Verdict

OUTCOMES = ("random", "all", "none", "one")
SCORES = ("random", "zero", "one", "half", "outcome", "opposite", "two", "tiny")
GROUPS = ("none", "one level", "all missing", "mixed", "follows outcome", "rare")


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    """Sizes from nothing to 80 rows, degenerate in every way named above."""
    n = draw(st.sampled_from([0, 1, 2, 3, 12, 40, 80]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    y = {
        "random": (rng.random(n) < 0.3).astype(float),
        "all": np.ones(n),
        "none": np.zeros(n),
        "one": (np.arange(n) == 0).astype(float),
    }[draw(st.sampled_from(OUTCOMES))]
    score = {
        "random": rng.random(n),
        "zero": np.zeros(n),
        "one": np.ones(n),
        "half": np.full(n, 0.5),
        "outcome": y,
        "opposite": 1 - y,
        "two": rng.choice([0.1, 0.9], n),
        "tiny": rng.random(n) * 1e-300,
    }[draw(st.sampled_from(SCORES))]
    groups = {
        "none": None,
        "one level": pd.DataFrame({"g": ["a"] * n}),
        "all missing": pd.DataFrame({"g": [None] * n, "h": [math.nan] * n}),
        "mixed": pd.DataFrame(
            {"g": rng.choice(["a", "b", "c"], n), "h": pd.array(rng.choice([1, 2], n), dtype="Int64")}
        ),
        "follows outcome": pd.DataFrame({"g": y.astype(bool), "h": rng.choice(["a", "b"], n)}),
        "rare": pd.DataFrame({"g": np.where(np.arange(n) == 0, "b", "a"), "h": ["x"] * n}),
    }[draw(st.sampled_from(GROUPS))]
    inputs = pd.DataFrame({"a": rng.normal(size=n), "b": [None] * n, "c": rng.choice(["u", "v"], n)})
    both = groups is not None and "h" in groups
    return Cohort(
        outcome=y,
        score=score,
        groups=groups,
        intersections=(("g", "h"),) if both else (),
        subject=draw(st.sampled_from([None, np.zeros(n), np.arange(n), rng.integers(0, 5, n)])),
        time=np.arange(n) if draw(st.booleans()) else None,
        baseline=draw(st.sampled_from([None, score, rng.random(n)])),
        p_values=rng.random((n, 2)) if draw(st.booleans()) else None,
        interval=np.column_stack((score, score)) if draw(st.booleans()) else None,
        threshold=draw(st.sampled_from([None, 0.01, 0.5, 0.99])),
        inputs=inputs if draw(st.booleans()) else None,
        training_subjects=[1, 2] if draw(st.booleans()) else None,
        probe=Probe(score=lambda x: np.full(len(x), 0.5), inputs=inputs) if draw(st.booleans()) else None,
    )


def sane(evidence: tuple[Evidence, ...]) -> None:
    """Every finding has a reason; its numbers are numbers, in order; a pass or fail never lacks rows."""
    for one in evidence:
        assert one.findings
        assert one.reason
        for f in one.findings:
            assert f.reason
            for value in (f.estimate, f.low, f.high, f.smallest_gap):
                assert value is None or math.isfinite(value)
            if f.low is not None and f.high is not None and f.estimate is not None:
                assert f.low - 1e-9 <= f.estimate <= f.high + 1e-9
        assert one.verdict in tuple(Verdict)


@pytest.mark.slow
@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(cohorts())
def test_any_cohort_gets_an_answer(cohort: Cohort) -> None:
    """No cohort, however degenerate, makes a check raise, and no number in a finding is NaN."""
    evidence = examine(cohort, Requirements(draws=50))
    assert [e.check for e in evidence] == list(CHECKS)
    sane(evidence)
    if cohort.n < 3:
        assert all(
            e.verdict is not Verdict.PASS for e in evidence if e.check in ("discrimination", "calibration", "fairness")
        )


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.integers(-2, 3), st.floats(), st.none(), st.text(max_size=2)), max_size=6),
    st.lists(st.one_of(st.floats(), st.none(), st.text(max_size=2)), max_size=6),
)
def test_any_columns_are_taken_or_refused_with_a_path(outcome: list[object], score: list[object]) -> None:
    """Arbitrary columns give a cohort or `Invalid` with a path."""
    path = "taken"
    try:
        Cohort(outcome=outcome, score=score)  # type: ignore[arg-type]
    except Invalid as error:
        path = error.path
    assert path


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 1_000), st.permutations(range(200)))
@pytest.mark.slow
def test_order_of_rows_changes_nothing(seed: int, order: list[int]) -> None:
    """Estimates do not depend on the order of rows."""
    rng = np.random.default_rng(seed)
    y, s = (rng.random(200) < 0.3).astype(float), np.round(rng.random(200), 2)
    groups = pd.DataFrame({"g": rng.choice(["a", "b"], 200)})
    names = ["thresholds", "fairness"]
    one = examine(Cohort(outcome=y, score=s, groups=groups, threshold=0.5), checks=names)
    moved = groups.iloc[order].reset_index(drop=True)
    two = examine(Cohort(outcome=y[order], score=s[order], groups=moved, threshold=0.5), checks=names)
    for a, b in zip(one, two, strict=True):
        for f, g in zip(a.findings, b.findings, strict=True):
            assert (f.check, f.group, f.verdict, f.n) == (g.check, g.group, g.verdict, g.n)
            assert (f.estimate is None) == (g.estimate is None)
            assert abs((f.estimate or 0.0) - (g.estimate or 0.0)) < 1e-9
