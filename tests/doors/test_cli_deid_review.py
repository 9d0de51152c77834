"""Reviewing de-identified notes, and learning from what was said."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from bedrail.cli import cli
from bedrail.privacy.text.review_page import review_page
from small_home import told

NOTES = [
    {"id": "n1", "text": "Seen by Dr. Amelia Hartwell. Brought in by zorblatt, file QZ-48151."},
    {"id": "n2", "text": "Dr. Hartwell called. Parkinson tremor is worse."},
    {"id": "n3", "text": "No complaints today."},
]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Notes, and what came of them under a key that is kept."""
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps(note) + "\n" for note in NOTES))
    ran = told(
        "deid", "text", str(tmp_path / "notes.jsonl"), "--out", str(tmp_path / "safe.jsonl"), "--jobs", "1",
        "--key-file", str(tmp_path / "key"), "--mode", "rules",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return tmp_path


def review(house: Path, keys: str, *options: str) -> str:
    """What the terminal says when these lines are typed."""
    words = ["deid", "review", str(house / "safe.jsonl"), "--notes", str(house / "notes.jsonl"), *options]
    ran = CliRunner().invoke(cli, words, input=keys)
    assert ran.exit_code == 0, ran.output
    return ran.output


def corrections(house: Path) -> dict:
    return json.loads((house / "safe.jsonl.corrections.json").read_text())


def test_a_reviewer_marks_what_was_missed_and_the_rate_follows(house: Path) -> None:
    """Marks by typed words; one note of three leaked, and all were read."""
    said = review(house, "m NAME zorblatt\n\n\n\n")
    assert "3 of 3 notes read" in said
    assert "1 leaks in 3 notes" in said
    made = corrections(house)
    start = str(NOTES[0]["text"]).index("zorblatt")
    assert {"start": start, "end": start + 8, "label": "NAME"} in made["notes"][0]["added"]
    assert "zorblatt" not in json.dumps(made)
    assert stat.S_IMODE((house / "safe.jsonl.corrections.json").stat().st_mode) == 0o600
    ran = told("deid", "leak-rate", str(house / "safe.jsonl.corrections.json"), "--json")
    assert json.loads(ran.out)["leaking"] == 1


def test_marks_are_rejected_relabelled_undone_and_mistakes_are_answered(house: Path) -> None:
    """Every key of the help, and what is no key."""
    said = review(house, "?\nr 99\nr x\nl 1 WRONG\nl 1 GEO\no\nm GEO nowhere here\nu\nr 1\n\nb\nl 1 GEO\n\ns\nq\n")
    for answer in ("no mark of that number", "which mark", "no such label", "stand nowhere here"):
        assert answer in said
    made = corrections(house)["notes"]
    assert [note["id"] for note in made] == ["n1"]
    assert (len(made[0]["rejected"]), [mark["label"] for mark in made[0]["added"]]) == (2, ["GEO"])


def test_a_review_goes_on_where_it_stopped(house: Path) -> None:
    """What was read is not asked again, and a review picked in another way is not joined to it."""
    review(house, "\nq\n", "--sample", "2", "--seed", "3")
    assert "2 of 2 notes read" in review(house, "\n", "--sample", "2", "--seed", "3")
    ran = told("deid", "review", str(house / "safe.jsonl"), "--notes", str(house / "notes.jsonl"), "--sample", "3")
    assert ran.code == 2
    assert "picked in another way" in ran.err


def test_other_notes_than_those_of_the_run_are_refused(house: Path) -> None:
    """Said without their content."""
    (house / "other.jsonl").write_text('{"id": "n1", "text": "x"}\n')
    ran = told("deid", "review", str(house / "safe.jsonl"), "--notes", str(house / "other.jsonl"))
    assert ran.code == 2
    assert "not those that the output was made of" in ran.err


def test_what_was_learned_is_found_in_the_next_run(house: Path) -> None:
    """The lexicon holds no words; under it the missed name is found in a note that nobody read."""
    review(house, "m NAME Zorblatt\nm NAME zorblatt\n\n\n\n")
    lexicon = house / "ward.lexicon"
    learned = (
        "deid", "learn", str(house / "safe.jsonl.corrections.json"), "--notes", str(house / "notes.jsonl"),
        "--lexicon", str(lexicon),
    )  # fmt: skip
    assert told(*learned).code == 2, "a key that is not kept can keep no lexicon"
    ran = told(*learned, "--key-file", str(house / "key"), "--training", str(house / "gold.jsonl"), "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["notes"] == 3
    assert not re.search("zorblatt|hartwell|48151", lexicon.read_text(), re.IGNORECASE)
    assert stat.S_IMODE(lexicon.stat().st_mode) == stat.S_IMODE((house / "gold.jsonl").stat().st_mode) == 0o600
    gold = [json.loads(line) for line in (house / "gold.jsonl").read_text().splitlines()]
    assert [row["text"] for row in gold] == [note["text"] for note in NOTES]
    (house / "next.jsonl").write_text('{"id": 1, "text": "Zorblatt came, file AB-77120."}\n')
    again = (
        "deid",
        "text",
        str(house / "next.jsonl"),
        "--out",
        str(house / "next.out"),
        "--mode",
        "rules",
        "--jobs",
        "1",
    )
    ran = told(*again, "--lexicon", str(lexicon), "--key-file", str(house / "key"), "--method", "mask")
    assert ran.code == 0, ran.err
    text = json.loads((house / "next.out").read_text())["text"]
    assert "Zorblatt" not in text
    ran = told(*again, "--lexicon", str(lexicon), "--key-file", str(house / "other-key"))
    assert ran.code == 2
    assert "another key" in ran.err


def test_the_page_holds_notes_as_text_and_may_load_nothing(house: Path) -> None:
    """A note that is markup stays text; the policy names the one script; no address stands in it."""
    hostile = {"id": "n1", "text": "</script><script>alert(1)</script><img src=x onerror=alert(2)> &amp;"}
    (house / "notes.jsonl").write_text(json.dumps(hostile) + "\n")
    told("deid", "text", str(house / "notes.jsonl"), "--out", str(house / "safe.jsonl"), "--jobs", "1", "--no-resume")
    ran = told(
        "deid",
        "review",
        str(house / "safe.jsonl"),
        "--notes",
        str(house / "notes.jsonl"),
        "--html",
        str(house / "r.html"),
    )
    assert ran.code == 0, ran.err
    page = (house / "r.html").read_text()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    assert len(re.findall(r"<script", page)) == 2
    assert stat.S_IMODE((house / "r.html").stat().st_mode) == 0o600
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert data["notes"][0]["text"] == hostile["text"]
    assert data["picked"] == "all"
    assert review_page([], picked="all", of=0, seed=0).startswith("<!doctype html>")
