"""What is required of models for classes, numbers and times, as numbers; `Requirements` are those for yes or no."""

from __future__ import annotations

from bedrail.checks.requirements import refuse_senseless
from bedrail.core.errors import Invalid
from bedrail.core.values import Value


def _sane(asked: Value, shares: tuple[str, ...], bands: tuple[str, ...]) -> None:
    refuse_senseless(asked)
    for name in shares:
        if not 0.0 < getattr(asked, name) < 1.0:
            raise _wrong(name, "lie between 0 and 1")
    for name in ("draws", "min_group"):
        if getattr(asked, name) < 2:
            raise _wrong(name, "be at least 2")
    for name in bands:
        low, high = getattr(asked, name)
        if not 0.0 <= low <= 1.0 <= high:
            raise _wrong(name, "be a band around 1")


def _wrong(name: str, rule: str) -> Invalid:
    return Invalid(f"must {rule}.", path=f"requirements.{name}", remedy="Correct the number.")


class MulticlassRequirements(Value, frozen=True, kw_only=True, tag="multiclass"):
    """Bounds for several classes; `None` asks nothing. With K classes, failing one needs the confidence shared by all.

    `widest_rate_interval` is how narrow an interval without a bound has to be to count as known. Raises `Invalid`.
    """

    confidence: float = 0.95
    min_group: int = 11
    draws: int = 1_000
    group_alpha: float = 0.01
    min_told_share: float = 0.8

    min_macro_auroc: float = 0.6
    min_class_auroc: float = 0.55
    min_kappa: float = 0.0
    min_class_sensitivity: float | None = None
    min_class_ppv: float | None = None
    min_accuracy: float | None = None
    widest_rate_interval: float = 0.2

    observed_to_expected: tuple[float, float] = (0.9, 1.1)
    calibration_slope: tuple[float, float] = (0.8, 1.25)
    max_calibration_error: float = 0.05
    detectable_miscalibration: float = 0.3
    detectable_slope: float = 0.5
    group_observed_to_expected: tuple[float, float] = (0.8, 1.25)
    min_group_auroc: float = 0.55
    detectable_calibration_gap: float = 0.5

    def __post_init__(self) -> None:
        _sane(
            self,
            ("min_told_share",),
            ("observed_to_expected", "calibration_slope", "group_observed_to_expected"),
        )


class RegressionRequirements(Value, frozen=True, kw_only=True, tag="regression"):
    """Bounds for a number. `tolerance` is the error, in the outcome's unit, that clinicians accept (none: not asked).

    `tolerance_share` is the same as a share of the outcome; either being kept is enough. `max_bias` is in units of the
    outcome's standard deviation, so that it needs no unit. `widest_relative_interval` is how narrow an interval, as a
    share of its estimate, has to be to count as known. Raises `Invalid`.
    """

    confidence: float = 0.95
    min_group: int = 11
    draws: int = 1_000
    group_alpha: float = 0.01
    min_told_share: float = 0.8

    min_skill: float = 0.0
    max_mae: float | None = None
    max_rmse: float | None = None
    tolerance: float | None = None
    tolerance_share: float | None = None
    min_within_tolerance: float | None = None
    widest_relative_interval: float = 0.3
    widest_rate_interval: float = 0.2
    min_concordance: float = 0.6

    max_bias: float = 0.1
    detectable_bias: float = 0.3
    calibration_slope: tuple[float, float] = (0.8, 1.25)
    detectable_slope: float = 0.5
    max_level_bias: float = 0.25

    coverage_tolerance: float = 0.03

    max_group_bias: float = 0.25
    max_group_error_ratio: float = 1.5

    def __post_init__(self) -> None:
        _sane(self, ("min_told_share",), ("calibration_slope",))
        for name in ("tolerance", "tolerance_share", "max_mae", "max_rmse"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise _wrong(name, "be above 0")


class SurvivalRequirements(Value, frozen=True, kw_only=True, tag="survival"):
    """Bounds for a time until an event. A horizon is examined when `min_at_risk` are still followed there.

    `max_overstatement` is by how much Kaplan-Meier may exceed the cumulative incidence (Aalen-Johansen), as a share of
    it, before ignoring competing events counts as a failure. Raises `Invalid`.
    """

    confidence: float = 0.95
    min_group: int = 11
    draws: int = 1_000
    group_alpha: float = 0.01
    min_told_share: float = 0.8

    min_at_risk: int = 10
    min_events: int = 10
    max_censored_early: float = 0.5

    min_concordance: float = 0.6
    min_auc: float = 0.6
    min_group_auc: float = 0.55

    observed_to_expected: tuple[float, float] = (0.9, 1.1)
    calibration_slope: tuple[float, float] = (0.8, 1.25)
    detectable_miscalibration: float = 0.3
    detectable_slope: float = 0.5
    group_observed_to_expected: tuple[float, float] = (0.8, 1.25)
    detectable_calibration_gap: float = 0.5

    min_net_benefit_gain: float = 0.0
    max_overstatement: float = 0.1

    def __post_init__(self) -> None:
        _sane(
            self,
            ("min_told_share", "max_censored_early"),
            ("observed_to_expected", "calibration_slope", "group_observed_to_expected"),
        )


OutcomeRequirements = MulticlassRequirements | RegressionRequirements | SurvivalRequirements
