"""The monitoring report: one page for people with small charts, and the same numbers as JSON."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from bedrail.core.values import Value
from bedrail.monitoring.histogram import Distances
from bedrail.monitoring.values import MONITORS, OVERALL, Alarm, Look, WatchState

if TYPE_CHECKING:
    from jinja2 import Template

    from bedrail.monitoring.watch import Watch

_WIDTH, _HEIGHT = 220, 36


class FeatureLine(Value, frozen=True, kw_only=True):
    """One input in the last window against the reference."""

    name: str
    ks: float | None
    w1: float | None
    psi: float | None
    js: float | None
    missing_change: float | None


class MonitoringReport(Value, frozen=True, kw_only=True):
    """What a look found. `evidence` and `limits` are log10; counts of groups under 11 rows are not shown."""

    title: str
    made_at: str
    verdict: str
    looks: int
    rows: int
    first: str
    last: str
    reference_rows: int
    budget_per_year: float
    looks_per_year: int
    evidence: dict[str, float]
    limits: dict[str, float]
    features: tuple[FeatureLine, ...]
    alarms: tuple[Alarm, ...]
    history: tuple[Look, ...]
    group_ratios: dict[str, tuple[float, float, float]]
    unwatched: tuple[str, ...]

    def to_json(self) -> str:
        """The report as JSON text."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def to_html(self) -> str:
        """The report as one self-contained HTML page: no script, nothing loaded from elsewhere."""
        charts = {
            monitor: sparkline(
                [look.evidence.get(monitor, -1.0) for look in self.history], self.limits[monitor], floor=-1.0
            )
            for monitor in self.evidence
        }
        feature_charts = {
            line.name: sparkline([look.ks.get(line.name, 0.0) for look in self.history]) for line in self.features
        }
        rates = sparkline(
            [look.outcome_rate for look in self.history], second=[look.expected_rate for look in self.history]
        )
        return _template().render(
            report=self, meanings=MONITORS, charts=charts, feature_charts=feature_charts, rates=rates, overall=OVERALL
        )


def report(
    watch: Watch, alarms: tuple[Alarm, ...] = (), *, title: str = "Monitoring", made_at: str = ""
) -> MonitoringReport:
    """The report of the last look of `watch`; `made_at` is the caller's time, in words or ISO 8601."""
    import math

    state = watch.state
    last = state.history[-1] if state.history else None
    monitors = last.evidence if last else {}
    return MonitoringReport(
        title=title,
        made_at=made_at,
        verdict="fail" if alarms else "pass",
        looks=state.looks,
        rows=last.rows if last else 0,
        first=last.first if last else "",
        last=last.last if last else "",
        reference_rows=state.reference_rows,
        budget_per_year=state.budget.false_alarms_per_year,
        looks_per_year=state.budget.looks_per_year,
        evidence=dict(monitors),
        limits={monitor: round(math.log10(state.budget.limit(monitor)), 3) for monitor in monitors},
        features=_features(watch.distances),
        alarms=alarms,
        history=state.history,
        group_ratios=_ratios(state),
        unwatched=state.unwatched,
    )


def sparkline(
    values: list[float | None] | list[float], limit: float | None = None, *, floor: float | None = None,
    second: list[float | None] | None = None,
) -> str:  # fmt: skip
    """A small inline SVG line; `limit` is a dashed level, `second` a grey line; neighbours of None are joined."""
    lines = [(second or [], "#999"), (values, "#1f5fa8")]
    known = [v for line, _ in lines for v in line if v is not None]
    if not known:
        return ""
    known = [max(v, floor) if floor is not None else v for v in known] + ([limit] if limit is not None else [])
    low, high = min([*known, 0.0]), max(known)
    if limit is not None:
        high = min(high, limit * 2 + 1)
    span = (high - low) or 1.0

    def y(v: float) -> float:
        return round(_HEIGHT - 3 - (_HEIGHT - 6) * (min(max(v, low), high) - low) / span, 1)

    parts = [
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="{len(values)} looks">'
    ]
    if limit is not None:
        parts.append(
            f'<line x1="0" x2="{_WIDTH}" y1="{y(limit)}" y2="{y(limit)}" stroke="#b3261e" stroke-dasharray="3 3"/>'
        )
    for line, colour in lines:
        step = _WIDTH / max(len(line) - 1, 1)
        points = " ".join(f"{i * step:.1f},{y(v)}" for i, v in enumerate(line) if v is not None)
        if points:
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return "".join([*parts, "</svg>"])


def _features(distances: Distances | None) -> tuple[FeatureLine, ...]:
    if distances is None:
        return ()

    def number(value: Any) -> float | None:
        return round(float(value), 5) if value == value else None  # noqa: PLR0124 (NaN has no JSON)

    lines = [
        FeatureLine(name=name, ks=number(distances.ks[j]), w1=number(distances.w1[j]), psi=number(distances.psi[j]),
                    js=number(distances.js[j]), missing_change=number(distances.missing_change[j]))
        for j, name in enumerate(distances.names)
    ]  # fmt: skip
    return tuple(sorted(lines, key=lambda line: -(line.ks or 0.0)))


def _ratios(state: WatchState) -> dict[str, tuple[float, float, float]]:
    """Group -> observed over expected in recent windows and its tolerated band; not for under 11 recent rows."""
    out = {}
    for stream, progress in zip(state.streams, state.progress, strict=True):
        if stream.monitor == "calibration" and progress.rows >= 11 and progress.expected > 0:
            out[stream.name] = (
                round(progress.hits[0] / progress.expected, 3),
                round(stream.low[0], 3),
                round(stream.high[0], 3),
            )
    return out


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    room = Environment(loader=PackageLoader("bedrail.monitoring"), autoescape=True, undefined=StrictUndefined)
    return room.get_template("monitoring.html")
