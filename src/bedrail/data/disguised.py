"""Disguised missing values: numbers, words and dates that stand where nothing was known.

A sentinel is told from a value by standing apart: on the side of all others, farther away than they are from each
other, and often enough to be a habit and not a slip. That is a suspicion with a reason, for a person to confirm: an
honest zero that stands apart looks the same (Pearson 2006, "The problem of disguised missing data").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.values import Value
from bedrail.data.quality_values import Limits, QualityFinding, found

if TYPE_CHECKING:
    import pandas as pd

WORDS = frozenset(
    (
        *("?", "??", "-", "--", ".", "..", "na", "n/a", "n.a.", "nan", "null", "nil", "missing", "unknown", "unk"),
        *("unspecified", "not_available", "not_mapped", "not_recorded", "not_known", "not_done", "undefined"),
        *("#n/a", "#value!", "(blank)", "unknown/invalid"),
    )
)
"""Words for nothing, in lower case, with `_` for a space. `none` is not among them: it often means a finding."""

DATES = ("0001-01-01", "1753-01-01", "1800-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01",
         "1970-01-01", "2099-12-31", "2199-12-31", "2999-12-31", "9999-12-31")  # fmt: skip
"""Zero days of calendars and computers, and days that nobody lives to see."""

LEAST = 5
"""Rows from which a repeated value is a habit."""

APART = 0.75
"""In interquartile ranges of all other values: how far from their nearest percentile a sentinel stands."""


class Disguised(Value, frozen=True, kw_only=True):
    """One value that seems to stand for nothing in one column."""

    column: str
    value: str
    rows: int
    why: str


def disguised(frame: pd.DataFrame, skip: frozenset[str] = frozenset()) -> Iterator[Disguised]:
    """Every value that seems to stand for nothing, column by column."""
    for name in frame.columns:
        if str(name) in skip:
            continue
        column = frame[name].dropna()
        if column.empty:
            continue
        if column.dtype.kind in "iuf":
            yield from _numbers(str(name), column.to_numpy(dtype=float))
        elif column.dtype.kind == "M":
            yield from _dates(str(name), column.dt.strftime("%Y-%m-%d"))
        elif column.dtype.kind != "b":
            yield from _texts(str(name), column.astype(str))


def _numbers(name: str, values: np.ndarray) -> Iterator[Disguised]:
    values = values[np.isfinite(values)]
    found_values, counts = np.unique(values, return_counts=True)
    if len(found_values) < 3:
        return
    order = ((0, "below"), (len(found_values) - 1, "above"))
    for place, side in order:
        value, count = float(found_values[place]), int(counts[place])
        if count < LEAST or not _is_candidate(value):
            continue
        rest = values[values != value]
        why = _apart(value, rest, side)
        if why:
            yield Disguised(column=name, value=f"{value:g}", rows=count, why=why)


def _is_candidate(value: float) -> bool:
    """Zero, minus one, and rows of one digit such as -9, 99, 888, 9999: what people type for nothing."""
    if value in (0.0, -1.0):
        return True
    digits = f"{abs(value):g}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{abs(value):g}"
    digits = digits.replace(".", "")
    return len(set(digits)) == 1 and digits[0] in "789" and (abs(value) >= 77 or value < 0)


def _apart(value: float, rest: np.ndarray, side: str) -> str:
    low, q1, q3, high = (float(q) for q in np.quantile(rest, (0.01, 0.25, 0.75, 0.99)))
    spread = max(q3 - q1, 1e-12)
    if value < 0 <= float(rest.min()):
        return "the only negative value"
    others = np.unique(rest)
    nearest = float(np.abs(others - value).min())
    if nearest <= 3 * float(np.median(np.diff(others))):
        return ""  # it goes on where the others begin, as the first of some codes does
    if side == "below" and value < low and (low - value) > APART * spread and float(rest.min()) > value:
        return f"far below all but 1 % of the others (from {low:g})"
    if side == "above" and value > high and (value - high) > 2 * APART * spread:
        return f"far above all but 1 % of the others (to {high:g})"
    return ""


def _texts(name: str, column: pd.Series) -> Iterator[Disguised]:
    counts = column.value_counts()
    for text, count in counts.items():
        plain = " ".join(str(text).split()).lower().replace(" ", "_")
        if plain in WORDS or not plain:
            yield Disguised(column=name, value=str(text)[:20], rows=int(count), why="a word for nothing")
    yield from _dates(name, column.str.slice(0, 10))


def _dates(name: str, days: pd.Series) -> Iterator[Disguised]:
    counts = days.value_counts()
    for day in DATES:
        count = int(counts.get(day, 0))
        if count:
            yield Disguised(column=name, value=day, rows=count, why="a calendar's first or last day")


def disguised_findings(
    frame: pd.DataFrame, limits: Limits, skip: frozenset[str] = frozenset()
) -> Iterator[QualityFinding]:
    """As findings of the rule `disguised`, each a warning unless the policy says otherwise."""
    for each in disguised(frame, skip):
        said = f"hold `{each.value}`, {each.why}: probably missing"
        yield found("disguised", each.column, "warn", each.rows, len(frame), limits.max_disguised, said)
