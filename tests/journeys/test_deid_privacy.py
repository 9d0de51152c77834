"""Nothing that was detected is printed, logged or left lying about: every byte searched after runs of every medium."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bedrail.app import open_home
from bedrail.core.events import PersonAdded, decode
from bedrail.journeys.context import SYSTEM
from planted import MARK, Planted, search, seen_in
from small_home import told

STUDY = "study"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a project that keeps an escrow, and people to use it."""
    folder = tmp_path_factory.mktemp("deid-privacy") / "home"
    assert told("init", "--owner", "olivia", home=folder).code == 0
    app = open_home(folder)
    for person, role in (("petra", "privacy-officer"), ("sam", "data-scientist")):
        app.context.append(SYSTEM, "test", PersonAdded(person=person, name=person, roles=(role,)))
    app.close()
    assert told("--as", "petra", "deid", "project", "add", STUDY, "--escrow", home=folder).code == 0
    return folder


def notes(folder: Path, planted: Planted) -> Path:
    """Lines of notes; the patient's name and number are known from the record, others stand in context."""
    path = folder / "notes.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(20):
            mrn, mail = planted.new(), planted.new()
            text = f"Mr {MARK} was seen, MRN: {mrn}. Account number {planted.new()}. Mail {mail}@example.org."
            note = {"id": f"n{number}", "patient": mrn, "text": text, "known": {"NAME": [MARK], "MRN": mrn}}
            file.write(json.dumps(note) + "\n")
    return path


def resources(folder: Path, planted: Planted) -> Path:
    """FHIR in lines: identifiers in elements, references, narrative, an extension and an attachment."""
    import base64

    path = folder / "patients.ndjson"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(10):
            patient = planted.new()
            attached = base64.b64encode(f"MRN: {planted.new()}".encode()).decode()
            for resource in (
                {
                    "resourceType": "Patient", "id": patient, "name": [{"family": planted.new(), "given": [MARK]}],
                    "identifier": [{"system": "urn:mrn", "value": planted.new()}], "birthDate": "1971-02-03",
                    "telecom": [{"system": "email", "value": f"{planted.new()}@example.org"}],
                    "address": [{"line": [planted.new()], "city": MARK, "state": "MA", "postalCode": "02138"}],
                    "text": {"status": "generated",
                             "div": f'<div xmlns="http://www.w3.org/1999/xhtml">MRN: {planted.new()}</div>'},
                    "extension": [{"url": "http://example.org/x", "valueString": f"MRN: {planted.new()}"}],
                },
                {
                    "resourceType": "DocumentReference", "id": planted.new(), "status": "current",
                    "subject": {"reference": f"Patient/{patient}", "display": planted.new()},
                    "content": [{"attachment": {"contentType": "text/plain", "data": attached}}],
                },
            ):  # fmt: skip
                file.write(json.dumps(resource) + "\n")
    return path


def images(folder: Path, planted: Planted) -> Path:
    """DICOM files whose names, attributes, sequences and private elements hold identifiers."""
    import pydicom
    from pydicom.data import get_testdata_file
    from pydicom.dataset import Dataset

    out = folder / "images" / planted.new()
    out.mkdir(parents=True)
    given = get_testdata_file("CT_small.dcm")
    for _ in range(2):
        dataset = pydicom.dcmread(str(given))
        dataset.PatientName, dataset.PatientID = planted.new(), planted.new()
        dataset.StudyDescription, dataset.AccessionNumber = f"for {planted.new()}", planted.new()[:16]
        inner = Dataset()
        inner.PatientName, inner.PatientID = planted.new(), planted.new()
        dataset.ReferencedPatientSequence = [inner]
        dataset.add_new(0x00091001, "LO", planted.new())
        dataset.save_as(out / f"{planted.new()}.dcm")
    return folder / "images"


def rows(folder: Path, planted: Planted) -> Path:
    """A table with identifiers as keys, in columns of their own, in remarks, and typed into the wrong column."""
    path = folder / "visits.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["mrn", "name", "email", "phone", "zip", "birth_date", "sex", "remarks", "ward"])
        for number in range(40):
            writer.writerow([
                planted.new(), f"{MARK} {planted.new()}", f"{planted.new()}@example.org", "(555) 201-7788", "02138",
                "1971-02-03", "f" if number % 2 else "m", f"seen, MRN: {planted.new()}\ncall her",
                planted.new() if number == 7 else "north",
            ])  # fmt: skip
    return path


def messages(folder: Path, planted: Planted) -> Path:
    """HL7 v2 with identifiers in PID, NK1, notes, observations, a Z segment and a field that nobody knows."""
    path = folder / "feed.hl7"
    parts = []
    for number in range(10):
        mrn = planted.new()
        parts += [
            f"MSH|^~\\&|LAB|{planted.new()}|EHR|HOSP|20210305101500||ORU^R01|{planted.new()}|P|2.5.1",
            f"PID|1||{mrn}^^^HOSP^MR||{MARK}^{planted.new()}||19710203|F|||{planted.new()}^^Boston^MA^02138||(555)201-7788",
            f"NK1|1|{planted.new()}^{MARK}|SPO|{planted.new()}",
            f"OBR|1|{planted.new()}||718-7^Hb^LN|||20210305",
            f"OBX|1|TX|718-7^Hb^LN||call MRN: {planted.new()} mail {planted.new()}@example.org||||||F",
            f"NTE|1||MRN: {planted.new()}",
            f"ZPX|{planted.new()}|{number}",
            f"PV1|1|I|{planted.new()}^12^A||||||||||||||||{planted.new()}",
        ]
    path.write_bytes(("\r".join(parts) + "\r").encode())
    return path


MEDIA = {
    "table": (rows, "safe.csv", ("--policy", "safe-harbor")),
    "hl7": (messages, "safe.hl7", ()),
    "text": (notes, "safe.jsonl", ()),
    "fhir": (resources, "safe.ndjson", ()),
    "dicom": (images, "safe", ()),
}


@pytest.mark.slow
@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("where", ["home", "key file"])
def test_nothing_detected_is_left_anywhere(
    medium: str, where: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, manifest, home, key folder, temporary folder, standard output and error hold no planted identifier."""
    planted, temporary = Planted(len(medium)), tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    make, name, more = MEDIA[medium]
    (tmp_path / "in").mkdir()
    source, out = make(tmp_path / "in", planted), tmp_path / name
    words = ["deid", medium, str(source), "--out", str(out), "--jobs", "1", *more]
    if where == "home":
        ran = told("--as", "sam", *words, "--project", STUDY, home=home)
    else:
        ran = told(*words, "--key-file", str(tmp_path / "key"), home=None)
    assert ran.code == 0, ran.err
    said = [ran.out, ran.err]
    assert (out.stat().st_mode & 0o077, out.exists()) == (0, True)
    ran = told("deid", "verify", f"{out}.manifest.json", str(out), home=None)
    said += [ran.out, ran.err]
    _remove(tmp_path / "in")
    leaks = search(tmp_path, planted)[1] + search(home.parent, planted)[1]
    assert leaks == []
    assert seen_in("".join(said).encode(), planted) == []
    if where == "home":
        app = open_home(home)
        facts = [decode(data).fact for _, data in app.context.tape.registry_entries(0)]
        app.close()
        assert MARK not in repr(facts)


BAD: dict[str, bytes] = {
    "not JSON": b'{"id": "1", "text": "MRN: %s',
    "no text": b'{"id": "%s", "wrong": "%s"}',
    "a number for a text": b'{"id": "1", "text": 12, "%s": "%s"}',
    "not UTF-8": b'{"id": "1", "text": "MRN: %s \xff"}',
    "a list": b'["%s"]',
}


@pytest.mark.parametrize("medium", ["text", "fhir"])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_bad_records_are_told_by_place_and_not_by_content(medium: str, bad: str, on_error: str, tmp_path: Path) -> None:
    """Whatever is wrong with a record, what is said of it and what is left behind holds nothing of it."""
    planted = Planted(1)
    line = BAD[bad].replace(b"%s", planted.new().encode())
    good = {"text": {"id": "n", "text": "seen"}, "fhir": {"resourceType": "Patient", "id": "p"}}[medium]
    (tmp_path / "in").mkdir()
    source, out = tmp_path / "in" / "in.ndjson", tmp_path / "out.ndjson"
    source.write_bytes(json.dumps(good).encode() + b"\n" + line + b"\n")
    ran = told(
        "deid", medium, str(source), "--out", str(out), "--on-error", on_error, "--mode", "rules", "--jobs", "1",
        home=None,
    )  # fmt: skip
    assert ran.code in ({1} if on_error == "skip" else {2})
    assert out.exists() == (on_error == "skip")
    assert ":2" in ran.err or "record 2" in ran.err
    assert seen_in((ran.out + ran.err).encode(), planted) == []
    _remove(tmp_path / "in")
    assert search(tmp_path, planted)[1] == []


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
