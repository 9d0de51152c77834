"""How long data are kept: periods counted by the calendar, rules that laws give, and what is due on a day."""

from __future__ import annotations

import calendar
import re
import tomllib
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

EVENTS: tuple[str, ...] = (
    "created", "admitted", "discharge", "last-contact", "contract-end", "study-end", "approval", "end-of-use",
)  # fmt: skip
"""What a period is counted from. `admitted` (a dataset) and `last-contact` (a decision's patient) Bedrail knows itself;
the day of the others a person says."""

_PERIOD = re.compile(r"(\d{1,3})([ymd])\Z")


class RetentionRule(Value, frozen=True, kw_only=True):
    """A period that a law asks for; see `retention_rules.toml`."""

    keep: str
    event: str
    basis: str
    about: str


@cache
def known_rules() -> dict[str, RetentionRule]:
    """The shipped rules by name."""
    text = files("bedrail.data").joinpath("retention_rules.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, RetentionRule])


def check_period(keep: str) -> str:
    """The period, when it is one of `10y`, `18m`, `90d`; empty is without end. Raises `Invalid`."""
    if keep and (not (found := _PERIOD.match(keep)) or int(found[1]) == 0):
        raise Invalid("this is no period.", path="--keep", remedy="Such as 10y, 18m or 90d; or `forever`.")
    return keep


def end_of(since: date, keep: str) -> date:
    """The first day on which what is kept for `keep` from `since` is due.

    Years and months go by the calendar; a day that the month does not have is its last one (as ISO 8601 durations are
    added in XML Schema part 2, appendix E). Raises `Invalid` for no period.
    """
    found = _PERIOD.match(check_period(keep))
    if found is None:
        raise Invalid("kept without end.", path="--keep", remedy="Give a period, such as 10y.")
    count, unit = int(found[1]), found[2]
    if unit == "d":
        return since + timedelta(days=count)
    months = since.month - 1 + (count if unit == "m" else 12 * count)
    year, month = since.year + months // 12, months % 12 + 1
    return date(year, month, min(since.day, calendar.monthrange(year, month)[1]))


def begin_for(today: date, keep: str) -> date:
    """The latest day such that what began on it is due today; `end_of` of it is at most `today`."""
    low, high = date(1, 1, 1), today
    while low < high:
        middle = low + (high - low + timedelta(days=1)) // 2
        if end_of(middle, keep) <= today:
            low = middle
        else:
            high = middle - timedelta(days=1)
    return low


def parse_day(text: str, path: str) -> date:
    """A day as 2026-12-31; raises `Invalid`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("this is no day.", path=path, remedy="Such as 2026-12-31.") from None
