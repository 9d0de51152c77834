"""The page of a review in a real browser: what is clicked and marked there comes out as corrections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_passkeys_chromium import CHROMIUM, Chromium

from bedrail.privacy.text.corrections import read_corrections
from bedrail.privacy.text.review import Found, Shown
from bedrail.privacy.text.review_page import review_page

pytestmark = pytest.mark.slow

TEXT = "\U0001f600 Dr. Hartwell & <b>Zorblatt</b> came.\nParkinson tremor."
"""The first sign is two units of UTF-16 and one code point; the markup is words of the note."""


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    """A headless browser with one page."""
    if not CHROMIUM:
        pytest.skip("no chromium here")
    browser = Chromium(tmp_path / "profile")
    try:
        browser.open()
        yield browser
    finally:
        browser.close()


def test_what_is_said_in_the_page_comes_out_as_corrections(chromium: Chromium, tmp_path: Path) -> None:
    """A mark taken away, one added by selecting words, places in code points; and the page reaches nobody."""

    def found(words: str) -> Found:
        return Found(start=TEXT.index(words), end=TEXT.index(words) + len(words), label="NAME", confidence=0.9)

    notes = [
        Shown(id="n1", original=TEXT, written="x", spans=(found("Hartwell"), found("Parkinson")), risk=0.3),
        Shown(id=2, original="fine", written="fine", spans=(), risk=0.0),
    ]
    path = tmp_path / "review.html"
    path.write_text(review_page(notes, picked="random", of=9, seed=4), encoding="utf-8")
    chromium.go(path.as_uri())
    assert chromium.run("document.querySelectorAll('#note mark').length") == 2
    assert chromium.run("document.querySelector('#note b')") is None
    chromium.run("document.querySelectorAll('#note mark')[1].click()")
    chromium.run(
        """(() => {
            const holder = [...document.querySelectorAll('#note span')].find((s) => s.textContent.includes('Zorblatt'));
            const at = holder.firstChild.data.indexOf('Zorblatt');
            getSelection().setBaseAndExtent(holder.firstChild, at, holder.firstChild, at + 8);
            document.getElementById('add').click();
            document.getElementById('next').click();
        })()"""
    )
    made = read_corrections(json.dumps(chromium.run("corrections()")).encode(), "page")
    assert (made.picked, made.of, made.seed) == ("random", 9, 4)
    (note,) = made.notes
    words = {kind: [TEXT[m.start : m.end] for m in getattr(note, kind)] for kind in ("accepted", "rejected", "added")}
    assert words == {"accepted": ["Hartwell"], "rejected": ["Parkinson"], "added": ["Zorblatt"]}
    blocked = "fetch('https://example.org').then(() => 'reached', () => 'blocked')"
    assert chromium.run(blocked) == "blocked"
