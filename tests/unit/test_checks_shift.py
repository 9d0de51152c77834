"""Drift over time is found and told in the right size; other mixes of patients are those that sampling them gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.robustness.reweighting import reweighted, tilts
from bedrail.checks.robustness.shift import time_place, trend_of_odds
from bedrail.core.values import Evidence, Finding, Verdict

GUARDS = ("shift",)


def cohort(seed: int, n: int = 12_000, *, drift: float = 0.0, age: float = 0.0, blind: bool = False) -> Cohort:
    """True odds leave the score's by exp(`drift`) over the time, and by exp(`age`) per SD of age."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(60, 10, n), "sex": rng.choice(["f", "m"], n)})
    time, logit = rng.uniform(0, 1_000, n), -2.0 + rng.normal(size=n)
    true = logit + drift * time / 1_000 + age * (frame["age"] - 60) / 10
    outcome = (rng.random(n) < 1 / (1 + np.exp(-true))).astype(float)
    score = 1 / (1 + np.exp(-logit))
    if blind:
        late = np.flatnonzero(time > 500)
        score[late] = score[rng.permutation(late)]
    return Cohort(outcome=outcome, score=score, inputs=frame, time=time, threshold=0.2)


def ask(one: Cohort, **numbers: Any) -> Evidence:
    (evidence,) = examine(one, Requirements(**numbers), checks=["shift"])
    return evidence


def finding(evidence: Evidence, name: str, group: str | None = None) -> Finding:
    (found,) = [f for f in evidence.findings if f.check == f"shift.{name}" and group in (None, f.group)]
    return found


def test_a_stable_score_passes_with_a_figure_for_each_period() -> None:
    """Four periods with intervals, both trends within tolerance, every other mix near what it is."""
    evidence = ask(cohort(1))
    assert evidence.verdict is Verdict.PASS
    assert [f.group for f in evidence.findings if f.check == "shift.auroc"] == [
        f"period={k} of 4" for k in (1, 2, 3, 4)
    ]
    assert all(f.n == 3_000 for f in evidence.findings if f.check == "shift.observed-to-expected")
    assert {f.group for f in evidence.findings if f.check == "shift.other-patients"} == {"column=age", "column=sex"}


@pytest.mark.parametrize("drift", [0.8, -0.8])
def test_drifting_calibration_fails_with_the_right_factor(drift: float) -> None:
    """Odds that grow (fall) by exp(0.8) over the data: the interval of the factor holds the truth."""
    found = finding(evidence := ask(cohort(2, drift=drift)), "calibration-trend")
    assert evidence.verdict is Verdict.FAIL
    assert found.verdict is Verdict.FAIL
    assert found.low is not None
    assert found.high is not None
    assert found.low <= np.exp(drift) <= found.high


def test_ranking_that_is_lost_half_way_fails() -> None:
    """Scores shuffled in the later half: the AUROC falls, and the trend says by how much."""
    found = finding(ask(cohort(3, blind=True)), "ranking-trend")
    assert found.verdict is Verdict.FAIL
    assert found.estimate is not None
    assert found.estimate < -0.15


def test_a_score_blind_to_age_would_fail_in_older_patients() -> None:
    """The reweighted O/E is that of a population really drawn older, half an SD."""
    one = cohort(4, age=0.9)
    found = finding(ask(one), "other-patients", "column=age")
    assert found.verdict is Verdict.FAIL
    rng, n = np.random.default_rng(5), 400_000
    logit, z = -2.0 + rng.normal(size=n), rng.normal(size=n)
    risk, real = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-(logit + 0.9 * z)))
    side = 0.5 if "higher" in found.reason else -0.5
    older = 1 / (1 + np.exp(-(logit + 0.9 * (z + side))))
    truth = (older.sum() / risk.sum()) / (real.sum() / risk.sum())
    assert found.low is not None
    assert found.high is not None
    assert found.low <= truth <= found.high


def test_the_trend_is_that_of_a_logistic_regression_with_offset() -> None:
    """Slope and sandwich error agree with statsmodels, plain and clustered by patient."""
    import statsmodels.api as sm

    one = cohort(6, 3_000, drift=0.5)
    place = time_place(one.time)  # type: ignore[arg-type]
    assert place is not None
    who = np.arange(3_000) // 3
    design, offset = sm.add_constant(place), np.log(one.score / (1 - one.score))
    model = sm.GLM(one.outcome, design, family=sm.families.Binomial(), offset=offset)
    plain, clustered = model.fit(cov_type="HC0"), model.fit(cov_type="cluster", cov_kwds={"groups": who})
    for clusters, fit in ((None, plain), (who, clustered)):
        found = trend_of_odds(one.outcome, one.score, place, clusters)
        assert found is not None
        assert found[0] == pytest.approx(fit.params[1], rel=1e-6)
        assert found[1] == pytest.approx(fit.bse[1], rel=0.01)


def test_the_error_of_a_reweighted_ratio_is_that_of_the_bootstrap() -> None:
    """Linearised standard error within 15 % of 400 bootstrap draws; weights have the mean that was asked."""
    one = cohort(7, 3_000, age=0.5)
    assert one.inputs is not None
    tilt = next(iter(tilts(one.inputs)))
    z = (one.inputs["age"] - one.inputs["age"].mean()) / one.inputs["age"].std(ddof=0)
    assert np.average(z, weights=tilt.weights) == pytest.approx(0.5, abs=1e-6)
    ratio, error = reweighted(one.outcome, one.score, tilt.weights, None)
    rng = np.random.default_rng(8)
    draws = []
    for _ in range(400):
        at = rng.integers(0, one.n, one.n)
        draws.append(np.log(reweighted(one.outcome[at], one.score[at], tilt.weights[at], None)[0]))
    assert error == pytest.approx(np.std(draws), rel=0.15)
    assert np.log(ratio) == pytest.approx(np.mean(draws), abs=0.02)


def test_what_time_and_inputs_cannot_tell_is_missing() -> None:
    """No times, one time, few outcomes, no inputs: missing by name, no crash; one row too."""
    one = cohort(9, 300)
    bare = Cohort(outcome=one.outcome, score=one.score)
    assert ask(bare).verdict is Verdict.MISSING
    same = Cohort(outcome=one.outcome, score=one.score, time=np.zeros(300))
    assert "same time" in ask(same).reason + " ".join(f.reason for f in ask(same).findings)
    none = Cohort(outcome=np.zeros(300), score=one.score, time=one.time, inputs=one.inputs)
    assert {f.verdict for f in ask(none).findings if "trend" in f.check or f.check == "shift"} == {Verdict.MISSING}
    assert ask(Cohort(outcome=[1.0], score=[0.5])).verdict is Verdict.MISSING
    assert ask(one).verdict in (Verdict.MISSING, Verdict.PASS)
    dated = Cohort(outcome=one.outcome, score=one.score, time=pd.date_range("2026-01-01", periods=300).to_numpy())
    assert finding(ask(dated), "calibration-trend").n == 300


@pytest.mark.slow
def test_stable_scores_are_failed_within_the_promised_rate() -> None:
    """200 stable cohorts of 3,000: the trends and mixes fail at most 6 of them (tolerances make it rarer than 6 %)."""
    failed = sum(ask(cohort(100 + seed, 3_000)).verdict is Verdict.FAIL for seed in range(200))
    assert failed <= 6
