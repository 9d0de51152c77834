"""The least generalisation that reaches the targets: an exact search of the lattice of full-domain generalisations.

Predictive tagging as in Flash (Kohlmayer et al. 2012) and OLA (El Emam et al. 2009): when a node leaves too many rows
in classes below k, so do all nodes below it. And bounds: the loss of a node is a part that only grows upwards (levels,
or joined classes) and a part that only grows downwards (rows left out), so what was counted of a node bounds the one
part of all nodes above, the other of all below. A node is open while the sum of its two bounds is under the best loss
found; counting stops as soon as the rows seen close it. First the nodes are counted that a guess (`forecast`) holds for
the best, then those that promise to close most others. When no node is open, the best is the
optimum, whatever was guessed.

Only the size of classes is monotone when rows may be suppressed (a class that fails may spoil one that does not when
the two are joined: entropy, t and the like), so l and t are measured at each node that has survived, and never tagged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bedrail.privacy.release.blocks import Node
from bedrail.privacy.release.forecast import Forecast
from bedrail.privacy.release.lattice import MOST_NODES, Classes, Failing, Lattice
from bedrail.privacy.release.loss import Losses
from bedrail.privacy.release.tally import Bools, Floats

GUESSES = 60
SLACK = 1e-12


@dataclass(frozen=True, slots=True)
class Found:
    """A node that reaches the targets: levels of each column, rows to suppress, loss 0..1, and how it was found.

    `certified` says that no other node reaches the targets with less loss; `checked` of `nodes` were counted.
    """

    levels: Node
    suppressed: int
    loss: float
    certified: bool
    checked: int
    nodes: int


def search(
    lattice: Lattice, losses: Losses, *, k: int, most_suppressed: int, failing: Failing | None = None
) -> Found | None:
    """The node of least loss at which at most `most_suppressed` rows stand in classes that break a target.

    A class breaks a target when it is smaller than `k`, or `failing` says so. None when no node does; raises ValueError
    for a lattice of more than `MOST_NODES` nodes (see `top_down`).
    """
    if int(np.prod([float(n) for n in lattice.shape])) > MOST_NODES:
        raise ValueError("the lattice is too large for an exact search")
    hunt = _Hunt(lattice, losses, k, most_suppressed, failing)
    for _ in range(GUESSES):
        node = hunt.likeliest()
        if node is None:
            break
        hunt.measure(node)
    while (node := hunt.widest()) is not None:
        hunt.measure(node)
    best = hunt.best
    return None if best is None else replace(best, checked=lattice.checked)


class _Hunt:
    """What is known of each node: whether it is closed, and the bounds of the two parts of its loss."""

    def __init__(self, lattice: Lattice, losses: Losses, k: int, most_suppressed: int, failing: Failing | None) -> None:
        self._lattice, self._losses, self._k, self._most, self._failing = lattice, losses, k, most_suppressed, failing
        shape = lattice.shape
        self._floor = _floors(losses, shape)
        self._risen = self._floor.copy()
        if losses.measure == "class-size":  # a node has no more classes than its groups multiply to
            self._risen = 1.0 / lattice.cells() - SLACK
        self._fallen: Floats = np.zeros(shape)
        self._apart = losses.measure == "class-size"  # there each bound is of the whole loss
        self._closed = np.zeros(shape, dtype=bool)
        self._guess = Forecast(losses, shape, lattice.shares, k, self._floor, max(1, lattice.rows))
        self.best: Found | None = None

    @property
    def _least(self) -> float:
        return np.inf if self.best is None else self.best.loss

    def _open(self) -> Bools:
        bound = np.maximum(self._risen, self._fallen) if self._apart else self._risen + self._fallen
        return np.asarray(~self._closed & (bound < self._least))

    def likeliest(self) -> Node | None:
        """The open node of which the least loss is expected, below the best one; None when none is."""
        left = self._open()
        hoped = left & (self._guess.loss < self._least) & (self._guess.lost * self._lattice.rows <= self._most)
        if hoped.any():
            return _first(np.where(hoped, self._guess.loss, np.inf))
        if self.best is None and left.any():
            return _first(np.where(left, self._guess.lost, np.inf))
        return None

    def widest(self) -> Node | None:
        """An open node that will close many others, by what is expected of it; None when no node is open."""
        left = self._open()
        if not left.any():
            return None
        if self._losses.table:  # all below it fall with it
            return _first(np.where(left, -self._floor, np.inf))
        risen, fallen = self._guess.risen, self._guess.fallen
        if not self._apart:
            fallen = np.where(self._guess.lost * self._lattice.rows > self._most, np.inf, fallen)
        for margin in (1.05, 1.0):
            upwards = left & (risen >= margin * self._least)
            if upwards.any():
                return _first(np.where(upwards, risen, np.inf))
            downwards = left & (fallen >= margin * self._least)
            if downwards.any():
                return _first(np.where(downwards, self._guess.lost, np.inf))
        return _first(np.where(left, self._guess.loss, np.inf))

    def measure(self, node: Node) -> None:
        """Count the classes of a node as far as needed, and learn what follows for others."""
        above = tuple(slice(level, None) for level in node)
        below = tuple(slice(0, level + 1) for level in node)
        seen = _Seen(self._losses, self._lattice, node, self._k)

        def enough(part: Classes) -> bool:
            seen.add(part)
            risen = max(float(self._risen[node]), seen.joined)
            return seen.lost > self._most or (not self._apart and risen + seen.left_out - SLACK >= self._least)

        classes = self._lattice.classes(node, enough)
        if classes is not None:
            seen = _Seen(self._losses, self._lattice, node, self._k)
            small = seen.add(classes)
            self._risen[above] = np.maximum(self._risen[above], self._losses.above(classes.sizes, self._k) - SLACK)
            self._fallen[below] = np.maximum(self._fallen[below], self._losses.below(classes.sizes, self._k) - SLACK)
        self._guess.learn(node, seen.lost / max(1, seen.rows))
        self._risen[above] = np.maximum(self._risen[above], seen.joined - SLACK)
        self._fallen[below] = np.maximum(self._fallen[below], seen.left_out - SLACK)
        self._closed[node] = True
        if seen.lost > self._most:
            self._closed[below] = True
        elif classes is not None:
            self._weigh(node, classes, small)

    def _weigh(self, node: Node, classes: Classes, small: Bools) -> None:
        """Take a node for the best when it is: all its classes are known, few rows stand in the small ones."""
        out = small if self._failing is None else small | self._failing(classes)
        lost = int(classes.sizes[out].sum())
        if lost > self._most:
            return
        loss = self._losses.of(node, classes.sizes, out, self._lattice.digits(classes, out))
        if loss < self._least:
            self.best = Found(
                levels=node, suppressed=lost, loss=loss, certified=True, checked=0, nodes=self._closed.size
            )


class _Seen:
    """What whole classes of a part of the rows say of a node: rows seen and lost, and both parts of the loss so far."""

    def __init__(self, losses: Losses, lattice: Lattice, node: Node, k: int) -> None:
        self._losses, self._lattice, self._node, self._k = losses, lattice, node, k
        self.rows, self.lost, self.left_out = 0, 0, 0.0
        self.joined = losses.joined(np.ones(1, dtype=np.int64)) * lattice.rows  # each row is in a class of one at least

    def add(self, part: Classes) -> Bools:
        """Take further classes into account; which of them are small."""
        small = part.sizes < self._k
        rows, lost = int(part.sizes.sum()), int(part.sizes[small].sum())
        self.rows += rows
        self.lost += lost
        self.joined += self._losses.joined(part.sizes) - self._losses.joined(np.ones(1, dtype=np.int64)) * rows
        digits = self._lattice.digits(part, small) if self._losses.table and lost else ()
        self.left_out += self._losses.left_out(self._node, part.sizes[small], digits) if lost else 0.0
        return small


def _first(order: Floats) -> Node:
    return tuple(int(level) for level in np.unravel_index(int(np.argmin(order)), order.shape))


def _floors(losses: Losses, shape: Node) -> Floats:
    total: Floats = np.zeros(shape)
    for column, per_level in enumerate(losses.table):
        across = [1] * len(shape)
        across[column] = shape[column]
        total = total + per_level.reshape(across) / losses.most
    return total
