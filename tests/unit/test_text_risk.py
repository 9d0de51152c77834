"""The second look at what was left standing, and the risk that it speaks for."""

from __future__ import annotations

import pytest

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text import load
from bedrail.privacy.text.corrections import Mark, Reviewed
from bedrail.privacy.text.lexicon import Learned, learn
from bedrail.privacy.text.residual import residue
from bedrail.privacy.text.risk import note_risk
from bedrail.privacy.values import Span


def span(text: str, words: str, label: str = "NAME", confidence: float = 0.99) -> Span:
    start = text.index(words)
    return Span(start=start, end=start + len(words), label=label, confidence=confidence)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("call 206-555-7788 now", "number"),
        ("specimen SK20441877 sent", "code"),
        ("seen on 3/4/2021 again", "date"),
        ("seen on March 11th again", "date"),
        ("el 4 de julio acude", "date"),
        ("write to a.lee@mail.test please", "contact"),
        ("was told by Dr. Hartwell today", "titled"),
        ("her cousin, Michael, came along", "named"),
        ("lives in Tarnbridge now", "place"),
        ("her son, Quorra, came along", "kin"),
    ],
)
def test_each_sign_is_seen_where_nothing_was_found(text: str, sign: str) -> None:
    """Without any help of the detector."""
    assert sign in {one.sign for one in residue(text, [])}


def test_what_was_replaced_is_no_sign() -> None:
    """A found name is not seen again, and nothing is seen across it."""
    text = "was told by Dr. Hartwell today"
    assert residue(text, [span(text, "Hartwell")]) == []


def test_a_found_name_that_stands_elsewhere_is_a_survivor() -> None:
    """Found once, left once."""
    text = "Hartwell came. Later the note says HARTWELL slept."
    found = residue(text, [span(text, "Hartwell")])
    assert [(one.sign, text[one.start : one.end]) for one in found] == [("survivor", "HARTWELL")]


def test_prose_of_medicine_gives_no_sign() -> None:
    """Doses, pressures, laboratory values and headings are nobody's."""
    text = (
        "HOSPITAL COURSE: The patient took Augmentin 875/125 and metoprolol 25 mg b.i.d.\n"
        "BP 124/72 mmHg, Na 138, K 4.1, pH 7.32/44/88. Denies chest pain. EF 45-50%."
    )
    assert residue(text, []) == []


def test_what_is_left_standing_raises_the_risk() -> None:
    """A note with a survivor is likelier to leak than the same note without it."""
    safe = "Hartwell came in with a cough and went home on the same day with a syrup."
    worse = safe + " Later Mr. Hartwell called from 206-555-7788."
    assert (
        note_risk(worse, [span(worse, "Hartwell")]).probability > note_risk(safe, [span(safe, "Hartwell")]).probability
    )
    assert 0 <= note_risk("", []).probability <= 1


@pytest.mark.parametrize(
    "blob", ["A" * 90_000, "a" * 90_000, "9" * 90_000, "may" * 30_000, "A1-" * 30_000, "a@" * 30_000]
)
def test_a_run_without_spaces_is_looked_through_once(blob: str) -> None:
    """An attachment pasted into a note takes no longer than as much prose: a search that began anew at each sign would
    look at billions of signs here, and never end."""
    text = f"Dr. Hartwell wrote to x@y.test: {blob} and lives in Salem."
    assert {"titled", "contact", "place"} <= {one.sign for one in residue(text, [])}
    assert list(Learned(Blind(), LEXICON, KEYED).detect(text)) == []


def test_a_long_run_that_is_found_is_not_searched_again() -> None:
    """One identifier of 60,000 words would take 3.6 billion steps."""
    text = "Dr. Hartwell " + "a1" * 30_000
    assert load("en", "rules").detect(text)[0].label == "NAME"


class Blind:
    """A detector that finds nothing."""

    def detect(self, text: str, known: object = ()) -> list[Span]:
        return []


KEYED = Keyed(HmacDigest(b"k" * 32))
LEXICON = learn([("file QZ-48151", Reviewed(id=1, added=(Mark(start=5, end=13, label="MRN"),)))], KEYED)
