"""The population to be served, as shares by attribute or cross-tabulated, and weights that make data look like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.columns import MISSING_LEVEL
from bedrail.checks.values import Bools, Floats, Ints
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

ROUNDS = 200
SETTLED = 1e-9


@dataclass(frozen=True, slots=True)
class Margin:
    """Shares of the population by `columns`: `cells` maps levels, one a column, to a share; they add up to 1."""

    columns: tuple[str, ...]
    cells: dict[tuple[str, ...], float]

    def name(self, levels: tuple[str, ...]) -> str:
        """`race=Black & sex=Female`."""
        return " & ".join(f"{column}={level}" for column, level in zip(self.columns, levels, strict=True))


def read_population(frame: pd.DataFrame, where: str = "population") -> tuple[Margin, ...]:
    """Margins from a table: either `attribute,level,share` (or `count`), or a column an attribute and `share`.

    In the first form, `race & sex` as attribute with `Black & Female` as level is a cross-tabulation. Counts and
    percentages are taken as they add up. Raises `Invalid` naming the row.
    """
    names = [str(name).strip() for name in frame.columns]
    frame = frame.set_axis(names, axis="columns")
    size = next((name for name in ("share", "count", "n", "population") if name in names), "")
    if not size:
        raise Invalid(
            "has no column `share` or `count`.", path=where, remedy="Say how many people each row stands for."
        )
    values = _sizes(frame, size, where)
    if {"attribute", "level"} <= set(names):
        found: dict[tuple[str, ...], dict[tuple[str, ...], float]] = {}
        for at, (attribute, level) in enumerate(zip(frame["attribute"], frame["level"], strict=True)):
            columns, levels = _parts(attribute), _parts(level)
            if len(columns) != len(levels):
                raise Invalid(
                    "attribute and level have a different number of parts.",
                    path=f"{where}[row {at + 1}]",
                    remedy="Write `race & sex` and `Black & Female`.",
                )
            _enter(found.setdefault(columns, {}), levels, values[at], f"{where}[row {at + 1}]")
    else:
        columns = tuple(name for name in names if name != size)
        found = {columns: {}}
        for at, row in enumerate(frame[list(columns)].itertuples(index=False)):
            _enter(found[columns], tuple(_word(cell) for cell in row), values[at], f"{where}[row {at + 1}]")
    if not found or () in found:
        raise Invalid("names no attribute.", path=where, remedy="Give a column for each attribute, or attribute,level.")
    return tuple(_margin(columns, cells, where) for columns, cells in found.items())


def _sizes(frame: pd.DataFrame, size: str, where: str) -> list[float]:
    import pandas as pd

    values = pd.to_numeric(frame[size], errors="coerce").to_numpy(dtype=np.float64)
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        place = f"{where}.{size}[row {int(np.flatnonzero(bad)[0]) + 1}]"
        raise Invalid("is not a number of 0 or more.", path=place, remedy="Give shares or counts.")
    return [float(value) for value in values]


def _parts(text: object) -> tuple[str, ...]:
    return tuple(_word(part) for part in str(text).split(" & "))


def _word(value: object) -> str:
    if isinstance(value, float) and np.isfinite(value) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return MISSING_LEVEL if text in ("", "nan", "None") else text


def _enter(cells: dict[tuple[str, ...], float], levels: tuple[str, ...], value: float, path: str) -> None:
    if levels in cells:
        raise Invalid("stands twice.", path=path, remedy="Give each level, or combination, once.")
    cells[levels] = value


def _margin(columns: tuple[str, ...], cells: dict[tuple[str, ...], float], where: str) -> Margin:
    total = sum(cells.values())
    if total <= 0:
        raise Invalid(f"{' & '.join(columns)} adds up to nothing.", path=where, remedy="Give shares or counts above 0.")
    return Margin(columns, {levels: value / total for levels, value in cells.items()})


@dataclass(frozen=True, slots=True)
class Placed:
    """Rows placed in a margin: `cell` (n,) codes into `levels`, -1 for rows whose levels the population lacks."""

    margin: Margin
    levels: tuple[tuple[str, ...], ...]
    cell: Ints
    share: Floats


def place(groups: pd.DataFrame, margins: Sequence[Margin], where: str = "population") -> tuple[Placed, ...]:
    """Each row's cell in each margin; raises `Invalid` for an attribute that the data do not have."""
    placed = []
    for margin in margins:
        for column in margin.columns:
            if column not in groups.columns:
                raise Invalid(
                    f"speaks of `{column}`, which the data do not have.",
                    path=where,
                    remedy=f"The data have: {', '.join(str(name) for name in groups.columns)}.",
                )
        levels = tuple(margin.cells)
        code = {cell: at for at, cell in enumerate(levels)}
        words = [groups[column].astype(str).to_numpy() for column in margin.columns]
        keys = zip(*words, strict=True)
        cell = np.fromiter((code.get(key, -1) for key in keys), dtype=np.int64, count=len(groups))
        placed.append(Placed(margin, levels, cell, np.array([margin.cells[key] for key in levels])))
    return tuple(placed)


def weights_for(placed: Sequence[Placed], n: int) -> Floats:
    """(n,) weights of mean 1 with which the data have the population's shares in every margin at once.

    One margin: post-stratification; several: raking (Deming and Stephan 1940). Cells of the population without a row
    cannot be weighed in and are left out of the target; rows that no cell of a margin describes keep their weight.
    """
    weights = np.ones(n)
    for _ in range(ROUNDS):
        moved = 0.0
        for one in placed:
            known = one.cell >= 0
            now = np.bincount(one.cell[known], weights=weights[known], minlength=len(one.levels))
            there = now > 0
            target = np.where(there, one.share, 0.0)
            if target.sum() <= 0:
                continue
            target = target / target.sum() * now.sum()
            factor = np.divide(target, now, out=np.ones(len(now)), where=there)
            moved = max(moved, float(np.abs(factor[there] - 1).max()))
            weights[known] *= factor[one.cell[known]]
        if moved < SETTLED or len(placed) == 1:
            break
    return np.asarray(weights * n / max(weights.sum(), 1e-300))


def effective_share(weights: Floats, clusters: Ints | None) -> float:
    """Kish's effective sample size over the number of patients, each with the mean weight of its rows."""
    if clusters is not None:
        weights = np.bincount(clusters, weights=weights) / np.maximum(np.bincount(clusters), 1)
    return float(weights.sum() ** 2 / (len(weights) * np.sum(weights**2))) if np.any(weights > 0) else 0.0


def rows_of(one: Placed, cell: int) -> Bools:
    """(n,) rows of one cell."""
    return np.asarray(one.cell == cell)
