"""Estimates of outcomes of two classes against R (frozen), scikit-learn, statsmodels and defining formulas."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, binomtest
from sklearn import metrics

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.binning import brier
from bedrail.checks.comparison import auroc_difference
from bedrail.checks.curves import curves
from bedrail.checks.discrimination import auroc, hanley_mcneil
from bedrail.checks.estimates.combining import Part, combined, few_valued_mean
from bedrail.checks.estimates.measures import MEASURES, estimate
from bedrail.checks.estimates.precision import influence
from bedrail.checks.estimates.recalibrated import intercept_and_slope, logits, recalibration
from bedrail.checks.intervals import exact_limits, near_edges, wilson
from bedrail.core.errors import Invalid
from bedrail.core.values import Verdict

GUARDS = {
    "discrimination": ("r_s_proc", "influence", "hanley", "every_estimate"),
    "baseline": ("r_s_proc",),
    "calibration": ("profile", "clustered_slope", "every_estimate", "bias", "tenths"),
    "thresholds": ("edges", "every_estimate"),
    "net-benefit": ("not_seen", "decision_curve"),
    "summary-scores": ("scikit_learn", "recovered", "bias", "summary", "every_estimate", "repeating", "tenths"),
}
PLACE = Path(__file__).resolve().parents[1] / "data" / "estimates"
SAID = json.loads((PLACE / "r_values.json").read_text(encoding="utf-8"))
T = 0.3


def sample() -> tuple[np.ndarray, ...]:
    with (PLACE / "sample.csv").open(encoding="utf-8") as file:
        rows = [
            (int(r["patient"]), float(r["outcome"]), float(r["score"]), float(r["rival"])) for r in csv.DictReader(file)
        ]
    return tuple(np.array(column) for column in zip(*rows, strict=True))


PATIENT, Y, S, RIVAL = sample()
COHORT = Cohort(outcome=Y, score=S, baseline=RIVAL, threshold=T)


def test_auroc_its_variance_and_paired_difference_are_r_s_proc() -> None:
    """AUROC, DeLong's variance and the z of the paired difference are those of R's pROC."""
    found = auroc(Y, S)
    assert found is not None
    assert found.estimate == pytest.approx(SAID["auroc"], abs=1e-12)
    assert found.error**2 == pytest.approx(SAID["auroc_variance"], rel=1e-9)
    gap = auroc_difference(Y, S, RIVAL, None, 0.95)
    assert gap is not None
    assert gap[0] / gap[3] == pytest.approx(SAID["z"], rel=1e-9)


def test_intercept_and_slope_have_r_s_profile_likelihood() -> None:
    """Intercept and slope are those of R's glm; the slope's interval, with few cases, is that of its confint."""
    for rows, name in ((np.arange(300), "profile"), (np.arange(120), "few_profile")):
        found = intercept_and_slope(Y[rows], S[rows], None, 0.95)
        assert found is not None
        ratio = found[1].error / np.sqrt(model_variance(Y[rows], S[rows]))
        if ratio <= 1:
            assert (found[1].low, found[1].high) == pytest.approx(SAID[name], abs=2e-3)
        else:  # the sandwich asks for more than the model: our interval holds R's
            assert found[1].low <= SAID[name][0] + 2e-3
            assert found[1].high >= SAID[name][1] - 2e-3
    assert found[0].low < found[0].estimate < found[0].high
    full = recalibration(Y, S, None, 0.95)
    assert full is not None
    assert (full[0].estimate, full[1].estimate) == pytest.approx((SAID["intercept"], SAID["slope"]), abs=1e-6)
    assert SAID["val_slope"] == pytest.approx(full[1].estimate, abs=1e-6)


def model_variance(y: np.ndarray, s: np.ndarray) -> float:
    import statsmodels.api as sm

    fit = sm.GLM(y, sm.add_constant(logits(s)), family=sm.families.Binomial()).fit()
    return float(fit.cov_params()[1, 1])


def test_the_clustered_slope_error_is_that_of_r_s_robcov() -> None:
    """With two rows a patient the sandwich is that of rms::robcov."""
    found = recalibration(Y, S, PATIENT.astype(np.int64), 0.95)
    assert found is not None
    assert found[1].error == pytest.approx(SAID["clustered_error"], rel=1e-5)


def test_every_estimate_is_scikit_learn_s_or_the_defining_formula() -> None:
    """Brier, log loss, F1, balanced accuracy, MCC, average precision and the rates agree with scikit-learn to 1e-9."""
    alert = S >= T
    tn, fp, fn, tp = metrics.confusion_matrix(Y, alert).ravel()
    rate = Y.mean()
    odds = T / (1 - T)
    told = {
        "auroc": metrics.roc_auc_score(Y, S),
        "auprc": metrics.average_precision_score(Y, S),
        "brier": metrics.brier_score_loss(Y, S),
        "brier-skill": 1 - metrics.brier_score_loss(Y, S) / (rate * (1 - rate)),
        "log-loss": metrics.log_loss(Y, S),
        "log-skill": metrics.d2_log_loss_score(Y, S),
        "f1": metrics.f1_score(Y, alert),
        "balanced-accuracy": metrics.balanced_accuracy_score(Y, alert),
        "mcc": metrics.matthews_corrcoef(Y, alert),
        "sensitivity": metrics.recall_score(Y, alert),
        "specificity": tn / (tn + fp),
        "ppv": metrics.precision_score(Y, alert),
        "npv": tn / (tn + fn),
        "alert-rate": alert.mean(),
        "number-needed-to-evaluate": (tp + fp) / tp,
        "observed-to-expected": Y.sum() / S.sum(),
        "net-benefit": (tp - fp * odds) / 300,
        "net-benefit-over-all": (tp - fp * odds) / 300 - (rate - (1 - rate) * odds),
        "uncertainty": rate * (1 - rate),
    }
    for name, value in told.items():
        found = estimate(name, COHORT)
        assert found is not None, name
        assert found.estimate == pytest.approx(value, abs=1e-9), name
    for name in MEASURES:
        found = estimate(name, COHORT)
        assert found is not None, name
        assert found.low <= found.estimate <= found.high, name
        assert found.low < found.high, name
    with pytest.raises(Invalid):
        estimate("accuracy", COHORT)


def test_repeating_every_row_of_a_patient_does_not_narrow_an_interval() -> None:
    """Each row thrice under one patient: every interval stays at least as wide, to 5 % (drawn ones to 15 %)."""
    thrice = Cohort(
        outcome=np.repeat(Y, 3), score=np.repeat(S, 3), baseline=np.repeat(RIVAL, 3), threshold=T,
        subject=np.repeat(np.arange(300), 3),
    )  # fmt: skip
    for name in MEASURES:
        once, again = estimate(name, COHORT), estimate(name, thrice)
        assert once is not None
        assert again is not None
        slack = 0.85 if name in ("reliability", "resolution", "calibration-error") else 0.95
        assert again.high - again.low >= slack * (once.high - once.low), name


def test_influence_of_average_precision_is_the_change_when_a_row_weighs_more() -> None:
    """The influence of a row is the derivative of average precision along its weight, by finite differences."""
    rng = np.random.default_rng(3)
    s = rng.integers(0, 12, 60) / 12
    y = (rng.random(60) < 0.4).astype(float)
    area, pulls = influence(y, s)
    assert abs(pulls.mean()) < 1e-12
    for row in (0, 7, 31):
        weights = np.ones(60)
        weights[row] += 1e-6
        moved = metrics.average_precision_score(y, s, sample_weight=weights)
        assert (moved - area) / 1e-6 == pytest.approx(pulls[row] / 60, abs=1e-5)


def test_the_score_interval_of_few_cases_inverts_hanley_and_mcneil() -> None:
    """At both limits the estimate lies exactly z standard errors of that limit away; the variance is that of draws."""
    rng = np.random.default_rng(0)
    above = rng.exponential(3.0, (4_000, 8))[:, :, None] > rng.exponential(1.0, (4_000, 20))[:, None, :]
    assert above.mean(axis=(1, 2)).var() == pytest.approx(hanley_mcneil(0.75, 8, 20), rel=0.08)
    y = np.r_[np.ones(6), np.zeros(150)]
    found = auroc(y, expit(rng.normal(size=156) + y))
    assert found is not None
    for limit in found.interval(0.95):
        assert abs(found.estimate - limit) == pytest.approx(1.959964 * np.sqrt(hanley_mcneil(limit, 6, 150)), rel=1e-4)


def test_one_to_three_hits_or_misses_have_poisson_limits_near_the_edges() -> None:
    """One hit in a hundred: Brown, Cai and DasGupta's limit -log(0.95)/n below, Wilson's above; mirrored at one."""
    low, high = near_edges(0.01, 100, 0.95)
    assert low == pytest.approx(-np.log(0.95) / 100, rel=1e-9)
    assert high == wilson(0.01, 100, 0.95)[1]
    assert near_edges(0.99, 100, 0.95) == pytest.approx((1 - high, 1 - low))
    assert near_edges(0.3, 100, 0.95) == wilson(0.3, 100, 0.95)


def test_limits_far_out_are_exact() -> None:
    """Against scipy's Clopper and Pearson; of 12 rows at 0.9, Wilson's limit at 99.97 % breaks 20 times too often."""
    for hits, n in ((0, 12), (7, 12), (12, 12), (56, 70)):
        told = binomtest(hits, n).proportion_ci(0.9997, "exact")
        assert exact_limits(hits / n, n, 0.9997) == pytest.approx((told.low, told.high))
    chances = binom.pmf(np.arange(13), 12, 0.9)
    broken = {
        limits.__name__: sum(p for k, p in enumerate(chances) if limits(k / 12, 12, 0.9997)[1] < 0.9)
        for limits in (exact_limits, wilson)
    }
    assert broken["exact_limits"] <= 0.00015 < 0.003 < broken["wilson"]
    assert exact_limits(0.5, 0, 0.95) == (0.0, 1.0)


def test_limits_of_parts_are_recovered_into_newcombes_difference() -> None:
    """56/70 less 48/80 by recovered limits is Newcombe's published 0.0524 to 0.3339."""
    parts = tuple(Part(k / n, *wilson(k / n, n, 0.95)) for k, n in ((56, 70), (48, 80)))
    found = combined(lambda a, b: a - b, parts, 0.95)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_kind_that_was_not_seen_still_widens_net_benefit() -> None:
    """Alerts without a single true one: the upper limit leaves room for some, where a plain mean's would not."""
    found = few_valued_mean(np.r_[np.full(20, -0.25), np.zeros(180)], np.array([1.0, -0.25]), None, 0.95)
    assert found.estimate == pytest.approx(-0.025)
    assert found.high > -0.025 + 0.015


def test_bias_is_taken_out_of_gaps_that_cannot_be_negative() -> None:
    """For true risks the corrected ECE and reliability are 0 or nearly so with an interval from 0; plug-ins are not."""
    rng = np.random.default_rng(4)
    s = expit(rng.normal(size=800) - 1.5)
    y = (rng.random(800) < s).astype(float)
    cohort = Cohort(outcome=y, score=s)
    plain = brier(y, s)
    error, reliable, resolved = (estimate(n, cohort) for n in ("calibration-error", "reliability", "resolution"))
    assert error is not None
    assert reliable is not None
    assert resolved is not None
    assert error.low == reliable.low == 0.0
    assert reliable.estimate < 0.5 * plain.reliability
    assert resolved.estimate < plain.resolution
    halves = np.clip(s * 2, 0, 1)
    wrong = estimate("calibration-error", Cohort(outcome=y, score=halves))
    assert wrong is not None
    assert wrong.low > 0.1


def test_tenths_of_the_score_want_ten_patients_of_each_outcome() -> None:
    """ECE, reliability and resolution are told from ten patients of each outcome on, not from ten rows."""
    rng = np.random.default_rng(4)
    score, outcome = rng.uniform(0.01, 0.2, 300), np.zeros(300)
    outcome[:10] = 1
    alone, twice = Cohort(outcome=outcome, score=score), np.arange(300) // 2
    repeated = Cohort(outcome=outcome, score=score, subject=twice)
    turned = Cohort(outcome=1 - outcome, score=1 - score, subject=twice)
    for name in ("calibration-error", "reliability", "resolution"):
        assert estimate(name, alone) is not None
        assert estimate(name, repeated) is None
        assert estimate(name, turned) is None
    evidence = examine(repeated, Requirements(), checks=("calibration",))
    missing = next(f for f in evidence[0].findings if f.check == "calibration.expected-error")
    assert missing.verdict is Verdict.MISSING
    assert "ten bins" in missing.reason


def test_summary_scores_pass_fail_and_miss() -> None:
    """True risks pass; noise fails the log skill; bounds fail or cannot be told; no outcome is missing."""
    rng = np.random.default_rng(5)
    s = expit(1.5 * rng.normal(size=4_000) - 1)
    y = (rng.random(4_000) < s).astype(float)

    def ask(cohort: Cohort, **numbers: float) -> dict[str, Verdict]:
        (evidence,) = examine(cohort, Requirements(**numbers), checks=["summary-scores"])  # type: ignore[arg-type]
        return {f.check.split(".")[1]: f.verdict for f in evidence.findings}

    assert set(ask(Cohort(outcome=y, score=s, threshold=T)).values()) == {Verdict.PASS}
    noise = ask(Cohort(outcome=y, score=rng.permutation(s), threshold=T))
    assert noise["log-skill"] is Verdict.FAIL
    asked = ask(Cohort(outcome=y, score=s, threshold=T), min_f1=0.9, max_brier=0.01)
    assert (asked["f1"], asked["brier"], asked["log-loss"]) == (Verdict.FAIL, Verdict.FAIL, Verdict.PASS)
    nobody = ask(Cohort(outcome=np.zeros(50), score=s[:50], threshold=T))
    assert nobody["mcc"] is nobody["brier"] is Verdict.MISSING
    assert set(ask(Cohort(outcome=np.zeros(0), score=np.zeros(0))).values()) == {Verdict.MISSING}


def test_the_decision_curve_carries_its_limits() -> None:
    """Each point of the decision curve lies within its limits, which rows of one patient widen."""
    single = curves(COHORT).benefit
    twice = curves(Cohort(outcome=np.repeat(Y, 2), score=np.repeat(S, 2), subject=np.repeat(np.arange(300), 2)))
    for row in (*single, *twice.benefit):
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.score <= row.high
    alike = [(a, b) for a, b in product(single, twice.benefit) if a.threshold == b.threshold]
    assert all(b.high - b.low >= 0.95 * (a.high - a.low) for a, b in alike)  # type: ignore[operator]
