"""Split by patient and by time, so that no patient and no future leaks from one part into another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bedrail.core.errors import Invalid

PARTS = ("train", "calibration", "validation", "holdout")
EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Split:
    """`labels` (n,) names each row's part, or `excluded`; `counts` sums rows by label."""

    labels: np.ndarray
    counts: dict[str, int]

    def rows(self, part: str) -> np.ndarray:
        """Row numbers of one part, ascending."""
        return np.flatnonzero(self.labels == part)


def split(subject: np.ndarray, time: np.ndarray, shares: Mapping[str, float]) -> Split:
    """Assign rows to train, calibration, validation and holdout, in the order of time.

    Time is cut at the quantiles given by `shares` (which add up to 1). A patient belongs to the period of the
    first encounter; later encounters that fall into another part's period are `excluded`: with them the model
    would train on the future, or meet its own training patients in the holdout (TRIPOD+AI 2024, item 12a on data
    splitting).

    `subject` and `time` have shape (n,). Raises `Invalid` when shares or columns cannot be used.
    """
    _check(subject, time, shares)
    cuts = np.cumsum([float(shares[part]) for part in PARTS])[:-1]
    order = np.argsort(time, kind="stable")
    rank = np.empty(len(time), dtype=np.int64)
    rank[order] = np.arange(len(time))
    period = np.searchsorted(cuts * len(time), rank, side="right")
    period = _same_time_same_period(period, time, order)
    _, code = np.unique(subject, return_inverse=True)
    first = np.full(code.max() + 1, len(PARTS), dtype=np.int64)
    np.minimum.at(first, code, period)
    names = np.array([*PARTS, EXCLUDED])
    labels = names[np.where(period == first[code], period, len(PARTS))]
    counts = {str(name): int((labels == name).sum()) for name in names}
    empty = [part for part in PARTS if counts[part] == 0]
    if empty:
        raise Invalid(f"the part `{empty[0]}` is empty.", path="data.shares", remedy="Give more rows or other shares.")
    return Split(labels=labels, counts=counts)


def _same_time_same_period(period: np.ndarray, time: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows with one time stamp stay together in the earlier period."""
    result = period.copy()
    ordered = time[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    lengths = np.diff(np.append(starts, len(ordered)))
    result[order] = np.repeat(period[order][starts], lengths)
    return result


def _check(subject: np.ndarray, time: np.ndarray, shares: Mapping[str, float]) -> None:
    if set(shares) != set(PARTS) or any(share <= 0 for share in shares.values()):
        raise Invalid("shares must be positive for each part.", path="data.shares", remedy=f"Give {', '.join(PARTS)}.")
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise Invalid("shares must add up to 1.", path="data.shares", remedy="For example 0.5, 0.15, 0.15, 0.2.")
    if len(subject) != len(time):
        raise Invalid("subject and time differ in length.", path="data.time")
    if len(time) == 0:
        raise Invalid("the table has no rows.", path="data", remedy="Check the filter that made it.")
    if time.dtype.kind not in "iufM":
        raise Invalid("time is neither number nor timestamp.", path="data.time", remedy="Give ISO 8601 or a number.")
    if np.isnan(time).any() if time.dtype.kind == "f" else False:
        raise Invalid("time is missing in some rows.", path="data.time", remedy="Drop or repair those rows.")
