"""Ledger entries as FHIR R4 AuditEvent resources, after IHE Basic Audit Log Patterns 1.1.5.

Nothing is added to what the ledger says: patients appear by pseudonym, people by their id, tokens by theirs. BALP asks
for the network of client and server; the ledger keeps no addresses, so both are named by URI (type 5).
"""

from __future__ import annotations

import re
from typing import Any

from bedrail.core.events import Entry, action_of

_AUDIT = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = "http://hl7.org/fhir/restful-interaction"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_SOURCE = "http://terminology.hl7.org/CodeSystem/security-source-type"
OURS = "urn:bedrail:action"
PSEUDONYM = "urn:bedrail:pseudonym"

_READ = {"system": _REST, "code": "read", "display": "read"}
_OPERATION = {"system": _REST, "code": "operation", "display": "operation"}
_CREATE = {"system": _REST, "code": "create", "display": "create"}
_UPDATE = {"system": _REST, "code": "update", "display": "update"}
_REST_TYPE = {"system": _AUDIT, "code": "rest", "display": "RESTful Operation"}
_ACTIVITY = {"system": _DCM, "code": "110100", "display": "Application Activity"}
_ALERT = {"system": _DCM, "code": "110113", "display": "Security Alert"}
_EXPORT = {"system": _DCM, "code": "110106", "display": "Export"}
_LOGIN = {"system": _DCM, "code": "110114", "display": "User Authentication"}

_Kind = tuple[dict[str, str], "dict[str, str] | None", str]
KINDS: dict[str, _Kind] = {
    "decision": (_REST_TYPE, _OPERATION, "E"),
    "outcome": (_REST_TYPE, _CREATE, "C"),
    "consent": (_REST_TYPE, _UPDATE, "U"),
    "data.read": (_REST_TYPE, _READ, "R"),
    "candidate.exported": (_EXPORT, None, "R"),
    "backup": (_EXPORT, None, "R"),
    "alarm": (_ALERT, None, "E"),
    "artifact.refused": (_ALERT, None, "E"),
    "access": (_ALERT, None, "E"),
    "break-glass": (_ALERT, None, "E"),
    "person": (_ALERT, None, "U"),
    "token": (_ALERT, None, "U"),
    "keys": (_ALERT, None, "U"),
    "signed-in": (_LOGIN, None, "E"),
    "sign-in": (_LOGIN, None, "E"),
    "session": (_LOGIN, None, "E"),
}
"""FHIR type, subtype and action by the beginning of our action; everything else is an application activity."""

_PURPOSES = {"care": "TREAT", "oversight": "HOPERAT", "research": "HRESCH", "security": "HSYSADMIN"}
"""Our purposes in the v3 ActReason codes; others are operations (HOPERAT)."""

_NO_STRING = re.compile(r"[^ \r\n\t\S]|[\x00-\x08\x0e-\x1f]")
"""What a FHIR string may not hold (R4, datatypes: string): control characters, and spaces other than the plain one."""

_OBJECTS = ("decision", "candidate", "dataset", "policy", "token", "report")
"""Fields of a fact that name what it is about, as far as they are not the patient."""


def audit_event(index: int, entry: Entry, origin: str) -> dict[str, Any]:
    """The AuditEvent of entry `index` of the ledger `origin`, as JSON-able values."""
    action = action_of(entry)
    kind, subtype, code = _kind(action)
    ours = {"system": OURS, "code": action, "display": action.replace(".", " ").replace("-", " ")}
    made = {
        "resourceType": "AuditEvent",
        "id": entry.id,
        "type": kind,
        "subtype": [ours] if subtype is None else [subtype, ours],
        "action": code,
        "recorded": entry.at,
        "outcome": "4" if action == "decision.fell-back" else "0",
        "purposeOfEvent": [_purpose(entry.purpose)],
        "agent": _agents(entry, origin),
        "source": {
            "site": origin,
            "observer": {"identifier": {"system": "urn:bedrail:node", "value": entry.node}},
            "type": [{"system": _SOURCE, "code": "4", "display": "Application Server"}],
        },
        "entity": _entities(index, entry, origin),
    }
    return {name: _speakable(value) for name, value in made.items()}


def _speakable(value: Any) -> Any:
    """The same with a plain space for whatever no FHIR string may hold; people write reasons freely."""
    if isinstance(value, str):
        return _NO_STRING.sub(" ", value)
    if isinstance(value, list):
        return [_speakable(each) for each in value]
    return {name: _speakable(each) for name, each in value.items()} if isinstance(value, dict) else value


def _kind(action: str) -> _Kind:
    for begin, kind in KINDS.items():
        if action == begin or action.startswith((begin + ".", begin + "-")):
            return kind
    return _ACTIVITY, None, "E"


def _purpose(purpose: str) -> dict[str, Any]:
    coded = {"coding": [{"system": _REASON, "code": _PURPOSES.get(purpose, "HOPERAT")}]}
    return {**coded, "text": purpose} if purpose else coded


def _agents(entry: Entry, origin: str) -> list[dict[str, Any]]:
    """Client and server, and the person when one acted (BALP: two agents at least)."""
    actor = entry.actor
    person = actor.kind == "person"
    caller = "console" if person else actor.id
    agents = [
        _machine("110153", "Source Role ID", f"urn:bedrail:{actor.kind}", caller, requestor=not person),
        _machine("110152", "Destination Role ID", "urn:bedrail:ledger", origin, requestor=False),
    ]
    if person:
        agents.append(
            {
                "type": {"coding": [{"system": _PARTICIPATION, "code": "IRCP", "display": "information recipient"}]},
                "who": {"identifier": {"system": "urn:bedrail:person", "value": actor.id}},
                "name": actor.id,
                "requestor": True,
                "policy": [f"urn:bedrail:auth:{actor.auth}"],
                "purposeOfUse": [_purpose(entry.purpose)],
            }
        )
    return agents


def _machine(code: str, display: str, system: str, value: str, *, requestor: bool) -> dict[str, Any]:
    return {
        "type": {"coding": [{"system": _DCM, "code": code, "display": display}]},
        "who": {"identifier": {"system": system, "value": value}},
        "requestor": requestor,
        "network": {"address": f"{system}:{value}", "type": "5"},
    }


def _entities(index: int, entry: Entry, origin: str) -> list[dict[str, Any]]:
    fact = entry.fact
    entities: list[dict[str, Any]] = []
    if subject := getattr(fact, "subject", ""):
        entities.append(_entity(PSEUDONYM, subject, "1", "Person", "1", "Patient"))
    for name in _OBJECTS:
        value = getattr(fact, name, "")
        if isinstance(value, str) and value:
            entities.append(_entity(f"urn:bedrail:{name}", value, "2", "System Object", "4", "Domain Resource"))
    entities.append(_entity(f"urn:bedrail:ledger:{origin}", str(index), "2", "System Object", "4", "Domain Resource"))
    detail = [
        {"type": name, "valueString": str(value)}
        for name in ("use_case", "stage", "guard", "reason", "response", "kind", "count")
        if (value := getattr(fact, name, "")) not in ("", None)
    ]
    if detail:
        entities[-1]["detail"] = detail
    if entry.request:
        system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
        what = {"identifier": {"value": entry.request}}
        entities.append({"what": what, "type": {"system": system, "code": "XrequestId"}})
    return entities


def _entity(system: str, value: str, kind: str, kind_name: str, role: str, role_name: str) -> dict[str, Any]:
    return {
        "what": {"identifier": {"system": system, "value": value}},
        "type": {"system": _ENTITY, "code": kind, "display": kind_name},
        "role": {"system": _ROLE, "code": role, "display": role_name},
    }
