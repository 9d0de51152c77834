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
    """`words` (lower case), and where each `starts` and `ends` in the normalised text."""

    __slots__ = ("ends", "plain", "starts", "words")

    def __init__(self, plain: Plain) -> None:
        self.plain = plain
        self.words, self.starts, self.ends = cut(plain.text, plain.lower)

    def __len__(self) -> int:
        return len(self.words)


def cut_python(text: str, lower: str) -> tuple[list[str], list[int], list[int]]:
    """Words, cut out of `lower`, starts and ends of the tokens of `text`, which is as long."""
    bounds = [m.span() for m in _TOKEN.finditer(text)]
    return [lower[s:e] for s, e in bounds], [s for s, _ in bounds], [e for _, e in bounds]


cut = cut_python if _scan is None else _scan.cut
