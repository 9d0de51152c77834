"""The disturbances: what arrives instead of what was meant. Each is a table made from the rows as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrail.checks.columns import Ints
from bedrail.checks.robustness.asking import numbers
from bedrail.checks.robustness.units import COUNTS, slips_of
from bedrail.checks.robustness.variation import panel_of, variation_of
from bedrail.models.contract import Contract, Feature

if TYPE_CHECKING:
    import pandas as pd

Rng = np.random.Generator
Columns = dict[str, Any]
NOISE_DRAWS = 5
ABSURD = 1_000.0
"""So many times the largest value seen is a value that no patient has."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One way in which inputs go wrong: `group` names it in findings, `bound` the number that it is held to.

    `made(frame, rng)` gives the columns that arrive otherwise; `draws` says over how many repetitions it is averaged.
    """

    family: str
    group: str
    words: str
    made: Callable[[pd.DataFrame, Rng], Columns]
    bound: str | None
    draws: int = 1


def disturbances(contract: Contract, inputs: pd.DataFrame, who: Ints | None) -> Iterator[Disturbance]:
    """Every disturbance that makes sense for these inputs; `who` (n,) are the patients of the rows, where known."""
    features = [f for f in contract.features if f.name in inputs.columns]
    numeric = [f for f in features if f.kind == "numeric"]
    yield from _unit_slips(numeric)
    yield from _absurd(numeric)
    yield from _absent_together(features)
    yield _noise(numeric)
    yield from _rounding(numeric)
    yield from _stuck(features)
    yield from _lagged(features, who)


def without_unit(contract: Contract) -> tuple[Feature, ...]:
    """Numbers that declare no unit: nobody can say which slip they could suffer."""
    return tuple(f for f in contract.features if f.kind == "numeric" and f.unit == "")


def counted(contract: Contract) -> tuple[Feature, ...]:
    """Numbers that count something."""
    return tuple(f for f in contract.features if f.kind == "numeric" and f.unit in COUNTS and f.unit)


def _unit_slips(numeric: list[Feature]) -> Iterator[Disturbance]:
    for feature in numeric:
        for slip in slips_of(feature):

            def made(frame: pd.DataFrame, _: Rng, name: str = feature.name, given: Any = slip.given) -> Columns:
                return {name: given(numbers(frame, name))}

            words = f"{feature.label or feature.name} {slip.name}"
            yield Disturbance("unit-slip", f"{feature.name}={slip.name}", words, made, "max_silent_slips")


def _absurd(numeric: list[Feature]) -> Iterator[Disturbance]:
    for feature in numeric:
        for name, sign in (("far too large", 1.0), ("negative", -1.0)):

            def made(frame: pd.DataFrame, _: Rng, name: str = feature.name, sign: float = sign) -> Columns:
                values = np.abs(numbers(frame, name))
                top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
                return {name: np.full(len(frame), sign * ABSURD * max(1.0, top))}

            words = f"{feature.label or feature.name} {name}"
            yield Disturbance("absurd-value", f"{feature.name}={name}", words, made, "max_silent_absurd")


def _absent_together(features: list[Feature]) -> Iterator[Disturbance]:
    sets = {
        "all blood values": [f.name for f in features if panel_of(f) == "blood"],
        "all vital signs": [f.name for f in features if panel_of(f) == "vital"],
        "all that may be imputed": [f.name for f in features if f.missing == "impute"],
        "all numbers": [f.name for f in features if f.kind == "numeric"],
    }
    for group, names in sets.items():
        if len(names) > 1:
            words = f"without {group}"
            yield Disturbance("absent-together", f"inputs={group}", words, _blank(names), "max_absent_flips")
    guessed = [f.name for f in features if f.missing == "impute"]
    for share in (0.1, 0.3):
        if guessed:

            def made(frame: pd.DataFrame, rng: Rng, share: float = share) -> Columns:
                return {name: frame[name].astype(object).where(rng.random(len(frame)) >= share) for name in guessed}

            words = f"with {share:.0%} of what may be imputed absent at random"
            group = f"inputs={share:.0%} of cells"
            yield Disturbance("absent-together", group, words, made, "max_absent_flips", NOISE_DRAWS)


def _blank(names: list[str]) -> Callable[[pd.DataFrame, Rng], Columns]:
    def made(frame: pd.DataFrame, _: Rng) -> Columns:
        return {name: np.full(len(frame), None, dtype=object) for name in names}

    return made


def _noise(numeric: list[Feature]) -> Disturbance:
    def made(frame: pd.DataFrame, rng: Rng) -> Columns:
        moved = {}
        for feature in numeric:
            values = numbers(frame, feature.name)
            own = variation_of(feature, values)
            moved[feature.name] = own.moved(values, rng.normal(size=len(values)), feature)
        return moved

    words = "with every measurement repeated, as far as it varies by itself"
    return Disturbance("noise", "inputs=all numbers", words, made, "max_noise_flips", NOISE_DRAWS)


def _rounding(numeric: list[Feature]) -> Iterator[Disturbance]:
    for digits, name in ((2, "two significant digits"), (1, "one significant digit")):

        def made(frame: pd.DataFrame, _: Rng, digits: int = digits) -> Columns:
            return {f.name: _rounded(numbers(frame, f.name), digits, f) for f in numeric}

        bound = "max_noise_flips" if digits == 2 else None
        yield Disturbance("rounding", f"inputs={name}", f"rounded to {name}", made, bound)


def _rounded(values: np.ndarray, digits: int, feature: Feature) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (np.floor(np.log10(np.abs(values))) - digits + 1)
        rounded = np.where((values == 0) | ~np.isfinite(values), values, np.round(values / scale) * scale)
    low = -np.inf if feature.low is None else feature.low
    return np.clip(rounded, low, np.inf if feature.high is None else feature.high)


def _stuck(features: list[Feature]) -> Iterator[Disturbance]:
    for feature in features:

        def made(frame: pd.DataFrame, _: Rng, name: str = feature.name, kind: str = feature.kind) -> Columns:
            if kind == "numeric":
                values = numbers(frame, name)
                there = np.sort(values[np.isfinite(values)])
                return {name: np.full(len(frame), there[len(there) // 2] if len(there) else np.nan)}
            levels = frame[name].dropna()
            return {name: np.full(len(frame), levels.mode().iloc[0] if len(levels) else None, dtype=object)}

        words = f"{feature.label or feature.name} stuck at one value"
        yield Disturbance("stuck", f"input={feature.name}", words, made, "max_stuck_flips")


def _lagged(features: list[Feature], who: Ints | None) -> Iterator[Disturbance]:
    """The values of the row before: of the same patient where patients come again, and of whoever came before."""
    names = [f.name for f in features]

    def another(frame: pd.DataFrame, _: Rng) -> Columns:
        return {name: np.roll(numbers(frame, name), 1) for name in numeric}

    numeric = [f.name for f in features if f.kind == "numeric"]
    if numeric:
        words = "with the numbers of the patient before"
        yield Disturbance("lagged", "inputs=of another patient", words, another, None)
    if who is None or len(np.unique(who)) == len(who):
        return
    order = np.lexsort((np.arange(len(who)), who))
    before = np.arange(len(who))
    same = who[order][1:] == who[order][:-1]
    before[order[1:][same]] = order[:-1][same]

    def earlier(frame: pd.DataFrame, _: Rng) -> Columns:
        return {name: frame[name].to_numpy()[before] for name in names}

    yield Disturbance("lagged", "inputs=of the stay before", "with the values of the stay before", earlier, None)
