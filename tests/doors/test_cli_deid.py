"""The commands of `bedrail deid`: which key decides, what is said, what is written, under options all media share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bedrail.app import open_home
from bedrail.core.events import PersonAdded
from bedrail.journeys.context import SYSTEM
from small_home import told

NOTE = {"id": "1", "patient": "p", "text": "Seen on March 5, 2021. MRN: 1234567."}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.jsonl"
    path.write_text(json.dumps(NOTE) + "\n")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a project and people."""
    folder = tmp_path / "home"
    assert told("init", "--owner", "olivia", home=folder).code == 0
    app = open_home(folder)
    for person, role in (("petra", "privacy-officer"), ("sam", "data-scientist"), ("rob", "release-engineer")):
        app.context.append(SYSTEM, "test", PersonAdded(person=person, name=person, roles=(role,)))
    app.close()
    assert told("--as", "petra", "deid", "project", "add", "study", home=folder).code == 0
    return folder


def text_of(notes: Path, out: str, *more: str, home: Path | None = None) -> str:
    """What the note became."""
    ran = told("deid", "text", str(notes), "--out", str(notes.parent / out), "--mode", "rules", *more, home=home)
    assert ran.code == 0, ran.err
    return str(json.loads((notes.parent / out).read_text())["text"])


def test_a_key_file_repeats_and_a_key_for_one_run_does_not(notes: Path) -> None:
    """The file is made for its owner alone; another project under it decides otherwise; without one the run says so."""
    key = ("--key-file", str(notes.parent / "key"))
    one, again = text_of(notes, "1", *key), text_of(notes, "2", *key)
    other = text_of(notes, "3", *key, "--project", "other")
    assert one == again
    assert one != other
    assert (notes.parent / "key").stat().st_mode & 0o077 == 0
    ran = told("deid", "text", str(notes), "--out", str(notes.parent / "4"), "--mode", "rules")
    assert "this run only" in ran.err
    assert json.loads((notes.parent / "4").read_text())["text"] != one


def test_a_key_file_that_others_can_read_is_refused(notes: Path) -> None:
    """As every key; the run does not begin."""
    key = notes.parent / "key"
    text_of(notes, "1", "--key-file", str(key))
    key.chmod(0o644)
    ran = told("deid", "text", str(notes), "--out", str(notes.parent / "2"), "--key-file", str(key))
    assert (ran.code, "chmod 600" in ran.err) == (1, True)
    key.chmod(0o600)
    key.write_text("not a key")
    ran = told("deid", "text", str(notes), "--out", str(notes.parent / "2"), "--key-file", str(key))
    assert ran.code == 3
    assert not (notes.parent / "2").exists()


def test_a_homes_project_decides_and_the_run_is_on_record(notes: Path, home: Path) -> None:
    """With a home, its project's key comes first, whoever may use it; every run goes on record there."""
    as_sam = ("--as", "sam", "--project", "study")
    one = text_of(notes, "1", *as_sam, home=home)
    assert text_of(notes, "2", *as_sam, "--key-file", str(notes.parent / "key"), home=home) == one
    assert not (notes.parent / "key").exists()
    app = open_home(home)
    runs = app.context.registry.deidentification.projects["study"].runs
    app.close()
    assert runs == 2
    ran = told(
        "--as", "rob", "deid", "text", str(notes), "--out", str(notes.parent / "3"), "--project", "study", home=home
    )
    assert (ran.code, "`deid.run` is not permitted" in ran.err) == (1, True)
    ran = told(
        "--as", "sam", "deid", "text", str(notes), "--out", str(notes.parent / "3"), "--project", "none", home=home
    )
    assert (ran.code, "study" in ran.err) == (2, True)


def test_a_dry_run_writes_and_records_nothing(notes: Path, home: Path) -> None:
    """Counts as of a run, and neither output, manifest nor fact."""
    before = sorted(path.name for path in notes.parent.iterdir())
    ran = told(
        "--as", "sam", "deid", "text", str(notes), "--out", str(notes.parent / "1"), "--project", "study", "--dry-run",
        "--json", "--mode", "rules", home=home,
    )  # fmt: skip
    said = json.loads(ran.out)
    assert (said["dry_run"], said["records"], said["outputs"]) == (True, 1, [])
    assert sorted(path.name for path in notes.parent.iterdir()) == before
    app = open_home(home)
    assert app.context.registry.deidentification.runs == {}
    app.close()


def test_the_manifest_lies_beside_the_output_and_verifies(notes: Path) -> None:
    """OUT.manifest.json names both files by digest; `deid verify` holds the output against it, exit code 1 when not."""
    out, manifest = notes.parent / "1", notes.parent / "1.manifest.json"
    text_of(notes, "1", "--key-file", str(notes.parent / "key"), "--method", "mask")
    assert manifest.stat().st_mode & 0o077 == 0
    assert told("deid", "verify", str(manifest), str(out)).code == 0
    out.write_text(out.read_text().replace("Seen", "seen"))
    ran = told("deid", "verify", str(manifest), str(out), "--json")
    assert (ran.code, json.loads(ran.out)["same_files"]) == (1, False)
    assert told("deid", "verify", str(out), str(out)).code == 2


def test_a_whole_request_is_told_on_the_command_line(notes: Path, home: Path) -> None:
    """Asked, approved by two others, opened into a private file; the terminal and the record hold no identifier."""
    app = open_home(home)
    for person, role in (("dr-lee", "clinician"), ("pia", "pseudonym-custodian")):
        app.context.append(SYSTEM, "test", PersonAdded(person=person, name=person, roles=(role,)))
    app.close()
    assert told("--as", "petra", "deid", "project", "add", "other", "--escrow", home=home).code == 0
    notes.write_text(json.dumps({**NOTE, "id": "note-of-Quackenbush"}) + "\n")
    ran = told(
        "--as", "sam", "deid", "text", str(notes), "--out", str(notes.parent / "1"), "--project", "other",
        "--mode", "rules", "--pseudonymous-ids", home=home,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    pseudonym = json.loads((notes.parent / "1").read_text())["id"]
    words = ("--purpose", "an incidental finding", "--basis", "their vital interests", "--json")
    ran = told(
        "--as", "dr-lee", "deid", "reidentify", "request", "--project", "other", "--pseudonym", pseudonym, *words,
        home=home,
    )  # fmt: skip
    request, said = json.loads(ran.out)["request"], [ran]
    answer = notes.parent / "answer.json"
    opening = ("--as", "dr-lee", "deid", "reidentify", "open", request, "--out", str(answer))
    assert told(*opening, home=home).code == 1
    for person in ("petra", "pia"):
        said.append(told("--as", person, "deid", "reidentify", "approve", request, home=home))
    said.append(told(*opening, home=home))
    said.append(told("--as", "petra", "deid", "reidentify", "list", home=home))
    assert [each.code for each in said] == [0] * 5
    assert json.loads(answer.read_text())[0]["identifier"] == "note-of-Quackenbush"
    assert answer.stat().st_mode & 0o077 == 0
    assert not any("Quackenbush" in each.out + each.err for each in said)
    assert told(*opening, home=home).code in (1, 2)
    ran = told("--as", "petra", "deid", "project", "retire", "other", "--reason", "study ended", home=home)
    certificate = home / "certificates" / "project-other.json"
    assert told("deid", "project", "check-certificate", str(certificate)).code == 0
    assert told("--as", "petra", "deid", "project", "list", "--json", home=home).out.count("forgotten") == 1


@pytest.mark.slow
def test_a_dash_writes_to_standard_output_what_a_file_would_hold(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes, tables and resources; whatever is said goes to standard error; no file is left, and a broken run and a
    folder write nothing."""
    monkeypatch.chdir(notes.parent)
    Path("t.csv").write_text("patient_id,age\nA1,44\nA2,95\n")
    Path("p.json").write_text(json.dumps({"resourceType": "Patient", "id": "a", "birthDate": "1950-03-04"}))
    for medium, source, more in (
        ("text", "notes.jsonl", ("--mode", "rules")),
        ("table", "t.csv", ("--policy", "safe-harbor", "--text", "rules")),
        ("fhir", "p.json", ("--mode", "rules", "--json", "--manifest", "m.json")),
    ):
        words = ("deid", medium, source, *more, "--key-file", "key", "--jobs", "1")
        assert told(*words, "--out", "file").code == 0
        before = set(Path().iterdir())
        ran = told(*words, "--out", "-")
        assert (ran.code, ran.out) == (0, Path("file").read_text())
        assert "records" in ran.err
        assert set(Path().iterdir()) - before <= {Path("m.json")}
        Path("file").unlink()
    Path("bad.jsonl").write_text(notes.read_text() + "no JSON\n")
    ran = told("deid", "text", "bad.jsonl", "--out", "-", "--mode", "rules")
    assert (ran.code, ran.out) == (2, "")
    Path("folder").mkdir()
    ran = told("deid", "fhir", "folder", "--out", "-")
    assert (ran.code, ran.out) == (2, "")
