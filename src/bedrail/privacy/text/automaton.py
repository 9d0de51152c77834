"""Which patterns can still match by the next few characters: one automaton for many, built as texts ask for it.

A regular expression costs most where it does not match. Here all patterns of a language become one nondeterministic
automaton (Thompson 1968) that accepts more than they do: looking ahead, back references and long counts are left out or
loosened. Its sets of states are the states of a deterministic one, made when a text first leads there and kept (as in
RE2, Cox 2010). What this one rules out, no pattern matches; what it leaves, the pattern itself is asked.
"""

from __future__ import annotations

import re
import threading
from array import array
from collections.abc import Iterable, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_OTHER = 128
"""The column of all that is not ASCII: it may be anything."""
_ALL = (1 << (_OTHER + 1)) - 1
_UNROLLED = 8
"""Repetitions up to so many are counted; more are taken for any number."""
_ROWS = 2_048
_STATES = 32_768
"""Then no more are made: what is not ruled out by then is tried."""
_UNMADE = 65_535
"""More than any state: the move is not made yet. Two bytes a move keep the table near the processor."""

_NOWHERE = -1
"""In the place of a state: nothing goes on from here."""

_Arrow = tuple[int, int]
"""Characters, as bits, and the state behind them."""
_Key = tuple[frozenset[int], frozenset[int]]
"""Arrows by number, and the parts that may have matched."""


def _mask(test: Any) -> int:
    return sum(1 << at for at in range(_OTHER) if test(chr(at))) | 1 << _OTHER


_CATEGORIES = {
    sre.CATEGORY_DIGIT: _mask(str.isdecimal),
    sre.CATEGORY_SPACE: _mask(str.isspace),
    sre.CATEGORY_WORD: _mask(lambda c: c.isalnum() or c == "_"),
}
_CATEGORIES |= {
    sre.CATEGORY_NOT_DIGIT: _ALL & ~_CATEGORIES[sre.CATEGORY_DIGIT] | 1 << _OTHER,
    sre.CATEGORY_NOT_SPACE: _ALL & ~_CATEGORIES[sre.CATEGORY_SPACE] | 1 << _OTHER,
    sre.CATEGORY_NOT_WORD: _ALL & ~_CATEGORIES[sre.CATEGORY_WORD] | 1 << _OTHER,
}
_REPEATS = {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}


def _one(op: Any, value: Any, *, folded: bool) -> int | None:
    """The characters that a node of one character takes, as bits; None for any other node."""
    if op is sre.ANY:
        return _ALL & ~(1 << 10)
    if op is sre.LITERAL:
        return _range(value, value, folded=folded)
    if op is sre.NOT_LITERAL:
        return _ALL & ~_range(value, value, folded=folded, loose=False) | 1 << _OTHER
    if op is not sre.IN:
        return None
    bits, negated = 0, value[0][0] is sre.NEGATE
    for kind, what in value[negated:]:
        if kind is sre.LITERAL:
            bits |= _range(what, what, folded=folded, loose=not negated)
        elif kind is sre.RANGE:
            bits |= _range(*what, folded=folded, loose=not negated)
        else:
            bits |= _CATEGORIES.get(what, _ALL)
    return (_ALL & ~bits if negated else bits) | 1 << _OTHER


def _negated(op: Any, value: Any) -> tuple[Any, Any]:
    """The node that takes all characters which one of one character does not; any other node as it is."""
    if op is sre.LITERAL:
        return sre.NOT_LITERAL, value
    if op is sre.NOT_LITERAL:
        return sre.LITERAL, value
    if op is sre.ANY:
        return sre.LITERAL, 10
    if op is sre.IN:
        return op, value[1:] if value[0][0] is sre.NEGATE else [(sre.NEGATE, None), *value]
    return op, value


def _range(low: int, high: int, *, folded: bool, loose: bool = True) -> int:
    """The characters from `low` to `high`; `loose` adds what may be among them: a negation would take it away."""
    bits = 1 << _OTHER
    for at in range(low, min(high, _OTHER - 1) + 1):
        char = chr(at)
        for one in {char, char.lower(), char.upper()} if folded else {char}:
            bits |= 1 << ord(one)
    if folded and loose and high >= _OTHER:  # the Kelvin sign is a k, a long s is an s
        bits |= sum(1 << ord(c) for c in "iIkKsS")
    return bits


class _States:
    """The nondeterministic automaton of all patterns; an arrow is (characters, to), a silent one (kind, bits, to)."""

    def __init__(self) -> None:
        self.arrows: list[list[tuple[int, int]]] = []
        self.silent: list[list[tuple[str, int, int]]] = []
        self.ends: dict[int, int] = {}
        self.leads: tuple[tuple[tuple[int, int], ...], ...] = ()
        self.skips: tuple[tuple[tuple[str, int, int], ...], ...] = ()
        self.met = 0
        """How many times the pattern in hand looks ahead, but for what it may leave out."""
        self._asked = self._goal = -1
        self._looks = True
        self._groups: dict[int | None, tuple[Any, bool]] = {}

    def new(self) -> int:
        self.arrows.append([])
        self.silent.append([])
        return len(self.arrows) - 1

    def settle(self) -> None:
        """Nothing is added any more: what does not change costs the garbage collector nothing."""
        self.leads = tuple(map(tuple, self.arrows))
        self.skips = tuple(map(tuple, self.silent))
        self.arrows, self.silent = [], []

    def skip(self, start: int, end: int, kind: str = "", bits: int = _ALL) -> int:
        if start != _NOWHERE:
            self.silent[start].append((kind, bits, end))
        return end

    def pattern(self, parsed: Iterable[Any], number: int, asked: int, *, folded: bool) -> int:
        """The beginning of a pattern, or with `asked` from 0, of what must match up to one place where it looks ahead.

        There, what it sees ahead stands in the place of all that follows.
        """
        start, self._goal = self.new(), self.new()
        self.met, self._asked, self._groups = 0, asked, {}
        self.skip(self.sequence(parsed, start, folded=folded), self._goal)
        self.ends[self._goal] = number
        return start

    def sequence(self, nodes: Iterable[Any], at: int, *, folded: bool) -> int:
        for op, value in nodes:
            if at == _NOWHERE:
                break
            at = self._node(op, value, at, folded=folded)
        return at

    def _node(self, op: Any, value: Any, at: int, *, folded: bool) -> int:
        bits = _one(op, value, folded=folded)
        if bits is not None:
            end = self.new()
            self.arrows[at].append((bits, end))
            return end
        if op is sre.BRANCH:
            end = self.new()
            for nodes in value[1]:
                self.skip(self.sequence(nodes, self.skip(at, self.new()), folded=folded), end)
            return end
        if op is sre.SUBPATTERN:
            group, add, less, nodes = value
            inner = (folded or bool(add & re.IGNORECASE)) and not less & re.IGNORECASE
            self._groups[group] = nodes, inner
            return self.sequence(nodes, at, folded=inner)
        if op in _REPEATS:
            return self._repeat(value, at, folded=folded)
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            return self._look(op, value, at, folded=folded)
        return at if op is sre.AT else self._rest(op, value, at, folded=folded)

    def _rest(self, op: Any, value: Any, at: int, *, folded: bool) -> int:
        """A reference to a group stands for all that the group may take, what is not known for anything."""
        if op is sre.GROUPREF and value in self._groups:
            nodes, inner = self._groups[value]
            looks, self._looks = self._looks, False  # what stood beside the group need not stand beside its like
            at = self.sequence(nodes, at, folded=inner or folded)
            self._looks = looks
            return at
        loop = self.skip(at, self.new())
        self.arrows[loop].append((_ALL, loop))
        return self.skip(loop, self.new())

    def _repeat(self, value: Any, at: int, *, folded: bool) -> int:
        least, most, nodes = value
        if not least:
            asked, met, self._asked = self._asked, self.met, -1
            end = self._repeated(least, most, nodes, at, folded=folded)
            self._asked, self.met = asked, met
            return end
        return self._repeated(least, most, nodes, at, folded=folded)

    def _repeated(self, least: int, most: int, nodes: Any, at: int, *, folded: bool) -> int:
        unrolled = min(least, 4 * _UNROLLED)
        for _ in range(unrolled):
            at = self.sequence(nodes, at, folded=folded)
        if most - unrolled > _UNROLLED:
            loop = self.skip(at, self.new())
            self.skip(self.sequence(nodes, loop, folded=folded), loop)
            return self.skip(loop, self.new())
        end = self.new()
        for _ in range(most - unrolled):
            self.skip(at, end)
            at = self.sequence(nodes, at, folded=folded)
        return self.skip(at, end)

    def _look(self, op: Any, value: Any, at: int, *, folded: bool) -> int:
        """What must (not) stand beside is kept where it is one character: the next, or the one before the beginning."""
        way, nodes = value
        if not self._looks:
            return at
        if op is sre.ASSERT and way > 0:
            return self._ahead(nodes, at, folded=folded)
        several = op is sre.ASSERT_NOT and len(nodes) == 1 and nodes[0][0] is sre.BRANCH
        for branch in nodes[0][1][1] if several else [nodes]:  # none of them may stand there
            if len(branch) != 1:  # longer, or empty, which nothing can be told of
                continue
            node = branch[0] if op is sre.ASSERT else _negated(*branch[0])
            allowed = _one(*node, folded=folded)
            if allowed is not None:
                at = self.skip(at, self.new(), "next" if way > 0 else "before", allowed)
        return at

    def _ahead(self, nodes: Iterable[Any], at: int, *, folded: bool) -> int:
        self.met += 1
        if self.met - 1 != self._asked:
            return at
        asked, self._asked = self._asked, -1
        self.skip(self.sequence(nodes, at, folded=folded), self._goal)
        self._asked = asked
        return _NOWHERE


class Automaton:
    """Patterns by number, and entries: numbers that are tried together. Safe to share by threads; keeps no text."""

    def __init__(self, patterns: Sequence[re.Pattern[str]], entries: Sequence[Iterable[int]]) -> None:
        self._nfa = _States()
        self._of: list[int] = []  # the part of each state
        self._pattern: list[int] = []  # the pattern of each part
        self._beside: dict[int, frozenset[int]] = {}  # of patterns with more than one, all parts by each
        starts: dict[int, list[int]] = {}
        for number in sorted({number for numbers in entries for number in numbers}):
            starts[number] = self._parts(patterns[number], number)
        self._nfa.settle()
        self._entries = [frozenset(start for number in numbers for start in starts[number]) for numbers in entries]
        self.columns, self.width = self._alike()
        self._lock = threading.Lock()
        self._numbers: dict[_Key, int] = {}
        self._arrows: dict[_Arrow, int] = {(0, 0): 0}
        self._by_number = [(0, 0, 0)]  # characters, the state behind them, its part
        self._leading: list[frozenset[int]] = []
        self._led: dict[int, _Key] = {}
        self._sure: list[frozenset[int]] = []
        self.open: list[tuple[int, ...]] = []
        """By state, the patterns that may match; state 0 is the end of all hope."""
        self.moves = array("H", [_UNMADE] * self.width * _ROWS)
        """By state, then by column, the state behind a character, or `_UNMADE`. Grown as a new array."""
        self.stops = bytearray(_ROWS)
        """By state, whether nothing more is learned behind it."""
        self.begins = array("i", [-1] * len(self._entries) * (self.width + 1))
        """By entry, then by the column of the character before (the last: none), the state to begin with."""
        self._state(frozenset(), frozenset())

    def _parts(self, pattern: re.Pattern[str], number: int) -> list[int]:
        """The beginnings of all that must match for the pattern to match: itself, and up to where it looks ahead."""
        parsed, folded = _parser.parse(pattern.pattern, pattern.flags), bool(pattern.flags & re.IGNORECASE)
        first = len(self._pattern)
        starts = [self._part(parsed, number, -1, folded=folded)]
        starts += [self._part(parsed, number, at, folded=folded) for at in range(self._nfa.met)]
        if len(starts) > 1:
            parts = range(first, len(self._pattern))
            self._beside |= dict.fromkeys(parts, frozenset(parts))
        return starts

    def _part(self, parsed: Any, number: int, asked: int, *, folded: bool) -> int:
        start = self._nfa.pattern(parsed, len(self._pattern), asked, folded=folded)
        self._of += [len(self._pattern)] * (len(self._nfa.arrows) - len(self._of))
        self._pattern.append(number)
        return start

    def walked(self, text: str, at: int, entry: int, state: int = -1, stuck: int = -1) -> int:
        """The state in which `text` ends from `at`, or sooner when nothing more is learned.

        `state` and `stuck` tell how far the compiled walk came before it missed a move.
        """
        if state < 0:
            state, stuck = self._begin(entry, text[at - 1] if at else ""), at
        columns, width = self.columns, self.width
        for here in range(stuck, len(text)):
            if self.stops[state]:
                break
            column = columns[min(ord(text[here]), _OTHER)]
            after = self.moves[state * width + column]
            if after == _UNMADE:
                after = self._step(state, column)
                if after < 0:
                    break
            state = after
        return state

    def _begin(self, entry: int, before: str) -> int:
        column = self.columns[min(ord(before), _OTHER)] if before else self.width
        at = entry * (self.width + 1) + column
        if self.begins[at] < 0:
            with self._lock:
                led = [self._closure(start, before) for start in self._entries[entry]]
                leading = frozenset[int]().union(*(arrows for arrows, _ in led))
                self.begins[at] = self._state(leading, frozenset[int]().union(*(ends for _, ends in led)))
        return self.begins[at]

    def _alike(self) -> tuple[bytes, int]:
        """A column for each class of characters that no arrow tells apart, and how many there are."""
        masks = {bits for arrows in self._nfa.leads for bits, _ in arrows}
        masks |= {bits for silent in self._nfa.skips for kind, bits, _ in silent if kind}
        classes: dict[tuple[bool, ...], int] = {}
        columns = [classes.setdefault(tuple(bool(m >> at & 1) for m in masks), len(classes)) for at in range(_OTHER)]
        return bytes([*columns, len(classes)]), len(classes) + 1

    def _step(self, state: int, column: int) -> int:
        """The state behind one more character, made if need be; -1 when there are too many."""
        bit = 1 << self.columns.index(column)
        with self._lock:
            if len(self.open) >= _STATES:
                return -1
            leading: set[int] = set()
            sure, arrows = self._sure[state], self._by_number
            for to in {arrows[each][1] for each in self._leading[state] if arrows[each][0] & bit}:
                led = self._led.get(to)
                if led is None:
                    led = self._led[to] = self._closure(to)
                leading |= led[0]
                sure |= led[1]
            after = self._state(leading, sure)
            self.moves[state * self.width + column] = after
            return after

    def _state(self, leading: Iterable[int], sure: frozenset[int]) -> int:
        # of a part that may already have matched nothing more is asked, nor of a pattern of which one cannot match
        arrows, beside = self._by_number, self._beside
        kept = frozenset([each for each in leading if arrows[each][2] not in sure])
        parts = {arrows[each][2] for each in kept} | sure
        lost = frozenset[int]().union(*(beside[part] for part in parts & beside.keys() if not beside[part] <= parts))
        if lost:
            kept = frozenset([each for each in kept if arrows[each][2] not in lost])
            sure, parts = sure - lost, parts - lost
        key = (kept, sure)
        known = self._numbers.get(key)
        if known is not None:
            return known
        self._numbers[key] = at = len(self.open)
        self._leading.append(kept)
        self._sure.append(sure)
        self.open.append(tuple(sorted({self._pattern[part] for part in parts})))
        if at == len(self.stops):
            self.moves = self.moves + array("H", [_UNMADE]) * len(self.moves)
            self.stops = self.stops + bytearray(at)
        self.stops[at] = not kept
        return at

    def _closure(self, state: int, before: str = "") -> _Key:
        """All arrows that lead on from a state by silent ones, and the patterns that end there."""
        seen: dict[int, int] = {}
        waiting = [(state, _ALL)]
        while waiting:
            state, bits = waiting.pop()
            had = seen.get(state, 0)
            if state in seen and bits | had == had:
                continue
            seen[state] = bits = bits | had
            for kind, allowed, to in self._nfa.skips[state]:
                if kind != "before":
                    waiting.append((to, bits & allowed))
                elif not before or allowed >> min(ord(before), _OTHER) & 1:
                    waiting.append((to, bits))
        arrows = [self._number(chars & bits, to) for at, bits in seen.items() for chars, to in self._nfa.leads[at]]
        return frozenset(arrows) - {0}, frozenset(self._nfa.ends[at] for at in seen if at in self._nfa.ends)

    def _number(self, chars: int, to: int) -> int:
        """Of an arrow; 0 for one that takes nothing."""
        number = self._arrows.setdefault((chars, to), len(self._arrows)) if chars else 0
        if number == len(self._by_number):
            self._by_number.append((chars, to, self._of[to]))
        return number
