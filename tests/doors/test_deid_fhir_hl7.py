"""bedrail deid fhir and bedrail deid hl7 as their users run them: files, folders, bad input, dry runs, repetition."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from small_home import told

PATIENT = {
    "resourceType": "Patient", "id": "p1", "birthDate": "1960-04-05",
    "name": [{"family": "Testerin", "given": ["Maria"]}], "identifier": [{"value": "M-4711"}],
}  # fmt: skip
NOTE = {
    "resourceType": "Observation", "status": "final", "code": {"text": "Note"}, "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2020-01-31T10:00:00Z", "valueString": "Frau Testerin, potassium 4.1",
}  # fmt: skip
MESSAGE = (
    "MSH|^~\\&|ADT|GH|||20200131||ADT^A01|1|P|2.5.1\r"
    "PID|1||M-4711^^^^MR||Testerin^Maria||19600405\rNTE|1||Frau Testerin, ok\r"
)


def ndjson(*resources: Any) -> str:
    """One a line."""
    return "".join(json.dumps(each) + "\n" for each in resources)


def ran(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code and what was said."""
    found = told("deid", *(str(each) for each in arguments))
    return found.code, found.out, found.err


def test_one_resource_a_bundle_and_ndjson(tmp_path: Path) -> None:
    """Each gives a file of its kind, readable by its owner alone, with a manifest that holds no value."""
    key = tmp_path / "key"
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}, {"resource": NOTE}]}
    inputs = {
        "one.json": json.dumps(PATIENT, indent=2),
        "b.json": json.dumps(bundle),
        "n.ndjson": ndjson(PATIENT, NOTE),
    }
    for name, text in inputs.items():
        (tmp_path / name).write_text(text)
        code, out, err = ran("fhir", tmp_path / name, "--out", tmp_path / f"out-{name}", "--key-file", key, "--json")
        assert code == 0
        made = (tmp_path / f"out-{name}").read_text()
        manifest = (tmp_path / f"out-{name}.manifest.json").read_text()
        assert (tmp_path / f"out-{name}").stat().st_mode & 0o777 == 0o600
        for value in ("Testerin", "Maria", "M-4711", "1960-04", '"p1"'):
            assert value not in made + manifest + out + err
        assert json.loads(out)["standard"].startswith("rules of Safe Harbor")
    lines = [json.loads(line) for line in (tmp_path / "out-n.ndjson").read_text().splitlines()]
    assert lines[1]["subject"]["reference"] == f"Patient/{lines[0]['id']}"
    assert "potassium 4.1" in lines[1]["valueString"]


def test_a_bulk_export_is_one_run(tmp_path: Path) -> None:
    """Text in one file knows the patients of another; codes agree; gzip is read; names of files tell nothing."""
    export = tmp_path / "export"
    (export / "Testerin").mkdir(parents=True)
    (export / "Patient.ndjson").write_text(ndjson(PATIENT))
    (export / "Observation.1.ndjson.gz").write_bytes(gzip.compress(ndjson(NOTE, NOTE).encode()))
    (export / "Testerin" / "Maria_Testerin.json").write_text(json.dumps(NOTE))
    (export / "readme.txt").write_text("Testerin")
    out = tmp_path / "safe"
    code, said, _ = ran("fhir", export, "--out", out, "--key-file", tmp_path / "key", "--dates", "shift", "--json")
    assert code == 0
    files = sorted(path for path in out.rglob("*") if path.is_file())
    assert [path.name for path in files if path.parent == out] == ["Observation.1.ndjson", "Patient.ndjson"]
    assert len(files) == 3
    everything = "".join(path.read_text() + str(path.relative_to(out)) for path in files)
    assert "Testerin" not in everything
    assert "Maria" not in everything
    summary = json.loads(said)
    assert summary["records"] == 4
    assert len(summary["outputs"]) == 3
    assert "expert determination" in summary["standard"]
    patient = json.loads((out / "Patient.ndjson").read_text())
    first = json.loads((out / "Observation.1.ndjson").read_text().splitlines()[0])
    assert first["subject"]["reference"].endswith(patient["id"])


def test_the_same_key_gives_the_same_bytes(tmp_path: Path) -> None:
    """With one job or two; another key gives other codes."""
    (tmp_path / "n.ndjson").write_text(ndjson(*(({**PATIENT, "id": f"p{n}"}) for n in range(40))))
    made = []
    for name, jobs, key in (("a", "1", "k1"), ("b", "2", "k1"), ("c", "1", "k2")):
        assert (
            ran(
                "fhir",
                tmp_path / "n.ndjson",
                "--out",
                tmp_path / name,
                "--key-file",
                tmp_path / key,
                "--jobs",
                jobs,
            )[0]
            == 0
        )
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('{"resourceType": "Patient", "name": [{"family": "Secret"}', "n.ndjson:2"),
        ('{"resourceType": "Patient", "id": "a", "id": "Secret"}', "n.ndjson:2"),
        ('{"resourceType": "Patient", "name": "Secret"}', "n.ndjson:2"),
        ('{"resourceType": "Secret"}', "n.ndjson:2"),
        ("Secret", "n.ndjson:2"),
        ('["Secret"]', "n.ndjson:2"),
        ('{"resourceType": "Observation", "valueQuantity": {"value": 1' + "0" * 5000 + "}}", "n.ndjson:2"),
        ('{"resourceType": "Patient", "extension": ' + '[{"extension": ' * 200 + "[]" + "}]" * 200 + "}", ""),
        ("[" * 100_000, "n.ndjson:2"),
        ('{"resourceType": "Patient", "name": [{"family": "\\ud800Secret"}]}', "n.ndjson:2"),
    ],
)
def test_a_bad_line_stops_the_run_or_is_left_out(tmp_path: Path, line: str, place: str) -> None:
    """With its place and a remedy, never its content; nothing is written unless such records are skipped."""
    source, out = tmp_path / "n.ndjson", tmp_path / "out.ndjson"
    source.write_text(ndjson(PATIENT) + line + "\n" + ndjson(NOTE))
    arguments = ("fhir", source, "--out", out, "--key-file", tmp_path / "key", "--text", "redact")
    code, said, err = ran(*arguments)
    assert "Secret" not in said + err
    if place:
        assert code == 2
        assert place in err
        assert not out.exists()
    code, said, err = ran(*arguments, "--on-error", "skip")
    assert code == (1 if place else 0)
    assert "Secret" not in said + err + out.read_text()
    assert len(out.read_text().splitlines()) == (2 if place else 3)


def test_what_is_wrong_in_a_folder_is_told_with_its_file_but_without_a_patients_name(tmp_path: Path) -> None:
    """By name where that is a resource type, else by number, since exports name files after patients."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text(ndjson(PATIENT) + '{"resourceType": "Wombat"}\n')
    (folder / "Zebulon_Secret.ndjson").write_text("\n[]\n" + ndjson(PATIENT))
    arguments = ("fhir", folder, "--out", tmp_path / "safe", "--key-file", tmp_path / "key", "--text", "redact")
    code, said, err = ran(*arguments, "--on-error", "skip")
    assert code == 1
    assert f"{folder / 'Patient.ndjson'}:2: resourceType" in err
    assert f"{folder}: file 2 of `find . -type f | LC_ALL=C sort`:2: " in err
    assert "Zebulon" not in said + err
    (folder / "Patient.ndjson").unlink()
    code, said, err = ran(*arguments[:2], "--out", tmp_path / "other", *arguments[4:])
    assert code == 2
    assert "file 1 of `find" in err
    assert "Zebulon" not in said + err


def test_other_encodings_and_damaged_archives_are_told(tmp_path: Path) -> None:
    """UTF-16 and Latin-1 lines, half a gzip file, a folder without FHIR."""
    (tmp_path / "utf16.ndjson").write_bytes(ndjson(PATIENT).encode("utf-16"))
    (tmp_path / "latin.ndjson").write_bytes(
        json.dumps({"resourceType": "Müller"}, ensure_ascii=False).encode("latin-1")
    )
    (tmp_path / "half.ndjson.gz").write_bytes(gzip.compress(ndjson(PATIENT).encode())[:-12])
    (tmp_path / "empty").mkdir()
    for name in ("utf16.ndjson", "latin.ndjson", "half.ndjson.gz", "empty"):
        code, said, err = ran("fhir", tmp_path / name, "--out", tmp_path / "out", "--key-file", tmp_path / "key")
        assert code == 2, name
        assert "Testerin" not in said + err
        assert not (tmp_path / "out").exists()


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    """Neither output nor key nor manifest appears beside the input."""
    (tmp_path / "n.ndjson").write_text(ndjson(PATIENT, NOTE))
    (tmp_path / "m.hl7").write_text(MESSAGE)
    for medium, name in (("fhir", "n.ndjson"), ("hl7", "m.hl7")):
        code, said, _ = ran(medium, tmp_path / name, "--out", tmp_path / "out", "--dry-run", "--json")
        assert code == 0
        assert json.loads(said)["handled"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.hl7", "n.ndjson"]


def test_configurations_are_followed_or_refused_with_the_rule(tmp_path: Path) -> None:
    """The sample of the other tool runs, with remarks; a rule that cannot be followed is named."""
    sample = Path(__file__).parents[1] / "data" / "fhir" / "microsoft_r4_sample.json"
    (tmp_path / "p.json").write_text(json.dumps(PATIENT))
    out, key = tmp_path / "out.json", tmp_path / "key"
    code, _, err = ran("fhir", tmp_path / "p.json", "--out", out, "--config", sample, "--key-file", key)
    assert code == 0
    assert "not Safe Harbor" in err
    assert "Testerin" not in out.read_text()
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"fhirPathRules": [{"path": "Patient.name", "method": "encrypt"}]}))
    code, _, err = ran("fhir", tmp_path / "p.json", "--out", out, "--config", bad, "--key-file", key)
    assert code == 2
    assert "fhirPathRules[0]" in err


def test_a_feed_of_messages(tmp_path: Path) -> None:
    """Many messages in a file, one bad: stopped with its number, or left out and counted; codes agree with FHIR."""
    source, out, key = tmp_path / "feed.hl7", tmp_path / "safe.hl7", tmp_path / "key"
    source.write_text(MESSAGE * 3 + "MSH|bad|Testerin\rPID|1||M-4711\r" + MESSAGE, newline="")
    code, said, err = ran("hl7", source, "--out", out, "--key-file", key)
    assert code == 2
    assert "message 4" in err
    assert "Testerin" not in said + err
    assert not out.exists()
    code, said, err = ran("hl7", source, "--out", out, "--key-file", key, "--on-error", "skip", "--json")
    assert code == 1
    assert json.loads(said)["records"] == 4
    made = out.read_bytes().decode()
    assert "Testerin" not in made + said + err
    assert made.count("MSH|^~\\&") == 4
    (tmp_path / "p.json").write_text(json.dumps({**PATIENT, "id": "M-4711"}))
    assert ran("fhir", tmp_path / "p.json", "--out", tmp_path / "p.out", "--key-file", key)[0] == 0
    assert json.loads((tmp_path / "p.out").read_text())["id"] in made


def test_a_message_that_ends_in_its_header_is_no_record(tmp_path: Path) -> None:
    """A feed's last message, cut off before its type (MSH-9), is told by its number and not counted as done."""
    source, out = tmp_path / "feed.hl7", tmp_path / "safe.hl7"
    source.write_text(MESSAGE + "MSH|^~", newline="")
    arguments = ("hl7", source, "--out", out, "--key-file", tmp_path / "key", "--text", "redact")
    code, _, err = ran(*arguments)
    assert code == 2
    assert f"{source}: message 2: MSH-9" in err
    assert not out.exists()
    code, _, _ = ran(*arguments, "--on-error", "skip")
    assert (code, out.read_bytes().count(b"MSH")) == (1, 1)


def test_an_interrupted_export_goes_on_with_what_is_done(tmp_path: Path) -> None:
    """What stops a run leaves no output folder; the same command then makes it, and nothing else stays behind."""
    export, out, key = tmp_path / "export", tmp_path / "safe", tmp_path / "key"
    export.mkdir()
    (export / "Patient.ndjson").write_text(ndjson(PATIENT))
    (export / "Observation.ndjson").write_text(ndjson(NOTE))
    arguments = ("fhir", export, "--out", out, "--key-file", key)
    partial = tmp_path / ".safe.bedrail-partial"
    partial.mkdir()
    (partial / "Patient.ndjson").mkdir()  # where a file should go, something is in the way
    (partial / "Patient.ndjson" / "x").touch()
    assert ran(*arguments)[0] in (2, 3)
    assert not out.exists()
    import shutil

    shutil.rmtree(partial / "Patient.ndjson", ignore_errors=True)
    assert ran(*arguments)[0] == 0
    assert sorted(path.name for path in out.iterdir()) == ["Observation.ndjson", "Patient.ndjson"]
    assert not partial.exists()


@pytest.mark.parametrize(("dates", "said"), [("year", "year alone"), ("shift", "shifted"), ("keep", "dates kept")])
def test_the_manifest_says_what_became_of_dates(tmp_path: Path, dates: str, said: str) -> None:
    """Evidence for Safe Harbor fails on a manifest that speaks of shifted dates, so it has to say so."""
    (tmp_path / "n.ndjson").write_text(ndjson(PATIENT))
    (tmp_path / "m.hl7").write_text(MESSAGE)
    for medium, name, place in (("fhir", "n.ndjson", "Patient.birthDate"), ("hl7", "m.hl7", "PID-7")):
        out = tmp_path / f"out-{name}"
        code, told_of, _ = ran(
            medium,
            tmp_path / name,
            "--out",
            out,
            "--key-file",
            tmp_path / "key",
            "--dates",
            dates,
            "--text",
            "redact",
            "--json",
        )
        assert code == 0
        actions = {each["action"] for each in json.loads(told_of)["handled"] if each["place"] == place}
        assert actions in ({said}, set() if dates == "keep" else {said})
        assert ("not Safe Harbor" in json.loads(told_of)["standard"]) is (dates != "year")
