"""From probabilities of tokens to candidates: which stretches the tagger is believed about, and as what."""

from __future__ import annotations

import re

from bedrail.privacy.text.chain import Floats
from bedrail.privacy.text.checksums import day
from bedrail.privacy.text.features import casing
from bedrail.privacy.text.gazetteers import Gazetteer
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Candidate, Pack

_TRUST = 0.8
"""Never more sure than a rule that saw the format: labels of rules then win, while coverage stays the same."""
_SMALL, _MEDICAL = 0.75 * _TRUST, 0.55 * _TRUST
_PART = re.compile(r"[^\W\d_]+|\d+")
_HALF = re.compile(r"([0-9]{1,2})[-/]([0-9]{1,2})")
_AMOUNT = re.compile(r"[\^×%=<>]|[0-9] x [0-9]|\A0?[0-9]*\.[0-9]+\Z|[A-Za-z][0-9]+ [0-9]*\.[0-9]")
_APART = frozenset({"", " ", ":", "#"})
_READING = re.compile(r"[ ][0-9]+\.[0-9]")
_FOLLOWING = re.compile(r"[ ]([A-Za-z]+)")
_PER = re.compile(r"/(?i:ml|dl|ul|l|min|h|hr|hpf|kg|m|m2|day|d|mm3)(?![A-Za-z])")
_ADDRESS = re.compile(r"@|://|[A-Za-z0-9]\.[A-Za-z]{2}|[0-9]+(?:\.[0-9]+){2}|[0-9A-Fa-f]*:[0-9A-Fa-f]*:")
_ANNOUNCED = re.compile(r"(?i:ip(?:v[46])?|vpn|e?-?mail|correo|web|url|ftp|address|direccion|adresse)[ :]{1,2}")
_NETWORKS = frozenset({"VPN", "WLAN", "VLAN", "DHCP", "DNS", "SSH", "RDP", "URL", "HTTP", "HTTPS"})
"""They stand before addresses, and are nobody's name (Lan, Wan, Nat and Ip are somebody's)."""
_UNIT = re.compile(r"[-/][0-9]|[ ]?(?:%|(?i:mg|ml|bpm|mm|cm|kg|lbs?|mmol|meq|degrees|beats)(?![A-Za-z]))")
_NUMBER = {"ID": "UNIQUE_ID", "PHONE": "PHONE", "NET": "URL", "AGE": "AGE90"}


class Belief:
    """Thresholds of one pack applied to the posteriors of its tagger."""

    def __init__(self, labels: tuple[str, ...], pack: Pack, lists: Gazetteer) -> None:
        self._of, self._technical = lists.of, lists.bits("eponym", "drug", "clinical")
        self._eponym, self._drug = lists.bits("eponym"), lists.bits("drug")
        self._people, self._named = lists.bits("first", "last"), lists.bits("first", "last", "place")
        self._ordinary = lists.bits("small", "word", "clinical", "drug")
        self._idle, self._things = pack.idle, pack.things
        self._labels = labels
        self._outside = labels.index("O")
        self._thresholds = pack.thresholds
        self._least = min(pack.thresholds.values(), default=0.5)

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
        kept = [self._trimmed(text, c, mixed=mixed) for c in out]
        return [c for c in kept if c is not None and self._credible(text, c, mixed=mixed)]

    def _trimmed(self, text: str, one: Candidate, *, mixed: bool) -> Candidate | None:
        """A candidate without idle words at its ends; None when nothing else is in it."""
        if one.label == "URL" and (said := _ANNOUNCED.match(text, one.start, one.end)):
            one = Candidate(said.end(), one.end, one.label, one.confidence, one.source)
        words = [m.span() for m in _PART.finditer(text, one.start, one.end)]
        whole = one.label in {"NAME", "GEO"}  # of numbers and addresses only what stands apart is cut
        first, last = 0, len(words)
        while first < last and (whole or text[words[first][1] : words[first][1] + 1] in _APART):
            if not self._is_idle(text[slice(*words[first])], mixed=mixed):
                break
            first += 1
        while first < last and (whole or text[words[last - 1][0] - 1] == " "):
            if not self._is_idle(text[slice(*words[last - 1])], mixed=mixed):
                break
            last -= 1
        if first == last:
            return None
        start = words[first][0] if first else one.start
        end = words[last - 1][1] if last < len(words) else one.end
        return Candidate(start, end, one.label, one.confidence, one.source)

    def _is_idle(self, word: str, *, mixed: bool) -> bool:
        """A word of grammar, a role, a unit; or in a text of both cases, an ordinary word in small letters."""
        small = word.lower()
        bits = self._of.get(small, 0)
        if mixed and word.islower():
            ordinary = bits & self._ordinary and not bits & self._named
            return small == "u" or (len(word) > 1 and (small in self._idle or bool(ordinary)))
        if mixed and word.isupper() and len(word) == 2:  # a state: OR, IN, ME
            return False
        return len(word) > 1 and small in self._idle and not bits & self._people

    def _credible(self, text: str, one: Candidate, *, mixed: bool) -> bool:
        """More is asked of names without a capital, where others have one, and of words that medicine uses."""
        written = text[one.start : one.end]
        before, after = text[max(0, one.start - 24) : one.start], text[one.end : one.end + 12]
        if one.label in {"NAME", "GEO"}:
            return self._nameable(written, before, after, one, mixed=mixed)
        if one.label == "DATE" and _HALF.fullmatch(written) and self._behind_a_drug(before):
            return False
        return _plausible(written, one.label) and not _measured(one.label, before, after)

    def _nameable(self, written: str, before: str, after: str, one: Candidate, *, mixed: bool) -> bool:
        words = re.findall(r"[^\W\d_]+", written.lower())
        if written in _NETWORKS:
            return False
        if not words:
            return one.label == "GEO" and not (after[:1].isalpha() or before[-1:].isalpha())  # 36w2d
        if (mixed and written.islower() and one.confidence < _SMALL) or (
            one.label == "NAME" and written[0].isdigit() and one.confidence < _SMALL and len(words) == 1
        ):
            return False
        if (len(written) == 1 and before[-1:].isdigit()) or _PER.match(after):  # H2O, CFU/mL
            return False
        return not self._medical(words, after, one.confidence)

    def _medical(self, words: list[str], after: str, confidence: float) -> bool:
        """Words of medicine by a weak opinion; an eponym with its sign or line, what was measured, by any."""
        of = [self._of.get(w, 0) for w in words if len(w) > 1]
        if of and confidence < _MEDICAL and all(b & self._technical for b in of):
            return True
        if words[-1] in self._things and len(words) > 1:
            return all(self._of.get(w, 0) & self._eponym for w in words[:-1])
        if len(words) == 1 and _READING.match(after) and of and of[0] & self._ordinary and not of[0] & self._people:
            return True
        following = _FOLLOWING.match(after)
        return bool(following and following[1].lower() in self._things and of and all(b & self._eponym for b in of))

    def _behind_a_drug(self, before: str) -> bool:
        word = re.search(r"([A-Za-z]+)[ ]\Z", before)
        return word is not None and bool(self._of.get(word[1].lower(), 0) & self._drug)

    @staticmethod
    def _candidate(tokens: Tokens, start: int, last: int, label: str, chance: float) -> Candidate:
        first, end = tokens.starts[start], tokens.ends[last]
        return Candidate(first, end, _NUMBER.get(label, label), min(chance, 0.99) * _TRUST, "tagger")


def _plausible(text: str, label: str) -> bool:
    """Whether a stretch has the characters of what the tagger says it is."""
    if label == "AGE90":
        number = re.search(r"[0-9]+", text)
        return number is None or 90 <= int(number[0][:4]) <= 130
    if label == "DATE":
        half = _HALF.fullmatch(text)
        a, b = (int(half[1]), int(half[2])) if half else (1, 1)
        return (day(2000, a, b) or day(2000, b, a)) and not _AMOUNT.search(text)
    if label == "URL":
        return bool(_ADDRESS.search(text))
    digits = sum(c.isdigit() for c in text)
    if label == "PHONE":
        return digits > 0 and ">" not in text
    return digits > 2 or text.isdigit() or (digits > 0 and sum(c.isalnum() for c in text) > 4)  # not G2P2


def _measured(label: str, before: str, after: str) -> bool:
    """Whether a number is an amount by what stands beside it: a range, a ratio, a unit."""
    if label == "AGE90":
        return bool(_UNIT.match(after)) or bool(re.search(r"[0-9][-/.]\Z", before))
    return label == "UNIQUE_ID" and bool(re.search(r"(?<![0-9])1:\Z", before))
