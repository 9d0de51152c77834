"""Columns from outside become arrays of one kind, and the first bad cell is named with its row and the remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bedrail.checks.values import MISSING_LEVEL
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

TimeKind = Literal["number", "timestamp"]

WORDS_FOR_YES = frozenset({"1", "1.0", "true", "yes"})
WORDS_FOR_NO = frozenset({"0", "0.0", "false", "no"})
HORIZON_UNITS = {"min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$")
ISO_ZONE = re.compile(r"\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands: `predictions.score` counts rows from 1 (`[row 12]`), an argument from 0 (`[11]`).

    `rows` gives the row numbers in the file when only some were taken.
    """

    name: str
    table: bool = True
    rows: np.ndarray | None = None

    def at(self, index: int) -> str:
        """The path of one cell."""
        index = index if self.rows is None else int(self.rows[index])
        return f"{self.name}[row {index + 1}]" if self.table else f"{self.name}[{index}]"


def probabilities(column: pd.Series, place: Place) -> np.ndarray:
    """Scores (n,) float64 in [0, 1]; `Invalid` for text, missing, infinite and values outside."""
    nested(column, place)
    if column.dtype.kind == "b":
        raise Invalid("true and false are no probabilities.", path=place.name, remedy="Give the score, 0 to 1.")
    if column.dtype.kind == "O":
        truths = column.map(lambda each: isinstance(each, (bool, np.bool_))).to_numpy(dtype=bool)
        _refuse(truths, place, "true and false are no probabilities.", "Give the score, 0 to 1.")
    values = _numbers(column, place, remedy="Give a probability between 0 and 1 with a decimal point.")
    outside = np.flatnonzero((values < 0) | (values > 1))
    if outside.size:
        percent = bool(values.min() >= 0 and 1 < values.max() <= 100)
        raise Invalid(
            f"{outside.size} of {len(values)} scores lie outside 0 to 1.",
            path=place.at(int(outside[0])),
            remedy="They look like per cent: divide by 100."
            if percent
            else "Give probabilities, not log-odds or ranks.",
        )
    return values


def binaries(column: pd.Series, place: Place) -> np.ndarray:
    """Outcomes (n,) int8, from 0/1, true/false or yes/no; `Invalid` for anything else."""
    nested(column, place)
    if column.dtype.kind in "iuf":
        values = column.to_numpy(dtype=float, na_value=np.nan)
        _refuse(~np.isfinite(values), place, "the outcome is missing or infinite.", "Give 0 or 1, or drop the row.")
        _refuse((values != 0) & (values != 1), place, "the outcome is neither 0 nor 1.", "Only yes-or-no outcomes.")
        return values.astype(np.int8)
    _refuse(column.isna().to_numpy(), place, "the outcome is missing.", "Give 0 or 1, or drop the row.")
    words = column.astype(str).str.strip().str.lower()
    yes, no = words.isin(WORDS_FOR_YES).to_numpy(), words.isin(WORDS_FOR_NO).to_numpy()
    _refuse(~(yes | no), place, "the outcome is neither 0 nor 1.", "Write 0 or 1 (or true/false, yes/no).")
    return yes.astype(np.int8)


def identifiers(column: pd.Series, place: Place) -> np.ndarray:
    """Identifiers (n,) as text, numbers without a trailing `.0`; `Invalid` when one is missing or blank."""
    nested(column, place)
    if column.dtype.kind == "f":
        values = column.to_numpy(dtype=float, na_value=np.nan)
        remedy = "Give whole numbers or text, one identifier in every row."
        _refuse(~np.isfinite(values), place, "the identifier is missing.", remedy)
        _refuse(values != np.floor(values), place, "a fraction is no identifier.", remedy)
        return values.astype(np.int64).astype(str).astype(object)
    blank = column.isna().to_numpy()
    words = column.astype(str).str.strip()
    blank = blank | (words == "").to_numpy()
    _refuse(blank, place, "the identifier is missing.", "Every row needs one.")
    return words.to_numpy(dtype=object)


def times(column: pd.Series, place: Place) -> tuple[np.ndarray, TimeKind]:
    """Times (n,) float64: numbers as they stand, timestamps as seconds since 1970 in UTC; and which of the two.

    Text is read as ISO 8601. A column may not mix times with and without zone: nobody could order them.
    """
    import pandas as pd

    nested(column, place)
    if column.dtype.kind == "M" or isinstance(column.dtype, pd.DatetimeTZDtype):
        _refuse(column.isna().to_numpy(), place, "the time is missing.", "Every row needs one.")
        return _epoch(pd.to_datetime(column, utc=True)), "timestamp"
    if column.dtype.kind in "iuf":
        return _numbers(column, place, remedy="Give a number or an ISO 8601 time in every row."), "number"
    if column.dtype.kind == "b":
        raise Invalid("true and false are no times.", path=place.name, remedy="Give numbers or ISO 8601 times.")
    _refuse(column.isna().to_numpy(), place, "the time is missing.", "Every row needs one.")
    words = column.astype(str).str.strip()
    if float(pd.to_numeric(words, errors="coerce").notna().mean()) > 0.5:
        return _numbers(words, place, remedy="The other rows are numbers: give a number here too."), "number"
    return _timestamps(words, place), "timestamp"


def levels(column: pd.Series, place: Place) -> pd.Series:
    """Group labels as text, an absent one as `missing`; ages in bands, more than 50 words joined (see `bands`)."""
    from bedrail.checks.bands import grouped

    nested(column, place)
    return labels(grouped(column, place.name.rpartition(".")[2]))


def nested(column: pd.Series, place: Place) -> None:
    """Refuse cells that hold lists, mappings or bytes, as Parquet allows: nobody can say what they are equal to."""
    if column.dtype.kind != "O":
        return
    many = (list, tuple, dict, set, frozenset, bytes, bytearray, np.ndarray)
    odd = column.map(lambda each: isinstance(each, many)).to_numpy(dtype=bool)
    _refuse(odd, place, "the cell holds a list, a mapping or bytes.", "Give one number or text in every row.")


def labels(column: pd.Series) -> pd.Series:
    """Labels as text, whole numbers without `.0`, an absent or blank one as `missing`."""
    absent = column.isna()
    if column.dtype.kind == "f" and bool((column.dropna() % 1 == 0).all()):
        column = column.astype("Int64")
    words = column.astype(str).str.strip()
    return words.mask(absent | (words == ""), MISSING_LEVEL)


def horizon_length(text: str, kind: TimeKind, option: str = "--horizon") -> float:
    """The window after a prediction, in the unit of its times: `30d`, `12h`, `90min`, `4w`, or a plain number."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|h|d|w)?\s*", text)
    if match is None or float(match[1]) <= 0:
        raise Invalid("not a length of time.", path=option, remedy="Write 30d, 12h, 90min, or a number above 0.")
    if kind == "number" and match[2]:
        raise Invalid("the times are plain numbers.", path=option, remedy="Give the horizon as a number too.")
    if kind == "timestamp" and not match[2]:
        raise Invalid("the times are timestamps.", path=option, remedy="Add a unit: 30d, 12h or 90min.")
    return float(match[1]) * HORIZON_UNITS.get(match[2] or "", 1.0)


def _timestamps(words: pd.Series, place: Place) -> np.ndarray:
    import pandas as pd

    remedy = "Write ISO 8601, such as 2024-03-01T08:30:00 or 2024-03-01."
    _refuse(~words.str.match(ISO_DATE).to_numpy(dtype=bool), place, "the time cannot be read.", remedy)
    zoned = words.str.contains(ISO_ZONE).to_numpy(dtype=bool)
    if zoned.any() and not zoned.all():
        _refuse(~zoned, place, "the time has no zone while others have one.", "Give all times a zone, or none.")
    stamps = pd.to_datetime(words, format="ISO8601", utc=True, errors="coerce")
    _refuse(stamps.isna().to_numpy(), place, "there is no such date or time.", remedy)
    return _epoch(stamps)


def _epoch(stamps: pd.Series) -> np.ndarray:
    nanoseconds: np.ndarray = stamps.dt.tz_convert(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    return nanoseconds / 1e9


def _numbers(column: pd.Series, place: Place, *, remedy: str) -> np.ndarray:
    import pandas as pd

    _refuse(column.isna().to_numpy(), place, "the value is missing.", remedy)
    if column.dtype.kind in "cmM":
        raise Invalid("complex numbers, dates and lengths of time are no values.", path=place.name, remedy=remedy)
    if column.dtype.kind not in "iuf":
        text = column.astype(str) if column.dtype.kind == "O" else column
        read = pd.to_numeric(text, errors="coerce")
        text = column.astype(str).str.strip().str.lower()
        unreadable = read.isna().to_numpy() & ~text.isin(["nan"]).to_numpy()
        _refuse(unreadable, place, "the value is not a number.", remedy)
        column = read
    values = column.to_numpy(dtype=float, na_value=np.nan)
    _refuse(np.isnan(values), place, "the value is missing (NaN).", remedy)
    _refuse(np.isinf(values), place, "the value is infinite.", remedy)
    return values


def _refuse(bad: np.ndarray, place: Place, message: str, remedy: str) -> None:
    """Raise `Invalid` at the first bad cell; the value itself may be a patient's and is not repeated."""
    rows = np.flatnonzero(bad)
    if rows.size:
        more = f" ({rows.size} rows in all)" if rows.size > 1 else ""
        raise Invalid(message.removesuffix(".") + more + ".", path=place.at(int(rows[0])), remedy=remedy)
