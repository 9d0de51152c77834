"""How far an input differs from itself when nothing has changed: by measurement, else a share of its spread."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
import numpy as np

from bedrail.checks.columns import Floats
from bedrail.core.values import Value
from bedrail.data.slips import Analyte, Unit, analyte_of
from bedrail.models.contract import Feature

SHARE_OF_SPREAD = 0.1
"""Of the standard deviation among patients, where a number's own variation is not known."""


class Imprecision(Value, frozen=True, kw_only=True):
    """One SD of a measurement repeated in the same person: a share of the value, or absolute in its usual unit."""

    kind: Literal["blood", "vital"]
    cv: float = 0.0
    sd: float = 0.0


@cache
def imprecisions() -> dict[str, Imprecision]:
    """The measurements whose variation is known, by the names of `data/analytes.toml`."""
    text = resources.files("bedrail.checks.robustness").joinpath("imprecision.toml").read_text(encoding="utf-8")
    return {name: msgspec.convert(table, Imprecision) for name, table in tomllib.loads(text).items()}


def measurement_of(feature: Feature) -> Analyte | None:
    """The known measurement that an input is, by its name or label."""
    return analyte_of(feature.name) or (analyte_of(feature.label) if feature.label else None)


def unit_of(known: Analyte, unit: str) -> Unit | None:
    """The unit of a known measurement that is spelt so."""
    return next((each for each in known.units if each.unit.lower() == unit.lower()), None)


def panel_of(feature: Feature) -> str:
    """`blood` or `vital` for a known measurement, else nothing."""
    known = measurement_of(feature)
    found = imprecisions().get(known.name) if known is not None else None
    return found.kind if found is not None else ""


@dataclass(frozen=True, slots=True)
class Variation:
    """The SD (n,) of each value of an input; `known`: it is the measurement's own; `whole` numbers stay whole."""

    sd: Floats
    known: bool
    whole: bool

    def moved(self, values: Floats, steps: Floats, feature: Feature) -> Floats:
        """`values` moved by so many SDs, kept whole where they are, and within the contract's bounds."""
        moved = values + steps * self.sd
        if self.whole:
            moved = np.round(moved)
        low = -np.inf if feature.low is None else feature.low
        high = np.inf if feature.high is None else feature.high
        return np.where(np.isfinite(values), np.clip(moved, low, high), values)


def variation_of(feature: Feature, values: Floats) -> Variation:
    """How far each of `values` (n,) varies by itself: by its measurement, else a tenth of the patients' SD."""
    there = values[np.isfinite(values)]
    whole = bool(len(there)) and bool((there == np.round(there)).all())
    known = measurement_of(feature)
    own = imprecisions().get(known.name) if known is not None else None
    unit = unit_of(known, feature.unit) if known is not None else None
    if own is not None and unit is not None:
        usual = np.abs(unit.usual(values))
        return Variation(np.hypot(own.cv * usual, own.sd) * unit.factor, True, False)
    spread = float(there.std()) if len(there) else 0.0
    return Variation(np.full(len(values), SHARE_OF_SPREAD * spread), False, whole)
