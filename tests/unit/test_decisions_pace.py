"""Turnstiles: how fast a use case may be asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bedrail.core.values import Pace
from bedrail.decisions.pace import Turnstile
from bedrail.journeys.throttling import WINDOW_SECONDS, Throttling


def passed(turnstile: Turnstile, token: str, moments: list[float]) -> int:
    """How many requests at these moments pass."""
    return sum(turnstile.wait(token, moment) == 0.0 for moment in moments)


def test_a_burst_passes_and_then_the_steady_rate() -> None:
    """Ten at once, the eleventh waits a second, and after the wait exactly one passes."""
    turnstile = Turnstile(Pace(per_minute=60, burst=10))
    assert passed(turnstile, "a", [5.0] * 20) == 10
    assert turnstile.wait("a", 5.0) == 1.0
    assert passed(turnstile, "a", [6.0] * 3) == 1


def test_one_token_does_not_use_up_anothers_turns_but_all_together_have_a_limit_too() -> None:
    """Each token has its burst, until the use case's own is used up."""
    turnstile = Turnstile(Pace(per_minute=60, burst=10, all_per_minute=60, all_burst=15))
    assert [passed(turnstile, token, [0.0] * 12) for token in "abc"] == [10, 5, 0]
    assert 0.0 < turnstile.wait("d", 0.0) <= 1.0


def test_whoever_is_held_up_loses_nothing_by_asking() -> None:
    """A thousand refused requests do not put off the next turn."""
    turnstile = Turnstile(Pace(per_minute=60, burst=1))
    assert passed(turnstile, "a", [0.0] * 1000) == 1
    assert turnstile.wait("a", 1.0) == 0.0


@given(st.lists(st.floats(0.0, 600.0), max_size=300), st.integers(1, 600), st.integers(1, 50))
def test_never_more_than_burst_and_rate_allow(moments: list[float], per_minute: int, burst: int) -> None:
    """In any stretch of time: at most the burst and what the steady rate gives in that time, plus one."""
    turnstile = Turnstile(Pace(per_minute=per_minute, burst=burst))
    through = [moment for moment in sorted(moments) if turnstile.wait("a", moment) == 0.0]
    for i, first in enumerate(through):
        for j in range(i, len(through)):
            assert j - i + 1 <= burst + (through[j] - first) * per_minute / 60.0 + 1e-6


def test_held_up_requests_become_one_fact_for_a_token_and_window() -> None:
    """Told at once, then once a window, with what came in between; at the end whatever is left."""
    throttling = Throttling()
    for second in range(50):
        throttling.count("falls", "t1", f"2026-01-01T00:00:{second:02}+00:00")
    (fact,) = throttling.due(0.0)
    assert (fact.refused, fact.since[-8:-6], fact.until[-8:-6]) == (50, "00", "49")
    throttling.count("falls", "t1", "2026-01-01T00:01:00+00:00")
    throttling.told(fact, 0.0)
    assert throttling.due(WINDOW_SECONDS - 1.0) == []
    assert [(f.refused, f.until) for f in throttling.due(WINDOW_SECONDS)] == [(1, "2026-01-01T00:01:00+00:00")]
    assert len(throttling.due(1.0, all_of_it=True)) == 1
