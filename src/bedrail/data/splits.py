"""Split by patient and by time, so that no patient and no future leaks from one part into another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from bedrail.core.errors import Invalid

PARTS = ("train", "validation", "calibration", "holdout")
"""In order of time. Calibration uses the newest rows before the holdout: it ages first (Davis et al. 2017, JAMIA)."""

EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Split:
    """`labels` (n,) names each row's part, or `excluded`; `counts` sums rows by label."""

    labels: np.ndarray
    counts: dict[str, int]

    def rows(self, part: str) -> np.ndarray:
        """Row numbers of one part, ascending."""
        return np.flatnonzero(self.labels == part)


def split(subject: np.ndarray, time: np.ndarray, shares: Mapping[str, float], *, seed: int = 0) -> Split:
    """Assign rows to train, validation, calibration and holdout, in the order of time.

    Time is cut at the quantiles given by `shares` (which add up to 1). A patient with encounters in several periods
    belongs to the period of one of them, drawn by `seed`; the encounters in other periods are `excluded`: with
    them the model would train on the future, or meet its own training patients in the holdout (TRIPOD+AI 2024, item
    12a on data splitting). Drawing, rather than always taking the first or the last period, thins returning patients
    alike in every part: taking the first would leave a holdout of newcomers, whose risk is lower.

    `subject` and `time` have shape (n,). Raises `Invalid` when shares or columns cannot be used.
    """
    _check(subject, time, shares)
    cuts = np.cumsum([float(shares[part]) for part in PARTS])[:-1]
    order = np.argsort(time, kind="stable")
    rank = np.empty(len(time), dtype=np.int64)
    rank[order] = np.arange(len(time))
    period = np.searchsorted(cuts * len(time), rank, side="right")
    period = _same_time_same_period(period, time, order)
    code = _codes(subject)
    own = _drawn_period(code, period, np.random.default_rng(seed))
    names = np.array([*PARTS, EXCLUDED])
    labels = names[np.where(period == own[code], period, len(PARTS))]
    counts = {str(name): int((labels == name).sum()) for name in names}
    empty = [part for part in PARTS if counts[part] == 0]
    if empty:
        raise Invalid(f"the part `{empty[0]}` is empty.", path="data.shares", remedy="Give more rows or other shares.")
    return Split(labels=labels, counts=counts)


def spare_known(parts: Split, subject: np.ndarray, known: Collection[str]) -> tuple[Split, int]:
    """The split with holdout rows of `known` patients `excluded`, and how many rows that were.

    Whoever stood in a holdout that was opened has been looked at: models made since may be tuned on them, so they may
    help to train, but not to judge, a model (Dwork et al. 2015, "The reusable holdout"). Their rows do not move to
    another part: they are from the holdout's period, which is the future of every other part.

    `subject` has shape (n,). Raises `Invalid` when nobody is left in the holdout.
    """
    looked_at = (parts.labels == "holdout") & np.isin(subject, list(known))
    rows = int(looked_at.sum())
    if rows == parts.counts["holdout"]:
        raise Invalid(
            "every patient of the holdout stood in a holdout that was opened before.",
            path="data",
            remedy="Give newer data: a holdout judges models only by patients whom nobody looked at.",
        )
    labels = np.where(looked_at, EXCLUDED, parts.labels)
    counts = parts.counts | {"holdout": parts.counts["holdout"] - rows, EXCLUDED: parts.counts[EXCLUDED] + rows}
    return Split(labels=labels, counts=counts), rows


def hold_out_sites(parts: Split, subject: np.ndarray, site: np.ndarray, sites: Collection[str]) -> Split:
    """The split with every row of some sites in the holdout, so that a model is judged where it has never been.

    Patients who were at one of these sites stand nowhere else: their rows at other sites are `excluded`, unless those
    are in the holdout too (TRIPOD+AI 2024, item 12a; Steyerberg and Harrell 2016 on internal-external validation).
    `subject` and `site` have shape (n,). Raises `Invalid` for a site without rows, and when another part is left empty.
    """
    site = site.astype(str)
    absent = [name for name in sites if name not in set(site)]
    if absent:
        raise Invalid(
            f"no row is of the site `{absent[0]}`.", path="data.holdout_sites", remedy="Name sites as the data do."
        )
    there = np.isin(site, list(sites))
    seen = np.isin(subject, np.unique(subject[there]))
    labels = np.where(there, "holdout", np.where(seen & (parts.labels != "holdout"), EXCLUDED, parts.labels))
    counts = {name: int((labels == name).sum()) for name in parts.counts}
    empty = [part for part in PARTS if counts[part] == 0]
    if empty:
        raise Invalid(f"the part `{empty[0]}` is empty.", path="data.holdout_sites", remedy="Hold out fewer sites.")
    return Split(labels=labels, counts=counts)


def _codes(subject: np.ndarray) -> np.ndarray:
    """Patients numbered by first appearance, so that the draw does not depend on what their pseudonyms are."""
    _, first, inverse = np.unique(subject, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _drawn_period(code: np.ndarray, period: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each patient 0..k-1 the period of one encounter, each encounter as likely as the others."""
    order = np.lexsort((rng.random(len(code)), code))
    starts = np.concatenate(([True], np.diff(code[order]) > 0))
    own: np.ndarray = period[order][starts]
    return own


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
        raise Invalid("shares must add up to 1.", path="data.shares", remedy="For example 0.6, 0.1, 0.15, 0.15.")
    if len(subject) != len(time):
        raise Invalid("subject and time differ in length.", path="data.time")
    if len(time) == 0:
        raise Invalid("the table has no rows.", path="data", remedy="Check the filter that made it.")
    if time.dtype.kind not in "iufM":
        raise Invalid("time is neither number nor timestamp.", path="data.time", remedy="Give ISO 8601 or a number.")
    if np.isnan(time).any() if time.dtype.kind == "f" else False:
        raise Invalid("time is missing in some rows.", path="data.time", remedy="Drop or repair those rows.")
