"""Detectors of abuse of a decision API: is the model being copied, its threshold probed, one patient asked about again
and again? Pure: queries of one token in, findings out.

Two kinds of rules. Those about inputs and risks are calibrated on the use case's own patients: their limit is what one
in `ODDS` blocks of honest, exchangeable queries exceeds. Those about time and patients are fixed, each with its reason.

What cannot be known here: whether a query lies at a patient whom the model was trained on, and who stands behind
several tokens. Copying patiently, slowly and with real patients' inputs, looks like use; nothing here finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Detector = Literal["spacing", "near-duplicates", "boundary", "sweep", "repeats", "volume", "hours"]
DETECTORS: tuple[Detector, ...] = ("spacing", "near-duplicates", "boundary", "sweep", "repeats", "volume", "hours")

BLOCK = 200
"""Queries about different patients that are looked at together."""

ODDS = 1000
"""One honest block in so many exceeds a calibrated limit; draws for calibrating are one fewer, so that it is exact."""

SWEPT = 1000
"""Queries over which sweeps are looked for."""

FEWEST_STEPS = 6
"""Values of one input, everything else equal, that no honest use needs; more where its own patients have more."""

NEAR = 0.02
"""Closer than this quantile of honest gaps is near."""

AROUND = 0.01
"""Risks within this distance of the decision threshold are at it."""

REPEATS = 30
"""Queries about one patient in 24 hours; a new score every hour gives 24."""

DAY = 86_400.0
HOUR = 3_600.0
PAST_DAYS, FEWEST_SUBJECTS, TIMES = 7, 100, 3
"""Volume: different patients in an hour, over so many times the token's highest hour before, known for so many days."""

HOURS_DAYS, HOURS_KNOWN, HOURS_NOW = 14, 500, 50
"""Hours: so many queries in an hour of the day (and its neighbours) in which one in a thousand fell before."""


@dataclass(frozen=True, slots=True)
class Queries:
    """What one token asked, in order: inputs (n, d) as sent (codes for levels, NaN for none), risks (n,) with NaN where
    there was no answer, subjects (n,) as any labels, and moments (n,) in epoch seconds."""

    X: Floats
    risk: Floats
    subject: npt.NDArray[np.generic]
    at: Floats

    def __len__(self) -> int:
        """How many."""
        return len(self.risk)

    def taken(self, rows: npt.NDArray[np.intp] | slice) -> Queries:
        """These rows only."""
        return Queries(self.X[rows], self.risk[rows], self.subject[rows], self.at[rows])


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: what was found and what the limit is, in the detector's own unit, in rows `first` to `last`."""

    detector: Detector
    found: float
    limit: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Space:
    """A distance between patients: numbers in standard deviations of the reference, levels and absence as 0 or 1."""

    centre: Floats
    scale: Floats
    levels: tuple[int, ...]

    @classmethod
    def of(cls, X: Floats, levels: Sequence[int]) -> Space:
        """The space of reference inputs (n, d); `levels` is the number of levels of each column, 0 for numbers."""
        with np.errstate(invalid="ignore"):
            known = np.where(np.isfinite(X), X, np.nan)
            some = np.isfinite(known).any(axis=0)
            filled = np.where(some, known, 0.0)
            centre, scale = np.nanmedian(filled, axis=0), np.nanstd(filled, axis=0)
        return cls(centre, np.where(scale > 0, scale, 1.0), tuple(levels))

    def place(self, X: Floats) -> Floats:
        """Rows as points: Euclidean distances between them are the distances of this space."""
        parts = []
        for column, levels in enumerate(self.levels):
            values = X[:, column]
            absent = ~np.isfinite(values)
            if levels:
                codes = np.where(absent, levels, values).astype(np.intp)
                parts.append(np.eye(levels + 1)[codes] / np.sqrt(2.0))
            else:
                number = np.where(absent, 0.0, (values - self.centre[column]) / self.scale[column])
                parts.append(np.column_stack([number, absent]))
        return np.concatenate(parts, axis=1)


def gaps(points: Floats) -> Floats:
    """The distance of each point but the first to the nearest one before it (n - 1,): what PRADA looks at."""
    squares = np.einsum("ij,ij->i", points, points)
    distance = squares[:, None] + squares[None, :] - 2.0 * (points @ points.T)
    distance[np.triu_indices(len(points))] = np.inf
    return np.asarray(np.sqrt(np.maximum(distance.min(axis=1)[1:], 0.0)))


@dataclass(frozen=True, slots=True)
class Baseline:
    """What honest blocks look like: pooled gaps (sorted), and the limit of each calibrated statistic."""

    space: Space
    threshold: float
    pooled: Floats
    near: float
    limits: dict[Detector, float]

    def statistics(self, block: Queries) -> dict[Detector, float]:
        """Of one block: how far its gaps are from honest ones (Kolmogorov-Smirnov), how many are near, how many risks
        lie at the threshold."""
        found = gaps(self.space.place(block.X))
        return {
            "spacing": _apart(np.sort(found), self.pooled),
            "near-duplicates": float(np.sum(found < self.near)),
            "boundary": float(np.sum(np.abs(block.risk - self.threshold) < AROUND)),
        }


def calibrate(
    reference: Queries, levels: Sequence[int], threshold: float, rng: np.random.Generator, draws: int = ODDS - 1
) -> Baseline | None:
    """The baseline of a use case from its own patients, None when they are too few to tell (four blocks).

    The quantity is PRADA's (Juuti, Szyller, Marchal, Asokan, EuroS&P 2019): the distance of each query to the nearest
    before it. PRADA asks whether these are normally distributed; patients' inputs are counts and levels, and their gaps
    need not be. So they are compared with the gaps of the use case's own patients instead, by the Kolmogorov-Smirnov
    distance, and the limit is the largest of `draws` honest blocks: one in `draws` + 1 exceeds it if honest queries are
    exchangeable with the reference.
    """
    _, first = np.unique(reference.subject, return_index=True)
    patients = reference.taken(np.sort(first))
    if len(patients) < 4 * BLOCK:
        return None
    space = Space.of(patients.X, levels)

    def draw() -> Queries:
        return patients.taken(rng.choice(len(patients), BLOCK, replace=False))

    pooled = np.sort(np.concatenate([gaps(space.place(draw().X)) for _ in range(100)]))
    bare = Baseline(space, threshold, pooled, float(np.quantile(pooled, NEAR)), {})
    said = [bare.statistics(draw()) for _ in range(draws)]
    limits: dict[Detector, float] = {name: max(each[name] for each in said) for name in said[0]}
    return Baseline(space, threshold, pooled, bare.near, limits)


def sweep_limit(reference: Floats, rng: np.random.Generator) -> float:
    """The most values of one input, everything else equal, that honest use shows: what the use case's own inputs (n, d)
    show in twenty draws and one more, or `FEWEST_STEPS` - 1 where that is more."""
    size = min(SWEPT, len(reference))
    steps = max(_widest(reference[rng.choice(len(reference), size, replace=False)])[0] for _ in range(20))
    return float(max(FEWEST_STEPS - 1, steps + 1))


def blocks(subject: npt.NDArray[np.generic]) -> list[npt.NDArray[np.intp]]:
    """Rows of full blocks: `BLOCK` queries in order, each about a patient whom the block has not seen."""
    full: list[npt.NDArray[np.intp]] = []
    rows: list[int] = []
    seen: set[object] = set()
    for row, one in enumerate(subject.tolist()):
        if one in seen:
            continue
        seen.add(one)
        rows.append(row)
        if len(rows) == BLOCK:
            full.append(np.array(rows, dtype=np.intp))
            rows, seen = [], set()
    return full


def look_at_inputs(queries: Queries, baseline: Baseline) -> tuple[list[Found], int]:
    """What the calibrated detectors find in full blocks, the strongest of each; and the row after the last one."""
    strongest: dict[Detector, Found] = {}
    full = blocks(queries.subject)
    for rows in full:
        for name, value in baseline.statistics(queries.taken(rows)).items():
            if value > baseline.limits[name] and (name not in strongest or value > strongest[name].found):
                strongest[name] = Found(name, value, baseline.limits[name], int(rows[0]), int(rows[-1]))
    return list(strongest.values()), int(full[-1][-1]) + 1 if full else 0


def look_for_sweeps(queries: Queries, limit: float) -> list[Found]:
    """One input taken over many values while all others stay as they are, in the latest `SWEPT` queries."""
    start = max(0, len(queries) - SWEPT)
    steps, rows = _widest(queries.X[start:])
    if steps <= limit:
        return []
    return [Found("sweep", float(steps), limit, start + int(rows.min()), start + int(rows.max()))]


def look_at_times(queries: Queries, new: int = 0) -> list[Found]:
    """Repeated patients, unheard-of volume or hours, among rows from `new` on; the rows before are the past."""
    return [*_repeats(queries, new), *_volume(queries, new), *_hours(queries, new)]


def _apart(ours: Floats, pooled: Floats) -> float:
    """The Kolmogorov-Smirnov distance of two sorted samples."""
    both = np.concatenate([ours, pooled])
    left = np.searchsorted(ours, both, side="right") / len(ours)
    right = np.searchsorted(pooled, both, side="right") / len(pooled)
    return float(np.abs(left - right).max())


def _widest(X: Floats) -> tuple[int, npt.NDArray[np.intp]]:
    """The most values that one column takes while all others stay equal, and the rows where it does."""
    best, where = 1, np.zeros(1, dtype=np.intp)
    codes = np.column_stack([np.unique(column, return_inverse=True, equal_nan=True)[1] for column in X.T])
    for column in range(codes.shape[1]):
        others = np.delete(codes, column, axis=1)
        _, group = np.unique(others, axis=0, return_inverse=True)
        pairs = np.unique(np.column_stack([group.ravel(), codes[:, column]]), axis=0)
        counts = np.bincount(pairs[:, 0])
        if counts.max() > best:
            best, where = int(counts.max()), np.flatnonzero(group.ravel() == counts.argmax())
    return best, where


def _repeats(queries: Queries, new: int) -> list[Found]:
    best: Found | None = None
    order = np.lexsort((queries.at, queries.subject))
    for rows in np.split(order, np.flatnonzero(queries.subject[order][1:] != queries.subject[order][:-1]) + 1):
        if len(rows) <= REPEATS or rows.max() < new:
            continue
        at = queries.at[rows]
        count = np.arange(1, len(rows) + 1) - np.searchsorted(at, at - DAY, side="right")
        count = np.where(rows >= new, count, 0)
        if count.max() > (best.found if best else REPEATS):
            last = int(count.argmax())
            first = rows[last - int(count.max()) + 1]
            best = Found("repeats", float(count.max()), float(REPEATS), int(first), int(rows[last]))
    return [best] if best else []


def _volume(queries: Queries, new: int) -> list[Found]:
    hour = np.floor(queries.at / HOUR).astype(np.int64)
    highest, known_since = 0, queries.at[0] if len(queries) else 0.0
    for one in np.unique(hour):
        rows = np.flatnonzero(hour == one)
        patients = len(np.unique(queries.subject[rows]))
        limit = max(FEWEST_SUBJECTS, TIMES * highest)
        if rows[-1] >= new and one * HOUR - known_since >= PAST_DAYS * DAY and patients > limit:
            return [Found("volume", float(patients), float(limit), int(rows[0]), int(rows[-1]))]
        highest = max(highest, patients)
    return []


def _hours(queries: Queries, new: int) -> list[Found]:
    hour = np.floor(queries.at / HOUR).astype(np.int64)
    for one in np.unique(hour[new:]):
        before = queries.at < one * HOUR
        if before.sum() < HOURS_KNOWN or one * HOUR - queries.at[0] < HOURS_DAYS * DAY:
            continue
        away = (hour[before] - one) % 24
        usual = float(np.sum((away <= 1) | (away == 23))) / float(before.sum())
        rows = np.flatnonzero(hour == one)
        if usual < 0.001 and len(rows) >= HOURS_NOW:
            return [Found("hours", float(len(rows)), float(HOURS_NOW - 1), int(rows[0]), int(rows[-1]))]
    return []
