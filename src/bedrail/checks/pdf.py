"""PDF from Typst source, in memory: tagged for screen readers, the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bedrail.core.errors import Invalid, Unavailable

STANDARD: Final = "ua-1"
"""PDF/UA-1 (ISO 14289-1): title, language, headings and tables as such, a text alternative for every drawing."""
NO_FONT = "could not be displayed"
"""What Typst says of a letter that its fonts lack."""


def pdf_of(typst_source: str, assets: Mapping[str, bytes]) -> bytes:
    """The PDF of `typst_source`; `assets` maps the names that it gives to `image` to their bytes (SVG stays vector).

    The source must set `document(title: ...)` and give each image an `alt`, or there is no PDF/UA. Words from outside
    belong in `literal`, so that they are never read as markup. Only the fonts that come with Typst are used, unless a
    script that they lack asks for those of the machine. The source is a program: give only what this house wrote.

    Raises `Unavailable` without the extra `pdf`, `Invalid` (path `pdf`) when the source cannot be set in type.
    """
    try:
        import typst
    except ImportError:
        raise Unavailable("The PDF writer is not installed.", remedy="pip install 'bedrail[pdf]'") from None
    files: dict[str, bytes] = {"main.typ": typst_source.encode(), **assets}
    try:
        return _compiled(files, own_fonts=True)
    except typst.TypstError as error:
        if NO_FONT not in str(error):
            raise Invalid(f"the source is not Typst ({_first_line(error)}).", path="pdf") from None
    try:
        return _compiled(files, own_fonts=False)
    except typst.TypstError:
        raise Invalid(
            "the page holds letters that no font of this machine can show.",
            path="pdf",
            remedy="Install a font of that script (such as Noto); the HTML and JSON reports need none.",
        ) from None


def literal(words: object) -> str:
    """`words` as a Typst string expression, quotes included: text that can be nothing but text.

    Control characters, which no font shows, become spaces.
    """
    shown = "".join(each if each.isprintable() or each == "\n" else " " for each in str(words))
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _compiled(files: dict[str, bytes], *, own_fonts: bool) -> bytes:
    import typst

    source: Any = files  # its type hints know no mapping with bytes, its documentation does
    made = typst.Compiler(source, ignore_system_fonts=own_fonts).compile(format="pdf", pdf_standards=[STANDARD])
    assert isinstance(made, bytes)
    return made


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
