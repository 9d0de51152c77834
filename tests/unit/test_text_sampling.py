"""What a sample of reviewed notes says about all."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from bedrail.core.errors import Invalid
from bedrail.privacy.text.sampling import drawn, leak_rate, riskiest


def test_no_leak_in_300_notes_means_fewer_than_one_in_a_hundred() -> None:
    """The sentence an expert signs."""
    found = leak_rate(0, 300)
    assert 0.0099 < found.most < 0.01
    assert found.said() == "0 leaks in 300 notes: at most 0.99 % at 95 % confidence"


@pytest.mark.parametrize(("leaking", "notes"), [(0, 1), (1, 10), (3, 200), (9, 9), (50, 400)])
def test_the_bound_is_the_rate_at_which_so_few_leaks_would_be_a_surprise(leaking: int, notes: int) -> None:
    """By the binomial distribution itself: at the bound, at most so many leaks come up in one case of twenty."""
    most = leak_rate(leaking, notes).most
    assert most == 1.0 if leaking == notes else binom.cdf(leaking, notes, most) == pytest.approx(0.05)


def test_counts_that_cannot_be_are_refused() -> None:
    """More leaks than notes, no notes."""
    for leaking, notes in ((2, 1), (0, 0), (-1, 5)):
        with pytest.raises(Invalid):
            leak_rate(leaking, notes)


def test_a_sample_is_random_repeatable_and_without_repeats() -> None:
    """The same seed draws the same notes; all notes are drawn when more are asked for."""
    assert drawn(1000, 50, 7) == drawn(1000, 50, 7) != drawn(1000, 50, 8)
    assert len(set(drawn(1000, 50, 7))) == 50
    assert drawn(5, 50, 7) == [0, 1, 2, 3, 4]


def test_the_riskiest_are_those_of_the_highest_risk() -> None:
    """In the order of the file."""
    assert riskiest([0.1, 0.9, 0.2, 0.8], 2) == [1, 3]
