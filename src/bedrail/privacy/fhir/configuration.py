"""The rules in force: read from JSON in the form of Microsoft's Tools for Health Data Anonymization, or from our
profiles.

`{"fhirVersion": "R4", "fhirPathRules": [{"path": ..., "method": ...}], "parameters": {...}}`: of all rules that reach
an element, by itself or by what it stands in, the first in the list decides. Our own profiles use the same form and a
few more methods and parameters (docs/deid-fhir.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any, Literal

from bedrail.core.errors import Invalid
from bedrail.privacy.fhir.expressions import Compiled, compile_expression
from bedrail.privacy.fhir.paths import Line, parse_path

PROFILES = ("safe-harbor", "limited-data-set")

METHODS = (
    "keep", "redact", "dateshift", "cryptohash", "substitute", "perturb", "generalize",
    "pseudonym", "date", "text", "narrative", "attachment", "zip3", "uri", "age", "uid",
)  # fmt: skip
"""The first seven are Microsoft's; the rest are ours and stand for what the kind of element needs."""

_OURS: dict[str, tuple[str, ...]] = {
    "dates": ("year", "shift", "keep"),
    "text": ("redact", "deidentify"),
    "default": ("keep", "redact"),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: `number` is its place in the list, counted from 0; `lines` are the alternatives of its path."""

    number: int
    path: str
    method: str
    lines: tuple[Line, ...]
    span: Decimal = Decimal(0)
    proportional: bool = False
    round_to: int | None = None
    replace_with: Any = None
    cases: tuple[tuple[Compiled, Compiled], ...] = ()
    other_values: Literal["redact", "keep"] = "redact"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Rules and parameters; `digest` is SHA-256 over all of it, keys left out of nothing."""

    rules: tuple[Rule, ...]
    digest: str
    name: str = ""
    raises: bool = True
    default: Literal["keep", "redact"] = "keep"
    hash_key: str = ""
    shift_key: str = ""
    shift_scope: Literal["resource", "file", "folder", "patient"] = "patient"
    shift_fixed: int | None = None
    keeps_time: bool = False
    partial_ages: bool = False
    partial_dates: bool = False
    partial_zips: bool = False
    restricted_zips: frozenset[str] = frozenset()
    dates: str = "year"
    text: str = "deidentify"
    remarks: tuple[str, ...] = field(default=())

    @property
    def own(self) -> bool:
        """Whether this is a profile of ours."""
        return self.name in PROFILES


def read_profile(name: str, **chosen: str) -> Configuration:
    """A shipped profile; `dates` and `text` override what it says."""
    if name not in PROFILES:
        raise Invalid("there is no such profile.", path=name, remedy=f"One of {', '.join(PROFILES)}.")
    parsed = _shipped(name)
    if "extends" in parsed:
        under = _shipped(parsed.pop("extends"))
        parsed["fhirPathRules"] += under["fhirPathRules"]
        parsed["parameters"] = {**under["parameters"], **parsed["parameters"]}
    parsed["parameters"].update({key: value for key, value in chosen.items() if value})
    return configuration(parsed, name=name)


def _shipped(name: str) -> dict[str, Any]:
    text = (files("bedrail.privacy.fhir") / f"{name.replace('-', '_')}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def read_configuration(source: str, **chosen: str) -> Configuration:
    """A configuration as JSON text; raises `Invalid` with the place."""
    try:
        parsed = json.loads(source.removeprefix("﻿"))
    except json.JSONDecodeError as error:
        raise Invalid(
            f"{error.msg}.", path=f"line {error.lineno} column {error.colno}", remedy="Mend the JSON."
        ) from error
    if not isinstance(parsed, dict):
        raise Invalid("a configuration is a JSON object.", remedy="See docs/deid-fhir.md.")
    parameters = parsed.setdefault("parameters", {})
    if isinstance(parameters, dict):
        parameters.update({key: value for key, value in chosen.items() if value})
    return configuration(parsed)


def configuration(parsed: Mapping[str, Any], *, name: str = "") -> Configuration:
    """The configuration in a parsed JSON object; raises `Invalid` with the rule and what to do."""
    version = parsed.get("fhirVersion") or "R4"
    if str(version).upper() != "R4":
        raise Invalid("only R4 is read.", path="fhirVersion", remedy="Use the R4 configuration on R4 resources.")
    listed = parsed.get("fhirPathRules")
    if not isinstance(listed, list) or not listed:
        raise Invalid("there are no rules.", path="fhirPathRules", remedy='List [{"path": ..., "method": ...}].')
    rules = tuple(_rule(number, each) for number, each in enumerate(listed))
    given = parsed.get("parameters") or {}
    if not isinstance(given, dict):
        raise Invalid("parameters are a JSON object.", path="parameters", remedy="See docs/deid-fhir.md.")
    digest = hashlib.sha256(json.dumps(parsed, sort_keys=True).encode()).hexdigest()
    errors = str(parsed.get("processingErrors") or parsed.get("processingError") or "raise").lower()
    if errors not in ("raise", "skip", "keep"):
        raise Invalid("is raise, skip or keep.", path="processingErrors", remedy="Choose one of them.")
    return Configuration(
        rules=rules,
        digest=digest,
        name=name,
        raises=errors == "raise",
        remarks=_remarks(given, rules),
        **_parameters(given),
    )


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters in our words; what is not known is refused, since it was meant to do something."""
    known = {
        "dateShiftKey": "shift_key", "cryptoHashKey": "hash_key", "enablePartialAgesForRedact": "partial_ages",
        "enablePartialDatesForRedact": "partial_dates", "enablePartialZipCodesForRedact": "partial_zips",
        "dateShiftKeepsTime": "keeps_time", **{key: key for key in _OURS},
    }  # fmt: skip
    found: dict[str, Any] = {}
    for key, value in given.items():
        where = f"parameters.{key}"
        if key in _OURS and value not in _OURS[key]:
            raise Invalid("is not known.", path=where, remedy=f"One of {', '.join(_OURS[key])}.")
        if key in known:
            wanted = bool if key.startswith("enable") or key == "dateShiftKeepsTime" else str
            if not isinstance(value, wanted) and value is not None:
                raise Invalid(f"is a {wanted.__name__}.", path=where, remedy="Mend the value.")
            found[known[key]] = value or wanted()
        elif key == "restrictedZipCodeTabulationAreas":
            found["restricted_zips"] = frozenset(str(each) for each in value or ())
        elif key == "dateShiftFixedOffsetInDays":
            found["shift_fixed"] = _whole(value, where) if value is not None else None
        elif key == "dateShiftScope":
            found["shift_scope"] = _scope(value)
        elif key not in ("encryptKey", "customSettings", "dateShiftKeyPrefix"):
            raise Invalid("is no parameter that we know.", path=where, remedy="Take it out, or see docs/deid-fhir.md.")
    return found


def _scope(value: Any) -> str:
    scope = str(value or "resource").lower()
    if scope not in ("resource", "file", "folder", "patient"):
        raise Invalid("is not known.", path="parameters.dateShiftScope", remedy="resource, file, folder or patient.")
    return scope


def _whole(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 36_500:
        raise Invalid("is a whole number of days, at most 36500.", path=where, remedy="Mend the value.")
    return value


def _remarks(given: Mapping[str, Any], rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """What a privacy officer should know about a configuration as it stands."""
    said = []
    shifts = any(rule.method == "dateshift" for rule in rules)
    scope = str(given.get("dateShiftScope") or "resource").lower()
    if shifts and "dates" not in given and scope == "resource" and given.get("dateShiftFixedOffsetInDays") is None:
        said.append("dateShiftScope is resource: intervals between resources of one patient are not kept.")
    if shifts:
        said.append("Shifted dates are not Safe Harbor (45 CFR 164.514(b)(2)(i)(C)): only the year may stay.")
    for key in ("cryptoHashKey", "dateShiftKey"):
        if given.get(key):
            said.append(f"{key} stands in the configuration: who has the file can try identifiers.")
    return tuple(said)


def _rule(number: int, given: Any) -> Rule:
    where = f"fhirPathRules[{number}]"
    if (
        not isinstance(given, dict)
        or not isinstance(given.get("path"), str)
        or not isinstance(given.get("method"), str)
    ):
        raise Invalid(
            "a rule has a path and a method.", path=where, remedy='{"path": "Patient.name", "method": "redact"}'
        )
    method = given["method"].lower()
    if method == "encrypt":
        remedy = "Use cryptoHash: who may re-identify does so by an approved request, without a key in a file."
        raise Invalid("encrypt is not done here.", path=where, remedy=remedy)
    if method not in METHODS:
        raise Invalid(f"{given['method']} is no method.", path=where, remedy=f"One of {', '.join(METHODS)}.")
    try:
        lines = parse_path(given["path"])
        settings = _settings(method, given)
    except Invalid as error:
        raise Invalid(error.message, path=f"{where} {error.path}", remedy=error.remedy) from error
    return Rule(number=number, path=given["path"], method=method, lines=lines, **settings)


def _settings(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a method takes beside its path."""
    if method == "substitute":
        if "replaceWith" not in given:
            raise Invalid("substitute needs replaceWith.", path="replaceWith", remedy="Name the value.")
        return {"replace_with": given["replaceWith"]}
    if method == "perturb":
        return _perturb(given)
    if method == "generalize":
        cases = given.get("cases")
        if isinstance(cases, str):
            cases = json.loads(cases)
        if not isinstance(cases, dict) or not cases:
            raise Invalid("generalize needs cases.", path="cases", remedy='{"$this >= 80": "80"}')
        other = str(given.get("otherValues") or "redact").lower()
        if other not in ("redact", "keep"):
            raise Invalid("is redact or keep.", path="otherValues", remedy="Choose one of them.")
        pairs = tuple((compile_expression(when), compile_expression(str(into))) for when, into in cases.items())
        return {"cases": pairs, "other_values": other}
    return {}


def _perturb(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        span = Decimal(str(given["span"]))
    except (KeyError, InvalidOperation) as error:
        raise Invalid("perturb needs a span.", path="span", remedy="A number, such as 0.1.") from error
    kind = str(given.get("rangeType") or "fixed").lower()
    if not span.is_finite() or span < 0 or kind not in ("fixed", "proportional"):
        raise Invalid("span is not negative, rangeType is fixed or proportional.", path="span", remedy="Mend them.")
    round_to = given.get("roundTo")
    if round_to is not None and (not isinstance(round_to, int) or not 0 <= round_to <= 28):
        raise Invalid("is a whole number from 0 to 28.", path="roundTo", remedy="Mend the value.")
    return {"span": span, "proportional": kind == "proportional", "round_to": round_to}
