"""Names by the word lists alone: a given name beside a family name, both with a capital, in a text of both cases."""

from __future__ import annotations

from bedrail.privacy.text.features import casing
from bedrail.privacy.text.gazetteers import Gazetteer
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Candidate

_CONFIDENCE = 0.7


class Listed:
    """Two neighbours that are names, of which at least one is no word of the language."""

    def __init__(self, lists: Gazetteer) -> None:
        self._of = lists.of
        self._first, self._last = lists.bits("first"), lists.bits("last")
        self._name = self._first | self._last
        self._ordinary = lists.bits("small", "word", "clinical", "drug", "eponym", "place")

    def find(self, tokens: Tokens) -> list[Candidate]:
        """Given and family name in either order, with an initial or a comma between, or neither."""
        if not self._first or casing(tokens.plain.text) != "M":
            return []
        text, of, name = tokens.plain.text, self._of, self._name
        found = []
        before = -3
        for at, word in enumerate(tokens.words):
            if not of.get(word, 0) & name or not self._capital(text, tokens.starts[at], tokens.ends[at]):
                continue
            if self._together(tokens, before, at):
                found.append(Candidate(tokens.starts[before], tokens.ends[at], "NAME", _CONFIDENCE, "list"))
            before = at
        return found

    @staticmethod
    def _capital(text: str, start: int, end: int) -> bool:
        return end - start > 1 and text[start].isupper() and text[start + 1 : end].islower()

    def _together(self, tokens: Tokens, one: int, other: int) -> bool:
        if one < 0 or other - one > 3:
            return False
        a, b = self._of[tokens.words[one]], self._of[tokens.words[other]]
        if a & self._ordinary and b & self._ordinary:
            return False
        between = tokens.words[one + 1 : other]
        if not between or (len(between[0]) == 1 and between[0].isalpha() and between[1:] in ([], ["."])):
            return bool(a & self._first and b & self._last)
        return between == [","] and bool(a & self._last and b & self._first)
