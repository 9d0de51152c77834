"""Whatever the text: detection never raises, and its spans lie in the text, sorted and apart."""

# ruff: noqa: E501 (rows of data read better on one line)
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.privacy.text import Known, load
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.values import LABELS

_ANY = st.characters()  # lone surrogates too
_PIECES = st.sampled_from([
    "MRN: ", "1234567", "Dr. ", "Smith", "\r\n", "\n", "\r", "\t", "\u200b", "\u0301", "\ufb01", "\u00bd", "\u0130", "\ud800", "@",
    "a@b.org", "12/03/2020", "SSN 123-45-6789", "94 yo", "http://", "::1", " at ", "(", "[", ",", "TX 78701", "\u2028", "\u0000",
    "\U0001f600", "\u05d0", "9" * 40,
])  # fmt: skip
_TEXT = st.one_of(
    st.text(_ANY, max_size=200), st.lists(st.one_of(_PIECES, st.text(_ANY, max_size=4)), max_size=30).map("".join)
)


@pytest.mark.parametrize("mode", ["rules", "full"])
@settings(max_examples=80, deadline=None)
@given(text=_TEXT, name=st.text(_ANY, max_size=12))
def test_spans_are_sound_for_any_text(mode: str, text: str, name: str) -> None:
    """Inside the text, sorted, not overlapping, of known labels, with a confidence in 0..1."""
    last = 0
    for span in load(mode=mode).detect(text, (Known(label="NAME", text=name),)):
        assert last <= span.start < span.end <= len(text)
        assert span.label in LABELS
        assert 0 <= span.confidence <= 1
        last = span.end


@settings(max_examples=80, deadline=None)
@given(text=_TEXT)
def test_every_place_has_a_way_back(text: str) -> None:
    """Each stretch of the normalised text comes from a stretch of the original, in the same order."""
    plain = Plain(text)
    assert len(plain.lower) == len(plain.text)
    last = 0
    for at in range(len(plain.text)):
        start, end = plain.original(at, at + 1)
        assert 0 <= start < end <= len(text)
        assert start >= last
        last = start


def test_a_huge_line_is_read_in_one_piece() -> None:
    """A line of some hundred thousand characters with identifiers at both ends ends in their spans."""
    text = "MRN 8812734 " + "lorem 12, ipsum@dolor " * 3_000 + " SSN 123-45-6789"
    spans = load(mode="rules").detect(text)
    assert spans[0].start <= 4
    assert spans[-1].end == len(text)
