"""What would change an answer: the smallest change of inputs that care can change, within plausible bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bedrail.core.values import Value
from bedrail.models.contract import Raw
from bedrail.models.feature import Feature, absent
from bedrail.models.predict import LoadedModel

Matrix = NDArray[np.float64]

STEPS = 60
PAIR_STEPS = 15
MOST = 3
WIDEST = 2.0
"""Without declared bounds on a side, values up to this many training standard deviations away are tried."""


class Change(Value, frozen=True, kw_only=True):
    """One way to the other side of the threshold: (feature, label, from, to, unit) for each input, and the new risk."""

    moves: tuple[tuple[str, str, float | str, float | str, str], ...]
    risk: float


def changes(
    model: LoadedModel, values: Mapping[str, Raw], threshold: float, actionable: Sequence[str]
) -> tuple[Change, ...]:
    """At most three changes, of one input each, or of two where no single one is enough; the smallest first.

    A number moves within its contract's `low` and `high` (or two standard deviations of the training patients) on a
    grid of 60 steps, a category to its other levels; imputed inputs stay. Size is the share of the range moved through.
    After Wachter, Mittelstadt and Russell, "Counterfactual explanations without opening the black box" (2018), by
    exhaustive search, so that no smaller change on the grid is missed.
    """
    contract = model.package.contract
    filled = {f.name: f.impute if absent(values.get(f.name)) else values[f.name] for f in contract.features}
    options = {
        f.name: _options(f, filled[f.name], model, STEPS)
        for f in contract.features
        if f.name in actionable and not absent(values.get(f.name))
    }
    row = model.encoder.row(filled)
    above = float(model.package.calibration.apply(model.score(row))) >= threshold
    singles = [((name, value),) for name, choices in options.items() for value, _ in choices]
    found = _crossing(model, row, filled, singles, threshold, above)
    if not found:
        coarse = {name: choices[:: max(1, len(choices) // PAIR_STEPS)] for name, choices in options.items()}
        pairs = [((a, x), (b, y)) for a, b in combinations(coarse, 2) for x, _ in coarse[a] for y, _ in coarse[b]]
        found = _crossing(model, row, filled, pairs, threshold, above)
    size = {name: dict(choices) for name, choices in options.items()}
    found.sort(key=lambda one: sum(size[name][value] for name, value in one[0]))
    best: dict[tuple[str, ...], Change] = {}
    for moves, risk in found:
        names = tuple(name for name, _ in moves)
        if names not in best:
            told = tuple(_move(contract.feature(name), filled[name], value) for name, value in moves)
            best[names] = Change(moves=told, risk=risk)
    return tuple(best.values())[:MOST]


def _crossing(
    model: LoadedModel,
    row: Matrix,
    values: Mapping[str, Raw],
    moves: Sequence[tuple[tuple[str, float | str], ...]],
    threshold: float,
    above: bool,
) -> list[tuple[tuple[tuple[str, float | str], ...], float]]:
    if not moves:
        return []
    contract = model.package.contract
    spans = dict(zip(contract.names, contract.spans, strict=True))
    rows = np.repeat(row[None, :], len(moves), axis=0)
    for at, move in enumerate(moves):
        for name, value in move:
            start, stop = spans[name]
            feature = contract.feature(name)
            if feature.kind == "numeric":
                rows[at, start] = value
            else:
                rows[at, start:stop] = [level == value for level in feature.levels]
    del values
    risks = model.package.calibration.apply_many(model.scores(rows))
    return [(move, float(risk)) for move, risk in zip(moves, risks, strict=True) if (risk >= threshold) != above]


def _options(feature: Feature, value: Raw, model: LoadedModel, steps: int) -> list[tuple[float | str, float]]:
    """(value to try, size of the move), nearest first; sizes are shares of the range, 1 for another level."""
    if feature.kind == "categorical":
        return [(level, 1.0) for level in feature.levels if level != value]
    own = float(value or 0.0)
    low, high = _range(feature, own, model)
    if not low < high:
        return []
    whole = own == int(own) and (high - low) <= 10 * steps and feature.unit in ("1", "", "a", "d")
    grid = np.arange(np.ceil(low), np.floor(high) + 1) if whole else np.linspace(low, high, steps)
    tried = [(float(g), abs(float(g) - own) / (high - low)) for g in grid if abs(g - own) > 1e-12]
    return sorted(tried, key=lambda one: one[1])


def _range(feature: Feature, own: float, model: LoadedModel) -> tuple[float, float]:
    low, high = feature.low, feature.high
    if low is not None and high is not None:
        return low, high
    spread = 0.0
    distance = model.package.ood
    if distance is not None and feature.name in distance.names:
        spread = WIDEST * float(distance.scale[distance.names.index(feature.name)])
    return (own - spread if low is None else low), (own + spread if high is None else high)


def _move(feature: Feature, before: Raw, after: float | str) -> tuple[str, str, float | str, float | str, str]:
    old: float | str = before if isinstance(before, str) else float(before or 0.0)
    return feature.name, feature.label or feature.name, old, after, "" if feature.unit == "1" else feature.unit
