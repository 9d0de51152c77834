"""Word lists of one language: for each word, to which classes it belongs, as bits of one number."""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.resources import files


class Gazetteer:
    """`classes` by name -> bit; `of` maps a lower-case word without accents to the bits of its classes."""

    __slots__ = ("classes", "of")

    def __init__(self, text: str) -> None:
        """`text` has one line a class: its name, then its words, with single spaces between."""
        self.classes: dict[str, int] = {}
        self.of: dict[str, int] = {}
        of = self.of
        for at, line in enumerate(text.splitlines()):
            name, *words = line.split(" ")
            bit = 1 << at
            self.classes[name] = bit
            for word in words:
                of[word] = of.get(word, 0) | bit

    def bits(self, *names: str) -> int:
        """The bits of all these classes together; classes that this list does not have add nothing."""
        out = 0
        for name in names:
            out |= self.classes.get(name, 0)
        return out


@lru_cache(maxsize=8)
def gazetteer(file: str) -> Gazetteer:
    """The list shipped as `privacy/text/data/<file>`, read once a process; "" is an empty one."""
    if not file:
        return Gazetteer("")
    data = files("bedrail.privacy.text").joinpath("data", file).read_bytes()
    return Gazetteer(gzip.decompress(data).decode("ascii"))
