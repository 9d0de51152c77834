"""What a check is asked about: a cohort of predictions with outcomes, and what is required of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bedrail.checks import columns
from bedrail.checks.columns import MISSING_LEVEL, Bools, Floats, Ints
from bedrail.core.errors import Invalid
from bedrail.core.values import Value

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISSING_LEVEL", "Bools", "Cohort", "Floats", "Ints", "Probe", "Requirements"]


class Requirements(Value, frozen=True, kw_only=True):
    """The numbers a policy sets for the checks; every field has a default that a policy may overrule.

    Gaps of rates are absolute differences; gaps of O/E are differences of observed-to-expected ratios. `None`
    means that no bound is asked. Fields `detectable_*` say how small a gap the data must be able to show (80 %
    power) before a pass may be given; data that cannot show it give "not enough patients to tell". `family_alpha` is
    the chance that `fairness` may fail an exactly fair model, over all groups and measures; `group_alpha` the same
    for `subgroups` and a model that keeps every bound. Raises `Invalid` for numbers that make no sense.
    """

    confidence: float = 0.95
    min_group: int = 11
    draws: int = 1_000

    min_auroc: float = 0.6
    min_group_auroc: float = 0.55

    observed_to_expected: tuple[float, float] = (0.9, 1.1)
    calibration_slope: tuple[float, float] = (0.8, 1.25)
    max_calibration_intercept: float = 0.2
    max_calibration_error: float = 0.05
    detectable_miscalibration: float = 0.3
    detectable_slope: float = 0.5
    group_observed_to_expected: tuple[float, float] = (0.8, 1.25)

    min_sensitivity: float | None = None
    min_specificity: float | None = None
    min_ppv: float | None = None
    min_npv: float | None = None
    max_alert_rate: float | None = None
    max_number_needed: float | None = None
    widest_rate_interval: float = 0.2

    min_net_benefit_gain: float = 0.0

    max_spread: float | None = None
    group_alpha: float = 0.01

    family_alpha: float = 0.05
    max_sensitivity_gap: float = 0.05
    max_specificity_gap: float = 0.05
    max_ppv_gap: float = 0.05
    max_calibration_gap: float = 0.2
    detectable_gap: float = 0.2
    detectable_calibration_gap: float = 0.5
    fairness_metrics: tuple[str, ...] = ("sensitivity", "specificity", "ppv", "calibration")
    fairness_intersections: bool = False
    error_rate_columns: tuple[str, ...] = ()
    min_told_share: float = 0.8

    conformal_alpha: float = 0.1
    coverage_tolerance: float = 0.03

    baseline_margin: float = 0.01
    baseline_net_benefit_margin: float = 0.002

    max_single_input_auroc: float = 0.95
    max_score_auroc: float = 0.995
    max_duplicate_share: float = 0.01
    max_missing_shift: float = 0.25

    def __post_init__(self) -> None:
        for name in ("confidence", "family_alpha", "group_alpha", "conformal_alpha"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise _requirement(name, "lie between 0 and 1")
        for name in ("draws", "min_group"):
            if getattr(self, name) < 2:
                raise _requirement(name, "be at least 2")
        for name in ("observed_to_expected", "calibration_slope", "group_observed_to_expected"):
            low, high = getattr(self, name)
            if not 0.0 <= low <= 1.0 <= high:
                raise _requirement(name, "be a band around 1")


def _requirement(name: str, rule: str) -> Invalid:
    return Invalid(f"must {rule}.", path=f"requirements.{name}", remedy="Correct the policy.")


@dataclass(frozen=True, slots=True)
class Probe:
    """A way to ask the model itself: `score(inputs) -> (n,)` risks for raw inputs, and rows of inputs to ask with.

    `score` may raise `Invalid` or `Refused` for inputs that the model's contract does not allow.
    """

    score: Callable[[pd.DataFrame], Any]
    inputs: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Cohort:
    """Predictions with their outcomes: `outcome` (n,) of 0/1, `score` (n,) risks in [0, 1].

    Optional, all with n rows: `groups` (one categorical column per attribute; absent values become the level
    `missing`), `subject` (patients; rows of one patient are treated as one cluster), `time` of prediction, `site`,
    `baseline` (the comparator's risks), `p_values` (n, 2) conformal p-values for outcome 0 and 1, `interval` (n, 2)
    bounds of the risk, `inputs` (model inputs), `input_times` (when each input was recorded), `outcome_time`.
    `intersections` names tuples of group columns. `threshold` is the risk from which an alert is given; without
    one, the observed outcome rate is taken. `training_subjects` are the patients the model was fitted on.

    Raises `Invalid` with the path to the field when an array has the wrong length or forbidden values.
    """

    outcome: Floats
    score: Floats
    groups: pd.DataFrame | None = None
    intersections: tuple[tuple[str, ...], ...] = ()
    subject: NDArray[Any] | None = None
    time: NDArray[Any] | None = None
    site: NDArray[Any] | None = None
    baseline: Floats | None = None
    p_values: Floats | None = None
    interval: Floats | None = None
    threshold: float | None = None
    inputs: pd.DataFrame | None = None
    input_times: pd.DataFrame | None = None
    outcome_time: NDArray[Any] | None = None
    training_subjects: Sequence[Any] | None = None
    probe: Probe | None = None
    clusters: Ints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        put("outcome", columns.outcomes(self.outcome))
        n = len(self.outcome)
        put("score", columns.risks(self.score, n, "score"))
        if self.baseline is not None:
            put("baseline", columns.risks(self.baseline, n, "baseline"))
        for name in ("p_values", "interval"):
            pairs = getattr(self, name)
            if pairs is not None:
                put(name, columns.pairs(pairs, n, name))
        for name in ("subject", "time", "site", "outcome_time"):
            column = getattr(self, name)
            if column is not None:
                put(name, columns.column(column, n, name))
        for name in ("inputs", "input_times"):
            frame = getattr(self, name)
            if frame is not None and len(frame) != n:
                raise columns.length(name, len(frame), n)
        if self.groups is not None:
            put("groups", columns.levels(self.groups, n))
        put("intersections", tuple(tuple(names) for names in self.intersections))
        columns.known_columns(self.intersections, self.groups)
        columns.in_range(self.threshold)
        put("clusters", columns.clusters_of(self.subject))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.outcome)

    @property
    def patients(self) -> int:
        """Number of patients; rows when no subjects were given."""
        return self.n if self.clusters is None else int(self.clusters.max()) + 1

    @property
    def cut(self) -> float:
        """The alert threshold: the given one, else the observed outcome rate (0.5 for an empty cohort)."""
        if self.threshold is not None:
            return float(self.threshold)
        return float(self.outcome.mean()) if self.n else 0.5

    @property
    def alert(self) -> Bools:
        """(n,) whether the score reaches the threshold."""
        return np.asarray(self.score >= self.cut, dtype=np.bool_)
