"""More places of a FHIR resource where an identifier can hide; see tests/property/test_deid_fhir_planted.py."""

# ruff: noqa: E501 (one place a line reads better)

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from made_up_people import Person

Resource = dict[str, Any]
Place = Callable[[Person, str, str], Resource]
"""(person, an identifier as a note tells it, one that the record knows, bare) -> a resource that hides them."""

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def packed(text: str, charset: str = "utf-8") -> str:
    """Base64."""
    return base64.b64encode(text.encode(charset)).decode()


def about(p: Person, kind: str, **more: Any) -> Resource:
    """A resource of the patient."""
    return {"resourceType": kind, "subject": {"reference": f"Patient/p{p.values['mrn']}"}, **more}


def in_entities(text: str) -> str:
    """Every other sign as a character reference, decimal and hexadecimal in turn."""
    return "".join((f"&#{ord(s)};", s, f"&#x{ord(s):x};", s)[at % 4] for at, s in enumerate(text))


def in_tags(text: str) -> str:
    """Cut into pieces by tags that do not end a line."""
    return "".join(f"<b>{text[at : at + 2]}</b><span>{text[at + 2 : at + 4]}</span>" for at in range(0, len(text), 4))


def narrated(p: Person, div: str) -> Resource:
    """An observation with this narrative."""
    return about(p, "Observation", status="final", text={"status": "additional", "div": f"<div {XHTML}>{div}</div>"})


PLACES: dict[str, Place] = {
    "narrative in entities": lambda p, told, bare: narrated(p, f"<p>{in_entities(told)}</p><p>{in_entities(bare)}</p>"),
    "narrative in pieces": lambda p, told, bare: narrated(p, f"<p>{in_tags(told)}</p><td>{in_tags(bare)}</td>"),
    "narrative in CDATA": lambda p, told, bare: narrated(p, f"<![CDATA[{told}]]><p><![CDATA[ {bare} ]]></p><?x {bare}?>"),
    "narrative in odd markup": lambda p, told, bare: narrated(
        p, f"<!DOCTYPE {bare}><![if {bare}]><!-- {told} --!><p id='{bare}' title=\"{told}\"><img alt='{bare}'/><textarea>{told}"
           f"</textarea><template>{bare}</template><style>{bare}</style><noscript>{told}</noscript></p><!-- {bare}"
    ),
    "narrative that is no markup": lambda p, told, bare: about(p, "Observation", text={"status": bare, "div": f"{told} < {bare}"}),
    "narrative of a section": lambda p, told, bare: about(
        p, "Composition", title=told, confidentiality="N", section=[{
            "title": bare, "code": {"text": told}, "text": {"status": "generated", "div": f"<div>{told}</div>"},
            "section": [{"title": told, "text": {"status": "generated", "div": f"<div><pre>{bare}</pre></div>"}}],
        }], attester=[{"mode": "legal", "party": {"display": bare}}],
    ),
    "identifiers": lambda p, told, bare: about(
        p, "Encounter", identifier=[{
            "use": "usual", "type": {"text": told, "coding": [{"code": "VN", "display": bare}]}, "system": f"urn:x:{bare}",
            "value": bare, "period": {"start": p.values["birth"]}, "assigner": {"display": bare, "reference": f"Organization/{bare}"},
        }, {"system": f"http://x/{bare}", "value": told, "assigner": {"identifier": {"value": bare, "assigner": {"display": told}}}}],
    ),
    "references": lambda p, told, bare: about(
        p, "Encounter", participant=[{"individual": {"display": bare, "type": "Practitioner", "identifier": {"value": told}}}],
        location=[{"location": {"reference": f"#{bare}", "display": told}}], account=[{"reference": f"urn:oid:1.2.{p.values['mrn']}"}],
        diagnosis=[{"condition": {"reference": f"https://{p.values['ip']}/fhir/Condition/{p.values['mrn']}/_history/{p.values['account']}"}}],
    ),
    "codes": lambda p, told, bare: {
        "resourceType": "Encounter", "status": bare, "language": bare, "class": {"system": "http://x", "code": bare, "display": told, "version": bare},
        "subject": {"reference": f"Patient/p{p.values['mrn']}", "type": bare}, "hospitalization": {"dischargeDisposition": {"text": told}},
        "meta": {"security": [{"code": bare, "display": told}], "lastUpdated": "2020-01-02T03:04:05Z"},
    },
    "told codes": lambda p, told, bare: about(p, "Observation", status=told, language=told, code={"coding": [{"code": told, "system": told, "version": told}]}),
    "quantities": lambda p, told, bare: about(
        p, "Observation", valueQuantity={"value": 1, "unit": told, "code": bare, "system": f"http://x/{bare}"},
        referenceRange=[{"text": told, "low": {"value": 2, "unit": bare}}],
        component=[{"valueRatio": {"numerator": {"unit": bare}}}, {"valueRange": {"high": {"unit": told}}},
                   {"valueSampledData": {"origin": {"value": 0, "unit": bare}, "period": 1, "dimensions": 1, "data": told}}],
    ),
    "numbers": lambda p, told, bare: about(p, "Observation", valueQuantity={"value": int(p.values["mrn"])}, component=[
        {"valueInteger": int(p.values["mrn"])}, {"valueQuantity": {"value": int(p.values["ssn"].replace("-", ""))}},
    ]),
    "dosage": lambda p, told, bare: about(
        p, "MedicationRequest", dosageInstruction=[{
            "text": told, "patientInstruction": bare, "additionalInstruction": [{"text": told}], "timing": {"code": {"text": bare}},
            "maxDosePerPeriod": {"numerator": {"unit": bare}},
        }], dispenseRequest={"performer": {"display": bare}}, groupIdentifier={"value": bare}, instantiatesUri=[f"http://x/{bare}"],
    ),
    "signature": lambda p, told, bare: about(
        p, "Provenance", recorded="2020-01-01T00:00:00Z", policy=[f"http://x/{bare}"], agent=[{"who": {"display": bare}, "onBehalfOf": {"display": told}}],
        signature=[{"who": {"display": bare}, "targetFormat": bare, "sigFormat": bare, "data": packed(told)}], reason=[{"text": told}],
    ),
    "extensions that stay": lambda p, told, bare: {
        "resourceType": "Patient", "id": f"p{p.values['mrn']}", "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": bare, "text": told, "line": [bare], "state": bare}},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-disability", "valueCodeableConcept": {"text": told, "coding": [{"display": bare, "code": bare}]}},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-genderIdentity", "valueString": bare, "id": bare},
            {"url": f"http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired?{bare}", "valueBoolean": True},
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": bare},
            {"url": "http://hl7.org/fhir/StructureDefinition/event-statusReason", "valueReference": {"display": told}},
            {"url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueString": told},
            {"url": "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare", "valueAttachment": {"title": told, "url": f"http://x/{bare}", "data": packed(told)}},
        ], "_birthDate": {"id": bare, "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": p.values["birth"] + "T10:11:12Z"}]},
        "gender": bare, "maritalStatus": {"text": told}, "communication": [{"language": {"text": bare}}], "multipleBirthInteger": int(p.values["mrn"]),
    },
    "patient's own text": lambda p, told, bare: {
        "resourceType": "Patient", "id": f"p{p.values['mrn']}", "fhir_comments": [told], "_gender": {"fhir_comments": [bare]}, "deceasedDateTime": p.values["birth"],
        "generalPractitioner": [{"display": bare}], "managingOrganization": {"display": bare},
        "name": [{"_family": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/humanname-own-name", "valueString": bare}]}}],
        "contact": [{"relationship": [{"text": told}], "name": {"text": bare}, "organization": {"display": told}}],
    },
    "names of keys": lambda p, told, bare: about(p, "Encounter", **{bare: told, f"_{bare}": {"extension": [{"url": "x", "valueString": bare}]}, "class": {bare: bare}}),
    "ids": lambda p, told, bare: {
        "resourceType": "List", "id": bare.replace(" ", "")[:60], "title": told, "note": [{"id": bare, "text": "x"}],
        "entry": [{"id": told, "item": {"reference": f"urn:uuid:{bare}"}}],
        "contained": [{"resourceType": "Bundle", "id": bare, "entry": [{"fullUrl": f"http://{bare}/x", "resource": {"resourceType": "Observation", "valueString": told}}]}],
    },
    "bundle in a bundle": lambda p, told, bare: {
        "resourceType": "Bundle", "type": "batch", "identifier": {"value": bare, "system": f"http://x/{bare}"}, "signature": {"who": {"display": bare}, "data": packed(told)},
        "entry": [{
            "fullUrl": f"http://x/{bare}", "request": {"method": "PUT", "url": f"Patient?name={bare}", "ifNoneExist": bare}, "search": {"mode": "match"},
            "response": {"status": told, "location": f"http://x/{bare}", "outcome": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x", "diagnostics": told, "location": [bare], "details": {"text": told}}]}},
            "resource": narrated(p, told),
        }],
    },
    "attachments elsewhere": lambda p, told, bare: about(
        p, "Consent", sourceAttachment={"contentType": "text/plain; charset=iso-8859-1", "data": packed(told, "iso-8859-1"), "title": f"{bare}.pdf"},
        policyRule={"text": told}, organization=[{"display": bare}], verification=[{"verified": True, "verifiedWith": {"display": bare}}],
    ),
    "attachment in UTF-16": lambda p, told, bare: about(
        p, "DiagnosticReport", conclusion=told, presentedForm=[
            {"contentType": "text/plain; charset=utf-16", "data": packed(f"{told} {bare}", "utf-16"), "title": told},
            {"contentType": "text/plain", "data": "\n".join(packed(f"{told}\n{bare}")[at : at + 16] for at in range(0, 400, 16))},
            {"contentType": "text/rtf", "data": packed(f"{{\\rtf1 {told}}}")}, {"data": packed(told)}, {"contentType": "message/rfc822", "data": packed(packed(told))},
            {"contentType": "text/xml", "data": packed(f"<ClinicalDocument>{told}</ClinicalDocument>")}, {"contentType": bare, "url": f"data:text/plain;base64,{packed(told)}"},
        ], media=[{"comment": told, "link": {"reference": f"Media/{bare}"}}],
    ),
    "Binary of other kinds": lambda p, told, bare: {"resourceType": "Binary", "id": bare.replace(" ", "")[:60], "contentType": f"image/png; name={bare}", "data": packed(told)},
    "imaging": lambda p, told, bare: about(
        p, "ImagingStudy", description=told, note=[{"text": bare}], endpoint=[{"display": bare}],
        series=[{"uid": f"1.2.826.{p.values['mrn']}", "description": told, "performer": [{"actor": {"display": bare}}], "instance": [{"uid": f"1.2.840.{p.values['mrn']}", "title": told}]}],
    ),
    "claim": lambda p, told, bare: {
        "resourceType": "Claim", "patient": {"reference": f"Patient/p{p.values['mrn']}"}, "accident": {"date": p.values["birth"], "locationAddress": {"text": told, "city": bare}},
        "insurance": [{"preAuthRef": [p.values["plan"]], "businessArrangement": told, "coverage": {"display": bare, "identifier": {"value": p.values["plan"]}}}],
        "item": [{"programCode": [{"text": told}], "locationAddress": {"line": [bare]}, "udi": [{"display": p.values["device"]}]}], "payee": {"party": {"display": bare}},
        "supportingInfo": [{"valueString": told}, {"valueAttachment": {"title": bare, "data": packed(told)}}],
    },
    "specimen": lambda p, told, bare: about(p, "Specimen", accessionIdentifier={"value": p.values["unique"]}, container=[{"identifier": [{"value": p.values["unique"]}], "description": told}], collection={"collector": {"display": bare}}, note=[{"text": told}]),
    "task": lambda p, told, bare: {
        "resourceType": "Task", "for": {"reference": f"Patient/p{p.values['mrn']}", "display": bare}, "description": told, "owner": {"display": bare}, "note": [{"text": told}],
        "input": [{"type": {"text": bare}, "valueString": told}, {"valueUrl": p.values["url"]}, {"valueContactPoint": {"value": p.values["phone"]}}, {"valueHumanName": {"text": bare}}],
        "output": [{"type": {"text": "x"}, "valueMarkdown": told}, {"valueIdentifier": {"value": bare}}, {"valueBase64Binary": packed(told)}, {"valueId": bare}, {"valueOid": f"urn:oid:1.2.{p.values['mrn']}"}],
    },
    "appointment": lambda p, told, bare: {
        "resourceType": "Appointment", "description": told, "comment": bare, "patientInstruction": told, "participant": [
            {"actor": {"reference": f"Patient/p{p.values['mrn']}", "display": bare}, "type": [{"text": told}]}, {"actor": {"display": told}}],
        "start": p.values["birth"] + "T10:00:00Z", "reasonCode": [{"text": told}], "serviceType": [{"text": bare}],
    },
    "family": lambda p, told, bare: {
        "resourceType": "FamilyMemberHistory", "patient": {"reference": f"Patient/p{p.values['mrn']}"}, "name": bare, "bornDate": p.values["birth"],
        "relationship": {"text": told}, "note": [{"text": told}], "condition": [{"code": {"text": told}, "onsetString": told, "note": [{"text": bare}]}],
    },
    "old age": lambda p, told, bare: about(
        p, "Condition", onsetString=p.told["age"], abatementAge={"value": 97, "unit": "a"}, note=[{"text": p.told["age"]}], recorder={"display": bare},
        evidence=[{"code": [{"text": told}], "detail": [{"display": bare}]}], stage=[{"summary": {"text": told}}], bodySite=[{"text": bare}],
    ),
    "group": lambda p, told, bare: {
        "resourceType": "Group", "type": "person", "actual": True, "name": bare, "code": {"text": told}, "identifier": [{"value": p.values["account"]}],
        "member": [{"entity": {"reference": f"Patient/p{p.values['mrn']}", "display": bare}}], "characteristic": [{"code": {"text": told}, "valueReference": {"display": bare}, "exclude": False}],
    },
    "definition": lambda p, told, bare: {
        "resourceType": "Questionnaire", "url": f"http://x/{bare}", "name": bare, "title": told, "publisher": bare, "contact": [{"name": bare, "telecom": [{"value": p.values["email"]}]}],
        "description": told, "copyright": bare, "item": [{"linkId": bare, "text": told, "prefix": bare, "initial": [{"valueString": told}], "answerOption": [{"valueString": bare}]}],
    },
    "people": lambda p, told, bare: {
        "resourceType": "Practitioner", "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": p.values["license"]}], "name": [{"text": bare, "suffix": [told]}],
        "qualification": [{"identifier": [{"value": p.values["license"]}], "code": {"text": told}, "issuer": {"display": bare}}], "photo": [{"title": p.values["photo"], "url": p.values["url"]}],
        "address": [{"postalCode": p.values["zip"], "line": [p.values["street"]]}], "birthDate": p.values["birth"],
    },
}  # fmt: skip
