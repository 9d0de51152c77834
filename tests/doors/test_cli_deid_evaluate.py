"""`bedrail deid evaluate` measures, gates, and shows nothing of the notes."""

# ruff: noqa: E501 (rows of data read better on one line)
from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bedrail.cli.deid import deid

ROWS = (
    {"id": "1", "text": "Patient Name: Zaplethal Quorra\nMRN: 8812734", "spans": [{"start": 14, "end": 30, "label": "NAME", "origin": "a"}, {"start": 36, "end": 43, "label": "MRN"}]},
    {"id": "2", "text": "Pt is named after a flower by kin called zzyx", "spans": [{"start": 41, "end": 45, "label": "NAME", "origin": "b"}]},
    {"id": "3", "text": "BP 120/80, no complaints.", "spans": [], "neutral": []},
)  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three notes, of which one hides a name that rules cannot see."""
    path = tmp_path / "c.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf8")
    return path


def test_figures_come_as_json_and_nothing_of_the_text_is_shown(corpus: Path, tmp_path: Path) -> None:
    """Counts by label and origin; the file of errors is private and holds places only."""
    errors = tmp_path / "missed.jsonl"
    done = CliRunner().invoke(deid, ["evaluate", str(corpus), "--json", "--mode", "rules", "--errors", str(errors)])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["notes"] == 3
    assert said["labels"]["MRN"]["rate"] == 1.0
    assert said["full"]["of"] == 3
    assert said["disturbed"]["of"] == 1
    assert said["origin_gap"] == 1.0
    assert errors.stat().st_mode & 0o777 == 0o600
    missed = [json.loads(line) for line in errors.read_text().splitlines()]
    assert missed == [{"id": "2", "start": 41, "end": 45, "label": "NAME"}]
    for word in ("Zaplethal", "Quorra", "8812734", "zzyx"):
        assert word not in done.output + errors.read_text()


def test_the_gates_end_with_one(corpus: Path) -> None:
    """A wide gap between origins, and too little recall, each close; the table says the gap."""
    runner = CliRunner()
    gated = runner.invoke(deid, ["evaluate", str(corpus), "--mode", "rules", "--gate"], standalone_mode=False)
    assert gated.return_value == 1
    assert "Recall gap between name origins" in gated.stdout
    least = runner.invoke(deid, ["evaluate", str(corpus), "--mode", "rules", "--least", "0.9"], standalone_mode=False)
    assert least.return_value == 1
    fine = runner.invoke(deid, ["evaluate", str(corpus), "--mode", "rules", "--least", "0.5"], standalone_mode=False)
    assert fine.return_value == 0
