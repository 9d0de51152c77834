"""Which patterns can still match by the next few characters: the automaton of all patterns, walked.

Its sets of states are the states of a deterministic one, made when a text first leads there and kept (as in RE2, Cox
2010). The compiled `States` makes a move in two microseconds, so that unseen notes are read nearly as quickly as seen
ones, and no states have to be shipped.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from bedrail.privacy.text.automaton import BEFORE, SET_BYTES, Graph

try:
    from bedrail.privacy.text import _scan
except ImportError:  # built without a C compiler
    _scan = None  # type: ignore[assignment]

MOST = 32_768
"""Then no more are made: what is not ruled out by then is tried."""

_Arrow = tuple[int, int]
"""Columns, as bits, and the state behind them."""
_Key = tuple[frozenset[_Arrow], frozenset[int]]
"""Arrows, and the parts that may have matched."""


def states(graph: Graph, most: int = MOST) -> _scan.States:
    """The compiled states of a graph."""
    return _scan.States(
        graph.columns, graph.width, most, graph.sets, graph.lead_at, graph.lead_set, graph.lead_to, graph.skip_at,
        graph.skip_kind, graph.skip_set, graph.skip_to, graph.part_of, graph.pattern_of, graph.entry_at, graph.starts,
    )  # fmt: skip


class PythonStates:
    """The same as the compiled `States`. Safe to share by threads; keeps no text."""

    def __init__(self, graph: Graph, most: int = MOST) -> None:
        self._graph, self._most = graph, most
        rows = range(0, len(graph.sets), SET_BYTES)
        self._sets = [int.from_bytes(graph.sets[at : at + SET_BYTES], "little") for at in rows]
        self._lock = threading.Lock()
        self._numbers: dict[_Key, int] = {}
        self._keys: list[_Key] = []
        self._open: list[int] = []
        self._opens: dict[tuple[int, ...], int] = {}
        self._moves: dict[tuple[int, int], int] = {}
        self._begins: dict[tuple[int, int], int] = {}
        self._closures: dict[int, _Key] = {}
        beside: dict[int, set[int]] = {}
        for part, pattern in enumerate(graph.pattern_of):
            beside.setdefault(pattern, set()).add(part)
        self._beside = [beside[pattern] for pattern in graph.pattern_of]
        self._state(set(), set())

    def open(self, number: int) -> tuple[int, ...]:
        """The patterns that may match, sorted."""
        return list(self._opens)[number]

    def count(self) -> int:
        """How many states are made."""
        return len(self._keys)

    def walked(self, text: str, at: int, entry: int) -> int:
        """What may match from a place, as a number for `open`; 0: nothing."""
        columns = self._graph.columns
        state = self._begin(entry, columns[min(ord(text[at - 1]), len(columns) - 1)] if at else -1)
        for here in range(at, len(text)):
            if not self._keys[state][0]:
                break
            column = columns[min(ord(text[here]), len(columns) - 1)]
            after = self._moves.get((state, column), -1)
            if after < 0:
                after = self._step(state, column)
                if after < 0:
                    break
            state = after
        return self._open[state]

    def _begin(self, entry: int, before: int) -> int:
        with self._lock:
            state = self._begins.get((entry, before), -1)
            if state < 0:
                places = self._graph.entry_at
                starts = self._graph.starts[places[entry] : places[entry + 1]]
                state = self._begins[entry, before] = self._joined(self._closure(start, before) for start in starts)
            return state

    def _step(self, state: int, column: int) -> int:
        """The state behind one more character, made if need be; -1 when there are too many."""
        with self._lock:
            if len(self._keys) >= self._most:
                return -1
            arrows, sure = self._keys[state]
            closures = []
            for to in {to for bits, to in arrows if bits >> column & 1}:
                if to not in self._closures:
                    self._closures[to] = self._closure(to, -1)
                closures.append(self._closures[to])
            after = self._moves[state, column] = self._joined(closures, sure)
            return after

    def _joined(self, closures: Iterable[_Key], sure: frozenset[int] = frozenset()) -> int:
        arrows: set[_Arrow] = set()
        ended = set(sure)
        for leading, ends in closures:
            arrows |= leading
            ended |= ends
        return self._state(arrows, ended)

    def _state(self, arrows: set[_Arrow], sure: set[int]) -> int:
        # of a part that may already have matched nothing more is asked, nor of a pattern of which one cannot match
        arrows = {each for each in arrows if self._part(each[1]) not in sure}
        parts = {self._part(to) for _, to in arrows} | sure
        lost = {part for part in parts if not self._beside[part] <= parts}
        arrows = {each for each in arrows if self._part(each[1]) not in lost}
        key = frozenset(arrows), frozenset(sure - lost)
        if key not in self._numbers:
            patterns = tuple(sorted({self._graph.pattern_of[part] for part in parts - lost}))
            self._open.append(self._opens.setdefault(patterns, len(self._opens)))
            self._keys.append(key)
            self._numbers[key] = len(self._numbers)
        return self._numbers[key]

    def _part(self, state: int) -> int:
        return self._graph.part_of[state] % self._graph.parts

    def _closure(self, state: int, before: int) -> _Key:
        """All arrows that lead on from a state by silent ones, and the parts that end there."""
        graph, sets = self._graph, self._sets
        seen: dict[int, int] = {}
        waiting = [(state, (1 << graph.width) - 1)]
        while waiting:
            state, bits = waiting.pop()
            had = seen.get(state, 0)
            if state in seen and bits | had == had:
                continue
            seen[state] = bits = bits | had
            for at in range(graph.skip_at[state], graph.skip_at[state + 1]):
                allowed, to = sets[graph.skip_set[at]], graph.skip_to[at]
                if graph.skip_kind[at] != BEFORE:
                    waiting.append((to, bits & allowed))
                elif before < 0 or allowed >> before & 1:
                    waiting.append((to, bits))
        led = {
            (sets[graph.lead_set[at]] & bits, graph.lead_to[at])
            for state, bits in seen.items()
            for at in range(graph.lead_at[state], graph.lead_at[state + 1])
        }
        ends = frozenset(self._part(state) for state in seen if graph.part_of[state] >= graph.parts)
        return frozenset((bits, to) for bits, to in led if bits), ends
