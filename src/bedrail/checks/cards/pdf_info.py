"""Words into the information dictionary of a finished PDF, by an incremental update (ISO 32000-1, 7.5.6 and 14.3.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bedrail.core.errors import Invalid

_TRAILER = re.compile(rb"trailer\s*<<(?P<inside>.*?)>>\s*startxref\s+(?P<at>\d+)\s+%%EOF\s*\Z", re.DOTALL)


def with_info(pdf: bytes, words: Mapping[str, str]) -> bytes:
    """The PDF with these entries beside those it has; the bytes before stay as they are.

    Raises `Invalid` for a file without a plain trailer or information dictionary.
    """
    trailer = _TRAILER.search(pdf)
    size = _number(trailer["inside"], rb"/Size (\d+)") if trailer else None
    info = _number(trailer["inside"], rb"/Info (\d+) 0 R") if trailer else None
    start = re.search(rb"(?:\A|\n)%d 0 obj\s*<<" % info, pdf) if info is not None else None
    if trailer is None or size is None or info is None or start is None:
        raise Invalid("this PDF has no plain trailer.", path="pdf", remedy="Make it with the extra `pdf` of Bedrail.")
    end = pdf.index(b"\nendobj", start.end())
    known = pdf[start.end() : pdf.rindex(b">>", start.end(), end)]
    added = b"".join(b"/%b%b" % (name.encode(), _text_string(text)) for name, text in words.items())
    body = b"\n%d 0 obj\n<<%b%b>>\nendobj\n" % (info, known, added)
    at = len(pdf) + 1
    table = b"xref\n%d 1\n%010d 00000 n\r\n" % (info, at)
    place = len(pdf) + len(body)
    inside = trailer["inside"] + b"/Prev " + trailer["at"]
    return pdf + body + table + b"trailer\n<<%b>>\nstartxref\n%d\n%%%%EOF\n" % (inside, place)


def _number(text: bytes, pattern: bytes) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def _text_string(text: str) -> bytes:
    """UTF-16 with its mark, in hexadecimal (7.9.2.2): no byte of it can end the string."""
    return b"<" + (b"\xfe\xff" + text.encode("utf-16-be")).hex().upper().encode() + b">"
