"""Calibration against statsmodels, simulation and the APACHE-like over-prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bedrail.checks import Cohort, examine
from bedrail.checks.binning import brier, calibration_error
from bedrail.checks.calibration import logits, observed_to_expected, recalibration
from bedrail.core.values import Finding, Verdict

GUARDS = ("calibration",)


def sample(n: int, seed: int = 0, shift: float = 0.0, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = -2.3 + rng.normal(size=n)
    return (rng.random(n) < 1 / (1 + np.exp(-(shift + slope * x)))).astype(float), 1 / (1 + np.exp(-x))


def findings(y: np.ndarray, s: np.ndarray, **more: object) -> dict[str, Finding]:
    (evidence,) = examine(Cohort(outcome=y, score=s, **more), checks=["calibration"])  # type: ignore[arg-type]
    return {f.check.removeprefix("calibration."): f for f in evidence.findings}


@pytest.mark.slow
def test_slope_and_intercept_equal_statsmodels() -> None:
    """Newton's fit agrees with statsmodels' logistic regression and its robust errors."""
    import statsmodels.api as sm

    y, s = sample(800)
    found = recalibration(y, s, None, 0.95)
    assert found is not None
    full = sm.GLM(y, sm.add_constant(logits(s)), family=sm.families.Binomial()).fit(cov_type="HC0")
    level = sm.GLM(y, np.ones(800), offset=logits(s), family=sm.families.Binomial()).fit(cov_type="HC0")
    assert found[1].estimate == pytest.approx(full.params[1], abs=1e-6)
    assert found[1].error == pytest.approx(full.bse[1], rel=1e-4)
    assert found[0].estimate == pytest.approx(level.params[0], abs=1e-6)
    assert found[0].error == pytest.approx(level.bse[0], rel=1e-4)


def test_a_score_that_over_predicts_fails_in_plain_words() -> None:
    """Mean risk a quarter above the outcome rate fails, and the reason says over-predicts."""
    y, s = sample(2_000, shift=-0.3)
    found = findings(y, s)["observed-to-expected"]
    assert found.verdict is Verdict.FAIL
    assert "over-predicts" in found.reason


def test_a_score_that_under_predicts_fails_in_plain_words() -> None:
    """The other direction is named too."""
    y, s = sample(2_000, shift=0.4)
    assert "under-predicts" in findings(y, s)["observed-to-expected"].reason


def test_a_calibrated_score_passes_everything() -> None:
    """True risks of 20,000 patients pass O/E, intercept, slope, error and skill."""
    y, s = sample(20_000)
    assert {f.verdict for f in findings(y, s).values()} == {Verdict.PASS}


def test_few_patients_are_not_enough_to_tell() -> None:
    """Thirty patients give missing for O/E and slope, not pass."""
    y, s = sample(30, seed=1)
    found = findings(y, s)
    assert found["observed-to-expected"].verdict is Verdict.MISSING
    assert found["slope"].verdict is Verdict.MISSING


def test_risks_that_are_too_extreme_fail_on_slope() -> None:
    """A true slope of 0.5 fails with the words too extreme."""
    y, s = sample(5_000, shift=-1.15, slope=0.5)
    found = findings(y, s)["slope"]
    assert found.verdict is Verdict.FAIL
    assert "too extreme" in found.reason


def test_no_outcome_still_has_an_upper_limit() -> None:
    """O/E with no outcome has a limit above zero that shrinks with patients."""
    few = observed_to_expected(np.zeros(50), np.full(50, 0.1), None, 0.95)
    many = observed_to_expected(np.zeros(5_000), np.full(5_000, 0.1), None, 0.95)
    assert few is not None
    assert many is not None
    assert few.low == 0.0
    assert few.high > 10 * many.high > 0


def test_brier_parts_add_up_to_the_score() -> None:
    """Reliability - resolution + uncertainty + within is the Brier score to 1e-12."""
    y, s = sample(500)
    parts = brier(y, s)
    assert parts.score == pytest.approx(np.mean((y - s) ** 2), abs=1e-12)
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within == pytest.approx(
        parts.score, abs=1e-12
    )


def test_chance_alone_explains_the_error_of_a_calibrated_score() -> None:
    """For true risks, the measured ECE stays near what chance gives and the de-biased interval starts near zero."""
    y, s = sample(1_000)
    found = calibration_error(y, s, None, 500, 0.95, np.random.default_rng(0))
    assert found.measured < found.chance_limit
    assert found.by_chance > 0.005


def test_complete_separation_is_missing_not_a_number() -> None:
    """A score that separates the classes has no slope."""
    y = np.r_[np.ones(40), np.zeros(60)]
    assert findings(y, np.where(y == 1, 0.9, 0.1) + np.linspace(0, 0.01, 100))["slope"].verdict is Verdict.MISSING


def test_apache_iva_over_predicts_in_the_eicu_demo() -> None:
    """The commercial score in use predicts 10.4 % where 8.3 % died: a calibration fail in plain words."""
    data = Path(__file__).resolve().parents[2] / "examples" / "apache-iva" / "data"
    results = pd.read_csv(data / "apachepatientresult.csv.gz")
    results = results[(results["apacheversion"] == "IVa") & (results["predictedhospitalmortality"] >= 0)]
    stays = results.merge(pd.read_csv(data / "patient.csv.gz"), on="patientunitstayid")
    died = (stays["actualhospitalmortality"] == "EXPIRED").to_numpy()
    found = findings(died, stays["predictedhospitalmortality"].to_numpy(), subject=stays["uniquepid"].to_numpy())
    ratio = found["observed-to-expected"]
    assert ratio.verdict is Verdict.FAIL
    assert "over-predicts: mean predicted risk 10.4%, observed 8.3%" in ratio.reason
