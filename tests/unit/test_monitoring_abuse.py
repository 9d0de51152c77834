"""Detectors of abuse on simulated patients: honest use within the stated odds, planted attacks found."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bedrail.monitoring.abuse import (
    BLOCK,
    DAY,
    DETECTORS,
    HOUR,
    REPEATS,
    Baseline,
    Floats,
    Queries,
    blocks,
    calibrate,
    gaps,
    look_at_inputs,
    look_at_times,
    look_for_sweeps,
    sweep_limit,
)

LEVELS = (0, 0, 0, 0, 3, 4)
THRESHOLD = 0.3


def patients(rng: np.random.Generator, n: int) -> Floats:
    """Counts, measurements and codes that hang together, one in twenty measurements absent."""
    frailty = rng.normal(size=n)
    X = np.column_stack([
        rng.normal(65 + 5 * frailty, 12).round(),
        rng.poisson(np.exp(1.2 + 0.3 * frailty)),
        rng.normal(138, 4, n).round(1),
        rng.poisson(2, n),
        rng.choice(3, n, p=[0.6, 0.3, 0.1]),
        rng.choice(4, n),
    ]).astype(float)  # fmt: skip
    X[rng.random(n) < 0.05, 2] = np.nan
    return X


def asked(X: Floats, subject: object = None, start: float = 0.0, every: float = 60.0) -> Queries:
    """These inputs asked one after another, each about another patient if not said, answered by a logistic model."""
    risk = 1 / (1 + np.exp(4.5 - 0.04 * X[:, 0] - 0.2 * X[:, 1] - 0.2 * X[:, 3]))
    names = np.arange(len(X)) if subject is None else np.asarray(subject)
    return Queries(X, risk, names, start + every * np.arange(len(X)))


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Of three thousand patients; 199 draws, so that one honest block in 200 exceeds each limit."""
    rng = np.random.default_rng(1)
    found = calibrate(asked(patients(rng, 3000)), LEVELS, THRESHOLD, rng, draws=199)
    assert found is not None
    return found


def test_gaps_are_distances_to_the_nearest_before() -> None:
    """As a plain loop has them."""
    points = np.random.default_rng(0).normal(size=(50, 4))
    plain = [min(float(np.linalg.norm(points[i] - points[j])) for j in range(i)) for i in range(1, 50)]
    assert np.allclose(gaps(points), plain)


def test_too_few_patients_say_nothing() -> None:
    """Fewer than four blocks are no baseline."""
    rng = np.random.default_rng(0)
    assert calibrate(asked(patients(rng, 4 * BLOCK - 1)), LEVELS, THRESHOLD, rng, draws=9) is None


@pytest.mark.slow
def test_honest_blocks_are_flagged_as_rarely_as_stated(baseline: Baseline) -> None:
    """New patients of the same kind: 300 blocks at 1 in 200 for each detector, with room for chance."""
    rng, flagged = np.random.default_rng(2), dict.fromkeys(baseline.limits, 0)
    for _ in range(300):
        for found in look_at_inputs(asked(patients(rng, BLOCK)), baseline)[0]:
            flagged[found.detector] += 1
    assert max(flagged.values()) <= 8, flagged  # P(Binomial(300, 2/200) > 8) < 0.005, drawn limits included


@pytest.mark.parametrize("seed", range(5))
def test_planted_attacks_are_found_in_one_block(baseline: Baseline, seed: int) -> None:
    """Uniform random inputs, small steps around few patients, and inputs chosen at the threshold."""
    rng = np.random.default_rng(seed)
    low, high = np.zeros(6), np.array([110, 60, 190, 50, 2, 3])
    uniform = np.round(rng.uniform(low, high, (BLOCK, 6)))
    around = np.nan_to_num(patients(rng, 10), nan=138.0)[np.arange(BLOCK) % 10]
    around[:, :4] += rng.choice([-0.5, 0.5], (BLOCK, 4))
    pool = patients(rng, 40 * BLOCK)
    closest = pool[np.argsort(np.abs(asked(pool).risk - THRESHOLD))[:BLOCK]]
    for X, detector in ((uniform, "spacing"), (around, "near-duplicates"), (closest, "boundary")):
        found, end = look_at_inputs(asked(X), baseline)
        assert detector in {each.detector for each in found}
        assert end == BLOCK


@pytest.mark.slow
def test_a_sweep_of_one_input_is_found_and_patients_alike_are_none() -> None:
    """One input over ten values, everything else equal, hidden among honest queries."""
    rng = np.random.default_rng(3)
    limit, X = sweep_limit(patients(rng, 3000), rng), patients(rng, 600)
    assert look_for_sweeps(asked(X), limit) == []
    X[100:400:30] = X[0]
    X[100:400:30, 0] = np.arange(30, 80, 5)
    (found,) = look_for_sweeps(asked(X), limit)
    assert (found.found, found.limit, found.first) == (10.0 + (X[0, 0] not in range(30, 80, 5)), limit, 0)


def test_the_page_says_the_rule_of_every_detector() -> None:
    """One row each, in order."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "abuse.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `([\w-]+)` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)) == DETECTORS


def test_blocks_are_of_different_patients_in_order() -> None:
    """A patient asked about twice counts once in a block, and what does not fill one waits."""
    subject = np.repeat(np.arange(BLOCK + 50), 2)
    (rows,) = blocks(subject)
    assert rows.tolist() == list(range(0, 2 * BLOCK, 2))


def test_a_patient_asked_about_more_than_hourly_is_found() -> None:
    """Thirty-one in 24 hours are, thirty are not, and neither are a hundred over a week."""
    X = np.zeros((100, 6))
    hourly = asked(X, np.zeros(100), every=DAY / REPEATS)
    assert look_at_times(hourly) == []
    often = asked(X, np.zeros(100), every=DAY / (REPEATS + 1) + 1.0)
    (found,) = look_at_times(often)
    assert (found.detector, found.found) == ("repeats", REPEATS + 1)
    assert look_at_times(often, new=100) == []


def test_a_volume_far_above_the_tokens_own_past_is_found() -> None:
    """Forty patients an hour for ten days, then four hundred in one; the first week is not judged."""
    at = np.concatenate([np.arange(0, 10 * DAY, HOUR / 40), 10 * DAY + np.arange(400) * 8.0])
    n = len(at)
    queries = Queries(np.zeros((n, 1)), np.full(n, np.nan), np.arange(n), at)
    (found,) = look_at_times(queries)
    assert (found.detector, found.found, found.limit) == ("volume", 400.0, 120.0)
    early = Queries(queries.X, queries.risk, queries.subject, at - 5 * DAY * (at >= 10 * DAY))
    assert [f.detector for f in look_at_times(early) if f.detector != "volume"] == []


def test_an_hour_in_which_the_token_never_asked_is_found() -> None:
    """By day for three weeks, then sixty at three in the morning; as many at noon are usual."""
    day = np.concatenate([d * DAY + np.arange(9, 17, 0.2) * HOUR for d in range(21)])
    for hour, detectors in ((3.0, ["hours"]), (12.0, [])):
        at = np.concatenate([day, 21 * DAY + hour * HOUR + np.arange(60) * 10.0])
        n = len(at)
        found = look_at_times(Queries(np.zeros((n, 1)), np.full(n, np.nan), np.arange(n), at))
        assert [each.detector for each in found] == detectors
