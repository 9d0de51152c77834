"""Why an alarm may have come: candidate causes with their numbers, ranked by how well each explains what is seen.

Triage, not proof: `fit` says how much of the change a cause would explain, and the sentence what to check first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedrail.data.conversions import best_conversion
from bedrail.monitoring.histogram import Counts, Distances, Grid
from bedrail.monitoring.streams import RISK, Seen, auroc
from bedrail.monitoring.values import OVERALL, Cause, WatchState

Floats = NDArray[np.float64]
_ROWS_PER_REGION = 25
_LEVEL_SEEN = 0.03


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything triage may look at: the reference, the window, who leads which monitor, and recent sums."""

    state: WatchState
    grid: Grid
    reference: Counts
    seen: Seen
    distances: Distances
    leading: Mapping[str, tuple[str, ...]]
    gathered: Callable[[int], tuple[float, Floats, float]]


def triage(scene: Scene) -> tuple[Cause, ...]:
    """At most six causes, best fit first; empty only when nothing measurable moved."""
    faults = [*_unit_errors(scene), *_coding_changes(scene), *_lost_sources(scene)]
    outcomes = list(_outcome_causes(scene))
    strongest = max((cause.fit for cause in faults), default=0.0)
    causes = [*faults, *outcomes, *_population_drift(scene, strongest)]
    return tuple(sorted((cause for cause in causes if cause.fit >= 0.05), key=lambda cause: -cause.fit)[:6])


def affected(streams: tuple[str, ...], causes: tuple[Cause, ...]) -> tuple[str, ...]:
    """The groups of the first cause, else the groups among the leading streams, else everybody."""
    named = tuple(stream for stream in streams if "=" in stream)
    if causes and causes[0].groups:
        return causes[0].groups
    return named or (OVERALL,)


def _cause(
    *, kind: str, subject: str, fit: float, sentence: str, evidence: Mapping[str, float], groups: tuple[str, ...] = ()
) -> Cause:
    """A cause with plain, rounded numbers, fit for storage."""
    return Cause(
        kind=kind,
        subject=subject,
        fit=round(float(fit), 3),
        sentence=sentence,
        evidence={name: round(float(value), 5) for name, value in evidence.items()},
        groups=groups,
    )


def _moved(scene: Scene) -> list[int]:
    """Columns of inputs whose distance exceeds the tolerance and chance."""
    rows = np.maximum(scene.seen.counts.table[:, :-1].sum(axis=1), 1)
    limit = scene.state.tolerances.input + 1.36 / np.sqrt(rows)
    led = set(scene.leading.get("input-drift", ())) | set(scene.leading.get("units", ()))
    names = scene.grid.names
    return [j for j in range(len(names)) if names[j] != RISK and (scene.distances.ks[j] > limit[j] or names[j] in led)]


def _unit_errors(scene: Scene) -> Iterator[Cause]:
    for j in _moved(scene):
        name = scene.grid.names[j]
        if name in scene.state.levels:
            continue
        counts = scene.reference.table[j, :-1]
        then = np.repeat(scene.grid.values[j], np.minimum(counts, 10**6))
        column = scene.seen.window.X[:, j].astype(np.float64)
        found = best_conversion(then, column[np.isfinite(column)])
        where: tuple[str, ...] = (OVERALL,)
        if found is None or found.fit < 0.7:
            regional = {
                region: conversion
                for region, rows in scene.seen.members.items()
                if rows.sum() >= _ROWS_PER_REGION
                and (conversion := best_conversion(then, column[rows & np.isfinite(column)]))
            }
            best = max(regional, key=lambda region: regional[region].fit, default=None)
            if best is not None and (found is None or regional[best].fit > found.fit + 0.1):
                found = regional[best]
                where = _same_column(
                    best, [r for r, c in regional.items() if c.name == found.name and c.fit > found.fit - 0.2]
                )
        if found is None:
            continue
        place = "" if where == (OVERALL,) else f" in {', '.join(where)}"
        yield _cause(
            kind="unit-error",
            subject=name,
            fit=found.fit,
            sentence=f"Unit error in {name}{place}: present values look like the reference's {found.name}.",
            evidence={
                "factor": found.factor,
                "offset": found.offset,
                "distance_before": found.before,
                "distance_after": found.after,
                "ks": float(scene.distances.ks[j]),
                "median_reference": float(np.median(then)),
                "median_now": float(np.nanmedian(column)),
            },
            groups=where,
        )


def _same_column(best: str, regions: list[str]) -> tuple[str, ...]:
    column = best.partition("=")[0]
    return tuple(sorted({best, *(region for region in regions if region.partition("=")[0] == column)}))


def _coding_changes(scene: Scene) -> Iterator[Cause]:
    """Levels that vanished, unknown codes that appeared, two levels that changed places, or a new filler value."""
    for j in _moved(scene):
        name = scene.grid.names[j]
        then = scene.reference.table[j, :-1] / max(scene.reference.table[j, :-1].sum(), 1)
        now = scene.seen.counts.table[j, :-1] / max(scene.seen.counts.table[j, :-1].sum(), 1)
        distance = float(np.abs(now - then).sum() / 2)
        vanished = float(then[(then >= _LEVEL_SEEN) & (now < 0.1 * then)].sum())
        appeared = float(now[(now >= _LEVEL_SEEN) & (then < 0.1 * now)].sum())
        if name in scene.state.levels:
            swapped = _best_swap(then, now)
            fit = max(min(vanished, 1.0) if vanished >= _LEVEL_SEEN else 0.0, appeared, swapped) / max(distance, 1e-9)
            if max(vanished, appeared, swapped) < 0.02:
                continue
            what = (
                "levels vanished or unknown codes appeared"
                if max(vanished, appeared) >= swapped
                else "two levels changed places"
            )
            yield _coding(name, min(fit, 1.0) * 0.95, what, vanished, appeared, distance)
        elif (spike := int(np.argmax(now - then))) >= 0 and now[spike] - then[spike] > 0.08 and appeared < 0.9:
            rest_now, rest_then = now.copy(), then.copy()
            rest_now[spike] = rest_then[spike] = 0.0
            shape = float(
                np.abs(np.cumsum(rest_now / max(rest_now.sum(), 1e-9) - rest_then / max(rest_then.sum(), 1e-9))).max()
            )
            fit = max(0.0, 1 - (shape + 0.05) / max(float(scene.distances.ks[j]), 1e-9)) * 0.9
            value = scene.grid.values[j][spike]
            yield _coding(
                name, fit, f"one value (near {value:g}) became frequent", vanished, float(now[spike]), distance
            )


def _coding(name: str, fit: float, what: str, vanished: float, appeared: float, distance: float) -> Cause:
    return _cause(
        kind="coding-change",
        subject=name,
        fit=fit,
        sentence=f"Coding change in {name}: {what}.",
        evidence={
            "vanished": vanished,
            "appeared": appeared,
            "total_variation": distance,
        },
    )


def _best_swap(then: Floats, now: Floats) -> float:
    """How much total variation falls when two levels are exchanged."""
    used = np.flatnonzero((then >= _LEVEL_SEEN) | (now >= _LEVEL_SEEN))
    gain = 0.0
    for a in used:
        for b in used:
            before = abs(now[a] - then[a]) + abs(now[b] - then[b])
            after = abs(now[b] - then[a]) + abs(now[a] - then[b])
            gain = max(gain, float(before - after) / 2)
    return gain


def _lost_sources(scene: Scene) -> Iterator[Cause]:
    rows = max(len(scene.seen.window.X), 1)
    for j, name in enumerate(scene.grid.names[:-1]):
        change = float(scene.distances.missing_change[j])
        if abs(change) > scene.state.tolerances.missing + 1.64 * np.sqrt(0.25 / rows):
            now = float(scene.seen.counts.missing[j])
            word = "more" if change > 0 else "less"
            yield _cause(
                kind="lost-source" if change > 0 else "coding-change",
                subject=name,
                fit=min(0.5 + abs(change), 0.97),
                sentence=f"{name} is missing {word} often: {now:.0%} now, {now - change:.0%} in the reference.",
                evidence={"missing_now": now, "missing_reference": now - change},
            )


def _population_drift(scene: Scene, strongest_fault: float) -> Iterator[Cause]:
    moved = [j for j in _moved(scene) if np.isfinite(scene.distances.ks[j])]
    mix, group = _group_mix(scene)
    if not moved and mix < 0.1:
        return
    fit = min(0.9, 0.25 + 0.1 * len(moved) + mix) * (1 - 0.8 * strongest_fault)
    names = [scene.grid.names[j] for j in sorted(moved, key=lambda j: -scene.distances.ks[j])][:5]
    yield _cause(
        kind="population-drift",
        subject=names[0] if names else group,
        fit=fit,
        sentence=f"Other patients than before: {len(moved)} inputs moved ({', '.join(names) or 'none'}); "
        f"the mix of {group or 'groups'} changed by {mix:.0%}.",
        evidence={
            "inputs_moved": float(len(moved)),
            "largest_ks": round(max((float(scene.distances.ks[j]) for j in moved), default=0.0), 4),
            "group_mix_change": mix,
        },
    )


def _group_mix(scene: Scene) -> tuple[float, str]:
    """Total variation of the most changed group column, beyond what chance gives."""
    columns: dict[str, list[str]] = {}
    for name in {*scene.state.group_rows, *scene.seen.members}:
        columns.setdefault(name.partition("=")[0], []).append(name)
    best, which = 0.0, ""
    for column, levels in columns.items():
        then = np.array([scene.state.group_rows.get(level, 0) for level in levels], dtype=float)
        now = np.array(
            [scene.seen.members[level].sum() if level in scene.seen.members else 0 for level in levels], dtype=float
        )
        if then.sum() and now.sum():
            chance = float(np.sqrt(2 / np.pi * (then / then.sum()) / now.sum()).sum() / 2)
            mix = float(np.abs(now / now.sum() - then / then.sum()).sum() / 2) - chance
            if mix > best:
                best, which = mix, column
    return best, which


def _outcome_causes(scene: Scene) -> Iterator[Cause]:
    """Which group's observed outcomes left expectation, and whether everybody else's did too."""
    table = _observed_expected(scene)
    if OVERALL not in table or not {"outcome-rate", "calibration", "sensitivity"} & set(scene.leading):
        return
    observed, expected = table[OVERALL]
    relative = observed / max(expected, 1e-9) - 1
    z = (observed - expected) / np.sqrt(max(expected, 1e-9))
    best_group = 0.0
    for name, (o, e) in table.items():
        if name == OVERALL or e < 2:
            continue
        z_group = (o - e) / np.sqrt(e)
        rest = (observed - o) / max(expected - e, 1e-9) - 1
        own = o / e - 1
        contrast = 1 - min(1.0, max(0.0, rest / own)) if own else 0.0
        fit = contrast * abs(z_group) / (abs(z_group) + 1.5)
        if abs(z_group) < 2 or fit < 0.2:
            continue
        best_group = max(best_group, fit)
        word = "rose" if own > 0 else "fell"
        yield _cause(
            kind="outcome-rate-change",
            subject=name,
            fit=fit,
            sentence=f"The outcome rate of {name} {word} by {abs(own):.0%}; "
            f"among everybody else it changed by {rest:+.0%}.",
            evidence={
                "observed": o,
                "expected": e,
                "relative": own,
                "z": z_group,
                "relative_elsewhere": rest,
            },
            groups=(name,),
        )
    fit = (abs(z) / (abs(z) + 2)) * (1 - 0.7 * best_group)
    now = _auroc_now(scene)
    yield _cause(
        kind="model-decay",
        subject=OVERALL,
        fit=fit * 0.9,
        sentence="The model fits today's patients less well: "
        f"observed over expected changed by {relative:+.0%} overall.",
        evidence={"relative": relative, "z": z}
        | ({"auroc_reference": scene.state.auroc, "auroc_now": now} if scene.state.auroc and now else {}),
        groups=(OVERALL,),
    )


def _observed_expected(scene: Scene) -> dict[str, tuple[float, float]]:
    """Per group, observed and expected outcomes of recent windows, expected as the reference has it."""
    out: dict[str, tuple[float, float]] = {}
    for monitor in ("outcome-rate", "calibration"):  # calibration last: it allows for the case mix
        for i, stream in enumerate(scene.state.streams):
            rows, hits, expected = scene.gathered(i)
            if stream.monitor == monitor and rows > 0:
                usual = (
                    expected * max(stream.reference[0], 1e-9)
                    if monitor == "calibration"
                    else rows * stream.reference[0]
                )
                if usual > 0:
                    out[stream.name] = (float(hits[0]), float(usual))
    return out


def _auroc_now(scene: Scene) -> float | None:
    window = scene.seen.window
    if window.outcome is None:
        return None
    known = np.isfinite(window.outcome) & np.isfinite(window.risk)
    return auroc(window.outcome[known], window.risk[known])
