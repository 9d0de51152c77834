"""What generalisation costs: four measures of lost information, each with the bound that lets a search stop early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedrail.privacy.release.hierarchies import Hierarchy
from bedrail.privacy.release.tally import Bools, Codes, Floats, Ints

Measure = Literal["entropy", "loss", "precision", "discernibility", "class-size"]
MEASURES: tuple[Measure, ...] = ("entropy", "loss", "precision", "discernibility", "class-size")
SEPARABLE: tuple[Measure, ...] = ("entropy", "loss", "precision")


@dataclass(frozen=True, slots=True)
class Losses:
    """A measure prepared for one table.

    `table[column][level]` is what all rows of a column cost at a level when none is suppressed; `extra[column][level]`
    is for each group of that level what one row costs on top when it is suppressed. `most` is the cost of a table of
    which nothing is left. The two measures that look at classes have no tables.
    """

    measure: Measure
    rows: int
    table: tuple[Floats, ...]
    extra: tuple[tuple[Floats, ...], ...]
    most: float

    def of(self, levels: Sequence[int], counts: Ints, suppressed: Bools, digits: Sequence[Codes]) -> float:
        """The loss, 0..1, of the table at `levels` whose classes have `counts`, without the `suppressed`, of which
        `digits` are the groups.

        For class-size: rows over classes, divided by rows (so that 1 is the single class of all).
        """
        if self.measure == "class-size":
            return 1.0 / max(1, int((~suppressed).sum()) + bool(suppressed.any()))
        if self.measure == "discernibility":
            return self.joined(counts) + self.left_out(levels, counts[suppressed], digits)
        return self.floor(levels) + self.left_out(levels, counts[suppressed], digits)

    def left_out(self, levels: Sequence[int], counts: Ints, digits: Sequence[Codes]) -> float:
        """What suppressing classes of `counts` costs on top of the levels; below them, the same rows cost as much."""
        if self.measure == "discernibility":
            return float((counts * (self.rows - counts.astype(float))).sum()) / self.most
        if self.measure == "class-size" or not len(counts):
            return 0.0
        extra = zip(self.extra, levels, digits, strict=True)
        costs = sum(per_level[level][digit] for per_level, level, digit in extra)
        return float((costs * counts).sum()) / self.most

    def floor(self, levels: Sequence[int]) -> float:
        """What the table costs at `levels` at least, 0..1; 0 for measures that look at classes."""
        if not self.table:
            return 0.0
        return sum(float(self.table[column][level]) for column, level in enumerate(levels)) / self.most

    def joined(self, counts: Ints) -> float:
        """What classes of `counts` cost by their size alone: merged, they cost no less. 0 for the other measures."""
        if self.measure != "discernibility":
            return 0.0
        return float((counts.astype(float) ** 2).sum()) / self.most

    def above(self, counts: Ints, k: int) -> float:
        """A bound from all classes of a node for it and the nodes above."""
        if self.measure != "class-size":
            return self.joined(counts)
        small = counts < k  # a class above is kept when it holds a large one, or k rows of the small ones at least
        most = int((~small).sum()) + int(counts[small].sum()) // k + 1
        return 1.0 / max(1, min(len(counts), most))

    def below(self, counts: Ints, k: int) -> float:
        """A bound for the nodes below from the number of classes of k rows that can be made of those of a node."""
        if self.measure != "class-size":
            return 0.0
        return 1.0 / (1 + int((counts[counts >= k] // k).sum()))


def losses(
    measure: Measure, hierarchies: Sequence[Hierarchy], counts: Sequence[Ints], weights: Sequence[float]
) -> Losses:
    """Prepare a measure; `counts[column]` are rows per distinct value, `weights` how much a column matters.

    - `entropy`: non-uniform entropy (de Waal and Willenborg 1999; Gionis and Tassa 2009): bits that a cell no longer
      tells about its value, -log2(rows of the value / rows of its group), summed;
    - `loss`: the loss metric of Iyengar 2002: (values in the group - 1) / (values of the column - 1), suppressed 1;
    - `precision`: Sweeney 2002: level over height of the hierarchy, a suppressed cell 1;
    - `discernibility`: Bayardo and Agrawal 2005: each row costs the size of its class, a suppressed one all rows;
    - `class-size`: LeFevre, DeWitt and Ramakrishnan 2006: average class size, the suppressed rows one class.
    """
    rows = int(counts[0].sum()) if len(counts) else 0
    if measure not in SEPARABLE:
        most = float(rows) ** 2 if measure == "discernibility" else 1.0
        return Losses(measure=measure, rows=rows, table=(), extra=(), most=max(most, 1.0))
    table: list[Floats] = []
    extra: list[tuple[Floats, ...]] = []
    most = 0.0
    for hierarchy, each, weight in zip(hierarchies, counts, weights, strict=True):
        cells, root = _cells(measure, hierarchy, each.astype(float))
        groups_rows = [np.bincount(group, each, minlength=1) for group in hierarchy.groups]
        table.append(weight * np.array([float(cost @ per) for cost, per in zip(cells, groups_rows, strict=True)]))
        extra.append(tuple(weight * (beyond) for beyond in root))
        most += weight * _most(measure, each.astype(float))
    return Losses(measure=measure, rows=rows, table=tuple(table), extra=tuple(extra), most=most or 1.0)


def _cells(measure: Measure, hierarchy: Hierarchy, rows: Floats) -> tuple[list[Floats], list[Floats]]:
    """For each level and group: the mean cost of a cell, and what a suppressed cell costs beyond it."""
    cost: list[Floats] = []
    beyond: list[Floats] = []
    total, values, height = rows.sum(), len(rows), max(1, len(hierarchy.groups) - 1)
    for level, groups in enumerate(hierarchy.groups):
        in_group = np.maximum(np.bincount(groups, rows, minlength=1), 1e-300)
        if measure == "entropy":
            bits = rows * (np.log2(in_group[groups]) - np.log2(np.maximum(rows, 1e-300)))
            cost.append(np.bincount(groups, bits, minlength=1) / in_group)
            beyond.append(np.log2(total / in_group))
            continue
        if measure == "loss":
            each = (np.bincount(groups, minlength=1) - 1) / max(1, values - 1)
        else:
            each = np.full(int(groups.max(initial=0)) + 1, level / height)
        cost.append(each)
        beyond.append(1.0 - each)
    return cost, beyond


def _most(measure: Measure, rows: Floats) -> float:
    if measure != "entropy":
        return float(rows.sum())
    held = rows[rows > 0]
    return float((held * (np.log2(held.sum()) - np.log2(held))).sum())
