"""Generalisation hierarchies: each level coarser than the one before, ending in `*`, and checked to be so."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.privacy.release.coding import MISSING
from bedrail.privacy.release.dates import day_of
from bedrail.privacy.release.tally import Ints
from bedrail.privacy.zip3 import zip3

ROOT = "*"
DATE_LEVELS = ("day", "month", "quarter", "year", "decade")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """For one column: at each level the group of each distinct value, and the groups' labels.

    Level 0 is the values themselves, or the first level that may be released; the last is one group, `*`.
    """

    name: str
    groups: tuple[Ints, ...]
    labels: tuple[tuple[str, ...], ...]

    @property
    def height(self) -> int:
        """How many levels there are."""
        return len(self.groups)

    def between(self, lowest: int, highest: int) -> Hierarchy:
        """Only the levels that may be released; raises `Invalid` when there is none."""
        if not 0 <= lowest <= highest:
            raise Invalid("no level is left.", path=f"columns.{self.name}", remedy="Give lowest <= highest.")
        top = min(highest, self.height - 1)
        low = min(lowest, top)
        return Hierarchy(name=self.name, groups=self.groups[low : top + 1], labels=self.labels[low : top + 1])


def from_levels(name: str, values: Sequence[str], levels: Sequence[Sequence[str]]) -> Hierarchy:
    """A hierarchy from the labels of each value at each level above 0; `*` is put on top when it is not there.

    Raises `Invalid` (naming column and level, never a value) when values that share a group share none further up.
    """
    groups: list[Ints] = [np.arange(len(values), dtype=np.int64)]
    labels: list[tuple[str, ...]] = [tuple(values)]
    for level in (*levels, [ROOT] * len(values)):
        places: dict[str, int] = {}
        group = np.array([places.setdefault(label, len(places)) for label in level], dtype=np.int64)
        if len(places) <= 1 and len(labels[-1]) <= 1 and len(labels) > 1:
            continue  # one group already: another level of one group says nothing
        groups.append(group)
        labels.append(tuple(places))
    _refuse_crossing(name, groups)
    return Hierarchy(name=name, groups=tuple(groups), labels=tuple(labels))


def _refuse_crossing(name: str, groups: Sequence[Ints]) -> None:
    for level in range(1, len(groups)):
        below, above = groups[level - 1], groups[level]
        up = np.zeros(int(below.max(initial=-1)) + 1, dtype=np.int64)
        up[below] = above
        if (up[below] != above).any():
            raise Invalid(
                f"values that level {level - 1} joins are apart again at level {level}.",
                path=f"columns.{name}.hierarchy",
                remedy="Each group of a level must lie within one group of the next level.",
            )


def suppressing(name: str, values: Sequence[str]) -> Hierarchy:
    """The value, or nothing."""
    return from_levels(name, values, [])


def masking(name: str, values: Sequence[str], *, steps: Sequence[int] = (), mask: str = "*") -> Hierarchy:
    """Prefixes: level by level fewer characters stay; `steps` are how many, one fewer each time when not given."""
    longest = max((len(value) for value in values), default=0)
    kept = list(steps) or list(range(longest - 1, 0, -1))
    if any(after >= before for before, after in pairwise(kept)):
        raise Invalid("prefixes must get shorter.", path=f"columns.{name}.hierarchy.steps", remedy="Such as [3, 2, 1].")
    return from_levels(name, values, [[v[:n] + mask * (len(v) - n) if v else ROOT for v in values] for n in kept])


def zip_codes(name: str, values: Sequence[str], *, strict: bool = True) -> Hierarchy:
    """ZIP code, its first three digits where 45 CFR 164.514(b)(2)(i)(B) lets them stand (else 000), the first, none."""
    three = [zip3(value, strict=strict) or ROOT for value in values]
    first = [ROOT if label in (ROOT, "000") else label[0] + "**" for label in three]
    return from_levels(name, values, [three, first])


def dates(name: str, values: Sequence[str], *, levels: Sequence[str] = DATE_LEVELS[1:4]) -> Hierarchy:
    """Day, month, quarter, year, decade: those of `levels`, from fine to coarse; what is no date goes with nothing."""
    wrong = [level for level in levels if level not in DATE_LEVELS]
    if wrong or sorted(levels, key=DATE_LEVELS.index) != list(levels):
        remedy = f"Give some of {', '.join(DATE_LEVELS)}, in this order."
        raise Invalid("not levels of a date.", path=f"columns.{name}.hierarchy.levels", remedy=remedy)
    days = [day_of(value) for value in values]
    said: dict[str, Callable[[int, int, int], str]] = {
        "day": lambda year, month, day: f"{year:04}-{month:02}-{day:02}",
        "month": lambda year, month, _: f"{year:04}-{month:02}",
        "quarter": lambda year, month, _: f"{year:04}-Q{(month + 2) // 3}",
        "year": lambda year, *_: f"{year:04}",
        "decade": lambda year, *_: f"{year // 10 * 10:04}s",
    }
    return from_levels(
        name, values, [[said[level](d.year, d.month, d.day) if d else ROOT for d in days] for level in levels]
    )


def intervals(
    name: str,
    values: Sequence[str],
    *,
    widths: Sequence[float],
    origin: float = 0.0,
    top: float | None = None,
    bottom: float | None = None,
) -> Hierarchy:
    """Numbers in intervals [a, b) of growing width from `origin`; from `top` on one group, and below `bottom` one.

    Each width must be a multiple of the one before. What is no number has a group of its own, `*`.
    """
    path = f"columns.{name}.hierarchy.widths"
    for before, after in pairwise(widths):
        if after <= before or abs(after / before - round(after / before)) > 1e-9:
            raise Invalid("each width must be a multiple of the one before.", path=path, remedy="Such as [5, 10, 20].")
    if not widths or min(widths) <= 0:
        raise Invalid("no width above zero.", path=path, remedy="Such as [5, 10, 20].")
    numbers = [number_in(value) for value in values]
    whole = all(float(w).is_integer() for w in (*widths, origin)) and all(n is None or n.is_integer() for n in numbers)
    return from_levels(
        name, values, [[_interval(n, width, origin, top, bottom, whole) for n in numbers] for width in widths]
    )


def _interval(
    number: float | None, width: float, origin: float, top: float | None, bottom: float | None, whole: bool
) -> str:
    if number is None:
        return ROOT
    if top is not None and number >= top:
        return f"{top:g}+"
    if bottom is not None and number < bottom:
        return f"<{bottom:g}"
    low = origin + np.floor((number - origin) / width) * width
    high = low + width
    if top is not None and high > top and number < top:
        high = top
    if bottom is not None and low < bottom:
        low = bottom
    if whole:
        return f"{low:g}" if high - low == 1 else f"{low:.0f}-{high - 1:.0f}"
    return f"[{low:g}, {high:g})"


def number_in(value: str) -> float | None:
    """The number that a cell is, `90+` included; None for anything else."""
    try:
        number = float(value.rstrip("+"))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def tree(name: str, values: Sequence[str], levels: Sequence[Mapping[str, Sequence[str]]]) -> Hierarchy:
    """Categories: each level names groups, and for each what it holds of the level below.

    What no group of a level holds keeps its label there. Raises `Invalid` when something stands in two groups.
    """
    built: list[list[str]] = []
    below = list(values)
    for number, level in enumerate(levels, start=1):
        parent: dict[str, str] = {}
        for group, members in level.items():
            for member in members:
                if parent.setdefault(str(member), group) != group:
                    path = f"columns.{name}.hierarchy.groups[{number - 1}].{group}"
                    raise Invalid("a member stands in two groups.", path=path, remedy="Let it stand in one.")
        below = [parent.get(label, label) for label in below]
        built.append(below)
    return from_levels(name, values, built)


def from_file(name: str, values: Sequence[str], path: Path) -> Hierarchy:
    """A hierarchy from a CSV file (comma or semicolon) without a header: value, level 1, level 2, ... in each line.

    Raises `Invalid` naming file and line for lines of another length or values given twice, and with the number of
    values of the column that the file lacks (an empty cell goes to `*` by itself).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise Invalid("not a readable UTF-8 file.", path=str(path), remedy="Check path and encoding.") from None
    first = text.partition("\n")[0]
    rows: dict[str, list[str]] = {}
    length = 0
    reader = csv.reader(text.splitlines(), delimiter=";" if first.count(";") > first.count(",") else ",")
    for row in reader:
        if not row:
            continue
        length = length or len(row)
        if len(row) != length or length < 2:
            remedy = "Every line is: value, level 1, level 2, ... with the same number of levels."
            raise Invalid(f"{len(row)} fields, not {max(2, length)}.", path=f"{path}:{reader.line_num}", remedy=remedy)
        if rows.setdefault(row[0], row[1:]) != row[1:]:
            raise Invalid("this value has two lines.", path=f"{path}:{reader.line_num}", remedy="Keep one of them.")
    rows.setdefault(MISSING, [ROOT] * (length - 1))
    lacking = sum(value not in rows for value in values)
    if lacking:
        remedy = f"Add a line for each value of the column `{name}`."
        raise Invalid(f"{lacking} of {len(values)} distinct values have no line.", path=str(path), remedy=remedy)
    return from_levels(name, values, [[rows[value][level] for value in values] for level in range(length - 1)])
