"""Columns packed into a few blocks, so that the keys of all rows at any node of a lattice are a few look-ups.

A block joins columns as long as their values multiply to at most `BLOCK`; its codes are mixed-radix numbers of their
digits. From one node to any above it, a block's codes go by a table that stays in the processor's cache: a million rows
of eight columns become one key each by three look-ups instead of eight, with the arithmetic done once per table entry.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bedrail.privacy.release.hierarchies import Hierarchy
from bedrail.privacy.release.tally import MOST_BITS, Codes, Ints, narrow, starts, tally, unpack, weighed

Node = tuple[int, ...]
BLOCK = 1 << 16


class Layout:
    """Which columns stand together in a block, and how many groups each has at each level.

    The quasi-identifiers' blocks come first; each sensitive column is a block of its own at the end, so that the keys
    of a class's entries stand together.
    """

    def __init__(self, hierarchies: Sequence[Hierarchy], inner: Sequence[int]) -> None:
        """`inner` are the numbers of values of the sensitive columns."""
        self.hierarchies = tuple(hierarchies)
        self.sizes = tuple(tuple(max(1, int(g.max(initial=-1)) + 1) for g in each.groups) for each in hierarchies)
        self.inner = tuple(max(1, each) for each in inner)
        self.blocks = _packed([each[0] for each in self.sizes])
        self._ups: dict[tuple[int, int, int], Ints] = {}

    def spans(self, node: Node) -> list[int]:
        """How many codes each block has at a node, the sensitive ones last."""
        return [_times([self.sizes[c][node[c]] for c in block]) for block in self.blocks] + list(self.inner)

    def up(self, column: int, low: int, high: int) -> Ints:
        """From groups of one level to those of a higher one."""
        known = self._ups.get((column, low, high))
        if known is None:
            below, above = self.hierarchies[column].groups[low], self.hierarchies[column].groups[high]
            known = np.zeros(self.sizes[column][low], dtype=np.int64)
            known[below] = above
            self._ups[column, low, high] = known
        return known

    def join(self, digits: Sequence[Codes], sensitive: Sequence[Codes]) -> tuple[Codes, ...]:
        """The blocks' codes of rows at the lowest node, from a code of each column."""
        made: list[Codes] = []
        for block in self.blocks:
            code = np.zeros(len(digits[0]), dtype=np.int64)
            for column in block:
                code *= self.sizes[column][0]
                code += digits[column]
            made.append(narrow(code))
        return (*made, *(narrow(each) for each in sensitive))

    def split(self, node: Node, blocks: Sequence[Codes]) -> tuple[Codes, ...]:
        """The digit of each quasi-identifier, from blocks' codes at a node."""
        made: list[Codes] = [np.zeros(0, dtype=np.uint8)] * len(node)
        for block, codes in zip(self.blocks, blocks, strict=False):
            parts = unpack(codes.astype(np.int64), [self.sizes[c][node[c]] for c in block])
            for column, part in zip(block, parts, strict=True):
                made[column] = part
        return tuple(made)

    def steps(self, low: Node, high: Node) -> list[Codes]:
        """For each block the table from its codes at `low` to its part of a key at `high`; keys must fit."""
        spans = self.spans(high)
        kind = np.int32 if _times(spans) < 1 << 31 else np.int64
        stride = 1
        tables: list[Codes] = []
        for span in reversed(self.inner):
            tables.append((np.arange(span, dtype=np.int64) * stride).astype(kind))
            stride *= span
        for block in reversed(self.blocks):
            table: Codes = np.zeros(1, dtype=kind)
            for c in reversed(block):
                parts: Codes = (self.up(c, low[c], high[c]) * stride).astype(kind)
                table = (parts[:, None] + table[None, :]).ravel()
                stride *= self.sizes[c][high[c]]
            tables.append(table)
        return tables[::-1]


class Cells:
    """The distinct codes of some rows at a node, and how many rows each: as keys, or where those do not fit as blocks.

    With keys (in order), the entries of one class stand together; without them too.
    """

    __slots__ = ("_blocks", "counts", "keys", "node", "spans")

    def __init__(
        self, node: Node, spans: Sequence[int], counts: Ints, keys: Ints | None, blocks: tuple[Codes, ...] | None = None
    ) -> None:
        self.node, self.spans, self.counts, self.keys, self._blocks = node, tuple(spans), counts, keys, blocks

    def __len__(self) -> int:
        return len(self.counts)

    def blocks(self, where: Ints | None = None) -> tuple[Codes, ...]:
        """The codes of each block, of all entries or those at `where`."""
        if self._blocks is None:
            assert self.keys is not None
            if where is not None:
                return unpack(self.keys[where].astype(np.int64), self.spans)
            self._blocks = unpack(self.keys.astype(np.int64), self.spans)
        return self._blocks if where is None else tuple(each[where] for each in self._blocks)

    def firsts(self, inner: Sequence[int]) -> Ints:
        """Where each class begins, when the last blocks, of sizes `inner`, are what it holds and not what it is."""
        if self.keys is not None:
            return starts(self.keys // _times(inner) if inner else self.keys)
        changed = np.zeros(len(self), dtype=bool)
        changed[:1] = True
        for each in self.blocks()[: len(self.spans) - len(inner)]:
            changed[1:] |= each[1:] != each[:-1]
        return np.flatnonzero(changed)


def count(
    layout: Layout, low: Node, blocks: Sequence[Codes], weights: Ints | None, high: Node, steps: Sequence[Codes] | None
) -> Cells:
    """Count the distinct codes at `high` of entries whose blocks' codes are of `low`, each standing for `weights` rows.

    `steps` are `layout.steps(low, high)`, None where keys do not fit (see `fits`).
    """
    spans = layout.spans(high)
    if steps is None:
        lifted = []
        for at, codes in enumerate(blocks):
            parts = [codes] if at >= len(layout.blocks) else _lifted(layout, at, low, high, codes)
            lifted.append(parts)
        sizes = [[layout.sizes[c][high[c]] for c in block] for block in layout.blocks] + [[n] for n in layout.inner]
        flat = tally([d for each in lifted for d in each], [n for each in sizes for n in each], weights)
        return Cells(high, spans, flat.counts, None, _rejoined(flat.digits, sizes))
    keys = steps[0].take(blocks[0], mode="wrap")
    for table, codes in zip(steps[1:], blocks[1:], strict=True):
        if len(table) > 1:
            keys += table.take(codes, mode="wrap")
    found, counts = weighed(keys, _times(spans), weights)
    return Cells(high, spans, counts, found)


def fits(layout: Layout, node: Node) -> bool:
    """Whether a node's keys fit into an integer."""
    return _times(layout.spans(node)).bit_length() <= MOST_BITS


def together(parts: Sequence[Cells]) -> Cells:
    """Parts of one table that share no class, one after another."""
    first = parts[0]
    if len(parts) == 1:
        return first
    counts = np.concatenate([each.counts for each in parts])
    if first.keys is not None:
        keys = np.concatenate([each.keys for each in parts if each.keys is not None])
        return Cells(first.node, first.spans, counts, keys)
    blocks = tuple(np.concatenate(each) for each in zip(*(part.blocks() for part in parts), strict=True))
    return Cells(first.node, first.spans, counts, None, blocks)


def _lifted(layout: Layout, at: int, low: Node, high: Node, codes: Codes) -> list[Codes]:
    block = layout.blocks[at]
    parts = unpack(codes.astype(np.int64), [layout.sizes[c][low[c]] for c in block])
    return [narrow(layout.up(c, low[c], high[c])[part]) for c, part in zip(block, parts, strict=True)]


def _rejoined(digits: Sequence[Codes], sizes: Sequence[Sequence[int]]) -> tuple[Codes, ...]:
    made: list[Codes] = []
    at = 0
    for each in sizes:
        code = np.zeros(len(digits[0]), dtype=np.int64)
        for size in each:
            code = code * size + digits[at]
            at += 1
        made.append(narrow(code))
    return tuple(made)


def _packed(sizes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Columns into blocks, the largest first, each into the first with room."""
    blocks: list[list[int]] = []
    for column in sorted(range(len(sizes)), key=lambda c: -sizes[c]):
        for block in blocks:
            if _times([sizes[c] for c in block]) * sizes[column] <= BLOCK:
                block.append(column)
                break
        else:
            blocks.append([column])
    return tuple(tuple(each) for each in blocks)


def _times(sizes: Sequence[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
