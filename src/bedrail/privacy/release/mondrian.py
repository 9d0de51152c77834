"""Mondrian (LeFevre, DeWitt and Ramakrishnan 2006): the table cut into blocks, each as small as the targets allow.

Multidimensional and local: two blocks may cut a column at different places, so it loses less than any full-domain
generalisation, and its columns are harder to read. Numbers are cut at the median, words where their hierarchy has
groups (or in order of the alphabet). A heuristic: never certified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedrail.privacy.release.coding import Coded
from bedrail.privacy.release.hierarchies import Hierarchy
from bedrail.privacy.release.lattice import Classes, Failing
from bedrail.privacy.release.measures import ranks
from bedrail.privacy.release.tally import Codes, Ints, tally

ROOT = "*"


@dataclass(frozen=True, slots=True)
class Blocks:
    """The block of each row and the labels of each block; `block` is None when not even one block is allowed.

    `loss` is the loss metric: the mean over cells of (values in the block's range - 1) / (values of the column - 1).
    """

    block: Ints | None
    labels: tuple[tuple[str, ...], ...]
    loss: float


def mondrian(
    quasi: Sequence[Coded],
    sensitive: Sequence[Coded],
    trees: Sequence[Hierarchy],
    *,
    k: int,
    failing: Failing | None = None,
    strict: bool = True,
    weights: Sequence[float] = (),
) -> Blocks:
    """Cut the table into blocks of at least `k` rows of which none is `failing`.

    `strict` keeps rows of equal values together; relaxed cuts exactly in half, so blocks are smaller, and equal rows
    may get different labels.
    """
    order = [_order(each, tree) for each, tree in zip(quasi, trees, strict=True)]
    codes = [place[each.codes] for each, (place, _) in zip(quasi, order, strict=True)]
    rows = len(codes[0])
    weight = list(weights) or [1.0] * len(codes)
    block = np.zeros(rows, dtype=np.int64)
    labels: list[tuple[str, ...]] = []
    lost = 0.0
    waiting: list[Ints] = [np.arange(rows)]
    if rows < k or not _allowed(waiting[0], sensitive, k, failing):
        return Blocks(block=None, labels=(), loss=1.0)
    while waiting:
        part = waiting.pop()
        cut = _cut(part, codes, quasi, sensitive, k, failing, strict, weight)
        if cut is not None:
            waiting += cut
            continue
        spans = [(int(code[part].min()), int(code[part].max())) for code in codes]
        block[part] = len(labels)
        labels.append(tuple(_label(low, high, named) for (low, high), (_, named) in zip(spans, order, strict=True)))
        lost += len(part) * sum(
            w * (high - low) / max(1, len(each.values) - 1)
            for (low, high), each, w in zip(spans, quasi, weight, strict=True)
        )
    return Blocks(block=block, labels=tuple(labels), loss=lost / (rows * sum(weight)) if rows else 0.0)


def _cut(
    part: Ints, codes: Sequence[Ints], quasi: Sequence[Coded], sensitive: Sequence[Coded], k: int,
    failing: Failing | None, strict: bool, weight: Sequence[float],
) -> list[Ints] | None:  # fmt: skip
    """The part in two, along the column of the widest range (relative, weighted) that allows it; else None."""
    if len(part) < 2 * k:
        return None
    values = [code[part] for code in codes]
    width = [
        w * (int(v.max()) - int(v.min())) / max(1, len(each.values) - 1)
        for v, each, w in zip(values, quasi, weight, strict=True)
    ]
    for column in sorted(range(len(codes)), key=lambda at: -width[at]):
        if width[column] <= 0:
            break
        for halves in _halves(part, values[column], strict):
            if all(len(half) >= k and _allowed(half, sensitive, k, failing) for half in halves):
                return halves
    return None


def _halves(part: Ints, values: Ints, strict: bool) -> list[list[Ints]]:
    """The ways to cut at the median: with it on the left, or on the right."""
    middle = len(values) // 2
    if not strict:
        order = np.argsort(values, kind="stable")
        return [[part[order[:middle]], part[order[middle:]]]]
    median = np.partition(values, middle)[middle]
    return [[part[values < median], part[values >= median]], [part[values <= median], part[values > median]]]


def _allowed(part: Ints, sensitive: Sequence[Coded], k: int, failing: Failing | None) -> bool:
    if len(part) < k:
        return False
    if failing is None:
        return True
    digits: list[Codes] = [np.zeros(len(part), dtype=np.uint8), *(each.codes[part] for each in sensitive)]
    entries = tally(digits, [1, *(max(1, len(each.values)) for each in sensitive)])
    owner = np.zeros(len(entries), dtype=np.int64)
    classes = Classes(sizes=np.array([len(part)]), entries=entries, owner=owner)
    return not bool(failing(classes).any())


def _order(column: Coded, tree: Hierarchy) -> tuple[Ints, list[str]]:
    """For each value its place on a line, and the line's values: numbers by size, words by their hierarchy's groups."""
    places, numeric = ranks(column)
    if not numeric and tree.height > 1:
        keys = [places, *tree.groups[1:]]
        order = np.lexsort(keys)
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order))
    named = [""] * len(column.values)
    for value, place in zip(column.values, places, strict=False):
        named[int(place)] = value
    return places, named


def _label(low: int, high: int, named: Sequence[str]) -> str:
    """One value, all values, a range of numbers, or the words of the block (up to eight, else `*`)."""
    if low == high:
        return named[low]
    if low == 0 and high == len(named) - 1:
        return ROOT
    first, last = named[low], named[high]
    try:
        float(first), float(last)
    except ValueError:
        return "{" + "|".join(named[low : high + 1]) + "}" if high - low < 8 else ROOT
    return f"{first}-{last}" if not last.startswith("-") else f"[{first}, {last}]"
