"""Uncertainty: the interval covers the true rate at a score, and p-values hold for either outcome."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from scipy.stats import binomtest

from bedrail.core.errors import Invalid
from bedrail.models.calibrate import fit_venn_abers, venn_abers_bounds
from bedrail.models.conformal import Uncertainty, clopper_pearson_high, clopper_pearson_low, fit_uncertainty

GUARDS = ("uncertainty",)

Truth = Callable[[np.ndarray], np.ndarray]
TRUTHS: dict[str, Truth] = {
    "a calibrated model": lambda s: s,
    "a model that says too much": lambda s: s**1.5,
    "a jump": lambda s: np.where(s < 0.2, 0.05, 0.3),
    "a model that knows nothing": lambda s: np.full_like(s, 0.11),
}
QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999]


def draw(rng: np.random.Generator, n: int, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Scores as a readmission model gives them, and outcomes by the true rate at each."""
    scores = rng.beta(1.5, 10, n)
    return scores, (rng.random(n) < truth(scores)).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTHS)
def test_the_interval_covers_the_true_rate_at_every_score(name: str) -> None:
    """In 150 calibrations the 95 % interval misses the true rate at no tested score more often than chance allows.

    A method of coverage 95 % misses more than 15 of 150 with probability below 0.5 %.
    """
    truth = TRUTHS[name]
    rng = np.random.default_rng(11)
    asked = np.quantile(rng.beta(1.5, 10, 50_000), QUANTILES)
    true = truth(asked)
    missed = np.zeros(len(asked), dtype=int)
    for _ in range(150):
        low, high = fit_uncertainty(*draw(rng, 1500, truth)).intervals(asked)
        missed += (true < low) | (true > high)
    assert missed.max() <= 15


@pytest.mark.slow
def test_venn_abers_alone_does_not_cover_the_true_rate() -> None:
    """Why the interval is more than the Venn-Abers pair: in the middle that misses the true rate mostly."""
    rng = np.random.default_rng(12)
    asked = np.quantile(rng.beta(1.5, 10, 50_000), [0.25, 0.5, 0.75])
    hits = np.zeros(3)
    for _ in range(100):
        p0, p1 = venn_abers_bounds(fit_venn_abers(*draw(rng, 1500, TRUTHS["a calibrated model"])), asked)
        hits += (p0 <= asked) & (asked <= p1)
    assert hits.max() < 50


def test_the_interval_narrows_with_more_patients() -> None:
    """Sixteen times the calibration patients give an interval of about half the width or less (rate n^(1/3))."""
    rng = np.random.default_rng(13)
    widths = []
    for n in (2000, 32_000):
        low, high = fit_uncertainty(*draw(rng, n, TRUTHS["a calibrated model"])).intervals([0.08, 0.1, 0.15])
        widths.append((high - low).mean())
    assert widths[1] < 0.55 * widths[0]


def test_a_higher_confidence_never_narrows_the_interval() -> None:
    """99 % contains 95 % contains 80 %."""
    scores, outcomes = draw(np.random.default_rng(14), 3000, TRUTHS["a calibrated model"])
    asked = np.linspace(0, 1, 400)
    fitted = [fit_uncertainty(scores, outcomes, confidence=c).intervals(asked) for c in (0.8, 0.95, 0.99)]
    for (low, high), (wider_low, wider_high) in pairwise(fitted):
        assert (wider_low <= low).all()
        assert (wider_high >= high).all()


def test_the_interval_rises_and_is_wide_where_nobody_was() -> None:
    """Bounds never fall as the score rises; beyond the calibration scores nothing is claimed on the far side."""
    scores, outcomes = draw(np.random.default_rng(15), 3000, TRUTHS["a calibrated model"])
    uncertainty = fit_uncertainty(scores, outcomes)
    low, high = uncertainty.intervals(np.linspace(0, 1, 2001))
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()
    assert uncertainty.interval(0.0)[0] == 0.0
    assert uncertainty.interval(1.0)[1] == 1.0


def test_the_interval_holds_the_venn_abers_risk() -> None:
    """p0, the merged risk and p1 are all within [low, high]."""
    scores, outcomes = draw(np.random.default_rng(16), 1000, TRUTHS["a jump"])
    asked = np.concatenate((np.linspace(0, 1, 1001), scores))
    low, high = fit_uncertainty(scores, outcomes).intervals(asked)
    p0, p1 = venn_abers_bounds(fit_venn_abers(scores, outcomes), asked)
    assert (low <= p0).all()
    assert (p1 <= high).all()


def test_one_score_is_answered_as_many_are() -> None:
    """Scalar and array forms of interval and p-values agree, at knots and between."""
    scores, outcomes = draw(np.random.default_rng(17), 5000, TRUTHS["a calibrated model"])
    uncertainty = fit_uncertainty(scores, outcomes)
    asked = np.concatenate((np.linspace(0, 1, 301), scores[:300]))
    low, high = uncertainty.intervals(asked)
    assert [uncertainty.interval(s) for s in asked.tolist()] == list(zip(low.tolist(), high.tolist(), strict=True))
    assert [list(uncertainty.p_values(s)) for s in asked.tolist()] == uncertainty.p_values_many(asked).tolist()


def test_p_values_count_calibration_patients_of_that_outcome() -> None:
    """p of outcome 1 counts the cases with a score as low, p of outcome 0 the controls with one as high."""
    rng = np.random.default_rng(18)
    scores = np.round(rng.random(400), 2)
    outcomes = (rng.random(400) < scores).astype(int)
    uncertainty = fit_uncertainty(scores, outcomes)
    for s in (0.0, 0.37, 0.5, 0.505, 1.0):
        controls, cases = scores[outcomes == 0], scores[outcomes == 1]
        expected = ((controls >= s).sum() + 1) / (len(controls) + 1), ((cases <= s).sum() + 1) / (len(cases) + 1)
        assert uncertainty.p_values(s) == pytest.approx(expected, abs=1e-15)


def test_thinned_p_values_are_rounded_up_and_hardly() -> None:
    """With more patients than are kept, p-values are never below the exact ones, nor above by more than 0.2 %."""
    rng = np.random.default_rng(19)
    scores, outcomes = draw(rng, 40_000, TRUTHS["a calibrated model"])
    controls = np.sort(scores[outcomes == 0])
    asked = rng.beta(1.5, 10, 500)
    exact = (len(controls) - np.searchsorted(controls, asked, side="left") + 1) / (len(controls) + 1)
    given = fit_uncertainty(scores, outcomes).p_values_many(asked)[:, 0]
    assert (given >= exact - 1e-12).all()
    assert (given - exact).max() < 0.002


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.1, 0.2])
def test_prediction_sets_cover_both_outcomes_alike(alpha: float) -> None:
    """Over 60 calibrations each outcome is in its set for 1 - alpha of its patients, though one is rare."""
    rng = np.random.default_rng(20)
    covered: list[list[float]] = [[], []]
    for _ in range(60):
        uncertainty = fit_uncertainty(*draw(rng, 1500, TRUTHS["a calibrated model"]))
        scores, outcomes = draw(rng, 1500, TRUTHS["a calibrated model"])
        p = uncertainty.p_values_many(scores)
        for outcome in (0, 1):
            covered[outcome].append(float((p[outcomes == outcome, outcome] > alpha).mean()))
    for outcome in (0, 1):
        assert 1 - alpha - 0.01 < np.mean(covered[outcome]) < 1 - alpha + 0.02


def test_a_prediction_set_keeps_the_outcomes_with_larger_p() -> None:
    """The set at alpha is every outcome whose p-value is above it."""
    scores, outcomes = draw(np.random.default_rng(21), 2000, TRUTHS["a calibrated model"])
    uncertainty = fit_uncertainty(scores, outcomes)
    p0, p1 = uncertainty.p_values(0.02)
    assert p1 < 0.2 < p0
    assert uncertainty.prediction_set(0.02, 0.2) == (0,)
    assert uncertainty.prediction_set(0.9, 0.1) == (1,)
    assert uncertainty.prediction_set(0.1, 0.01) == (0, 1)
    with pytest.raises(Invalid):
        uncertainty.prediction_set(0.1, 1.0)


@pytest.mark.parametrize("cases, n", [(0, 10), (1, 10), (5, 10), (10, 10), (37, 400)])
def test_binomial_bounds_are_those_of_scipy(cases: int, n: int) -> None:
    """Clopper-Pearson bounds equal scipy's exact interval."""
    exact = binomtest(cases, n).proportion_ci(0.95, "exact")
    assert float(clopper_pearson_low(cases, n, 0.025)) == pytest.approx(exact.low, abs=1e-12)
    assert float(clopper_pearson_high(cases, n, 0.025)) == pytest.approx(exact.high, abs=1e-12)


def test_uncertainty_survives_storage() -> None:
    """JSON and back gives equal tables."""
    fitted = fit_uncertainty(*draw(np.random.default_rng(22), 500, TRUTHS["a calibrated model"]))
    assert msgspec.json.decode(msgspec.json.encode(fitted), type=Uncertainty) == fitted


def test_a_senseless_confidence_is_refused() -> None:
    """A confidence of 1 or below one half is the caller's to mend."""
    scores, outcomes = draw(np.random.default_rng(23), 500, TRUTHS["a calibrated model"])
    for confidence in (1.0, 0.4):
        with pytest.raises(Invalid):
            fit_uncertainty(scores, outcomes, confidence=confidence)
