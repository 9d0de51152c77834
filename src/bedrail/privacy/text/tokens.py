"""Text cut into words, numbers, signs and line ends, once; everything after works on these."""

from __future__ import annotations

import re

from bedrail.privacy.text.normalise import Plain

_TOKEN = re.compile(r"[^\W\d_]+|\d+|\n|[^\w\s]|_")


class Tokens:
    """`words` (lower case), and where each `starts` and `ends` in the normalised text."""

    __slots__ = ("ends", "plain", "starts", "words")

    def __init__(self, plain: Plain) -> None:
        self.plain = plain
        bounds = [m.span() for m in _TOKEN.finditer(plain.text)]
        lower = plain.lower
        self.starts = [s for s, _ in bounds]
        self.ends = [e for _, e in bounds]
        # in ASCII small letters are cut where others are
        self.words = _TOKEN.findall(lower) if lower.isascii() else [lower[s:e] for s, e in bounds]

    def __len__(self) -> int:
        return len(self.words)
