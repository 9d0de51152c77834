"""What a check is asked about: a cohort of predictions with outcomes, and what is required of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MISSING_LEVEL = "missing"
MOST_LEVELS = 1_000


class Requirements(Value, frozen=True, kw_only=True):
    """The numbers a policy sets for the checks; every field has a default that a policy may overrule.

    Gaps of rates are absolute differences; gaps of O/E are differences of observed-to-expected ratios. `None`
    means that no bound is asked. Fields `detectable_*` say how small a gap the data must be able to show (80 %
    power) before a pass may be given; data that cannot show it give "not enough patients to tell". `family_alpha` is the
    chance that `fairness` may fail an exactly fair model, over all groups and measures; `group_alpha` the same for
    `subgroups` and a model that keeps every bound.
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

        put("outcome", _outcome(self.outcome))
        n = len(self.outcome)
        put("score", _risks(self.score, n, "score"))
        if self.baseline is not None:
            put("baseline", _risks(self.baseline, n, "baseline"))
        for name in ("p_values", "interval"):
            pairs = getattr(self, name)
            if pairs is not None:
                put(name, _pairs(pairs, n, name))
        for name in ("subject", "time", "site", "outcome_time"):
            column = getattr(self, name)
            if column is not None:
                put(name, _column(column, n, name))
        for name in ("inputs", "input_times"):
            frame = getattr(self, name)
            if frame is not None and len(frame) != n:
                raise _length(name, len(frame), n)
        if self.groups is not None:
            put("groups", _levels(self.groups, n))
        put("intersections", tuple(tuple(columns) for columns in self.intersections))
        _known_columns(self.intersections, self.groups)
        _threshold(self.threshold)
        put("clusters", _clusters(self.subject))

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


def _length(path: str, found: int, wanted: int) -> Invalid:
    return Invalid(
        f"has {found} rows, but outcome has {wanted}.",
        path=path,
        remedy="Give one row per prediction, in the same order.",
    )


def _numbers(values: Any, path: str) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise Invalid("is not numeric.", path=path, remedy="Give numbers only.") from None
    if path not in ("p_values", "interval") and array.ndim != 1:
        raise Invalid(f"has {array.ndim} dimensions.", path=path, remedy="Give one number per prediction.")
    return array


def _first(bad: Bools) -> int:
    return int(np.flatnonzero(bad)[0])


def _outcome(values: Any) -> Floats:
    outcome = _numbers(values, "outcome")
    bad = ~np.isin(outcome, (0.0, 1.0))
    if bad.any():
        raise Invalid(
            f"{int(bad.sum())} of {len(outcome)} values are neither 0 nor 1.",
            path=f"outcome[{_first(bad)}]",
            remedy="Give 1 where the outcome happened and 0 where it did not; leave out rows whose outcome is unknown.",
        )
    return outcome


def _risks(values: Any, n: int, path: str) -> Floats:
    risks = _numbers(values, path)
    if len(risks) != n:
        raise _length(path, len(risks), n)
    bad = ~((risks >= 0.0) & (risks <= 1.0))
    if bad.any():
        raise Invalid(
            f"{int(bad.sum())} of {n} values are not probabilities between 0 and 1.",
            path=f"{path}[{_first(bad)}]",
            remedy="Give risks as fractions (0.31, not 31) and leave out rows without a prediction.",
        )
    return risks


def _pairs(values: Any, n: int, path: str) -> Floats:
    pairs = _numbers(values, path)
    if pairs.shape != (n, 2):
        raise Invalid(f"has shape {pairs.shape}.", path=path, remedy=f"Give two columns and {n} rows.")
    return pairs


def _column(values: Any, n: int, path: str) -> NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1 or len(column) != n:
        raise _length(path, len(column) if column.ndim else 0, n)
    return column


def _levels(frame: Any, n: int) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = frame.to_frame() if isinstance(frame, pd.Series) else pd.DataFrame(frame)
    except (TypeError, ValueError):
        raise Invalid(
            "is not a table.", path="groups", remedy="Give a DataFrame with one column per attribute."
        ) from None
    if len(frame) != n:
        raise _length("groups", len(frame), n)
    names = [str(name) for name in frame.columns]
    if len(set(names)) != len(names):
        raise Invalid("has two columns of one name.", path="groups", remedy="Name every group column once.")
    return pd.DataFrame({name: _categories(frame.iloc[:, at], name) for at, name in enumerate(names)})


def _categories(column: Any, name: str) -> Any:
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    values, levels = pd.factorize(column, sort=False)
    if len(levels) > (50 if numeric else MOST_LEVELS):
        raise Invalid(
            f"has {len(levels)} different values.",
            path=f"groups.{name}",
            remedy="Band numbers (age 18-44, 45-64, ...) and join rare codes before naming them as a group.",
        )
    words = [_word(level) for level in levels] + [MISSING_LEVEL]
    kinds = sorted(set(words) - {MISSING_LEVEL})
    kinds += [MISSING_LEVEL] if (values < 0).any() or MISSING_LEVEL in words[:-1] else []
    place = {word: at for at, word in enumerate(kinds)}
    codes = np.array([place.get(word, -1) for word in words], dtype=np.int64)[values]
    return pd.Categorical.from_codes(codes, categories=pd.Index(kinds, dtype=object))


def _word(level: object) -> str:
    if isinstance(level, float) and level.is_integer():
        return str(int(level))
    return str(level).strip() or MISSING_LEVEL


def _known_columns(intersections: tuple[tuple[str, ...], ...], groups: pd.DataFrame | None) -> None:
    known = () if groups is None else tuple(groups.columns)
    for at, columns in enumerate(intersections):
        for column in columns:
            if column not in known:
                raise Invalid(
                    f"names the column {column!r}, which is not among the groups.",
                    path=f"intersections[{at}]",
                    remedy=f"Choose from: {', '.join(known) or 'no groups were given'}.",
                )


def _threshold(threshold: float | None) -> None:
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise Invalid("is not between 0 and 1.", path="threshold", remedy="Give the risk from which an alert is shown.")


def _clusters(subject: NDArray[Any] | None) -> Ints | None:
    """Patients as 0..k-1, or None when every row is its own patient."""
    if subject is None or len(subject) == 0:
        return None
    import pandas as pd

    codes, patients = pd.factorize(subject)
    if (codes < 0).any():
        raise Invalid(
            "has empty identifiers.", path="subject", remedy="Give every row its patient, or leave subjects out."
        )
    return None if len(patients) == len(codes) else codes.astype(np.int64)
