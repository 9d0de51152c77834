"""FHIR R4 Consent in and out (http://hl7.org/fhir/R4/consent.html), in both directions on the safe side.

Out: one Consent for each last choice, the person by pseudonym. In: a refusal counts as widely as it can be read, a
permission only for purposes that it names and without conditions that we could not keep; whatever is not taken over is
reported by its place, never by its content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from bedrail.core.errors import Invalid
from bedrail.data.consent import EVERY_USE, FOREVER, PURPOSES, Choice, Decision, Purpose
from bedrail.journeys.consenting import Wanted

REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LOINC = "http://loinc.org"
ROLE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
PSEUDONYM = "urn:bedrail:pseudonym"
PURPOSE = "urn:bedrail:purpose"
USE_CASE = "urn:bedrail:use-case"

_OUT: dict[Purpose, tuple[str, str, str]] = {
    "care": (REASON, "TREAT", "treatment"),
    "quality": (REASON, "HQUALIMP", "health quality improvement"),
    "research": (REASON, "HRESCH", "healthcare research"),
    "training": (PURPOSE, "training", "training or calibrating a model"),
    "sharing": (PURPOSE, "sharing", "disclosure outside the hospital"),
}
_IN: dict[tuple[str, str], Purpose] = {
    **{(REASON, code): "care" for code in ("TREAT", "CAREMGT", "COC", "ETREAT", "BTG", "ERTREAT", "POPHLTH")},
    **{(REASON, code): "quality" for code in ("HOPERAT", "HQUALIMP", "HOUTCOMS", "PATSFTY", "PERFMSR", "HACCRED")},
    **{(REASON, code): "research" for code in ("HRESCH", "BIORCH", "CLINTRCH", "CLINTRCHNPC", "CLINTRCHPC", "CLINTRL",
                                               "PRECLINTRCH", "DSRCH", "POARCH", "TRANSRCH")},
    (REASON, "SYSDEV"): "training",
    **{(PURPOSE, purpose): purpose for purpose in PURPOSES},
}  # fmt: skip
"""v3 ActReason purposes of use that are ours; children count as their parent."""

_SCOPES: dict[str, tuple[Purpose, ...]] = {
    "treatment": ("care",),
    "research": ("research",),
}
_CONDITIONS = ("securityLabel", "class", "code", "dataPeriod", "data")
_NOT_IN_FORCE = ("draft", "proposed", "entered-in-error")


class ReadConsents(NamedTuple):
    """Choices read, and what was not taken over, each as (place, reason)."""

    wanted: list[Wanted]
    left: list[tuple[str, str]]


class _NoTime(Exception):
    """A period that cannot be read."""


class _Where(NamedTuple):
    """What all rules of one Consent share."""

    place: str
    status: str
    who: dict[str, str]
    source: str
    left: list[tuple[str, str]]


def consent_of(choice: Choice) -> dict[str, Any]:
    """One choice as an R4 Consent."""
    system, code, display = _OUT[choice.purpose]
    provision: dict[str, Any] = {
        "type": "deny" if choice.decision == "denied" else "permit",
        "purpose": [{"system": system, "code": code, "display": display}],
    }
    period = {"start": _stamp(choice.starts, 0.0), "end": _stamp(choice.ends, FOREVER)}
    if any(period.values()):
        provision["period"] = {name: at for name, at in period.items() if at}
    if choice.purpose == "sharing":
        provision["action"] = [_concept(ACTION, "disclose", "Disclose")]
    if choice.use_case != EVERY_USE:
        provision["actor"] = [
            {
                "role": _concept(ROLE, "IRCP", "information recipient"),
                "reference": {"type": "Device", "identifier": {"system": USE_CASE, "value": choice.use_case}},
            }
        ]
    name = f"{choice.subject}|{choice.purpose}|{choice.use_case}"
    rule = ("OPTOUT", "opt-out") if choice.decision == "denied" else ("OPTIN", "opt-in")
    scope = ("research", "Research") if choice.purpose == "research" else ("patient-privacy", "Privacy Consent")
    return {
        "resourceType": "Consent",
        "id": sha256(name.encode()).hexdigest()[:32],
        "status": "inactive" if choice.decision == "revoked" else "active",
        "scope": _concept(SCOPE, *scope),
        "category": [_concept(LOINC, "59284-0", "Consent Document")],
        "patient": {"type": "Patient", "identifier": {"system": PSEUDONYM, "value": choice.subject}},
        "dateTime": choice.at,
        "policyRule": _concept(ACT_CODE, *rule),
        "provision": provision,
    }


def consents_ndjson(choices: Iterable[Choice]) -> bytes:
    """Choices as newline-delimited JSON, one Consent in each line."""
    return b"".join(json.dumps(consent_of(each), ensure_ascii=False).encode() + b"\n" for each in choices)


def read_consents(data: bytes, *, name: str = "consents") -> ReadConsents:
    """The choices in a Consent, a Bundle, a list of either, or newline-delimited JSON.

    The person is the identifier of `Consent.patient` (ours: a pseudonym; others: as the hospital writes it), or the id
    at the end of its reference. Raises `Invalid` for bytes that are no JSON.
    """
    found = ReadConsents([], [])
    for place, resource, raw in _resources(data, name):
        if not isinstance(resource, dict) or resource.get("resourceType") != "Consent":
            found.left.append((place, "is no Consent"))
            continue
        found.wanted.extend(_choices(place, resource, sha256(raw).hexdigest(), found.left))
    return found


def _resources(data: bytes, name: str) -> Iterator[tuple[str, Any, bytes]]:
    try:
        whole = [json.loads(data)]
    except (ValueError, RecursionError):
        whole = []
        for number, line in enumerate(data.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                whole.append(json.loads(line))
            except (ValueError, RecursionError):
                remedy = "Give a Consent, a Bundle, or one resource in each line."
                raise Invalid("this is no JSON.", path=f"{name}:{number}", remedy=remedy) from None
    number = 0
    for value in whole:
        for each in value if isinstance(value, list) else [value]:
            bundle = isinstance(each, dict) and each.get("resourceType") == "Bundle"
            entries = each.get("entry") if bundle else None
            inside = [e.get("resource") if isinstance(e, dict) else None for e in entries or ()] if bundle else [each]
            for resource in inside:
                number += 1
                yield f"{name} resource {number}", resource, json.dumps(resource, sort_keys=True).encode()


def _choices(place: str, resource: dict[str, Any], source: str, left: list[tuple[str, str]]) -> Iterator[Wanted]:
    status, who = resource.get("status"), _person(resource.get("patient"))
    if status in _NOT_IN_FORCE or status not in ("active", "inactive", "rejected"):
        left.append((place, "is not in force (its status)"))
        return
    if who is None:
        left.append((place, "names no patient"))
        return
    where = _Where(place, status, who, source, left)
    scope = _codes(resource.get("scope"), SCOPE)
    rule = _codes(resource.get("policyRule"), ACT_CODE)
    base = "deny" if "OPTOUT" in rule else "permit" if "OPTIN" in rule else ""
    root = _inside(resource.get("provision"))
    purposes = next((_SCOPES[code] for code in scope if code in _SCOPES), None)
    yield from _provision(where, root, root.get("type") or base, purposes)


def _provision(
    where: _Where, provision: dict[str, Any], kind: str, inherited: tuple[Purpose, ...] | None
) -> Iterator[Wanted]:
    """This rule, then its exceptions, which decide their purposes in its stead (or its own, when they name none)."""
    purposes = tuple(_purposes(where, provision)) or inherited
    said: list[Wanted] = []
    for each in _listed(provision.get("provision")):
        turned = each.get("type") or ("deny" if kind == "permit" else "permit")
        said.extend(_provision(where, each, turned, purposes))
    excepted = {wanted.purpose for wanted in said}
    if kind not in ("permit", "deny"):
        if not said:
            where.left.append((where.place, "says neither permit nor deny"))
    else:
        if purposes is None:
            purposes = PURPOSES if kind == "deny" else ()  # a refusal that names nothing refuses everything
        yield from _rule(where, provision, kind, [p for p in purposes if p not in excepted], silent=bool(said))
    yield from said


def _rule(
    where: _Where, provision: dict[str, Any], kind: str, purposes: list[Purpose], *, silent: bool
) -> Iterator[Wanted]:
    decision: Decision = "permitted" if kind == "permit" else "denied"
    use_case, conditions = _use_case(provision)
    if decision == "permitted":
        if where.status == "inactive":
            decision = "revoked"
        elif where.status == "rejected":
            decision = "denied"
        elif conditions:
            where.left.append((where.place, "permits under conditions that cannot be kept here"))
            return
        elif not purposes and not silent:
            where.left.append((where.place, "permits without naming a purpose"))
    elif where.status != "active":
        where.left.append((where.place, "is a refusal that was taken back: say the permission instead"))
        return
    starts, ends = _period(where, provision, decision)
    if starts is None:
        return
    for purpose in purposes:
        yield Wanted(
            patient=where.who.get("patient", ""),
            subject=where.who.get("subject", ""),
            purpose=purpose,
            decision=decision,
            use_case=use_case if decision == "permitted" or not conditions else EVERY_USE,
            starts=starts,
            ends=ends,
            basis="FHIR Consent",
            source=where.source,
        )


def _period(where: _Where, provision: dict[str, Any], decision: str) -> tuple[str | None, str]:
    """When the rule holds; a permission whose time cannot be read holds never, a refusal always."""
    period = provision.get("period")
    if decision == "revoked":
        return "", ""
    try:
        return _time(where, period, "start"), _time(where, period, "end")
    except _NoTime:
        return (None, "") if decision == "permitted" else ("", "")


_PARTS = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


def _time(where: _Where, period: Any, name: str) -> str:
    """A FHIR dateTime as a moment: a year, month or day begins at its start and ends at its end (Period is inclusive).

    Raises `_NoTime`.
    """
    value = period.get(name) if isinstance(period, dict) else None
    if value is None:
        return ""
    text = str(value)
    try:
        parts = _PARTS.fullmatch(text)
        if parts is None:
            return datetime.fromisoformat(text).isoformat()
        year, month, day = int(parts[1]), int(parts[2] or 1), int(parts[3] or 1)
        first = date(year, month, day)
        if name == "start":
            return first.isoformat()
        if parts[3]:
            return (first + timedelta(days=1)).isoformat()
        return (date(year + month // 12, month % 12 + 1, 1) if parts[2] else date(year + 1, 1, 1)).isoformat()
    except (ValueError, OverflowError):
        where.left.append((where.place, f"has a period whose {name} is no time"))
        raise _NoTime from None


def _purposes(where: _Where, provision: dict[str, Any]) -> list[Purpose]:
    found: list[Purpose] = []
    for coding in _listed(provision.get("purpose")):
        purpose = _IN.get((str(coding.get("system", "")), str(coding.get("code", ""))))
        if purpose is None:
            where.left.append((where.place, "names a purpose that is none of ours"))
        elif purpose not in found:
            found.append(purpose)
    actions = {code for action in _listed(provision.get("action")) for code in _codes(action, ACTION)}
    if "disclose" in actions and "sharing" not in found and (not found or provision.get("type") == "deny"):
        found.append("sharing")
    return found


def _use_case(provision: dict[str, Any]) -> tuple[str, bool]:
    """The use case that the rule is about, and whether it bears conditions that we do not know."""
    use_case, strange = EVERY_USE, any(provision.get(name) for name in _CONDITIONS)
    for actor in _listed(provision.get("actor")):
        identifier = _inside(_inside(actor.get("reference")).get("identifier"))
        if identifier.get("system") == USE_CASE and use_case == EVERY_USE:
            use_case = str(identifier.get("value", ""))
        else:
            strange = True
    actions = {code for action in _listed(provision.get("action")) for code in _codes(action, ACTION)}
    if actions and not actions & {"use", "access", "disclose"}:
        strange = True
    return use_case, strange


def _person(patient: Any) -> dict[str, str] | None:
    if not isinstance(patient, dict):
        return None
    identifier = patient.get("identifier")
    if isinstance(identifier, dict) and isinstance(identifier.get("value"), str) and identifier["value"].strip():
        return {"subject" if identifier.get("system") == PSEUDONYM else "patient": identifier["value"].strip()}
    reference = patient.get("reference")
    if isinstance(reference, str) and reference.rpartition("Patient/")[2].partition("/")[0].strip():
        return {"patient": reference.rpartition("Patient/")[2].partition("/")[0].strip()}
    return None


def _codes(concept: Any, system: str) -> list[str]:
    codings = _listed(_inside(concept).get("coding"))
    return [str(coding.get("code", "")) for coding in codings if coding.get("system") == system]


def _inside(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; what stands where FHIR has something else is passed over."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _stamp(moment: float, unlimited: float) -> str:
    return "" if moment == unlimited else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
