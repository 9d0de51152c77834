"""The tagger's weights found by numbers are those found by the names of their features, on any text."""

# ruff: noqa: E501 (rows of data read better on one line)
from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bedrail.privacy.text import features, load
from bedrail.privacy.text.beside import Beside, rows_named
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.packs import pack
from bedrail.privacy.text.tagger import weights
from bedrail.privacy.text.tokens import Tokens

_NOTES = Path(__file__).parents[1] / "data/deid_text/outis_base_150.jsonl"
_TEXT = st.lists(
    st.one_of(
        st.sampled_from(["Name:", " ", "|", "||", "_", "\n", "Seen by", " Dr. ", "Lee", "12/03", "%", "<", ":", "S:", "DOB : 1", "a.b"]),
        st.text(st.characters(), max_size=3),
    ),
    max_size=40,
).map("".join)  # fmt: skip


def _same(text: str) -> None:
    detector, model = load("en", "rules"), weights(pack("en").tagger)
    tokens = Tokens(Plain(text))
    if not len(tokens):
        return
    plain = tokens.plain.text
    written = [plain[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True)]
    kinds = [features.describe(one, features.casing(plain), detector.lists)[0] for one in written]
    beside = _beside()
    numbers = np.array([beside.numbers(kind) for kind in kinds], dtype=np.intp)
    assert (beside.rows(beside.context(tokens), numbers) == rows_named(model.index, tokens, kinds)).all()


@cache
def _beside() -> Beside:
    return Beside(weights(pack("en").tagger).index)


@settings(max_examples=60, deadline=None)
@given(_TEXT)
@example("one two three four: a b c d e f g h i j k l m\ns: x\n: y\n")
def test_weights_by_number_are_those_by_name(text: str) -> None:
    """Pairs, places, headers and glue, whatever the characters."""
    _same(text)


def test_weights_by_number_are_those_by_name_in_whole_notes() -> None:
    """Also in notes that the tests ship."""
    for line in _NOTES.read_text("utf-8").splitlines()[::6]:
        _same(msgspec.json.decode(line)["text"])
