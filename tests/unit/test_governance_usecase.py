"""Charters: the shipped one reads wholly, and malformed ones are refused at their line."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid, NotFound
from bedrail.governance.usecase import charter_problem, load_charter, parse_charter

FOLDER = Path(__file__).parents[2] / "examples" / "readmission-30d"
DATA = Path(__file__).parents[1] / "data" / "governance"
TEXT = (DATA / "usecase.toml").read_text(encoding="utf-8")


def test_the_shipped_use_case_reads_as_it_stands() -> None:
    """The example in the project is a sound charter of its own folder's name."""
    charter = load_charter(FOLDER)
    assert (charter.use_case.id, charter.use_case.tier) == (FOLDER.name, "medium")
    assert charter.contract().lint() == ()


def test_every_section_is_read_into_values_of_the_same_names() -> None:
    """Nothing that stands in the file is lost or renamed."""
    charter = parse_charter(TEXT)
    about, decision = charter.use_case, charter.decision
    assert (about.id, about.tier, about.owner) == ("readmission-30d", "medium", "dr-adams")
    assert about.fallback == "Plan follow-up by clinical judgement, as before"
    assert (decision.mode, decision.threshold, decision.budget_ms) == ("confirm", 0.15, 250)
    assert charter.data.shares.as_dict() == {"train": 0.5, "calibration": 0.15, "validation": 0.15, "holdout": 0.2}
    assert charter.data.intersections == (("race", "gender"), ("race", "age_band"))
    assert len(charter.features) == 17
    assert (charter.monitoring.window, charter.monitoring.false_alarms_per_year) == (500, 1.0)
    assert charter.model.kind == "trained"


def test_contract_and_roles_come_from_the_charter() -> None:
    """The contract has every feature in order; the roles are those of [data]."""
    charter = parse_charter(TEXT)
    assert charter.contract().names[:2] == ("age", "time_in_hospital")
    assert charter.contract().lint() == ()
    roles = charter.roles()
    assert (roles.subject, roles.outcome, roles.site, roles.groups[0]) == ("patient", "readmitted_30d", "site", "race")


def test_bytes_and_windows_line_ends_read_the_same() -> None:
    """The charter does not depend on how its lines end."""
    assert parse_charter(TEXT.encode()) == parse_charter(TEXT.replace("\n", "\r\n")) == parse_charter(TEXT)


def test_a_remote_model_names_where_it_answers() -> None:
    """A vendor's model is known by its endpoint only."""
    charter = parse_charter(TEXT + '\n[model]\nkind = "remote"\nendpoint = "http://127.0.0.1:8123/score"\n')
    assert (charter.model.kind, charter.model.endpoint) == ("remote", "http://127.0.0.1:8123/score")


def test_optional_sections_may_be_left_out() -> None:
    """Monitoring, shares and prepare have defaults."""
    text = TEXT.replace("[monitoring]", "[model]").partition("[model]")[0].replace('prepare = "prepare.py"', "")
    charter = parse_charter("\n".join(line for line in text.splitlines() if not line.startswith("shares")))
    assert charter.data.shares.holdout == 0.2
    assert charter.monitoring.looks_per_year == 52


def test_a_folder_without_a_charter_is_not_found(tmp_path: Path) -> None:
    """The error names the folder and an example."""
    with pytest.raises(NotFound, match="examples/readmission-30d"):
        load_charter(tmp_path)
    shutil.copy(FOLDER / "usecase.toml", tmp_path)
    assert load_charter(tmp_path).use_case.id == "readmission-30d"


BROKEN = {case["claim"]: case for case in tomllib.loads((DATA / "malformed_charters.toml").read_text("utf-8"))["case"]}

REMOTE: dict[str, tuple[str, str, str]] = {
    "a remote model without an address": ('kind = "remote"', "model.endpoint", "endpoint ="),
    "an address of a file": ('kind = "remote"\nendpoint = "file:///etc/passwd"', "model.endpoint", "endpoint ="),
    "an address with a password": ('kind = "remote"\nendpoint = "http://u:p@h/"', "model.endpoint", "password"),
    "an address with an impossible port": (
        'kind = "remote"\nendpoint = "http://h:99999/"',
        "model.endpoint",
        "endpoint =",
    ),
    "an address of a trained model": ('endpoint = "http://h/"', "model.endpoint", "remote"),
    "an unknown kind": ('kind = "pickle"', "model.kind", "trained, imported, remote"),
    "no time to answer": ('kind = "remote"\nendpoint = "http://h/"\ntimeout_ms = 0', "model.timeout_ms", ">= 1"),
    "a slip in the model": ('knd = "remote"', "model.knd", "`kind`"),
}


@pytest.mark.parametrize("claim", BROKEN)
def test_a_malformed_charter_is_invalid_at_its_line(claim: str) -> None:
    """Each malformed charter gives `Invalid` with `usecase.toml:LINE key` and a remedy."""
    case = BROKEN[claim]
    old, new, blamed = case["old"], case["new"], case["blamed"]
    assert old in TEXT, claim
    text = TEXT.replace(old, new, 1)
    problem = charter_problem(text)
    assert problem is not None, claim
    where, _, named = problem.path.partition(" ")
    assert where.startswith("usecase.toml:")
    if blamed:
        assert where == f"usecase.toml:{text[: text.index(blamed)].count(chr(10)) + 1}", str(problem)
    assert case["key"] in named
    assert case["remedy"] in problem.remedy


@pytest.mark.parametrize("claim", REMOTE)
def test_a_malformed_model_section_is_invalid(claim: str) -> None:
    """What is wrong with [model] is named with its key."""
    section, key, remedy = REMOTE[claim]
    problem = charter_problem(f"{TEXT}\n[model]\n{section}\n")
    assert problem is not None
    assert problem.path.endswith(key)
    assert remedy in problem.remedy
    assert int(problem.path.split(":")[1].split()[0]) > TEXT.count("\n")


@pytest.mark.parametrize(
    "source",
    [b"\xff\xfe\x00", b'title = "\xe9"', b"x" * 1_000_001, "\ud800", "", "a = " + "[" * 5000, "a = " + "1" * 5000],
)
def test_what_is_no_charter_at_all_is_invalid(source: bytes | str) -> None:
    """Other encodings, endless files, nothing, bottomless nesting and endless numbers are `Invalid` too."""
    problem = charter_problem(source)
    assert problem is not None
    assert problem.path.startswith("usecase.toml:1")
    assert problem.remedy
    with pytest.raises(Invalid):
        parse_charter(source)
