"""Evidence stays within its budget under continuous looking: expectations exactly, rates by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from bedrail.core.errors import Invalid
from bedrail.monitoring.alarms import SHIFTS, Detectors, ratio_evidence, share_evidence
from bedrail.monitoring.values import BUDGETED, Budget


@pytest.mark.parametrize("low, high", [(0.05, 0.15), (0.3, 0.5), (0.01, 0.02)])
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_an_e_value_expects_at_most_one_within_tolerance(low: float, high: float, where: float) -> None:
    """The exact expectation over all binomial outcomes is at most 1 anywhere in the band, for every bet."""
    n, share = 120, low + where * (high - low)
    hits = np.arange(n + 1)
    weight = binom.pmf(hits, n, share)
    e = np.array([np.exp(share_evidence(np.array([float(k)]), n, np.array([low]), np.array([high]))) for k in hits])
    assert (np.einsum("k,kmds->mds", weight, e) <= 1 + 1e-9).all()


def test_an_e_value_grows_beyond_tolerance() -> None:
    """Outside the band some bet has positive expected log growth, or there would be no power."""
    hits = binom.mean(500, 0.25)
    log_e = share_evidence(np.array([hits]), 500, np.array([0.05]), np.array([0.15]))
    assert log_e[0, 0].max() > 5
    assert log_e[0, 1].max() < 0


def test_a_bet_on_calibration_expects_at_most_one_at_the_edge() -> None:
    """With outcomes drawn at the upper edge of the band the mean e-value of a row is 1 for every stake."""
    rng = np.random.default_rng(0)
    risk = rng.beta(2, 14, 40)
    total = np.ones((2, len(SHIFTS)))
    for r in risk:  # rows are independent, so expectations multiply
        for side, factor in ((0, 1.2), (1, 0.8)):
            p = min(r * factor, 1.0)
            one, none = (np.exp(ratio_evidence(np.array([y]), np.array([r]), 0.8, 1.2, 0.12)) for y in (1.0, 0.0))
            mean = p * one[0, side] + (1 - p) * none[0, side]
            assert mean == pytest.approx(1.0, abs=1e-9)
            total[side] *= mean
    assert (total <= 1 + 1e-9).all()


@pytest.mark.slow
def test_false_alarms_stay_within_budget_at_the_edge_of_tolerance() -> None:
    """250 years of a narrow monitor whose truth sits exactly on the edge: at most the budgeted rate of alarms."""
    rng = np.random.default_rng(1)
    budget = Budget(false_alarms_per_year=1.0, looks_per_year=52, shares={"outcome-rate": 0.5})
    low, high = np.array([0.08]), np.array([0.12])
    alarms = []
    for _ in range(250):
        detectors = Detectors("outcome-rate", budget.limit("outcome-rate"), [0.4, 0.6], [1, 1])
        count = 0
        for _ in range(52):
            for stream in (0, 1):
                detectors.gather(stream, share_evidence(rng.binomial(400, high).astype(float), 400, low, high))
            if detectors.crossed():
                count += 1
                detectors.restart()
        alarms.append(count)
    rate, error = np.mean(alarms), np.std(alarms) / np.sqrt(len(alarms))
    assert rate - 2 * error <= 0.5
    assert rate > 0.01, "a bound that is never approached would mean the simulation tests nothing"


@pytest.mark.slow
def test_a_change_is_found_soon() -> None:
    """A rate of 10 % that rises to 16 % is found within ten windows of 500 in most runs."""
    rng = np.random.default_rng(2)
    waits = []
    for _ in range(100):
        detectors = Detectors("outcome-rate", Budget().limit("outcome-rate"), [1.0], [1])
        wait = 0
        for look in range(60):
            share = 0.10 if look < 20 else 0.16
            hits = rng.binomial(500, [share]).astype(float)
            detectors.gather(0, share_evidence(hits, 500, np.array([0.088]), np.array([0.112])))
            if detectors.crossed():
                wait = look - 19
                break
        waits.append(wait)
    assert min(waits) > 0, "no alarm before the change in these runs"
    assert np.mean(np.array(waits) <= 10) >= 0.9


def test_a_budget_divides_the_looks_of_a_year_among_monitors() -> None:
    """Adding looks per limit over all monitors gives back the yearly budget."""
    budget = Budget(false_alarms_per_year=2.0, looks_per_year=365)
    assert sum(budget.looks_per_year / budget.limit(monitor) for monitor in BUDGETED) == pytest.approx(2.0)
    assert budget.limit("sentinels") == float("inf")


@pytest.mark.parametrize(
    "wrong",
    [
        {"false_alarms_per_year": 0.0},
        {"looks_per_year": 0},
        {"shares": {"units": 0.7, "calibration": 0.7}},
        {"shares": {"weather": 0.1}},
        {"shares": {"units": -0.1}},
    ],
)
def test_an_impossible_budget_is_invalid(wrong: dict[str, object]) -> None:
    """Budgets that cannot be kept are refused when written, not when broken."""
    with pytest.raises(Invalid):
        Budget(**wrong)  # type: ignore[arg-type]
