"""FHIR de-identification: rules, methods, references, dates, text, extensions."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from bedrail.core.errors import Invalid
from bedrail.keys.pseudonyms import HmacDigest, TextHash
from bedrail.privacy.fhir import Configuration, Deidentifier, deidentify, read_configuration, read_profile
from bedrail.privacy.fhir.configuration import configuration
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.wording import Wording

KEYED = Keyed(HmacDigest(b"a key for tests of FHIR, 32 byte"))
SAMPLE = Path(__file__).parents[1] / "data" / "fhir" / "microsoft_r4_sample.json"


def rules(*listed: dict[str, Any], **parameters: Any) -> Configuration:
    """A configuration of these rules."""
    return configuration({"fhirPathRules": list(listed), "parameters": parameters})


def under(configured: Configuration, resource: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A resource under a configuration, without its labels."""
    made = Deidentifier(configured, KEYED, this_year=2026, **given).resource(resource)
    made.get("meta", {}).pop("security", None)
    if made.get("meta") == {}:
        del made["meta"]
    return made


def rule(path: str, method: str, **more: Any) -> dict[str, Any]:
    """One rule."""
    return {"path": path, "method": method, **more}


PATIENT = {
    "resourceType": "Patient", "id": "p1", "birthDate": "1960-04-05", "gender": "female",
    "name": [{"use": "official", "family": "Testerin", "given": ["Maria", "Eva"]}],
    "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}, {"system": "email", "value": "m@example.org"}],
    "address": [{"line": ["1 Main St"], "city": "Ann Arbor", "state": "MI", "postalCode": "48103", "country": "US"}],
}  # fmt: skip


def test_the_first_rule_in_the_list_decides_also_for_what_stands_inside() -> None:
    """A rule for a part that comes earlier wins over one for the whole; one that comes later does not."""
    early = rules(rule("nodesByType('HumanName').use", "keep"), rule("nodesByType('HumanName')", "redact"))
    late = rules(rule("nodesByType('HumanName')", "redact"), rule("nodesByType('HumanName').use", "keep"))
    assert under(early, PATIENT)["name"] == [{"use": "official"}]
    assert "name" not in under(late, PATIENT)


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("Patient.telecom.where(use='home')", ["555-0100"]),
        ("Patient.telecom.where(system = 'email').value", ["m@example.org"]),
        ("nodesByType('ContactPoint').where(use = 'home' and system = 'phone')", ["555-0100"]),
        ("nodesByName('given')", ["Maria", "Eva"]),
        ("Patient.name.given | Patient.name.family", ["Maria", "Eva", "Testerin"]),
        ("Patient.descendants().city", ["Ann Arbor"]),
        ("Patient.address.*", ["Ann Arbor", "1 Main St", "48103"]),
        ("Resource.birthDate", ["1960-04-05"]),
        ("DomainResource.id", ["p1"]),
        ("(Patient.name | Patient.contact.name).family", ["Testerin"]),
        ("name.family", ["Testerin"]),
    ],
)
def test_paths_reach_what_they_name_and_nothing_else(path: str, gone: list[str]) -> None:
    """Each form of path takes away exactly the values it means."""
    left = json.dumps(under(rules(rule(path, "redact")), PATIENT))
    every = [
        "555-0100",
        "m@example.org",
        "Maria",
        "Eva",
        "Testerin",
        "Ann Arbor",
        "1 Main St",
        "48103",
        "1960-04-05",
        "p1",
    ]
    assert [value for value in every if value not in left] == [value for value in every if value in gone]


def test_choices_of_types_are_named_with_and_without_their_type() -> None:
    """`value`, `value as Quantity`, `ofType(Quantity)` and `valueQuantity` all reach a quantity; another type stays."""
    observation = {"resourceType": "Observation", "status": "final", "valueQuantity": {"value": 7, "unit": "mg"}}
    other = {"resourceType": "Observation", "status": "final", "valueString": "seven"}
    for path in ("Observation.value", "Observation.value as Quantity", "Observation.value.ofType(Quantity)"):
        assert "valueQuantity" not in under(rules(rule(path, "redact")), observation)
    assert under(rules(rule("Observation.value as Quantity", "redact")), other) == other
    assert "valueString" not in under(rules(rule("Observation.value", "redact")), other)


def test_elements_and_extensions_that_nobody_spoke_of_are_dropped() -> None:
    """An element that R4 does not have goes, and so does an extension without a rule; known elements stay."""
    resource = {
        "resourceType": "Patient", "gender": "female", "nickname": "Mitzi",
        "extension": [{"url": "http://x.example.org/secret", "valueString": "Mitzi"}],
        "_gender": {"extension": [{"url": "http://x.example.org/secret", "valueString": "Mitzi"}]},
    }  # fmt: skip
    left = under(rules(rule("Patient.name", "redact")), resource)
    assert left == {"resourceType": "Patient", "gender": "female"}


def test_lists_of_primitives_keep_step_with_their_extensions() -> None:
    """When one given name goes, the extension of the other still stands beside it."""
    named = {
        "resourceType": "Patient",
        "name": [
            {
                "given": ["Ann", None, "Eve"],
                "_given": [None, {"extension": [{"url": "http://hl7.org/x", "valueCode": "masked"}]}, None],
            }
        ],
    }
    configured = rules(
        rule("nodesByType('Extension')", "keep"),
        rule("nodesByName('given')", "generalize", cases={"$this = 'Eve'": "'E'"}),
    )
    assert under(configured, named)["name"] == [
        {
            "given": [None, "E"],
            "_given": [{"extension": [{"url": "http://hl7.org/x", "valueCode": "masked"}]}, None],
        }
    ]


def test_dates_keep_their_year_unless_it_tells_an_old_age() -> None:
    """Partial redaction leaves years; ninety years back nothing is left; an instant stays an instant."""
    configured = rules(
        rule("nodesByType('date') | nodesByType('dateTime') | nodesByType('instant')", "redact"),
        enablePartialDatesForRedact=True,
    )
    resource = {
        "resourceType": "Patient", "birthDate": "1937-02-03", "deceasedDateTime": "2015-02-07T13:28:17-05:00",
        "meta": {"lastUpdated": "2019-10-02T08:47:25.123+08:00"},
    }  # fmt: skip
    made = under(configured, resource)
    assert (made["birthDate"], made["deceasedDateTime"]) == ("1937", "2015")
    assert made["meta"]["lastUpdated"] == "2019-01-01T00:00:00+08:00"
    assert "birthDate" not in under(configured, {**resource, "birthDate": "1936-12-31"})


def test_a_fixed_shift_moves_days_keeps_zones_and_zeroes_the_time() -> None:
    """As the configurations of the other tool mean it."""
    configured = rules(rule("nodesByType('dateTime')", "dateShift"), dateShiftFixedOffsetInDays=-3)
    made = under(configured, {"resourceType": "Patient", "deceasedDateTime": "2015-03-02T13:28:17.12-05:00"})
    assert made["deceasedDateTime"] == "2015-02-27T00:00:00.00-05:00"


def test_codes_follow_the_configured_key_and_references_follow_ids() -> None:
    """HMAC-SHA-256 under cryptoHashKey as the other tool computes it, in ids and in the id part of references."""
    configured = rules(
        rule("Resource.id", "cryptoHash"), rule("nodesByType('Reference').reference", "cryptoHash"), cryptoHashKey="123"
    )
    code = "8f16771f9f8851b26f4d460fa17de93e2711c7e51337cb8a608a0f81e1c1b6ae"
    made = under(
        configured,
        {"resourceType": "Encounter", "id": "abc", "status": "planned", "subject": {"reference": "Patient/abc"}},
        hashed=TextHash("123"),
    )
    assert made["id"] == code
    assert made["subject"]["reference"] == f"Patient/{code}"


def test_perturbation_stays_in_its_span_and_has_the_places_asked_for() -> None:
    """Proportional noise of at most a tenth either way, rounded; the unit stays."""
    configured = rules(rule("Observation.value as Quantity", "perturb", span=0.2, rangeType="proportional", roundTo=1))
    for at in range(40):
        resource = {"resourceType": "Observation", "id": str(at), "valueQuantity": {"value": 100, "unit": "mg"}}
        made = under(configured, resource)["valueQuantity"]
        assert 90 <= made["value"] <= 110
        assert made["value"] == round(made["value"], 1)
        assert made["unit"] == "mg"


@pytest.mark.parametrize(
    ("cases", "given", "left"),
    [
        ({"$this in ('en-AU' | 'en-CA')": "'en'"}, "en-CA", "en"),
        ({"$this.startsWith('123') or $this.startsWith('234')": "$this.substring(0,2)+'****'"}, "12345", "12****"),
        ({"$this.replaceMatches('^(?<a>..).*$', '${a}') = 'en'": "'x'"}, "en-GB", "x"),
        ({"$this.length() > 9": "'long'"}, "short", None),
    ],
)
def test_generalisation_maps_by_its_first_true_case(cases: dict[str, str], given: str, left: str | None) -> None:
    """Conditions and results are FHIRPath; what no case fits is redacted."""
    configured = rules(rule("Patient.address.city", "generalize", cases=cases))
    made = under(configured, {"resourceType": "Patient", "address": [{"city": given}], "gender": "male"})
    assert made.get("address", [{}])[0].get("city") == left


def test_numbers_and_dates_generalise_too() -> None:
    """Ranges of numbers, division to tens, and dates compared at the precision of the condition."""
    quantity = {"resourceType": "Observation", "valueQuantity": {"value": 27}}
    tens = rules(rule("Observation.value.value", "generalize", cases={"$this >= 20": "($this div 10)*10"}))
    assert under(tens, quantity)["valueQuantity"]["value"] == 20
    dated = rules(
        rule("Patient.birthDate", "generalize", cases={"$this >= @1990-01-01 and $this <= @2000-01-01": "@1990"})
    )
    assert under(dated, {"resourceType": "Patient", "birthDate": "1995-06-07"})["birthDate"] == "1990"


def test_substitution_keeps_what_earlier_rules_said() -> None:
    """A fixed address takes the place of the real one, with the state that an earlier rule keeps."""
    configured = rules(
        rule("nodesByType('Address').state", "keep"),
        rule("nodesByType('Address')", "substitute", replaceWith={"city": "Example"}),
    )
    assert under(configured, PATIENT)["address"] == [{"city": "Example", "state": "MI"}]


def test_the_sample_configuration_of_the_other_tool_runs_unchanged() -> None:
    """All 193 rules are read, and its Safe Harbor sample leaves no planted value of a patient."""
    configured = read_configuration(SAMPLE.read_text())
    assert len(configured.rules) == 193
    left = json.dumps(Deidentifier(configured, KEYED, this_year=2026).resource(PATIENT))
    for value in (
        "Testerin",
        "Maria",
        "555-0100",
        "m@example.org",
        "1 Main St",
        "Ann Arbor",
        "48103",
        "1960-04-05",
        '"p1"',
    ):
        assert value not in left
    assert '"postalCode": "48100"' in left
    assert '"state": "MI"' in left
    assert '"code": "CRYTOHASH"' in left


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"fhirPathRules": [{"path": "Patient.name", "method": "encrypt"}]}, "fhirPathRules[0]"),
        ({"fhirPathRules": [{"path": "Patient.name", "method": "shred"}]}, "fhirPathRules[0]"),
        ({"fhirPathRules": [{"path": "Patient.name.where(", "method": "redact"}]}, "fhirPathRules[0] Patient.name"),
        ({"fhirPathRules": [{"path": "Pateint.name", "method": "redact"}]}, "fhirPathRules[0] Pateint.name"),
        ({"fhirPathRules": []}, "fhirPathRules"),
        ({"fhirVersion": "Stu3", "fhirPathRules": [{"path": "Patient", "method": "keep"}]}, "fhirVersion"),
        (
            {"fhirPathRules": [{"path": "Patient", "method": "keep"}], "parameters": {"dateShiftKeyy": ""}},
            "parameters.dateShiftKeyy",
        ),
        ({"fhirPathRules": [{"path": "Patient.name", "method": "perturb", "span": -1}]}, "fhirPathRules[0] span"),
    ],
)
def test_a_configuration_that_cannot_be_followed_is_refused_with_the_place(changed: dict[str, Any], where: str) -> None:
    """Before any record is read, with a remedy."""
    with pytest.raises(Invalid) as caught:
        configuration(changed)
    assert caught.value.path.startswith(where)
    assert caught.value.remedy


def words() -> Wording:
    """The text engine by rules."""
    return Wording(KEYED, TextRules(method="mask", profile="safe-harbor", newest_year=2026), "rules")


def safe(resource: dict[str, Any], **chosen: str) -> dict[str, Any]:
    """A resource under the Safe Harbor profile."""
    return under(read_profile("safe-harbor", **chosen), resource, words=words())


def test_safe_harbor_leaves_state_zip3_year_and_codes() -> None:
    """What 45 CFR 164.514(b)(2) lets stand, stands; names, numbers and streets do not."""
    made = safe(PATIENT)
    assert made == {
        "resourceType": "Patient",
        "id": KEYED.pseudonym("subject", "p1"),
        "birthDate": "1960",
        "gender": "female",
        "address": [{"state": "MI", "postalCode": "481", "country": "US"}],
    }


def test_race_and_birth_sex_stay_and_unknown_extensions_inside_them_go() -> None:
    """Of the US Core extensions only the parts that the profile names."""
    base = "http://hl7.org/fhir/us/core/StructureDefinition/"
    category = {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}}
    resource = {
        "resourceType": "Patient",
        "extension": [
            {"url": base + "us-core-race", "extension": [category, {"url": "x", "valueInteger": 123456789}]},
            {"url": base + "us-core-birthsex", "valueCode": "F"},
            {"url": "http://x.example.org/mother", "valueString": "Testerin"},
            {"url": base + "us-core-ethnicity", "extension": [{"url": "x", "valueInteger": 1}]},
        ],
    }
    assert safe(resource)["extension"] == [
        {"url": base + "us-core-race", "extension": [category]},
        {"url": base + "us-core-birthsex", "valueCode": "F"},
    ]


def test_text_is_cleaned_wherever_it_hides_with_what_the_record_knows() -> None:
    """Narrative, note, valueString, attached text and HTML of a Bundle: the patient's own name and number go."""
    note = "Frau Testerin (MRN 9988776) was seen. Potassium 4.1."
    packed = base64.b64encode(note.encode()).decode()
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"resource": {**PATIENT, "identifier": [{"system": "http://x.example.org", "value": "9988776"}]}},
            {
                "resource": {
                    "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p1"},
                    "text": {
                        "status": "generated",
                        "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p title="Testerin">{note}</p>'
                        "<!-- Testerin --></div>",
                    },
                    "code": {"text": note}, "valueString": note, "note": [{"text": note}],
                }
            },
            {
                "resource": {
                    "resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/p1"},
                    "content": [
                        {"attachment": {"contentType": "text/plain", "data": packed, "title": "Testerin.txt"}},
                        {"attachment": {"contentType": "text/html; name=Testerin", "data": packed}},
                        {"attachment": {"contentType": "application/pdf", "data": packed, "hash": packed}},
                    ],
                }
            },
        ],
    }  # fmt: skip
    made = deidentify(bundle, KEYED, this_year=2026, words=words())
    inside = [
        base64.b64decode(each["attachment"]["data"]).decode()
        for each in made["entry"][2]["resource"]["content"]
        if "data" in each["attachment"]
    ]
    everything = json.dumps(made) + "".join(inside)
    assert len(inside) == 2
    assert "Testerin" not in everything
    assert "9988776" not in everything
    assert everything.count("Potassium 4.1") == 6
    pdf = made["entry"][2]["resource"]["content"][2]["attachment"]
    assert pdf["_data"]["extension"][0]["valueCode"] == "masked"
    assert pdf["contentType"] == "application/pdf"


def test_a_kept_code_that_is_the_patients_own_number_goes() -> None:
    """What is kept is looked through for values that the record knows of its patient."""
    bundle = {
        "resourceType": "Bundle", "type": "collection",
        "entry": [
            {"resource": {**PATIENT, "identifier": [{"value": "A12345678"}]}},
            {"resource": {
                "resourceType": "Condition", "subject": {"reference": "Patient/p1"},
                "code": {"coding": [{"system": "http://loinc.org", "code": "A12345678"}]},
            }},
        ],
    }  # fmt: skip
    assert "A12345678" not in json.dumps(deidentify(bundle, KEYED, this_year=2026))


def test_one_patient_has_one_code_and_one_offset_by_id_urn_and_url() -> None:
    """References of every form meet again after de-identification, and intervals between resources stay."""
    uid = "0f3c2a10-7a5b-4c7e-9d3e-2b1a90c4d5e6"
    seen = [
        ("urn:uuid:" + uid, "2020-02-27"),
        (f"Patient/{uid}", "2020-03-02"),
        (f"http://h.example.org/f/Patient/{uid}", "2020-03-03"),
    ]
    resources = [{"resourceType": "Patient", "id": uid, "birthDate": "1980-01-01"}] + [
        {"resourceType": "Encounter", "status": "finished", "subject": {"reference": ref}, "period": {"start": day}}
        for ref, day in seen
    ]
    configured = read_profile("limited-data-set")
    made = deidentify(resources, KEYED, this_year=2026, profile=configured)
    code = KEYED.pseudonym("subject", uid)
    assert made[0]["id"] == code
    assert [each["subject"]["reference"].replace("-", "")[-32:] for each in made[1:]] == [code] * 3
    from datetime import date

    days = [date.fromisoformat(each["period"]["start"]) for each in made[1:]]
    moved = KEYED.shift_days(uid)
    assert [(day - date.fromisoformat(was)).days for day, (_, was) in zip(days, seen, strict=True)] == [moved] * 3
    assert "h.example.org" not in json.dumps(made)


def test_by_mrn_codes_and_offsets_agree_with_the_other_media() -> None:
    """With subject_by mrn, the offset is that of the record number, as HL7 v2, DICOM and tables have it."""
    mr = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    resources = [
        {"resourceType": "Patient", "id": "p", "identifier": [{"type": mr, "value": "M-77"}], "birthDate": "1980-06-15"}
    ]
    made = deidentify(resources, KEYED, this_year=2026, profile="limited-data-set", subject_by="mrn")
    from datetime import date

    assert made[0]["identifier"][0]["value"] == KEYED.pseudonym("subject", "M-77")
    moved = (date.fromisoformat(made[0]["birthDate"]) - date(1980, 6, 15)).days
    assert moved == KEYED.shift_days("M-77")


def test_ages_over_89_become_one_category() -> None:
    """An Age and a quantity in years; days are days."""

    def aged(value: int, code: str) -> dict[str, Any]:
        return {"value": value, "unit": code, "system": "http://terminology.hl7.org/ucum", "code": code}

    made = safe({"resourceType": "Condition", "onsetAge": aged(94, "a"), "abatementAge": aged(89, "a")})
    assert (made["onsetAge"]["value"], made["onsetAge"]["comparator"]) == (90, ">=")
    assert made["abatementAge"]["value"] == 89
    assert safe({"resourceType": "Condition", "onsetAge": aged(94, "d")})["onsetAge"]["value"] == 94


@pytest.mark.parametrize(
    "resource",
    [
        [], "x", {"resourceType": 3}, {"resourceType": "Patience"}, {"id": "x"},
        {"resourceType": "Patient", "name": "John Secret"}, {"resourceType": "Patient", "birthDate": {"x": "Secret"}},
        {"resourceType": "Patient", "active": "Secret"}, {"resourceType": "Patient", "contained": ["Secret"]},
        {"resourceType": "Observation", "valueInteger": "Secret"}, {"resourceType": "Patient", "name": [["Secret"]]},
    ],
)  # fmt: skip
def test_what_is_no_r4_is_refused_with_the_place_and_without_content(resource: Any) -> None:
    """Wrong types and unknown resources end in an error that says where, and never what."""
    with pytest.raises(Invalid) as caught:
        safe(resource)
    assert "Secret" not in str(caught.value)
    assert caught.value.path
    assert caught.value.remedy


def test_the_input_is_not_changed() -> None:
    """De-identification writes a new resource."""
    before = json.dumps(PATIENT)
    safe(PATIENT)
    assert json.dumps(PATIENT) == before


def test_codes_units_places_and_samples_stay_when_they_are_such_and_go_when_they_are_told_in_words() -> None:
    """What is kept by its type keeps what is usual there; an identifier in its place goes, known or not."""
    words = Wording(KEYED, TextRules(method="mask", profile="safe-harbor", newest_year=2026), "rules")

    def kept(value: str, number: int = 7) -> tuple[Any, ...]:
        given = {
            "resourceType": "Observation", "status": value, "subject": {"reference": "Patient/p1"},
            "code": {"coding": [{"code": value}]},
            "valueQuantity": {"value": number, "unit": value, "code": "cm"},
            "component": [{"valueInteger": number}, {"valueSampledData": {"data": value, "dimensions": 1}}],
            "contained": [{"resourceType": "Location", "address": {"state": value}}],
        }  # fmt: skip
        identifier = [{"value": "77665544"}]
        entries = [{"resource": {**PATIENT, "identifier": identifier}}, {"resource": given}]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        made = under(read_profile("safe-harbor"), bundle, words=words)["entry"][1]["resource"]
        number_left = made["component"][0].get("valueInteger") if made.get("component") else None
        data = [
            each["valueSampledData"].get("data") for each in made.get("component", ()) if "valueSampledData" in each
        ]
        state = made.get("contained", [{}])[0].get("address", {}).get("state")
        unit = made["valueQuantity"].get("unit")
        return made.get("status"), made["code"].get("coding", [{}])[0].get("code"), unit, number_left, *data, state

    assert kept("12 34 E U") == ("12 34 E U", "12 34 E U", "12 34 E U", 7, "12 34 E U", None)
    for unit in ("mm[Hg]", "10*3/uL", "8480-6", "0002-1433-80", "73211009", "1.2.840.10008", "beats / min"):
        assert kept(unit)[1:3] == (unit, unit), unit
    assert kept("New York")[-1] == "New York"
    assert kept("final", 77665544)[3] is None
    assert kept("final", 77665545)[3] == 77665545
    for told in (
        "SSN 123-45-6789", "123-45-6789", "a.b@mail.example.org", "(734) 555-0199", "www.example.org/x", "10.11.12.13",
        "Driver's license D6238152",
    ):  # fmt: skip
        assert not any(told in str(each) for each in kept(told)), told


def test_words_in_tags_that_nobody_knows_do_not_stick_together() -> None:
    """A name at the border of two unknown tags is a word of its own; inside a word, known tags join."""
    from bedrail.privacy.fhir.narrative import clean_narrative

    seen: list[str] = []
    markup = "<template>Ann</template><noscript>See</noscript><b>Ok</b>on<i>kwo</i><x/>end"
    clean_narrative(markup, lambda text: str(seen.append(text)))  # type: ignore[func-returns-value]
    assert seen == ["Ann See Okonkwo end"]
