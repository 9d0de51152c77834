"""All rules of a pack in one pass over the tokens: a pattern is tried only where one of its triggers stands."""

from __future__ import annotations

import re
from collections import defaultdict

from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import DIGITS, MIXED, Candidate, Rule


class _Compiled:
    __slots__ = ("check", "confidence", "groups", "label", "match")

    def __init__(self, rule: Rule) -> None:
        self.label, self.confidence, self.check = rule.label, rule.confidence, rule.check
        self.match = rule.pattern.match
        self.groups = [n for name, n in rule.pattern.groupindex.items() if re.fullmatch(r"x\d*", name)]


class Matcher:
    """The rules of one language, by trigger."""

    def __init__(self, rules: tuple[Rule, ...], scans: tuple[Rule, ...] = ()) -> None:
        table: dict[str, list[_Compiled]] = defaultdict(list)
        for rule in rules:
            compiled = _Compiled(rule)
            for trigger in rule.triggers:
                table[trigger].append(compiled)
        self._digits = table.pop(DIGITS, [])
        self._mixed = table.pop(MIXED, [])
        self._table = dict(table)
        self._scans = [(rule.triggers, rule.pattern.finditer, _Compiled(rule)) for rule in scans]

    def find(self, tokens: Tokens) -> list[Candidate]:
        """Every candidate of every rule, in no order and possibly overlapping."""
        found: list[Candidate] = []
        self._anchored(tokens, found)
        text = tokens.plain.text
        present = set(tokens.words)
        for triggers, search, rule in self._scans:
            if not present.isdisjoint(triggers):
                for matched in search(text):
                    _take(rule, matched, text, found)
        return found

    def _anchored(self, tokens: Tokens, found: list[Candidate]) -> None:
        text = tokens.plain.text
        table, digits, mixed = self._table, self._digits, self._mixed
        chunk = after = 0
        tried = -1
        for word, start, end in zip(tokens.words, tokens.starts, tokens.ends, strict=True):
            if start > after:
                chunk = start
            after = end
            if word[0].isdigit():
                for rule in digits:
                    _try(rule, text, start, found)
                if chunk < start and tried != chunk:
                    tried = chunk
                    at = chunk
                    while at < start and not text[at].isalnum():
                        at += 1
                    for rule in mixed:
                        _try(rule, text, at, found)
            elif word in table:
                for rule in table[word]:
                    _try(rule, text, start, found)


def _try(rule: _Compiled, text: str, at: int, found: list[Candidate]) -> None:
    matched = rule.match(text, at)
    if matched is not None:
        _take(rule, matched, text, found)


def _take(rule: _Compiled, matched: re.Match[str], text: str, found: list[Candidate]) -> None:
    for group in rule.groups:
        start, end = matched.span(group)
        if start < end and (rule.check is None or rule.check(text[start:end])):
            found.append(Candidate(start, end, rule.label, rule.confidence, "rule"))
