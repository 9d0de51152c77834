"""What is done to one cell, method by method; each returns the new cell, or one that gives nothing away."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from bedrail.privacy.keyed import Keyed
from bedrail.privacy.release import scan
from bedrail.privacy.release.dates import shifted, year_of
from bedrail.privacy.release.recognise import is_code, is_harmless_number, is_number
from bedrail.privacy.text.transform import Finding, TextRules, deidentify_text
from bedrail.privacy.text.values import Known
from bedrail.privacy.zip3 import zip3

_AGE = re.compile(
    r"\s*(\d{1,3}(?:\.\d+)?)\s*(?:y|yr|yrs|year|years|yo|y/o|years? old)?\.?\s*", re.IGNORECASE | re.ASCII
)
_YOUNG = re.compile(
    r"\s*\d{1,4}\s*(?:h|hrs?|hours?|d|days?|w|wks?|weeks?|m|mo|mos|months?)\.?\s*(?:old)?\s*", re.IGNORECASE
)
_OLD = re.compile(r"\s*(?:>=?|over|≥)?\s*(?:89|9\d|1[01]\d)\s*\+?\s*(?:or (?:older|over|more))?\s*", re.IGNORECASE)
_BAND = re.compile(
    r"\s*[\[(]?\s*(0|[1-9]\d{0,2})\s*(?:-|–|to|,)\s*([1-9]\d{0,2})\s*([\])]?)\s*(?:y|yrs?|years?)?\s*",
    re.IGNORECASE | re.ASCII,
)
_INTERVAL = re.compile(
    r"\s*([\[(]?)\s*(0|[1-9]\d{0,2}|\d{1,3}\.\d{1,2})\s*(?:-|–|,|to)\s*([1-9]\d{0,2}|\d{1,3}\.\d{1,2})\s*([\])]?)\s*",
    re.ASCII,
)
_OLDEST = 125
_LEADING_ZERO = re.compile(r"\s*0\d{4}\s*")
MOST_REMEMBERED = 200_000


@dataclass(slots=True)
class Memory:
    """What a method made of values it has met: tables repeat themselves. Cleared when it grows too large."""

    make: Callable[[str], tuple[str, bool]]
    made: dict[str, tuple[str, bool]]

    def __call__(self, value: str) -> tuple[str, bool]:
        """(the new cell, whether something was masked besides the method's own rule)."""
        found = self.made.get(value)
        if found is None:
            if len(self.made) > MOST_REMEMBERED:
                self.made.clear()
            found = self.made[value] = self.make(value)
        return found


def remembering(make: Callable[[str], tuple[str, bool]]) -> Memory:
    """A method that works out each distinct value once."""
    return Memory(make=make, made={})


def top_coded(oldest: int) -> Memory:
    """An age below `oldest` as it stands, all others `90+` (45 CFR 164.514(b)(2)(i)(C)); what is no age goes."""
    over = f"{oldest}+"

    def make(value: str) -> tuple[str, bool]:
        if not value.strip():
            return "", False
        found = _AGE.fullmatch(value)
        if found:
            return (over, False) if float(found[1]) >= oldest else (value.strip(), False)
        if _OLD.fullmatch(value):
            return over, False
        if band := _BAND.fullmatch(value):
            low, high = int(band[1]), int(band[2]) - (band[3] == ")")  # [80-90) ends below 90
            if low <= high < oldest or oldest <= low <= high:
                return (value.strip() if high < oldest else over), False
        return (value.strip(), False) if _YOUNG.fullmatch(value) else ("", True)

    return remembering(make)


def year_only(newest: int, oldest: int) -> Memory:
    """The year of a date; years in which somebody of `oldest` by `newest` lived become one group; no date, nothing.

    With `newest` 0 the group is not made.
    """
    last = newest - oldest

    def make(value: str) -> tuple[str, bool]:
        if not value.strip():
            return "", False
        year = year_of(value)
        if year is None:
            return (value, False) if value == f"{last} or earlier" else ("", True)
        return (f"{last} or earlier" if newest and year <= last else str(year)), False

    return remembering(make)


def prefix(*, strict: bool) -> Memory:
    """The first three digits of a ZIP code, or 000."""
    return remembering(lambda value: (zip3(value, strict=strict), False))


def pseudonym(keyed: Keyed, kind: str) -> Memory:
    """A keyed pseudonym; an empty cell stays empty."""
    return remembering(lambda value: (keyed.pseudonym(kind, value.strip()) if value.strip() else "", False))


def guarded(rules: Finding | None, everything: Finding | None = None, common: Container[str] = ()) -> Memory:
    """A cell of a column that is kept: harmless numbers and codes stand, in words every identifier found is masked.

    Words that many rows share (`common`) are looked at by `rules`, all others by `everything`: a name stands alone.
    """

    def make(value: str) -> tuple[str, bool]:
        if not value.strip():
            return value, False
        if is_number(value) and not _LEADING_ZERO.fullmatch(value):
            return (value, False) if is_harmless_number(value) else ("[UNIQUE_ID]", True)
        if is_code(value) and not _LEADING_ZERO.fullmatch(value):
            return value, False
        if _LEADING_ZERO.fullmatch(value):
            return "[GEO]", True
        if is_interval(value):
            return value, False
        text, labels = scan.masked(value)
        detector = rules if value in common or everything is None else everything
        spans = detector.detect(text) if detector is not None else ()
        for span in sorted(spans, key=lambda each: -each.start):
            inside = text[span.start : span.end]
            if not inside.startswith("[") and not (span.label == "DATE" and inside.strip().isdigit()):
                text = f"{text[: span.start]}[{span.label}]{text[span.end :]}"
        return text, bool(labels) or text != value

    return remembering(make)


def is_interval(value: str) -> bool:
    """Whether a cell is an interval of small numbers, [70-80) or 100-200, and can be no day of a month such as 3-12.

    At most three digits each: a local telephone number has more, and so has whatever tells people apart. Nor may it be
    a part of the ages over 89, which make one class only (45 CFR 164.514(b)(2)(i)(C)): [91-95) is looked at further.
    """
    found = _INTERVAL.fullmatch(value)
    if found is None or bool(found[1]) != bool(found[4]):
        return False
    low, high = float(found[2]), float(found[3])
    if 90 < low < high <= _OLDEST:
        return False
    return low < high and (bool(found[1]) or low == 0 or high > 31 or low > 12 or "." in found[0])


def moved(value: str, days: int | None, *, day_first: bool) -> tuple[str, bool]:
    """A date so many days later; nothing when it is no whole date, or when it is not known whose it is."""
    if not value.strip():
        return "", False
    made = shifted(value, days, day_first=day_first) if days is not None else None
    return (made, False) if made is not None else ("", True)


def free_text(
    value: str, detector: Finding | None, keyed: Keyed, rules: TextRules, known: Sequence[Known]
) -> tuple[str, bool]:
    """Free text without identifiers: by the text engine, what the row's other columns tell, and a second look by form.

    Without an engine nothing of it stays.
    """
    if not value.strip():
        return value, False
    if detector is None:
        return "", True
    text, spans = deidentify_text(value, detector, keyed, "", rules, known)
    text = _without(text, known)
    text, labels = scan.masked(text)
    return text, bool(spans) or bool(labels) or text != value


def mentioned(text: str, known: Sequence[Known]) -> bool:
    """Whether a text may hold one of the values, or a part of a name."""
    lower = text.lower()
    return any(part in lower for each in known for part in re.split(r"[\s,.]+", each.text.lower()) if len(part) >= 3)


def _without(text: str, known: Sequence[Known]) -> str:
    """The text without the row's own identifiers, in whatever case: names also part by part."""
    for each in known:
        parts = [each.text, *re.split(r"[\s,.]+", each.text)] if each.label == "NAME" else [each.text]
        for part in parts:
            if len(part.strip()) >= 3 and part.strip().lower() in text.lower():
                form = rf"(?<!\w){re.escape(part.strip())}(?!\w)"
                text = re.sub(form, f"[{each.label}]", text, flags=re.IGNORECASE)
    return text
