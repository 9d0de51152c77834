"""Watching a deployment: look at a window, gather evidence per stream, alarm within the yearly budget."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Corrupt, Invalid
from bedrail.monitoring.alarms import SHIFTS, Detectors, Floats, ratio_evidence, share_evidence
from bedrail.monitoring.causes import Scene, affected, triage
from bedrail.monitoring.histogram import Counts, Distances, Grid, distances
from bedrail.monitoring.streams import (
    RISK,
    Seen,
    auroc,
    build,
    by_group,
    events,
    one_per_subject,
    plausible,
    shares,
    with_risk,
)
from bedrail.monitoring.values import (
    BUDGETED,
    OVERALL,
    Alarm,
    Budget,
    Look,
    Progress,
    ReferenceWindow,
    Stream,
    Tolerances,
    WatchState,
    Window,
)

_LN10 = math.log(10)
_FADE = 0.8
_KEPT_LOOKS = 120
_LEAST_REFERENCE = 200
_INPUTS = ("input-drift", "missingness", "units", "output-drift")
_GRID_FIELDS = {"centre": "<f8", "bend": "<f4", "scale": "<f4", "middle": "<f4", "values": "<f8"}


@dataclass(slots=True)
class _Gathered:
    rows: float
    hits: Floats
    expected: float


class Watch:
    """The monitors of one deployment. `start` once on the reference, `look` at each window, keep `state` between."""

    def __init__(self, state: WatchState) -> None:
        self._state = state
        self.grid = _load_grid(state)
        self.reference = Counts(_load_table(state, self.grid), self.grid)
        self.streams = state.streams
        self._gathered = [_Gathered(p.rows, np.array(p.hits), p.expected) for p in state.progress]
        self._detectors: dict[str, tuple[Detectors, list[int]]] = {}
        self.distances: Distances | None = None
        for monitor in BUDGETED:
            own = [i for i, stream in enumerate(state.streams) if stream.monitor == monitor]
            limit = state.budget.limit(monitor)
            if own and np.isfinite(limit):
                detectors = Detectors(monitor, limit, [state.streams[i].weight for i in own],
                                      [len(state.streams[i].low) for i in own])  # fmt: skip
                for place, i in enumerate(own):
                    kept = [-np.inf if x is None else x for x in state.progress[i].log_evidence]
                    detectors.log_m[place] = np.array(kept).reshape(detectors.log_m[place].shape)
                self._detectors[monitor] = (detectors, own)

    @classmethod
    def start(
        cls, reference: ReferenceWindow, budget: Budget | None = None, tolerances: Tolerances | None = None
    ) -> Watch:
        """Build the bands from the reference. Raises `Invalid` when it has fewer than 200 rows.

        The reference is thinned like the windows (one row per subject within each `rows_per_window` rows), so that
        patients who come often weigh the same on both sides.
        """
        window = reference.window
        if len(window.X) < _LEAST_REFERENCE:
            raise Invalid(
                f"The reference has {len(window.X)} rows; at least {_LEAST_REFERENCE} are needed.",
                path="reference",
                remedy="Use the validation and holdout periods together.",
            )
        if RISK in window.names:
            raise Invalid(f"A feature may not be called {RISK}.", path="reference.names")
        budget, tolerances = budget or Budget(), tolerances or Tolerances()
        if window.subject is not None:
            window = window.take(one_per_subject(window.subject, reference.rows_per_window))
        grid = Grid.fit(with_risk(window), (*window.names, RISK))
        limits = plausible(reference)
        seen = Seen.of(window, grid, limits, reference.threshold, reference.rows_per_window)
        streams, small = build(reference, seen, tolerances)
        outcome, risk = events(_overall("calibration"), seen)
        return cls(
            WatchState(
                names=window.names,
                levels=dict(reference.levels),
                limits=limits,
                threshold=reference.threshold,
                reference_rows=len(window.X),
                reference_rate=float(outcome.mean()) if len(outcome) else None,
                auroc=auroc(outcome, risk),
                budget=budget,
                tolerances=tolerances,
                grid={"bins": str(grid.bins).encode()}
                | {name: np.asarray(getattr(grid, name), dtype=kind).tobytes() for name, kind in _GRID_FIELDS.items()},
                counts=zlib.compress(seen.counts.table.astype("<i8").tobytes()),
                streams=streams,
                progress=tuple(_fresh(stream) for stream in streams),
                by_group=by_group(streams, seen, max(50, tolerances.min_group // 4)),
                group_rows={name: int(rows.sum()) for name, rows in seen.members.items()},
                unwatched=small,
            )
        )

    @classmethod
    def resume(cls, data: bytes) -> Watch:
        """From what `save` gave. Raises `Corrupt` when the bytes are not such a state."""
        try:
            return cls(msgspec.json.decode(data, type=WatchState))
        except (msgspec.DecodeError, ValueError, KeyError, zlib.error) as error:
            raise Corrupt(
                "The stored watch state cannot be read.", remedy="Start the watch anew on the reference."
            ) from error

    def save(self) -> bytes:
        """The state as JSON bytes; holds counts and sums, no patient's row."""
        return msgspec.json.encode(self.state)

    @property
    def state(self) -> WatchState:
        """The present state as a value."""
        logs: dict[int, Floats] = {}
        for detectors, own in self._detectors.values():
            logs |= {i: detectors.log_m[place] for place, i in enumerate(own)}
        progress = tuple(
            Progress(
                log_evidence=tuple(float(x) if np.isfinite(x) else None for x in logs[i].ravel())
                if i in logs
                else old.log_evidence,
                rows=g.rows,
                hits=tuple(g.hits.tolist()),
                expected=g.expected,
            )
            for i, (g, old) in enumerate(zip(self._gathered, self._state.progress, strict=True))
        )
        return msgspec.structs.replace(self._state, progress=progress)

    def look(self, window: Window, *, monitors: tuple[str, ...] = BUDGETED) -> tuple[Alarm, ...]:
        """Take one window into account and return the alarms it raises, strongest evidence first.

        `monitors` narrows the look: a window of fresh decisions whose outcomes are not due yet takes the first four, a
        window of decisions whose follow-up is complete the last three. Raises `Invalid` when names differ from the
        reference's. The caller must not look more often than `budget.looks_per_year` for the budget to hold.
        """
        if window.names != self._state.names:
            raise Invalid("The window's features are not the reference's.", path="window.names")
        if len(window.X) == 0:
            return ()
        seen = Seen.of(window, self.grid, self._state.limits, self._state.threshold)
        for monitor, (detectors, own) in self._detectors.items():
            if monitor in monitors:
                for place, i in enumerate(own):
                    self._gather(detectors, place, i, seen)
        crossed = [m for m, (detectors, _) in self._detectors.items() if m in monitors and detectors.crossed()]
        self.distances = distances(self.reference, seen.counts)
        evidence = {m: max(d.evidence() / _LN10, -99.0) for m, (d, _) in self._detectors.items()}
        alarms = self._alarms(crossed, seen)
        self._remember(seen, evidence, alarms)
        return alarms

    def gathered(self, stream: int) -> tuple[float, Floats, float]:
        """(rows, hits, expected hits) of a stream over about the last five windows, later ones weighing more."""
        g = self._gathered[stream]
        return g.rows, g.hits, g.expected

    def _gather(self, detectors: Detectors, place: int, i: int, seen: Seen) -> None:
        stream, gathered = self.streams[i], self._gathered[i]
        expected = 0.0
        hits, rows = shares(stream, seen)
        if rows == 0:
            return
        if stream.monitor == "calibration":
            outcome, risk = events(stream, seen)
            expected = float(risk.sum())
            detectors.gather(place, ratio_evidence(outcome, risk, stream.low[0], stream.high[0], self._usual()))
        else:
            detectors.gather(place, share_evidence(hits, rows, np.array(stream.low), np.array(stream.high)))
        gathered.rows = _FADE * gathered.rows + rows
        gathered.hits = _FADE * gathered.hits + hits
        gathered.expected = _FADE * gathered.expected + expected

    def _usual(self) -> float:
        """A stake that does not depend on the window: the reference's overall outcome rate."""
        return self._state.reference_rate or 0.1

    def _alarms(self, crossed: list[str], seen: Seen) -> tuple[Alarm, ...]:
        if not crossed:
            return ()
        leading = {monitor: self._leading(monitor) for monitor in crossed}
        assert self.distances is not None
        causes = triage(Scene(self._state, self.grid, self.reference, seen, self.distances, leading, self.gathered))
        out = []
        for monitor in crossed:
            detectors, _ = self._detectors[monitor]
            streams = leading[monitor]
            out.append(
                Alarm(
                    monitor=monitor,
                    look=self._state.looks + 1,
                    streams=streams,
                    groups=affected(streams, causes),
                    causes=causes,
                    detail=self._detail(monitor, streams),
                    evidence=round(detectors.evidence() / _LN10, 3),
                    limit=round(detectors.limit / _LN10, 3),
                    again=self._again(monitor, streams[0]),
                    first=seen.window.first,
                    last=seen.window.last,
                )
            )
            detectors.restart()
        return tuple(sorted(out, key=lambda alarm: alarm.limit - alarm.evidence))

    def _leading(self, monitor: str) -> tuple[str, ...]:
        """Streams whose own evidence reaches the limit, strongest first; at least the one that leads."""
        detectors, own = self._detectors[monitor]
        weighted = detectors.by_stream() + np.log([self.streams[i].weight for i in own])
        order = np.argsort(-weighted)
        strong = [p for p in order if detectors.by_stream()[p] >= detectors.limit]
        return tuple(self.streams[own[p]].name for p in (strong or [order[0]]))

    def _again(self, monitor: str, leader: str) -> bool:
        before = self._state.last_alarm.get(monitor)
        near = self._state.budget.looks_per_year / 4
        return before is not None and before[0] == leader and self._state.looks + 1 - before[1] <= near

    def _detail(self, monitor: str, streams: tuple[str, ...]) -> str:
        i = next(i for i, s in enumerate(self.streams) if s.monitor == monitor and s.name == streams[0])
        stream, g = self.streams[i], self._gathered[i]
        if monitor == "calibration":
            return (
                f"{streams[0]}: observed over expected {g.hits[0] / g.expected:.2f}, "
                f"tolerated {stream.low[0]:.2f} to {stream.high[0]:.2f}"
            )
        share = g.hits / g.rows
        worst = int(np.argmax(np.maximum(share - stream.high, stream.low - share)))
        return (
            f"{streams[0]}: share {share[worst]:.3f} against {stream.reference[worst]:.3f} in the reference, "
            f"tolerated {stream.low[worst]:.3f} to {stream.high[worst]:.3f}"
        )

    def _remember(self, seen: Seen, evidence: dict[str, float], alarms: tuple[Alarm, ...]) -> None:
        assert self.distances is not None
        outcome, risk = events(_overall("calibration"), seen)
        look = Look(
            look=self._state.looks + 1,
            rows=len(seen.window.X),
            first=seen.window.first,
            last=seen.window.last,
            evidence={m: round(float(x), 3) for m, x in evidence.items()},
            ks={
                n: round(float(x), 4) for n, x in zip(self.grid.names, self.distances.ks, strict=True) if np.isfinite(x)
            },
            missing={n: round(float(x), 4) for n, x in zip(self.grid.names, seen.counts.missing, strict=True)},
            outcome_rate=round(float(outcome.mean()), 4) if len(outcome) else None,
            expected_rate=round(float(risk.mean()), 4) if len(outcome) else None,
            alarms=tuple(alarm.monitor for alarm in alarms),
        )
        self._state = msgspec.structs.replace(
            self._state,
            looks=look.look,
            history=(*self._state.history, look)[-_KEPT_LOOKS:],
            last_alarm=self._state.last_alarm | {alarm.monitor: (alarm.streams[0], look.look) for alarm in alarms},
        )


def _overall(monitor: str) -> Stream:
    return Stream(monitor=monitor, name=OVERALL, weight=1.0, reference=(), low=(), high=())


def _fresh(stream: Stream) -> Progress:
    return Progress(log_evidence=(None,) * (len(stream.low) * 2 * len(SHIFTS)), hits=(0.0,) * len(stream.low))


def _load_grid(state: WatchState) -> Grid:
    k, bins = len(state.names) + 1, int(state.grid["bins"])
    arrays = {name: np.frombuffer(state.grid[name], dtype=kind).copy() for name, kind in _GRID_FIELDS.items()}
    arrays["values"] = arrays["values"].reshape(k, bins)
    return Grid(names=(*state.names, RISK), bins=bins, **arrays)


def _load_table(state: WatchState, grid: Grid) -> NDArray[np.int64]:
    table = np.frombuffer(zlib.decompress(state.counts), dtype="<i8").astype(np.int64)
    return table.reshape(len(grid.names), grid.bins + 1)
