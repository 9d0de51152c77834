"""The first three digits of a ZIP code, where the law lets them stand: 45 CFR 164.514(b)(2)(i)(B)."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

CENSUS_2000 = frozenset(
    {
        "036",
        "059",
        "063",
        "102",
        "203",
        "556",
        "692",
        "790",
        "821",
        "823",
        "830",
        "831",
        "878",
        "879",
        "884",
        "890",
        "893",
    }
)
"""The seventeen prefixes of 20,000 people or fewer by the census of 2000, as OCR's guidance of 2012 lists them."""

MORE_THAN = 20_000
RESTRICTED = "000"

_DIGITS = re.compile(r"\s*(\d{4,5})(?:\.0+)?(?:\s*-\s*\d{0,4})?\s*|\s*(\d{8,9})(?:\.0+)?\s*", re.ASCII)
_PREFIX = re.compile(r"\s*(\d{3})(?:\*\*|[xX]{2})?\s*", re.ASCII)


@cache
def population() -> dict[str, int]:
    """People of each three-digit prefix by the census of 2020 (ZCTA totals of table DHC P1)."""
    text = files("bedrail.privacy").joinpath("zip3_2020.csv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {row["zip3"]: int(row["population_2020"]) for row in csv.DictReader(lines)}


@cache
def permitted(*, strict: bool = True) -> frozenset[str]:
    """Prefixes that may stand: known to the census of 2020 and above 20,000 people.

    `strict` also leaves out the seventeen of the census of 2000, which the printed guidance still lists. A prefix that
    the census does not know (military post, a slip of the pen) never stands.
    """
    large = frozenset(prefix for prefix, people in population().items() if people > MORE_THAN)
    return large - CENSUS_2000 if strict else large


def five_digits(value: str) -> str:
    """A ZIP code's five digits with the leading zero that spreadsheets lose; nothing when it is no whole code."""
    found = _DIGITS.fullmatch(value)
    if not found:
        return ""
    short, long = found.groups()
    return str(short.zfill(5) if short else long.zfill(9)[:5])


def zip3(value: str, *, strict: bool = True) -> str:
    """The prefix that may stand for a ZIP code: three digits, or 000 (also for what is no ZIP code); empty stays so.

    What is a prefix already is judged as one, so that a second pass changes nothing.
    """
    if not value.strip():
        return ""
    already = _PREFIX.fullmatch(value)
    prefix = already[1] if already else five_digits(value)[:3]
    return prefix if prefix in permitted(strict=strict) else RESTRICTED
