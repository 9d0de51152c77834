"""Cohorts of predictions for outcomes of several classes, numbers, and times until an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bedrail.checks import columns
from bedrail.checks.columns import Bools, Floats, Ints
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

OutcomeType = Literal["binary", "multiclass", "regression", "survival"]
OUTCOME_TYPES: tuple[OutcomeType, ...] = ("binary", "multiclass", "regression", "survival")
MOST_CLASSES = 50
MOST_HORIZONS = 100
CENSORED, EVENT, COMPETING = 0, 1, 2
Competing = Literal["told", "none", "ignored", "unknown"]


def _put(cohort: object, name: str, value: object) -> None:
    object.__setattr__(cohort, name, value)


def _prepare(cohort: MulticlassCohort | RegressionCohort | SurvivalCohort, n: int) -> None:
    """Groups, intersections, subjects and clusters, alike for every outcome."""
    if n == 0:
        raise Invalid("there are no rows.", path="outcome", remedy="Give at least one prediction with its outcome.")
    if cohort.subject is not None:
        _put(cohort, "subject", columns.column(cohort.subject, n, "subject"))
    if cohort.groups is not None:
        _put(cohort, "groups", columns.levels(cohort.groups, n))
    _put(cohort, "intersections", tuple(tuple(names) for names in cohort.intersections))
    columns.known_columns(cohort.intersections, cohort.groups)
    _put(cohort, "clusters", columns.clusters_of(cohort.subject))


def finite(values: Any, path: str, n: int | None = None) -> Floats:
    """(n,) finite numbers; `Invalid` names the first that is not."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise Invalid("is not numeric.", path=path, remedy="Give numbers only.") from None
    if array.ndim != 1:
        raise Invalid(f"has {array.ndim} dimensions.", path=path, remedy="Give one number per prediction.")
    if n is not None and len(array) != n:
        raise columns.length(path, len(array), n)
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise Invalid(
            f"{bad.size} of {len(array)} values are missing or infinite.",
            path=f"{path}[{int(bad[0])}]",
            remedy="Leave out rows without a value.",
        )
    return array


def table_of(values: Any, path: str, n: int, width: int) -> Floats:
    """(n, width) finite numbers."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise Invalid("is not numeric.", path=path, remedy="Give numbers only.") from None
    if array.shape != (n, width):
        raise Invalid(f"has shape {array.shape}.", path=path, remedy=f"Give {n} rows and {width} columns.")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, at = (int(v) for v in bad[0])
        raise Invalid(
            f"{len(bad)} values are missing or infinite.",
            path=f"{path}[{row}, {at}]",
            remedy="Leave out rows without a prediction.",
        )
    return array


@dataclass(frozen=True, slots=True)
class MulticlassCohort:
    """Predictions of one of K classes: `outcome` (n,) codes 0..K-1, `score` (n, K) probabilities, rows adding up to 1.

    `classes` names the K classes, in their order when `ordinal`. `predicted` (n,) codes 0..K-1 is what the model says;
    without it, the most probable class. `groups`, `subject`, `intersections`: as in `Cohort`. Raises `Invalid`.
    """

    outcome: Ints
    score: Floats
    classes: tuple[str, ...]
    ordinal: bool = False
    predicted: Ints | None = None
    groups: pd.DataFrame | None = None
    intersections: tuple[tuple[str, ...], ...] = ()
    subject: NDArray[Any] | None = None
    clusters: Ints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.classes)
        _put(self, "classes", names)
        if not 2 <= len(names) <= MOST_CLASSES or len(set(names)) < len(names):
            raise Invalid(
                f"names {len(names)} classes.", path="classes", remedy=f"Name 2 to {MOST_CLASSES} different classes."
            )
        _put(self, "outcome", _codes(self.outcome, len(names), "outcome"))
        n = len(self.outcome)
        _prepare(self, n)
        _put(self, "score", _shares(table_of(self.score, "score", n, len(names))))
        said = self.score.argmax(axis=1) if self.predicted is None else self.predicted
        said = _codes(said, len(names), "predicted")
        if len(said) != n:
            raise columns.length("predicted", len(said), n)
        _put(self, "predicted", said)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.outcome)

    @property
    def said(self) -> Ints:
        """(n,) the predicted class."""
        assert self.predicted is not None
        return self.predicted

    @property
    def patients(self) -> int:
        """Number of patients; rows when no subjects were given."""
        return self.n if self.clusters is None else int(self.clusters.max()) + 1


def _codes(values: Any, classes: int, path: str) -> Ints:
    array = finite(values, path)
    bad = np.flatnonzero((array != np.floor(array)) | (array < 0) | (array >= classes))
    if bad.size:
        raise Invalid(
            "is not among the classes.", path=f"{path}[{int(bad[0])}]", remedy=f"Give codes 0 to {classes - 1}."
        )
    return array.astype(np.int64)


def _shares(score: Floats) -> Floats:
    outside = np.argwhere((score < 0) | (score > 1))
    if len(outside):
        row, at = (int(v) for v in outside[0])
        raise Invalid(
            f"{len(outside)} values are no probabilities between 0 and 1.",
            path=f"score[{row}, {at}]",
            remedy="Give probabilities, not logits.",
        )
    total = score.sum(axis=1)
    wrong = np.flatnonzero(np.abs(total - 1) > 0.01)
    if wrong.size:
        raise Invalid(
            f"the probabilities of {wrong.size} rows do not add up to 1.",
            path=f"score[{int(wrong[0])}]",
            remedy="Give one probability for every class; a class that is left out must be added.",
        )
    return np.asarray(score / total[:, None])


@dataclass(frozen=True, slots=True)
class RegressionCohort:
    """Predictions of a number: `outcome` (n,) and `score` (n,) in the same unit.

    `interval` (n, 2) are bounds that should hold the outcome in `nominal` of cases. `unit` is the unit in words. Raises
    `Invalid`.
    """

    outcome: Floats
    score: Floats
    interval: Floats | None = None
    nominal: float = 0.9
    unit: str = ""
    groups: pd.DataFrame | None = None
    intersections: tuple[tuple[str, ...], ...] = ()
    subject: NDArray[Any] | None = None
    clusters: Ints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        _put(self, "outcome", finite(self.outcome, "outcome"))
        n = len(self.outcome)
        _prepare(self, n)
        _put(self, "score", finite(self.score, "score", n))
        if not 0 < self.nominal < 1:
            raise Invalid("is not between 0 and 1.", path="nominal", remedy="Give the promised coverage, such as 0.9.")
        if self.interval is not None:
            pairs = table_of(self.interval, "interval", n, 2)
            turned = np.flatnonzero(pairs[:, 0] > pairs[:, 1])
            if turned.size:
                raise Invalid(
                    f"{turned.size} intervals end before they begin.",
                    path=f"interval[{int(turned[0])}]",
                    remedy="Give the lower bound first.",
                )
            _put(self, "interval", pairs)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.outcome)

    @property
    def patients(self) -> int:
        """Number of patients; rows when no subjects were given."""
        return self.n if self.clusters is None else int(self.clusters.max()) + 1


@dataclass(frozen=True, slots=True)
class SurvivalCohort:
    """Predictions of a time until an event, right-censored.

    `time` (n,) >= 0 is the time until `event` (n,): 0 censored, 1 the event, 2 an event that makes it impossible
    (competing). `risks` (n, h) are predicted risks of the event by `horizons` (h,), in the unit of `time`; `score` (n,)
    is any number that is higher for those at more risk (without it, the risk at the last horizon). `competing` says
    what is known of competing events: `told` by code 2, `none` can happen, `ignored` (they are coded 0) or `unknown`.
    `threshold` is the risk from which one would act. Raises `Invalid`.
    """

    time: Floats
    event: Ints
    risks: Floats | None = None
    horizons: tuple[float, ...] = ()
    score: Floats | None = None
    competing: Competing = "unknown"
    threshold: float | None = None
    unit: str = ""
    groups: pd.DataFrame | None = None
    intersections: tuple[tuple[str, ...], ...] = ()
    subject: NDArray[Any] | None = None
    clusters: Ints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        _put(self, "time", finite(self.time, "time"))
        n = len(self.time)
        _prepare(self, n)
        early = np.flatnonzero(self.time < 0)
        if early.size:
            raise Invalid(
                f"{early.size} times are negative.",
                path=f"time[{int(early[0])}]",
                remedy="Count the time from the prediction on.",
            )
        codes = finite(self.event, "event", n)
        bad = np.flatnonzero(~np.isin(codes, (CENSORED, EVENT, COMPETING)))
        if bad.size:
            raise Invalid(
                f"{bad.size} codes are none of 0, 1 and 2.",
                path=f"event[{int(bad[0])}]",
                remedy="0 is censored, 1 the event, 2 a competing event.",
            )
        _put(self, "event", codes.astype(np.int64))
        _told(self)
        _horizons(self, n)
        columns.in_range(self.threshold)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.time)

    @property
    def patients(self) -> int:
        """Number of patients; rows when no subjects were given."""
        return self.n if self.clusters is None else int(self.clusters.max()) + 1

    @property
    def ranks(self) -> Floats:
        """(n,) what orders patients by risk."""
        assert self.score is not None
        return self.score


def _told(cohort: SurvivalCohort) -> None:
    there = bool((cohort.event == COMPETING).any())
    if there and cohort.competing == "none":
        raise Invalid(
            "there are competing events, although none were said to be possible.",
            path="event",
            remedy="Leave `competing` out, or code these rows otherwise.",
        )
    if there and cohort.competing == "unknown":
        _put(cohort, "competing", "told")
    if cohort.competing not in ("told", "none", "ignored", "unknown"):
        raise Invalid(
            f"there is no such word: {cohort.competing!r}.", path="competing", remedy="Write told, none or ignored."
        )


def _horizons(cohort: SurvivalCohort, n: int) -> None:
    times = finite(list(cohort.horizons), "horizons") if len(cohort.horizons) else np.zeros(0)
    if len(times) > MOST_HORIZONS or (times <= 0).any() or (np.diff(times) <= 0).any():
        raise Invalid(
            "horizons must be times above 0, in order, each once.",
            path="horizons",
            remedy=f"Give at most {MOST_HORIZONS}, such as [30, 90, 365].",
        )
    _put(cohort, "horizons", tuple(float(t) for t in times))
    if cohort.risks is not None:
        given = np.asarray(cohort.risks)
        if given.ndim == 1:
            given = given[:, None]
        risks = table_of(given, "risks", n, len(times))
        outside = np.argwhere((risks < 0) | (risks > 1))
        if len(outside):
            row, at = (int(v) for v in outside[0])
            raise Invalid(
                f"{len(outside)} values are no risks between 0 and 1.",
                path=f"risks[{row}, {at}]",
                remedy="Give risks as fractions; of survival probabilities, one minus them.",
            )
        falling = np.argwhere(np.diff(risks, axis=1) < -1e-9)
        if len(falling):
            raise Invalid(
                f"the risk falls with time in {len(np.unique(falling[:, 0]))} rows.",
                path=f"risks[{int(falling[0][0])}]",
                remedy="A risk by a later horizon holds the earlier one; were survival probabilities given?",
            )
        _put(cohort, "risks", risks)
    elif len(times) and cohort.score is None:
        raise Invalid("no prediction was given.", path="risks", remedy="Give risks at the horizons, or a score.")
    if cohort.score is not None:
        _put(cohort, "score", finite(cohort.score, "score", n))
    elif cohort.risks is not None:
        _put(cohort, "score", cohort.risks[:, -1])
    else:
        raise Invalid("no prediction was given.", path="score", remedy="Give a score, or risks at horizons.")


OutcomeCohort = MulticlassCohort | RegressionCohort | SurvivalCohort

__all__ = [
    "OUTCOME_TYPES",
    "Bools",
    "Floats",
    "Ints",
    "MulticlassCohort",
    "OutcomeCohort",
    "OutcomeType",
    "RegressionCohort",
    "SurvivalCohort",
]
