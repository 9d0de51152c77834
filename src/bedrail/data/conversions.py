"""Recognising a unit error: present values that are the reference's times a known factor, or plus a known offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEVELS = np.linspace(0.02, 0.98, 97)

# (what the present values would be, factor, offset): present = reference * factor + offset
_FACTORS: tuple[tuple[str, float], ...] = (
    ("days given in hours", 24.0),
    ("weeks given in days", 7.0),
    ("minutes given in seconds or hours in minutes", 60.0),
    ("years given in months", 12.0),
    ("years given in days", 365.25),
    ("tenfold", 10.0),
    ("hundredfold or a share given in percent", 100.0),
    ("thousandfold, such as g given in mg", 1000.0),
    ("kilograms given in pounds", 2.20462),
    ("inches given in centimetres", 2.54),
    ("glucose in mmol/l given in mg/dl", 18.016),
    ("cholesterol in mmol/l given in mg/dl", 38.67),
    ("creatinine in mg/dl given in umol/l", 88.42),
    ("bilirubin in mg/dl given in umol/l", 17.1),
    ("calcium in mmol/l given in mg/dl", 4.008),
    ("kPa given in mmHg", 7.50062),
)
_OFFSETS: tuple[tuple[str, float, float], ...] = (
    ("degrees Celsius given in Fahrenheit", 1.8, 32.0),
    ("degrees Fahrenheit given in Celsius", 1 / 1.8, -32 / 1.8),
    ("degrees Celsius given in Kelvin", 1.0, 273.15),
    ("degrees Kelvin given in Celsius", 1.0, -273.15),
)
_SMALLEST_SCALE = 1.5
_SMALLEST_SHIFT = 1.5


@dataclass(frozen=True, slots=True)
class Conversion:
    """present = reference * factor + offset; `before` and `after` are mean quantile distances in units of spread."""

    name: str
    factor: float
    offset: float
    before: float
    after: float
    fit: float


def factors() -> tuple[tuple[str, float, float], ...]:
    """(name, factor, offset) of every known conversion, either way round: given = meant * factor + offset."""
    either = [(name, factor, 0.0) for name, factor in _FACTORS]
    either += [(f"{name}, the other way round", 1 / factor, 0.0) for name, factor in _FACTORS]
    return (*either, *_OFFSETS)


def best_conversion(then: Floats, now: Floats) -> Conversion | None:
    """The conversion that best turns the reference's quantiles into the present ones, or None if none does.

    Distances are the mean absolute difference of the 2 % to 98 % quantiles over the reference's spread after
    conversion, so ties and rounding do not matter. A free factor (beyond 1.5 either way) or a free offset (beyond 1.5
    spreads) is tried too, and ranks behind the known ones.
    """
    if len(then) < 20 or len(now) < 10:
        return None
    q, present = np.quantile(then, _LEVELS), np.quantile(now, _LEVELS)
    spread = _spread(q)
    before = float(np.abs(present - q).mean()) / spread
    accept = 0.15 + 1.5 / np.sqrt(len(now))
    if before < 2 * accept:
        return None
    best: Conversion | None = None
    for name, factor, offset, trust in _candidates(q, present, spread):
        after = float(np.abs(present - (q * factor + offset)).mean()) / (spread * abs(factor))
        # the change must be judged on the smaller of the two scales, or a shrinking factor would look half mended
        change = before / min(abs(factor), 1.0) if abs(factor) < 1 else before
        if after <= accept and after < 0.5 * change:
            fit = trust * (1 - 0.5 * after / accept * min(1.0, 2 * after / change)) * min(1.0, 0.6 + change / 4)
            if best is None or fit > best.fit:
                best = Conversion(name, float(factor), float(offset), before, after, float(fit))
    return best


def _candidates(q: Floats, present: Floats, spread: float) -> list[tuple[str, float, float, float]]:
    out = []
    for name, factor in _FACTORS:
        out.append((f"times {factor:g} ({name})", factor, 0.0, 1.0))
        out.append((f"divided by {factor:g} ({name}, the other way round)", 1 / factor, 0.0, 1.0))
    out += [(name, factor, offset, 0.98) for name, factor, offset in _OFFSETS]
    weight = float(np.abs(q).sum())
    factor = float(present.sum() / q.sum()) if weight and q.sum() else 1.0
    if factor > 0 and abs(np.log(factor)) > np.log(_SMALLEST_SCALE):
        out.append((f"times {factor:.3g}", factor, 0.0, 0.85))
    shift = float(np.median(present - q))
    if abs(shift) > _SMALLEST_SHIFT * spread:
        out.append((f"plus {shift:.4g}", 1.0, shift, 0.8))
    return out


def _spread(q: Floats) -> float:
    mean = float(np.abs(q - np.median(q)).mean())
    return mean if mean > 0 else max(abs(float(np.median(q))), 1e-9)
