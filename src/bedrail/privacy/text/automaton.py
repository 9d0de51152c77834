"""All patterns of a language as one nondeterministic automaton, by which it is told which can still match.

A regular expression costs most where it does not match. Here all patterns become one automaton (Thompson 1968) that
accepts more than they do: looking ahead, back references and long counts are left out or loosened. What it rules out,
no pattern matches; what it leaves, the pattern itself is asked. states.py walks it.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_OTHER = 128
"""The column of all that is not ASCII: it may be anything."""
_ALL = (1 << (_OTHER + 1)) - 1
_UNROLLED = 8
"""Repetitions up to so many are counted; more are taken for any number."""

_NOWHERE = -1
"""In the place of a state: nothing goes on from here."""

SILENT, NEXT, BEFORE = 0, 1, 2
"""Kinds of arrows that take no character: on no condition; the next one is one of these; the one before it all is."""
VERSION = 1
"""Of how a graph is made of patterns and written down: a graph made otherwise is another."""


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
    """What is built of the patterns; an arrow is (characters, to), a silent one (kind, bits, to)."""

    def __init__(self) -> None:
        self.arrows: list[list[tuple[int, int]]] = []
        self.silent: list[list[tuple[int, int, int]]] = []
        self.part_of: list[int] = []
        self.ends: list[int] = []
        self.met = 0
        """How many times the pattern in hand looks ahead, but for what it may leave out."""
        self._asked = self._goal = -1
        self._part = 0
        self._looks = True
        self._groups: dict[int | None, tuple[Any, bool]] = {}

    def new(self) -> int:
        self.part_of.append(self._part)
        self.arrows.append([])
        self.silent.append([])
        return len(self.arrows) - 1

    def skip(self, start: int, end: int, kind: int = SILENT, bits: int = _ALL) -> int:
        if start != _NOWHERE:
            self.silent[start].append((kind, bits, end))
        return end

    def pattern(self, parsed: Iterable[Any], part: int, asked: int, *, folded: bool) -> int:
        """The beginning of a pattern, or with `asked` from 0, of what must match up to one place where it looks ahead.

        There, what it sees ahead stands in the place of all that follows.
        """
        self._part = part
        start, self._goal = self.new(), self.new()
        self.met, self._asked, self._groups = 0, asked, {}
        self.skip(self.sequence(parsed, start, folded=folded), self._goal)
        self.ends.append(self._goal)
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
                at = self.skip(at, self.new(), NEXT if way > 0 else BEFORE, allowed)
        return at

    def _ahead(self, nodes: Iterable[Any], at: int, *, folded: bool) -> int:
        self.met += 1
        if self.met - 1 != self._asked:
            return at
        asked, self._asked = self._asked, -1
        self.skip(self.sequence(nodes, at, folded=folded), self._goal)
        self._asked = asked
        return _NOWHERE


@dataclass(frozen=True, slots=True)
class Graph:
    """An automaton as numbers. Its characters are told apart by `columns` only: one for each of ASCII, and the others'.

    Each state has the arrows from its place in `lead_at` up to the next: into which state (`lead_to`), by which columns
    (`lead_set`, the number of a row of `sets`); silent ones in the same way, with their kind. Each state has its part,
    or `parts` more where the part ends; each part has its pattern. What is tried together begins in the states `starts`
    from its place in `entry_at` up to the next.
    """

    columns: bytes
    width: int
    sets: bytes
    lead_at: array[int]
    lead_set: array[int]
    lead_to: array[int]
    skip_at: array[int]
    skip_kind: bytes
    skip_set: array[int]
    skip_to: array[int]
    part_of: array[int]
    pattern_of: array[int]
    entry_at: array[int]
    starts: array[int]

    @property
    def parts(self) -> int:
        """How many parts there are: a pattern, and each of what it must match up to one place where it looks ahead."""
        return len(self.pattern_of)


SET_BYTES = 20
"""A set of columns: so many bytes, the lowest first."""


def digest(patterns: Sequence[re.Pattern[str]], entries: Sequence[Iterable[int]]) -> bytes:
    """By which a graph that was written down is known to be of these patterns and entries."""
    told = repr((VERSION, [(each.pattern, each.flags) for each in patterns], [tuple(each) for each in entries]))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()


def graph(patterns: Sequence[re.Pattern[str]], entries: Sequence[Iterable[int]]) -> Graph:
    """Of patterns by number, and entries: numbers that are tried together."""
    states = _States()
    pattern_of: list[int] = []
    starts: dict[int, list[int]] = {}
    for number in sorted({number for numbers in entries for number in numbers}):
        pattern = patterns[number]
        parsed, folded = _parser.parse(pattern.pattern, pattern.flags), bool(pattern.flags & re.IGNORECASE)
        starts[number] = [states.pattern(parsed, len(pattern_of), -1, folded=folded)]
        pattern_of.append(number)
        for asked in range(states.met):
            starts[number].append(states.pattern(parsed, len(pattern_of), asked, folded=folded))
            pattern_of.append(number)
    return _settled(states, pattern_of, [[s for n in numbers for s in starts[n]] for numbers in entries])


def _settled(states: _States, pattern_of: list[int], begins: list[list[int]]) -> Graph:
    masks = {_ALL: 0}
    for bits in (
        *(bits for arrows in states.arrows for bits, _ in arrows),
        *(bits for silent in states.silent for _, bits, _ in silent),
    ):
        masks.setdefault(bits, len(masks))
    columns, width = _alike(masks)
    for goal in states.ends:
        states.part_of[goal] += len(pattern_of)
    return Graph(
        columns=columns, width=width,
        sets=b"".join(_by_column(mask, columns).to_bytes(SET_BYTES, "little") for mask in masks),
        lead_at=_places(states.arrows),
        lead_set=array("H", [masks[bits] for arrows in states.arrows for bits, _ in arrows]),
        lead_to=array("I", [to for arrows in states.arrows for _, to in arrows]),
        skip_at=_places(states.silent),
        skip_kind=bytes(kind for silent in states.silent for kind, _, _ in silent),
        skip_set=array("H", [masks[bits] for silent in states.silent for _, bits, _ in silent]),
        skip_to=array("I", [to for silent in states.silent for _, _, to in silent]),
        part_of=array("H", states.part_of), pattern_of=array("H", pattern_of),
        entry_at=_places(begins), starts=array("I", [start for each in begins for start in each]),
    )  # fmt: skip


def _places(lists: Sequence[Sequence[Any]]) -> array[int]:
    return array("I", accumulate(map(len, lists), initial=0))


def _alike(masks: Iterable[int]) -> tuple[bytes, int]:
    """A column for each class of characters that no arrow tells apart, and how many there are."""
    classes: dict[tuple[bool, ...], int] = {}
    columns = [classes.setdefault(tuple(bool(m >> at & 1) for m in masks), len(classes)) for at in range(_OTHER)]
    return bytes([*columns, len(classes)]), len(classes) + 1


def _by_column(mask: int, columns: bytes) -> int:
    return sum(1 << column for column in {columns[at] for at in range(_OTHER + 1) if mask >> at & 1})
