"""What the automaton rules out matches nowhere, and the compiled scan says what the Python one says, on any text."""

# ruff: noqa: E501 (rows of data read better on one line)
from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.privacy.text import load
from bedrail.privacy.text.automaton import graph
from bedrail.privacy.text.features import letters, letters_python
from bedrail.privacy.text.fusion import fuse, grouped, joined, remaining
from bedrail.privacy.text.known import among, among_python
from bedrail.privacy.text.matching import Matcher, confirm, confirm_python
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.packs import PACKS
from bedrail.privacy.text.states import PythonStates, states
from bedrail.privacy.text.tokens import Tokens, cut, cut_python
from bedrail.privacy.text.values import Candidate

_SAMPLES = Path(__file__).parents[1] / "data"
_PIECES = st.sampled_from([
    "MRN: ", "record no. ", "1234567", "12", "Dr. ", "Ann ", "Smith", "\n", "\t", " ", "-", "/", ".", ",", "(", "\u212a", "\u017f", "\u0131",
    "\u00e9", "\u05d0", "\u0663", "\u00b2", "\ud800", "\U0001d7d9", "\U0001f600", "_", "a@b.org", "12/03/2020", "Springfield, TX", " 78701", "94 yo",
    "St. Mary Hospital", " at ", "[at]", "www.x.com", "5 North Main Street", "Patient ", "Name: ", "ID", "March ", "2020", "x", "MD", "hijo de ",
])  # fmt: skip
_TEXT = st.lists(st.one_of(_PIECES, st.text(st.characters(), max_size=3)), max_size=30).map("".join)


@cache
def _matcher(language: str) -> Matcher:
    return load(language, "rules")._matcher


@cache
def _samples() -> list[tuple[str, str]]:
    """Language and text of every note that the tests ship."""
    files = (
        ("en", "deid_text/outis_base_150"),
        ("es", "deid_languages/meddocan_dev_25"),
        ("de", "deid_languages/grascco_12"),
    )
    return [
        (language, msgspec.json.decode(line)["text"])
        for language, name in files
        for line in (_SAMPLES / f"{name}.jsonl").read_text("utf-8").splitlines()[:40]
    ]


def _same(text: str, language: str) -> None:
    plain = Plain(text)
    tokens, matcher = Tokens(plain), _matcher(language)
    assert cut(plain.text, plain.lower) == cut_python(plain.text, plain.lower)
    told, python = matcher.events(tokens), matcher.events_python(tokens)
    opened, opened_python = matcher.states.open, matcher.python_states.open
    assert [(*event, opened(may)) for *event, may in told] == [(*event, opened_python(may)) for *event, may in python]
    for at in tokens.starts[::40]:
        rules = tuple(rule.told[rule.confidence > 0.95] for rule in matcher._rules if not rule.behind)
        one: list[Candidate] = []
        other: list[Candidate] = []
        asked = (rules, plain.text, at, Candidate, "rule")
        assert confirm(*asked, one) == confirm_python(*asked, other)
        assert one == other
    for rule in matcher._rules:
        if rule.anchored:
            around = (tokens, rule.entry, len(tokens) // 3, len(tokens))
            assert matcher.places(*around) == matcher.places_python(*around)
    assert sorted(matcher.find_ruled(tokens), key=repr) == sorted(matcher.find_directly(tokens), key=repr)
    found, large = letters(plain.text, 50)
    small, large_python = letters_python(plain.text, 50)
    assert (found, large) == (small, large_python)


@settings(max_examples=40, deadline=None)
@given(text=_TEXT, language=st.sampled_from(sorted(PACKS)))
def test_the_compiled_scan_says_what_the_python_one_says(text: str, language: str) -> None:
    """Tokens, letters, events, places and what is found are the same with the compiled kernel and without it."""
    _same(text, language)


def test_the_compiled_scan_says_the_same_of_the_shipped_samples() -> None:
    """Also on whole notes of the three languages."""
    for language, text in _samples()[::12]:
        _same(text, language)
    for language, text in _samples():
        tokens, matcher = Tokens(Plain(text)), _matcher(language)
        assert sorted(matcher.find_ruled(tokens), key=repr) == sorted(matcher.find_directly(tokens), key=repr)


def _nothing_is_lost(text: str, language: str) -> None:
    tokens, matcher = Tokens(Plain(text)), _matcher(language)
    plain = tokens.plain.text
    opened = matcher.states.open
    left = {(entry, at): set(opened(may)) for _, entry, at, may in matcher.events(tokens)}
    for word, at in zip(tokens.words, tokens.starts, strict=True):
        entry = matcher._table.get(word, 0 if word[0].isdigit() else -1)
        numbers = matcher.numbers(entry) if entry >= 0 else ()
        for number in numbers:
            if matcher._rules[number].match(plain, at) is not None:
                assert number in left.get((entry, at), ()), matcher._rules[number].label
    for rule in matcher._rules:
        if rule.anchored:
            places = set(matcher.places(tokens, rule.entry, 0, len(tokens)))
            assert {m.start() for m in rule.search(plain)} <= places


@settings(max_examples=40, deadline=None)
@given(text=_TEXT, language=st.sampled_from(sorted(PACKS)))
def test_what_is_ruled_out_matches_nowhere(text: str, language: str) -> None:
    """Every rule that matches at a token is among those that are left; so is every beginning of the others."""
    _nothing_is_lost(text, language)


def test_what_is_ruled_out_matches_nowhere_in_the_shipped_samples() -> None:
    """Also on whole notes of the three languages."""
    for language, text in _samples()[::9]:
        _nothing_is_lost(text, language)


_REGEX = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "[^a]", ".", r"\d", r"\w", r"\s", "(?i:k)", "(?i:S)", r"\b", "(?=a)", "(?!b)", "(?<!a)", "(?<=b)", "\u017f", "(?=ab)", "(?=b|ak)", "(?=[^k]*k)",
                     "(?!ab|k)", "(?i:(?!\u017f))", "(?P<r>[ab]?)(?P=r)", "(?P<s>a(?!b)|(?i:k))(?P=s)", "(?i:(?P<t>k)(?P=t))"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,12}", "{1,3}?"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
        inner.map(lambda one: f"(?P<x>{one})"),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(regex=_REGEX, text=st.text("abkKsS1 \n\u212a\u017f\u00e9", max_size=8), at=st.integers(0, 8))
def test_the_automaton_accepts_whatever_the_expression_does(regex: str, text: str, at: int) -> None:
    """Any expression, any text, any place: where it matches, it is not ruled out."""
    try:
        pattern = re.compile(regex)
    except re.error:  # the same group twice
        return
    at = min(at, len(text))
    made = graph([pattern], [[0], []])
    machine, python = states(made), PythonStates(made)
    left = machine.open(machine.walked(text, at, 0))
    assert left == python.open(python.walked(text, at, 0))
    if pattern.match(text, at) is not None:
        assert left == (0,)
    assert machine.open(machine.walked(text, at, 1)) == ()


_CANDIDATES = st.lists(
    st.builds(
        lambda start, size, label, confidence: Candidate(start, start + size, label, confidence, "rule"),
        st.integers(0, 30), st.integers(1, 9), st.sampled_from(["NAME", "GEO", ""]), st.sampled_from([0.5, 0.7, 0.9]),
    ),
    max_size=9,
)  # fmt: skip


@given(text=st.text("ab .", min_size=39, max_size=39), first=_CANDIDATES, more=_CANDIDATES)
def test_what_comes_later_is_joined_as_if_it_had_been_there(
    text: str, first: list[Candidate], more: list[Candidate]
) -> None:
    """Candidates in two steps leave what they leave in one."""
    assert remaining(joined(text, grouped(text, first), more)) == fuse(text, first + more)


@given(
    words=st.lists(st.text("ab\u00e9\U0001f600", min_size=1, max_size=3), max_size=20),
    sought=st.dictionaries(st.text("ab\u00e9", max_size=2), st.none(), max_size=4),
)
def test_the_compiled_search_for_words_finds_what_the_python_one_finds(
    words: list[str], sought: dict[str, None]
) -> None:
    """The places of words that are sought."""
    assert among(words, sought) == among_python(words, sought)
