"""All rules of a pack in one pass over the tokens: a pattern is tried only where one of its triggers stands."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from bedrail.privacy.text.automaton import Graph
from bedrail.privacy.text.graphs import graph_of
from bedrail.privacy.text.states import PythonStates, states
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import DIGITS, MIXED, Candidate, Rule

try:
    from bedrail.privacy.text import _scan
except ImportError:  # built without a C compiler
    _scan = None  # type: ignore[assignment]

_COMPILED = _scan is not None
_OPENERS = frozenset(",([.")
_LONGEST = 400
_CLOSING = frozenset(",;%)]\n")
_WHOLE = r"(?<![\w"
"""So begins a pattern that can match from the beginning of a token only."""
_NUMERIC = frozenset({DIGITS, MIXED})
_SETTLED = 0.9
"""A pattern of digits that is this sure needs no second opinion at the same place."""
_DIGITS, _MIXED = 0, 1
"""The first entries of the automaton; then come words, and last the rules that begin before their trigger."""

Event = tuple[int, int, int, int]
"""The index of a token, the entry under which rules may match there, the place, what may match (as States has it)."""


Told = tuple[Any, ...]
"""A rule as the compiled `confirm` takes it."""


class _Compiled:
    __slots__ = (
        "anchored", "at", "before", "behind", "capital", "check", "confidence", "entry", "follows", "groups", "label",
        "match", "search", "told",
    )  # fmt: skip

    def __init__(self, rule: Rule, at: int) -> None:
        self.at, self.entry = at, -1
        self.anchored = bool(rule.behind) and rule.pattern.pattern.startswith(_WHOLE)
        self.label, self.confidence, self.check, self.behind = rule.label, rule.confidence, rule.check, rule.behind
        self.capital, self.before, self.follows = rule.capital, rule.before, rule.follows
        self.match, self.search = rule.pattern.match, rule.pattern.finditer
        self.groups = tuple(n for name, n in rule.pattern.groupindex.items() if re.fullmatch(r"x\d*", name))

        self.told: tuple[Told, Told] = (self._told(settles=False), self._told(settles=True))
        """What the compiled `confirm` has to know of a rule that settles nothing, and of one that settles its place."""

    def _told(self, *, settles: bool) -> Told:
        return (
            self.at, self.follows, self.capital, settles, self.match, self.groups, self.before, self.check, self.label,
            self.confidence,
        )  # fmt: skip


def _gate(patterns: Sequence[re.Pattern[str]]) -> Callable[[str, int], int]:
    """Where nothing walks the automaton: the first of many patterns that matches at a place, or how many there are."""
    parts = [f"(?P<r{n}>{_renamed(pattern.pattern, n)})" for n, pattern in enumerate(patterns)]
    match, names = re.compile("|".join(parts)).match, {f"r{n}": n for n in range(len(parts))}

    def first(text: str, at: int) -> int:
        hit = match(text, at) if parts else None
        return len(parts) if hit is None else names[hit.lastgroup or ""]

    return first


def _renamed(pattern: str, number: int) -> str:
    """With group names of its own, so that many patterns fit into one."""
    return re.sub(r"[(][?]P([<=])", rf"(?P\1r{number}_", pattern)


class Matcher:
    """The rules of one language, by trigger."""

    def __init__(
        self, rules: tuple[Rule, ...], scans: tuple[Rule, ...] = (), measures: frozenset[str] = frozenset()
    ) -> None:
        self._measures = measures | _CLOSING
        digits, mixed = (
            sorted((r for r in rules if kind in r.triggers), key=lambda r: -r.confidence) for kind in (DIGITS, MIXED)
        )
        worded = [rule for rule in rules if rule.triggers - _NUMERIC]
        self._rules = [_Compiled(rule, at) for at, rule in enumerate((*digits, *mixed, *worded))]
        first = len(digits) + len(mixed)
        table: dict[str, list[int]] = defaultdict(list)
        for at, rule in enumerate(worded, first):
            for trigger in sorted(rule.triggers - _NUMERIC):  # the same number in every process
                table[trigger].append(at)
        behind = {rule.at for rule in self._rules[first:] if rule.behind}
        entries = [list(range(len(digits))), list(range(len(digits), first))]
        entries += [[at for at in ats if at not in behind] for ats in table.values()]
        self._behind = [(), (), *(tuple(at for at in ats if at in behind) for ats in table.values())]
        self._table = {trigger: at for at, trigger in enumerate(table, 2)}
        self._hints = _scan.hints(self._table) if _COMPILED else b""
        for at in behind:
            self._rules[at].entry = len(entries)
            entries.append([at] if self._rules[at].anchored else [])
        self._entries = [tuple(each) for each in entries]
        self._always = bytes(len(each) > 0 for each in self._behind) + bytes(len(behind))
        self._patterns = [rule.pattern for rule in (*digits, *mixed, *worded)]
        self._plans: dict[tuple[int, int], _Plan] = {}
        if _COMPILED:
            self.use(states(self.graph))
        self._scans = [(rule.triggers, _Compiled(rule, -1)) for rule in scans]

    def use(self, made: _scan.States) -> None:
        """Take other states of the same graph."""
        self.states = made
        self._plans.clear()

    def find(self, tokens: Tokens) -> list[Candidate]:
        """Every candidate, in no order and possibly overlapping."""
        return self.find_ruled(tokens) if _COMPILED else self.find_directly(tokens)

    def find_ruled(self, tokens: Tokens) -> list[Candidate]:
        """What the rules find where the automaton does not rule them out."""
        found = self._scanned(tokens)
        text, words, starts = tokens.plain.text, tokens.words, tokens.starts
        settled = 0
        places: dict[int, _Places] = {}
        plans = self._plans
        for index, entry, at, may in self.events(tokens):
            plan = plans.get((entry, may))
            if plan is None:
                plan = plans[entry, may] = self._plan(entry, may)
            if entry > _MIXED:
                for told, rest in plan:
                    if told:
                        confirm(told, text, starts[index], Candidate, "rule", found)
                    if rest:
                        self._try(rest, tokens, index, places, found)
            elif entry == _MIXED:
                confirm(plan[0][0], text, at, Candidate, "rule", found)
            elif at >= settled and not self._measured(text, words, index, at):
                settled = confirm(plan[0][0], text, at, Candidate, "rule", found) or settled
        return found

    def find_directly(self, tokens: Tokens) -> list[Candidate]:
        """The same without the automaton: walking it costs more in Python than it saves."""
        found = self._scanned(tokens)
        text, words = tokens.plain.text, tokens.words
        settled = 0
        gates, plans, numbers = self._gates, self._whole_plans, self._entries
        for index, entry, at in self._asked(tokens):
            if entry > _MIXED:
                self._try(plans[entry], tokens, index, None, found)
            elif entry == _MIXED:
                self._settle(numbers[_MIXED][gates[_MIXED](text, at) :], text, at, found)
            elif at >= settled and not self._measured(text, words, index, at):
                settled = self._settle(numbers[_DIGITS][gates[_DIGITS](text, at) :], text, at, found) or settled
        return found

    @property
    def asked(self) -> tuple[list[re.Pattern[str]], list[tuple[int, ...]]]:
        """Of what the automaton is made: patterns by number, and which begin at which entry."""
        return self._patterns, self._entries

    @property
    def graph(self) -> Graph:
        """The automaton of all rules but those that are searched for through the whole text."""
        return graph_of(*self.asked)

    @cached_property
    def python_states(self) -> PythonStates:
        """The states of the automaton without the compiled kernel."""
        return PythonStates(self.graph)

    @cached_property
    def _gates(self) -> tuple[Callable[[str, int], int], ...]:
        return tuple(_gate([self._patterns[at] for at in self._entries[entry]]) for entry in (_DIGITS, _MIXED))

    @cached_property
    def _whole_plans(self) -> list[list[_Compiled]]:
        return [
            [self._rules[at] for at in sorted((*numbers, *behind))]
            for numbers, behind in zip(self._entries, self._behind, strict=False)
        ]

    def events(self, tokens: Tokens) -> list[Event]:
        """Where which rules may match: what the automaton does not rule out."""
        return _scan.look(
            tokens.plain.text, tokens.words, tokens.starts, tokens.ends, self._table, self._hints, self.states,
            self._always,
        )  # fmt: skip

    def places(self, tokens: Tokens, entry: int, first: int, last: int) -> list[int]:
        """Of the tokens `first` up to `last`, where a rule that begins before its trigger may match."""
        return _scan.reach(tokens.plain.text, tokens.starts, first, last, entry, self.states)

    def places_python(self, tokens: Tokens, entry: int, first: int, last: int) -> list[int]:
        """The same as `places`, without the compiled walk."""
        text, walked = tokens.plain.text, self.python_states.walked
        return [at for at in tokens.starts[first:last] if walked(text, at, entry)]

    def events_python(self, tokens: Tokens) -> list[Event]:
        """The same as `events`, without the compiled walk; what may match is a number of `python_states`."""
        events: list[Event] = []
        text, walked, always = tokens.plain.text, self.python_states.walked, self._always
        for index, entry, at in self._asked(tokens):
            may = walked(text, at, entry)
            if may or always[entry]:
                events.append((index, entry, at, may))
        return events

    def _asked(self, tokens: Tokens) -> Iterator[tuple[int, int, int]]:
        """The index of a token, the entry whose trigger stands there, and the place."""
        text, table = tokens.plain.text, self._table
        chunk = after = 0
        tried = -1
        before = ""
        for index, (word, start, end) in enumerate(zip(tokens.words, tokens.starts, tokens.ends, strict=True)):
            apart = start > after
            if apart:
                chunk = start
            after = end
            if word in table:
                yield index, table[word], start
            elif word[0].isdigit():
                yield index, _DIGITS, start
                if chunk < start and tried != chunk:
                    tried = chunk
                    yield index, _MIXED, _first_letter(text, chunk)
            if before in _OPENERS and before + word in table and not (apart and before == "."):
                yield index, table[before + word], start
            before = word

    def numbers(self, entry: int) -> tuple[int, ...]:
        """The rules that are tried under an entry, but for those that begin before their trigger."""
        return self._entries[entry]

    def _measured(self, text: str, words: list[str], index: int, at: int) -> bool:
        """Whether a short number stands by itself before a measure or a closing sign."""
        word = words[index]
        then = words[index + 1] if index + 1 < len(words) else "\n"
        return len(word) < 4 and then in self._measures and (not at or text[at - 1].isspace())

    def _plan(self, entry: int, may: int) -> _Plan:
        """The rules in their order: those tried at the place itself, then those around it, in turns."""
        plan: list[tuple[list[Told], list[_Compiled]]] = [([], [])]
        for at in sorted((*self.states.open(may), *self._behind[entry])):
            rule = self._rules[at]
            if rule.behind and entry > _MIXED:
                plan[-1][1].append(rule)
                continue
            if plan[-1][1]:
                plan.append(([], []))
            plan[-1][0].append(rule.told[entry <= _MIXED and rule.confidence >= _SETTLED])
        return [(tuple(told), rest) for told, rest in plan]

    def _settle(self, numbers: Iterable[int], text: str, at: int, found: list[Candidate]) -> int:
        """Add what the rules find at one place, the surest first, until a sure one was right: its end, else 0."""
        for number in numbers:
            rule = self._rules[number]
            matched = rule.match(text, at)
            if matched is not None and _take(rule, matched, text, found) and rule.confidence >= _SETTLED:
                return matched.end()
        return 0

    def _scanned(self, tokens: Tokens) -> list[Candidate]:
        """What the rules find that look through the whole text."""
        found: list[Candidate] = []
        if not self._scans:
            return found
        text = tokens.plain.text
        present = set(tokens.words)
        for triggers, rule in self._scans:
            if not present.isdisjoint(triggers):
                for matched in rule.search(text):
                    _take(rule, matched, text, found)
        return found

    def _try(
        self,
        rules: list[_Compiled],
        tokens: Tokens,
        index: int,
        places: dict[int, _Places] | None,
        found: list[Candidate],
    ) -> None:
        text = tokens.plain.text
        start = tokens.starts[index]
        last = -1
        for rule in rules:
            if (rule.follows and last != rule.at - 1) or (rule.capital and not text[start].isupper()):
                continue
            if not rule.behind:
                if (hit := rule.match(text, start)) is not None:
                    last = rule.at
                    _take(rule, hit, text, found)
            elif not rule.anchored:
                first, end = _around(rule, tokens, index)
                for matched in rule.search(text, first, _next_gap(text, end)):
                    _take(rule, matched, text, found)
            elif places is None:
                _search_around(rule, tokens, index, found)
            else:
                known = places.get(rule.at)
                if known is None:
                    known = places[rule.at] = _Places()
                begin, end = max(known.looked, index - rule.behind), min(len(tokens), index + rule.behind)
                if begin < end:
                    known.found += self.places(tokens, rule.entry, begin, end)
                    known.looked = end
                if known.found:
                    _match_around(rule, tokens, index, known.found, found)


_Plan = list[tuple[tuple[Told, ...], list[_Compiled]]]
"""Rules tried at a place, and behind them rules tried around it; over again."""


class _Places:
    """Where a rule that begins before its trigger may match: of the tokens before `looked` those near a trigger."""

    __slots__ = ("found", "looked")

    def __init__(self) -> None:
        self.found: list[int] = []
        self.looked = 0


def _around(rule: _Compiled, tokens: Tokens, index: int) -> tuple[int, int]:
    last = min(len(tokens), index + rule.behind) - 1
    return tokens.starts[max(0, index - rule.behind)], tokens.ends[last]


def _match_around(rule: _Compiled, tokens: Tokens, index: int, places: list[int], found: list[Candidate]) -> None:
    """All that the rule matches around a token, one behind the other; `places` are where it can."""
    text = tokens.plain.text
    at, last = _around(rule, tokens, index)
    near = places[bisect_left(places, at) : bisect_left(places, last)]
    end = _next_gap(text, last) if near else last
    for place in near:
        matched = rule.match(text, place, end) if place >= at else None
        if matched is not None:
            at = matched.end()
            _take(rule, matched, text, found)


def _search_around(rule: _Compiled, tokens: Tokens, index: int, found: list[Candidate]) -> None:
    """The same as `_match_around`, where nobody knows the places."""
    text = tokens.plain.text
    first, last = _around(rule, tokens, index)
    for matched in rule.search(text, first, _next_gap(text, last)):
        if matched.start() >= last:
            break
        _take(rule, matched, text, found)


def confirm_python(
    rules: tuple[Told, ...],
    text: str,
    at: int,
    make: Callable[[int, int, str, float, str], Candidate],
    source: str,
    found: list[Candidate],
) -> int:
    """Add what the rules find at one place, one after the other, until one that settles it did: its end, else 0."""
    last = -2
    for number, follows, capital, settles, match, groups, before, check, label, confidence in rules:
        if (follows and last != number - 1) or (capital and not text[at : at + 1].isupper()):
            continue
        matched = match(text, at)
        if matched is None:
            continue
        last = number
        if before is not None and not before.search(text, max(0, matched.start() - 40), matched.start()):
            continue
        taken = len(found)
        for group in groups:
            start, end = matched.span(group)
            if start < end and (check is None or check(text[start:end])):
                found.append(make(start, end, label, confidence, source))
        if settles and len(found) > taken:
            return int(matched.end())
    return 0


confirm = confirm_python if _scan is None else _scan.confirm


def _first_letter(text: str, at: int) -> int:
    while not text[at].isalnum():
        at += 1
    return at


def _next_gap(text: str, at: int) -> int:
    """So that a long address is not cut in two; but not without end."""
    for end in range(at, min(len(text), at + _LONGEST)):
        if text[end].isspace():
            return end
    return min(len(text), at + _LONGEST)


def _take(rule: _Compiled, matched: re.Match[str], text: str, found: list[Candidate]) -> bool:
    taken = False
    before, check = rule.before, rule.check
    if before is not None and not before.search(text, max(0, matched.start() - 40), matched.start()):
        return False
    for group in rule.groups:
        start, end = matched.span(group)
        if start < end and (check is None or check(text[start:end])):
            found.append(Candidate(start, end, rule.label, rule.confidence, "rule"))
            taken = True
    return taken
