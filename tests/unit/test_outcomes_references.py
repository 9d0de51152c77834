"""Estimators of other outcomes against R, scikit-survival, scikit-learn, lifelines, statsmodels and plain counting."""

from __future__ import annotations

from math import log, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from bedrail.checks.outcomes import multiclass as classes
from bedrail.checks.outcomes import regression as numbers
from bedrail.checks.outcomes import survival as times
from bedrail.checks.outcomes.censoring import Censoring, incidence, weighted_at
from bedrail.checks.outcomes.dominance import ordered_pairs
from bedrail.checks.outcomes.estimates import mean_of

GUARDS = {
    "multiclass-discrimination": ("areas_agree", "every_pull"),
    "multiclass-predictions": ("kappa", "f1"),
    "multiclass-calibration": ("losses_of_classes", "every_pull"),
    "regression-accuracy": ("errors_agree", "median", "halls"),
    "regression-calibration": ("line_agrees",),
    "regression-ranking": ("concordance_of_numbers", "pairs"),
    "survival-competing-events": ("incidence",),
    "survival-discrimination": ("concordance_of_times", "auc_agrees", "pairs", "every_pull"),
    "survival-calibration": ("brier", "slope", "without_censoring", "every_pull", "risks_imply"),
    "survival-net-benefit": ("without_censoring", "every_pull"),
}
FOLDER = Path(__file__).resolve().parents[1] / "data" / "outcomes"
SAID = {(r.program, r.figure): r.value for r in pd.read_csv(FOLDER / "reference.csv").itertuples()}
S = pd.read_csv(FOLDER / "survival.csv")
M = pd.read_csv(FOLDER / "multiclass.csv")
T, E, SCORE = S.time.to_numpy(), S.event.to_numpy(), S.score.to_numpy()
ONE = np.where(E == 1, 1, 0)
Y, P = M.outcome.to_numpy(), M[["p0", "p1", "p2"]].to_numpy()
P = P / P.sum(axis=1, keepdims=True)


def drawn(n: int = 400, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.gamma(2, 2, n)
    return rng.gamma(2, score / 2), np.round(score, 1)


def test_incidence_and_its_error_are_those_of_r_with_ties() -> None:
    """Kaplan-Meier with Greenwood's error and Aalen-Johansen with its error equal survfit and cuminc to 1e-9."""
    for event, name in ((ONE, "km"), (E, "aj")):
        for t, one in zip((4, 8), incidence(T, event, [4.0, 8.0]), strict=True):
            assert one.share.estimate == pytest.approx(SAID["survival", f"{name}-{t}"], abs=1e-9)
            plain = sqrt(float(np.sum(one.share.pulls**2)))
            assert plain == pytest.approx(SAID["survival", f"{name}-se-{t}"], rel=1e-6 if name == "km" else 0.01)
            assert abs(one.share.pulls.sum()) < 1e-12
    assert incidence(T, E, [8.0])[0].share.estimate == pytest.approx(SAID["cmprsk", "aj-8"], abs=1e-9)


def test_concordance_of_times_is_that_of_r_and_scikit_survival() -> None:
    """Harrell's C and its error equal survival::concordance, Uno's C equals it with time weight n/G2, ties included."""
    import lifelines.utils

    harrell = times.concordance(T, ONE, SCORE, np.inf)
    assert harrell is not None
    assert harrell.estimate == pytest.approx(SAID["survival", "harrell"], abs=1e-9)
    assert harrell.estimate == pytest.approx(SAID["scikit-survival", "harrell"], abs=1e-9)
    assert harrell.estimate == pytest.approx(lifelines.utils.concordance_index(T, -SCORE, ONE), abs=1e-9)
    assert harrell.error == pytest.approx(SAID["survival", "harrell-se"], rel=0.02)
    uno = times.concordance(T, ONE, SCORE, np.inf, censoring=Censoring.of(T, ONE))
    assert uno is not None
    assert uno.estimate == pytest.approx(SAID["survival", "uno"], abs=2e-3)
    apart = T - 0.001 * ONE + 1e-6 * np.arange(len(T))
    uno = times.concordance(apart, ONE, SCORE, 8.0, censoring=Censoring.of(apart, ONE))
    assert uno is not None
    assert uno.estimate == pytest.approx(SAID["scikit-survival", "untied-uno-8"], abs=1e-9)


@pytest.mark.parametrize("t", [4, 8])
def test_auc_agrees_with_riskregression_and_scikit_survival(t: int) -> None:
    """Cumulative/dynamic AUC and its error, alone and with competing events as controls."""
    risk = S[f"risk{t}"].to_numpy()
    for name, event in (("single", ONE), ("rival", E)):
        area = times.auc_at(weighted_at(T, event, float(t)), risk)
        assert area is not None
        assert area.estimate == pytest.approx(SAID["riskRegression", f"{name}-auc-{t}"], abs=1e-6)
        assert area.error == pytest.approx(SAID["riskRegression", f"{name}-auc-se-{t}"], rel=0.02)
    apart = T - 0.001 * ONE + 1e-6 * np.arange(len(T))
    area = times.auc_at(weighted_at(apart, ONE, float(t)), risk)
    assert area is not None
    assert area.estimate == pytest.approx(SAID["scikit-survival", f"untied-auc-{t}"], abs=1e-9)


@pytest.mark.parametrize("t", [4, 8])
def test_brier_and_slope_agree_with_r(t: int) -> None:
    """The IPCW Brier score with its error equals riskRegression's, the weighted cloglog slope equals that of glm."""
    risk = S[f"risk{t}"].to_numpy()
    for name, event in (("single", ONE), ("rival", E)):
        score = times.brier_at(weighted_at(T, event, float(t)), risk)
        assert score.estimate == pytest.approx(SAID["riskRegression", f"{name}-brier-{t}"], abs=1e-6)
        assert score.error == pytest.approx(SAID["riskRegression", f"{name}-brier-se-{t}"], rel=0.02)
    fits = times.slope_at(weighted_at(T, E, float(t)), risk)
    assert fits is not None
    assert fits[1].estimate == pytest.approx(SAID["stats", f"rival-slope-{t}"], abs=1e-5)
    assert fits[0].estimate == pytest.approx(SAID["stats", f"rival-intercept-{t}"], abs=1e-5)


def test_the_integrated_brier_score_is_that_of_scikit_survival() -> None:
    """By trapezia from the first horizon to the last, divided by that time."""
    apart, grid = T - 0.001 * ONE + 1e-6 * np.arange(len(T)), [2.0, 4.0, 6.0, 8.0]
    scores = [times.brier_at(weighted_at(apart, ONE, t), 1 - (1 - S.risk8.to_numpy()) ** (t / 8)) for t in grid]
    for t, one in zip(grid, scores, strict=True):
        assert one.estimate == pytest.approx(SAID["scikit-survival", f"untied-brier-{t:g}"], abs=1e-9)
    whole = times.integrated(scores, grid)
    assert whole.estimate == pytest.approx(SAID["scikit-survival", "untied-integrated-brier"], abs=1e-9)


def test_the_error_that_risks_imply_is_the_spread_of_the_skill_when_they_are_true() -> None:
    """Drawn from the risks themselves, the Brier skill of one horizon and the integrated one spread as implied."""
    rng = np.random.default_rng(8)
    horizons, n = [4.0, 8.0, 12.0], 1_500
    risks = [1 - np.exp(-t * 0.004 * np.exp(rng.normal(size=n))) if t == 4 else np.zeros(n) for t in horizons]
    risks[1:] = [1 - (1 - risks[0]) ** k for k in (2, 3)]
    weights = [float(w) for w in times.horizon_weights(horizons)]
    skills, implied = [], []
    for _ in range(150):
        luck = rng.random(n)
        until = np.select([luck < p for p in risks], [3.0, 7.0, 11.0], 20.0)
        event = (until < 20).astype(np.int64)
        statuses = [weighted_at(until, event, t) for t in horizons]
        rates = [float(one.case.mean()) for one in statuses]
        own = [times.brier_at(one, p) for one, p in zip(statuses, risks, strict=True)]
        flat = [times.brier_at(one, np.full(n, rate)) for one, rate in zip(statuses, rates, strict=True)]
        single = times.skill_of(own[0], flat[0])
        whole = times.skill_of(times.integrated(own, horizons), times.integrated(flat, horizons))
        assert single is not None
        assert whole is not None
        skills.append((single.estimate, whole.estimate))
        each = times.implied_error(statuses[:1], risks[:1], rates[:1], [1.0], single)
        implied.append((each, times.implied_error(statuses, risks, rates, weights, whole)))
        low, high = times.skill_limits(single, each, 0.95)
        assert min(single.estimate - low, high - single.estimate) >= 1.95996 * max(each, single.error) * 0.999
    assert np.mean(implied, axis=0) == pytest.approx(np.std(skills, axis=0), rel=0.18)


def test_without_censoring_time_is_yes_or_no() -> None:
    """With everybody followed, AUC, Brier, O/E and net benefit at a horizon are those of the binary outcome by then."""
    time, event = np.where(E == 0, 99.0, T), E
    happened, risk = ((time <= 8) & (event == 1)).astype(float), S.risk8.to_numpy()
    status = weighted_at(time, event, 8.0)
    area, brier = times.auc_at(status, risk), times.brier_at(status, risk)
    assert area is not None
    assert area.estimate == pytest.approx(metrics.roc_auc_score(happened, risk))
    assert brier.estimate == pytest.approx(metrics.brier_score_loss(happened, risk))
    (seen,) = incidence(time, event, [8.0])
    assert seen.share.estimate == pytest.approx(happened.mean())
    model, over = times.benefit_at(status, risk, 0.4)
    acted = risk >= 0.4
    by_hand = (happened * acted).mean() - ((1 - happened) * acted).mean() * 0.4 / 0.6
    assert model.estimate == pytest.approx(by_hand)
    everyone = happened.mean() - (1 - happened.mean()) * 0.4 / 0.6
    assert over.estimate == pytest.approx(by_hand - everyone)


@pytest.mark.slow
def test_every_pull_of_a_time_is_that_of_leaving_the_patient_out() -> None:
    """The error from pulls, that through the weights included, is the jackknife's for each estimator of times."""
    rows = np.arange(300)
    t, e, s, r = T[rows], E[rows], SCORE[rows], S.risk8.to_numpy()[rows]

    def at(k: np.ndarray):  # type: ignore[no-untyped-def]
        status = weighted_at(t[k], e[k], 6.0)
        return (
            times.concordance(t[k], e[k], s[k], 8.0, censoring=Censoring.of(t[k], e[k])),
            times.concordance(t[k], e[k], s[k], 8.0),
            times.auc_at(status, s[k]),
            times.brier_at(status, r[k]),
            times.slope_at(status, r[k])[1],  # type: ignore[index]
            *times.benefit_at(status, r[k], 0.4),
            incidence(t[k], e[k], [6.0])[0].share,
        )

    whole = at(rows)
    left = np.array([[one.estimate for one in at(np.delete(rows, k))] for k in rows])
    jackknife = np.sqrt((len(rows) - 1) / len(rows) * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    for one, error in zip(whole, jackknife, strict=True):
        assert abs(one.pulls.sum()) < 1e-9
        assert one.error == pytest.approx(error, rel=0.08)


@pytest.mark.slow
def test_every_pull_of_a_class_is_that_of_leaving_the_row_out() -> None:
    """Likewise for the estimators of classes and numbers."""
    rows = np.arange(150)
    y, p = Y[rows], P[rows]
    said, (outcome, score) = p.argmax(axis=1), drawn(150)

    def at(k: np.ndarray):  # type: ignore[no-untyped-def]
        areas = classes.one_against_rest(y[k], p[k], 3, None)
        reference = classes.share_losses(y[k], 3)
        line = numbers.recalibration_line(outcome[k], score[k], np.arange(len(k)))
        error = score[k] - outcome[k]
        return (
            classes.macro_auroc(areas, y[k], None),
            classes.macro_auroc(areas, y[k], None, weighted=True),
            classes.pairwise_auroc(y[k], p[k], 3, None),
            classes.kappa(y[k], said[k], 3, None, quadratic=True),
            classes.balanced_accuracy(y[k], said[k], 3, None),
            classes.macro_f1(y[k], said[k], 3, None),
            classes.skill(classes.brier_rows(y[k], p[k]), reference[0], None),
            classes.skill(classes.log_loss_rows(y[k], p[k]), reference[1], None),
            numbers.concordance(outcome[k], score[k], None),
            numbers.root_mean_square(error, None),
            numbers.relative(error**2, (outcome[k] - outcome[k].mean()) ** 2, None),
            line.slope,  # type: ignore[union-attr]
        )

    whole = at(rows)
    left = np.array([[one.estimate for one in at(np.delete(rows, k))] for k in rows])  # type: ignore[union-attr]
    jackknife = np.sqrt((len(rows) - 1) / len(rows) * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    for one, error in zip(whole, jackknife, strict=True):
        assert one is not None
        assert one.error == pytest.approx(error, rel=0.08)


def test_areas_agree_with_scikit_learn_and_proc() -> None:
    """Macro, weighted and pairwise AUROC equal roc_auc_score, the pairwise one also pROC's multiclass.roc."""
    areas = classes.one_against_rest(Y, P, 3, None)
    for weighted, average in ((False, "macro"), (True, "weighted")):
        ours = classes.macro_auroc(areas, Y, None, weighted=weighted).estimate
        assert ours == pytest.approx(metrics.roc_auc_score(Y, P, multi_class="ovr", average=average))
    pairwise = classes.pairwise_auroc(Y, P, 3, None)
    assert pairwise is not None
    assert pairwise.estimate == pytest.approx(metrics.roc_auc_score(Y, P, multi_class="ovo"))
    assert pairwise.estimate == pytest.approx(SAID["pROC", "pairwise-auroc"], abs=1e-6)


def test_kappa_f1_and_balanced_accuracy_agree() -> None:
    """Kappa equals psych, with its error statsmodels; F1 and balanced accuracy equal scikit-learn."""
    from statsmodels.stats.inter_rater import cohens_kappa

    said = P.argmax(axis=1)
    table = classes.confusion_of(Y, said, 3)
    for quadratic, name, weights in ((False, "kappa", None), (True, "quadratic-kappa", "fc")):
        ours = classes.kappa(Y, said, 3, None, quadratic=quadratic)
        assert ours is not None
        assert ours.estimate == pytest.approx(SAID["psych", name], abs=1e-9)
        theirs = cohens_kappa(table, wt=weights)
        assert ours.error == pytest.approx(sqrt(theirs.var_kappa), rel=0.01)
        assert ours.estimate == pytest.approx(
            metrics.cohen_kappa_score(Y, said, weights="quadratic" if quadratic else None)
        )
    assert classes.macro_f1(Y, said, 3, None).estimate == pytest.approx(metrics.f1_score(Y, said, average="macro"))
    balanced = classes.balanced_accuracy(Y, said, 3, None).estimate
    assert balanced == pytest.approx(metrics.balanced_accuracy_score(Y, said))


def test_losses_of_classes_agree_with_scikit_learn() -> None:
    """Log loss equals log_loss; the Brier score of two classes is twice that of one of them."""
    assert classes.log_loss_rows(Y, P).mean() == pytest.approx(metrics.log_loss(Y, P))
    two, score = (Y > 0).astype(np.int64), np.column_stack((P[:, 0], 1 - P[:, 0]))
    assert classes.brier_rows(two, score).mean() == pytest.approx(2 * metrics.brier_score_loss(two, score[:, 1]))


def test_errors_agree_with_scikit_learn() -> None:
    """MAE, RMSE and R2 equal scikit-learn."""
    outcome, score = drawn()
    error = score - outcome
    assert mean_of(np.abs(error), None).estimate == pytest.approx(metrics.mean_absolute_error(outcome, score))
    root = numbers.root_mean_square(error, None).estimate
    assert root == pytest.approx(metrics.root_mean_squared_error(outcome, score))
    skill = numbers.relative(error**2, (outcome - outcome.mean()) ** 2, None)
    assert skill is not None
    assert skill.estimate == pytest.approx(metrics.r2_score(outcome, score))


def test_the_median_lies_between_the_order_statistics_of_the_binomial() -> None:
    """The limits of a median are order statistics within one place of the exact binomial ones."""
    values = np.arange(1.0, 101.0)
    middle, low, high = numbers.median_interval(values, None, 0.95)
    assert (middle, low, high) == (50.5, pytest.approx(40, abs=1), pytest.approx(61, abs=1))


def test_the_line_agrees_with_statsmodels() -> None:
    """Slope, intercept, HC4m errors of its leverages, and errors over patients equal those of OLS of statsmodels."""
    import statsmodels.api as sm

    outcome, score = drawn()
    line = numbers.recalibration_line(outcome, score, None)
    theirs = sm.OLS(outcome, sm.add_constant(score)).fit()
    assert line is not None
    assert (line.intercept.estimate, line.slope.estimate) == pytest.approx(tuple(theirs.params))
    leverage = theirs.get_influence().hat_matrix_diag
    share = len(score) * leverage / 2
    scale = theirs.resid**2 / (1 - leverage) ** (np.minimum(1, share) + np.minimum(1.5, share))
    X = theirs.model.exog
    bread = theirs.normalized_cov_params
    errors = np.sqrt(np.diag(bread @ (X.T * scale) @ X @ bread))
    assert (line.intercept.error, line.slope.error) == pytest.approx(tuple(errors), rel=0.005)
    patient = np.arange(400) // 4
    theirs = sm.OLS(outcome, sm.add_constant(score)).fit(cov_type="cluster", cov_kwds={"groups": patient})
    line = numbers.recalibration_line(outcome, score, patient)
    assert line is not None
    assert line.slope.error == pytest.approx(theirs.bse[1], rel=0.04)


def test_one_far_prediction_does_not_blow_up_the_line() -> None:
    """A right stay of 180 days, and a row 300 standard deviations out; of almost equal predictions there is no line."""
    rng = np.random.default_rng(3)
    score = rng.gamma(2, 2.5, 500)
    outcome = score * rng.gamma(2, 0.5, 500)
    score[0], outcome[0] = 175, 180
    line = numbers.recalibration_line(outcome, score, None)
    assert line is not None
    low, high = line.slope.plain(0.95)
    assert 0.4 < low < 1 < high < 1.7  # HC3: 0.72 to 1.37; HC4: -0.79 to 2.89
    score = np.append(rng.normal(size=1999), 300.0)
    line = numbers.recalibration_line(score + 2 * rng.normal(size=2000), score, None)
    assert line is not None
    low, high = line.slope.plain(0.95)
    assert high - low < 1.5  # HC3: 0.57; HC4: 25.6
    assert numbers.recalibration_line(outcome, 5 + 1e-11 * score[:500], None) is None
    near = numbers.recalibration_line(outcome, 1e6 + score[:500], None)
    plain = numbers.recalibration_line(outcome, score[:500], None)
    assert near is not None
    assert plain is not None
    assert near.slope.error == pytest.approx(plain.slope.error, rel=1e-6)


def test_concordance_of_numbers_is_that_of_lifelines() -> None:
    """Without censoring, the chance that the greater outcome has the greater prediction, equal predictions half."""
    import lifelines.utils

    outcome, score = drawn()
    ours = numbers.concordance(outcome, score, None)
    assert ours is not None
    assert ours.estimate == pytest.approx(lifelines.utils.concordance_index(outcome, score))


def test_pairs_are_counted_as_by_two_loops() -> None:
    """Weighted pairs with ties in time and score, counted in n log n, are those of all pairs one by one."""
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 64, 65):
        first, score = rng.integers(0, 9, n).astype(float), rng.integers(0, 7, n).astype(float)
        u, v = rng.random(n), rng.random(n)
        above = (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])
        pair = (first[:, None] < first[None, :]) * above
        ahead, behind = ordered_pairs(first, score, u, v)
        assert ahead == pytest.approx(pair @ v)
        assert behind == pytest.approx(u @ pair)


def test_intervals_on_their_scales_hold_the_estimate_and_stay_in_bounds() -> None:
    """Logit intervals stay within 0 and 1, ratios above 0, and few patients that pull strongly widen both."""
    one = mean_of(np.array([0.0] * 97 + [1.0] * 3), None)
    low, high = one.logit(0.95)
    assert 0 < low < 0.03 < high < 1
    assert one.factor(0.95) > 1.99
    low, high = one.ratio(0.95)
    assert 0 < low < 0.03 < high
    assert log(0.03) - log(low) == pytest.approx(log(high) - log(0.03))


def test_halls_interval_is_that_of_its_transformation_of_t() -> None:
    """The ends of the skewness-corrected interval are where Hall's cubic of t meets the quantiles."""
    values = np.random.default_rng(2).exponential(size=80) ** 2
    one = mean_of(values, None)
    lean = float(np.sum(one.pulls**3)) / float(np.sum(one.pulls**2)) ** 1.5
    for end, quantile in zip(one.skewed(0.95), (one.factor(0.95), -one.factor(0.95)), strict=True):
        t = (one.estimate - end) / one.error
        assert t + lean * t**2 / 3 + lean**2 * t**3 / 27 + lean / 6 == pytest.approx(quantile)
    assert one.skewed(0.95)[1] - one.estimate > one.estimate - one.skewed(0.95)[0]
