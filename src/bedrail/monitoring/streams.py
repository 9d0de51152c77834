"""What each monitor watches: streams with tolerance bands built from the reference, and their counts in a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedrail.monitoring.histogram import Counts, Grid
from bedrail.monitoring.values import OVERALL, ReferenceWindow, Stream, Tolerances, Window

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RISK = "(risk)"
_CUTS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_PRIOR_ROWS = 300.0
_PRIOR_EVENTS = 20.0
_OVERALL_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Seen:
    """A window ready to be measured: one row per subject, its counts on the grid, and who belongs to which group."""

    window: Window
    counts: Counts
    members: Mapping[str, Mask]
    limits: Mapping[str, tuple[float, float]]
    threshold: float

    @classmethod
    def of(
        cls, window: Window, grid: Grid, limits: Mapping[str, tuple[float, float]], threshold: float, block: int = 0
    ) -> Seen:
        """Thin to one row per subject and block (0: the whole window), then count."""
        if window.subject is not None:
            window = window.take(one_per_subject(window.subject, block or len(window.subject)))
        return cls(window, grid.count(with_risk(window)), memberships(window), limits, threshold)


def with_risk(window: Window) -> Floats:
    """(n, k + 1): the inputs and the risk as a last column."""
    return np.column_stack([np.asarray(window.X, dtype=np.float64), np.asarray(window.risk, dtype=np.float64)])


def one_per_subject(subject: NDArray[Any], block: int) -> Mask:
    """True for the first row of each subject within each block of rows: repeated stays are not independent."""
    keep = np.zeros(len(subject), dtype=bool)
    for start in range(0, len(subject), block):
        _, first = np.unique(np.asarray(subject[start : start + block]).astype(str), return_index=True)
        keep[start + first] = True
    return keep


def memberships(window: Window) -> dict[str, Mask]:
    """Group name such as `race=Asian` or `site=A` -> its rows; missing membership belongs nowhere."""
    columns: dict[str, Any] = {}
    if window.groups is not None:
        columns.update({str(name): window.groups[name].to_numpy(dtype=object) for name in window.groups.columns})
    if window.site is not None:
        columns["site"] = np.asarray(window.site, dtype=object)
    out: dict[str, Mask] = {}
    for column, values in columns.items():
        known = np.array([value is not None and value == value for value in values], dtype=bool)  # noqa: PLR0124
        text = np.array([str(value) for value in values], dtype=object)
        for level in sorted(set(text[known])):
            out[f"{column}={level}"] = known & (text == level)
    return out


def plausible(reference: ReferenceWindow) -> dict[str, tuple[float, float]]:
    """Limits per numeric feature: the stated ones, else the reference's range widened by half of it."""
    out: dict[str, tuple[float, float]] = {}
    for j, name in enumerate(reference.window.names):
        if name in reference.levels:
            continue
        column = np.asarray(reference.window.X[:, j], dtype=np.float64)
        column = column[np.isfinite(column)]
        low, high = (float(column.min()), float(column.max())) if len(column) else (-np.inf, np.inf)
        half = (high - low) / 2
        stated = reference.limits.get(name, (low - half, high + half))
        out[name] = (
            -np.inf if stated[0] is None else float(stated[0]),
            np.inf if stated[1] is None else float(stated[1]),
        )
    return out


def build(reference: ReferenceWindow, seen: Seen, tolerances: Tolerances) -> tuple[tuple[Stream, ...], tuple[str, ...]]:
    """(streams, groups too small to be watched). Weights of a monitor's streams add up to 1."""
    groups, small = _watched_groups(seen, tolerances)
    streams = [
        *_input_streams(reference, seen, tolerances),
        *_rate_streams("missingness", seen, tolerances.missing, tolerances),
        *_rate_streams("units", seen, tolerances.units, tolerances),
    ]
    if _known(seen).any():
        streams += [
            stream for monitor in _OUTCOME_BANDS for stream in _outcome_streams(monitor, seen, groups, tolerances)
        ]
    return tuple(streams), small


def shares(stream: Stream, seen: Seen) -> tuple[Floats, float]:
    """(hits per statistic, rows) of a stream that watches shares of rows."""
    window = seen.window
    if stream.monitor in ("input-drift", "output-drift"):
        row = seen.counts.table[_column(stream, seen)]
        held = row[:-1] if stream.level else np.cumsum(row[:-1])
        return held[list(stream.bins)].astype(np.float64), float(row[:-1].sum())
    if stream.monitor == "missingness":
        row = seen.counts.table[_column(stream, seen)]
        return np.array([float(row[-1])]), float(row.sum())
    if stream.monitor == "units":
        column = window.X[:, _column(stream, seen)]
        low, high = seen.limits[stream.name]
        return np.array([float(((column < low) | (column > high)).sum())]), float((~np.isnan(column)).sum())
    outcome, risk = events(stream, seen)
    if stream.monitor == "sensitivity":
        return np.array([float(((risk >= seen.threshold) & (outcome == 1)).sum())]), float((outcome == 1).sum())
    return np.array([float(outcome.sum())]), float(len(outcome))


def events(stream: Stream, seen: Seen) -> tuple[Floats, Floats]:
    """(outcome, risk) of the stream's group where both are known."""
    rows = _known(seen)
    if stream.name != OVERALL:
        rows = rows & seen.members.get(stream.name, np.zeros(len(rows), dtype=bool))
    if seen.window.outcome is None:
        return np.zeros(0), np.zeros(0)
    return seen.window.outcome[rows].astype(np.float64), seen.window.risk[rows].astype(np.float64)


def by_group(streams: tuple[Stream, ...], seen: Seen, least: int) -> dict[str, tuple[tuple[float, ...], ...]]:
    """Per group with at least `least` rows, the shares of every input stream within it, in the streams' order."""
    inputs = [stream for stream in streams if stream.monitor == "input-drift"]
    places = seen.counts.grid.places(with_risk(seen.window))
    return {
        group: tuple(
            tuple(group_shares(stream, places[:, _column(stream, seen)][rows], seen.counts.grid.bins).tolist())
            for stream in inputs
        )
        for group, rows in seen.members.items()
        if rows.sum() >= least
    }


def group_shares(stream: Stream, places: NDArray[np.int32], bins: int) -> Floats:
    """The stream's shares among these bin numbers; NaN when all are missing."""
    row = np.bincount(places[places < bins], minlength=bins)[:bins]
    held = row if stream.level else np.cumsum(row)
    return held[list(stream.bins)] / (row.sum() or np.nan)


def auroc(outcome: Floats, risk: Floats) -> float | None:
    """Area under the ROC curve by mid-ranks (Mann-Whitney); None without both outcomes."""
    positive = outcome == 1
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return None
    _, place, number = np.unique(risk, return_inverse=True, return_counts=True)
    rank = (np.cumsum(number) - (number - 1) / 2)[place]
    return float((rank[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def _column(stream: Stream, seen: Seen) -> int:
    return seen.counts.grid.names.index(stream.name if stream.monitor != "output-drift" else RISK)


def _known(seen: Seen) -> Mask:
    if seen.window.outcome is None:
        return np.zeros(len(seen.window.X), dtype=bool)
    return np.asarray(np.isfinite(seen.window.outcome) & np.isfinite(seen.window.risk))


def _margin(p: Floats, rows: float, z: float) -> Floats:
    # Agresti-Coull-like: two pseudo-hits keep the margin honest for shares of 0 and 1
    p = (p * rows + 1) / (rows + 2)
    return np.asarray(z * np.sqrt(p * (1 - p) / max(rows, 1.0)))


def _independent(seen: Seen) -> float:
    """Patients rather than rows measure how well the reference itself is known."""
    subject = seen.window.subject
    return 1.0 if subject is None else len(np.unique(np.asarray(subject).astype(str))) / max(len(subject), 1)


def _input_streams(reference: ReferenceWindow, seen: Seen, tolerances: Tolerances) -> Iterator[Stream]:
    names = seen.counts.grid.names
    for j, name in enumerate(names):
        row = seen.counts.table[j, :-1]
        number = float(row.sum())
        if number == 0:
            continue
        level = name in reference.levels
        bins = _level_bins(seen.counts.grid, j, reference.levels[name]) if level else _cut_bins(row)
        share = (row if level else np.cumsum(row))[bins] / number
        width = tolerances.output if name == RISK else tolerances.input
        slack = width + _margin(share, number * _independent(seen), tolerances.confidence_z)
        yield Stream(
            monitor="output-drift" if name == RISK else "input-drift",
            name="risk" if name == RISK else name,
            weight=1.0 if name == RISK else 1.0 / (len(names) - 1),
            reference=tuple(share.tolist()),
            low=tuple((share - slack).clip(0, 1).tolist()),
            high=tuple((share + slack).clip(0, 1).tolist()),
            bins=tuple(int(b) for b in bins),
            level=level,
        )


def _cut_bins(row: NDArray[np.int64]) -> list[int]:
    """Bins after which to cut: below the range, at every distinct value of short scales or at quantiles, at the end."""
    used = np.flatnonzero(row)
    if len(used) > 16:
        cumulative = np.cumsum(row) / row.sum()
        used = np.unique(np.searchsorted(cumulative, _CUTS))
    return sorted({0, *(int(b) for b in used), len(row) - 2})


def _level_bins(grid: Grid, j: int, levels: tuple[str, ...]) -> list[int]:
    """The bins of the codes, and the outer bins where unknown codes land."""
    codes = np.repeat(np.arange(len(levels), dtype=np.float64)[:, None], len(grid.names), axis=1)
    return sorted({0, *(int(b) for b in grid.places(codes)[:, j]), grid.bins - 1})


def _rate_streams(monitor: str, seen: Seen, width: float, tolerances: Tolerances) -> Iterator[Stream]:
    """Missing and implausible values: one rate per feature."""
    names = [name for name in seen.window.names if monitor == "missingness" or name in seen.limits]
    for name in names:
        draft = Stream(monitor=monitor, name=name, weight=1.0 / len(names), reference=(0.0,), low=(0.0,), high=(1.0,))
        hits, rows = shares(draft, seen)
        share = hits / max(rows, 1.0)
        slack = width + _margin(share, rows * _independent(seen), tolerances.confidence_z)
        yield Stream(
            monitor=monitor,
            name=name,
            weight=draft.weight,
            reference=tuple(share.tolist()),
            low=tuple((share - slack).clip(0, 1).tolist()),
            high=tuple((share + slack).clip(0, 1).tolist()),
        )


def _watched_groups(seen: Seen, tolerances: Tolerances) -> tuple[dict[str, float], tuple[str, ...]]:
    """Weights of `overall` and of each group that is large enough: the root of its size, over all columns."""
    sizes = {name: int(rows.sum()) for name, rows in seen.members.items()}
    large = {name: float(np.sqrt(size)) for name, size in sizes.items() if size >= tolerances.min_group}
    total = sum(large.values())
    if not large:
        return {OVERALL: 1.0}, tuple(sorted(sizes))
    weights = {name: (1 - _OVERALL_WEIGHT) * root / total for name, root in large.items()}
    return {OVERALL: _OVERALL_WEIGHT, **weights}, tuple(sorted(set(sizes) - set(large)))


def _outcome_streams(monitor: str, seen: Seen, groups: dict[str, float], tolerances: Tolerances) -> Iterator[Stream]:
    """One stream per group whose reference holds at least ten outcomes; their weights are brought back to 1."""
    drafts = []
    for name, weight in groups.items():
        draft = Stream(monitor=monitor, name=name, weight=weight, reference=(0.0,), low=(0.0,), high=(1.0,))
        outcome, risk = events(draft, seen)
        if outcome.sum() >= 10 and (monitor != "sensitivity" or (risk[outcome == 1] >= seen.threshold).sum() >= 10):
            drafts.append((draft, *_OUTCOME_BANDS[monitor](draft, seen, tolerances)))
    total = sum(draft.weight for draft, *_ in drafts)
    for draft, reference, low, high in drafts:
        yield Stream(
            monitor=monitor, name=draft.name, weight=float(draft.weight / total),
            reference=(float(reference),), low=(max(float(low), 0.0),), high=(float(high),),
        )  # fmt: skip


def _rate_band(stream: Stream, seen: Seen, tolerances: Tolerances) -> tuple[float, float, float]:
    """The rate, drawn towards everybody's by the weight of 300 patients since small groups' rates are chance."""
    outcome, _ = events(stream, seen)
    whole, _ = events(Stream(monitor=stream.monitor, name=OVERALL, weight=1, reference=(), low=(), high=()), seen)
    rate = float((outcome.sum() + _PRIOR_ROWS * whole.mean()) / (len(outcome) + _PRIOR_ROWS))
    relative = tolerances.outcome_rate if stream.name == OVERALL else tolerances.outcome_rate_group
    slack = float(_margin(np.array(rate), len(outcome) * _independent(seen), tolerances.confidence_z))
    return rate, rate / (1 + relative) - slack, min(rate * (1 + relative) + slack, 1.0)


def _ratio_band(stream: Stream, seen: Seen, tolerances: Tolerances) -> tuple[float, float, float]:
    """Observed over expected: perfect calibration and the reference's own lie within, then the tolerance beyond."""
    outcome, risk = events(stream, seen)
    expected = float(risk.sum())
    ratio = (float(outcome.sum()) + _PRIOR_EVENTS) / (expected + _PRIOR_EVENTS)
    error = (
        tolerances.confidence_z * float(np.sqrt((risk * (1 - risk)).sum() / _independent(seen))) / max(expected, 1.0)
    )
    relative = tolerances.calibration if stream.name == OVERALL else tolerances.calibration_group
    return ratio, min(1.0, ratio - error) / (1 + relative), max(1.0, ratio + error) * (1 + relative)


def _sensitivity_band(stream: Stream, seen: Seen, tolerances: Tolerances) -> tuple[float, float, float]:
    """Only a loss counts, relative to the reference's sensitivity."""
    hits, rows = shares(stream, seen)
    share = float(hits[0] / rows)
    slack = float(_margin(np.array(share), rows * _independent(seen), tolerances.confidence_z))
    return share, share * (1 - tolerances.sensitivity) - slack, 1.0


_OUTCOME_BANDS = {"outcome-rate": _rate_band, "calibration": _ratio_band, "sensitivity": _sensitivity_band}
