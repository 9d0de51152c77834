"""Whole samples through FHIR and HL7 v2 de-identification: valid by other people's readers, and telling nobody."""

from __future__ import annotations

import gzip
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bedrail.core.errors import Invalid
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.privacy import hl7
from bedrail.privacy.fhir import Deidentifier, read_configuration, read_profile
from bedrail.privacy.fhir.reading import read, written
from bedrail.privacy.hl7.message import decoded, segments_of
from bedrail.privacy.hl7.people import known_in
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.wording import Wording

DATA = Path(__file__).parents[1] / "data"
KEYED = Keyed(HmacDigest(b"a key for tests of samples......"))


@cache
def words() -> Wording:
    """The text engine by rules."""
    return Wording(KEYED, TextRules(method="mask", profile="safe-harbor", newest_year=2026), "rules")


def bundle() -> Any:
    """One patient's record by Synthea: 168 resources."""
    return read(gzip.decompress((DATA / "fhir" / "synthea_bundle.json.gz").read_bytes()))


def own_values(record: Any, *, dates: bool) -> list[str]:
    """What the record says of its patient and clinicians in so many words."""
    people = [e["resource"] for e in record["entry"] if e["resource"]["resourceType"] in ("Patient", "Practitioner")]
    values = [part for each in people for name in each["name"] for part in (name["family"], *name.get("given", ()))]
    for each in people:
        values += [telecom["value"] for telecom in each.get("telecom", ())]
        values += [line for address in each["address"] for line in address["line"]]
        values += [identifier["value"] for identifier in each["identifier"]]
    values += [e["resource"]["id"] for e in record["entry"]]
    return [value for value in values if len(value) > 3] + ([people[0]["birthDate"]] if dates else [])


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["safe-harbor", "limited-data-set"])
def test_a_synthetic_record_stays_valid_and_tells_nobody(profile: str) -> None:
    """Every resource still is R4 by fhir.resources, references still meet, and no value of its people is left."""
    from fhir.resources.R4B import get_fhir_model_class

    record = bundle()
    made = Deidentifier(read_profile(profile), KEYED, this_year=2026, words=words()).resource(record)
    plain = json.loads(written(made))
    text = json.dumps(plain, ensure_ascii=False)
    assert [value for value in own_values(record, dates=True) if value in text] == []
    for entry in plain["entry"]:
        get_fhir_model_class(entry["resource"]["resourceType"]).model_validate(entry["resource"])
    urls = {entry["fullUrl"] for entry in plain["entry"]}
    before = {entry["fullUrl"] for entry in record["entry"]}
    assert len(urls) == len(before)
    assert references(plain) & urls
    assert len(references(plain) & urls) == len(references(record) & before)


def references(value: Any) -> set[str]:
    """All literal references inside."""
    if isinstance(value, dict):
        own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


def test_the_sample_configuration_treats_a_whole_record() -> None:
    """193 rules over 168 resources: no value of a person is left, and every rule that was needed is counted."""
    configured = read_configuration((DATA / "fhir" / "microsoft_r4_sample.json").read_text())
    record = bundle()
    made = Deidentifier(configured, KEYED, this_year=2026)
    text = json.dumps(json.loads(written(made.resource(record))))
    patient = {"entry": record["entry"][:1]}
    assert patient["entry"][0]["resource"]["resourceType"] == "Patient"
    own = own_values(patient, dates=True)
    assert [value for value in own if value in text] == []
    counted = {(place, action) for place, action, _, _ in made.counts()}
    assert ("Patient.birthDate", "shifted") in counted
    assert ("Observation.subject.reference", "replaced by a code") in counted
    assert not [place for place, _ in counted if any(value in place for value in own)]


def messages() -> list[tuple[str, bytes]]:
    """139 messages of all kinds."""
    with zipfile.ZipFile(DATA / "hl7" / "samples.zip") as archive:
        return [(name, archive.read(name)) for name in sorted(archive.namelist())]


@pytest.mark.slow
def test_all_sample_messages_keep_their_structure_and_tell_nobody() -> None:
    """139 messages of 2.3 to 2.8: segments stay, also for hl7apy, and no name, street or number.

    One of them has an order glued to its guarantor, and is refused.
    """
    made = hl7.Deidentifier(hl7.read_profile("safe-harbor"), KEYED, this_year=2026, words=words())
    samples = messages()
    assert len(samples) == 139
    for number, (name, data) in enumerate(samples):
        if name.endswith("MDHHS-OML-O21-1.hl7"):
            with pytest.raises(Invalid, match="segment 5: another segment"):
                made.message(data)
            continue
        before, after = decoded(data)[0], decoded(made.message(data))[0]
        assert [each.name for each in segments_of(before)] == [each.name for each in segments_of(after)], name
        known = [each.text for each in known_in(segments_of(before)) if len(each.text) > 6]
        assert [value for value in known if value in after] == [], name
        if number % 20 == 0:  # the other reader takes its time
            assert parsed(before) == parsed(after), name


def parsed(text: str) -> list[str]:
    """The segments that hl7apy reads; or what it does not know of such a message."""
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.exceptions import HL7apyException
    from hl7apy.parser import parse_message

    try:
        return [each.name for each in parse_message(lines(text), VALIDATION_LEVEL.TOLERANT, find_groups=False).children]
    except HL7apyException as error:
        return [str(error)]


def lines(text: str) -> str:
    """As hl7apy wants them."""
    split = text.replace("\ufeff", "").replace("\r\n", "\r").replace("\n", "\r").split("\r")
    return "\r".join(line for line in split if line.strip()) + "\r"
