"""The detector: rules, known values, tagger and propagation over one normalised text, fused into spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from bedrail.core.errors import Invalid
from bedrail.privacy.text.fusion import beyond, grouped, joined, remaining
from bedrail.privacy.text.gazetteers import gazetteer
from bedrail.privacy.text.known import find_known
from bedrail.privacy.text.matching import Matcher
from bedrail.privacy.text.naming import Listed
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.packed import packed_in
from bedrail.privacy.text.packs import pack
from bedrail.privacy.text.propagate import Propagation
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Candidate, Known, Mode, Pack
from bedrail.privacy.values import Span

if TYPE_CHECKING:
    from bedrail.privacy.text.tagger import Tagger

_HALF = re.compile(r"-([^\W\d_]{2,15})(?![\w])")
"""What stands behind the hyphen of a name."""


class Detector:
    """Finds identifiers in free text of one language. Safe to share by threads; writes nothing."""

    def __init__(self, language_pack: Pack, mode: Mode) -> None:
        self.language = language_pack.language
        self.mode = mode
        self._matcher = Matcher(language_pack.rules, language_pack.scans, language_pack.measures)
        self.lists = gazetteer(language_pack.words)
        self._listed = Listed(self.lists)
        self._bridge = language_pack.bridge
        self._propagation = Propagation(self.lists)
        self._ordinary = self.lists.bits("small", "word", "clinical", "drug")
        self._pack = language_pack
        self._tagger: Tagger | None = None
        if mode == "full" and language_pack.tagger:
            from bedrail.privacy.text.tagger import Tagger, weights  # with numpy, which rules alone do without

            self.use(Tagger(weights(language_pack.tagger), self.lists))

    def use(self, tagger: Tagger) -> None:
        """Take another tagger: one trained on one's own notes, or one that never saw the corpus it is measured on."""
        from bedrail.privacy.text.believing import Belief

        self._belief = Belief(tagger.labels, self._pack, self.lists)
        self._tagger = tagger

    def detect(self, text: str, known: Sequence[Known] = ()) -> list[Span]:
        """Spans of identifiers, sorted, without overlap; offsets in code points of `text`, end exclusive.

        `known` are values that the structured record tells of this patient: found wherever they stand, however they are
        cased or spaced. Any string is accepted.
        """
        if not text:
            return []
        plain = Plain(text)
        tokens = Tokens(plain)
        if not len(tokens):  # blanks alone
            return []
        candidates = self._matcher.find(tokens) + self._listed.find(tokens) + packed_in(plain.text)
        if known:
            candidates += find_known(tokens, known)
        if self._tagger is not None and len(tokens):
            candidates += self._belief.candidates(tokens, self._tagger.probabilities(tokens))
        groups = grouped(plain.text, candidates)
        found = remaining(groups)
        again = self._propagation.find(tokens, found)
        more = beyond(found, again) + self._bridges(plain.text, found) + self._initials(plain.text, found)
        more += self._doubles(plain.text, found)
        if more:
            found = remaining(joined(plain.text, groups, more))
        if plain.same:
            return [Span(c.start, c.end, c.label, c.confidence, c.source) for c in found]
        place = plain.original
        return [Span(*place(c.start, c.end), c.label, c.confidence, c.source) for c in found]

    def _bridges(self, text: str, found: Sequence[Candidate]) -> list[Candidate]:
        bridge = self._bridge
        return [
            Candidate(a.end, b.start, "GEO", min(a.confidence, b.confidence), "bridge")
            for a, b in pairwise(found)
            if bridge
            and a.label == b.label == "GEO"
            and b.start - a.end < 30
            and bridge.fullmatch(text, a.end, b.start)
        ]

    def _initials(self, text: str, found: Sequence[Candidate]) -> list[Candidate]:
        """Initials and particles right before a name: "A. B." and "O'" of what the tagger found without them."""
        before = self._pack.initials
        out = []
        for one in found:
            if before and one.label == "NAME" and one.start and text[one.start].isupper():
                led = before.search(text, max(0, one.start - 8), one.start)
                if led:
                    out.append(Candidate(led.start(), one.end, "NAME", one.confidence, one.source))
        return out

    def _doubles(self, text: str, found: Sequence[Candidate]) -> list[Candidate]:
        """The other half of a double name (Soo-ah, Tanaka-Oyelaran) where one half was found; not Coombs-negative."""
        out = []
        for one in found:
            if one.label != "NAME":
                continue
            rest = _HALF.match(text, one.end)
            if rest and not self.lists.of.get(rest[1].lower(), 0) & self._ordinary:
                out.append(Candidate(one.start, rest.end(), "NAME", one.confidence, one.source))
        return out


@lru_cache(maxsize=16)
def load(language: str = "en", mode: Mode = "full") -> Detector:
    """The detector of `language`, made once a process. `full` adds the statistical tagger to `rules`.

    Raises Invalid when there is no such language or mode.
    """
    if mode not in {"full", "rules"}:
        raise Invalid("There is no such mode of detection.", path="mode", remedy="Choose full or rules.")
    return Detector(pack(language), mode)
