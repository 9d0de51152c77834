"""All rules of a pack in one pass over the tokens: a pattern is tried only where one of its triggers stands."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import DIGITS, MIXED, Candidate, Rule

_OPENERS = frozenset(",([.")
_LONGEST = 400
_CLOSING = frozenset(",;%)]\n")
_SETTLED = 0.9
"""A pattern of digits that is this sure needs no second opinion at the same place."""


class _Compiled:
    __slots__ = ("before", "behind", "capital", "check", "confidence", "follows", "groups", "label", "match", "search")

    def __init__(self, rule: Rule) -> None:
        self.label, self.confidence, self.check, self.behind = rule.label, rule.confidence, rule.check, rule.behind
        self.capital, self.before, self.follows = rule.capital, rule.before, rule.follows
        self.match, self.search = rule.pattern.match, rule.pattern.finditer
        self.groups = [n for name, n in rule.pattern.groupindex.items() if re.fullmatch(r"x\d*", name)]


class _Gated:
    """Rules for one place behind one pattern, the surest first: most places match none of them, and one look tells."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        ordered = sorted(rules, key=lambda r: -r.confidence)
        self._rules = [_Compiled(r) for r in ordered]
        parts = [f"(?P<r{n}>{_renamed(rule.pattern.pattern, n)})" for n, rule in enumerate(ordered)]
        self._gate = re.compile("|".join(parts)).match if parts else None

    def try_at(self, text: str, at: int, found: list[Candidate]) -> int:
        """Add what the rules find at one place, until a sure one was right: then where that ends, else 0."""
        hit = self._gate(text, at) if self._gate else None
        if hit is None or hit.lastgroup is None:
            return 0
        for rule in self._rules[int(hit.lastgroup[1:]) :]:
            matched = rule.match(text, at)
            if matched is not None and _take(rule, matched, text, found) and rule.confidence >= _SETTLED:
                return matched.end()
        return 0


class Matcher:
    """The rules of one language, by trigger."""

    def __init__(
        self, rules: tuple[Rule, ...], scans: tuple[Rule, ...] = (), measures: frozenset[str] = frozenset()
    ) -> None:
        self._measures = measures | _CLOSING
        table: dict[str, list[_Compiled]] = defaultdict(list)
        numeric: dict[str, list[Rule]] = {DIGITS: [], MIXED: []}
        for rule in rules:
            compiled = _Compiled(rule)
            for trigger in rule.triggers:
                if trigger in numeric:
                    numeric[trigger].append(rule)
                else:
                    table[trigger].append(compiled)
        self._digits, self._mixed = _Gated(numeric[DIGITS]), _Gated(numeric[MIXED])
        self._table = dict(table)
        self._scans = [(rule.triggers, _Compiled(rule)) for rule in scans]

    def find(self, tokens: Tokens) -> list[Candidate]:
        """Every candidate, in no order and possibly overlapping."""
        found: list[Candidate] = []
        if self._scans:
            self._scan(tokens, found)
        text, table = tokens.plain.text, self._table
        digits, mixed = self._digits.try_at, self._mixed.try_at
        chunk = after = settled = 0
        following = tokens.words[1:]
        following.append("\n")
        tried = -1
        before = ""
        for at, (word, start, end, then) in enumerate(
            zip(tokens.words, tokens.starts, tokens.ends, following, strict=True)
        ):
            if start > after:
                chunk = start
            after = end
            if word in table:
                self._try(table[word], tokens, at, found)
            elif word[0].isdigit():
                if start >= settled and not (len(word) < 4 and then in self._measures and start == chunk):
                    settled = digits(text, start, found) or settled
                if chunk < start and tried != chunk:
                    tried = chunk
                    mixed(text, _first_letter(text, chunk), found)
            if before in _OPENERS and before + word in table:
                self._try(table[before + word], tokens, at, found)
            before = word
        return found

    def _scan(self, tokens: Tokens, found: list[Candidate]) -> None:
        text = tokens.plain.text
        present = set(tokens.words)
        for triggers, rule in self._scans:
            if not present.isdisjoint(triggers):
                for matched in rule.search(text):
                    _take(rule, matched, text, found)

    @staticmethod
    def _try(rules: list[_Compiled], tokens: Tokens, at: int, found: list[Candidate]) -> None:
        text = tokens.plain.text
        start = tokens.starts[at]
        hit: re.Match[str] | None = None
        for rule in rules:
            if (rule.follows and hit is None) or (rule.capital and not text[start].isupper()):
                continue
            if rule.behind:
                first, last = max(0, at - rule.behind), min(len(tokens), at + rule.behind) - 1
                for matched in rule.search(text, tokens.starts[first], _next_gap(text, tokens.ends[last])):
                    _take(rule, matched, text, found)
            elif (hit := rule.match(text, start)) is not None:
                _take(rule, hit, text, found)


def _renamed(pattern: str, number: int) -> str:
    """With group names of its own, so that many patterns fit into one."""
    return re.sub(r"[(][?]P([<=])", rf"(?P\1r{number}_", pattern)


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
    if rule.before is not None and not rule.before.search(text, max(0, matched.start() - 40), matched.start()):
        return False
    for group in rule.groups:
        start, end = matched.span(group)
        if start < end and (rule.check is None or rule.check(text[start:end])):
            found.append(Candidate(start, end, rule.label, rule.confidence, "rule"))
            taken = True
    return taken
