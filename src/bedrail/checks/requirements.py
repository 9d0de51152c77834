"""What a policy requires of a candidate, as numbers; apart from the cohort: reading a policy loads no arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeGuard

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

_UNIT_WORDS = ("auroc", "sensitivity", "specificity", "ppv", "npv", "rate", "share", "coverage", "intercept")
_LARGEST = 10**15
"""No requirement is beyond it; a whole number beyond what a float holds would break off what it is compared with."""
_SIGNED = ("min_net_benefit_gain", "baseline_margin", "baseline_net_benefit_margin", "min_skill", "min_kappa")


def senseless(name: str, value: object) -> tuple[str, str] | None:
    """What is wrong with the number or band of a requirement, and what to write; None when nothing is.

    No number at all (nan, infinite: no bound is `None`, and what is compared with nan never fails), probabilities
    beyond 0 to 1, negative limits, and bands that leave no room.
    """
    numbers = [v for v in (value if isinstance(value, (list, tuple)) else [value]) if _is_number(v)]
    if not all(abs(v) <= _LARGEST and math.isfinite(v) for v in numbers):
        return f"`{name}` is not a finite number.", "Write a number, or leave it out."
    if (name == "confidence" or name.endswith("_alpha")) and not all(1e-9 <= v <= 1 - 1e-9 for v in numbers):
        return f"`{name}` is not between 0 and 1.", "Write a fraction such as 0.95."
    if any(word in name for word in _UNIT_WORDS) and not all(0 <= v <= 1 for v in numbers):
        return f"`{name}` is not between 0 and 1.", "Write a fraction such as 0.6, not 60."
    if name not in _SIGNED and any(v < 0 for v in numbers):
        return f"`{name}` is negative.", "Write 0 or more."
    if len(numbers) == 2 and numbers[0] >= numbers[1]:
        return f"`{name}` leaves no room.", "Write the lower bound first, then the higher."
    return None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def refuse_senseless(asked: Value) -> None:
    """`Invalid` for the first field of these requirements that is of the wrong kind or makes no sense."""
    for name, kind in type(asked).__annotations__.items():
        value = getattr(asked, name)
        if value is None and kind.endswith("| None"):
            continue
        if not _KINDS[kind.removesuffix(" | None")](value):
            remedy = f"Write {_WORDS[kind.removesuffix(' | None')]}."
            raise Invalid(f"`{name}` is of the wrong kind.", path=f"requirements.{name}", remedy=remedy)
        wrong = senseless(name, value)
        if wrong is not None:
            raise Invalid(wrong[0], path=f"requirements.{name}", remedy=wrong[1])


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))


def _is_names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


_KINDS: dict[str, Callable[[object], bool]] = {
    "float": _is_number,
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "tuple[float, float]": _is_pair,
    "tuple[str, ...]": _is_names,
}
_WORDS = {
    "float": "a plain number",
    "int": "a whole number",
    "bool": "True or False",
    "tuple[float, float]": "a pair of numbers such as (0.9, 1.1)",
    "tuple[str, ...]": 'a tuple of names such as ("race",)',
}


class Requirements(Value, frozen=True, kw_only=True):
    """The numbers a policy sets for the checks; every field has a default that a policy may overrule.

    Gaps of rates are absolute differences; gaps of O/E are differences of observed-to-expected ratios. `None`
    means that no bound is asked. Fields `detectable_*` say how small a gap the data must be able to show (80 %
    power) before a pass may be given; data that cannot show it give "not enough patients to tell".

    Fields `*_alpha` (but `conformal_alpha`) are the chances that a check may fail a model which is exactly fair and
    well calibrated: `calibration_alpha` over O/E, intercept and slope, `family_alpha` for `fairness` over all groups
    and measures, `group_alpha` for `subgroups`, `coverage_alpha` for `uncertainty`, `slice_alpha` for `slices`,
    `shift_alpha` for the trends of `shift`, `side_alpha` for each of the further questions on groups and sites
    (`parity`, `error-costs`, `label-choice`, `sites`, other patients in `shift`). The defaults add up to 5 % for a
    whole examination (see `budget`). Raises `Invalid` for numbers that make no sense.
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
    calibration_alpha: float = 0.0075
    group_observed_to_expected: tuple[float, float] = (0.8, 1.25)

    min_sensitivity: float | None = None
    min_specificity: float | None = None
    min_ppv: float | None = None
    min_npv: float | None = None
    max_alert_rate: float | None = None
    max_number_needed: float | None = None
    widest_rate_interval: float = 0.2

    min_net_benefit_gain: float = 0.0

    min_f1: float | None = None
    min_balanced_accuracy: float | None = None
    min_mcc: float | None = None
    max_brier: float | None = None
    max_log_loss: float | None = None

    min_median_lead_hours: float | None = None

    max_spread: float | None = None
    group_alpha: float = 0.005
    side_alpha: float = 0.001

    family_alpha: float = 0.0125
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
    max_alert_rate_gap: float | None = None
    false_alert_cost: float | None = None
    max_cost_ratio: float | None = None
    max_label_gap: float = 0.1
    max_proxy_auroc: float | None = None
    max_standardised_difference: float = 0.25
    max_uncovered_share: float = 0.05
    min_effective_share: float = 0.3

    conformal_alpha: float = 0.1
    coverage_tolerance: float = 0.03
    coverage_alpha: float = 0.005
    max_answered_error: float | None = None

    baseline_margin: float = 0.01
    baseline_net_benefit_margin: float = 0.002

    max_single_input_auroc: float = 0.95
    max_score_auroc: float = 0.995
    max_duplicate_share: float = 0.01
    max_missing_shift: float = 0.25

    max_silent_slips: float | None = 0.2
    max_silent_absurd: float | None = 0.0
    max_absent_flips: float | None = None
    max_noise_flips: float | None = 0.1
    max_stuck_flips: float | None = None
    max_adversarial_flips: float | None = 0.35
    shift_alpha: float = 0.005
    max_auroc_fall: float = 0.05

    slice_alpha: float = 0.01
    detectable_slice: float = 1.0

    max_membership_tpr: float = 0.05
    max_membership_tpr_rare: float = 0.02
    max_membership_auroc: float = 0.6
    max_attribute_gain: float = 0.05

    max_explanation_error: float = 1e-6
    min_explanation_stability: float = 0.9
    min_explanation_agreement: float = 0.5
    max_randomised_similarity: float = 0.5
    min_surrogate_fidelity: float = 0.8
    min_surrogate_agreement: float = 0.9

    def __post_init__(self) -> None:
        refuse_senseless(self)
        for name in ("draws", "min_group"):
            if getattr(self, name) < 2:
                raise _requirement(name, "be at least 2")
        for name in ("observed_to_expected", "calibration_slope", "group_observed_to_expected"):
            low, high = getattr(self, name)
            if not 0.0 <= low <= 1.0 <= high:
                raise _requirement(name, "be a band around 1")


def _requirement(name: str, rule: str) -> Invalid:
    return Invalid(f"must {rule}.", path=f"requirements.{name}", remedy="Correct the policy.")
