"""The part of FHIRPath that conditions and generalisations need, compiled to functions over plain JSON values.

HL7 FHIRPath N1 (2.0.0): literals, `$this`, paths, comparison, `in`, `and`/`or`, arithmetic, and the functions in
`_CALLS`. Whatever else is written is refused when the rules are read, never while records are handled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Any

from bedrail.core.errors import Invalid

Compiled = Callable[[Any], list[Any]]
"""From the node in focus (a JSON value) to a collection."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>\d+(?:\.\d+)?)|(?P<date>@[0-9T:.+\-Z]+)"
    r"|(?P<name>\$this|[A-Za-z_][A-Za-z0-9_]*|`[^`]+`|%[A-Za-z]+)|(?P<sign><=|>=|!=|!~|[-+*/&|=<>~().,\[\]{}]))"
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


class Date(str):
    """A date literal: compared with dates as text, at the shorter one's precision."""

    __slots__ = ()


def tokens(text: str) -> list[tuple[str, str]]:
    """(kind, token) of an expression; raises `Invalid`."""
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Invalid("cannot be read as FHIRPath.", path=f"{text!r} at {at + 1}", remedy="Mend the expression.")
        kind = match.lastgroup or ""
        found.append((kind, match[kind]))
        at = match.end()
    return found


def unquoted(token: str) -> str:
    """The text of a string literal."""
    return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else _ESCAPES.get(m[1], m[1]), token[1:-1])


def compile_expression(text: str) -> Compiled:
    """A function of the node; raises `Invalid` for what is not supported."""
    reader = _Reader(text)
    compiled = reader.expression(0)
    if reader.at != len(reader.tokens):
        raise reader.wrong()
    return compiled


def is_true(compiled: Compiled, node: Any) -> bool:
    """Whether an expression holds for a node; an empty collection does not."""
    found = compiled(node)
    return bool(found) and found[0] is not False


_BINDING = {
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4, "=": 5, "!=": 5, "~": 5, "!~": 5,
    "<": 6, ">": 6, "<=": 6, ">=": 6, "|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10,
    "mod": 10,
}  # fmt: skip


_DIGITS = 18


class _Reader:
    """Precedence climbing, as FHIRPath orders its operators."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, tokens(text), 0

    def wrong(self) -> Invalid:
        """The error for the token at hand."""
        shown = self.tokens[self.at][1] if self.at < len(self.tokens) else "the end"
        return Invalid(f"{shown} is not supported there.", path=self.text, remedy="See docs/deid-fhir.md.")

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, sign: str) -> None:
        if self.peek() != sign:
            raise self.wrong()
        self.at += 1

    def whole(self, token: str) -> int:
        """The number that a token is; no list or measure needs more than 18 digits."""
        if not token.isdecimal() or len(token) > _DIGITS:
            remedy = f"A whole number of at most {_DIGITS} digits."
            raise Invalid(f"{token[:20]} is no number that can stand there.", path=self.text, remedy=remedy)
        return int(token)

    def expression(self, least: int) -> Compiled:
        left = self.term()
        while (
            (sign := self.peek()) in _BINDING and _BINDING[sign] > least and self.tokens[self.at][0] in ("sign", "name")
        ):
            self.at += 1
            if sign in ("is", "as"):
                left = _typed(left, self.type_name())
            else:
                left = _binary(sign, left, self.expression(_BINDING[sign]))
        return left

    def type_name(self) -> str:
        name = self.peek()
        self.at += 1
        while self.peek() == ".":
            self.at += 1
            name = self.peek()
            self.at += 1
        return name

    def term(self) -> Compiled:
        compiled = self.primary()
        while self.peek() in (".", "["):
            if self.peek() == "[":
                self.at += 1
                place = self.whole(self.peek())
                self.at += 1
                self.take("]")
                compiled = _index(compiled, place)
                continue
            self.at += 1
            compiled = self.invocation(compiled)
        return compiled

    def primary(self) -> Compiled:  # noqa: PLR0911 (one return for each kind of term)
        if self.at >= len(self.tokens):
            raise self.wrong()
        kind, token = self.tokens[self.at]
        if kind == "name" and token not in ("$this", "true", "false"):
            return self.invocation(lambda node: [node])
        self.at += 1
        if kind == "text":
            return _constant(unquoted(token))
        if kind == "number":
            return _constant(Decimal(token) if "." in token else self.whole(token))
        if kind == "date":
            return _constant(Date(token[1:].rstrip("T")))
        if kind == "name":
            return (lambda node: [node]) if token == "$this" else _constant(token == "true")  # noqa: S105
        if token == "(":  # noqa: S105
            inner = self.expression(0)
            self.take(")")
            return inner
        if token == "-":  # noqa: S105
            return _binary("-", _constant(0), self.term())
        if token == "{":  # noqa: S105
            self.take("}")
            return lambda _: []
        self.at -= 1
        raise self.wrong()

    def invocation(self, before: Compiled) -> Compiled:
        kind, name = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind != "name":
            raise self.wrong()
        self.at += 1
        if self.peek() != "(":
            return _member(before, name.strip("`"))
        self.at += 1
        if name in ("ofType", "as", "is"):
            compiled = _typed(before, self.type_name())
            self.take(")")
            return compiled
        given = []
        while self.peek() != ")":
            given.append(self.expression(0))
            if self.peek() == ",":
                self.at += 1
        self.take(")")
        call = _CALLS.get(name)
        if call is None:
            raise Invalid(f"{name}() is not supported.", path=self.text, remedy="See docs/deid-fhir.md.")
        return lambda node: call(before(node), given, node)


class _Fixed:
    """Literals, and unions of them, worked out once."""

    __slots__ = ("found", "texts")

    def __init__(self, found: list[Any]) -> None:
        self.found = found
        self.texts = frozenset(each for each in found if type(each) is str)

    def __call__(self, _: Any) -> list[Any]:
        return self.found


def _constant(value: Any) -> Compiled:
    return _Fixed([value])


def _index(before: Compiled, place: int) -> Compiled:
    return lambda node: before(node)[place : place + 1]


def children(node: Any, name: str) -> list[Any]:
    """The children of a JSON node by their FHIRPath name; `value` finds valueQuantity too."""
    if not isinstance(node, dict):
        return []
    found = node.get(name)
    if found is None:
        size = len(name)
        keys = (k for k in node if k.startswith(name) and k[size : size + 1].isupper())
        found = next((node[k] for k in keys), None)
    return found if isinstance(found, list) else [] if found is None else [found]


def _member(before: Compiled, name: str) -> Compiled:
    return lambda node: [child for each in before(node) for child in children(each, name)]


def _typed(before: Compiled, _: str) -> Compiled:
    """Types of plain JSON values are not known here; the walk checks them (`paths`)."""
    return before


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return str(a) == str(b)
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _less(a: Any, b: Any) -> bool | None:
    if isinstance(a, Date) or isinstance(b, Date):
        size = min(len(str(a)), len(str(b)))
        a, b = str(a)[:size], str(b)[:size]
    if isinstance(a, bool) or isinstance(b, bool) or isinstance(a, str) != isinstance(b, str):
        return None
    return bool(a < b)


def _compare(sign: str, a: list[Any], b: list[Any]) -> list[Any]:
    if len(a) != 1 or len(b) != 1:
        return []
    below, above = _less(a[0], b[0]), _less(b[0], a[0])
    if below is None or above is None:
        return []
    return [{"<": below, ">": above, "<=": not above, ">=": not below}[sign]]


def _truth(found: list[Any]) -> bool | None:
    return None if not found else found[0] is not False


def _logic(sign: str, a: bool | None, b: bool | None) -> list[Any]:
    if sign == "and":
        return [False] if a is False or b is False else [] if a is None or b is None else [True]
    if sign == "or":
        return [True] if a or b else [] if a is None or b is None else [False]
    if sign == "implies":
        return [True] if a is False or b else [] if a is None or b is None else [False]
    return [] if a is None or b is None else [a != b]


def _arithmetic(sign: str, a: Any, b: Any) -> list[Any]:
    if isinstance(a, str) or isinstance(b, str):
        return [str(a) + str(b)] if sign in "+&" and isinstance(a, str) and isinstance(b, str) else []
    if isinstance(a, (bool, dict)) or isinstance(b, (bool, dict)):
        return []
    x, y = Decimal(str(a)), Decimal(str(b))
    try:
        if sign in ("div", "mod"):
            found = x // y if sign == "div" else x % y
            return [int(found)]
        found = {"+": x.__add__, "-": x.__sub__, "*": x.__mul__, "/": x.__truediv__}[sign](y)
    except (DivisionByZero, InvalidOperation):
        return []
    return [int(found) if isinstance(a, int) and isinstance(b, int) and sign != "/" else found]


def _binary(sign: str, left: Compiled, right: Compiled) -> Compiled:
    def operated(node: Any) -> list[Any]:  # noqa: PLR0911 (one return for each kind of operator)
        a, b = left(node), right(node)
        if sign in ("=", "!=", "~", "!~"):
            if not a or not b:
                return []
            alike = len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
            return [alike is (sign in ("=", "~"))]
        if sign in ("in", "contains"):
            one, many = (a, b) if sign == "in" else (b, a)
            return [any(_same(one[0], each) for each in many)] if one else []
        if sign == "|":
            return [*a, *(y for y in b if not any(_same(x, y) for x in a))]
        if sign in ("<", ">", "<=", ">="):
            return _compare(sign, a, b)
        if sign in ("and", "or", "xor", "implies"):
            return _logic(sign, _truth(a), _truth(b))
        if sign == "&":
            return [str(a[0] if a else "") + str(b[0] if b else "")]
        return _arithmetic(sign, a[0], b[0]) if a and b else []

    if isinstance(left, _Fixed) and isinstance(right, _Fixed):
        return _Fixed(operated(None))
    if sign == "in" and isinstance(right, _Fixed) and len(right.texts) == len(right.found):
        texts = right.texts
        return lambda node: [one[0] in texts] if (one := left(node)) and type(one[0]) is str else []
    return operated


def _text(call: Callable[..., Any]) -> Callable[[list[Any], list[Compiled], Any], list[Any]]:
    """A function of one string and arguments that are evaluated on the node."""

    def called(found: list[Any], given: list[Compiled], node: Any) -> list[Any]:
        arguments = [each(node) for each in given]
        if len(found) != 1 or isinstance(found[0], (dict, list)) or not all(arguments):
            return []
        result = call(str(found[0]), *(a[0] for a in arguments))
        return [] if result is None else [result]

    return called


def _where(found: list[Any], given: list[Compiled], _: Any) -> list[Any]:
    return [each for each in found if is_true(given[0], each)] if given else found


def _substring(text: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + length]


def _replace_matches(text: str, pattern: str, into: str) -> str:
    into = re.sub(r"\$\{(\w+)\}", r"\\g<\1>", re.sub(r"\$(\d+)", r"\\g<\1>", into))
    return re.sub(re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", pattern), into, text)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _iif(_: list[Any], given: list[Compiled], node: Any) -> list[Any]:
    if is_true(given[0], node):
        return given[1](node)
    return given[2](node) if len(given) > 2 else []


_CALLS: dict[str, Callable[[list[Any], list[Compiled], Any], list[Any]]] = {
    "where": _where,
    "exists": lambda found, given, node: [bool(_where(found, given, node))],
    "empty": lambda found, _, __: [not found],
    "not": lambda found, _, __: [found[0] is False] if found else [],
    "hasValue": lambda found, _, __: [len(found) == 1 and not isinstance(found[0], dict)],
    "first": lambda found, _, __: found[:1],
    "last": lambda found, _, __: found[-1:],
    "count": lambda found, _, __: [len(found)],
    "iif": _iif,
    "startsWith": _text(str.startswith),
    "endsWith": _text(str.endswith),
    "contains": _text(lambda text, part: part in text),
    "matches": _text(lambda text, pattern: re.search(pattern, text) is not None),
    "replace": _text(lambda text, old, new: text.replace(old, new)),
    "replaceMatches": _text(_replace_matches),
    "substring": _text(_substring),
    "subString": _text(_substring),
    "indexOf": _text(str.find),
    "length": _text(len),
    "lower": _text(str.lower),
    "upper": _text(str.upper),
    "trim": _text(str.strip),
    "toString": _text(str),
    "toInteger": _text(lambda text: int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else None),
    "toDecimal": _text(_number),
    "extension": lambda found, given, node: [
        each for one in found for each in children(one, "extension") if [each.get("url")] == given[0](node)
    ],
}
