"""Dates as clinical notes write them, in English, Spanish and German: read, moved by whole days, written back alike."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal, NamedTuple

from bedrail.privacy.text.date_forms import BESIDE, FORMS
from bedrail.privacy.text.months import (
    DAY_WORDS,
    MONTH_WORDS,
    MONTHS,
    WEEKDAYS,
    ordinal,
    written,
)

Precision = Literal["day", "yearless", "month", "month alone", "year", "weekday"]
"""How much a date says. A yearless date is one day of an unsaid year; a month alone is in an unsaid year, too."""

_WORD = re.compile(r"\w")
_CENTURY = 50
"""Years of two digits from 50 on are of the 1900s. Only the leap day of 1900 hangs on it."""


class Read(NamedTuple):
    """One date inside a text: where, in which form, what it says; `order` tells whether day or month is first."""

    match: re.Match[str]
    precision: Precision
    year: int = 0
    month: int = 0
    day: int = 0
    last: int = 0
    order: str = ""


def full_year(text: str) -> int:
    """A year of four digits, or of two taken for the century around 2000."""
    number = int(text.lstrip("'"))
    if len(text.lstrip("'")) == 4:
        return number
    return number + (1900 if number >= _CENTURY else 2000)


def in_calendar(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    return 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


class Dates:
    """All dates of one text, moved together: orders of day and month, and unsaid years, are read from all of them."""

    __slots__ = ("_day_first", "_days", "_language", "_months", "_texts", "_years")

    def __init__(self, texts: Sequence[str], *, days: int, language: str = "en", day_first: bool | None = None) -> None:
        """`texts` are the dates of one note in their order; `days` is the shift of the patient.

        Months and years alone move by the nearest whole number of theirs, so their intervals are kept as well.
        `day_first` decides 03/04 where the note does not: by default, only English notes begin with the month.
        """
        self._language = language if language in MONTH_WORDS else "en"
        self._days = days
        self._months = round(days * 12 / 365.2425)
        self._years = round(days / 365.2425)
        found = [_dates_in(text) for text in texts]
        self._day_first = _orders(found, language != "en" if day_first is None else day_first)
        read = [None if each is None else [self._read(match) for match in each] for each in found]
        self._texts = [
            (text, None if each is None or None in each else [r for r in each if r is not None])
            for text, each in zip(texts, read, strict=True)
        ]
        self._name_years()

    def shifted(self) -> list[str | None]:
        """Each text with its dates moved, in the format it had; None where a date cannot be read."""
        return [None if read is None else _rewritten(text, read, self._moved) for text, read in self._texts]

    def years(self, *, newest: int = 0) -> list[str | None]:
        """Each text with only the years of its dates; None where there is none to tell.

        45 CFR 164.514(b)(2)(i)(C): a year that tells an age of 90 or more is none to tell: one that lies 90 years or
        more before `newest` or before the newest year of the text.
        """
        said = [r.year for _, read in self._texts for r in read or () if r.precision in ("day", "month", "year")]
        border = max([newest, *said]) - 90

        def year_of(read: Read) -> str | None:
            told = read.precision in ("day", "month", "year") and read.year > border
            return f"{read.year:04d}" if told else None

        return [None if not read else _joined_years([year_of(r) for r in read]) for _, read in self._texts]

    def _read(self, match: re.Match[str]) -> Read | None:  # noqa: PLR0911 (a table of forms)
        form = match.lastgroup
        if form == "weekday":
            return Read(match, "weekday")
        if form == "month":
            return Read(match, "month alone", month=self._month(match["month"]))
        if form == "year":
            return Read(match, "year", year=int(match["year"]))
        if form in ("my", "ny"):
            month, year = (match["m6"], match["y6"]) if form == "my" else (match["m8"], match["y8"])
            number = self._month(month)
            return Read(match, "month", full_year(year), number) if 1 <= number <= 12 else None
        if form == "two":
            return self._two(match)
        year, month, day, last, order = self._day(match)
        if year is None:
            return Read(match, "yearless", 0, month, day, last, order) if in_calendar(2000, month, day) else None
        if not in_calendar(full_year(year), month, last or day):
            return None
        return Read(match, "day", full_year(year), month, day, last, order)

    def _day(self, match: re.Match[str]) -> tuple[str | None, int, int, int, str]:
        """Year as written, month, day, last day of a range, order."""
        form = match.lastgroup
        if form in ("iso", "compact"):
            n = "1" if form == "iso" else "2"
            return match["y" + n], int(match["m" + n]), int(match["d" + n]), 0, ""
        if form == "three":
            first, second = int(match["a3"]), int(match["b3"])
            order = "dm" if self._day_first[match["c3"]] else "md"
            if (first if order == "md" else second) > 12 >= (second if order == "md" else first):
                order = order[::-1]
            month, day = (first, second) if order == "md" else (second, first)
            return match["y3"], month, day, 0, order
        if form == "days":
            return match["y4"], self._month(match["m4"]), int(match["d4"]), int(match["e4"]), ""
        n = "5" if form == "mdy" else "7"
        return match["y" + n], self._month(match["m" + n]), int(match["d" + n]), 0, ""

    def _two(self, match: re.Match[str]) -> Read | None:
        """12/24: a day without a year; where that cannot be, or in German with a stroke, month and year."""
        first, second = int(match["a9"]), int(match["b9"])
        mark = match["s9"].strip()
        order = "dm" if self._day_first[mark] else "md"
        if (first if order == "md" else second) > 12 >= (second if order == "md" else first):
            order = order[::-1]
        month, day = (first, second) if order == "md" else (second, first)
        month_and_year = (self._language == "de" and mark == "/") or not in_calendar(2000, month, day)
        if month_and_year:
            return Read(match, "month", full_year(match["b9"].zfill(2)), first) if 1 <= first <= 12 else None
        return Read(match, "yearless", 0, month, day, 0, order)

    def _month(self, text: str) -> int:
        if text.isdigit():
            return int(text)
        return MONTH_WORDS[self._language][text.lower()].at + 1

    def _name_years(self) -> None:
        """A day without its year is of the year that brings it nearest to the whole date before it, else behind it."""
        anchor: date | None = None
        whole = [r for _, read in self._texts for r in read or () if r.precision == "day"]
        following = _date(whole[0]) if whole else date(2001, 7, 1)
        for at, (text, read) in enumerate(self._texts):
            if read is None:
                continue
            named = []
            anchor = next((_date(r) for r in read if r.precision == "day"), anchor)
            for each in read:
                now = each
                if each.precision == "day":
                    anchor = _date(each)
                elif each.precision == "yearless":
                    now = each._replace(year=_nearest_year(each, anchor or following))
                named.append(now)
            self._texts[at] = (text, named)

    def _moved(self, read: Read) -> str | None:
        if read.precision == "weekday":
            word = DAY_WORDS[self._language][read.match.group().lower()]
            return written(WEEKDAYS, word.row, (word.at + self._days) % 7, read.match.group())
        if read.precision == "year":
            return f"{read.year + self._years:04d}"
        if read.precision in ("month", "month alone"):
            months = (read.year or 2000) * 12 + read.month - 1 + self._months
            return self._write(read, months // 12, months % 12 + 1, 0, 0)
        return self._moved_day(read)

    def _moved_day(self, read: Read) -> str | None:
        try:
            moved = date.fromordinal(date(read.year, read.month, read.day).toordinal() + self._days)
            last = read.last and date.fromordinal(date(read.year, read.month, read.last).toordinal() + self._days)
        except (ValueError, OverflowError):
            return None  # before year 1 or after 9999
        if not last:
            return self._write(read, moved.year, moved.month, moved.day, 0)
        if (last.year, last.month) == (moved.year, moved.month):
            return self._write(read, moved.year, moved.month, moved.day, last.day)
        first = self._write(read, moved.year, moved.month, moved.day, 0)  # "March 30-April 2, 2021"
        if last.year == moved.year and read.match["y4"] is not None:
            first = first[: -len(read.match["u4"]) - 4]
        return first + read.match["t4"] + self._write(read, last.year, last.month, last.day, 0)

    def _write(self, read: Read, year: int, month: int, day: int, last: int) -> str:  # noqa: PLR0911 (a table of forms)
        m, form = read.match, read.match.lastgroup
        if form == "month":
            return self._word(m["month"], month)
        if form == "iso":
            pad = _pads(m["m1"], m["d1"])
            return f"{year:04d}{m['s1']}{month:0{pad}d}{m['s1']}{day:0{pad}d}"
        if form == "compact":
            return f"{year:04d}{month:02d}{day:02d}"
        if form == "three":
            first, second = (month, day) if read.order == "md" else (day, month)
            pad = _pads(m["a3"], m["b3"])
            return f"{first:0{pad}d}{m['s3']}{second:0{pad}d}{m['t3']}{_year(year, m['y3'])}"
        if form == "ny":
            return f"{month:0{_pads(m['m8'])}d}{m['s8']}{year:04d}"
        if form == "two":
            pad = _pads(m["a9"], m["b9"])
            if read.precision == "month":
                return f"{month:0{_pads(m['a9'])}d}{m['s9']}{year % 100:02d}"
            first, second = (month, day) if read.order == "md" else (day, month)
            return f"{first:0{pad}d}{m['s9']}{second:0{pad}d}"
        if form == "my":
            return f"{self._word(m['m6'], month)}{m['s6']}{_year(year, m['y6'])}"
        if form == "dmy":
            tail = "" if m["y7"] is None else (m["t7"] or "") + _year(year, m["y7"])
            short = m["s7"].strip() in ("", "-", "/") and m["s7"] != " "
            return f"{_day(day, m['d7'], m['o7'])}{m['s7']}{self._word(m['m7'], month, short=short)}{tail}"
        return self._write_month_first(read, year, month, day, last)

    def _write_month_first(self, read: Read, year: int, month: int, day: int, last: int) -> str:
        m = read.match
        if m.lastgroup == "mdy":
            tail = "" if m["y5"] is None else m["t5"] + _year(year, m["y5"])
            short = m["s5"].strip() in (".", "-", "/")
            return f"{self._word(m['m5'], month, short=short)}{m['s5']}{_day(day, m['d5'], m['o5'])}{tail}"
        through = m["t4"] + _day(last, m["e4"], m["p4"]) if last else ""
        tail = "" if m["y4"] is None else m["u4"] + _year(year, m["y4"])
        return f"{self._word(m['m4'], month)}{m['s4']}{_day(day, m['d4'], m['o4'])}{through}{tail}"

    def _word(self, original: str, month: int, *, short: bool = False) -> str:
        """The word of a month in the row of the old one; "May" is `short` or full as it is joined to its day."""
        row = MONTH_WORDS[self._language][original.lower()].row
        if short and row == 0 and original.lower() == "may":
            row = 1
        return written(MONTHS, row, month - 1, original)


def _dates_in(text: str) -> list[re.Match[str]] | None:
    """The dates of a text, or None when anything stands beside them that may tell a date in words."""
    found = list(FORMS.finditer(text))
    if not found:
        return None
    at = 0
    for start, end in (*(m.span() for m in found), (len(text), len(text))):
        beside = text[at:start]
        if beside and _WORD.search(beside) and _WORD.search(BESIDE.sub(" ", beside)):
            return None
        at = end
    return found


def _orders(found: Sequence[list[re.Match[str]] | None], default: bool) -> dict[str, bool]:
    """For each separator, whether days come first: as the dates of the text show that can be read in one way only."""
    seen: dict[str, set[bool]] = {}
    for match in (m for each in found for m in each or () if m.lastgroup == "three"):
        first, second = int(match["a3"]), int(match["b3"])
        if (first > 12) != (second > 12):
            seen.setdefault(match["c3"], set()).add(first > 12)
    return {mark: (default if len(seen.get(mark, ())) != 1 else next(iter(seen[mark]))) for mark in "-/."}


def _rewritten(text: str, read: Sequence[Read], moved: Callable[[Read], str | None]) -> str | None:
    made: list[str] = []
    at = 0
    for each in read:
        now = moved(each)
        if now is None:
            return None
        made += (text[at : each.match.start()], now)
        at = each.match.end()
    return "".join((*made, text[at:]))


def _date(read: Read) -> date:
    return date(read.year, read.month, read.day)


def _joined_years(years: Sequence[str | None]) -> str | None:
    told = list(dict.fromkeys(year for year in years if year is not None))
    return "-".join(told) if told else None


def _nearest_year(read: Read, anchor: date) -> int:
    """Of the years around the anchor that have such a day, the one that brings it nearest."""
    near = [y for y in range(anchor.year - 4, anchor.year + 5) if in_calendar(y, read.month, read.day)]
    return min(near, key=lambda y: (abs(date(y, read.month, read.day).toordinal() - anchor.toordinal()), y))


def _pads(*numbers: str) -> int:
    """How many digits days and months have: two when one is filled up with a zero, or when none is short."""
    return 2 if any(n[0] == "0" for n in numbers) or all(len(n) == 2 for n in numbers) else 1


def _year(year: int, original: str) -> str:
    if len(original.lstrip("'")) == 4:
        return f"{year:04d}"
    if len(original) == 1:
        return str(year % 100)
    return ("'" if original.startswith("'") else "") + f"{year % 100:02d}"


def _day(day: int, original: str, ending: str | None) -> str:
    number = f"{day:02d}" if original[0] == "0" else str(day)
    if not ending or not ending.isalpha() or ending in ("º", "ª"):
        return number + (ending or "")
    return number + (ordinal(day).upper() if ending.isupper() else ordinal(day))
