"""Text cut into words, numbers, signs and line ends, once; everything after works on these."""

from __future__ import annotations

import re

from bedrail.privacy.text.normalise import Plain

try:
    from bedrail.privacy.text import _scan
except ImportError:  # built without a C compiler
    _scan = None  # type: ignore[assignment]

_TOKEN = re.compile(r"[^\W\d_]+|\d+|\n|[^\w\s]|_")


class Tokens:
    """`words` (lower case), where each `starts` and `ends` in the normalised text, which are `capitals` (Like so)."""

    __slots__ = ("capitals", "ends", "plain", "starts", "words")

    def __init__(self, plain: Plain) -> None:
        self.plain = plain
        self.words, self.starts, self.ends, self.capitals = cut(plain.text, plain.lower)

    def __len__(self) -> int:
        return len(self.words)


def cut_python(text: str, lower: str) -> tuple[list[str], list[int], list[int], list[int]]:
    """Of the tokens of `text`: words, cut out of `lower`, which is as long; starts; ends; which have a capital."""
    bounds = [m.span() for m in _TOKEN.finditer(text)]
    capitals = [at for at, (s, e) in enumerate(bounds) if text[s].isupper() and text[s + 1 : e].islower()]
    return [lower[s:e] for s, e in bounds], [s for s, _ in bounds], [e for _, e in bounds], capitals


cut = cut_python if _scan is None else _scan.cut
