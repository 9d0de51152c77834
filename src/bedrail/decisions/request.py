"""Reading a request: declared fields only, each refusal with the path to the field and what to do.

There are two readers of the features. The quick one accepts nothing but plain values that are present, in contract
units, within range, at a known level and fresh: whatever it accepts, every input guard would let pass (a property
test holds it to that). Whatever it does not accept is read leniently and put to the guards one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from keyword import iskeyword
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.models.contract import Contract, Feature

MAX_BODY = 65_536
"""Bytes of a decision request; a longer one is refused unread."""

FUTURE_SKEW = timedelta(minutes=5)
"""Clocks of two systems differ; a time of measurement further ahead than this is not believed."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Site = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}\Z")]
Level = Annotated[str, msgspec.Meta(max_length=200)]


class Request(Value, frozen=True, kw_only=True):
    """One request for a decision. `at` is when the plain feature values were read from the patient's record."""

    subject: Identifier
    encounter: Annotated[str, msgspec.Meta(max_length=128)] = ""
    site: Site = ""
    at: Moment | None = None
    features: msgspec.Raw
    groups: dict[str, Level] = msgspec.field(default_factory=dict)


class Measured(Value, frozen=True, kw_only=True):
    """A number with its unit (UCUM; empty means the contract's) and the time at which it was measured."""

    value: float | None
    unit: Annotated[str, msgspec.Meta(max_length=40)] = ""
    at: Moment | None = None


class Noted(Value, frozen=True, kw_only=True):
    """A level and the time at which it was noted."""

    value: Level | None
    at: Moment | None = None


class Inputs(msgspec.Struct):
    """The features of one request as understood.

    `values` are in contract units where the unit was known (None: absent); `ages` are hours; `units` holds the sent
    units that the contract does not accept; `plain` says that the quick reader accepted everything.
    """

    values: dict[str, float | str | None]
    ages: dict[str, float]
    units: dict[str, str] = msgspec.field(default_factory=dict)
    plain: bool = False


T = TypeVar("T")

_request = msgspec.json.Decoder(Request)
_more_than_one = (1).__lt__
_KEYS = tuple(f'"{name}"'.encode() for name in Request.__struct_fields__)

_PLAIN_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*\Z")

_NOT_UNDERSTOOD = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


def read_request(body: bytes) -> Request:
    """The request in a JSON body; raises `Invalid` with `path` and `remedy` (path `body` when it is no JSON)."""
    try:
        request = _request.decode(body)
    except _NOT_UNDERSTOOD as error:
        _refuse(error, "", Request.__struct_fields__)
    frame = _frame(body, bytes(request.features))
    doubtful = frame.count(b'"') != _quotes(request) and (
        request.groups or any(map(_more_than_one, map(frame.count, _KEYS)))
    )
    if doubtful or b"\\" in frame:
        refuse_twice(body)
    return request


def _frame(body: bytes, inside: bytes) -> bytes:
    """The body without its features, which are looked for by their beginning: that is three times as quick."""
    at = body.find(inside[:16])
    return body[:at] + body[at + len(inside) :] if body.startswith(inside, at) else body.replace(inside, b"", 1)


def _quotes(request: Request) -> int:
    """How many quotation marks a frame without backslashes has in which every field is there once, none by default.

    A field that is there twice makes more of them: at least those of its name.
    """
    marks = 6 if request.at is None else 10
    if request.encounter:
        marks += 4
    if request.site:
        marks += 4
    if request.groups:
        marks += 2 + 4 * len(request.groups)
    return marks


def read_body(decoder: msgspec.json.Decoder[T], body: bytes, fields: tuple[str, ...]) -> T:
    """The value in any other JSON body; raises `Invalid` as `read_request` does."""
    try:
        return decoder.decode(body)
    except _NOT_UNDERSTOOD as error:
        _refuse(error, "", fields)


def refuse_twice(body: bytes | msgspec.Raw, under: str = "") -> None:
    """Raises `Invalid` when a field of well-formed JSON is there twice: nobody can know which one was meant."""

    def once(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                path = f"{under}.{_echoed(name)}" if under else _echoed(name)
                raise Invalid("this field is there twice.", path=path, remedy="Send it once.")
            seen.add(name)

    try:
        json.loads(bytes(body), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Invalid("this is not well-formed JSON in UTF-8.", path="body", remedy="Send one JSON object.") from None


def check_groups(request: Request, declared: tuple[str, ...]) -> None:
    """Raises `Invalid` when the request carries a group that the use case did not declare."""
    for name in request.groups:
        if name not in declared:
            raise Invalid(
                "this use case did not declare that group.",
                path=f"groups.{_echoed(name)}",
                remedy=f"Declared are: {', '.join(declared) or 'none'}.",
            )


class Intake:
    """The readers of one contract's features, compiled once."""

    __slots__ = ("_careful", "_factors", "_max_age", "_names", "_optional", "_quick", "_values", "contract")

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._names = contract.names
        self._factors = {feature.name: feature.units | {feature.unit: 1.0, "": 1.0} for feature in contract.features}
        limits = [feature.max_age_hours for feature in contract.features if feature.max_age_hours is not None]
        self._max_age = timedelta(hours=min(limits)) if limits else None
        self._optional = any(feature.missing == "impute" for feature in contract.features)
        plain = all(_PLAIN_NAME.match(name) and not iskeyword(name) for name in self._names)
        self._values: Callable[[Any], dict[str, Any]] = msgspec.structs.asdict if plain else self._renamed
        self._quick = _decoder("Quick", contract, _quick_type)
        self._careful = _decoder("Careful", contract, _careful_type)

    def read(self, features: msgspec.Raw, at: datetime | None, now: datetime) -> Inputs:
        """Features as sent, known to be of time `at`, seen at `now`; raises `Invalid` for wrong types and names."""
        age = None if at is None else now - at
        if age is None:
            quick = self._max_age is None
        else:
            quick = age >= -FUTURE_SKEW and (self._max_age is None or age <= self._max_age)
        if quick:
            try:
                values = self._values(self._quick.decode(features))
            except _NOT_UNDERSTOOD:
                pass
            else:
                absent = sum(value is None for value in values.values()) if self._optional else 0
                if bytes(features).count(b":") != len(values) - absent:
                    return self._read_carefully(features, age, now)  # nulls, odd levels, or a field that is there twice
                return Inputs(values, {} if age is None else {"*": _hours(age)}, plain=True)
        return self._read_carefully(features, age, now)

    def _renamed(self, struct: Any) -> dict[str, Any]:
        return dict(zip(self._names, msgspec.structs.astuple(struct), strict=True))

    def _read_carefully(self, features: msgspec.Raw, age: timedelta | None, now: datetime) -> Inputs:
        try:
            found = self._values(self._careful.decode(features))
        except _NOT_UNDERSTOOD as error:
            _refuse(error, "features", self._names)
        refuse_twice(features, "features")
        inputs = Inputs({}, {} if age is None else {"*": _hours(age)})
        for name, sent in found.items():
            if isinstance(sent, Measured | Noted):
                self._take(inputs, name, sent, now)
            else:
                inputs.values[name] = sent
        return inputs

    def _take(self, inputs: Inputs, name: str, sent: Measured | Noted, now: datetime) -> None:
        value: float | str | None = sent.value
        if isinstance(sent, Measured) and sent.value is not None:
            factor = self._factors[name].get(sent.unit)
            if factor is None:
                inputs.units[name] = sent.unit
            elif factor != 1.0:
                value = sent.value * factor
        inputs.values[name] = value
        if sent.at is not None:
            inputs.ages[name] = _hours(now - sent.at)


_PLACE = re.compile(r"^(?P<what>.*?)(?: - at (?:the )?(?:key in )?`(?P<path>[^`]*)`)?\Z", re.DOTALL)
_FIELD = re.compile(r"^Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`\Z", re.DOTALL)
_TYPES = re.compile(r"^Expected (?P<wanted>`[a-z |]+`.*), got `(?P<got>[a-z]+)`\Z", re.DOTALL)
_HARMLESS = re.compile(r"^[a-z][a-z_]*(?:[0-9]{1,3}[a-z_]+)*[0-9]{0,3}\Z")


def _echoed(name: str) -> str:
    """A field name only when it looks like one: a stray identifier must not come back in an error or a log."""
    return name if len(name) <= 40 and _HARMLESS.match(name) else "?"


_KINDS = {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false", "object": "an object"}


def _kinds(wanted: str) -> str:
    return " or ".join(_KINDS.get(kind, kind) for kind in re.findall(r"[a-z]+", wanted.split("`")[1]))


def _refuse(error: Exception, under: str, fields: tuple[str, ...]) -> NoReturn:
    """Turns the decoder's complaint into one about a field, without anything of the field's content."""
    found = _PLACE.match(str(error))
    what, place = (found["what"], found["path"] or "$") if found else ("", "$")
    place = place.lstrip("$").replace("[...]", "").strip(".")
    steps = [step for step in (under, *place.split(".")) if step]
    known = f"The fields are: {', '.join(fields)}."
    if field := _FIELD.match(what):
        unknown = field["what"] == "contains unknown"
        path = ".".join((*steps, _echoed(field["name"])))
        if unknown:
            remedy = f"Leave it out. {known}" if len(steps) <= bool(under) else "Send value, unit and at only."
            raise Invalid("this field is not declared.", path=path, remedy=remedy) from None
        raise Invalid("this field is missing.", path=path, remedy=f"Add it. {known}") from None
    path = ".".join(steps)
    if not isinstance(error, msgspec.ValidationError):
        raise Invalid("this is not well-formed JSON in UTF-8.", path="body", remedy="Send one JSON object.") from None
    if types := _TYPES.match(what):
        message, remedy = f"this has the wrong type: {types['got']}.", f"Send {_kinds(types['wanted'])}."
    elif "datetime" in what or "timezone" in what:
        message, remedy = "this is not a time with a zone.", "Send it as 2026-01-31T09:30:00Z."
    elif "length" in what:
        message, remedy = "this is too short or too long.", "Identifiers have 1 to 128 characters, levels at most 200."
    elif "range" in what:
        message, remedy = "this number is too large.", "Send a number that a 64-bit float can hold."
    elif "regex" in what:
        message, remedy = "this has signs that are not allowed here.", "Use up to 40 letters, digits, `.`, `_`, `-`."
    else:
        message, remedy = "this cannot be read.", known
    raise Invalid(message, path=path or "body", remedy=remedy) from None


def _hours(age: timedelta) -> float:
    return round(age.total_seconds() / 3600.0, 6)


def _quick_type(feature: Feature) -> Any:
    kind: Any
    if feature.kind == "categorical":
        kind = Literal[feature.levels]
    else:
        bounds: dict[str, Any] = {}
        if feature.low is not None:
            bounds["ge"] = float(feature.low)
        if feature.high is not None:
            bounds["le"] = float(feature.high)
        kind = Annotated[float, msgspec.Meta(**bounds)] if bounds else float
    return kind | None if feature.missing == "impute" else kind


def _careful_type(feature: Feature) -> Any:
    return Level | Noted | None if feature.kind == "categorical" else float | Measured | None


def _decoder(name: str, contract: Contract, kind: Callable[[Feature], Any]) -> msgspec.json.Decoder[Any]:
    """A struct type made for this contract; a feature's name may be any words, and then fields are numbered."""
    lenient = kind is _careful_type
    names = [feature.name for feature in contract.features]
    plain = all(_PLAIN_NAME.match(name) and not iskeyword(name) for name in names)
    fields_of = names if plain else [f"f{number}" for number in range(len(names))]
    fields: list[Any] = []
    for attribute, feature in zip(fields_of, contract.features, strict=True):
        optional = lenient or feature.missing == "impute"
        fields.append((attribute, kind(feature), None) if optional else (attribute, kind(feature)))
    struct = msgspec.defstruct(
        name,
        fields,
        rename=dict(zip(fields_of, names, strict=True)),
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(struct)
