"""Columns as small integers: each distinct value once, so that everything after works on numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.privacy.release.tally import Ints

if TYPE_CHECKING:
    import pandas as pd

MISSING = ""
"""The word for an empty cell; being empty is a value like any other: who is alone in lacking it, stands out."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column: for each row the place of its value among `values` (distinct, in order of first appearance)."""

    name: str
    codes: Ints
    values: tuple[str, ...]


def coded(column: pd.Series, name: str = "") -> Coded:
    """The column as codes; numbers are written without a needless `.0`, empty cells are `MISSING`."""
    import pyarrow as pa

    name = name or str(column.name)
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # cells of several kinds in one column
        array = pa.array(column.map(word, na_action="ignore"), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    values = [word(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return _distinct(name, codes, values)


def _distinct(name: str, codes: Ints, values: list[str]) -> Coded:
    """Join values that are written alike (1 and 1.0, empty and missing), and give the missing a place."""
    if len(codes) and codes.min() < 0:
        codes = np.where(codes < 0, len(values), codes)
        values = [*values, MISSING]
    places: dict[str, int] = {}
    for value in values:
        places.setdefault(value, len(places))
    if len(places) < len(values):
        codes = np.array([places[value] for value in values], dtype=np.int64)[codes]
    return Coded(name=name, codes=codes, values=tuple(places))


def word(value: Any) -> str:
    """A cell as text."""
    if value is None or value != value:  # noqa: PLR0124 (NaN and NaT)
        return MISSING
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
