"""Attributes of many values become groups: ages in bands, other numbers in fifths, the largest of many words."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.columns import MISSING_LEVEL, Floats

if TYPE_CHECKING:
    import pandas as pd

MANY = 50
"""Different values above which a column is banded or joined."""
KEPT = 20
OTHERS = "(others)"
AGES = (18, 45, 65, 75, 85)
"""First ages of the bands; the last is open, so that nobody over 89 stands out (45 CFR 164.514(b)(2)(i)(C))."""

_AGE = re.compile(r"(^|[^a-z])age([^a-z]|$)", re.IGNORECASE)
_NUMBER = re.compile(r"^\s*[<>≤≥]?\s*=?\s*(\d+(?:\.\d+)?)\s*\+?\s*$")


def grouped(column: pd.Series, name: str) -> pd.Series:
    """The column as labels of at most `MANY` groups; one of few values as it stands.

    A number called an age becomes 0-17, 18-44, 45-64, 65-74, 75-84 or 85+ (also where some are written `> 89`), any
    other number a fifth of its values, named by its limits; of words the 20 commonest stay, the rest is `(others)`.
    """
    if column.nunique() <= MANY:
        return column
    values = _numbers(column)
    if values is None:
        return _largest(column)
    if _AGE.search(name):
        return _ages(values, column.index)
    return _fifths(values, column.index)


def _numbers(column: pd.Series) -> Floats | None:
    """(n,) numbers with NaN where absent, when nearly all that is there is a number; None otherwise."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype):
        return None
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    words = column.astype("object").where(column.notna(), "").astype(str)
    words = words.where(words != MISSING_LEVEL, "")
    read = pd.to_numeric(words.str.extract(_NUMBER, expand=True)[0], errors="coerce")
    there = int((words.str.strip() != "").sum())
    if not there or int(read.notna().sum()) < 0.98 * there:
        return None
    return np.asarray(read.to_numpy(dtype=np.float64))


def _ages(values: Floats, index: pd.Index) -> pd.Series:
    import pandas as pd

    names = [f"0-{AGES[0] - 1}", *(f"{a}-{b - 1}" for a, b in pairwise(AGES)), f"{AGES[-1]}+"]
    place = np.searchsorted(np.array(AGES), np.floor(np.where(np.isfinite(values), values, 0)), side="right")
    return pd.Series(np.where(np.isfinite(values), np.array(names, dtype=object)[place], MISSING_LEVEL), index=index)


def _fifths(values: Floats, index: pd.Index) -> pd.Series:
    import pandas as pd

    there = values[np.isfinite(values)]
    edges = np.unique([float(f"{edge:.3g}") for edge in np.quantile(there, [0.2, 0.4, 0.6, 0.8])])
    names = [f"under {edges[0]:g}", *(f"{a:g} to under {b:g}" for a, b in pairwise(edges))]
    names.append(f"{edges[-1]:g} and over")
    place = np.searchsorted(edges, np.where(np.isfinite(values), values, 0), side="right")
    return pd.Series(np.where(np.isfinite(values), np.array(names, dtype=object)[place], MISSING_LEVEL), index=index)


def _largest(column: pd.Series) -> pd.Series:
    words = column.astype("object")
    kept = column.value_counts().index[:KEPT]
    return words.where(words.isin(kept) | words.isna() | (words == MISSING_LEVEL), OTHERS)


def crowded(frame: pd.DataFrame) -> str:
    """The first column of more than `MANY` different words, as hospitals are; empty when there is none."""
    for name in frame.columns:
        if frame[name].nunique() > MANY and _numbers(frame[name]) is None:
            return str(name)
    return ""
