"""Rule paths, read once: each becomes a few straight lines of steps that the plan follows while it goes down a
resource.

Understood: `Patient.name`, `Resource.id`, paths without a type (any resource), `nodesByType('X')`, `nodesByName('x')`,
`*`, `children()`, `descendants()`, `ofType(X)`, `as X`, `where(...)`, `extension('url')`, brackets and unions (`|`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bedrail.core.errors import Invalid
from bedrail.privacy.fhir.elements import is_type, resource_types
from bedrail.privacy.fhir.expressions import Compiled, compile_expression, unquoted

_REMEDY = "Write it with the parts of FHIRPath that docs/deid-fhir.md lists."


@dataclass(frozen=True, eq=False)
class Step:
    """One step down, or a condition on where one stands.

    `root`: the resource itself, of a type (or any); `type` and `name`: any node below of that type or name; `child`: of
    that name; `any`: every child; `below`: every descendant; `of`: only this type; `where`: only if `test` holds.
    """

    kind: Literal["root", "type", "name", "child", "any", "below", "of", "where"]
    name: str = ""
    test: Compiled | None = None


Line = tuple[Step, ...]


def parse_path(text: str) -> tuple[Line, ...]:
    """The alternatives of a rule's path; raises `Invalid` with the path."""
    reader = _PathReader(text)
    lines = reader.union()
    if reader.at != len(text):
        raise reader.wrong("there is something behind it")
    return tuple(lines)


class _PathReader:
    """Reads by hand, since the argument of where() is handed on as text."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def wrong(self, said: str) -> Invalid:
        return Invalid(f"{said} at position {self.at + 1}.", path=self.text, remedy=_REMEDY)

    def skip(self) -> str:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def union(self) -> list[Line]:
        lines = self.typed()
        while self.skip() == "|":
            self.at += 1
            lines += self.typed()
        return lines

    def typed(self) -> list[Line]:
        """A chain, and `as X` behind it, which binds closer than `|`."""
        lines = self.chain()
        while self.skip() == "a" and self.text[self.at : self.at + 3].rstrip() == "as":
            self.at += 2
            lines = [(*line, self.of(self.word())) for line in lines]
        return lines

    def chain(self) -> list[Line]:
        if self.skip() == "(":
            self.at += 1
            lines = self.union()
            self.close()
        else:
            lines = [self.start(self.word())]
        while self.skip() == ".":
            self.at += 1
            steps = self.step()
            lines = [(*line, *steps) for line in lines]
        return lines

    def close(self) -> None:
        if self.skip() != ")":
            raise self.wrong("a bracket is not closed")
        self.at += 1

    def word(self) -> str:
        sign = self.skip()
        if sign == "*":
            self.at += 1
            return "*"
        if sign == "`":
            end = self.text.find("`", self.at + 1)
            word, self.at = self.text[self.at + 1 : end], end + 1
            return word
        begin = self.at
        while self.at < len(self.text) and (self.text[self.at].isalnum() or self.text[self.at] in "_[]"):
            self.at += 1
        if begin == self.at:
            raise self.wrong("a name is missing")
        return self.text[begin : self.at].removesuffix("[x]")

    def start(self, word: str) -> Line:
        if self.skip() == "(":
            return self.call(word)
        if word[:1].isupper():
            if word not in ("Resource", "DomainResource") and word not in resource_types():
                if is_type(word):  # a datatype by its bare name: wherever it occurs
                    return (Step("type", word),)
                raise self.wrong(f"{word} is no type of R4")
            return (Step("root", "" if word in ("Resource", "DomainResource") else word),)
        return (Step("root"), self.named(word))

    def step(self) -> Line:
        word = self.word()
        return self.call(word) if self.skip() == "(" else (self.named(word),)

    def named(self, word: str) -> Step:
        return Step("any") if word == "*" else Step("child", word)

    def of(self, name: str) -> Step:
        if not is_type(name):
            raise self.wrong(f"{name} is no type of R4")
        return Step("of", name)

    def call(self, word: str) -> Line:
        argument = self.argument()
        if word in ("nodesByType", "nodesByName"):
            given = self.literal(argument)
            if word == "nodesByType" and not is_type(given):
                raise self.wrong(f"{given} is no type of R4")
            return (Step("type" if word == "nodesByType" else "name", given),)
        if word in ("ofType", "as"):
            return (self.of(argument.strip().removeprefix("FHIR.")),)
        if word == "where":
            return (Step("where", test=compile_expression(argument)),)
        if word == "extension":
            return (Step("child", "extension"), Step("where", test=compile_expression(f"url = {argument}")))
        if word in ("children", "descendants") and not argument.strip():
            return (Step("any" if word == "children" else "below"),)
        raise self.wrong(f"{word}() is not supported")

    def literal(self, argument: str) -> str:
        stripped = argument.strip()
        if len(stripped) < 3 or stripped[0] not in "'\"" or stripped[-1] != stripped[0]:
            raise self.wrong("a name in quotes is missing")
        return unquoted(stripped)

    def argument(self) -> str:
        """What stands between brackets, quotes respected."""
        begin, depth, quote = self.at + 1, 0, ""
        while self.at < len(self.text):
            sign = self.text[self.at]
            if quote:
                if sign == "\\":
                    self.at += 1
                elif sign == quote:
                    quote = ""
            elif sign in "'\"`":
                quote = sign
            elif sign in "()":
                depth += 1 if sign == "(" else -1
                if not depth:
                    self.at += 1
                    return self.text[begin : self.at - 1]
            self.at += 1
        raise self.wrong("a bracket is not closed")
