"""The classes of a table at any node of the lattice of full-domain generalisations.

Classes are counted from the smallest node counted before that lies below (roll-up), on packed keys (`blocks`). Where
that is the table itself, it is counted part by part: the rows stand in such an order that a part is made of whole
groups of one column, so its classes are whole, and whoever asks may stop as soon as what is seen is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bedrail.privacy.release.blocks import Cells, Layout, Node, count, fits, together
from bedrail.privacy.release.hierarchies import Hierarchy
from bedrail.privacy.release.tally import Bools, Codes, Floats, Ints, Tally, narrow, starts

MOST_NODES = 4_000_000
FEW_ROWS = 20_000
KEPT_ENTRIES = 12_000_000
PARTS = (0.02, 0.06, 0.14, 0.3, 0.62, 1.0)
"""Shares of the rows after which a count is looked at."""


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a node, or whole ones of a part of the rows: rows of each, and (sensitive) entries inside them.

    `owner` is the class of each entry. `cells` and `first` (each class's first entry) serve `Lattice.digits`.
    """

    sizes: Ints
    entries: Tally
    owner: Ints
    cells: Cells | None = None
    first: Ints | None = None


Failing = Callable[[Classes], Bools]
"""Which classes break a target beyond their size."""
Enough = Callable[[Classes], bool]
"""Whether these classes, further ones of a node with each call, tell all that is to be known."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What can be counted from: codes of blocks at a node, and rows of each entry (None: one)."""

    node: Node
    cells: Cells | None
    blocks: tuple[Codes, ...] = ()

    @property
    def weights(self) -> Ints | None:
        return None if self.cells is None else self.cells.counts

    def __len__(self) -> int:
        return len(self.blocks[0]) if self.cells is None else len(self.cells)


class Lattice:
    """One table of codes with a hierarchy for each column: counts the classes of any node, from the nearest below."""

    def __init__(self, columns: Sequence[Codes], hierarchies: Sequence[Hierarchy], sensitive: Sequence[Codes]) -> None:
        """`columns` and `sensitive` hold a code for each row; codes of a column are those of its hierarchy's values."""
        self.rows = len(columns[0])
        self.shape = tuple(each.height for each in hierarchies)
        self.checked = 0
        self._layout = Layout(hierarchies, [int(each.max(initial=-1)) + 1 for each in sensitive])
        ground = [h.groups[0][c] if h.groups[0].size else c for h, c in zip(hierarchies, columns, strict=True)]
        self._digits = tuple(narrow(each) for each in ground)
        bottom = (0,) * len(self.shape)
        self._kept = [_Source(bottom, None, self._layout.join(ground, sensitive))]
        self._entries = 0
        self._orders: dict[int, tuple[tuple[Codes, ...], list[Ints]]] = {}

    def shares(self, column: int, level: int) -> Ints:
        """Rows of each group of a column at a level."""
        groups = self._layout.up(column, 0, level)
        return np.bincount(groups, np.bincount(self._digits[column], minlength=len(groups))).astype(np.int64)

    def cells(self) -> Floats:
        """How many classes each node can have at most."""
        total: Floats = np.ones(self.shape)
        for column, sizes in enumerate(self._layout.sizes):
            across = [1] * len(self.shape)
            across[column] = len(sizes)
            total = total * np.array(sizes, dtype=float).reshape(across)
        return total

    def classes(self, node: Node, enough: Enough | None = None) -> Classes | None:
        """Count the classes at `node`; None when `enough` held before all rows were seen."""
        self.checked += 1
        source = min(
            (each for each in self._kept if all(a <= b for a, b in zip(each.node, node, strict=True))), key=len
        )
        steps = self._layout.steps(source.node, node) if fits(self._layout, node) else None
        parts: list[Cells] = []
        made: list[Classes] = []
        for blocks, last in self._parts(source, node):
            parts.append(count(self._layout, source.node, blocks, source.weights, node, steps))
            if last:
                break
            made.append(self._grouped(parts[-1]))
            if enough is not None and enough(made[-1]):
                return None
        found = together(parts)
        if 2 * len(found) < len(source):
            self._keep(found)
        return self._grouped(found)

    def digits(self, classes: Classes, where: Bools) -> tuple[Codes, ...]:
        """The group of each column of the classes at `where`."""
        assert classes.cells is not None
        assert classes.first is not None
        return self._layout.split(classes.cells.node, classes.cells.blocks(classes.first[where]))

    def _parts(self, source: _Source, node: Node) -> Iterator[tuple[Sequence[Codes], bool]]:
        """Codes of blocks, and whether they are the last."""
        if source.cells is not None:
            yield source.cells.blocks(), True
            return
        sizes = [self._layout.sizes[column][level] for column, level in enumerate(node)]
        column = max(range(len(sizes)), key=lambda at: (min(sizes[at], 64), at in self._orders))
        if self.rows < FEW_ROWS or sizes[column] < 8:
            yield source.blocks, True
            return
        blocks, edges = self._sorted_by(column, node[column])
        begin = 0
        for share in PARTS:
            end = int(edges[int(np.searchsorted(edges, share * self.rows))]) if share < 1.0 else self.rows
            if end > begin:
                yield [each[begin:end] for each in blocks], end == self.rows
            begin = end

    def _sorted_by(self, column: int, level: int) -> tuple[tuple[Codes, ...], Ints]:
        """The table's blocks, rows in such an order that each group of a column stands together at every level, and
        where those of `level` end. Groups follow one another in no order of theirs, so that a part is like the rest."""
        if column not in self._orders:
            ups = [self._layout.up(column, 0, high) for high in range(self.shape[column])]
            mixed = [(up * 2_654_435_761) & 0xFFFFFFFF for up in ups]
            rank = np.empty(len(ups[0]), dtype=np.int64)
            rank[np.lexsort(mixed)] = np.arange(len(rank))
            order = np.argsort(narrow(rank)[self._digits[column]], kind="stable")
            by_row = self._digits[column][order]
            ends = [np.append(starts(narrow(up)[by_row])[1:], self.rows) for up in ups]
            self._orders[column] = (tuple(each[order] for each in self._kept[0].blocks), ends)
        blocks, ends = self._orders[column]
        return blocks, ends[level]

    def _keep(self, found: Cells) -> None:
        """For later roll-ups; the largest go first when there are too many, but never the table itself."""
        self._kept.append(_Source(found.node, found))
        self._entries += len(found)
        while self._entries > KEPT_ENTRIES:
            largest = max(range(1, len(self._kept)), key=lambda at: len(self._kept[at]))
            self._entries -= len(self._kept.pop(largest))

    def _grouped(self, found: Cells) -> Classes:
        inner = self._layout.inner
        if not inner:
            alone = np.arange(len(found), dtype=np.int64)
            return Classes(found.counts, Tally(digits=(), counts=found.counts), alone, found, alone)
        first = found.firsts(inner)
        owner = np.repeat(np.arange(len(first)), np.diff(first, append=len(found)))
        sizes = np.add.reduceat(found.counts, first) if len(first) else found.counts
        entries = Tally(digits=found.blocks()[-len(inner) :], counts=found.counts)
        return Classes(sizes, entries, owner, found, first)
