"""A strict reader of the Universal Binary JSON (ubjson.org, draft 12) that XGBoost writes; plain values only."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from bedrail.core.errors import Invalid

_DEEPEST = 64
_NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_WHOLE = {b"i", b"U", b"I", b"l", b"L"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


def read_ubjson(data: bytes) -> Any:
    """The one value that `data` holds; raises `Invalid` where it is cut short, too deep, or goes on afterwards."""
    reader = _Reader(data)
    try:
        value = reader.value(reader.take(1), 0)
    except (struct.error, UnicodeDecodeError) as error:
        raise Invalid("the UBJSON is damaged.", path=f"byte {reader.at}") from error
    if reader.at != len(data):
        raise reader.wrong("there is more after the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def wrong(self, what: str) -> Invalid:
        return Invalid(f"the UBJSON is damaged: {what}.", path=f"byte {self.at}")

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if size < 0 or len(piece) != size:
            raise self.wrong("it ends too soon")
        self.at += size
        return piece

    def value(self, marker: bytes, depth: int) -> Any:
        if marker in _NUMBERS:
            return self.numbers(marker, 1)[0]
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == b"S":
            return self.text()
        if depth >= _DEEPEST:
            raise self.wrong("it is nested too deeply")
        if marker == b"{":
            return self.object(depth + 1)
        if marker == b"[":
            return self.array(depth + 1)
        raise self.wrong("unknown type")

    def numbers(self, marker: bytes, count: int) -> list[Any]:
        kind = np.dtype(_NUMBERS[marker])
        values: list[Any] = np.frombuffer(self.take(kind.itemsize * count), dtype=kind).tolist()
        return values

    def length(self, marker: bytes) -> int:
        if marker not in _WHOLE:
            raise self.wrong("a length must be a whole number")
        size = int(self.numbers(marker, 1)[0])
        if not 0 <= size <= len(self.data):
            raise self.wrong("a length is out of range")
        return size

    def text(self) -> str:
        return self.take(self.length(self.take(1))).decode("utf-8")

    def opening(self) -> tuple[bytes, int]:
        """The optional type and count of a container; the count is -1 when a closing mark ends it instead."""
        kind, count = b"", -1
        if self.data[self.at : self.at + 1] == b"$":
            self.at += 1
            kind = self.take(1)
        if self.data[self.at : self.at + 1] == b"#":
            self.at += 1
            count = self.length(self.take(1))
        elif kind:
            raise self.wrong("a typed container needs a count")
        return kind, count

    def array(self, depth: int) -> list[Any]:
        kind, count = self.opening()
        if kind in _NUMBERS:
            return self.numbers(kind, count)
        items: list[Any] = []
        while len(items) != count:
            marker = kind or self.take(1)
            if count < 0 and marker == b"]":
                break
            items.append(self.value(marker, depth))
        return items

    def object(self, depth: int) -> dict[str, Any]:
        kind, count = self.opening()
        items: dict[str, Any] = {}
        seen = 0
        while seen != count:
            marker = self.take(1)
            if count < 0 and marker == b"}":
                break
            key = self.take(self.length(marker)).decode("utf-8")
            items[key] = self.value(kind or self.take(1), depth)
            seen += 1
        return items
