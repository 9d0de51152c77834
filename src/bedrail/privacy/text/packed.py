"""Text and files packed into a note as base64 or hexadecimal: nobody reads what is inside, so all of it goes."""

from __future__ import annotations

import base64
import binascii
import re

from bedrail.privacy.text.values import Candidate

SHORTEST = 16
"""Twelve bytes as base64, eight as hexadecimal: a social security number has nine digits."""
_OPAQUE = 64
"""So long a run of mixed signs is a file or a key, whatever is inside."""
_FIGURES = 24
"""Shorter runs of figures alone are numbers, also where they could be letters in hexadecimal."""
_CERTAIN = 0.97

_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_LINES = re.compile(r"(?:\r?\n[A-Za-z0-9+/_-]{40,})*(?:\r?\n[A-Za-z0-9+/_-]{1,76}={0,2}(?![^\s]))?")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_BETWEEN = re.compile(r"[/-]")
_WORD = re.compile(r"(?:[A-Za-z]?[a-z]*|[A-Z]+|[0-9]{1,4}[a-z]{0,3})")
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])")


def packed_in(text: str) -> list[Candidate]:
    """Runs that decode to readable text, and long ones that decode to anything; wrapped lines go with the first."""
    if len(text) < SHORTEST or max(map(len, text.split()), default=0) < SHORTEST:
        return []
    found, end = [], 0
    for run in _RUN.finditer(text):
        if run.start() < end or not _holds(run[0]):
            continue
        end = run.end()
        if len(run[0]) >= _OPAQUE - 4:  # wrapped at 60, 64 or 76 signs a line
            more = _LINES.match(text, end)
            end = more.end() if more else end
        found.append(Candidate(run.start(), end, "UNIQUE_ID", _CERTAIN, "rule"))
    return found


def _holds(run: str) -> bool:
    """Whether something is packed in a run of signs."""
    if _HEX.fullmatch(run):
        enough = _FIGURES if run.isdecimal() else SHORTEST
        return len(run) % 2 == 0 and len(run) >= enough and _readable(bytes.fromhex(run))
    if all(_WORD.fullmatch(part) for part in _BETWEEN.split(run)):  # circumstantially, Acetaminophen/Codeine
        return False
    bare = run.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) >= _OPAQUE and _MIXED.match(bare):
        return True
    try:
        return len(bare) % 4 != 1 and _readable(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    except binascii.Error:
        return False


def _readable(raw: bytes) -> bool:
    """Text that somebody wrote: printable, in UTF-8 or UTF-16."""
    for charset in ("utf-8", "utf-16-le"):
        try:
            text = raw.decode(charset)
        except UnicodeDecodeError:
            continue
        if text and all(sign.isprintable() and ord(sign) < 0x2100 or sign in "\r\n\t" for sign in text):  # noqa: RUF021
            return charset == "utf-8" or sum(sign.isascii() for sign in text) * 10 >= len(text) * 9
    return False
