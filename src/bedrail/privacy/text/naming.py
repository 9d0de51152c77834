"""Names by the word lists alone: a given name beside a family name, both with a capital, in a text of both cases."""

from __future__ import annotations

import re
from itertools import pairwise

from bedrail.privacy.text.features import casing
from bedrail.privacy.text.gazetteers import Gazetteer
from bedrail.privacy.text.known import among
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Candidate

_CONFIDENCE = 0.7
_NEAR = 3
"""So many tokens on, a neighbour may stand: behind an initial and its point."""
_COMMA = {",": None}
_HEADED = re.compile(r"(?:[ ][A-Z]\.?)?(?:[ ]{2}|[ ]?\(|[ ]?\d|[ ]?\n|\Z)")


class Listed:
    """Two neighbours that are names, of which at least one is no word of the language."""

    def __init__(self, lists: Gazetteer) -> None:
        self._of = lists.of
        self._first, self._last = lists.bits("first"), lists.bits("last")
        self._name = self._first | self._last
        self._ordinary = lists.bits("small", "word", "clinical", "drug", "eponym", "place")

    def find(self, tokens: Tokens) -> list[Candidate]:
        """Given and family name in either order, with an initial or a comma between, or neither; or heading a line."""
        if not self._first:
            return []
        headed = self._headed(tokens)
        return headed + self._neighbours(tokens) if casing(tokens.plain.text) == "M" else headed

    def _headed(self, tokens: Tokens) -> list[Candidate]:
        """`Family, Given` at the head of a line with a number, a gap or nothing behind it."""
        words, text, found = tokens.words, tokens.plain.text, []
        for at in among(words, _COMMA):
            if not 0 < at < len(words) - 1 or not (at == 1 or words[at - 2] == "\n"):
                continue
            start, end = tokens.starts[at - 1], tokens.ends[at + 1]
            both = (self._of.get(words[at - 1], 0), self._of.get(words[at + 1], 0))
            if not (text[start].isupper() and text[tokens.starts[at + 1]].isupper()):
                continue
            listed = all(b & self._name or not b for b in both) and not all(b & self._ordinary for b in both)
            if listed and _HEADED.match(text, end):
                found.append(Candidate(start, end, "NAME", _CONFIDENCE, "list"))
        return found

    def _neighbours(self, tokens: Tokens) -> list[Candidate]:
        words, name, get = tokens.words, self._name, self._of.get
        found = []
        before = seen = -4
        for one, other in pairwise(tokens.capitals):
            if other - one > _NEAR:
                continue
            if one != seen and get(words[one], 0) & name:
                before = one
            if get(words[other], 0) & name:
                if other - before <= _NEAR and self._together(tokens, before, other):
                    found.append(Candidate(tokens.starts[before], tokens.ends[other], "NAME", _CONFIDENCE, "list"))
                before = other
            seen = other
        return found

    def _together(self, tokens: Tokens, one: int, other: int) -> bool:
        a, b = self._of[tokens.words[one]], self._of[tokens.words[other]]
        if a & self._ordinary and b & self._ordinary:
            return False
        between = tokens.words[one + 1 : other]
        if not between or (len(between[0]) == 1 and between[0].isalpha() and between[1:] in ([], ["."])):
            return bool(a & self._first and b & self._last)
        return between == [","] and bool(a & self._last and b & self._first)
