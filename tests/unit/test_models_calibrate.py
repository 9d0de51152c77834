"""Calibration: isotonic, Platt and Venn-Abers against independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from bedrail.core.errors import Invalid
from bedrail.models.calibrate import (
    Method,
    fit_calibration,
    fit_isotonic,
    fit_platt,
    fit_venn_abers,
    pool_adjacent_violators,
    sigmoid,
    sigmoids,
    venn_abers_bounds,
)


def sample(seed: int, n: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Scores, with ties in every second sample, and outcomes that follow them in most."""
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    if seed % 2:
        scores = np.round(scores, 1 + seed % 3)
    outcomes = rng.random(n) < (scores if seed % 3 else 0.4)
    return scores, outcomes.astype(int)


def test_pools_are_those_of_scikit_learn() -> None:
    """The pooled sequence equals sklearn's weighted isotonic regression."""
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=300).cumsum() / 10 + rng.normal(size=300), rng.integers(1, 9, 300)
    reference = IsotonicRegression().fit_transform(np.arange(300), values, sample_weight=weights)
    assert np.abs(pool_adjacent_violators(values, weights) - reference).max() < 1e-12


@pytest.mark.parametrize("seed", range(8))
def test_isotonic_calibration_is_that_of_scikit_learn(seed: int) -> None:
    """Between, at and beyond the knots, one by one and as an array."""
    scores, outcomes = sample(seed)
    ours = fit_isotonic(scores, outcomes)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, outcomes)
    asked = np.concatenate((np.linspace(0, 1, 101), scores))
    assert np.abs(ours.apply_many(asked) - theirs.predict(asked)).max() < 1e-9
    assert np.abs([ours.apply(s) for s in asked.tolist()] - theirs.predict(asked)).max() < 1e-9


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.slow
def test_venn_abers_is_two_refits_of_isotonic_regression(seed: int) -> None:
    """p0 and p1 equal sklearn's isotonic regression with the new patient added as outcome 0 and as outcome 1."""
    scores, outcomes = sample(seed, 60 + 10 * seed)
    calibration = fit_venn_abers(scores, outcomes)
    rng = np.random.default_rng(seed)
    asked = np.concatenate((rng.random(15), rng.choice(scores, 15), (0.0, 1.0)))
    bounds = np.array(venn_abers_bounds(calibration, asked))
    naive = np.array([[_refit(scores, outcomes, s, label) for s in asked] for label in (0, 1)])
    assert np.abs(bounds - naive).max() < 1e-6  # sklearn itself rounds to single precision


def _refit(scores: np.ndarray, outcomes: np.ndarray, score: float, label: int) -> float:
    model = IsotonicRegression(out_of_bounds="clip").fit(np.append(scores, score), np.append(outcomes, label))
    return float(model.predict([score])[0])


@pytest.mark.parametrize("seed", range(6))
def test_the_venn_abers_risk_lies_between_p0_and_p1_and_rises(seed: int) -> None:
    """The merged risk p1 / (1 - p0 + p1) is inside [p0, p1] and never falls as the score rises."""
    calibration = fit_venn_abers(*sample(seed))
    asked = np.linspace(0, 1, 2001)
    risk = calibration.apply_many(asked)
    p0, p1 = venn_abers_bounds(calibration, asked)
    assert (p0 - 1e-15 <= risk).all()
    assert (risk <= p1 + 1e-15).all()
    assert (np.diff(risk) >= -1e-15).all()
    assert np.abs(risk - [calibration.apply(s) for s in asked.tolist()]).max() < 1e-15


def test_a_last_bit_of_the_score_makes_no_difference() -> None:
    """One-row and batch arithmetic may differ in the last bit; the risk at a calibration score does not."""
    scores, outcomes = sample(2)
    calibration = fit_venn_abers(scores, outcomes)
    for s in scores[:50].tolist():
        risks = {calibration.apply(float(t)) for t in (np.nextafter(s, 0), s, np.nextafter(s, 1))}
        assert len(risks) == 1


@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_platt_scaling_maximises_platts_likelihood(seed: int) -> None:
    """Slope and intercept equal those that a general optimiser finds for the smoothed targets."""
    scores, outcomes = sample(seed)
    cases = outcomes.sum()
    target = np.where(outcomes == 1, (cases + 1) / (cases + 2), 1 / (len(outcomes) - cases + 2))
    clipped = np.clip(scores, 1e-12, 1 - 1e-12)
    logit = np.log(clipped / (1 - clipped))

    def loss(beta: np.ndarray) -> float:
        margin = beta[0] * logit + beta[1]
        return float((np.logaddexp(0, margin) - target * margin).sum())

    best = minimize(loss, (1.0, 0.0), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000})
    ours = fit_platt(scores, outcomes)
    assert abs(ours.slope - best.x[0]) < 1e-5
    assert abs(ours.intercept - best.x[1]) < 1e-5
    assert np.abs(ours.apply_many(scores) - [ours.apply(s) for s in scores.tolist()]).max() < 1e-12


def test_platt_scaling_never_turns_a_score_around() -> None:
    """For scores that rank the wrong way round the slope is 0 and the risk the mean rate."""
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    outcomes = (rng.random(500) < 1 - scores).astype(int)
    calibration = fit_platt(scores, outcomes)
    assert calibration.slope == 0
    assert calibration.apply(0.9) == pytest.approx((outcomes.sum() + 1) / 502)


@pytest.mark.parametrize("method", ["venn-abers", "isotonic", "platt"])
def test_calibration_mends_a_model_that_says_too_much(method: Method) -> None:
    """After calibration the mean squared distance to the true risk is a small part of what it was."""
    rng = np.random.default_rng(5)
    truth = rng.beta(2, 10, 8000)
    scores = sigmoids(1.5 * np.log(truth / (1 - truth)) + 1.5)
    outcomes = (rng.random(8000) < truth).astype(int)
    calibration = fit_calibration(scores[:4000], outcomes[:4000], method)
    risk = calibration.apply_many(scores[4000:])
    assert ((risk - truth[4000:]) ** 2).mean() < 0.05 * ((scores[4000:] - truth[4000:]) ** 2).mean()
    assert calibration.cases + calibration.controls == 4000


@pytest.mark.parametrize(
    "scores, outcomes, path",
    [
        ([0.1] * 30, [0, 1] * 14, "outcomes"),
        ([1.1] + [0.1] * 29, [0, 1] * 15, "scores"),
        ([float("nan")] + [0.1] * 29, [0, 1] * 15, "scores"),
        ([0.1] * 30, [0, 2] * 15, "outcomes"),
        ([0.1] * 30, [0.0, float("nan")] * 15, "outcomes"),
        ([0.1] * 30, [0] * 25 + [1] * 5, "outcomes"),
    ],
)
def test_data_that_cannot_calibrate_is_refused(scores: list[float], outcomes: list[float], path: str) -> None:
    """Wrong lengths, ranges, labels, and too few of an outcome are the caller's to mend."""
    with pytest.raises(Invalid) as caught:
        fit_calibration(scores, outcomes)
    assert caught.value.path == path


def test_an_unknown_method_is_refused() -> None:
    """The error lists the methods there are."""
    with pytest.raises(Invalid, match="venn-abers"):
        fit_calibration([0.5] * 40, [0, 1] * 20, "beta")  # type: ignore[arg-type]


def test_the_logistic_function_does_not_overflow() -> None:
    """Margins of any size give a probability, alone and as an array."""
    margins = [-1000.0, -2.0, 0.0, 2.0, 1000.0]
    assert [sigmoid(m) for m in margins] == pytest.approx(sigmoids(margins).tolist(), abs=1e-16)
    assert sigmoid(-1000.0) == 0.0
    assert sigmoid(1000.0) == 1.0
