"""What was found once in a note is searched for in all of it: a surname by itself, a number without its label."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from bedrail.privacy.text.gazetteers import Gazetteer
from bedrail.privacy.text.known import find_runs
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Candidate

_SURE = 0.6
_UNHEARD_OF = 0.3
"""From this confidence a name is searched for again; a word that no list calls ordinary, from the second."""
_REPEATS = frozenset({"MRN", "ACCOUNT", "HEALTH_PLAN", "LICENSE", "VEHICLE", "DEVICE", "BIOMETRIC", "UNIQUE_ID", "SSN"})


def _less_sure(one: Candidate) -> float:
    return -one.confidence


class Propagation:
    """Knows which words are too ordinary to be taken for a name wherever they stand."""

    def __init__(self, lists: Gazetteer) -> None:
        self._of = lists.of
        self._ordinary = lists.bits("small", "word", "clinical", "drug", "eponym")

    def find(self, tokens: Tokens, found: Sequence[Candidate]) -> list[Candidate]:
        """Further mentions of what `found` holds: parts of names as words by themselves, identifiers as they were."""
        sought: dict[str, list[tuple[tuple[str, ...], str, float]]] = {}
        asked: set[tuple[tuple[str, ...], str]] = set()
        ends, starts = tokens.ends, tokens.starts
        for one in sorted(found, key=_less_sure):
            name = one.label == "NAME" and one.confidence >= _UNHEARD_OF
            if not name and (one.label not in _REPEATS or one.end - one.start < 5):
                continue
            words = tokens.words[bisect_right(ends, one.start) : bisect_left(starts, one.end)]
            if name:
                for word in words:
                    if len(word) > 2 and word not in sought and word[0].isalpha():
                        ordinary = self._of.get(word, 0) & self._ordinary
                        if ordinary and one.confidence < _SURE:
                            continue
                        sure = 0.5 if ordinary else 0.8 if one.confidence >= _SURE else 0.55
                        sought[word] = [((word,), "NAME", sure)]
                continue
            form = tuple(words if len(words) == 1 else [w for w in words if w[0].isalnum()])
            if (form, one.label) in asked:  # a number that a note repeats is searched for once
                continue
            whole = "".join(form)
            if len(whole) >= 5 and (whole[0].isdigit() or any(w[0].isdigit() for w in form)):
                asked.add((form, one.label))
                sought.setdefault(form[0], []).append((form, one.label, 0.8))
        if not sought:
            return []
        return [c for c in find_runs(tokens, sought, "again") if c.confidence > 0.5 or self._like_a_name(tokens, c)]

    def _like_a_name(self, tokens: Tokens, candidate: Candidate) -> bool:
        """An ordinary word (Rose, Grant) is the name again only with a capital inside a line of small letters."""
        text = tokens.plain.text
        word = text[candidate.start : candidate.end]
        if not word[0].isupper() or not word[1:].islower():
            return False
        before = text[max(0, candidate.start - 2) : candidate.start]
        return bool(before) and before[-1] == " " and before[0] not in ".:!?\n"
