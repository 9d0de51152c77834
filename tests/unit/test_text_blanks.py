"""Text without a word in it."""

from __future__ import annotations

import pytest

from bedrail.privacy.text import load


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t \x0b", "\u200b", "\u2028 \u3000"])
def test_blanks_alone_hold_nothing(text: str) -> None:
    """Empty fields of forms and messages are full of them."""
    assert load("en", "rules").detect(text) == []
