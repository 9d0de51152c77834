"""The words of dates in English, Spanish and German: months and weekdays, in full and short, and how to write them."""

from __future__ import annotations

from typing import NamedTuple

MONTHS: tuple[tuple[str, ...], ...] = tuple(
    tuple(row.split())
    for row in (
        "January February March April May June July August September October November December",
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "ene feb mar abr may jun jul ago sep oct nov dic",
        "enero febrero marzo abril mayo junio julio agosto setiembre octubre noviembre diciembre",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
        "Jänner Feber März April Mai Juni Juli August September Oktober November Dezember",
        "Jan Feb Mrz Apr Mai Jun Jul Aug Sept Okt Nov Dez",
    )
)
"""Rows of twelve; a word is written back in the first row that holds it, the language's own rows first."""

WEEKDAYS: tuple[tuple[str, ...], ...] = tuple(
    tuple(row.split())
    for row in (
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "Mon Tue Wed Thu Fri Sat Sun",
        "Mon Tues Wed Thurs Fri Sat Sun",
        "Mondays Tuesdays Wednesdays Thursdays Fridays Saturdays Sundays",
        "lunes martes miércoles jueves viernes sábado domingo",
        "lun mar mié jue vie sáb dom",
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "Montag Dienstag Mittwoch Donnerstag Freitag Sonnabend Sonntag",
        "Mo Di Mi Do Fr Sa So",
    )
)
"""Rows of seven, Monday first (ISO 8601)."""

_OWN = {"en": (0, 3), "es": (3, 6), "de": (6, 10)}
_OWN_DAYS = {"en": (0, 4), "es": (4, 6), "de": (6, 9)}


class Word(NamedTuple):
    """Where a word stands in the rows."""

    row: int
    at: int


def _index(rows: tuple[tuple[str, ...], ...], first: tuple[int, int]) -> dict[str, Word]:
    order = [*range(*first), *(n for n in range(len(rows)) if not first[0] <= n < first[1])]
    found: dict[str, Word] = {}
    for row in order:
        for at, word in enumerate(rows[row]):
            found.setdefault(word.lower(), Word(row, at))
    return found


MONTH_WORDS = {language: _index(MONTHS, own) for language, own in _OWN.items()}
"""By language, then word in small letters."""

DAY_WORDS = {language: _index(WEEKDAYS, own) for language, own in _OWN_DAYS.items()}
"""By language, then word in small letters."""


def any_of(rows: tuple[tuple[str, ...], ...]) -> str:
    """A regular expression of all words, the longest first."""
    words = {word for row in rows for word in row}
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


def written(rows: tuple[tuple[str, ...], ...], row: int, at: int, original: str) -> str:
    """A word of the same row, in capitals, small letters or with one capital as the original is."""
    word = rows[row][at]
    if original.isupper():
        return word.upper()
    return word.lower() if original.islower() else word[0].upper() + word[1:]


def ordinal(day: int) -> str:
    """The English ending of a day: st, nd, rd, th."""
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
