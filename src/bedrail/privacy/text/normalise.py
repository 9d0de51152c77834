"""One plain form of any text for matching, and the way back to the places of the text as it came."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_SAME = {
    "ß": "ss", "ẞ": "SS", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe",
    "Œ": "OE", "ı": "i", "þ": "th", "Þ": "Th", "ð": "d", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-",
    "−": "-", "﹣": "-", "’": "'", "‘": "'", "ʼ": "'", "ʻ": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"',
    "№": "#", "\r": " ", "\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " ",
}  # fmt: skip


@lru_cache(maxsize=65_536)
def _plain(char: str) -> str:
    """What stands for one character: accents folded, spaces plain, invisible signs gone, wide forms narrow (NFKC)."""
    if char in _SAME:
        return _SAME[char]
    if char < "\x7f":
        return char
    kind = unicodedata.category(char)
    if kind in {"Cf", "Mn", "Me", "Cc"}:
        return ""
    if kind == "Zs":
        return " "
    out = "".join(c for c in unicodedata.normalize("NFKD", char) if unicodedata.category(c) not in {"Mn", "Me", "Cf"})
    return "".join(_SAME.get(c, c) for c in out)


class Plain:
    """Normalised text with an offset map. Offsets are code points; an ASCII text is its own map."""

    __slots__ = ("_from", "_length", "lower", "text")

    def __init__(self, original: str) -> None:
        self._from: list[int] | None = None
        self._length = len(original)
        if original.isascii():
            self.text = original.replace("\r", " ").replace("\t", " ")
            self.lower = self.text.lower()
            return
        parts: list[str] = []
        came: list[int] = []
        for at, char in enumerate(original):
            plain = _plain(char)
            parts.append(plain)
            came.extend([at] * len(plain))
        self.text = "".join(parts)
        self._from = came
        lower = self.text.lower()
        if len(lower) != len(self.text):
            lower = "".join(c if len(c.lower()) != 1 else c.lower() for c in self.text)
        self.lower = lower

    @property
    def same(self) -> bool:
        """Whether every place is the same in both texts."""
        return self._from is None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The place in the text as it came; signs that were dropped right after it belong to it."""
        if self._from is None:
            return start, end
        came = self._from
        return came[start], came[end] if end < len(came) and came[end] > came[end - 1] else self._after(end - 1)

    def _after(self, last: int) -> int:
        came = self._from or []
        at, here = last + 1, came[last]
        while at < len(came) and came[at] == here:
            at += 1
        return came[at] if at < len(came) else self._length
