"""The Merkle tree of RFC 6962: leaf and node hashes, compact ranges, inclusion and consistency proofs.

Hashes are 32 raw bytes of SHA-256. Where a function takes `leaves` it takes leaf hashes, not entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without entries (RFC 6962 section 2.1)."""

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || entry), RFC 6962 section 2.1."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """A growing tree that remembers only the roots of its perfect subtrees (the peaks, largest first).

    Appending costs one node hash on average, and the state is at most log2(size) + 1 hashes.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Continue a tree of `size` leaves; raises ValueError when the number of peaks does not fit the size."""
        self._size = size
        self._peaks = list(peaks)
        if size < 0 or len(self._peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {max(size, 0).bit_count()} peaks, got {len(self._peaks)}")

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the perfect subtrees, largest first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order, a level at a time: the peak left at a level pairs with the first new node there."""
        row, carry, hashed = list(leaves), self._size, sha256
        self._size += len(row)
        alone: list[bytes] = []
        while row:
            if carry & 1:
                row.insert(0, self._peaks.pop())
            if len(row) & 1:
                alone.append(row.pop())
            pairs = zip(row[::2], row[1::2], strict=True)
            row = [hashed(b"\x01" + left + right).digest() for left, right in pairs]
            carry >>= 1
        self._peaks += reversed(alone)

    def root(self) -> bytes:
        """The Merkle tree hash of everything appended so far."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes, MTH of RFC 6962 section 2.1."""
    tree = CompactRange()
    tree.extend(leaves)
    return tree.root()


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(leaves: Sequence[bytes], index: int, size: int) -> list[bytes]:
    """PATH(index, first `size` leaves), RFC 6962 section 2.1.1, lowest sibling first.

    Raises ValueError when `index` lies outside `size`, or `size` outside the leaves.
    """
    if not 0 <= index < size <= len(leaves):
        raise ValueError(f"no inclusion proof of entry {index} in {size} of {len(leaves)} entries")
    return [root_of(leaves[low:high]) for low, high in inclusion_spans(index, size)]


def consistency_proof(leaves: Sequence[bytes], old: int, new: int) -> list[bytes]:
    """PROOF(old, first `new` leaves), RFC 6962 section 2.1.2; empty when the sizes are equal.

    Raises ValueError unless 1 <= old <= new <= number of leaves.
    """
    if not 1 <= old <= new <= len(leaves):
        raise ValueError(f"no consistency proof from {old} to {new} of {len(leaves)} entries")
    return [root_of(leaves[low:high]) for low, high in consistency_spans(old, new)]


def inclusion_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Which subtrees, as (first leaf, leaf after the last), an inclusion proof names; lowest sibling first.

    Each but the one at the right edge of the tree is perfect and aligned. Needs 0 <= index < size.
    """
    spans: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[tuple[int, int]]:
    """Which subtrees a consistency proof names, in its order. Needs 1 <= old <= new."""
    spans: list[tuple[int, int]] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low, whole = middle, False
    if not whole:
        spans.append((low, high))
    return spans[::-1]


def perfect_levels(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """All levels over hashes, from themselves up; a hash without a sibling has no parent.

    Over a power of two of them the last level is the one root.
    """
    levels, hashed = [hashes], sha256
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        hashes = [hashed(b"\x01" + left + right).digest() for left, right in pairs]
        levels.append(hashes)
    return levels


def _are_hashes(hashes: Iterable[bytes]) -> bool:
    return all(len(each) == HASH_BYTES for each in hashes)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` stands at `index` in the tree of `size` leaves with this root; never raises.

    RFC 9162 section 2.1.3.2 (the tree is that of RFC 6962).
    """
    if not 0 <= index < size or not _are_hashes((leaf, *proof)):
        return False
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and node == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `new` leaves extends the tree of `old` leaves, old >= 1; never raises.

    RFC 9162 section 2.1.4.2. Equal sizes need equal roots and an empty proof.
    """
    if not 1 <= old <= new or not _are_hashes(proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:  # a perfect tree is itself the first node of the proof
        path.insert(0, old_root)
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            older = node_hash(sibling, older)
            newer = node_hash(sibling, newer)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            newer = node_hash(newer, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and older == old_root and newer == new_root
