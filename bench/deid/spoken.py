"""Numbers and dates as they are dictated."""

# ruff: noqa: E501, SIM905 (word lists read better on one line)
from __future__ import annotations

import datetime as dt
import random

UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
         "eighteen nineteen").split()  # fmt: skip
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NTH = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
       "sixteenth seventeenth eighteenth nineteenth").split()  # fmt: skip


def spoken(number: int | str) -> str:
    """A number below a hundred in words."""
    n = int(number)
    if n < 20:
        return UNITS[n]
    return TENS[n // 10 - 2] + (f"-{UNITS[n % 10]}" if n % 10 else "")


def spoken_date(day: dt.date, month: str, r: random.Random) -> str:
    """A date as it is dictated; `month` is its name."""
    n, y = day.day, day.year
    tens = {20: "twentieth", 30: "thirtieth"}
    nth = tens.get(n) or (f"{spoken(n // 10 * 10)}-" if n > 20 else "") + NTH[(n % 10 if n > 20 else n) - 1]
    late = f"two thousand {spoken(y % 100)}" if 2000 <= y < 2010 else f"{spoken(y // 100)} {spoken(y % 100)}"
    return r.choice([f"the {nth} of {month}", f"{month} {nth}", f"{month} {nth}", f"{month} {spoken(n)}"]) + r.choice(
        ["", f" {late}", f", {late}"]
    )
