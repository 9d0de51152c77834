"""A guess of what each node of a lattice will cost, so that the search looks first where it will learn most.

As if columns were independent: the logarithm of a row's expected class size at a node is then a sum over columns, whose
mean and variance add up. With it taken for normal (Gauss-Hermite, `NODES` points) and a class for Poisson around its
expectation, the share of rows in classes below k follows for all nodes at once. Columns depend on one another, so one
number, by which classes are larger than that, is fitted to the nodes counted so far. Nothing rests on a guess but the
order of the search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import lgamma, log

import numpy as np

from bedrail.privacy.release.loss import Losses
from bedrail.privacy.release.tally import Floats, Ints

NODES = 8
SHIFTS = np.arange(-2.0, 8.01, 0.25)
Node = tuple[int, ...]


class Forecast:
    """For every node: `lost`, the share of rows in small classes; `risen` and `fallen`, the parts of the loss that grow
    upwards and downwards; `loss`."""

    def __init__(
        self, losses: Losses, shape: Node, shares: Callable[[int, int], Ints], k: int, floor: Floats, rows: int
    ) -> None:
        """`shares(column, level)` are rows of each group; `floor` is what each node costs at least."""
        self._losses, self._rows, self._floor = losses, rows, floor
        self._mean, self._deviation = _moments(shape, shares, rows)
        self._points, weights = np.polynomial.hermite_e.hermegauss(NODES)
        self._weights = weights / weights.sum()
        self._grid = np.linspace(-25.0, log(max(rows, 2)), 600)
        size = np.exp(self._grid)
        self._small = _poisson_below(size, k - 1)
        self._size, self._alone = (1.0 + size) / rows, 1.0 / (1.0 + size)
        self._seen: dict[Node, float] = {}
        self._shift = 0.0
        self._foretell()

    def learn(self, node: Node, share: float) -> None:
        """That a share of the rows of a node stands in small classes; guesses change as their number doubles."""
        self._seen[node] = share
        if len(self._seen) & (len(self._seen) - 1):
            return
        at = tuple(np.array(list(self._seen)).T)
        mean, deviation = self._mean[at], self._deviation[at]
        truth = np.sqrt(np.array(list(self._seen.values())))
        misses = [float(((np.sqrt(self._mix(self._small, mean + s, deviation)) - truth) ** 2).sum()) for s in SHIFTS]
        best = float(SHIFTS[int(np.argmin(misses))])
        if best != self._shift:
            self._shift = best
            self._foretell()

    def _foretell(self) -> None:
        mean, deviation = self._mean + self._shift, self._deviation
        self.lost = self._mix(self._small, mean, deviation)
        if self._losses.measure == "discernibility":
            self.risen, self.fallen = self._mix(self._size, mean, deviation), self.lost
        elif self._losses.measure == "class-size":
            self.risen = 1.0 / np.maximum(1.0, self._rows * self._mix(self._alone, mean, deviation))
            kept = self._rows * self._mix(self._alone * (1.0 - self._small), mean, deviation)
            self.fallen = 1.0 / (1.0 + kept)
        else:
            self.risen, self.fallen = self._floor, self.lost * (1.0 - self._floor)
        self.loss = self.fallen if self._losses.measure == "class-size" else self.risen + self.fallen

    def _mix(self, values: Floats, mean: Floats, deviation: Floats) -> Floats:
        """The expectation over rows of a function of the logarithm of the class size."""
        total: Floats = np.zeros(np.shape(mean))
        for point, weight in zip(self._points, self._weights, strict=True):
            total += weight * np.interp(mean + point * deviation, self._grid, values)
        return total


def _moments(shape: Node, shares: Callable[[int, int], Ints], rows: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation over rows of the logarithm of the class size, of every node."""
    mean: Floats = np.full(shape, log(max(rows, 1)))
    variance: Floats = np.zeros(shape)
    for column, levels in enumerate(shape):
        first, second = np.zeros(levels), np.zeros(levels)
        for level in range(levels):
            held = shares(column, level)
            share = held[held > 0] / rows
            logs = np.log(share)
            first[level] = float(share @ logs)
            second[level] = max(0.0, float(share @ logs**2) - first[level] ** 2)
        across = [1] * len(shape)
        across[column] = levels
        mean = mean + first.reshape(across)
        variance = variance + second.reshape(across)
    return mean, np.sqrt(variance)


def _poisson_below(size: Floats, k: int) -> Floats:
    """P(X < k) of a Poisson variable, for each expectation."""
    logs: Sequence[Floats] = [n * np.log(size) - size - lgamma(n + 1) for n in range(min(k, 2_000))]
    return np.minimum(1.0, np.sum(np.exp(logs), axis=0)) if logs else np.zeros(len(size))
