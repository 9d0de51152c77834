"""Pages in type: tagged, titled, reproducible, and no word from outside is ever read as markup."""

from __future__ import annotations

import re
import sys
import zlib

import numpy as np
import pytest

import bedrail as br
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


@pytest.mark.slow
def test_the_report_in_print_says_all_that_the_dataframe_says_and_draws_in_vectors() -> None:
    """Each drawing has its words, with n and intervals; nothing is a raster; the same report gives the same bytes."""
    rng = np.random.default_rng(4)
    risk = rng.beta(1.5, 8, 900)
    outcome, groups = (rng.random(900) < risk).astype(int), {"ward <b>": rng.choice(["A & B", '"C" #x'], 900)}
    report = br.examine(
        outcome, risk, groups=groups, threshold=0.2, checks=["discrimination", "subgroups"], title="T #1"
    )
    pdf = report.to_pdf()
    told = inside(pdf)
    assert b"/Subtype /Image" not in told
    assert pdf == report.to_pdf()
    alternatives = told.count(b"/Alt")
    drawn = report.to_html().count("<svg")
    assert alternatives >= drawn >= 6, (alternatives, drawn)
    assert b"pdfuaid:part" in told
    assert "AUROC 0." in report.to_html()
    assert re.search(r"AUROC 0\.\d+ \(0\.\d+ to 0\.\d+\), n 900", report.to_html())
    assert "grey: how many of n 900" in report.to_html()
