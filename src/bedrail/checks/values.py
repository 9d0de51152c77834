"""What a check is asked about: a cohort of predictions with outcomes, and what is required of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bedrail.checks import columns
from bedrail.checks.columns import MISSING_LEVEL, Bools, Floats, Ints
from bedrail.checks.requirements import Requirements

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.data.consistency import RowsRule
    from bedrail.models.contract import Contract

__all__ = ["MISSING_LEVEL", "Bools", "Cohort", "Floats", "Ints", "Probe", "Requirements", "Warnings"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A way to ask the model itself: `score(inputs) -> (n,)` risks for raw inputs, and rows of inputs to ask with.

    `score` may raise `Invalid` or `Refused` for inputs that the model's contract does not allow. With a `contract`,
    what the bedside would refuse is known row by row; `assess(inputs)` gives `risk` and `ood` (n,) each. `rules` are
    what has to hold within a row. `most_asked` bounds how many rows one check may ask of a model that is far away.
    """

    score: Callable[[pd.DataFrame], Any]
    inputs: pd.DataFrame
    contract: Contract | None = None
    assess: Callable[[pd.DataFrame], Any] | None = None
    rules: tuple[RowsRule, ...] = ()
    most_asked: int | None = None


@dataclass(frozen=True, slots=True)
class Warnings:
    """Scores that stand before an event, one row (m,) each: which `event` (codes 0..k-1), `score`, `lead` from the
    prediction to the event in `unit` (`h`, or none for a clock of plain numbers), `subject` (codes of patients).

    `at` are the lead times to give the sensitivity at.
    """

    event: Ints
    score: Floats
    lead: Floats
    subject: Ints
    unit: str = "h"
    at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Cohort:
    """Predictions with their outcomes: `outcome` (n,) of 0/1, `score` (n,) risks in [0, 1].

    Optional, all with n rows: `groups` (one categorical column per attribute; absent values become the level
    `missing`), `subject` (patients; rows of one patient are treated as one cluster), `time` of prediction, `site`,
    `baseline` (the comparator's risks), `p_values` (n, 2) conformal p-values for outcome 0 and 1, `interval` (n, 2)
    bounds of the risk, `inputs` (model inputs), `input_times` (when each input was recorded), `outcome_time`.
    `intersections` names tuples of group columns. `threshold` is the risk from which an alert is given; without
    one, the observed outcome rate is taken. `training_subjects` are the patients the model was fitted on.
    `warnings` are scores before events, `interventions` (n,) marks by name of care between prediction and event.
    `clusters` (n,) are the patients as codes where they repeat, `by_patient` (n,) the rows in the order of these.
    `other_outcome` (n,) is another measure of need (a number), by which the choice of the outcome is judged.

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
    warnings: Warnings | None = None
    interventions: Mapping[str, Bools] | None = None
    other_outcome: Floats | None = None
    clusters: Ints | None = field(init=False, default=None)
    by_patient: Ints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        put("outcome", columns.outcomes(self.outcome))
        n = len(self.outcome)
        put("score", columns.risks(self.score, n, "score"))
        if self.baseline is not None:
            put("baseline", columns.risks(self.baseline, n, "baseline"))
        if self.other_outcome is not None:
            put("other_outcome", columns.measures(self.other_outcome, n, "other_outcome"))
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
        if self.groups is not None and self.site is None:
            put("site", columns.sites(self.groups, n))
        if self.groups is not None:
            put("groups", columns.levels(self.groups, n))
        put("intersections", tuple(tuple(names) for names in self.intersections))
        columns.known_columns(self.intersections, self.groups)
        columns.in_range(self.threshold)
        put("clusters", columns.clusters_of(self.subject))
        put("by_patient", columns.by_patient(self.clusters))

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
