"""Sentinels notice that the model behind an address is another one."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bedrail.core.errors import Invalid
from bedrail.monitoring import sentinels
from bedrail.monitoring.sentinels import Sentinels, choose, compare, record

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3000, 6))
X[::9, 2] = np.nan
RISK = 1 / (1 + np.exp(-np.nan_to_num(X) @ np.array([1.0, -0.5, 0.3, 0.0, 0.2, 0.1])))


def kept() -> Sentinels:
    rows = choose(X, RISK, 64, np.random.default_rng(0))
    return record(tuple("abcdef"), X[rows], RISK[rows])


def test_the_same_answers_are_the_same() -> None:
    """Differences up to 1e-9 are rounding; no alarm."""
    held = kept()
    comparison = compare(held, np.array(held.answers) + 9e-10)
    assert comparison.same
    assert sentinels.alarm(comparison) is None


def test_one_changed_answer_is_an_alarm_with_its_numbers() -> None:
    """Count, positions and the largest difference are reported."""
    held = kept()
    now = np.array(held.answers)
    now[7] += 1e-6
    comparison = compare(held, now)
    assert (comparison.changed, comparison.positions) == (1, (7,))
    assert comparison.largest == pytest.approx(1e-6)
    alarm = sentinels.alarm(comparison)
    assert alarm is not None
    assert alarm.monitor == "sentinels"
    assert alarm.causes[0].kind == "model-changed"


def test_no_answer_is_neither_the_same_nor_a_changed_answer() -> None:
    """Silence is not sameness, and an outage is no other model."""
    held = kept()
    comparison = compare(held, [None, *held.answers[1:]])
    assert (comparison.changed, comparison.unanswered, comparison.same) == (0, 1, False)
    assert sentinels.alarm(comparison) is None
    comparison = compare(held, [None, held.answers[1] + 0.01, *held.answers[2:]])
    assert (comparison.changed, comparison.unanswered, comparison.positions) == (1, 1, (1,))
    alarm = sentinels.alarm(comparison)
    assert alarm is not None
    assert "1 were not answered" in alarm.detail


def test_chosen_sentinels_cover_the_range_of_answers_and_the_corners() -> None:
    """Lowest and highest risk are among them, and they spread wider than a random draw."""
    rows = choose(X, RISK, 64, np.random.default_rng(0))
    assert len(set(rows)) == len(rows) == 64
    assert {int(RISK.argmin()), int(RISK.argmax())} <= set(rows.tolist())
    assert np.nanstd(X[rows], axis=0).mean() > np.nanstd(X, axis=0).mean()


def test_sentinels_survive_storage() -> None:
    """Missing inputs included."""
    held = kept()
    assert msgspec.json.decode(msgspec.json.encode(held), type=Sentinels) == held


def test_answers_that_are_no_numbers_cannot_be_recorded() -> None:
    """A reference must be complete, and be compared whole."""
    with pytest.raises(Invalid):
        record(("a",), np.ones((2, 1)), np.array([0.1, np.nan]))
    with pytest.raises(Invalid):
        compare(kept(), [0.1])
