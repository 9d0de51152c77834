"""Stated error rates hold in simulation: interval coverage, family-wise error at small groups, power."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.calibration import observed_to_expected, recalibration
from bedrail.checks.comparison import auroc_difference
from bedrail.checks.discrimination import auroc
from bedrail.checks.estimates.precision import average_precision
from bedrail.checks.estimates.recalibrated import intercept_and_slope
from bedrail.checks.intervals import mean_interval, rate_interval
from bedrail.checks.utility import benefits
from bedrail.core.values import Verdict

GUARDS = {
    "discrimination": ("auroc_intervals", "average_precision"),
    "calibration": ("observed_to_expected", "slope_intervals", "slopes_of_rare"),
    "thresholds": ("sensitivity_intervals",),
    "net-benefit": ("net_benefit",),
    "baseline": ("paired_differences",),
    "fairness": ("a_fair_model", "the_smallest_gap"),
}

pytestmark = pytest.mark.slow
Rng = np.random.Generator
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def draw(rng: Rng, patients: int, rows: int, base: float = -2.0) -> Drawn:
    """Outcomes, true risks and patients; a patient's rows share risk and, for half of the patients, luck."""
    lean = np.repeat(rng.normal(size=patients), rows)
    risk = 1 / (1 + np.exp(-(base + lean + 0.3 * rng.normal(size=patients * rows))))
    shared = np.repeat(rng.random(patients), rows)
    own = rng.random(patients * rows)
    outcome = np.where(np.repeat(rng.random(patients) < 0.5, rows), shared, own) < risk
    return outcome.astype(float), risk, np.repeat(np.arange(patients), rows) if rows > 1 else None


def coverage(
    measure: Callable[[Drawn], tuple[float, float] | None],
    truth: float,
    rows: int,
    times: int = 500,
    patients: int = 300,
    base: float = -2.0,
) -> float:
    """Share of simulated cohorts whose 95 % interval holds the truth."""
    rng = np.random.default_rng(11)
    held = total = 0
    for _ in range(times):
        found = measure(draw(rng, patients, rows, base))
        if found is not None:
            total += 1
            held += found[0] <= truth <= found[1]
    return held / total


def big() -> Drawn:
    return draw(np.random.default_rng(99), 400_000, 1)


@pytest.mark.parametrize("rows", [1, 3])
def test_auroc_intervals_hold_the_truth(rows: int) -> None:
    """DeLong intervals on the logit scale cover at 93 to 98 %, one or three rows per patient."""
    y, s, _ = big()
    truth = auroc(y, s)
    assert truth is not None

    def measure(drawn: Drawn) -> tuple[float, float] | None:
        found = auroc(*drawn)
        return None if found is None else found.interval(0.95)

    assert 0.93 <= coverage(measure, truth.estimate, rows) <= 0.98


@pytest.mark.parametrize("rows", [1, 3])
def test_observed_to_expected_intervals_hold_one(rows: int) -> None:
    """O/E intervals cover 1 for true risks at 92.5 to 98 %."""

    def measure(drawn: Drawn) -> tuple[float, float] | None:
        found = observed_to_expected(*drawn, 0.95)
        return None if found is None else (found.low, found.high)

    assert 0.925 <= coverage(measure, 1.0, rows) <= 0.98


@pytest.mark.parametrize("rows", [1, 3])
def test_slope_intervals_hold_one(rows: int) -> None:
    """Recalibration slopes cover 1 for true risks at 92.5 to 98 %."""

    def measure(drawn: Drawn) -> tuple[float, float] | None:
        found = recalibration(*drawn, 0.95)
        return None if found is None else (found[1].low, found[1].high)

    assert 0.925 <= coverage(measure, 1.0, rows) <= 0.98


RARE = -4.6
"""About one row in fifty has the outcome."""


@pytest.mark.parametrize("rows", [1, 3])
def test_average_precision_intervals_hold_the_truth_of_rare_outcomes(rows: int) -> None:
    """With some 40 cases among 2,000 rows they cover at 93 to 98 %, and err above and below alike."""
    y, s, _ = draw(np.random.default_rng(98), 2_000_000, 1, RARE)
    truth = average_precision(y, s, None, 0.95)
    assert truth is not None
    below = []

    def measure(drawn: Drawn) -> tuple[float, float] | None:
        found = average_precision(*drawn, 0.95)
        if found is None:
            return None
        below.append(truth.estimate < found.low)
        return found.low, found.high

    assert 0.93 <= coverage(measure, truth.estimate, rows, patients=2_000 // rows, base=RARE) <= 0.98
    assert np.mean(below) <= 0.04


@pytest.mark.parametrize("rows", [1, 3])
def test_slopes_of_rare_outcomes_hold_one(rows: int) -> None:
    """With some 40 cases the interval of the slope covers 1 for true risks at 92 to 98.5 %."""

    def measure(drawn: Drawn) -> tuple[float, float] | None:
        found = intercept_and_slope(*drawn, 0.95)
        return None if found is None else (found[1].low, found[1].high)

    assert 0.92 <= coverage(measure, 1.0, rows, 200, 2_000 // rows, RARE) <= 0.985


@pytest.mark.parametrize("rows", [1, 3])
def test_sensitivity_intervals_hold_the_truth(rows: int) -> None:
    """Wilson intervals on effective rows cover at 92.5 to 98 %."""
    y, s, _ = big()
    truth = float((s[y == 1] >= 0.2).mean())

    def measure(drawn: Drawn) -> tuple[float, float] | None:
        outcome, risk, patient = drawn
        positive = outcome == 1
        clusters = None if patient is None else patient[positive]
        return rate_interval((risk[positive] >= 0.2).astype(float), clusters, 0.95)[1:]

    assert 0.925 <= coverage(measure, truth, rows) <= 0.98


def test_net_benefit_intervals_hold_the_truth() -> None:
    """Student's intervals of net benefit cover at 92 to 98 %."""
    y, s, _ = big()
    truth = float(benefits(y, s >= 0.2, 0.2).mean())
    found = coverage(lambda d: mean_interval(benefits(d[0], d[1] >= 0.2, 0.2), d[2], 0.95)[1:], truth, 1)
    assert 0.92 <= found <= 0.98


def test_paired_differences_hold_zero() -> None:
    """Two equally noisy versions of one risk differ by zero within the interval at 93 to 98 %."""
    noise = np.random.default_rng(5)

    def measure(drawn: Drawn) -> tuple[float, float] | None:
        y, s, clusters = drawn
        first, second = (s * np.exp(0.4 * noise.normal(size=len(s))) for _ in range(2))
        found = auroc_difference(y, first, second, clusters, 0.95)
        return None if found is None else found[1:3]

    assert 0.93 <= coverage(measure, 0.0, 1) <= 0.98


def flagged(rows: int, patients: int, shares: tuple[float, ...], base: float, audits: int) -> float:
    """Share of audits of an exactly fair model, two group columns, that fail anywhere."""
    rng = np.random.default_rng(21)
    fails = 0
    for _ in range(audits):
        y, s, clusters = draw(rng, patients, rows, base)
        groups = pd.DataFrame(
            {
                "race": np.repeat(rng.choice(len(shares), patients, p=shares), rows).astype(str),
                "gender": np.repeat(rng.choice(["f", "m"], patients), rows),
            }
        )
        cohort = Cohort(outcome=y, score=s, groups=groups, subject=clusters, threshold=0.2)
        (evidence,) = examine(cohort, Requirements(), checks=["fairness"])
        fails += evidence.verdict is Verdict.FAIL
    return fails / audits


@pytest.mark.parametrize(
    ("rows", "patients", "shares", "base"),
    [(1, 600, (0.7, 0.15, 0.1, 0.05), 0.0), (1, 1_500, (0.9, 0.06, 0.03, 0.01), -2.0), (3, 400, (0.6, 0.3, 0.1), -1.0)],
)
def test_a_fair_model_is_rarely_failed_even_in_small_groups(
    rows: int, patients: int, shares: tuple[float, ...], base: float
) -> None:
    """Family-wise error stays at or below 5 % (plus 2 % of simulation noise) down to groups of a dozen patients."""
    assert flagged(rows, patients, shares, base, 200) <= 0.07


def test_the_smallest_gap_is_found_in_four_of_five_audits() -> None:
    """A gap of the stated smallest size is significant in 70 to 95 % of audits (Fisher is a little conservative)."""
    from bedrail.checks.contrasts import exact_rates
    from bedrail.checks.intervals import power_factor

    rng, alpha, n, m, p = np.random.default_rng(4), 0.05 / 24, 120, 490, 0.7
    gap = power_factor(alpha) * np.sqrt(p * (1 - p) * (1 / n + 1 / m))
    inside, outside = p - gap * m / (n + m), p + gap * n / (n + m)
    found = [exact_rates((rng.binomial(n, inside), rng.binomial(m, outside)), (n, m)) <= alpha for _ in range(1_000)]
    assert 0.7 <= np.mean(found) <= 0.95
