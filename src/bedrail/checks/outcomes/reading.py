"""Columns of any kind become cohorts of other outcomes; the first bad cell is named, with its row and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.cells import WORDS_FOR_NO, WORDS_FOR_YES, Place
from bedrail.checks.columns import Floats, Ints
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

WORDS_FOR_COMPETING = frozenset({"2", "2.0", "competing"})
WORDS_FOR_CENSORED = WORDS_FOR_NO | {"censored"}
WORDS_FOR_EVENT = WORDS_FOR_YES | {"event"}


def numbers(column: pd.Series, place: Place) -> Floats:
    """(n,) finite numbers; text that is a number is read as one, true and false are none."""
    import pandas as pd

    if column.dtype.kind == "b":
        raise Invalid("true and false are no numbers.", path=place.name, remedy="Give numbers.")
    _refuse(column.isna().to_numpy(), place, "the value is missing.", "Leave out rows without a value.")
    if column.dtype.kind not in "iuf":
        if column.dtype.kind in "Mm":
            raise Invalid("a date or a duration is no number.", path=place.name, remedy="Give a number, such as days.")
        read = pd.to_numeric(column, errors="coerce")
        _refuse(read.isna().to_numpy(), place, "the value is not a number.", "Give numbers with a decimal point.")
        column = read
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    _refuse(~np.isfinite(values), place, "the value is missing or infinite.", "Leave out rows without a value.")
    return values


def events(column: pd.Series, place: Place) -> Ints:
    """(n,) codes 0, 1 and 2, from numbers, true/false, yes/no, or the words censored, event, competing."""
    _refuse(column.isna().to_numpy(), place, "the event is missing.", "Write 0 (censored), 1 (event) or 2 (competing).")
    words = column.astype(str).str.strip().str.lower()
    codes = np.full(len(words), -1, dtype=np.int64)
    for code, known in enumerate((WORDS_FOR_CENSORED, WORDS_FOR_EVENT, WORDS_FOR_COMPETING)):
        codes[words.isin(known).to_numpy()] = code
    _refuse(codes < 0, place, "the event is none of 0, 1 and 2.", "Write 0 (censored), 1 (event) or 2 (competing).")
    return codes


def classes_of(
    column: pd.Series, place: Place, probabilities: Sequence[str], order: Sequence[str] | None
) -> tuple[Ints, tuple[str, ...]]:
    """((n,) codes, names of the classes): those with a probability, in `order` when one is given.

    Raises `Invalid` for an outcome without a probability column, and for an order that is not of the same classes.
    """
    from bedrail.checks.cells import labels

    _refuse(column.isna().to_numpy(), place, "the outcome is missing.", "Leave out rows without an outcome.")
    names = tuple(str(name) for name in probabilities)
    if len(names) < 2 or len(set(names)) < len(names):
        raise Invalid(
            f"{len(names)} classes have a probability.",
            path="score",
            remedy="Give one column of probabilities for each of two classes or more, each named once.",
        )
    if order is not None:
        if sorted(map(str, order)) != sorted(names):
            raise Invalid(
                "does not name the same classes as the probabilities.",
                path="order",
                remedy=f"Order these: {', '.join(names)}.",
            )
        names = tuple(str(name) for name in order)
    words = labels(column)
    codes = words.map({name: k for k, name in enumerate(names)})
    unknown = codes.isna().to_numpy()
    # The value itself is a class name, not a patient's measurement, yet it stays out of the message as all cells do.
    _refuse(unknown, place, "the outcome is a class without a probability.", f"The classes are: {', '.join(names)}.")
    return np.asarray(codes.to_numpy(), dtype=np.int64), names


def class_label(name: object) -> str:
    """A class's name as the labels of a column are written: whole numbers without `.0`."""
    if isinstance(name, (float, np.floating)) and float(name).is_integer():
        return str(int(name))
    return str(name).strip()


def horizons_of(given: Any, path: str = "horizons") -> tuple[float, ...]:
    """Times above 0 from a number, a list, or a mapping's keys."""
    if given is None:
        return ()
    if isinstance(given, (str, bytes)):
        raise Invalid("is text.", path=path, remedy="Give numbers, such as [30, 90].")
    several = list(given) if isinstance(given, (Sequence, Mapping, np.ndarray)) else [given]
    found = []
    for one in several:
        try:
            found.append(float(one))
        except (TypeError, ValueError):
            raise Invalid("holds what is no number.", path=path, remedy="Give numbers, such as [30, 90].") from None
    return tuple(found)


def _refuse(bad: Any, place: Place, message: str, remedy: str) -> None:
    """Raise `Invalid` at the first bad cell; the value itself may be a patient's and is not repeated."""
    rows = np.flatnonzero(np.asarray(bad, dtype=bool))
    if rows.size:
        more = f" ({rows.size} rows in all)" if rows.size > 1 else ""
        raise Invalid(message.removesuffix(".") + more + ".", path=place.at(int(rows[0])), remedy=remedy)
