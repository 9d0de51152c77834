"""Patterns whose lists of words are told apart by first letters match what they matched before."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrail.privacy.text.wordlists import by_first_letter, compiled

_WORD = st.from_regex(r"[abk](?:[abc]|b\?|a\{1,2\}|\[[)|\]a]\]|\(\?:b|c\)){0,3}", fullmatch=True).filter(
    lambda w: bool(w) and _valid(w)
)
_BARRIER = st.sampled_from([r"\bab", "a?b", "[ab]c", "(?:a|ba)", "(?-i:B)", "", "b+", r"\)"])
_LISTS = st.lists(_WORD | _BARRIER, min_size=1, max_size=9).map("|".join)


def _valid(word: str) -> bool:
    try:
        re.compile(word)
    except re.error:
        return False
    return True


@given(
    before=st.sampled_from(["", "(?<![a-z])", "c?", "(?P<x>[|)(]?)"]),
    words=_LISTS,
    inner=_LISTS,
    after=st.sampled_from(["", "(?![a-z])", "c|ab", "b{0,2}(?i:A|B|C|D)"]),
    text=st.text(alphabet="abckABK|)( ", max_size=12),
)
def test_the_same_text_matches_the_same_way(before: str, words: str, inner: str, after: str, text: str) -> None:
    """From every place: whether it matches, how far, and what each group holds."""
    pattern = f"{before}(?i:{words})(?:(?i:k(?:{inner})|{words}))?{after}"
    plain, quick = re.compile(pattern), compiled(pattern)
    for at in range(len(text) + 1):
        one, other = plain.match(text, at), quick.match(text, at)
        assert (one and (one.span(), one.groups())) == (other and (other.span(), other.groups()))


def test_lists_are_told_apart_where_case_is_ignored_alone() -> None:
    """A list that minds case is quick already; one of few words stays as it is written."""
    assert by_first_letter("(?i:ab|ac|b|c)") == "(?i:(?-i:[aA])(?:b|c)|(?-i:[bB])|(?-i:[cC]))"
    for kept in ("(?:ab|ac|b|c)", "(?i:ab|ac|b)", "[(?i:ab|ac|b|c)]", r"\(?i:ab|ac|b|c", "(?i:(?-i:ab|ac|b|c))"):
        assert by_first_letter(kept) == kept


def test_what_is_no_pattern_is_refused() -> None:
    """As `re` refuses it."""
    for broken in ("(?i:a|b|c|d", "(?i:a|b|c|d))", "(?i:a|b|c|[d)", "(?i:a|b|c|*d)"):
        with pytest.raises(re.error):
            compiled(broken)
