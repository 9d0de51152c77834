"""Suites of vignettes: read with words for every error, run on the bedside's own path, told as page, JSON and JUnit."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from models_samples import CONTRACT, linear_package

from bedrail.checks.scenarios.drafting import edge_cases, template
from bedrail.checks.scenarios.papers import as_json, as_junit, as_page
from bedrail.checks.scenarios.reading import read_suite
from bedrail.checks.scenarios.running import evidence_of, run_suite
from bedrail.checks.scenarios.values import Patient, Ran, Said
from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.values import Verdict
from bedrail.governance.usecase import Charter, load_charter, parse_charter
from bedrail.journeys.scenarios import bedside, usual_values
from bedrail.models.contract import Contract, Feature
from bedrail.models.predict import LoadedModel, open_model

GUARDS = ("scenarios",)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "readmission-30d"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

SUITE = """
format = "bedrail-scenarios/1"
use_case = "drill"
order = [["well", "ill"]]

[[vignette]]
name = "well"
patient = "A healthy woman of 30."
[vignette.values]
age = "30 a"
ward = "other"
creatinine = "0.8 mg/dL"
visits = 0
[vignette.expect]
risk = "at most 20 %"
alert = false
higher_if = [{ creatinine = "3 mg/dL" }]
same_if = [{ creatinine = "70.7964602 umol/L" }]
tolerance = 0.001

[[vignette]]
name = "ill"
like = "well"
[vignette.values]
age = "70 a"
creatinine = "1.9 mg/dL"
visits = 4
[vignette.expect]
decision = "answer"
risk = "30 % to 99 %"
higher_than = ["well"]

[[vignette]]
name = "unknown age"
like = "ill"
[vignette.values]
age = "absent"
[vignette.expect]
because = "missing"
"""


@cache
def model() -> LoadedModel:
    """The sample model of the models' room, opened."""
    package, data, _ = linear_package()
    return open_model(package, data)


@cache
def charter() -> Charter:
    """The example's charter with the sample's contract."""
    found = load_charter(EXAMPLE)
    text = (EXAMPLE / "usecase.toml").read_text().split("[[features]]")[0].replace("max_interval_width = 0.2", "")
    features = """
[[features]]
name = "age"
kind = "numeric"
unit = "a"
low = 18
high = 110
"""
    assert found.use_case.id == "readmission-30d"
    return parse_charter(text + features)


def run(text: str, threshold: float = 0.15) -> Ran:
    """The suite on the sample model, by the bedside's path."""
    return run_suite(read_suite(text, CONTRACT), bedside(charter(), model(), NOW), candidate="ab", threshold=threshold)


def failing(ran: Ran) -> set[tuple[str, str]]:
    return {(o.vignette, r.field) for o in ran.outcomes for r in o.results if r.verdict is not Verdict.PASS}


def test_what_is_expected_holds_and_is_told() -> None:
    """All kinds of expectation pass on a model that meets them; evidence, JSON, JUnit and page tell the same."""
    ran = run(SUITE)
    assert failing(ran) == set(), [r for o in ran.outcomes for r in o.results]
    assert [o.said.kind for o in ran.outcomes] == ["answer", "answer", "no decision"]
    fields = [r.field for o in ran.outcomes for r in o.results]
    assert fields == [
        "risk",
        "alert",
        "same_if",
        "higher_if",
        "decision",
        "risk",
        "higher_than",
        "order",
        "decision",
        "because",
    ]
    evidence = evidence_of(ran)
    assert evidence.verdict is Verdict.PASS
    assert evidence.reason == f"3 of 3 vignettes of suite {ran.digest[:12]} hold."
    assert {f.group for f in evidence.findings} == {"vignette=well", "vignette=ill", "vignette=unknown age"}
    told = json.loads(as_json(ran))
    assert (told["format"], told["verdict"], len(told["outcomes"])) == ("bedrail-scenario-run/1", "pass", 3)
    cases = ElementTree.fromstring(as_junit(ran))
    assert (cases.get("tests"), cases.get("failures"), len(cases.findall("testcase"))) == ("10", "0", 10)
    page = as_page(ran)
    assert "A healthy woman of 30." in page
    assert "<desc" in page
    assert "3 of 3 vignettes hold" in page


WRONG = {
    ("risk", "at most 20 %", "at least 20 %"): ("well", "risk"),
    ("alert", "alert = false", "alert = true"): ("well", "alert"),
    ("higher if", 'higher_if = [{ creatinine = "3 mg/dL" }]', 'lower_if = [{ creatinine = "3 mg/dL" }]'): (
        "well",
        "lower_if",
    ),
    ("same if", "70.7964602 umol/L", "300 umol/L"): ("well", "same_if"),
    ("ordering", '["well", "ill"]', '["ill", "well"]'): ("well", "order"),
    ("decision", 'decision = "answer"', 'decision = "no decision"'): None,
    ("doubt", 'because = "missing"', 'because = "fresh"'): ("unknown age", "because"),
    ("comparison", 'higher_than = ["well"]', 'lower_than = ["well"]'): ("ill", "lower_than"),
    ("no risk", 'because = "missing"', 'risk = "at most 99 %"'): ("unknown age", "risk"),
    ("nothing", '[vignette.expect]\nbecause = "missing"', ""): ("unknown age", "expect"),
}


def test_each_broken_expectation_fails_by_name() -> None:
    """Turning one expectation round fails that field of that vignette and nothing else; the evidence names it."""
    for (what, old, new), expected in WRONG.items():
        assert SUITE.count(old) == 1, what
        text = SUITE.replace(old, new)
        if expected is None:
            with pytest.raises(Invalid, match="no risk"):
                read_suite(text, CONTRACT)
            continue
        ran = run(text)
        assert failing(ran) == {expected}, what
        evidence = evidence_of(ran)
        assert evidence.verdict is (Verdict.MISSING if what == "nothing" else Verdict.FAIL)
        assert f"`{expected[0]}`" in evidence.reason
        assert ("failure" in as_junit(ran)) or what == "nothing"


ERRORS = (
    ('age = "30 a"', 'age = "thirty"', "values.age", 'Write "5 a"'),
    ('age = "30 a"', 'age = "1e999 a"', "values.age", 'Write "5 a"'),
    ('age = "30 a"', 'agge = "30 a"', "values.agge", "Did you mean `age`"),
    ('age = "30 a"', 'age = "30 furlong"', "values.age", "Write it in one of: a"),
    ('age = "30 a"', 'age = "300 a"', "values.age", "18 to 110 a"),
    ('ward = "other"', 'ward = "attic"', "values.ward", "medical, surgical, other"),
    ('ward = "other"', "ward = 3", "values.ward", "medical, surgical, other"),
    ('risk = "at most 20 %"', 'risk = "low"', "expect.risk", "at most 5 %"),
    ('risk = "at most 20 %"', 'risk = "at most 200 %"', "expect.risk", "at most 5 %"),
    ('risk = "30 % to 99 %"', 'risk = "99 % to 30 %"', "expect.risk", "10 % to 40 %"),
    ('like = "ill"', 'like = "il"', "like", "Did you mean `ill`"),
    ('like = "ill"', 'like = "unknown age"', "like", "stands alone"),
    ('higher_than = ["well"]', 'higher_than = ["ill"]', "expect.higher_than", "Name another"),
    ('higher_than = ["well"]', 'higher_than = ["nobody"]', "expect.higher_than", "Known here"),
    ('because = "missing"', 'because = "misssing"', "expect.because", "Did you mean `missing`"),
    ('because = "missing"', 'because = "missing"\nalert = true', "expect", "the one or the other"),
    ('because = "missing"', 'because = "missing"\ndecision = "answer"', "expect.because", "no decision"),
    ("alert = false", 'alert = "never"', "expect.alert", "true or false"),
    ("alert = false", "allert = false", "expect.allert", "Remove"),
    ('name = "ill"', 'name = "well"', "name", "Rename"),
    ('format = "bedrail-scenarios/1"', 'format = "2"', "format", "bedrail-scenarios/1"),
    ('order = [["well", "ill"]]', 'order = [["well", "iill"]]', "order", "Did you mean `ill`"),
    ("tolerance = 0.001", "tolerance = 7", "expect.tolerance", "Write a number"),
    ("higher_if = [{ creatinine", "higher_if = [{}, { creatinine", "expect.higher_if", "80 a"),
    ('like = "well"', 'like = "well"\nhours_ago = { age = -1 }', "hours_ago.age", "72"),
    ('patient = "A healthy', 'diagnosis = "A healthy', "diagnosis", "Known here: name"),
)


def test_every_error_names_the_vignette_the_field_and_what_to_write() -> None:
    """26 slips: the path has file, line and field, the message the vignette, the remedy the way out."""
    for old, new, field, remedy in ERRORS:
        assert SUITE.count(old) == 1, old
        with pytest.raises(Invalid) as caught:
            read_suite(SUITE.replace(old, new), CONTRACT, name="suite.toml")
        error = caught.value
        assert re.match(r"suite\.toml:\d+ ", error.path), new
        assert field in error.path, (new, error.path)
        assert remedy in error.remedy, (new, error.remedy)
        if "vignette[" in error.path and field not in ("name", "like"):
            assert re.search("[Vv]ignette `(well|ill|unknown age)`", error.message), (new, error.message)
    for text in ("", "format = 3", 'format = "bedrail-scenarios/1"\nuse_case = "x"', "[[vignette]\n", "vignette = 3"):
        with pytest.raises(Invalid):
            read_suite(text, CONTRACT)


def test_strange_values_may_stand_where_the_doubt_about_them_is_expected() -> None:
    """Range, unit, level and age of a value: refused at the bedside for that reason, and so expected here."""
    text = SUITE.replace('age = "absent"', 'age = "300 a"').replace('because = "missing"', 'because = "range"')
    strange = (
        text,
        text.replace('"300 a"', '"30 furlong"').replace('because = "range"', 'because = "unit"'),
        text.replace('age = "300 a"', 'ward = "attic"').replace('because = "range"', 'because = "level"'),
    )
    for one in strange:
        assert failing(run(one)) == set()


def test_labels_and_names_mean_the_same_and_both_at_once_is_an_error() -> None:
    """`Kidney value` and `creatinine` name one input; a label of two inputs names none."""
    named = (Feature(name="creatinine", label="Kidney value", kind="numeric", unit="mg/dL"),)
    text = 'format = "bedrail-scenarios/1"\nuse_case = "x"\n[[vignette]]\nname = "a"\n[vignette.values]\n'
    suite = read_suite(text + '"kidney value" = 1.5', Contract(features=named))
    assert suite.cases[0].patient.values["creatinine"].value == 1.5
    with pytest.raises(Invalid, match="given twice"):
        read_suite(text + '"Kidney value" = 1.5\ncreatinine = 1.5', Contract(features=named))
    twice = (*named, Feature(name="other", label="Kidney value", kind="numeric"))
    with pytest.raises(Invalid, match="no input"):
        read_suite(text + '"Kidney value" = 1.5', Contract(features=twice))


def test_drafts_pass_the_linter_and_run_as_they_are() -> None:
    """Template and edge cases of two contracts: no error, and every doubt comes for the reason that is expected."""
    edges = edge_cases(CONTRACT, use_case="drill", usual=usual_values(model()))
    ran = run(edges)
    assert failing(ran) == set()
    kinds = {o.said.guard for o in ran.outcomes if o.said.kind == "no decision"}
    assert kinds >= {"missing", "range", "unit", "level"}
    draft = template(CONTRACT, use_case="drill", usual=usual_values(model()))
    assert failing(run(draft)) == set()
    assert "9 of 10 patients" in draft
    real = load_charter(EXAMPLE).contract()
    for text in (template(real, use_case="x"), edge_cases(real, use_case="x")):
        read_suite(text, real)
        assert tomllib.loads(text)["use_case"] == "x"
    assert 'because = "fresh"' in edge_cases(real, use_case="x")
    nasty = Contract(features=(Feature(name='a"\\\n', kind="numeric", high=1.0), *real.features))
    read_suite(edge_cases(nasty, use_case='"'), nasty)


def test_a_path_that_breaks_is_a_failure_with_the_kind_of_the_error() -> None:
    """Whatever the asking raises, the run goes on; a model that fails is no decision, as at the bedside."""

    def broken(patient: Patient) -> Said:
        raise Unavailable("away")

    ran = run_suite(read_suite(SUITE, CONTRACT), broken)
    assert {o.verdict for o in ran.outcomes} == {Verdict.FAIL}
    assert "Unavailable" in evidence_of(ran).reason

    class Fails:
        package, encoder = model().package, model().encoder

        def assess(self, row: Any) -> Any:
            raise ZeroDivisionError

    failed = run_suite(read_suite(edge_cases(CONTRACT, use_case="x"), CONTRACT), bedside(charter(), Fails(), NOW))  # type: ignore[arg-type]
    by_name = {o.vignette: o for o in failed.outcomes}
    assert by_name["ordinary"].said.guard == "model"
    assert by_name["ordinary"].verdict is Verdict.FAIL
    assert by_name["age: absent"].verdict is Verdict.PASS


def test_the_worked_suite_of_the_example_passes_the_linter() -> None:
    """examples/readmission-30d/scenarios.toml is for its use case, by labels, with every kind of expectation."""
    contract = load_charter(EXAMPLE).contract()
    suite = read_suite((EXAMPLE / "scenarios.toml").read_bytes(), contract)
    assert suite.use_case == "readmission-30d"
    assert {c.vignette.expect.because for c in suite.cases} >= {"missing", "range", "unit", "fresh"}
    assert {kind for c in suite.cases for kind, _, _ in c.changes} == {"same_if", "higher_if"}
