"""One declared input of a model: its kind, unit, bounds or levels, and what an absent value means."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

Raw = float | str | None
"""One input as a caller gives it: a number in the contract's unit, a level, or None when it is missing."""


class Feature(Value, frozen=True, kw_only=True):
    """One declared input. Numbers are in `unit` (UCUM); `units` gives other accepted units and the factor into `unit`.

    `low` and `high` are the plausible bounds (inclusive) that input guards use; None means no bound on that side.
    `missing` says what an absent value means: `refuse` (no score) or `impute` (use the value `impute`).
    `reference` is the reference interval of healthy people, in `unit`; `actionable` says whether care can change the
    input: only those are named when it is told what would change an answer.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    label: str = ""
    unit: str = ""
    units: dict[str, float] = msgspec.field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    missing: Literal["refuse", "impute"] = "refuse"
    impute: float | str | None = None
    max_age_hours: float | None = None
    reference: tuple[float, float] | None = None
    actionable: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The matrix columns of this input: itself when numeric, `name=level` for each level when categorical."""
        return (self.name,) if self.kind == "numeric" else tuple(f"{self.name}={level}" for level in self.levels)

    def factor(self, unit: str) -> float:
        """What to multiply a number in `unit` with to get the contract's unit; raises `Invalid` for an unknown unit."""
        if unit in ("", self.unit):
            return 1.0
        if unit not in self.units:
            accepted = ", ".join((self.unit, *self.units))
            raise Invalid(
                f"unit `{unit}` is not accepted for `{self.name}`.",
                path=f"features.{self.name}",
                remedy=f"Send it in one of: {accepted}.",
            )
        return self.units[unit]

    def in_range(self, value: float) -> bool:
        """Whether a number in the contract's unit lies within `low` and `high`."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def lint(self) -> tuple[Invalid, ...]:
        """Everything wrong with this declaration, each with path and remedy."""
        return tuple(
            Invalid(f"{rule.message}.", path=f"features.{self.name}.{rule.field}", remedy=rule.remedy)
            for rule in _RULES
            if rule.broken(self)
        )


def absent(value: object) -> bool:
    """Whether a value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _imputable(feature: Feature) -> bool:
    if feature.kind == "categorical":
        return feature.impute in feature.levels
    return isinstance(feature.impute, (int, float)) and feature.in_range(float(feature.impute))


class _Rule(NamedTuple):
    broken: Callable[[Feature], bool]
    field: str
    message: str
    remedy: str


_RULES = (
    _Rule(lambda f: not f.name or f.name != f.name.strip(), "name", "a feature needs a name", "Give it one."),
    _Rule(lambda f: f.kind == "numeric" and bool(f.levels), "levels", "a number has no levels", "Remove `levels`."),
    _Rule(
        lambda f: f.kind == "categorical" and len(f.levels) < 2,
        "levels",
        "a category needs at least two levels",
        "List every level that the model was trained with.",
    ),
    _Rule(lambda f: len(set(f.levels)) != len(f.levels), "levels", "a level is listed twice", "List it once."),
    _Rule(
        lambda f: f.kind == "categorical" and (f.low is not None or f.high is not None),
        "low",
        "a category has no bounds",
        "Remove `low` and `high`.",
    ),
    _Rule(
        lambda f: any(bound is not None and not math.isfinite(bound) for bound in (f.low, f.high)),
        "low",
        "a bound is not a finite number",
        "Leave it out to have no bound.",
    ),
    _Rule(
        lambda f: f.low is not None and f.high is not None and f.low >= f.high,
        "high",
        "the bounds leave no room",
        "Set `low` below `high`.",
    ),
    _Rule(
        lambda f: f.reference is not None and (f.kind == "categorical" or not f.reference[0] < f.reference[1]),
        "reference",
        "a reference interval is two rising numbers, and of numbers only",
        "Give the lower limit first, in the feature's unit.",
    ),
    _Rule(
        lambda f: any(not math.isfinite(factor) or factor <= 0 for factor in f.units.values()),
        "units",
        "a unit factor must be a positive number",
        "Give the number that turns that unit into `unit`.",
    ),
    _Rule(
        lambda f: f.missing == "impute" and absent(f.impute),
        "impute",
        "imputing needs a value",
        'Set `impute`, or `missing = "refuse"`.',
    ),
    _Rule(
        lambda f: f.missing == "refuse" and f.impute is not None,
        "impute",
        "a value to impute is given, but a gap is refused",
        'Remove `impute`, or set `missing = "impute"`.',
    ),
    _Rule(
        lambda f: f.missing == "impute" and not absent(f.impute) and not _imputable(f),
        "impute",
        "the value to impute is not one that the feature may take",
        "Choose a number within the bounds, or one of the levels.",
    ),
    _Rule(
        lambda f: f.max_age_hours is not None and not f.max_age_hours > 0,
        "max_age_hours",
        "an age limit must be positive",
        "Leave it out to have no limit.",
    ),
)
