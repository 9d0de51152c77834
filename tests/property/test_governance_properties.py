"""Gates stay closed, linters raise nothing but `Invalid`, and lines are found, whatever is thrown at them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.core.events import (
    AlarmRaised,
    Approved,
    ArtifactRefused,
    CandidateAdmitted,
    DatasetAdmitted,
    DeidentificationJudged,
    DeploymentHalted,
    DeploymentMoved,
    EvidenceRecorded,
    FindingAnswered,
    FindingClosed,
    FindingOpened,
    FindingReturned,
    Objected,
    PolicyAdopted,
    UseCaseOpened,
)
from bedrail.core.toml_lines import key_lines, read_toml
from bedrail.governance.gate import Closed, Open
from bedrail.governance.policy import alternatives, default_policy_text, parse_policy
from bedrail.governance.rules import DATA_QUALITY
from bedrail.governance.usecase import parse_charter
from governance_story import CANDIDATE, CASE, OTHER, POLICY, Told, answered, approved, ask, day, deidentified, story

QUICK = settings(
    max_examples=120, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
STAGE, TIER = "pilot", "medium"

SPARE: list[Told] = [
    (6.0, approved("clinical-lead", "dr-baker", "general", 200)),
    (6.0, approved("clinical-lead", "both", "pilot", 250)),
    (6.0, approved("privacy-officer", "both", "canary", 250)),
    (6.0, approved("security-officer", "s-diaz", "pilot", 150)),
    (6.0, approved("clinical-lead", "dr-adams", "pilot", 99)),
    (6.0, approved("clinical-lead", "mallory")),
    (6.0, approved("clinical-lead", "dr-baker", candidate=OTHER)),
    (6.0, approved("privacy-officer", "p-chen", "shadow")),
    (5.5, answered("calibration")),
]
"""Facts in favour that the story does not need."""


def alarm(monitor: str, action: str) -> AlarmRaised:
    """An alarm about the candidate."""
    return AlarmRaised(
        alarm="a",
        use_case=CASE,
        candidate=CANDIDATE,
        monitor=monitor,
        action_taken=action,
        causes=(),
        groups=(),
        detail="",
        report="",
    )


BLOCKING = FindingOpened(
    finding="f", use_case=CASE, severity="blocking", title="No drill", owner="o-evans", due="2026-12-01"
)
FINDINGS: list[Told] = [
    (50.0, BLOCKING),
    (51.0, FindingAnswered(finding="f", person="o-evans", answer="drilled")),
    (52.0, FindingReturned(finding="f", auditor="aud", reason="not here")),
    (53.0, FindingAnswered(finding="f", person="o-evans", answer="drilled here")),
    (54.0, FindingClosed(finding="f", auditor="aud", remark="seen")),
    (55.0, FindingOpened(finding="g", use_case="", severity="odd", title="?", owner="o-evans", due="")),
    (56.0, FindingAnswered(finding="g", person="o-evans", answer="so")),
    (57.0, FindingClosed(finding="g", auditor="aud", remark="well")),
]
"""The life of two findings, to be thinned out and shuffled."""

AGAINST: list[Told] = [
    (50.0, alarm("units", "retreat")),
    (50.0, alarm("sentinels", "halt")),
    (50.0, alarm("calibration", "notify")),
    (50.0, Objected(use_case=CASE, candidate=CANDIDATE, stage="shadow", role="owner", person="o-evans", reason="no")),
    (50.0, ArtifactRefused(digest=CANDIDATE, kind="package", reason="changed")),
    (50.0, DeploymentHalted(use_case=CASE, candidate=CANDIDATE, reason="stop")),
    (50.0, BLOCKING),
    (50.0, msgspec.structs.replace(BLOCKING, use_case="")),
    (50.0, deidentified("fail")),
    (50.0, deidentified("missing")),
    (50.0, answered("fairness", "fail")),
    (50.0, answered("calibration", "missing")),
    (50.0, answered("calibration", "unheard of")),
]
"""Facts that speak against the candidate."""

FULL = story(STAGE, TIER)
facts_for = st.lists(st.booleans(), min_size=len(FULL), max_size=len(FULL)).map(
    lambda kept: [told for told, keep in zip(FULL, kept, strict=True) if keep]
)
nearly_all = st.sets(st.integers(0, len(FULL) - 1), max_size=3).map(
    lambda gone: [told for index, told in enumerate(FULL) if index not in gone]
)
some_of = lambda told: st.lists(st.sampled_from(told), unique_by=id, max_size=4)  # noqa: E731


def has_all_required(told: list[Told]) -> bool:
    """Whether the facts hold all that the policy asks, told independently of the gate: by looking for each fact."""
    rule = POLICY.tiers["medium"].stages["pilot"]
    facts = [fact for _, fact in told]
    answers = {f.check for f in facts if isinstance(f, EvidenceRecorded) and f.verdict == "pass"}
    if any(isinstance(f, DatasetAdmitted) and f.verdict == "pass" for f in facts):
        answers.add(DATA_QUALITY)
    held = {f.person: f.roles for f in facts if hasattr(f, "roles")}
    given = [
        (f.role, f.person)
        for f in facts
        if isinstance(f, Approved)
        and f.candidate == CANDIDATE
        and f.stage != "shadow"
        and f.expires > day(100).isoformat()
        and f.role in held.get(f.person, ())
    ]
    first, second = (alternatives(place) for place in rule.approvals)
    pairs = any(a[0] in first and b[0] in second and a[1] != b[1] for a in given for b in given)
    kinds = {type(f) for f in facts}
    needed = {
        PolicyAdopted,
        UseCaseOpened,
        DatasetAdmitted,
        DeidentificationJudged,
        CandidateAdmitted,
        DeploymentMoved,
    }
    return needed <= kinds and set(rule.checks) <= answers and pairs


@QUICK
@given(st.one_of(facts_for, nearly_all), some_of(SPARE))
def test_a_gate_is_never_open_with_anything_required_missing(kept: list[Told], spare: list[Told]) -> None:
    """Open exactly when every required piece of evidence, approval and circumstance is among the facts."""
    told = [*kept, *spare]
    assert isinstance(ask(told, STAGE), Open) == has_all_required(told)


@QUICK
@given(st.lists(st.sampled_from([fact for _, fact in FINDINGS]), max_size=12))
def test_a_gate_is_never_open_while_a_blocking_finding_stands(steps: list[Any]) -> None:
    """Whatever steps were taken in whatever order: open exactly when each finding that was filed was answered, and the
    last answer accepted by an auditor; told here by walking through the steps."""
    stands: dict[str, str] = {}
    for step in steps:
        kind, before = type(step), stands.get(step.finding)
        if kind is FindingOpened:
            stands.setdefault(step.finding, "open")
        elif kind is FindingAnswered and before in ("open", "answered"):
            stands[step.finding] = "answered"
        elif kind is FindingReturned and before == "answered":
            stands[step.finding] = "open"
        elif kind is FindingClosed and before == "answered":
            stands[step.finding] = "closed"
    told = [*FULL, *((50 + number / 100, step) for number, step in enumerate(steps))]
    gate = ask(told)
    assert isinstance(gate, Open) == all(state == "closed" for state in stands.values())


@QUICK
@given(nearly_all, some_of(SPARE), some_of(AGAINST), st.data())
def test_removing_a_fact_in_favour_never_opens_a_closed_gate(
    kept: list[Told], spare: list[Told], against: list[Told], data: st.DataObject
) -> None:
    """With any mixture of facts for and against, taking away one in favour never opens a closed gate."""
    favour = [*kept, *spare]
    if isinstance(ask([*favour, *against], STAGE), Open):
        return
    gone = data.draw(st.integers(0, len(favour) - 1))
    thinner = [told for index, told in enumerate(favour) if index != gone]
    assert isinstance(ask([*thinner, *against], STAGE), Closed)


@QUICK
@given(nearly_all, some_of(SPARE), some_of(AGAINST), st.sampled_from(AGAINST))
def test_a_fact_against_never_opens_a_closed_gate(
    kept: list[Told], spare: list[Told], against: list[Told], more: Told
) -> None:
    """Adding what speaks against a candidate never opens its gate."""
    told = [*kept, *spare, *against]
    if isinstance(ask(told, STAGE), Closed):
        assert isinstance(ask([*told, (51.0, more[1])], STAGE), Closed)


@pytest.mark.parametrize("against", [told for told in AGAINST if getattr(told[1], "action_taken", "") != "notify"])
def test_each_fact_against_closes_an_open_gate(against: Told) -> None:
    """Each alone is enough."""
    assert isinstance(ask(FULL, STAGE), Open)
    assert isinstance(ask([*FULL, against], STAGE), Closed)


DEFAULT = default_policy_text()


def only_invalid(source: str | bytes) -> None:
    """Parsing gives a value or `Invalid` with a place and a remedy, and nothing else."""
    for parse, file in ((parse_policy, "policy.toml:"), (parse_charter, "usecase.toml:")):
        problem = problem_of(parse, source)
        if problem is not None:
            assert problem.path.startswith(file)
            assert int(problem.path.removeprefix(file).split(" ")[0]) >= 1
            assert problem.message
            assert problem.remedy


def problem_of(parse: Callable[[str | bytes], object], source: str | bytes) -> Invalid | None:
    """The `Invalid` that parsing raises, or None; any other exception passes through and fails the test."""
    try:
        parse(source)
    except Invalid as problem:
        return problem
    return None


@QUICK
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
@example("a = 1979-05-27T07:32:00Z")
@example("tiers = 1\n")
@example("tiers = {low = 1}\n")
@example('name = "x"\nversion = "1"\n[tiers.low]\nstages = 1\n')
@example('name = "x"\nversion = "1"\n[tiers]\n[alarms]\nother = "halt"\n')
@example("a.b = 1\na.b.c = 2")
@example("features = [1]\n")
@example("a = 9223372036854775808")
@example("x = '''\n")
def test_linters_take_any_text(source: str | bytes) -> None:
    """Arbitrary text and bytes never give anything but a value or `Invalid`."""
    only_invalid(source)


words = """[ ] { } " ' \"\"\" = . , # \\ nan -1 1e400 true low "fairness" 2020-01-01 stages 99999999999999999999"""
pieces = st.sampled_from(words.split()) | st.sampled_from(
    ["\n", "\r", "[[tiers]]\n", "tiers = 3\n", "[requirements]\n", "x = {a = 1}\n"]
)


@QUICK
@given(st.data())
def test_linters_take_a_bent_policy(data: st.DataObject) -> None:
    """The shipped policy with random cuts and insertions gives a policy or `Invalid`."""
    text = DEFAULT
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 40)))
        text = text[:start] + data.draw(pieces) + text[stop:]
    only_invalid(text)


scalars = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5), st.just("low")
)
names = st.one_of(
    st.sampled_from(
        [
            "name",
            "version",
            "tiers",
            "low",
            "stages",
            "shadow",
            "checks",
            "alarms",
            "requirements",
            "features",
            "accept_missing",
        ]
    ),
    st.sampled_from(["data", "shares", "use_case", "decision", "kind", "impute", "units", "model"]),
    st.text(max_size=4),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
documents = st.dictionaries(names, values, max_size=5)


def inline(value: Any) -> str:
    """A value as TOML on one line, or over several lines within lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {inline(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[ # a list\n" + "".join(f"  {inline(inner)},\n" for inner in value) + "]"
    if isinstance(value, str):
        return quoted(value)
    return repr(value)


def quoted(text: str) -> str:
    """A basic string; JSON's escapes are TOML's, but for surrogate pairs and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def written(document: dict[str, Any], path: str = "") -> str:
    """The document with its tables as headers where they can be."""
    flat = {key: value for key, value in document.items() if not isinstance(value, dict)}
    text = "".join(f"{quoted(key)} = {inline(value)}\n\n" for key, value in flat.items())
    for key, value in document.items():
        if isinstance(value, dict):
            inner = f"{path}.{quoted(key)}" if path else quoted(key)
            text += f"[{inner}] # a table\n{written(value, inner)}"
    return text


def paths(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """Every key path of a parsed document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path} - {()} | {found for key, below in inner for found in paths(below, (*path, key))}


@QUICK
@given(documents)
def test_linters_take_any_toml(document: dict[str, Any]) -> None:
    """Well-formed TOML of any shape, using the words of our files, gives a value or `Invalid`."""
    only_invalid(written(document))


@QUICK
@given(documents)
def test_every_key_has_its_line(document: dict[str, Any]) -> None:
    """The scanner finds exactly the paths that tomllib does, and each on a line that names its key."""
    text = written(document)
    parsed = tomllib.loads(text)
    lines = key_lines(text)
    assert set(lines) == paths(parsed)
    rows = text.split("\n")
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert quoted(path[-1]) in rows[line - 1]


ODD = (Path(__file__).parents[1] / "data" / "governance" / "odd.toml").read_text(encoding="utf-8")


def test_the_scanner_reads_the_odd_corners_of_toml() -> None:
    """Comments, all four kinds of strings, dotted keys, nested lists and tables of tables are placed."""
    found = key_lines(ODD)
    assert set(found) == paths(tomllib.loads(ODD))
    at = {
        ("a",): 2, ("b.c",): 3, ("d", "e", "f"): 4, ("g",): 7, ("g", 0): 7, ("g", 1, 1): 8, ("g", 2, "h"): 9,
        ("g", 2, "i", 0): 10, ("j", "k", "l"): 12, ("m",): 13, ("m", 0): 13, ("m", 0, "n"): 14, ("m", 1): 16,
        ("m", 1, "o", "p"): 18, ("m", 1, "q", 0, "r"): 20, ("m", 1, "q", 1, "r"): 22,
    }  # fmt: skip
    assert {path: found[path] for path in at} == at


def test_windows_line_ends_do_not_move_lines() -> None:
    """The line of a key is the same however lines end."""
    assert read_toml(ODD.replace("\n", "\r\n"), "x").lines == read_toml(ODD, "x").lines
