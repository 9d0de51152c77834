"""Dates of HL7 v2 (DT, DTM, TS): years alone, or moved by days with their time, fraction and zone."""

from __future__ import annotations

import re
from datetime import date, timedelta

_DATE = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)(?P<time>\d\d(?:\d\d(?:\d\d(?:\.\d{1,4})?)?)?)?)?)?"
    r"(?P<zone>[+-]\d{4})?"
)
OLDEST = 90
"""45 CFR 164.514(b)(2)(i)(C): no element of a date, the year included, may tell an age of 90 or more."""


def treated(text: str, how: str, days: int, this_year: int) -> str:
    """What stays of a date: its year, the date `days` later, or itself; empty for what is none, or too old."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return ""
    year = int(match["year"])
    if how == "keep":
        return text.strip()
    if not year > 0 or this_year - year >= OLDEST:
        return ""
    if how == "year" or match["day"] is None:
        return match["year"]
    try:
        day = date(year, int(match["month"]), int(match["day"])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{day:%Y%m%d}".zfill(8) + (match["time"] or "") + (match["zone"] or "")
