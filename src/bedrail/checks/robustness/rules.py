"""The words of slices: statements about one column that a clinician would say, each as a column of 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.columns import Bools, Floats

if TYPE_CHECKING:
    import pandas as pd

CUTS = (0.1, 0.25, 0.5, 0.75, 0.9)
FEW = 10
"""A number with at most so many different values is cut between all of them."""

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Atom:
    """One statement about one column, such as `age > 75` or `insulin = up`; `rows` (n,) are those it holds for."""

    column: str
    text: str
    rows: Bools


@dataclass(frozen=True, slots=True)
class Atoms:
    """All statements that enough of the rows looked at, and not all, satisfy; `held` (rows looked at, a) as 0 and 1."""

    said: tuple[Atom, ...]
    held: Matrix

    def rows(self, rule: tuple[int, ...]) -> Bools:
        """(n,) all rows for which every statement of `rule` holds."""
        return np.asarray(np.logical_and.reduce([self.said[at].rows for at in rule]))

    def inside(self, rule: tuple[int, ...]) -> Bools:
        """The same of the rows looked at."""
        return np.asarray(self.held[:, list(rule)].all(axis=1))

    def words(self, rule: tuple[int, ...]) -> str:
        """`age > 75 & insulin = up`, in the columns' order."""
        return " & ".join(self.said[at].text for at in sorted(rule))


def atoms(frame: pd.DataFrame, least: int, *, look: Bools | None = None) -> Atoms:
    """The statements about `frame` (n rows) that at least `least` of the rows `look` satisfy, and not all of them.

    Cuts of numbers are chosen on the rows `look` alone (all, by default).
    """
    look = np.ones(len(frame), dtype=bool) if look is None else look
    kept: dict[bytes, tuple[Atom, Bools]] = {}
    for name in frame.columns:
        for atom in _of_column(str(name), frame[name], look):
            inside = atom.rows[look]
            if least <= int(inside.sum()) < len(inside):
                kept.setdefault(inside.tobytes(), (atom, inside))
    held = np.column_stack([inside for _, inside in kept.values()]) if kept else np.empty((int(look.sum()), 0))
    return Atoms(tuple(atom for atom, _ in kept.values()), held.astype(np.float32))


def _of_column(name: str, column: pd.Series[Any], look: Bools) -> Iterator[Atom]:
    import pandas as pd

    absent = column.isna().to_numpy()
    if absent.any():
        yield Atom(name, f"{name} absent", absent)
    kind = column.dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        yield from _of_numbers(name, column.to_numpy(dtype=np.float64, na_value=np.nan), look)
        return
    codes, levels = pd.factorize(column, sort=False)
    for code in dict.fromkeys(codes[look & (codes >= 0)].tolist()):
        yield Atom(name, f"{name} = {levels[code]}", np.asarray(codes == code))


def _of_numbers(name: str, values: Floats, look: Bools) -> Iterator[Atom]:
    seen = values[look & np.isfinite(values)]
    if not len(seen):
        return
    different = np.unique(seen)
    cuts = different[:-1] if len(different) <= FEW else np.unique(np.quantile(seen, CUTS, method="lower"))
    with np.errstate(invalid="ignore"):
        for cut in cuts:
            yield Atom(name, f"{name} > {cut:g}", values > cut)
            yield Atom(name, f"{name} ≤ {cut:g}", values <= cut)
