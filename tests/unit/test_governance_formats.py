"""The gate's answer in four formats, each read back by a reader of its own."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from bedrail.core.errors import Invalid
from bedrail.core.events import Objected
from bedrail.governance.formats import FORMATS, format_gate, gate_exit_code
from bedrail.governance.gate import Closed, Gate, Open
from governance_story import CANDIDATE, CASE, POLICY, answered, approved, ask, story

AWKWARD = 'x < "y" & \x00 \x1b[31m ]]> \ud7ff é'


def closed() -> Gate:
    """Closed for a missing approval and for an objection in awkward characters."""
    told = [(at, fact) for at, fact in story() if getattr(fact, "role", "") != "privacy-officer"]
    objection = Objected(
        use_case=CASE, candidate=CANDIDATE, stage="pilot", role="owner", person="o-evans", reason=AWKWARD
    )
    return ask([*told, (50, objection)])


def opened() -> Gate:
    """Open under one condition."""
    return ask([*story(), (5.5, answered("fairness", "missing"))])


def test_exit_codes() -> None:
    """0 when open, 1 when closed."""
    assert (gate_exit_code(opened()), gate_exit_code(closed())) == (0, 1)


def test_the_table_says_what_who_and_how() -> None:
    """Every reason with its people and command; the command is never broken within a word."""
    gate = closed()
    assert isinstance(gate, Closed)
    text = format_gate(gate, "table")
    assert text.startswith(f"CLOSED  {CASE} boosting to pilot\n        2 reasons")
    flat = " ".join(text.split())
    for reason in gate.reasons:
        assert reason.code in text
        assert reason.how in flat
    assert all(len(line) <= 160 for line in text.splitlines())


def test_the_table_of_an_open_gate_shows_its_end_and_its_duties() -> None:
    """Until when, under which conditions, with which obligations."""
    gate = opened()
    assert isinstance(gate, Open)
    text = " ".join(format_gate(gate, "table").split())
    assert text.startswith(f"OPEN {CASE} boosting to pilot until {gate.until}")
    assert gate.conditions[0].obligation in text
    assert gate.obligations[0] in text


def test_json_holds_the_whole_answer() -> None:
    """The answer's kind stands in `gate`; reasons have code, message, who and how."""
    answer = json.loads(format_gate(closed(), "json"))
    assert (answer["gate"], answer["policy"], answer["stage"]) == ("closed", POLICY.digest, "pilot")
    assert [reason["code"] for reason in answer["reasons"]] == ["approval-missing", "objection-stands"]
    assert {"code", "message", "who", "how", "roles", "people", "criterion"} <= set(answer["reasons"][0])
    assert json.loads(format_gate(opened(), "json"))["gate"] == "open"


def test_junit_has_one_case_per_criterion() -> None:
    """Counts agree with the cases; failures carry type and message; awkward characters survive as XML."""
    gate = closed()
    root = ET.fromstring(format_gate(gate, "junit"))
    cases = root.findall(".//testcase")
    assert [case.get("name") for case in cases] == list(gate.criteria)
    failed = [case for case in cases if case.find("failure") is not None]
    suite = root.find("testsuite")
    assert suite is not None
    assert (int(suite.get("tests", "")), int(suite.get("failures", ""))) == (len(cases), len(failed)) == (22, 2)
    messages = [failure.get("message") or "" for failure in root.iter("failure")]
    assert any('x < "y" &' in message and "é" in message for message in messages)
    assert not list(ET.fromstring(format_gate(opened(), "junit")).iter("failure"))


def test_sarif_has_one_result_per_reason() -> None:
    """Version 2.1.0, rules for every result, conditions as notes."""
    log = json.loads(format_gate(closed(), "sarif"))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [result["level"] for result in run["results"]] == ["error", "error"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {result["ruleId"] for result in run["results"]}
    assert all(result["message"]["text"] and result["locations"] for result in run["results"])
    (run,) = json.loads(format_gate(opened(), "sarif"))["runs"]
    assert [result["level"] for result in run["results"]] == ["note"]
    assert run["properties"]["gate"] == "open"


def test_a_gate_without_candidate_or_reason_words_is_written_too() -> None:
    """Every format takes the sparsest answers."""
    for gate in (ask([]), ask([(0, approved("owner", "o"))], "general")):
        for style in FORMATS:
            assert format_gate(gate, style).endswith("\n")


def test_an_unknown_format_is_invalid() -> None:
    """The error lists the formats there are."""
    with pytest.raises(Invalid, match="table, json, junit, sarif"):
        format_gate(opened(), "yaml")
