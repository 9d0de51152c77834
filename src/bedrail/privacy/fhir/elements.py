"""Which elements each type of FHIR R4 has, and of what datatype: the table beside this file, read type by type."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

PRIMITIVES = frozenset(
    {
        "base64Binary",
        "boolean",
        "canonical",
        "code",
        "date",
        "dateTime",
        "decimal",
        "id",
        "instant",
        "integer",
        "markdown",
        "oid",
        "positiveInt",
        "string",
        "time",
        "unsignedInt",
        "uri",
        "url",
        "uuid",
        "xhtml",
    }
)
NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "Money", "SimpleQuantity", "MoneyQuantity"})
DATES = frozenset({"date", "dateTime", "instant"})

_UNKNOWN = {"extension": "Extension", "url": "uri", "system": "uri", "profile": "canonical", "fullUrl": "uri"}
_COMMON = {
    "E": "id:string extension*:Extension",
    "B": "id:string extension*:Extension modifierExtension*:Extension",
    "R": "id:id meta:Meta implicitRules:uri language:code",
    "D": "id:id meta:Meta implicitRules:uri language:code text:Narrative contained*:Resource extension*:Extension"
    " modifierExtension*:Extension",
}


class Element(NamedTuple):
    """One element as JSON has it: `key` there, `name` in FHIRPath (`value` for valueQuantity), its type."""

    key: str
    name: str
    type: str
    many: bool
    required: bool


@cache
def _lines() -> dict[str, str]:
    text = (files("bedrail.privacy.fhir") / "r4_elements.txt").read_text(encoding="utf-8")
    return {line.split(" ", 1)[0]: line for line in text.splitlines() if line and line[0] != "#"}


@cache
def elements(kind: str) -> dict[str, Element]:
    """The elements of a type by their JSON names; none for a type that R4 does not have."""
    line = _lines().get(kind)
    if line is None:
        return {}
    _, common, *parts = line.split()
    found = {}
    for part in (*_COMMON[common[1]].split(), *parts):
        spelled, types = part.split(":")
        required, many = spelled.endswith("!"), "*" in spelled
        stem = spelled.rstrip("!").rstrip("*")
        for each in types.split(","):
            choice = stem.endswith("[x]")
            name = stem.removesuffix("[x]")
            key = name + each[0].upper() + each[1:] if choice else name
            found[key] = Element(key, name, each, many, required)
    return found


@cache
def resource_types() -> frozenset[str]:
    """Every resource type of R4."""
    return frozenset(name for name, line in _lines().items() if line.split(" ", 2)[1] in ("@R", "@D"))


def is_type(name: str) -> bool:
    """Whether R4 has a type of this name."""
    return (
        name in PRIMITIVES or name in _lines() or name in ("Resource", "DomainResource", "BackboneElement", "Element")
    )


def fhirpath_type(kind: str) -> str:
    """The name that FHIRPath knows a type by: the inner types of resources are BackboneElement."""
    return "BackboneElement" if "_" in kind else kind


@cache
def inside(kind: str) -> tuple[frozenset[str], frozenset[str]]:
    """Types and FHIRPath names that can occur inside a type, but for extensions and resources of their own."""
    types, names, waiting = {kind}, set(), [kind]
    while waiting:
        for element in elements(waiting.pop()).values():
            if element.type in ("Extension", "Resource"):
                continue
            names.add(element.name)
            if element.type not in types:
                types.update((element.type, fhirpath_type(element.type)))
                waiting.append(element.type)
    return frozenset(types), frozenset(names)


def typed_texts(value: Any, kind: str = "Resource") -> Iterator[tuple[str, str]]:
    """Every string in a resource with its FHIR datatype; of what R4 does not know by its name, or `string`."""
    if isinstance(value, str):
        yield value, kind
    elif isinstance(value, list):
        for each in value:
            yield from typed_texts(each, kind)
    elif isinstance(value, dict):
        own = value.get("resourceType")
        known = elements(own if isinstance(own, str) else kind)
        for name, inner in value.items():
            if name == "resourceType":
                continue
            element = known.get(name.removeprefix("_"))
            yield from typed_texts(inner, element.type if element is not None else _UNKNOWN.get(name, "string"))
