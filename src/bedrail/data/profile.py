"""What a table looks like, in numbers that give away no patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrail.core.values import Value

if TYPE_CHECKING:
    import pandas as pd

SMALLEST_CELL = 11
"""Counts of 1 to 10 are not shown: the CMS cell size suppression policy."""

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class ColumnProfile(Value, frozen=True, kw_only=True):
    """One column: its kind, how much is missing, its quantiles (numbers) or its common values (words)."""

    name: str
    kind: str
    missing: float
    distinct: int
    quantiles: tuple[float, ...] = ()
    common: tuple[tuple[str, int], ...] = ()
    suppressed: int = 0


class Profile(Value, frozen=True, kw_only=True):
    """A table: its size and its columns, in order."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile:
        """The profile of the column called `name`; raises KeyError when there is none."""
        return next(column for column in self.columns if column.name == name)


def profile(frame: pd.DataFrame, *, identifiers: tuple[str, ...] = (), common: int = 20) -> Profile:
    """Measure each column; `identifiers` are only counted, their values are never shown.

    Values seen fewer than eleven times are suppressed and only their number is told.
    """
    return Profile(
        rows=len(frame),
        columns=tuple(_column(frame[name], str(name), name in identifiers, common) for name in frame.columns),
    )


def _column(column: pd.Series, name: str, identifier: bool, common: int) -> ColumnProfile:
    import numpy as np

    missing = float(column.isna().mean()) if len(column) else 0.0
    distinct = int(column.nunique())
    if identifier:
        return ColumnProfile(name=name, kind="identifier", missing=missing, distinct=distinct)
    if column.dtype.kind in "iuf":
        values = column.to_numpy(dtype=float, na_value=np.nan)
        values = values[np.isfinite(values)]
        shown = tuple(float(q) for q in np.quantile(values, QUANTILES)) if len(values) >= SMALLEST_CELL else ()
        return ColumnProfile(name=name, kind="number", missing=missing, distinct=distinct, quantiles=shown)
    counts = column.dropna().astype(str).value_counts()
    large = counts[counts >= SMALLEST_CELL]
    pairs = tuple((str(value), int(count)) for value, count in large.head(common).items())
    return ColumnProfile(
        name=name, kind="word", missing=missing, distinct=distinct, common=pairs, suppressed=len(counts) - len(large)
    )
