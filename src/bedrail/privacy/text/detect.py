"""The detector: rules, known values, tagger and propagation over one normalised text, fused into spans."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bedrail.core.errors import Invalid
from bedrail.privacy.text.fusion import fuse
from bedrail.privacy.text.known import find_known
from bedrail.privacy.text.matching import Matcher
from bedrail.privacy.text.normalise import Plain
from bedrail.privacy.text.packs import pack
from bedrail.privacy.text.tokens import Tokens
from bedrail.privacy.text.values import Known, Mode, Pack
from bedrail.privacy.values import Span


class Detector:
    """Finds identifiers in free text of one language. Keeps nothing of what it has read; safe to share by threads."""

    def __init__(self, language_pack: Pack, mode: Mode) -> None:
        self.language = language_pack.language
        self.mode = mode
        self._matcher = Matcher(language_pack.rules, language_pack.scans)

    def detect(self, text: str, known: Sequence[Known] = ()) -> list[Span]:
        """Spans of identifiers, sorted, without overlap; offsets in code points of `text`, end exclusive.

        `known` are values that the structured record tells of this patient: found wherever they stand, however they are
        cased or spaced. Any string is accepted.
        """
        if not text:
            return []
        plain = Plain(text)
        tokens = Tokens(plain)
        candidates = self._matcher.find(tokens)
        if known:
            candidates += find_known(tokens, known)
        spans = []
        for c in fuse(plain.text, candidates):
            start, end = plain.original(c.start, c.end)
            spans.append(Span(start=start, end=end, label=c.label, confidence=c.confidence, source=c.source))
        return spans


@lru_cache(maxsize=16)
def load(language: str = "en", mode: Mode = "full") -> Detector:
    """The detector of `language`, made once a process. `full` adds the statistical tagger to `rules`.

    Raises Invalid when there is no such language or mode.
    """
    if mode not in {"full", "rules"}:
        raise Invalid("There is no such mode of detection.", path="mode", remedy="Choose full or rules.")
    return Detector(pack(language), mode)
