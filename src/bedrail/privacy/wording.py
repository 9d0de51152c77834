"""Free text inside other media: one engine for FHIR, HL7 v2 and DICOM, which remembers the phrases that come again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.detect import load
from bedrail.privacy.text.transform import TextRules, deidentify_text
from bedrail.privacy.text.values import Known, Mode

MOST_PHRASES = 100_000
_ENOUGH_DIGITS = 7
LONGEST_PHRASE = 200
"""Displays and units repeat by the thousand; notes do not."""


class Wording:
    """Cleans text under one key and one set of rules; what is known of a patient is looked for besides."""

    def __init__(self, keyed: Keyed, rules: TextRules, mode: Mode = "full") -> None:
        """Loads the detector of `rules.language`; raises Invalid where there is none."""
        self._keyed, self._rules = keyed, rules
        self._detector = load(rules.language, mode)
        self._clean: dict[str, None] = {}

    def clean(self, text: str, subject: str, known: Sequence[Known]) -> str:
        """The text without identifiers."""
        if not text.strip():
            return text
        if text in self._clean and not _mentions(text, known):
            return text
        made, spans = deidentify_text(text, self._detector, self._keyed, subject, self._rules, known)
        if not spans and len(text) <= LONGEST_PHRASE:
            if len(self._clean) >= MOST_PHRASES:
                self._clean.clear()
            self._clean[text] = None
        return made


def _mentions(text: str, known: Sequence[Known]) -> bool:
    """Whether a phrase that is clean for others holds something of this patient (loosely: then it is read again)."""
    folded = text.casefold()
    return any(each.text.casefold() in folded for each in known)


def known_pattern(known: Iterable[Known]) -> re.Pattern[str] | None:
    """One pattern for all values of a person that are long enough to be told from common words; None if none is."""
    values = {each.text.casefold() for each in known if _telling(each.text)}
    told = sorted(values | {bare for value in values if (bare := _bare(value))}, key=len, reverse=True)
    if not told:
        return None
    return re.compile(r"(?<![\w-])(?:" + "|".join(re.escape(value) for value in told) + r")(?![\w-])", re.IGNORECASE)


def _bare(value: str) -> str:
    """The digits of a number that is written with spaces and signs between, if they are enough to be told."""
    digits = "".join(sign for sign in value if sign.isdigit())
    written = all(sign.isdigit() or sign in " -.()/+" for sign in value)
    return digits if written and len(digits) >= _ENOUGH_DIGITS and digits != value else ""


def _telling(value: str) -> bool:
    size = len(value)
    return size >= 4 or (size == 3 and value.isalpha() and not value.isascii())
