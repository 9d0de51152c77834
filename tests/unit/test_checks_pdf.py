"""Pages in type: tagged, titled, reproducible, and no word from outside is ever read as markup."""

from __future__ import annotations

import re
import sys
import zlib

import pytest

from bedrail.checks.pdf import literal, pdf_of
from bedrail.core.errors import Invalid, Unavailable

HEAD = '#set document(title: "A page", date: none)\n#set text(lang: "en")\n'


def inside(pdf: bytes) -> bytes:
    """Every stream of a PDF, unpacked, behind its plain bytes."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    unpacked = []
    for each in streams:
        try:
            unpacked.append(zlib.decompress(each))
        except zlib.error:
            continue
    return pdf + b"\n".join(unpacked)


def test_a_page_is_tagged_titled_in_its_language_and_the_same_each_time() -> None:
    """PDF/UA-1 with title, language and structure; twice the same source gives the same bytes."""
    drawing = {"d.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0,0 L9,9"/></svg>'}
    source = HEAD + '= Heading\n#image("d.svg", alt: "A line")'
    pdf = pdf_of(source, drawing)
    told = inside(pdf)
    assert pdf.startswith(b"%PDF-")
    for sign in (b"pdfuaid:part", b"A page", b"/Lang", b"StructTreeRoot", b"A line"):
        assert sign in told, sign
    assert b"/Subtype /Image" not in told
    assert pdf == pdf_of(source, drawing)


def test_words_from_outside_stay_words() -> None:
    """Quotes, backslashes, hashes and control characters end no string and start no code."""
    for nasty in ('" + read("/etc/passwd") + "', "\\", '#panic("x")', "a\x00\x1b\nb", "$ [ ] * _ @x <y>", ""):
        assert pdf_of(HEAD + f"#({literal(nasty)})", {}).startswith(b"%PDF-")


def test_what_cannot_be_set_in_type_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that is not Typst, a drawing without words, and an absent extra each give their own error."""
    with pytest.raises(Invalid, match="not Typst"):
        pdf_of("#bad(", {})
    with pytest.raises(Invalid, match="alt"):
        pdf_of(HEAD + '#image("d.svg")', {"d.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'})
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(Unavailable, match=r"bedrail\[pdf\]"):
        pdf_of(HEAD, {})
