"""What the automaton loosens stays loosened in the corners that shipped rules do not have."""

from __future__ import annotations

import re
from array import array

import pytest

from bedrail.privacy.text.automaton import _UNMADE, Automaton
from bedrail.privacy.text.matching import Matcher
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.packs import pack
from bedrail.privacy.text.tokens import Tokens


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


@pytest.mark.parametrize("regex", ["(?!|x)a", "(?!x|)a", "(?!)a", "(?=)a", "(?=|x)a", "(?<=)a"])
def test_looking_for_nothing_is_no_mistake(regex: str) -> None:
    """Of an empty alternative beside a place nothing is kept: what matches is not ruled out."""
    machine = Automaton([re.compile(regex)], [[0]])
    allowed = machine.open[machine.walked("a", 0, 0)]
    assert allowed == (0,) or not re.match(regex, "a")


def test_a_table_with_every_row_holds_no_state_that_was_never_made() -> None:
    """A move that is not made yet stays one where the table is so large that its mark could be a row."""
    matcher = Matcher(pack("en").rules)
    machine, rows = matcher._automaton, _UNMADE + 1
    machine.moves = machine.moves + array("H", [_UNMADE]) * (rows * machine.width - len(machine.moves))
    machine.stops = machine.stops + bytearray(rows - len(machine.stops))
    tokens = Tokens(Plain("MRN: 1234567, seen 3/4/2021 by Dr. Alma Reyes, tel 555-010-4477"))
    found = matcher.events(tokens)
    assert found
    assert found == matcher.events_python(tokens)
