"""What people write on wards and dictate: spoken dates, holidays, double names, surnames in lists."""

from __future__ import annotations

import pytest

from bedrail.privacy.text import load
from bedrail.privacy.values import Span


def _found(text: str) -> set[tuple[str, str]]:
    spans: list[Span] = load("en", "rules").detect(text)
    return {(text[s.start : s.end], s.label) for s in spans}


@pytest.mark.parametrize(
    ("text", "part", "label"),
    [
        ("Surgery was on the third of May twenty twenty-three.", "third of May twenty twenty-three", "DATE"),
        ("Born March twenty-second nineteen ninety-nine.", "March twenty-second nineteen ninety-nine", "DATE"),
        ("She fell on Memorial Day weekend.", "Memorial Day weekend", "DATE"),
        ("Seen Tuesday the 9th at noon.", "the 9th", "DATE"),
        ("Next appt Weds 5/22.", "5/22", "DATE"),
        ("Last visit 9/9.", "9/9", "DATE"),
        ("medical record number seven seven one four two", "seven seven one four two", "MRN"),
        ("Lives with mother, ninety-six yo.", "ninety-six", "AGE90"),
        ("She is ninety-four.", "ninety-four", "AGE90"),
        ("of 14 Larkhill Close, on foot", "14 Larkhill Close", "GEO"),
        ("Seen by Dr. Fall today.", "Fall", "NAME"),
        ("Patient: Omar Fall", "Omar Fall", "NAME"),
        ("cc: Maria de la Cruz", "Maria de la Cruz", "NAME"),
        ("moderate MR. Johnson agrees", "Johnson", "NAME"),
        ("12 via Roma", "12 via Roma", "GEO"),
        ("Spoke to Mrs. Tanaka-Zumwaltic today.", "Tanaka-Zumwaltic", "NAME"),
    ],
)
def test_what_is_said_aloud_or_in_short_is_found(text: str, part: str, label: str) -> None:
    """As a number is dictated, a day by its name, a double name with both halves."""
    assert (part, label) in _found(text)


@pytest.mark.parametrize(
    "text",
    [
        "EF 35%, mild MR. Meds: metoprolol.",
        "CC: Knee pain since the fall.",
        "May first try ibuprofen.",
        "Ninety percent of the dose; flexion is ninety-five degrees.",
        "Easter dinner was tolerated well.",
        "She was the second of three.",
        "Jevity at 50 via PEG.",
        "PT visit 3/12 done.",
        "O2 sat 92/94, sat 10/12.",
        "She spoke circumstantially.",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    """Regurgitation is no title, a complaint no addressee, a measure no age, a count of visits no day."""
    assert _found(text) == set()


def test_a_weakly_believed_name_is_sought_again_unless_it_is_a_word() -> None:
    """A surname that the tagger believes in one place goes in every place."""
    text = "Consultants: Halloran (renal), Ostrowski (ID). Rx: cefazolin. f/u Ostrowski 2 wks, 203 555 0110"
    spans = load("en", "full").detect(text)
    places = [at for at in range(len(text)) if text.startswith("Ostrowski", at)]
    assert [any(s.start <= at and at + 9 <= s.end for s in spans) for at in places] == [True, True]
