"""De-identifying notes from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from small_home import told

NOTES = [
    {"id": "n1", "text": "Seen by Dr. Amelia Hartwell on 3/4/2021. MRN: 48151623. Call 206-555-7788.", "patient": "p1"},
    {"id": "n2", "text": "Dr. Hartwell saw the patient again on March 11, 2021.", "patient": "p1", "ward": "4 West"},
    {"id": 3, "text": "Temperature 37.2, no fever."},
]
SECRETS = ("Amelia", "Hartwell", "48151623", "206-555-7788")


def written(folder: Path, notes: list[dict[str, object]] | None = None) -> Path:
    path = folder / "notes.jsonl"
    path.write_text("".join(json.dumps(note) + "\n" for note in notes or NOTES), encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_notes_come_out_under_other_names_with_the_places_of_what_was_found(tmp_path: Path) -> None:
    """Each line has id, text and spans in code points of the input; nothing that was found is in the output."""
    notes, out = written(tmp_path), tmp_path / "safe.jsonl"
    ran = told("deid", "text", str(notes), "--out", str(out), "--key-file", str(tmp_path / "key"), "--jobs", "1")
    assert ran.code == 0, ran.err
    made = rows(out)
    assert [sorted(row) for row in made] == [["id", "risk", "spans", "text"]] * 3
    assert [row["id"] for row in made] == ["n1", "n2", 3]
    for note, row in zip(NOTES, made, strict=True):
        for span in row["spans"]:  # type: ignore[attr-defined]
            assert sorted(span) == ["confidence", "end", "label", "start"]
            assert 0 <= span["start"] < span["end"] <= len(str(note["text"]))
            assert str(note["text"])[span["start"] : span["end"]] not in str(row["text"])
    assert made[2]["text"] == NOTES[2]["text"]
    said = ran.out + ran.err + (tmp_path / "safe.jsonl.manifest.json").read_text()
    assert not any(secret in said for secret in SECRETS)
    assert (out.stat().st_mode & 0o777) == 0o600


def test_the_same_key_gives_the_same_bytes_and_another_key_other_names(tmp_path: Path) -> None:
    """Surrogates hang on the key alone."""
    notes = written(tmp_path)
    for name, key in (("a", "one"), ("b", "one"), ("c", "two")):
        told(
            "deid", "text", str(notes), "--out", str(tmp_path / name), "--key-file", str(tmp_path / key), "--jobs", "1"
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_what_is_wrong_with_a_line_is_said_with_its_place_and_never_its_content(tmp_path: Path) -> None:
    """Not JSON, cut off, a field missing, not UTF-8, a label that there is not; an id twice is said, and handled."""
    path = tmp_path / "bad.jsonl"
    lines = [
        b'{"id": 1, "text": "fine"}',
        b'{"id": 1, "text": "Hartwell"}',
        b"Hartwell",
        b'{"id": 2, "text": "Hartwell',
        b'{"id": 3, "Hartwell": 1}',
        b'{"id": 4, "text": "Hartwell \xff"}',
        b'{"id": 5, "text": 7}',
        b'{"id": 6, "text": "x", "known": {"Hartwell": "x"}}',
        b'["Hartwell"]',
        b"",
        b'{"id": 7, "text": "also fine"}',
    ]
    path.write_bytes(b"\r\n".join(lines))
    ran = told("deid", "text", str(path), "--out", str(tmp_path / "out"), "--jobs", "1")
    assert ran.code == 2
    assert f"{path}:3" in ran.err
    assert "1 notes have the id of an earlier one" in ran.err
    assert not (tmp_path / "out").exists()
    ran = told("deid", "text", str(path), "--out", str(tmp_path / "out"), "--jobs", "1", "--on-error", "skip", "--json")
    assert ran.code == 1
    said = json.loads(ran.out)
    assert [failure["number"] for failure in said["failures"]] == [3, 4, 5, 6, 7, 8, 9]
    assert all(failure["message"] and failure["remedy"] for failure in said["failures"])
    assert "Hartwell" not in ran.out + ran.err
    assert [row["id"] for row in rows(tmp_path / "out")] == [1, 1, 7]


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    """The table says how often each kind was found."""
    ran = told(
        "deid", "text", str(written(tmp_path)), "--out", str(tmp_path / "out"), "--dry-run", "--json", "--jobs", "1"
    )
    assert ran.code == 0
    assert {each["place"] for each in json.loads(ran.out)["handled"]} >= {"NAME", "DATE", "MRN", "PHONE"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.jsonl"]


def test_other_fields_come_along_only_when_they_are_named(tmp_path: Path) -> None:
    """And ids become pseudonyms when that is asked for."""
    notes, out = written(tmp_path), tmp_path / "out"
    told("deid", "text", str(notes), "--out", str(out), "--keep", "ward", "--pseudonymous-ids", "--jobs", "1")
    made = rows(out)
    assert [row.get("ward") for row in made] == [None, "4 West", None]
    assert {"n1", "n2", 3}.isdisjoint({row["id"] for row in made})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "expert determination"),
        (("--profile", "safe-harbor"), "Safe Harbor"),
        (("--profile", "limited"), "data use agreement"),
    ],
)
def test_the_summary_says_which_standard_the_output_is_for(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    """Shifted dates are never called Safe Harbor."""
    ran = told(
        "deid", "text", str(written(tmp_path)), "--out", str(tmp_path / "out"), "--json", "--jobs", "1", *options
    )
    assert said in json.loads(ran.out)["standard"]


def test_known_values_of_the_record_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """A name that no rule would find is found because the record tells it."""
    notes = written(tmp_path, [{"id": 1, "text": "walks with zzyx daily", "known": {"NAME": ["Zzyx"]}}])
    told("deid", "text", str(notes), "--out", str(tmp_path / "out"), "--method", "mask", "--jobs", "1")
    assert rows(tmp_path / "out")[0]["text"] == "walks with [NAME] daily"
