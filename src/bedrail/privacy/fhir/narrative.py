"""XHTML narratives: taken apart into blocks of text, cleaned as one text, and written anew with bare tags only.

Attributes, comments, images and links do not come back: each could hold an identifier. What is written is always well-
formed, in the part of XHTML that FHIR permits (R4, 2.4.0).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from bedrail.core.markup import Markup

BLOCKS = frozenset(
    {
        "div",
        "p",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "pre",
        "blockquote",
        "hr",
        "br",
    }
)
_WITHIN = frozenset(
    {"a", "abbr", "acronym", "b", "bdo", "big", "cite", "code", "dfn", "em", "font", "i", "kbd", "label", "map", "q",
     "s", "samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var"}
)  # fmt: skip
"""Tags that may stand inside a word; every other one ends it."""
_EMPTY = frozenset({"br", "hr"})
_DROPPED = frozenset({"script", "style", "head", "title", "object", "embed"})
_SPACE = re.compile(r"\s+")


class _Blocks(Markup):
    """Markup as a list of tags (`<p`, `/p`) and blocks of text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _DROPPED:
            self._hidden += 1
        elif tag in _EMPTY:
            self.parts.append(("empty", tag))
        elif tag in BLOCKS:
            self.open.append(tag)
            self.parts.append(("start", tag))
        elif tag not in _WITHIN:
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _EMPTY:
            self.handle_starttag(tag, attrs)
        elif tag not in _WITHIN:
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._hidden = max(0, self._hidden - 1)
        elif tag in self.open:
            while True:  # what was left open inside is closed with it
                last = self.open.pop()
                self.parts.append(("end", last))
                if last == tag:
                    break
        elif tag not in _WITHIN:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self.parts and self.parts[-1][0] == "text":
            self.parts[-1] = ("text", self.parts[-1][1] + data)
        else:
            self.parts.append(("text", data))

    def finished(self) -> list[tuple[str, str]]:
        """All parts, every tag closed."""
        self.close()
        self.parts += [("end", tag) for tag in reversed(self.open)]
        return self.parts


def clean_markup(markup: str, clean: Callable[[str], str]) -> str:
    """Markup with its text cleaned: all blocks as one text, a line each, so that one block helps to read another."""
    reader = _Blocks()
    reader.feed(markup)
    parts = [(kind, _SPACE.sub(" ", text).strip() if kind == "text" else text) for kind, text in reader.finished()]
    lines = [text for kind, text in parts if kind == "text" and text]
    cleaned = clean("\n".join(lines)).split("\n") if lines else []
    if len(cleaned) != len(lines):  # something that ran over two blocks became one
        return "<pre>" + escape("\n".join(cleaned), quote=False) + "</pre>"
    left = iter(cleaned)
    out = []
    for kind, text in parts:
        if kind == "text":
            out.append(escape(next(left), quote=False) if text else "")
        else:
            out.append(f"<{text}/>" if kind == "empty" else f"<{text}>" if kind == "start" else f"</{text}>")
    return "".join(out)


def clean_narrative(div: str, clean: Callable[[str], str]) -> str:
    """A `Narrative.div` with its text cleaned, again one XHTML div."""
    inner = clean_markup(div, clean)
    if inner.startswith("<div>") and inner.endswith("</div>"):
        inner = inner[5:-6]
        if inner.count("<div>") != inner.count("</div>"):  # the first div was not the whole
            inner = f"<div>{inner}</div>"
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner or "<p></p>"}</div>'
