"""Bootstrap on counts: rows fall into cells; drawing patients again is one multinomial draw over kinds of patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bedrail.checks.intervals import dense
from bedrail.checks.values import Bools, Floats, Ints

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
# Entries of one block of drawn weights (8 MB), and how much dearer a binomial is than drawing one patient.
_BLOCK = 1_000_000
_DEARER = 6


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows counted in cells: `counts` (cells,). `weights` (k,) says how many patients there are of each kind.

    Without repeated patients a kind is a cell and `kinds` is None; else `kinds` is the sparse matrix (k, cells) of
    the rows that a patient of each kind has.
    """

    counts: Floats
    weights: Ints
    kinds: Any

    @classmethod
    def of(cls, cell: Ints, cells: int, clusters: Ints | None) -> Tally:
        """Count rows by `cell` (n,) of 0..cells-1; with `clusters` (n,), patients with equal rows become one kind."""
        counts = np.bincount(cell, minlength=cells)
        if clusters is None:
            return cls(counts=counts.astype(np.float64), weights=counts.astype(np.int64), kinds=None)
        weights, kinds = _kinds(cell, cells, clusters)
        return cls(counts=counts.astype(np.float64), weights=weights, kinds=kinds)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        """(draws, cells) counts of as many patients, drawn with replacement.

        Efron (1979); whole patients: Field and Welsh (2007). Distributed as when rows are drawn one by one, at a cost
        that depends on kinds of patients, not on rows.
        """
        total, k = int(self.weights.sum()), len(self.weights)
        if total == 0:
            return np.zeros((draws, len(self.counts)))
        out = np.empty((draws, len(self.counts)))
        step = max(1, _BLOCK // k)
        for start in range(0, draws, step):
            size = min(step, draws - start)
            drawn = self._weights(size, total, rng)
            out[start : start + size] = drawn if self.kinds is None else drawn @ self.kinds
        return out

    def _weights(self, draws: int, total: int, rng: np.random.Generator) -> Ints:
        """(draws, k) how often each kind is drawn, kind by kind or, where that is cheaper, patient by patient."""
        k = len(self.weights)
        if k * _DEARER < total:
            return np.asarray(rng.multinomial(total, self.weights / total, size=draws), dtype=np.int64)
        kind = np.repeat(np.arange(k), self.weights)
        drawn = (kind[rng.integers(0, total, size=total, dtype=np.uint32)] for _ in range(draws))
        return np.stack([np.bincount(one, minlength=k) for one in drawn]).astype(np.int64)


def confusion(
    outcome: Floats, alert: Bools, group: Ints, groups: int, clusters: Ints | None, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Counts (groups, 4) and bootstrap counts (draws, groups, 4) of true and false negatives and positives.

    `group` (n,) holds codes 0..groups-1. The last axis is: no outcome and no alert, no outcome but alert, outcome but
    no alert, outcome and alert.
    """
    cell = group * 4 + 2 * outcome.astype(np.int64) + alert.astype(np.int64)
    tally = Tally.of(cell, 4 * groups, clusters)
    return tally.counts.reshape(groups, 4), tally.draw(draws, rng).reshape(draws, groups, 4)


def confusion_rate(metric: str, counts: Floats) -> Floats:
    """(...,) sensitivity, specificity or ppv of counts (..., 4) as `confusion` orders them; NaN without any row."""
    hit, miss = {"sensitivity": (3, 2), "specificity": (0, 1), "ppv": (3, 1)}[metric]
    top = counts[..., hit]
    whole = top + counts[..., miss]
    rates = np.full(top.shape, np.nan)
    np.divide(top, whole, out=rates, where=whole > 0)
    return rates


def _kinds(cell: Ints, cells: int, clusters: Ints) -> tuple[Ints, Any]:
    """Patients whose rows fall into the same cells, found by a 64-bit sum of mixed cell codes."""
    from scipy.sparse import csr_array

    patient = dense(clusters)[1]
    code = np.arange(1, cells + 1, dtype=np.uint64) * _ODD
    code = (code ^ (code >> np.uint64(31))) * _MIX
    code ^= code >> np.uint64(27)
    mark = np.zeros(int(patient.max()) + 1, dtype=np.uint64)
    np.add.at(mark, patient, code[cell])
    _, first, weights = np.unique(mark, return_index=True, return_counts=True)
    place = np.full(len(mark), -1, dtype=np.int64)
    place[first] = np.arange(len(first))
    kind = place[patient]
    rows = kind >= 0
    kinds = csr_array((np.ones(int(rows.sum())), (kind[rows], cell[rows])), shape=(len(first), cells))
    return weights.astype(np.int64), kinds
