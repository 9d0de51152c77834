"""Proofs from a pyramid: an inclusion or consistency proof touches a few blocks of 32 hashes in a ledger of any length.

The hash of each full block is kept in memory once computed (one for every 32 entries), and the pyramid grows with the
ledger. Nothing here is believed: whoever asks for a proof checks it against a signed root.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

from bedrail.core.errors import Corrupt
from bedrail.ledger.merkle import EMPTY_ROOT, consistency_spans, inclusion_spans, node_hash, perfect_levels

HEIGHT = 5
"""Levels of the tree in a block. Eight, as in a tile, would take an eighth of the memory, five times the hashing."""

WIDTH = 1 << HEIGHT

OPEN_BLOCKS = 1024
"""Blocks whose inner hashes are remembered: some 5 KiB each."""

READ_AT_ONCE = 512 * WIDTH


class Prover:
    """Makes proofs for a ledger whose leaf hashes `leaves(start, stop)` reads; safe to share between threads."""

    def __init__(self, leaves: Callable[[int, int], Sequence[bytes]]) -> None:
        """Reads nothing yet; the first proof reads every leaf once."""
        self._leaves = leaves
        self._upper: list[list[bytes]] = []
        self._open: OrderedDict[tuple[int, int, int], list[Sequence[bytes]]] = OrderedDict()
        self._lock = Lock()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """PATH(index, first `size` leaves), RFC 6962 section 2.1.1.

        Raises ValueError when `index` lies outside `size`, `Corrupt` when leaves are missing.
        """
        if not 0 <= index < size:
            raise ValueError(f"no inclusion proof of entry {index} in {size} entries")
        return self._hashes(inclusion_spans(index, size), size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """PROOF(old, first `new` leaves), RFC 6962 section 2.1.2.

        Raises ValueError unless 1 <= old <= new, `Corrupt` when leaves are missing.
        """
        if not 1 <= old <= new:
            raise ValueError(f"no consistency proof from {old} to {new} entries")
        return self._hashes(consistency_spans(old, new), new)

    def root(self, size: int) -> bytes:
        """The Merkle tree hash of the first `size` leaves; raises `Corrupt` when leaves are missing."""
        return self._hashes([(0, size)], size)[0] if size else EMPTY_ROOT

    def _hashes(self, spans: Sequence[tuple[int, int]], size: int) -> list[bytes]:
        with self._lock:
            self._grow(size)
            return [self._subtree(low, high, size) for low, high in spans]

    def _grow(self, size: int) -> None:
        """Hash every block that has become full since the last proof."""
        if not self._upper:
            self._upper.append([])
        first = len(self._upper[0]) * WIDTH
        for start in range(first, size // WIDTH * WIDTH, READ_AT_ONCE):
            stop = min(start + READ_AT_ONCE, size // WIDTH * WIDTH)
            leaves = _whole(self._leaves(start, stop), stop - start)
            self._upper[0] += [_block_root(leaves[at : at + WIDTH]) for at in range(0, stop - start, WIDTH)]
        level = 0
        while len(self._upper[level]) >= WIDTH:
            if level + 1 == len(self._upper):
                self._upper.append([])
            below, above = self._upper[level], self._upper[level + 1]
            for start in range(len(above) * WIDTH, len(below) // WIDTH * WIDTH, WIDTH):
                above.append(_block_root(below[start : start + WIDTH]))
            level += 1

    def _subtree(self, low: int, high: int, size: int) -> bytes:
        """The hash of leaves low..high: one perfect subtree, or the few that make up the right edge."""
        node = b""
        for first, height in reversed(_perfect(low, high)):
            left = self._perfect_hash(first >> height, height, size)
            node = node_hash(left, node) if node else left
        return node

    def _perfect_hash(self, index: int, height: int, size: int) -> bytes:
        """The root of the perfect subtree of this height, at this place among those of its height."""
        level, inner = divmod(height, HEIGHT)
        block, place = divmod(index, WIDTH >> inner)
        hashes_there = size >> (HEIGHT * level)
        width = min(WIDTH, hashes_there - block * WIDTH)
        return self._block(level, block, width)[inner][place]

    def _block(self, level: int, block: int, width: int) -> list[Sequence[bytes]]:
        """Every level of hashes inside a block; the widths of a growing block are different blocks."""
        key = (level, block, width)
        found = self._open.get(key)
        if found is None:
            first = block * WIDTH
            if level:
                hashes: Sequence[bytes] = self._upper[level - 1][first : first + width]
            else:
                hashes = self._leaves(first, first + width)
            found = self._open[key] = perfect_levels(_whole(hashes, width))
            if len(self._open) > OPEN_BLOCKS:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(key)
        return found


def _block_root(hashes: Sequence[bytes]) -> bytes:
    return perfect_levels(hashes)[-1][0]


def _perfect(low: int, high: int) -> list[tuple[int, int]]:
    """The perfect aligned subtrees, as (first leaf, height), that leaves low..high consist of, largest first."""
    parts: list[tuple[int, int]] = []
    while low < high:
        height = (high - low).bit_length() - 1
        parts.append((low, height))
        low += 1 << height
    return parts


def _whole(hashes: Sequence[bytes], count: int) -> Sequence[bytes]:
    if len(hashes) != count:
        raise Corrupt("Leaf hashes are missing from the ledger.", remedy="Run `bedrail ledger verify`.")
    return hashes
