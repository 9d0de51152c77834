"""What is done with each field: rules by segment and field in TOML, and by datatype for everything they do not name."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import toml_tables

PROFILES = ("safe-harbor", "limited-data-set")
ACTIONS = frozenset(
    {"keep", "redact", "id", "facility", "control", "date", "text", "code", "zip3", "value", "data", "number", "town"}
)
_KINDS: Mapping[str, type[Any]] = {"name": str, "extends": str, "segments": dict, "types": dict, "parts": dict}
_WORDS: Mapping[type[Any], str] = {str: "text", dict: "table"}
_CHOICES = {"dates": ("year", "shift", "keep"), "text": ("deidentify", "redact")}


@dataclass(frozen=True, kw_only=True)
class FieldRules:
    """Actions by (segment, field), by datatype and by (datatype, component); `digest` is SHA-256 over all of it."""

    name: str
    dates: str
    text: str
    segments: Mapping[str, Mapping[int, str]]
    types: Mapping[str, str]
    parts: Mapping[str, Mapping[int, str]]
    digest: str


@cache
def standard() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The standard's datatypes: of each segment's fields, of each composite type's components."""
    tables: dict[str, dict[str, tuple[str, ...]]] = {"[segments]": {}, "[types]": {}}
    table = tables["[segments]"]
    for line in (files("bedrail.privacy.hl7") / "fields.txt").read_text(encoding="utf-8").splitlines():
        if line in tables:
            table = tables[line]
        elif line and line[0] != "#":
            name, *kinds = line.split()
            table[name] = tuple(kinds)
    return tables["[segments]"], tables["[types]"]


def read_profile(name: str, **chosen: str) -> FieldRules:
    """A shipped profile; `dates` and `text` override what it says."""
    if name not in PROFILES:
        raise Invalid("there is no such profile.", path=name, remedy=f"One of {', '.join(PROFILES)}.")
    return _rules(_shipped(name), chosen)


def read_rules(source: str, **chosen: str) -> FieldRules:
    """Rules of one's own, as TOML; `extends` builds on a shipped profile. Raises `Invalid` with the place."""
    try:
        return _rules(toml_tables(source), chosen)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{error}.", path="rules", remedy="Mend the TOML.") from error


def _shipped(name: str) -> dict[str, Any]:
    path = files("bedrail.privacy.hl7") / f"{name.replace('-', '_')}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _rules(parsed: dict[str, Any], chosen: Mapping[str, str]) -> FieldRules:
    for key, kind in _KINDS.items():
        if not isinstance(parsed.get(key, kind()), kind):
            raise Invalid(f"is no {_WORDS[kind]}.", path=key, remedy="docs/deid-hl7.md shows a file of rules.")
    if "extends" in parsed:
        parsed = _over(parsed)
    parsed = {**parsed, **{key: value for key, value in chosen.items() if value}}
    unknown = parsed.keys() - {"name", "dates", "text", "segments", "types", "parts", "extends"}
    if unknown:
        raise Invalid("is no table of rules.", path=min(unknown), remedy="segments, types and parts are.")
    for key, values in _CHOICES.items():
        if parsed.get(key) not in values:  # a tuple: what cannot be hashed is not in it either
            raise Invalid("is not known.", path=key, remedy=f"One of {', '.join(values)}.")
    tables = {key: _table(parsed.get(key, {}), key) for key in ("segments", "parts")}
    types = parsed.get("types", {})
    for kind, action in types.items():
        _check(action, f"types.{kind}")
    digest = hashlib.sha256(msgspec.json.encode(parsed, order="deterministic")).hexdigest()
    return FieldRules(
        name=str(parsed.get("name", "")),
        dates=parsed["dates"],
        text=parsed["text"],
        types=types,
        digest=digest,
        **tables,
    )


def _over(parsed: dict[str, Any]) -> dict[str, Any]:
    """A file's rules over those of the profile that it extends: fields one by one, types and parts as a whole."""
    name = parsed["extends"]
    if name not in PROFILES:
        raise Invalid("there is no such profile.", path="extends", remedy=f"One of {', '.join(PROFILES)}.")
    under = _shipped(name)
    if "extends" in under:
        under = _over(under)
    segments = {key: dict(rows) for key, rows in under["segments"].items()}
    for key, rows in parsed.get("segments", {}).items():
        segments.setdefault(key, {}).update(rows if isinstance(rows, dict) else {"*": rows})
    parts = {**under["parts"], **parsed.get("parts", {})}
    for kind in parsed.get("types", {}):
        parts.pop(kind, None)
    types = {**under["types"], **parsed.get("types", {})}
    return {**under, **parsed, "segments": segments, "types": types, "parts": parts}


def _table(given: Any, where: str) -> dict[str, dict[int, str]]:
    made: dict[str, dict[int, str]] = {}
    for name, rows in given.items():
        if not isinstance(rows, dict):
            raise Invalid("is a table of numbers and actions.", path=f"{where}.{name}", remedy='PID = { 5 = "redact" }')
        for number, action in rows.items():
            _check(action, f"{where}.{name}.{number}")
            if not (number.isascii() and number.isdigit() and len(number) <= 4):
                raise Invalid("is no number.", path=f"{where}.{name}.{number}", remedy="Fields count from 1.")
        made[name] = {int(number): action for number, action in rows.items()}
    return made


def _check(action: Any, where: str) -> None:
    if not isinstance(action, str) or action not in ACTIONS:
        raise Invalid("is no action.", path=where, remedy=f"One of {', '.join(sorted(ACTIONS))}.")
