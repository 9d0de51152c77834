"""What the automaton loosens stays loosened in the corners that shipped rules do not have."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest

from bedrail.privacy.text.automaton import graph
from bedrail.privacy.text.matching import Matcher
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.packs import pack
from bedrail.privacy.text.states import PythonStates, states
from bedrail.privacy.text.tokens import Tokens

_scan = pytest.importorskip("bedrail.privacy.text._scan")


def _left(regexes: Sequence[str], text: str, at: int = 0, entry: int = 0) -> tuple[int, ...]:
    """Which of them may match, as both kinds of states say."""
    made = graph([re.compile(each) for each in regexes], [range(len(regexes)), []])
    machine, python = states(made), PythonStates(made)
    left = machine.open(machine.walked(text, at, entry))
    assert left == python.open(python.walked(text, at, entry))
    assert machine.count() == python.count()
    return left


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
    assert re.match(regex, text)
    assert _left([regex], text) == (0,)


@pytest.mark.parametrize("regex", ["(?!|x)a", "(?!x|)a", "(?!)a", "(?=)a", "(?=|x)a", "(?<=)a"])
def test_looking_for_nothing_is_no_mistake(regex: str) -> None:
    """Of an empty alternative beside a place nothing is kept: what matches is not ruled out."""
    allowed = _left([regex], "a")
    assert allowed == (0,) or not re.match(regex, "a")


def test_what_is_told_apart_is_told_apart() -> None:
    """Patterns by number, empty entries, and a part that is seen ahead of another."""
    assert _left(["a(?=b)", "ac", "(?<!x)a"], "ac") == (1, 2)
    assert _left(["a(?=b)", "ac", "(?<!x)a"], "xab", 1) == (0,)
    assert _left(["a"], "a", entry=1) == ()
    assert _left(["[^\x00-\x7f]"], "a\u00e9", 1) == (0,)


def test_no_number_of_states_breaks_the_table() -> None:
    """There is room for 65,535; behind them nothing is ruled out, at the beginning of an entry neither."""
    regexes = [re.compile("[ab]*a[ab]{17}c"), re.compile("xy")]
    machine = states(graph(regexes, [[0], [1]]), most=10**6)
    text = "".join(random.Random(1).choices("ab", k=100_000))
    assert machine.open(machine.walked(text, 0, 0)) == (0,)
    assert machine.count() == 65_535
    assert machine.open(machine.walked("q" * 9, 3, 1)) == (1,)
    assert machine.open(machine.walked(text + "c", 0, 0)) == (0,)


def test_a_graph_that_leads_out_of_itself_is_refused() -> None:
    """Numbers that are none of its own, and parts of other lengths, never reach the kernel's tables."""
    made = graph([re.compile(r"(?<!\d)ab(?=c)|\d+x")], [[0]])
    parts = [
        made.sets, made.lead_at, made.lead_set, made.lead_to, made.skip_at, made.skip_kind, made.skip_set, made.skip_to,
        made.part_of, made.pattern_of, made.entry_at, made.starts,
    ]  # fmt: skip
    assert _scan.States(made.columns, made.width, 9, *parts).count() == 1
    for at, part in enumerate(parts):
        raw = bytes(part)
        for other in (raw[:-4], raw[:-1] + b"\xff", b""):
            if at in (0, 9) and other.endswith(b"\xff"):  # any set is one, any number may be a pattern's
                continue
            with pytest.raises(ValueError, match="no graph"):
                _scan.States(made.columns, made.width, 9, *parts[:at], other, *parts[at + 1 :])
    for columns, width in ((b"", 3), (b"\xff" * 129, made.width), (made.columns, 0), (made.columns, 200)):
        with pytest.raises(ValueError, match="no graph"):
            _scan.States(columns, width, 9, *parts)
    machine = states(made)
    for place, entry in ((-1, 0), (9, 0), (0, 1), (0, -1)):
        with pytest.raises(IndexError):
            machine.walked("ab", place, entry)
    with pytest.raises(IndexError):
        machine.open(99)


def test_a_full_automaton_rules_nothing_out_that_it_should_not() -> None:
    """When no more states may be made, what is not ruled out yet is tried: the answers stay as they are."""
    text = "MRN 1234567, seen 12/03/2020 by Dr. Ann Lee, 5 North Main Street, Springfield, TX 78701"
    rules, tokens = pack("en"), Tokens(Plain(text))
    matcher = Matcher(rules.rules, rules.scans, rules.measures)
    whole = matcher.find(tokens)
    assert whole
    for most in (1, 40):
        matcher.use(states(matcher.graph, most))
        assert matcher.find(tokens) == whole
