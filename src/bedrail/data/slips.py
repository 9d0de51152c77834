"""Impossible values, and slips of units by name: glucose in mmol/L among mg/dL, Fahrenheit among Celsius.

Two ways lead to a name. A measurement that is known by its column's name (`analytes.toml`) is held to what a patient
can have; a value that is impossible in the column's unit and ordinary in another is a slip. A declared feature of
another kind is held to its contract's range; values outside that one known factor brings back among the others are a
slip too. Where the ranges of two units overlap (pounds and kilograms of adults), single rows cannot be told: then only
a whole column can, by its median.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bedrail.core.values import Value
from bedrail.data.conversions import factors
from bedrail.data.quality_values import Limits, QualityFinding, found

if TYPE_CHECKING:
    import pandas as pd

LEAST = 3
"""Rows that one conversion must explain before it is named."""

NAMED = 0.25
"""Share of the impossible rows that another unit must explain before it is named: a few low pressures are no kPa."""

EXPLAINED = 0.5
"""Share of a feature's implausible rows that one factor must bring back before it is named."""


class Unit(Value, frozen=True, kw_only=True):
    """A unit (UCUM where it has one): value in the usual unit * factor + offset = value in this one."""

    unit: str
    factor: float = 1.0
    offset: float = 0.0

    def usual(self, values: np.ndarray) -> np.ndarray:
        """Values given in this unit, in the usual one."""
        return (values - self.offset) / self.factor


class Analyte(Value, frozen=True, kw_only=True):
    """A measurement: what is possible, what is typical, and the reference interval of adults, where one is kept.

    All in its usual unit (the first).
    """

    names: tuple[str, ...]
    possible: tuple[float, float]
    typical: tuple[float, float]
    units: tuple[Unit, ...]
    reference: tuple[float, float] | None = None
    name: str = ""

    def called(self, column: str) -> bool:
        """Whether a column's name means this measurement."""
        plain = re.sub(r"[\s_.\-]+", " ", column).strip().lower()
        return any(re.fullmatch(pattern, plain) for pattern in self.names)


class Slip(Value, frozen=True, kw_only=True):
    """Rows of a column that seem to be in another unit; `rows` of all, `whole` when it is the column as such."""

    column: str
    analyte: str
    unit: str
    given: str
    rows: int
    whole: bool = False


class Found(Value, frozen=True, kw_only=True):
    """What one column holds: the unit that it is in, slips, and impossible values that no unit explains."""

    column: str
    analyte: str
    unit: str
    slips: tuple[Slip, ...]
    impossible: int
    possible: tuple[float, float]


@cache
def analytes() -> tuple[Analyte, ...]:
    """The measurements that Bedrail knows."""
    text = resources.files("bedrail.data").joinpath("analytes.toml").read_text(encoding="utf-8")
    return tuple(msgspec.convert({**table, "name": name}, Analyte) for name, table in tomllib.loads(text).items())


def reference_of(column: str, unit: str = "") -> tuple[float, float] | None:
    """The reference interval of adults for a measurement known by its column's name, in `unit`; None when not kept."""
    analyte = analyte_of(column)
    if analyte is None or analyte.reference is None:
        return None
    own = next((each for each in analyte.units if _plain(each.unit) == _plain(unit)), None) if unit else None
    if own is None and unit:
        return None
    own = own or analyte.units[0]
    low, high = (round(limit * own.factor + own.offset, 4) for limit in analyte.reference)
    return low, high


def analyte_of(column: str) -> Analyte | None:
    """The measurement that a column's name means, or None."""
    return next((each for each in analytes() if each.called(column)), None)


def look(column: str, values: np.ndarray, *, unit: str = "", ignore: Sequence[float] = ()) -> Found | None:
    """What a column of a known measurement holds; None for a name that is not known.

    `unit` is the declared unit, where there is one; else the unit in which the median is typical is taken for it.
    `ignore` are values that stand for nothing (see `data.disguised`).
    """
    analyte = analyte_of(column)
    if analyte is None:
        return None
    values = values[np.isfinite(values)]
    values = values[~np.isin(values, np.asarray(ignore, dtype=float))]
    if len(values) < LEAST:
        return None
    seems = _seeming(analyte, float(np.median(values)))
    declared = next((each for each in analyte.units if _plain(each.unit) == _plain(unit)), None) if unit else None
    own = declared or seems or analyte.units[0]
    slips: list[Slip] = []
    if declared is not None and seems is not None and seems != declared:
        slips.append(_slip(column, analyte, declared, seems, len(values), whole=True))
        own = seems
    usual = own.usual(values)
    low, high = analyte.possible
    strange = (usual < low - 1e-9) | (usual > high + 1e-9)
    left = values[strange]
    for other in analyte.units:
        if other == own or not len(left):
            continue
        there = other.usual(left)
        explained = (there >= analyte.typical[0]) & (there <= analyte.typical[1])
        if int(explained.sum()) >= max(LEAST, NAMED * len(left)):
            slips.append(_slip(column, analyte, own, other, int(explained.sum())))
            left = left[~explained]
    bounds = (low * own.factor + own.offset, high * own.factor + own.offset)
    return Found(
        column=column,
        analyte=analyte.name,
        unit=own.unit,
        slips=tuple(slips),
        impossible=len(left),
        possible=bounds,
    )


def _slip(column: str, analyte: Analyte, own: Unit, other: Unit, rows: int, *, whole: bool = False) -> Slip:
    return Slip(column=column, analyte=analyte.name, unit=own.unit, given=other.unit, rows=rows, whole=whole)


def _seeming(analyte: Analyte, median: float) -> Unit | None:
    """The first unit in which this median is typical."""
    low, high = analyte.typical
    return next((u for u in analyte.units if low <= (median - u.offset) / u.factor <= high), None)


def _plain(unit: str) -> str:
    spelt = {"°c": "cel", "c": "cel", "degc": "cel", "f": "[degf]", "°f": "[degf]", "lb": "[lb_av]", "lbs": "[lb_av]",
             "in": "[in_i]", "inch": "[in_i]", "mmhg": "mm[hg]", "bpm": "/min", "years": "a", "year": "a"}  # fmt: skip
    plain = unit.strip().lower().replace("µ", "u").replace("μ", "u")
    return spelt.get(plain, plain)


def slip_against_range(values: np.ndarray, low: float | None, high: float | None) -> tuple[str, int] | None:
    """(name of a conversion, rows) that best brings values outside `low` to `high` back among those inside, or None.

    Back among them means between the 5 % and 95 % quantile of the values inside; at least half of the rows outside
    have to come back, and at least three.
    """
    values = values[np.isfinite(values)]
    outside = (values < (-np.inf if low is None else low)) | (values > (np.inf if high is None else high))
    inside, strays = values[~outside], values[outside]
    if len(inside) < 20 or len(strays) < LEAST:
        return None
    first, last = np.quantile(inside, (0.05, 0.95))
    best: tuple[str, int] | None = None
    for name, factor, offset in factors():
        back = (strays - offset) / factor
        count = int(((back >= first) & (back <= last)).sum())
        if count >= max(LEAST, EXPLAINED * len(strays)) and (best is None or count > best[1]):
            best = (name, count)
    return best


def slip_findings(
    frame: pd.DataFrame, limits: Limits, units: dict[str, str], ignore: dict[str, list[float]]
) -> Iterator[QualityFinding]:
    """Findings of the rules `units` and `validity` about every numeric column whose name is a known measurement."""
    for name in frame.columns:
        if frame[name].dtype.kind not in "iuf":
            continue
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        seen = look(str(name), values, unit=units.get(str(name), ""), ignore=ignore.get(str(name), ()))
        if seen is not None:
            yield from findings_of(seen, len(frame), limits)


def findings_of(seen: Found, rows: int, limits: Limits) -> Iterator[QualityFinding]:
    """A measurement's slips and impossible values as findings."""
    for slip in seen.slips:
        said = (
            f"are {slip.analyte} that seems to be in {slip.given}, declared as {slip.unit}"
            if slip.whole
            else f"seem to be {slip.analyte} in {slip.given} among {slip.unit}"
        )
        yield found("units", seen.column, "warn", slip.rows, rows, limits.max_slipped_units, said)
    if seen.impossible:
        low, high = seen.possible
        said = (
            f"are impossible for {seen.analyte} in {seen.unit} ({low:g} to {high:g}) and no slip of units explains them"
        )
        yield found("validity", seen.column, "warn", seen.impossible, rows, 0.0, said)
