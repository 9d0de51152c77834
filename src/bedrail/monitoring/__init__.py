"""After go-live: drift, performance and fairness watched within a false-alarm budget, with causes for every alarm."""

from __future__ import annotations

from bedrail.monitoring.histogram import Counts, Distances, Grid, distances
from bedrail.monitoring.report import MonitoringReport, report
from bedrail.monitoring.sentinels import Comparison, Sentinels, choose, compare, record
from bedrail.monitoring.values import (
    MONITORS,
    Alarm,
    Budget,
    Cause,
    ReferenceWindow,
    Tolerances,
    WatchState,
    Window,
)
from bedrail.monitoring.watch import Watch

__all__ = [
    "MONITORS",
    "Alarm",
    "Budget",
    "Cause",
    "Comparison",
    "Counts",
    "Distances",
    "Grid",
    "MonitoringReport",
    "ReferenceWindow",
    "Sentinels",
    "Tolerances",
    "Watch",
    "WatchState",
    "Window",
    "choose",
    "compare",
    "distances",
    "record",
    "report",
]
