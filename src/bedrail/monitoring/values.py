"""The nouns of watching: windows of decisions, budgets, tolerances, alarms with causes, and the stored state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Monitor = Literal[
    "input-drift",
    "missingness",
    "units",
    "output-drift",
    "outcome-rate",
    "calibration",
    "sensitivity",
    "sentinels",
]

MONITORS: dict[str, str] = {
    "input-drift": "The distribution of an input left its tolerance around the reference.",
    "missingness": "An input is missing more, or less, often than its tolerance allows.",
    "units": "Values of an input lie outside its plausible range more often than before.",
    "output-drift": "The distribution of the predicted risk left its tolerance around the reference.",
    "outcome-rate": "The outcome became more, or less, frequent, overall or in a group.",
    "calibration": "Observed outcomes over expected ones left their tolerance, overall or in a group.",
    "sensitivity": "The share of patients with the outcome who were flagged fell, overall or in a group.",
    "sentinels": "The model answers stored sentinel inputs differently from before.",
}
"""The closed list of monitor names; policies choose an action for each."""

BUDGETED = tuple(name for name in MONITORS if name != "sentinels")
"""Monitors that weigh chance; `sentinels` compares exactly and can give no false alarm."""

OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions watched together at one look, all arrays of one length n and in the order of decisions.

    `X` (n, k) float inputs as received, NaN for missing, categorical levels as codes; `risk` (n,) calibrated risk in
    [0, 1] (NaN where no risk was given); `outcome` (n,) 0, 1 or NaN while unknown: give outcomes only once their
    follow-up is complete, since events are known sooner than their absence. `groups` has one categorical column each;
    `subject` marks repeated patients, who count once a window. `score` is the raw score, if it differs from the risk.
    """

    X: NDArray[Any]
    names: tuple[str, ...]
    risk: NDArray[Any]
    outcome: NDArray[Any] | None = None
    groups: pd.DataFrame | None = None
    site: NDArray[Any] | None = None
    subject: NDArray[Any] | None = None
    score: NDArray[Any] | None = None
    first: str = ""
    last: str = ""

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.X.shape[1] != len(self.names):
            raise Invalid(f"X has shape {self.X.shape} for {len(self.names)} names.", path="X")
        for what in ("risk", "outcome", "groups", "site", "subject", "score"):
            values = getattr(self, what)
            if values is not None and len(values) != len(self.X):
                raise Invalid(f"{what} has {len(values)} rows, X has {len(self.X)}.", path=what)

    def take(self, rows: NDArray[Any]) -> Window:
        """The window with these rows only (a boolean mask or indices)."""
        return Window(
            X=self.X[rows],
            names=self.names,
            risk=self.risk[rows],
            outcome=None if self.outcome is None else self.outcome[rows],
            groups=None if self.groups is None else self.groups.iloc[rows].reset_index(drop=True),
            site=None if self.site is None else self.site[rows],
            subject=None if self.subject is None else self.subject[rows],
            score=None if self.score is None else self.score[rows],
            first=self.first,
            last=self.last,
        )


@dataclass(frozen=True, slots=True)
class ReferenceWindow:
    """What 'as before' means: a recent period on which the model was examined, usually the locked holdout.

    `levels` names the codes of categorical features (code i is `levels[name][i]`), `limits` gives plausible ranges
    (None: no limit on that side; without an entry the reference's own range, widened by half, serves), `threshold` is
    the risk from which patients are flagged.
    """

    window: Window
    threshold: float = 0.5
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    rows_per_window: int = 500


_SHARES = {
    "input-drift": 0.14,
    "missingness": 0.06,
    "units": 0.06,
    "output-drift": 0.10,
    "outcome-rate": 0.24,
    "calibration": 0.34,
    "sensitivity": 0.06,
}


class Budget(Value, frozen=True, kw_only=True):
    """How many false alarms a year all monitors together may raise, in expectation, and how they share it.

    The most looks a year enter the limits; `shares` must cover `BUDGETED` monitors and add up to at most 1.
    """

    false_alarms_per_year: float = 1.0
    looks_per_year: int = 52
    shares: dict[str, float] = msgspec.field(default_factory=_SHARES.copy)

    def __post_init__(self) -> None:
        if self.false_alarms_per_year <= 0 or self.looks_per_year < 1:
            raise Invalid("The false-alarm budget and the looks per year must be positive.", path="budget")
        unknown = set(self.shares) - set(BUDGETED)
        if unknown or min(self.shares.values(), default=0) < 0 or sum(self.shares.values()) > 1 + 1e-9:
            raise Invalid(
                "Budget shares must name known monitors, be non-negative and add up to at most 1.",
                path="budget.shares",
                remedy=f"Known monitors: {', '.join(BUDGETED)}.",
            )

    def limit(self, monitor: str) -> float:
        """The evidence (an e-detector's value) at which this monitor alarms; infinite for a share of 0."""
        allowed = self.false_alarms_per_year * self.shares.get(monitor, 0.0)
        return self.looks_per_year / allowed if allowed > 0 else float("inf")


class Tolerances(Value, frozen=True, kw_only=True):
    """Changes that are too small to matter clinically: within them the null hypothesis holds, however long one looks.

    `input` and `output`: Kolmogorov distance (largest difference of a cumulative share, or of a level's share);
    `missing` and `units`: difference of a rate; `outcome_rate`, `calibration`: relative change of the rate, and of
    observed over expected (`*_group` within groups); `sensitivity`: relative loss. `confidence_z` widens every
    band by that many standard errors of the reference itself. Smaller groups than `min_group` reference rows are not
    watched on their own.
    """

    input: float = 0.10
    output: float = 0.08
    missing: float = 0.03
    units: float = 0.01
    outcome_rate: float = 0.08
    outcome_rate_group: float = 0.05
    calibration: float = 0.08
    calibration_group: float = 0.05
    sensitivity: float = 0.20
    confidence_z: float = 1.0
    min_group: int = 400


class Cause(Value, frozen=True, kw_only=True):
    """One candidate for why: `kind` from a closed list, what it concerns, how well it explains, and the numbers.

    `kind`: unit-error, coding-change, population-drift, outcome-rate-change, model-decay, model-changed. `subject` is a
    feature or group. `fit` in [0, 1] ranks; it is no probability.
    """

    kind: str
    subject: str
    fit: float
    sentence: str
    evidence: dict[str, float]
    groups: tuple[str, ...] = ()


class Alarm(Value, frozen=True, kw_only=True):
    """A monitor crossed its limit. `streams` are the features or groups that did, strongest first; `causes` ranked.

    `groups` are the affected groups and sites, (`overall`,) when everybody is. Evidence and limit are log10 e-values.
    `again` marks a crossing led by the same stream as this monitor's last alarm within a quarter of a year.
    """

    monitor: str
    look: int
    streams: tuple[str, ...]
    groups: tuple[str, ...]
    causes: tuple[Cause, ...]
    detail: str
    evidence: float
    limit: float
    again: bool = False
    first: str = ""
    last: str = ""


class Stream(Value, frozen=True, kw_only=True):
    """One thing watched by one monitor: a feature, `overall` or a group; bands hold per statistic.

    For shares `reference`, `low` and `high` are shares of rows; for calibration they are observed over expected.
    `bins` are the grid bins of the statistics: cumulative up to the bin, or, for `level` streams, the bin itself.
    """

    monitor: str
    name: str
    weight: float
    reference: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    bins: tuple[int, ...] = ()
    level: bool = False


class Progress(Value, frozen=True, kw_only=True):
    """What a stream has gathered: log evidence per component, and fading sums of rows, hits and expected hits."""

    log_evidence: tuple[float | None, ...]
    rows: float = 0.0
    hits: tuple[float, ...] = ()
    expected: float = 0.0


class Look(Value, frozen=True, kw_only=True):
    """One look as kept for reports: log10 evidence per monitor, distances per feature, and rates."""

    look: int
    rows: int
    first: str = ""
    last: str = ""
    evidence: dict[str, float]
    ks: dict[str, float]
    missing: dict[str, float]
    outcome_rate: float | None = None
    expected_rate: float | None = None
    alarms: tuple[str, ...] = ()


class WatchState(Value, frozen=True, kw_only=True):
    """All that a watch knows, without any patient's row: store it with msgspec between looks."""

    version: int = 1
    names: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    limits: dict[str, tuple[float, float]]
    threshold: float
    reference_rows: int
    reference_rate: float | None
    auroc: float | None
    budget: Budget
    tolerances: Tolerances
    grid: dict[str, bytes]
    counts: bytes
    streams: tuple[Stream, ...]
    progress: tuple[Progress, ...]
    by_group: dict[str, tuple[tuple[float, ...], ...]]
    group_rows: dict[str, int]
    unwatched: tuple[str, ...] = ()
    looks: int = 0
    history: tuple[Look, ...] = ()
    last_alarm: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)
