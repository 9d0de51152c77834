"""Leaf hashes of stored entries, computed again: the part of verification whose cost grows with the ledger.

A stretch is what one page of entries came to. Of a long ledger, stretches are computed in processes of their own, which
open the tape anew; the tree over them is grown in one place, in order.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from hashlib import sha256

from bedrail.core.errors import Unavailable
from bedrail.core.ports import Tape

LONG = 200_000
"""Entries below which other processes take longer to start than they save."""

RANGE = 32_768
"""Entries given to a process at once: one MiB of hashes comes back."""

AHEAD = 2
"""Ranges a process that wait for the tree at most."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries of one page: `leaves` from index `first` on, and which of them are not the stored ones.

    `gap` is (first absent index, index found in its place) within the page; `pruned` counts entries of which only the
    hash is left.
    """

    first: int
    leaves: list[bytes]
    unlike: tuple[int, ...]
    gap: tuple[int, int] | None
    pruned: int


Told = Callable[[str, int, int], None]
"""Told how far long work has come: at what, done, of how many."""

HASHED = "entries hashed"


@dataclass(frozen=True, slots=True)
class Parallel:
    """How `jobs` other processes come to the same tape: `reopen` can be pickled, such as a partial of a function.

    `told` hears, in this process, how far the hashing has come, also when it is done here.
    """

    reopen: Callable[[], Tape]
    jobs: int
    told: Told | None = None


def stretches(tape: Tape, start: int, stop: int, pruned: Sequence[range]) -> Iterator[Stretch]:
    """The entries from `start` to before `stop`, hashed (RFC 6962 section 2.1); nothing is decoded.

    In the ranges `pruned` the stored hash stands for bytes that are gone; it must lead to the same signed roots.
    """
    hashed = sha256
    for page in tape.sealed_pages(start, stop):
        indexes, stored, entries = zip(*page, strict=True)
        leaves = [hashed(b"\x00" + entry).digest() for entry in entries]
        gone = 0
        if pruned and not all(entries):
            for at, entry in enumerate(entries):
                if not entry and any(indexes[at] in one for one in pruned):
                    leaves[at] = stored[at]
                    gone += 1
        unlike: tuple[int, ...] = ()
        if leaves != list(stored):
            unlike = tuple(at for at, leaf, kept in zip(indexes, leaves, stored, strict=True) if leaf != kept)
        yield Stretch(indexes[0], leaves, unlike, _gap(indexes), gone)


def all_stretches(tape: Tape, stop: int, pruned: Sequence[range], parallel: Parallel | None) -> Iterator[Stretch]:
    """The entries before `stop`, hashed: here, or where it is worth while by several processes, in the same order."""
    told = None if parallel is None else parallel.told
    for stretch in _hashed(tape, stop, pruned, parallel):
        yield stretch
        if told is not None:
            told(HASHED, stretch.first + len(stretch.leaves), stop)


def _hashed(tape: Tape, stop: int, pruned: Sequence[range], parallel: Parallel | None) -> Iterator[Stretch]:
    if parallel is None or parallel.jobs < 2 or stop < LONG:
        yield from stretches(tape, 0, stop, pruned)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(parallel.jobs, spawn, initializer=_begin, initargs=(parallel.reopen, pruned)) as pool:
        waiting: deque[Future[list[Stretch]]] = deque()
        try:
            for start in range(0, stop, RANGE):
                waiting.append(pool.submit(_range, start, min(start + RANGE, stop)))
                if len(waiting) > parallel.jobs * AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise Unavailable("A process that verified died.", remedy="Try --jobs 1 if memory is short.") from error


_opened: tuple[Tape, Sequence[range]] | None = None


def _begin(reopen: Callable[[], Tape], pruned: Sequence[range]) -> None:
    global _opened  # noqa: PLW0603 (one tape a process)
    gc.disable()  # pages hold no cycles, and the process ends with the work
    _opened = (reopen(), pruned)


def _range(start: int, stop: int) -> list[Stretch]:
    assert _opened is not None
    tape, pruned = _opened
    return list(stretches(tape, start, stop, pruned))


def _gap(indexes: Sequence[int]) -> tuple[int, int] | None:
    first = indexes[0]
    if indexes[-1] == first + len(indexes) - 1:
        return None
    return next((expected, found) for expected, found in enumerate(indexes, first) if expected != found)
