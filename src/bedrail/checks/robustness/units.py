"""Slips of units that an input can suffer: by the contract's own units, by measurement, and by kind of unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bedrail.checks.columns import Floats
from bedrail.checks.robustness.variation import measurement_of, unit_of
from bedrail.data.conversions import factors
from bedrail.models.contract import Feature

COUNTS = ("", "1", "{count}", "{#}")
"""Units of what is counted: there is no other unit to take it for."""

BACK = ", the other way round"
BY_UNIT: dict[str, tuple[tuple[str, str], ...]] = {
    "a": (("years given in months", "given in months"), ("years given in days", "given in days")),
    "mo": (("years given in months" + BACK, "given in years"),),
    "wk": (("weeks given in days", "given in days"),),
    "d": (("days given in hours", "given in hours"), ("weeks given in days" + BACK, "given in weeks")),
    "h": (
        ("days given in hours" + BACK, "given in days"),
        ("minutes given in seconds or hours in minutes", "given in minutes"),
    ),
    "min": (("minutes given in seconds or hours in minutes", "given in seconds"),),
    "kg": (("kilograms given in pounds", "given in pounds"), ("thousandfold, such as g given in mg", "given in grams")),
    "[lb_av]": (("kilograms given in pounds" + BACK, "given in kilograms"),),
    "cm": (
        ("inches given in centimetres" + BACK, "given in inches"),
        ("hundredfold or a share given in percent" + BACK, "given in metres"),
    ),
    "[in_i]": (("inches given in centimetres", "given in centimetres"),),
    "Cel": (
        ("degrees Celsius given in Fahrenheit", "given in Fahrenheit"),
        ("degrees Celsius given in Kelvin", "given in Kelvin"),
    ),
    "[degF]": (("degrees Fahrenheit given in Celsius", "given in Celsius"),),
    "%": (("hundredfold or a share given in percent" + BACK, "given as a fraction"),),
    "kPa": (("kPa given in mmHg", "given in mmHg"),),
    "mm[Hg]": (("kPa given in mmHg" + BACK, "given in kPa"),),
    "g": (("thousandfold, such as g given in mg", "given in milligrams"),),
    "mg": (("thousandfold, such as g given in mg" + BACK, "given in grams"),),
    "g/dL": (("tenfold", "given in g/L"),),
    "g/L": (("tenfold" + BACK, "given in g/dL"),),
    "mg/dL": (("tenfold", "given in mg/L"),),
}
"""Conversions of `data/conversions.py` that make sense for a UCUM unit, and how a slip by them is told."""


@dataclass(frozen=True, slots=True)
class UnitSlip:
    """A number given as another unit has it: given = meant * factor + offset, taken for the contract's unit."""

    name: str
    factor: float
    offset: float = 0.0

    def given(self, meant: Floats) -> Floats:
        """What the model is sent."""
        return meant * self.factor + self.offset


def slips_of(feature: Feature) -> tuple[UnitSlip, ...]:
    """Every slip of units known for an input, each factor once; none for a count or an input without a unit."""
    if feature.kind != "numeric" or feature.unit in COUNTS:
        return ()
    found: dict[tuple[float, float], UnitSlip] = {}
    for slip in (*_by_contract(feature), *_by_measurement(feature), *_by_kind(feature)):
        found.setdefault((round(slip.factor, 4), round(slip.offset, 3)), slip)
    return tuple(found.values())


def _by_contract(feature: Feature) -> Iterator[UnitSlip]:
    for unit, factor in feature.units.items():
        yield UnitSlip(f"given in {unit}", 1 / factor)


def _by_measurement(feature: Feature) -> Iterator[UnitSlip]:
    known = measurement_of(feature)
    own = unit_of(known, feature.unit) if known is not None else None
    if known is None or own is None:
        return
    for other in known.units:
        if other is not own:
            factor = other.factor / own.factor
            yield UnitSlip(f"given in {other.unit}", factor, other.offset - own.offset * factor)


def _by_kind(feature: Feature) -> Iterator[UnitSlip]:
    known = {name: (factor, offset) for name, factor, offset in factors()}
    for name, words in BY_UNIT.get(feature.unit, ()):
        factor, offset = known[name]
        yield UnitSlip(words, factor, offset)
    yield UnitSlip("with its decimal point slipped", 10.0)
