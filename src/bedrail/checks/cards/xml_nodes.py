"""XML from outside as plain nodes: no document types, no entities, nothing fetched, sizes bounded."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from xml.parsers import expat

from bedrail.core.errors import Invalid

MOST_BYTES = 8_000_000
MOST_DEPTH = 40
MOST_NODES = 20_000
_UNSPEAKABLE = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Node:
    """An element: local name, namespace, its own text, children, and the line where it begins."""

    name: str
    space: str
    line: int
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def first(self, name: str) -> Node | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)


def read_nodes(data: bytes, *, name: str = "card.xml") -> Node:
    """The root of a document; raises `Invalid` with the line for what is no XML, holds a document type or is huge."""
    if len(data) > MOST_BYTES:
        raise Invalid("this file is too large for a card.", path=name, remedy="Give the card alone.")
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    stack: list[Node] = []
    roots: list[Node] = []
    count = 0

    def begin(tag: str, _attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(stack) >= MOST_DEPTH or count > MOST_NODES:
            raise Invalid("the XML is nested too deep or too long.", path=name, remedy="Give the card alone.")
        space, _, local = tag.rpartition(" ")
        node = Node(local, space, parser.CurrentLineNumber)
        (stack[-1].children if stack else roots).append(node)
        stack.append(node)

    def words(text: str) -> None:
        stack[-1].text += text

    def refuse(*_: object) -> None:
        raise Invalid("a card has no document type.", path=name, remedy="Remove the DOCTYPE.")

    parser.StartElementHandler, parser.EndElementHandler = begin, lambda _: stack.pop()
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = words, refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        where = f"{name}:{error.lineno}"
        raise Invalid(f"this is no XML ({expat.ErrorString(error.code)}).", path=where, remedy="Mend it.") from None
    return roots[0]


def escaped(text: str) -> str:
    """Text as XML content; characters that XML cannot hold become the replacement character."""
    return html.escape(_UNSPEAKABLE.sub("�", text), quote=False)
