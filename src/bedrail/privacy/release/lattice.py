"""The least generalisation that reaches the targets: an exact search of the lattice of full-domain generalisations.

Predictive tagging as in Flash (Kohlmayer et al. 2012) and OLA (El Emam et al. 2009): when a node leaves too many rows
in classes below k, so do all nodes below it; when it does not, neither does any above. A few paths from the bottom,
each halved until the border is found, give a good node. Then, of all nodes whose bound is under its loss, the highest
is tried: when it fails it takes all below with it; when not, its loss and a better bound for those below are known.
The search ends when no bound is under the best loss: that is then the optimum. Classes are counted from the smallest
node counted before that lies below (roll-up), on packed keys.

Only the size of classes is monotone when rows may be suppressed (a class that fails may spoil one that does not when
the two are joined: entropy, t and the like), so l and t are measured at each node that has survived, and never tagged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bedrail.privacy.release.hierarchies import Hierarchy
from bedrail.privacy.release.loss import Losses
from bedrail.privacy.release.tally import Bools, Codes, Floats, Ints, Tally, narrow, pack, starts, tally

Node = tuple[int, ...]
MOST_NODES = 4_000_000
FEW_ROWS = 20_000
KEPT_ENTRIES = 12_000_000


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of one node: their digits at its levels, rows of each, and (sensitive) entries inside them."""

    digits: tuple[Codes, ...]
    sizes: Ints
    entries: Tally
    owner: Ints


Failing = Callable[[Classes], Bools]
"""Which classes break a target beyond their size."""


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


class Lattice:
    """One table of codes with a hierarchy for each column: counts the classes of any node, from the nearest below."""

    def __init__(self, columns: Sequence[Codes], hierarchies: Sequence[Hierarchy], sensitive: Sequence[Codes]) -> None:
        """`columns` and `sensitive` hold a code for each row; codes of a column are those of its hierarchy's values."""
        self.hierarchies = tuple(hierarchies)
        self.rows = len(columns[0])
        self.shape = tuple(each.height for each in hierarchies)
        self.checked = 0
        self._sensitive = len(sensitive)
        self._spans = tuple(int(each.max(initial=-1)) + 1 for each in sensitive)
        self._sizes = tuple(tuple(int(g.max(initial=-1)) + 1 for g in each.groups) for each in hierarchies)
        ground = [h.groups[0][narrow(c)] if h.groups[0].size else c for h, c in zip(hierarchies, columns, strict=True)]
        start = Tally(
            digits=tuple(narrow(each) for each in (*ground, *sensitive)), counts=np.ones(self.rows, dtype=np.int64)
        )
        self._kept: list[tuple[Node, Tally]] = [((0,) * len(self.shape), start)]
        self._entries = 0
        self._orders: dict[int, tuple[Codes, ...]] = {}

    def plainly_fails(self, node: Node, k: int, most: int) -> bool:
        """Whether a part of the rows already holds more than `most` in classes below k: then nothing more is counted.

        The part consists of whole groups of one column, so its classes are whole. False says nothing.
        """
        source = min(len(e[1]) for e in self._kept if all(a <= b for a, b in zip(e[0], node, strict=True)))
        if self.rows < FEW_ROWS or 2 * source < self.rows:
            return False
        column = max(range(len(node)), key=lambda at: self._sizes[at][node[at]])
        if self._sizes[column][node[column]] < 8:
            return False
        digits = self._sorted_by(column)
        edges = starts(self._up(column, 0, node[column])[digits[column]] if node[column] else digits[column])
        spans = [self._sizes[at][level] for at, level in enumerate(node)]
        begin, share, lost = 0, 0.02, 0
        while share <= 0.5:
            end = int(edges[min(int(np.searchsorted(edges, share * self.rows)), len(edges) - 1)])
            part = [each[begin:end] for each in digits]
            part = [self._up(at, 0, level)[part[at]] if level else part[at] for at, level in enumerate(node)]
            if end > begin:
                counts = tally(part, spans).counts
                lost += int(counts[counts < k].sum())
            if lost > most:
                self.checked += 1
                return True
            if lost < most * (end / self.rows) * 0.9:  # at this rate it will not be seen in time
                return False
            begin, share = end, share * 2
        return False

    def _sorted_by(self, column: int) -> tuple[Codes, ...]:
        """The table's codes, its rows in such an order that each group of a column stands together at every level."""
        if column not in self._orders:
            ground = self._kept[0][1].digits[: len(self.shape)]
            places = self.hierarchies[column].groups
            below = places[0]
            ups = [self._up(column, 0, level) for level in range(1, len(places))]
            size = int(below.max(initial=-1)) + 1
            rank = np.empty(size, dtype=np.int64)
            rank[np.lexsort((np.arange(size), *ups))] = np.arange(size)
            order = np.argsort(rank[ground[column]], kind="stable")
            self._orders[column] = tuple(each[order] for each in ground)
        return self._orders[column]

    def classes(self, node: Node) -> Classes:
        """Count the classes at `node`."""
        self.checked += 1
        below, source = min(
            (each for each in self._kept if all(a <= b for a, b in zip(each[0], node, strict=True))),
            key=lambda each: len(each[1]),
        )
        digits: list[Codes] = []
        for column, (low, high) in enumerate(zip(below, node, strict=True)):
            here = source.digits[column]
            digits.append(self._up(column, low, high)[here] if low < high else here)
        digits += source.digits[len(self.shape) :]
        spans = (*(self._sizes[column][level] for column, level in enumerate(node)), *self._spans)
        weights = None if source is self._kept[0][1] else source.counts
        found = tally(digits, spans, weights)
        if 2 * len(found) < len(source):
            self._keep(node, found)
        return self._grouped(node, found)

    def _keep(self, node: Node, found: Tally) -> None:
        """For later roll-ups; the largest go first when there are too many, but never the table itself."""
        self._kept.append((node, found))
        self._entries += len(found)
        while self._entries > KEPT_ENTRIES:
            largest = max(range(1, len(self._kept)), key=lambda at: len(self._kept[at][1]))
            self._entries -= len(self._kept.pop(largest)[1])

    def _grouped(self, node: Node, found: Tally) -> Classes:
        if not self._sensitive:
            owner = np.arange(len(found), dtype=np.int64)
            return Classes(digits=found.digits, sizes=found.counts, entries=found, owner=owner)
        spans = [self._sizes[column][level] for column, level in enumerate(node)]
        keys, _ = pack(found.digits[: len(spans)], spans)
        first = starts(keys)
        owner = np.repeat(np.arange(len(first)), np.diff(first, append=len(keys)))
        sizes = np.add.reduceat(found.counts, first) if len(first) else found.counts
        return Classes(
            digits=tuple(each[first] for each in found.digits[: len(spans)]), sizes=sizes, entries=found, owner=owner
        )

    def _up(self, column: int, low: int, high: int) -> Codes:
        """From groups of one level to those of a higher one."""
        below, above = self.hierarchies[column].groups[low], self.hierarchies[column].groups[high]
        up = np.zeros(int(below.max(initial=-1)) + 1, dtype=np.int64)
        up[below] = above
        return narrow(up)


def search(
    lattice: Lattice, losses: Losses, *, k: int, most_suppressed: int, failing: Failing | None = None
) -> Found | None:
    """The node of least loss at which at most `most_suppressed` rows stand in classes that break a target.

    A class breaks a target when it is smaller than `k`, or `failing` says so. None when no node does; raises ValueError
    for a lattice of more than `MOST_NODES` nodes (see `top_down`).
    """
    shape = lattice.shape
    if int(np.prod([float(n) for n in shape])) > MOST_NODES:
        raise ValueError("the lattice is too large for an exact search")
    hunt = _Hunt(lattice, losses, k, most_suppressed, failing)
    for _ in shape:
        node = hunt.next(lowest=True)
        if node is None:
            break
        hunt.halve(hunt.path(node))
    if losses.table:
        while (node := hunt.next(lowest=False)) is not None:
            hunt.measure(node)
    else:  # bounds of classes come from below: go on from there
        while (node := hunt.next(lowest=True)) is not None:
            hunt.halve(hunt.path(node))
    best = hunt.best
    return None if best is None else replace(best, checked=lattice.checked)


class _Hunt:
    """What is known of each node: whether it is closed, whether it has few rows in small classes, its bound."""

    def __init__(self, lattice: Lattice, losses: Losses, k: int, most_suppressed: int, failing: Failing | None) -> None:
        self._lattice, self._losses, self._k, self._most, self._failing = lattice, losses, k, most_suppressed, failing
        shape = lattice.shape
        self._floor = _floors(losses, shape)
        self._bound = self._floor.copy()
        self._order = self._floor if losses.table else np.indices(shape).sum(axis=0).astype(float)
        self._closed = np.zeros(shape, dtype=bool)
        self._large = np.zeros(shape, dtype=bool)
        self.best: Found | None = None

    def next(self, *, lowest: bool) -> Node | None:
        """The lowest or the highest node that may still be better than the best."""
        left = ~self._closed
        if self.best is not None:
            left &= self._bound < self.best.loss
        order: Floats = np.where(left, self._order, np.inf if lowest else -np.inf)
        at = int(np.argmin(order) if lowest else np.argmax(order))
        node = tuple(int(level) for level in np.unravel_index(at, left.shape))
        return node if left[node] else None

    def path(self, node: Node) -> list[Node]:
        """From `node` upwards through nodes of which nothing is known, each time to the cheapest."""
        path = [node]
        while not self._large[node]:
            here, shape = path[-1], self._closed.shape
            nexts = [(*here[:i], here[i] + 1, *here[i + 1 :]) for i in range(len(here)) if here[i] + 1 < shape[i]]
            unknown = [each for each in nexts if not self._closed[each] and not self._large[each]]
            if not unknown:
                break
            path.append(min(unknown, key=lambda each: float(self._order[each])))
        return path

    def halve(self, path: list[Node]) -> None:
        """Find on a path the border below which classes are too small."""
        low, high = 0, len(path) - 1
        while low <= high:
            middle = (low + high) // 2
            if self.measure(path[middle]):
                high = middle - 1
            else:
                low = middle + 1

    def measure(self, node: Node) -> bool:
        """Count the classes of a node, learn what follows for others; whether few rows stand in small classes."""
        if self._lattice.plainly_fails(node, self._k, self._most):
            self._closed[tuple(slice(0, level + 1) for level in node)] = True
            return False
        classes = self._lattice.classes(node)
        above = tuple(slice(level, None) for level in node)
        below = tuple(slice(0, level + 1) for level in node)
        self._bound[above] = np.maximum(self._bound[above], self._losses.seen(classes.sizes))
        small = classes.sizes < self._k
        if int(classes.sizes[small].sum()) > self._most:
            self._closed[below] = True
            return False
        self._large[above] = True
        self._closed[node] = True
        loss = self._losses.of(node, classes.digits, classes.sizes, small)
        if self._losses.table:  # whoever is suppressed here is so below, where that costs at least as much more
            self._bound[below] = np.maximum(self._bound[below], self._floor[below] + (loss - self._floor[node]) - 1e-12)
        out = small
        if self._failing is not None:
            out = small | self._failing(classes)
            loss = self._losses.of(node, classes.digits, classes.sizes, out)
        lost = int(classes.sizes[out].sum())
        if lost <= self._most and (self.best is None or loss < self.best.loss):
            self.best = Found(
                levels=node, suppressed=lost, loss=loss, certified=True, checked=0, nodes=self._closed.size
            )
        return True


def _floors(losses: Losses, shape: Node) -> Floats:
    total: Floats = np.zeros(shape)
    for column, per_level in enumerate(losses.table):
        across = [1] * len(shape)
        across[column] = shape[column]
        total = total + per_level.reshape(across) / losses.most
    return total
