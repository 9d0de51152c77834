"""Columns as callers give them become arrays, or `Invalid` with the path to the field and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MISSING_LEVEL = "missing"


def length(path: str, found: int, wanted: int) -> Invalid:
    """The error of a column whose rows do not match the outcomes."""
    return Invalid(
        f"has {found} rows, but outcome has {wanted}.",
        path=path,
        remedy="Give one row per prediction, in the same order.",
    )


def _numbers(values: Any, path: str) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise Invalid("is not numeric.", path=path, remedy="Give numbers only.") from None
    if path not in ("p_values", "interval") and array.ndim != 1:
        raise Invalid(f"has {array.ndim} dimensions.", path=path, remedy="Give one number per prediction.")
    return array


def _first(bad: Bools) -> int:
    return int(np.flatnonzero(bad)[0])


def outcomes(values: Any) -> Floats:
    """(n,) of 0 and 1."""
    outcome = _numbers(values, "outcome")
    bad = ~np.isin(outcome, (0.0, 1.0))
    if bad.any():
        raise Invalid(
            f"{int(bad.sum())} of {len(outcome)} values are neither 0 nor 1.",
            path=f"outcome[{_first(bad)}]",
            remedy="Give 1 where the outcome happened and 0 where it did not; leave out rows whose outcome is unknown.",
        )
    return outcome


def risks(values: Any, n: int, path: str) -> Floats:
    """(n,) probabilities, none absent."""
    array = _numbers(values, path)
    if len(array) != n:
        raise length(path, len(array), n)
    bad = ~((array >= 0.0) & (array <= 1.0))
    if bad.any():
        raise Invalid(
            f"{int(bad.sum())} of {n} values are not probabilities between 0 and 1.",
            path=f"{path}[{_first(bad)}]",
            remedy="Give risks as fractions (0.31, not 31) and leave out rows without a prediction.",
        )
    return array


def measures(values: Any, n: int, path: str) -> Floats:
    """(n,) finite numbers."""
    array = _numbers(values, path)
    if len(array) != n:
        raise length(path, len(array), n)
    bad = ~np.isfinite(array)
    if bad.any():
        raise Invalid(
            f"{int(bad.sum())} of {n} values are absent or infinite.",
            path=f"{path}[{_first(bad)}]",
            remedy="Give a number in every row, or leave out the rows where it is unknown.",
        )
    return array


def pairs(values: Any, n: int, path: str) -> Floats:
    """(n, 2) numbers."""
    array = _numbers(values, path)
    if array.shape != (n, 2):
        raise Invalid(f"has shape {array.shape}.", path=path, remedy=f"Give two columns and {n} rows.")
    return array


def column(values: Any, n: int, path: str) -> NDArray[Any]:
    """(n,) of anything."""
    array = np.asarray(values)
    if array.ndim != 1 or len(array) != n:
        raise length(path, len(array) if array.ndim else 0, n)
    return array


def sites(groups: Any, n: int) -> NDArray[Any] | None:
    """A group column of hundreds of words, as hospitals are, stands for the site where none is given."""
    import pandas as pd

    from bedrail.checks.bands import crowded

    if not isinstance(groups, pd.DataFrame) or len(groups) != n or not groups.columns.is_unique:
        return None
    name = crowded(groups)
    return groups[name].to_numpy(dtype=object) if name else None


def levels(frame: Any, n: int) -> pd.DataFrame:
    """The same columns as categories, absent values being the level `missing`; many values become few (`bands`)."""
    import pandas as pd

    try:
        frame = frame.to_frame() if isinstance(frame, pd.Series) else pd.DataFrame(frame)
    except (TypeError, ValueError):
        raise Invalid(
            "is not a table.", path="groups", remedy="Give a DataFrame with one column per attribute."
        ) from None
    if len(frame) != n:
        raise length("groups", len(frame), n)
    names = [str(name) for name in frame.columns]
    if len(set(names)) != len(names):
        raise Invalid("has two columns of one name.", path="groups", remedy="Name every group column once.")
    from bedrail.checks.bands import grouped

    return pd.DataFrame({name: _categories(grouped(frame.iloc[:, at], name)) for at, name in enumerate(names)})


def _categories(column: Any) -> Any:
    import pandas as pd

    values, levels = pd.factorize(column, sort=False)
    words = [_word(level) for level in levels] + [MISSING_LEVEL]
    kinds = sorted(set(words) - {MISSING_LEVEL})
    kinds += [MISSING_LEVEL] if (values < 0).any() or MISSING_LEVEL in words[:-1] else []
    place = {word: at for at, word in enumerate(kinds)}
    codes = np.array([place.get(word, -1) for word in words], dtype=np.int64)[values]
    return pd.Categorical.from_codes(codes, categories=pd.Index(kinds, dtype=object))


def _word(level: object) -> str:
    if isinstance(level, float) and level.is_integer():
        return str(int(level))
    return str(level).strip() or MISSING_LEVEL


def known_columns(intersections: tuple[tuple[str, ...], ...], groups: pd.DataFrame | None) -> None:
    """Refuse intersections of columns that are not there."""
    known = () if groups is None else tuple(groups.columns)
    for at, columns in enumerate(intersections):
        for column in columns:
            if column not in known:
                raise Invalid(
                    f"names the column {column!r}, which is not among the groups.",
                    path=f"intersections[{at}]",
                    remedy=f"Choose from: {', '.join(known) or 'no groups were given'}.",
                )


def in_range(threshold: float | None) -> None:
    """Refuse thresholds that alert everybody or nobody."""
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise Invalid("is not between 0 and 1.", path="threshold", remedy="Give the risk from which an alert is shown.")


def clusters_of(subject: NDArray[Any] | None) -> Ints | None:
    """Patients as 0..k-1, or None when every row is its own patient."""
    if subject is None or len(subject) == 0:
        return None
    import pandas as pd

    codes, patients = pd.factorize(subject)
    if (codes < 0).any():
        raise Invalid(
            "has empty identifiers.", path="subject", remedy="Give every row its patient, or leave subjects out."
        )
    return None if len(patients) == len(codes) else codes.astype(np.int64)


def by_patient(clusters: Ints | None) -> Ints | None:
    """(n,) the rows in the order of their patients' codes; None where there are none."""
    return None if clusters is None else np.argsort(clusters, kind="stable")
