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
    """All statements that enough rows, and not all, satisfy; `held` (n, a) holds them as 0 and 1."""

    said: tuple[Atom, ...]
    held: Matrix

    def among(self, rows: Bools) -> Atoms:
        """The same statements about some of the rows."""
        return Atoms(tuple(Atom(a.column, a.text, a.rows[rows]) for a in self.said), self.held[rows])

    def rows(self, rule: tuple[int, ...]) -> Bools:
        """(n,) the rows for which every statement of `rule` holds."""
        return np.asarray(np.logical_and.reduce([self.said[at].rows for at in rule]))

    def words(self, rule: tuple[int, ...]) -> str:
        """`age > 75 & insulin = up`, in the columns' order."""
        return " & ".join(self.said[at].text for at in sorted(rule))


def atoms(frame: pd.DataFrame, least: int, *, look: Bools | None = None) -> Atoms:
    """The statements about `frame` (n rows) that at least `least` of the rows `look` satisfy, and not all of them.

    Cuts of numbers are chosen on the rows `look` alone (all, by default).
    """
    look = np.ones(len(frame), dtype=bool) if look is None else look
    said: list[Atom] = []
    for name in frame.columns:
        for atom in _of_column(str(name), frame[name], look):
            support = int(atom.rows[look].sum())
            if least <= support <= int(look.sum()) - 1:
                said.append(atom)
    distinct = {atom.rows[look].tobytes(): atom for atom in reversed(said)}
    kept = tuple(atom for atom in said if distinct[atom.rows[look].tobytes()] is atom)
    held = np.column_stack([a.rows for a in kept]) if kept else np.empty((len(frame), 0))
    return Atoms(kept, held.astype(np.float32))


def _of_column(name: str, column: pd.Series[Any], look: Bools) -> Iterator[Atom]:
    import pandas as pd

    absent = column.isna().to_numpy()
    if absent.any():
        yield Atom(name, f"{name} absent", absent)
    kind = column.dtype
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        yield from _of_numbers(name, column.to_numpy(dtype=np.float64, na_value=np.nan), look)
        return
    words = column.astype(str).to_numpy(dtype=object)
    for level in dict.fromkeys(words[look & ~absent]):
        yield Atom(name, f"{name} = {level}", np.asarray(words == level) & ~absent)


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
