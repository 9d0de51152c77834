"""Equivalence classes: rows that share all codes are counted together, by packed integer keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[Any]
"""Codes in as few bytes as they need: counting is bound by memory."""

MOST_BITS = 62
DENSE = 1 << 16
"""Up to so many possible keys they are counted in an array; above, sorting them is quicker."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The distinct combinations of codes in lexical order: `digits` one array per dimension, and how many rows each."""

    digits: tuple[Codes, ...]
    counts: Ints

    def __len__(self) -> int:
        return len(self.counts)


def tally(digits: Sequence[Codes], sizes: Sequence[int], weights: Ints | None = None) -> Tally:
    """Count the distinct combinations of `digits` (arrays of equal length, codes below `sizes`).

    `weights` are rows each entry stands for (1 when None). Exact for any number of dimensions: keys that would not
    fit in 62 bits are replaced by their ranks on the way.
    """
    span = _product(sizes)
    if span.bit_length() > MOST_BITS:
        return _by_representative(digits, sizes, weights)
    keys, counts = weighed(pack(digits, sizes)[0], span, weights)
    return Tally(digits=unpack(keys, sizes), counts=counts)


def weighed(keys: Codes, span: int, weights: Ints | None) -> tuple[Ints, Ints]:
    """The distinct keys (all below `span`), ascending, and the sum of their weights (1 each when None)."""
    if span <= max(DENSE, len(keys) // 4):
        totals = np.bincount(keys, weights, minlength=1)
        at = np.flatnonzero(totals > 0)
        return at, totals[at].astype(np.int64)
    if weights is None:
        ordered = np.sort(keys.astype(np.uint32) if span < 1 << 32 and keys.itemsize > 4 else keys)
        first = starts(ordered)
        return ordered[first].astype(np.int64), np.diff(first, append=len(keys))
    bits = int(weights.max(initial=1)).bit_length()
    if span.bit_length() + bits <= MOST_BITS:  # keys and weights sorted as one number: many times quicker than argsort
        together = np.sort((keys.astype(np.int64) << bits) | weights)
        weights = together & ((1 << bits) - 1)
        together >>= bits
        first = starts(together)
        return together[first], np.add.reduceat(weights, first) if len(first) else weights
    order = np.argsort(keys)
    ordered = keys[order]
    first = starts(ordered)
    return ordered[first].astype(np.int64), np.add.reduceat(weights[order], first) if len(first) else weights


def _by_representative(digits: Sequence[Codes], sizes: Sequence[int], weights: Ints | None) -> Tally:
    keys, _ = pack(digits, sizes)
    order = np.argsort(keys)
    first = starts(keys[order])
    rows = order[first]
    counts = np.diff(first, append=len(keys)) if weights is None else np.add.reduceat(weights[order], first)
    return Tally(digits=tuple(narrow(each[rows]) for each in digits), counts=counts)


def pack(digits: Sequence[Codes], sizes: Sequence[int]) -> tuple[Ints, int]:
    """One integer a row whose order is the lexical order of its digits, and a bound of it.

    The last digit is the fastest. When the product of sizes does not fit, the keys so far become their ranks.
    """
    if not digits:
        raise ValueError("classes need at least one column")
    keys = digits[0].astype(np.int64)
    span = max(1, sizes[0])
    for each, size in zip(digits[1:], sizes[1:], strict=True):
        if size <= 1:
            continue
        if (span * size).bit_length() > MOST_BITS:
            _, keys = np.unique(keys, return_inverse=True)
            span = int(keys.max(initial=0)) + 1
        keys *= size
        keys += each
        span *= size
    return keys, span


def unpack(keys: Ints, sizes: Sequence[int]) -> tuple[Codes, ...]:
    """The digits of keys that were packed without ranks."""
    found: list[Codes] = []
    for size in reversed(sizes[1:]):
        if size <= 1:
            found.append(np.zeros(len(keys), dtype=np.uint8))
            continue
        rest = keys // size
        found.append(_kind(keys - rest * size, size - 1))
        keys = rest
    found.append(_kind(keys, max(sizes[0] - 1, 0)))
    return tuple(reversed(found))


def narrow(codes: Codes) -> Codes:
    """The same codes in as few bytes as they need."""
    return _kind(codes, int(codes.max(initial=0)))


def _kind(codes: Codes, most: int) -> Codes:
    kind = np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.int32 if most < 1 << 31 else np.int64
    return codes.astype(kind, copy=False)


def _product(sizes: Sequence[int]) -> int:
    product = 1
    for size in sizes:
        product *= max(1, size)
    return product


def starts(ordered: Codes) -> Ints:
    """Where each run of equal values begins."""
    if not len(ordered):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))


@dataclass(frozen=True, slots=True)
class Groups:
    """Classes of rows over some columns: `member` is the class of each row, `sizes` how large those are."""

    member: Ints
    sizes: Ints


def group(digits: Sequence[Codes], sizes: Sequence[int]) -> Groups:
    """The class of each row, and the size of each class; classes are in lexical order of their digits."""
    keys, span = pack(digits, sizes)
    if span <= DENSE:
        counted = np.bincount(keys, minlength=1)
        present = counted > 0
        return Groups(member=(np.cumsum(present) - 1)[keys], sizes=counted[present])
    order = np.argsort(keys)
    first = starts(keys[order])
    counts = np.diff(first, append=len(keys))
    member = np.empty(len(keys), dtype=np.int64)
    member[order] = np.repeat(np.arange(len(first)), counts)
    return Groups(member=member, sizes=counts)
