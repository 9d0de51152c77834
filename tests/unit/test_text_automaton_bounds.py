"""What the automaton loosens stays loosened in the corners that shipped rules do not have."""

from __future__ import annotations

import re

import pytest

from bedrail.privacy.text.automaton import Automaton


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        ("a{40}b", "a" * 40 + "b"),
        ("a{30,60}b", "a" * 55 + "b"),
        ("(?i:[^\u00e9])b", "Kb"),
        ("(?i:[^\u00e0-\u00ff])b", "sb"),
        ("[^\u00e9]b", "ib"),
    ],
)
def test_long_counts_and_negations_beyond_ascii_are_not_ruled_out(regex: str, text: str) -> None:
    """Beyond 32 a count is any number; that a letter may fold to an ASCII one takes nothing from a negation."""
    machine = Automaton([re.compile(regex)], [[0]])
    assert re.match(regex, text)
    assert machine.open[machine.walked(text, 0, 0)] == (0,)
