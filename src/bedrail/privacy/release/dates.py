"""Dates as people write them in tables: found, cut to the year, or moved by whole days in the form they came in."""
# ruff: noqa: E501 (patterns are easier to compare on one line)

from __future__ import annotations

import re
from datetime import date, timedelta

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_TIME = r"(?P<rest>(?:[T ,]\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?)"
_FORMS = tuple(
    re.compile(r"\s*" + form + _TIME + r"\s*", re.IGNORECASE | re.ASCII)
    for form in (
        r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})",
        r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4}|\d{2})",
        r"(?P<y>(?:18|19|20)\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])",
        rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[ -]?(?:of )?{_MONTH}[ ,-]*(?P<y>\d{{4}}|\d{{2}})",
        rf"{_MONTH}[ -]?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?[ -]+(?P<y>\d{{4}})",
    )
)
_HL7 = re.compile(r"\s*((?:18|19|20)\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{4}(?:\d{2})?(?:\.\d+)?(?:[+-]\d{4})?)\s*", re.ASCII)  # fmt: skip
_YEAR = re.compile(r"\s*((?:18|19|20)\d{2})(?:\.0+)?\s*", re.ASCII)
_PART = re.compile(r"\s*(?P<y>(?:18|19|20)\d{2})[-/](?:0?[1-9]|1[0-2]|Q[1-4])\s*|\s*(?:0?[1-9]|1[0-2])/(?P<z>(?:19|20)\d{2})\s*", re.ASCII)  # fmt: skip


def day_of(value: str, *, day_first: bool = False) -> date | None:
    """The day that a cell names, or None; 03/04/2020 is March unless `day_first` or it cannot be."""
    hl7 = _HL7.fullmatch(value)
    if hl7:
        return _date(int(hl7[1]), int(hl7[2]), int(hl7[3]))
    for form in _FORMS:
        found = form.fullmatch(value)
        if found:
            return _named(found.groupdict(), day_first)
    return None


def _named(parts: dict[str, str | None], day_first: bool) -> date | None:
    year = _century(parts["y"] or "")
    if parts.get("a"):
        first, second = int(parts["a"] or 0), int(parts["b"] or 0)
        month, day = (second, first) if (day_first and second <= 12) or first > 12 else (first, second)
        return _date(year, month, day)
    name = parts.get("name")
    month = MONTHS.index(name.lower()) + 1 if name else int(parts["m"] or 0)
    return _date(year, month, int(parts["d"] or 0))


def _century(year: str) -> int:
    return int(year) if len(year) == 4 else int(year) + (1900 if int(year) >= 50 else 2000)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def year_of(value: str) -> int | None:
    """The year of a date, of a part of one (2019-03, 2019-Q2, 03/2019), or a bare year; None for anything else.

    A year of two digits tells no century, so it gives none: guessing it wrong would be worse than an empty cell.
    """
    bare = _YEAR.fullmatch(value)
    if bare:
        return int(bare[1])
    part = _PART.fullmatch(value)
    if part:
        return int(part["y"] or part["z"])
    if re.fullmatch(r"\s*\d{1,2}\D\d{1,2}\D\d{2}(?:\D.*)?|.*[a-zA-Z][ -]\d{2}(?:\D.*)?", value) and not re.search(
        r"\d{4}", value
    ):
        return None
    day = day_of(value)
    return day.year if day else None


def shifted(value: str, days: int, *, day_first: bool = False) -> str | None:
    """The same cell so many days later, in the form it came in, its time of day kept; None when it is no whole date.

    A date that would leave the calendar is None too.
    """
    day = day_of(value, day_first=day_first)
    if day is None:
        return None
    try:
        moved = day + timedelta(days=days)
    except OverflowError:
        return None
    hl7 = _HL7.fullmatch(value)
    if hl7:
        return f"{moved:%Y%m%d}{hl7[4]}"
    for number, form in enumerate(_FORMS):
        found = form.fullmatch(value)
        if found:
            return _written(number, found, moved, day, day_first) + found["rest"]
    return None


def _written(form: int, found: re.Match[str], moved: date, day: date, day_first: bool) -> str:
    year = f"{moved.year:04}" if len(found["y"]) == 4 else f"{moved.year % 100:02}"
    if form == 0:
        wide = 2 if len(found["m"]) == 2 else 1
        return f"{year}{found['s']}{moved.month:0{wide}}{found['s']}{moved.day:0{wide}}"
    if form == 1:
        swapped = int(found["a"]) == day.day and (int(found["b"]) == day.month) and (day_first or int(found["a"]) > 12)
        parts = (moved.day, moved.month) if swapped else (moved.month, moved.day)
        wide = 2 if len(found["a"]) == 2 and len(found["b"]) == 2 else 1
        return f"{parts[0]:0{wide}}{found['s']}{parts[1]:0{wide}}{found['s']}{year}"
    if form == 2:
        return f"{moved:%Y%m%d}"
    name = f"{moved:%b}"
    return f"{moved.day} {name} {year}" if form == 3 else f"{name} {moved.day}, {year}"
