"""Identifiers planted in every place of a FHIR Bundle where they can hide: none is left."""

# ruff: noqa: E501 (one place a line reads better)

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy.fhir import Deidentifier, read_profile
from bedrail.privacy.fhir.reading import read, written
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.wording import Wording
from fhir_places import PLACES as MORE
from made_up_people import Person, leaks, person

KEYED = Keyed(HmacDigest(b"a key for planted identifiers..."))
Resource = dict[str, Any]


@cache
def deidentifier() -> Deidentifier:
    """One for all examples, as in a long run."""
    words = Wording(KEYED, TextRules(method="mask", profile="safe-harbor", newest_year=2026), "rules")
    return Deidentifier(read_profile("safe-harbor"), KEYED, this_year=2026, words=words)


def packed(text: str) -> str:
    """Base64."""
    return base64.b64encode(text.encode()).decode()


def record(p: Person) -> Resource:
    """The patient's own resource, every identifier in its proper place."""
    v = p.values
    mr = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    return {
        "resourceType": "Patient", "id": f"p{v['mrn']}", "birthDate": v["birth"], "gender": "other",
        "identifier": [
            {"type": mr, "system": v["url"], "value": v["mrn"]},
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": v["ssn"]},
        ],
        "name": [{"family": v["family"], "given": [v["given"]], "text": f"{v['given']} {v['family']}"}],
        "telecom": [
            {"system": "phone", "value": v["phone"]}, {"system": "email", "value": v["email"]},
            {"system": "fax", "value": v["fax"]}, {"system": "url", "value": v["url"]},
        ],
        "address": [{"line": [v["street"]], "text": v["street"], "city": v["street"], "state": "MI", "country": "US"}],
        "photo": [{"contentType": "image/jpeg", "data": packed(v["family"]), "title": f"{v['family']}.jpg"}],
        "contact": [{"name": {"family": v["family"]}, "telecom": [{"system": "phone", "value": v["phone"]}]}],
        "link": [{"other": {"reference": f"Patient/{v['mrn']}", "display": v["family"]}, "type": "seealso"}],
    }  # fmt: skip


def about(p: Person, kind: str, **more: Any) -> Resource:
    """Another resource of the same patient."""
    return {"resourceType": kind, "subject": {"reference": f"Patient/p{p.values['mrn']}"}, **more}


Place = Callable[[Person, str, str], Resource]
"""(person, an identifier as a note tells it, one that the record knows, bare) -> a resource that hides them."""

PLACES: dict[str, Place] = {
    "narrative": lambda p, told, bare: about(
        p, "Observation", status="final", code={"text": "x"},
        text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p title="{bare}"><b>{told}</b>'
              f'</p><table><tr><td>{bare}</td></tr></table><!-- {bare} --><a href="http://x/{bare}">x</a></div>'},
    ),
    "note": lambda p, told, bare: about(p, "Observation", note=[{"text": told, "authorString": bare}, {"text": bare}]),
    "string value": lambda p, told, bare: about(p, "Observation", valueString=told, component=[{"valueString": bare}]),
    "display": lambda p, told, bare: about(
        p, "Condition", code={"text": told, "coding": [{"system": "http://loinc.org", "code": "1", "display": bare}]}
    ),
    "code": lambda p, told, bare: about(p, "Condition", code={"coding": [{"system": "http://x.example.org/l", "code": bare}]}),
    "extension": lambda p, told, bare: about(
        p, "Encounter", extension=[
            {"url": "http://x.example.org/e", "valueString": told},
            {"url": "http://x.example.org/f", "extension": [{"url": bare, "valueAddress": {"line": [told], "city": bare}}]},
        ], modifierExtension=[{"url": "http://x.example.org/m", "valueHumanName": {"family": bare}}],
    ),
    "extension of a primitive": lambda p, told, bare: about(
        p, "Encounter", status="planned", _status={"id": "x", "extension": [{"url": "http://x.example.org/e", "valueCode": bare}]}
    ),
    "extension inside one that stays": lambda p, told, bare: {
        "resourceType": "Patient", "id": f"p{p.values['mrn']}", "extension": [{
            "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
            "extension": [{"url": "text", "valueString": told}, {"url": bare, "valueString": bare}],
        }],
    },
    "unknown element": lambda p, told, bare: about(p, "Encounter", nickname=bare, secret={"x": [told, {"y": bare}]}),
    "contained": lambda p, told, bare: about(
        p, "Encounter", contained=[
            {"resourceType": "Organization", "id": bare.replace(" ", "")[:60], "name": bare, "alias": [told]},
            {"resourceType": "Patient", "id": "c", "name": [{"text": bare}], "nick": bare},
        ],
    ),
    "plain attachment": lambda p, told, bare: about(
        p, "DocumentReference", status="current", description=told, content=[{"attachment": {
            "contentType": "text/plain", "data": packed(f"Note.\n{told}\n{bare}"), "title": bare, "url": f"http://x/{bare}",
            "hash": packed(bare),
        }}],
    ),
    "html attachment": lambda p, told, bare: about(
        p, "DocumentReference", content=[{"attachment": {
            "contentType": f"text/html; name={bare}", "data": packed(f'<p id="{bare}">{told}</p><img alt="{bare}">'),
        }}],
    ),
    "other attachments": lambda p, told, bare: about(
        p, "Media", content={"contentType": "application/pdf", "data": packed(told), "title": told}
    ),
    "resource in an attachment": lambda p, told, bare: about(
        p, "DocumentReference", content=[{"attachment": {
            "contentType": "application/fhir+json",
            "data": packed(json.dumps({"resourceType": "Patient", "name": [{"family": bare}], "x": told})),
        }}],
    ),
    "Binary": lambda p, told, bare: {
        "resourceType": "Binary", "contentType": "text/plain", "data": packed(f"{told} {bare}"),
        "securityContext": {"reference": f"Patient/p{p.values['mrn']}", "display": bare},
    },
    "reference": lambda p, told, bare: about(
        p, "Encounter", serviceProvider={"display": bare, "identifier": {"value": bare, "system": f"http://x/{bare}"}},
        partOf={"reference": f"http://h.example.org/{bare}/Encounter/{p.values['mrn']}"},
        episodeOfCare=[{"reference": f"EpisodeOfCare?identifier=x|{p.values['mrn']}&name={bare}"}],
    ),
    "meta": lambda p, told, bare: about(
        p, "Encounter", meta={"source": f"http://x/{bare}", "tag": [{"display": told}], "profile": [f"http://x/{bare}"],
                              "versionId": p.values["mrn"]}, implicitRules=f"http://x/{bare}",
    ),
    "device": lambda p, told, bare: {
        "resourceType": "Device", "patient": {"reference": f"Patient/p{p.values['mrn']}"}, "serialNumber": p.values["device"],
        "udiCarrier": [{"carrierHRF": p.values["device"]}], "distinctIdentifier": p.values["device"], "lotNumber": bare,
        "note": [{"text": told}], "url": p.values["url"], "deviceName": [{"name": bare, "type": "other"}],
    },
    "audit": lambda p, told, bare: {
        "resourceType": "AuditEvent", "recorded": "2020-01-02T03:04:05Z", "outcomeDesc": told,
        "agent": [{"requestor": True, "name": bare, "altId": bare, "network": {"address": p.values["ip"], "type": "2"}}],
        "source": {"observer": {"display": bare}, "site": bare},
        "entity": [{"name": bare, "description": told, "query": packed(bare), "detail": [{"type": "x", "valueString": bare}]}],
    },
    "coverage": lambda p, told, bare: {
        "resourceType": "Coverage", "status": "active", "beneficiary": {"reference": f"Patient/p{p.values['mrn']}"},
        "subscriberId": p.values["plan"], "dependent": p.values["account"], "network": bare,
        "class": [{"type": {"text": "group"}, "value": p.values["account"], "name": bare}],
    },
    "questionnaire": lambda p, told, bare: about(
        p, "QuestionnaireResponse", status="completed", item=[{"linkId": "1", "text": told, "answer": [
            {"valueString": bare}, {"valueUri": p.values["url"]}, {"valueDate": p.values["birth"]},
        ], "item": [{"linkId": "1.1", "answer": [{"valueString": told}]}]}],
    ),
    "relative": lambda p, told, bare: {
        "resourceType": "RelatedPerson", "patient": {"reference": f"Patient/p{p.values['mrn']}"},
        "name": [{"text": bare}], "telecom": [{"value": p.values["phone"]}], "birthDate": p.values["birth"],
        "address": [{"text": told, "line": [bare]}],
    },
    "message": lambda p, told, bare: about(
        p, "Communication", status="completed", payload=[{"contentString": told}, {"contentString": bare}],
        statusReason={"text": told},
    ),
    "place": lambda p, told, bare: {
        "resourceType": "Location", "name": bare, "description": told, "alias": [bare],
        "telecom": [{"value": p.values["phone"]}], "position": {"longitude": -83.7, "latitude": 42.2},
        "address": {"line": [bare], "city": p.values["street"]},
    },
    "endpoint": lambda p, told, bare: {
        "resourceType": "Endpoint", "status": "active", "name": bare, "address": f"http://{p.values['ip']}/{p.values['mrn']}",
        "header": [f"X-Patient: {bare}"], "contact": [{"value": p.values["email"]}],
    },
    "parameters": lambda p, told, bare: {
        "resourceType": "Parameters", "parameter": [
            {"name": "x", "valueString": told}, {"name": "y", "resource": {"resourceType": "Patient", "name": [{"text": bare}]}},
        ],
    },
    **MORE,
}  # fmt: skip


def bundle(seed: int) -> tuple[Resource, Person]:
    """A Bundle with some places, each hiding some identifiers; links and addresses hide some too."""
    p, r = person(seed), random.Random(seed)
    entries = [
        {"fullUrl": f"https://{p.values['family']}.example.org/Patient/p{p.values['mrn']}", "resource": record(p)}
    ]
    for name in r.sample(sorted(PLACES), 4):
        told, bare = r.choice(sorted(p.told)), r.choice(sorted(p.bare))
        made = PLACES[name](p, p.told[told], p.values[bare])
        entries.append({"fullUrl": f"urn:uuid:{p.values['mrn']}", "resource": made})
    return {
        "resourceType": "Bundle", "type": "searchset", "entry": entries,
        "link": [{"relation": "self", "url": f"https://x.example.org/Patient?name={p.values['family']}"}],
        "identifier": {"value": p.values["mrn"]},
    }, p  # fmt: skip


def strings(value: Any) -> list[str]:
    """Every key and string inside, and what base64 strings hold."""
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in (key, *strings(each))]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    if not isinstance(value, str):
        return [str(value)]
    try:
        return [value, base64.b64decode(value, validate=True).decode()]
    except ValueError:
        return [value]


def left_in(seed: int) -> list[str]:
    """What can still be read of the person of a seed; the Bundle goes through bytes, as a file does."""
    given_bundle, planted = bundle(seed)
    made = deidentifier().resource(read(written(given_bundle)))
    return leaks("\n".join(strings(made)), planted)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_no_planted_identifier_is_left(seed: int) -> None:
    """Of twenty-one kinds, in four places of some sixty at a time: 300 resources."""
    assert left_in(seed) == []


@pytest.mark.slow
def test_no_planted_identifier_is_left_in_thousands_of_records() -> None:
    """The same over 1,000 Bundles of five resources; bench/soak_planted.py does 10,000 and more."""
    assert {seed: found for seed in range(1_000) if (found := left_in(seed))} == {}


def test_the_search_would_find_what_is_left() -> None:
    """Every kind is found in the Bundle before it is de-identified."""
    given_bundle, planted = bundle(7)
    assert {"family", "given", "mrn", "ssn", "phone", "fax", "email", "url"} <= set(
        leaks("\n".join(strings(given_bundle)), planted)
    )
