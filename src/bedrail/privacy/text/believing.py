"""From probabilities of tokens to candidates: which stretches the tagger is believed about, and as what."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bedrail.privacy.text.chain import Floats
from bedrail.privacy.text.checksums import day
from bedrail.privacy.text.features import casing
from bedrail.privacy.text.gazetteers import Gazetteer
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Candidate

_TRUST = 0.8
"""Never more sure than a rule that saw the format: labels of rules then win, while coverage stays the same."""
_SMALL, _MEDICAL = 0.75 * _TRUST, 0.55 * _TRUST
_NUMBER = {"ID": "UNIQUE_ID", "PHONE": "PHONE", "NET": "URL", "AGE": "AGE90"}


class Belief:
    """Thresholds of one pack applied to the posteriors of its tagger."""

    def __init__(self, labels: tuple[str, ...], thresholds: Mapping[str, float], lists: Gazetteer) -> None:
        self._of, self._technical = lists.of, lists.bits("eponym", "drug", "clinical")
        self._labels = labels
        self._outside = labels.index("O")
        self._thresholds = thresholds
        self._least = min(thresholds.values(), default=0.5)

    def candidates(self, tokens: Tokens, probabilities: Floats) -> list[Candidate]:
        """Runs of tokens that are more likely an identifier than the threshold of their likeliest class asks."""
        inside = 1.0 - probabilities[:, self._outside]
        places = [int(i) for i in (inside >= self._least).nonzero()[0]]
        if not places:
            return []
        only = probabilities[places].copy()
        only[:, self._outside] = -1.0
        kinds = only.argmax(axis=1).tolist()
        chances = inside[places].tolist()
        out: list[Candidate] = []
        start = last = kind = -1
        best = 0.0
        for at, chance, this in zip(places, chances, kinds, strict=True):
            label = self._labels[this]
            if chance < self._thresholds.get(label, 0.5) or tokens.words[at] == "\n":
                continue
            if kind == this and at == last + 1:
                last, best = at, max(best, chance)
                continue
            if kind >= 0:
                out.append(self._candidate(tokens, start, last, self._labels[kind], best))
            start, last, kind, best = at, at, this, chance
        if kind >= 0:
            out.append(self._candidate(tokens, start, last, self._labels[kind], best))
        text = tokens.plain.text
        mixed = casing(text) == "M"
        return [c for c in out if self._credible(text[c.start : c.end], c, mixed=mixed)]

    def _credible(self, text: str, one: Candidate, *, mixed: bool) -> bool:
        """More is asked of names without a capital, where others have one, and of words that medicine uses."""
        if one.label in {"NAME", "GEO"}:
            if mixed and text.islower() and one.confidence < _SMALL:
                return False
            words = one.confidence < _MEDICAL and re.findall(r"[a-z]{2,}", text.lower())
            if words and all(self._of.get(w, 0) & self._technical for w in words):
                return False
        return _plausible(text, one.label)

    @staticmethod
    def _candidate(tokens: Tokens, start: int, last: int, label: str, chance: float) -> Candidate:
        first, end = tokens.starts[start], tokens.ends[last]
        return Candidate(first, end, _NUMBER.get(label, label), min(chance, 0.99) * _TRUST, "tagger")


def _plausible(text: str, label: str) -> bool:
    if label == "AGE90":
        number = re.search(r"[0-9]+", text)
        return number is None or 90 <= int(number[0][:4]) <= 130
    if label == "DATE" and (half := re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})", text)):
        return day(2000, int(half[1]), int(half[2])) or day(2000, int(half[2]), int(half[1]))
    if label == "URL":
        return any(c in "@./:" for c in text)
    return label not in {"UNIQUE_ID", "PHONE"} or any(c.isdigit() for c in text)
