"""Bootstrap on counts: rows fall into cells; drawing patients again is one multinomial draw over kinds of patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.values import Floats, Ints

_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows counted in cells. `kinds` (k, cells) are the different patients there are, `weights` (k,) how many of each.

    Without repeated patients a kind is a cell, and `kinds` is None.
    """

    counts: Floats
    weights: Ints
    kinds: Floats | None

    @classmethod
    def of(cls, cell: Ints, cells: int, clusters: Ints | None) -> Tally:
        """Count rows by `cell` (n,) of 0..cells-1; with `clusters` (n,), patients with equal rows become one kind."""
        counts = np.bincount(cell, minlength=cells)
        if clusters is None:
            return cls(counts=counts.astype(np.float64), weights=counts.astype(np.int64), kinds=None)
        _, patient = np.unique(clusters, return_inverse=True)
        weights, kinds = _kinds(cell, cells, patient)
        return cls(counts=counts.astype(np.float64), weights=weights, kinds=kinds)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        """(draws, cells) counts of as many patients, drawn with replacement.

        Efron (1979); whole patients: Field and Welsh (2007).
        Distributed as when rows are drawn one by one, at a cost that depends on kinds of patients, not on rows.
        """
        total = int(self.weights.sum())
        if total == 0:
            return np.zeros((draws, len(self.counts)))
        drawn = rng.multinomial(total, self.weights / total, size=draws)
        return drawn.astype(np.float64) if self.kinds is None else np.asarray(drawn @ self.kinds, dtype=np.float64)


def _kinds(cell: Ints, cells: int, patient: Ints) -> tuple[Ints, Floats]:
    """Patients whose rows fall into the same cells, found by a 64-bit sum of mixed cell codes."""
    code = (np.arange(1, cells + 1, dtype=np.uint64) * _ODD) ^ (
        np.arange(1, cells + 1, dtype=np.uint64) << np.uint64(29)
    )
    code = (code ^ (code >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    patients = int(patient.max()) + 1
    mark = np.zeros(patients, dtype=np.uint64)
    np.add.at(mark, patient, code[cell])
    _, first, weights = np.unique(mark, return_index=True, return_counts=True)
    chosen = np.full(patients, -1, dtype=np.int64)
    chosen[first] = np.arange(len(first))
    rows = chosen[patient] >= 0
    kinds = np.zeros((len(first), cells))
    np.add.at(kinds, (chosen[patient][rows], cell[rows]), 1.0)
    return weights.astype(np.int64), kinds
