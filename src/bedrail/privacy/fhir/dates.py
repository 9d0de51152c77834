"""Dates of FHIR: years alone, moved by days, or gone where they tell an age over 89. Partial dates and zones stay
valid.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
OLDEST = 90
"""45 CFR 164.514(b)(2)(i)(C): no element of a date, the year included, may tell an age of 90 or more."""


@lru_cache(maxsize=65536)
def parts(text: str) -> tuple[int, date | None, str, str] | None:
    """(year, the day if it is told, time, zone) of a date, dateTime or instant; None when it is none of them."""
    match = _DATE.fullmatch(text)
    if match is None or match["year"] == "0000":
        return None
    if match["month"] is not None and not 1 <= int(match["month"]) <= 12:
        return None
    whole = None
    if match["day"] is not None:
        try:
            whole = date(int(match["year"]), int(match["month"]), int(match["day"]))
        except ValueError:
            return None
    return int(match["year"]), whole, match["time"] or "", match["zone"] or ""


def tells_an_old_age(year: int, this_year: int) -> bool:
    """Whether something of that year that a person lived through tells that they are 90 or become so this year."""
    return this_year - year >= OLDEST


def year_only(text: str, kind: str, this_year: int) -> str | None:
    """The year; for an `instant`, which cannot be partial, its first second in its zone. None: nothing stays."""
    found = parts(text)
    if found is None or tells_an_old_age(found[0], this_year):
        return None
    year = text[:4]
    return f"{year}-01-01T00:00:00{found[3] or 'Z'}" if kind == "instant" else year


def moved(text: str, days: int, *, keep_time: bool) -> str | None:
    """The same date `days` later, with its zone, and its time or midnight; None when it tells no day, or leaves
    1..9999.
    """
    found = parts(text)
    if found is None or found[1] is None:
        return None
    try:
        day = (found[1] + timedelta(days=days)).isoformat()
    except OverflowError:
        return None
    if not found[2]:
        return day
    return f"{day}T{found[2] if keep_time else _midnight(found[2])}{found[3]}"


def _midnight(time: str) -> str:
    return "00:00:00" if len(time) == 8 else re.sub(r"\d", "0", time)
