"""What plans are made of: operations on one value, on lists of them, and their bookkeeping."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bedrail.core.errors import Invalid
from bedrail.privacy.fhir import labels
from bedrail.privacy.fhir.elements import NUMBERS, Element
from bedrail.privacy.fhir.visit import Visit

Op = Callable[[Any, Visit], Any]


def masked() -> Any:
    """What stands where FHIR wants an element and nothing of it may stay."""
    return {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}


class Holed(list[Any]):
    """A list of primitives with nulls where items went, until `even_out`."""


class Edge:
    """One element below a plan: what is done with it by which rule, and how often it was."""

    __slots__ = ("action", "count", "place", "rule")

    def __init__(self, place: str, action: str, rule: str) -> None:
        self.place, self.action, self.rule = place, action, rule
        self.count = 0


def wrong(place: str, said: str) -> Invalid:
    return Invalid(said, path=place[:200], remedy="Mend the resource, or leave such records out with --on-error skip.")


def text_only(place: str) -> Op:
    def op(value: Any, _: Visit) -> Any:
        if value.__class__ is not str:
            raise wrong(place, "text is expected.")
        return value

    return op


def json_types(element: Element) -> tuple[type, ...]:
    """The JSON types that a primitive element may have."""
    if element.type == "boolean":
        return (bool,)
    return (int, Decimal, float) if element.type in NUMBERS else (str,)


def checked(element: Element, place: str) -> Op:
    """The value, when it is of the JSON type that the element has."""
    if element.type == "boolean":

        def op(value: Any, _: Visit) -> Any:
            if value.__class__ is not bool:
                raise wrong(place, "true or false is expected.")
            return value

    elif element.type in NUMBERS:

        def op(value: Any, _: Visit) -> Any:
            if value.__class__ not in (int, Decimal, float):
                raise wrong(place, "a number is expected.")
            return value

    else:
        return text_only(place)
    return op


def listed(op: Op, place: str, *, holes: bool = False, beside: bool = False) -> Op:
    """The operation over a list. Lists of primitives keep holes (null) while their extensions stand beside them."""

    def over(value: Any, visit: Visit) -> Any:
        if value.__class__ is not list:
            raise wrong(place, "a list is expected.")
        if holes:
            made = [None if each is None else op(each, visit) for each in value]
            if not beside and None not in made:
                return made
            return Holed(made) if any(each is not None for each in made) else None
        return [new for new in [op(each, visit) for each in value] if new is not None] or None

    return over


def meaning_something(walk: Op) -> Op:
    """An extension of which only its address is left says nothing, and is not valid (ext-1)."""

    def op(value: Any, visit: Visit) -> Any:
        out = walk(value, visit)
        return None if out is None or out.keys() <= {"url", "id"} else out

    return op


def old_age(edge: Edge, walk: Op) -> Op:
    """An age of 90 or more becomes ">= 90" (45 CFR 164.514(b)(2)(i)(C)); years only: 100 days are no old age."""

    def op(value: Any, visit: Visit) -> Any:
        out = walk(value, visit)
        if out is None or not isinstance(number := out.get("value"), (int, Decimal)) or number < 90:
            return out
        unit = str(out.get("code") or out.get("unit") or "a").lower()
        if unit not in ("a", "y", "yr", "yrs", "year", "years", "a_j", "a_g"):
            return out
        edge.count += 1
        visit.flags |= labels.ABSTRACTED
        return {**out, "value": 90, "comparator": ">="}

    return op


def even_out(given: dict[str, Any], out: dict[str, Any]) -> None:
    """Lists of primitives and of their extensions belong together item by item: drop pairs of which nothing is left."""
    for bare in {key.lstrip("_") for key, value in given.items() if type(value) is list}:
        values, beside = out.get(bare), out.get("_" + bare)
        if values.__class__ is not Holed and beside.__class__ is not Holed:
            continue
        size = max(len(given.get(bare) or ()), len(given.get("_" + bare) or ()))
        pairs = [
            (v, e)
            for v, e in zip(_padded(values, size), _padded(beside, size), strict=True)
            if v is not None or e is not None
        ]
        for key, made in ((bare, [v for v, _ in pairs]), ("_" + bare, [e for _, e in pairs])):
            out.pop(key, None)
            if any(each is not None for each in made):
                out[key] = made


def _padded(value: Any, size: int) -> list[Any]:
    found = list(value) if isinstance(value, list) else []
    return found + [None] * (size - len(found))
