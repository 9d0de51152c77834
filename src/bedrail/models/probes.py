"""Rows on which a model that was read must answer as its original does, and the comparison of the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid

Floats = npt.NDArray[np.float64]

PARITY = 1e-6
"""How far a probability may be from the original's: nothing that double precision does not explain."""

PARITY_FLOAT32 = 1e-5
"""The same for models that compute in single precision, where two programs may sum in another order."""

PROBES = 512
_PLACES: Mapping[str, Callable[[Floats], Floats]] = {
    "on a threshold": lambda cut: cut,
    "just above a threshold": lambda cut: np.nextafter(cut, np.inf),
    "just below a threshold": lambda cut: np.nextafter(cut, -np.inf),
    "between thresholds": lambda cut: (cut[1:] + cut[:-1]) / 2 if len(cut) > 1 else cut,
    "beyond all thresholds": lambda cut: np.array([cut[0] - 1 - abs(cut[0]), cut[-1] + 1 + abs(cut[-1])]),
}


class Probes(NamedTuple):
    """Rows (n, k) in the contract's columns, and in words what each of them is."""

    rows: Floats
    kinds: tuple[str, ...]


def given(rows: npt.ArrayLike, width: int) -> Probes:
    """The caller's rows; raises `Invalid` when they are not a matrix of that width."""
    matrix = np.ascontiguousarray(rows, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != width or matrix.shape[0] == 0:
        raise Invalid(f"rows must be a matrix with {width} columns and at least one row.", path="rows")
    return Probes(matrix, ("given",) * matrix.shape[0])


def around(cuts: Mapping[int, npt.ArrayLike], width: int, n: int = PROBES) -> Probes:
    """n rows that sit on, just beside, between and beyond each column's thresholds, where a wrong reading shows.

    Every place has rows of its own; the last sixth mixes them. Columns without thresholds are 0.
    """
    placed: dict[str, Floats] = {}
    share = -(-n // (len(_PLACES) + 1))
    for place in (*_PLACES, "around thresholds"):
        rows = np.zeros((share, width))
        for column, found in cuts.items():
            cut = np.unique(np.clip(np.asarray(found, dtype=np.float64), -1e30, 1e30))
            ways = (_PLACES[place],) if place in _PLACES else tuple(_PLACES.values())
            values = np.concatenate([way(cut) for way in ways])
            # A stride of its own per column keeps the columns from moving together.
            rows[:, column] = values[(np.arange(share) * (2 * column + 7919)) % values.shape[0]]
        placed[place] = rows
    kinds = tuple(place for place in placed for _ in range(share))
    return Probes(np.concatenate(list(placed.values()))[:n], kinds[:n])


def spread(weights: npt.ArrayLike, n: int = PROBES) -> Probes:
    """n rows of both signs and different sizes, scaled so that a weighted sum does not saturate its probability."""
    coef = np.abs(np.asarray(weights, dtype=np.float64))
    phase = np.arange(n)[:, None] * (np.arange(len(coef)) + 1.0)
    rows: Floats = np.sin(phase) * 4.0 / np.maximum(coef * np.sqrt(len(coef)), 1e-3)
    return Probes(rows, ("spread over the weights",) * n)


def require_same(ours: Floats, theirs: npt.ArrayLike | None, probes: Probes, *, allowed: float = PARITY) -> None:
    """Raise `Invalid` unless both are the same probabilities; it says how many rows differ, which most, and by what."""
    require_risks(ours)
    original = np.asarray(theirs, dtype=np.float64)
    if original.shape != ours.shape:
        raise Invalid("there must be one expected prediction per row.", path="expected")
    gaps = np.abs(original - ours)
    gaps[np.isnan(gaps)] = np.inf  # NaN is a difference too
    if not gaps.max() <= allowed:
        worst, many = int(gaps.argmax()), int((gaps > allowed).sum())
        raise Invalid(
            f"our predictions differ from the original's in {many} of {len(gaps)} rows, "
            f"by up to {gaps[worst]:.3g} (allowed {allowed:g}): row {worst}, {probes.kinds[worst]}.",
            path="model",
            remedy="Check that the rows stand in the model's column order; else export the model to ONNX.",
        )


def require_risks(scores: Floats) -> None:
    """Raise `Invalid` unless all are probabilities."""
    if not (np.isfinite(scores).all() and scores.min() >= -PARITY and scores.max() <= 1 + PARITY):
        raise Invalid(
            "the model does not answer with probabilities.",
            path="model",
            remedy="Import a binary classifier; where it answers with log-odds, say so: output `logits`.",
        )
