"""Evidence of de-identification: what a run and an admission can claim, what fails it, how outputs are verified."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from msgspec.json import encode
from msgspec.structs import replace

from bedrail.app import App, open_home
from bedrail.cli.deid_evidence import ends_in_words
from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import PersonAdded
from bedrail.core.values import Verdict
from bedrail.data.roles import DataRoles
from bedrail.journeys import deid_evidence, deidentifying, delivery
from bedrail.journeys.context import SYSTEM
from bedrail.privacy.evidence import (
    Limits,
    Measured,
    Risks,
    admission_evidence,
    read_evaluation,
    read_risks,
    run_evidence,
)
from bedrail.privacy.rescan import read_manifest, require_same, verify_output
from bedrail.privacy.tables import Treatment, deidentify_table
from bedrail.privacy.text import load
from bedrail.privacy.values import Handled, Manifest
from small_home import CASE, EXAMPLE, told

ROLES = DataRoles(subject="patient", encounter="stay", time="day", outcome="back", groups=("sex",))
RULES = load(mode="rules")
LIMITS = Limits()
GOOD = (0.01, 0.02, 900)
LOW, HIGH = Risks(rows=9, highest=0.05, verdict="pass"), Risks(rows=9, highest=0.5, verdict="pass")
BROKEN = Risks(rows=9, highest=0.05, verdict="fail", reasons="distinct values too few")
ATTESTED = Measured(leak=GOOD, origin_gap=0.0, rescan=0, attested_by="petra")
ASH = Measured(expert="Dr Ash", rescan=0)


def manifest(medium: str = "text", action: str = "masked", output: str = "b" * 64) -> Manifest:
    return Manifest(
        medium=medium, profile="p", project="", inputs=("a" * 64,), outputs=(output,), records=9, failed=0,
        handled=(Handled(place="DATE", action=action, rule="45 CFR 164.514(b)(2)(i)(C)", count=4),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("medium", "method", "action", "measured", "verdict", "word"),
    [
        ("text", "inside", "masked", Measured(leak=GOOD, origin_gap=0.02, rescan=0), "pass", "not for release"),
        ("text", "inside", "masked", Measured(), "missing", "nobody measured"),
        ("text", "inside", "masked", Measured(leak=(0.02, 0.04, 300), origin_gap=0.02), "fail", "4.0%"),
        ("text", "inside", "masked", Measured(leak=GOOD, origin_gap=0.2), "fail", "origins"),
        ("text", "inside", "masked", Measured(leak=GOOD, origin_gap=0.02, rescan=3), "fail", "second look found 3"),
        ("text", "safe-harbor", "masked", Measured(leak=GOOD, origin_gap=0.0), "missing", "nobody attests"),
        ("text", "safe-harbor", "shifted", ATTESTED, "fail", "shifted"),
        ("text", "safe-harbor", "masked", ATTESTED, "pass", "Safe Harbor"),
        ("text", "inside", "masked", Measured(leak=GOOD, origin_gap=0.02), "missing", "nobody looked"),
        ("text", "inside", "surrogate", replace(ATTESTED, rescan=1, untold=("SSN",)), "fail", "said about SSN"),
        ("fhir", "safe-harbor", "masked", Measured(attested_by="petra", rescan=0), "pass", "Safe Harbor"),
        ("table", "limited", "masked", Measured(), "missing", "nobody looked"),
        ("table", "inside", "masked", Measured(rescan=0), "pass", "not for release"),
        ("table", "expert", "masked", ASH, "missing", "not measured"),
        ("table", "expert", "masked", Measured(risks=LOW, rescan=0), "missing", "no expert"),
        ("table", "expert", "masked", replace(ASH, risks=HIGH), "fail", "0.500"),
        ("table", "expert", "masked", replace(ASH, risks=BROKEN), "fail", "distinct values"),
        ("table", "expert", "masked", replace(ASH, risks=Risks(rows=9, highest=0.1)), "missing", "terms"),
        ("table", "expert", "masked", replace(ASH, risks=LOW), "pass", "Expert Determination"),
        ("dicom", "limited", "masked", Measured(), "pass", "limited data set"),
    ],
)  # fmt: skip
def test_what_was_not_measured_is_missing_and_what_is_over_the_limit_fails(
    medium: str, method: str, action: str, measured: Measured, verdict: str, word: str
) -> None:
    """Each way out of HIPAA asks for its own conditions; nobody passes by saying nothing."""
    found = run_evidence(manifest(medium, action), method, measured, LIMITS)  # type: ignore[arg-type]
    assert (str(found.verdict), word in found.reason) == (verdict, True), found.reason


def test_figures_are_read_as_the_commands_print_them() -> None:
    """The upper bound of the leak is one less the lower bound of recall; the gap is the widest of origins."""
    share = {"rate": 0.99, "low": 0.97, "high": 0.995, "hit": 990, "of": 1000}
    said = {"full": share, "origins": {"a": {**share, "rate": 0.99}, "b": {**share, "rate": 0.95}}}
    leak, gap = read_evaluation(said)
    assert leak == pytest.approx((0.01, 0.03, 1000))
    assert gap == pytest.approx(0.04)
    probed = {"origins": {"a": share, "b": {**share, "rate": 0.9}}}
    assert read_evaluation({"full": share, "origins": {}, "probe": probed})[1] == pytest.approx(0.09)
    assert read_evaluation({**said, "probe": probed})[1] == pytest.approx(0.09)
    assert read_evaluation({"full": share})[1] is None
    for wrong in ([], {"full": 3}, {"full": {"rate": "x"}}, None):
        with pytest.raises(Invalid):
            read_evaluation(wrong)
        with pytest.raises(Invalid):
            read_risks(wrong)


def test_a_risk_report_is_read_with_the_experts_terms(tmp_path: Path) -> None:
    """The very output of `bedrail deid risk --json --determination` gives risk, rows, expert, end and verdict."""
    (tmp_path / "t.csv").write_text("age,sex\n" + "".join(f"{20 + n % 3},f\n" for n in range(30)))
    (tmp_path / "terms.toml").write_text(
        'expert = "R. Ash"\ncredentials = "biostatistician"\nrecipient = "public"\npurpose = "research on falls"\n'
    )
    words = ("deid", "risk", str(tmp_path / "t.csv"), "--knows", "age,sex", "--json")
    plain = read_risks(json.loads(told(*words).out))
    assert (plain.rows, plain.highest, plain.verdict) == (30, pytest.approx(0.1), "")
    ran = told(*words, "--determination", str(tmp_path / "terms.toml"))
    found = read_risks(json.loads(ran.out))
    assert (found.expert, found.verdict, found.until > "2026") == ("R. Ash, biostatistician", "fail", True)
    assert "above its threshold" in found.reasons


def table(**changes: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"patient": ["1", "2"], "stay": ["7", "8"], "day": [3, 4], "back": [0, 1], "sex": ["f", "m"], "age": [50, 93]}
    )
    return frame.assign(**changes)


def admitted(frame: pd.DataFrame, **more: object) -> tuple[Verdict, str]:
    cleared, treatments = deidentify_table(frame, ROLES, ["age", "ward"], lambda value: f"{int(value):032x}")
    found = admission_evidence(cleared, ROLES, treatments, RULES, **more)  # type: ignore[arg-type]
    return found.verdict, found.reason


def test_an_admitted_table_may_be_used_inside() -> None:
    """Pseudonyms, columns left out and old ages joined pass, for use in the house and not for release."""
    verdict, reason = admitted(table())
    assert verdict is Verdict.PASS
    assert "not for release" in reason


def test_a_column_that_holds_identifiers_fails_the_table() -> None:
    """A declared column with a telephone number in it is named; its value is not."""
    verdict, reason = admitted(table(ward=["north", "call (555) 201-7788"]))
    assert verdict is Verdict.FAIL
    assert "ward: 1 of 2" in reason
    assert "7788" not in reason


def test_a_table_made_from_what_failed_fails_too() -> None:
    """A judgement of the source goes with the table, also one untold; a source judged by nobody spoils nothing."""
    failed = (("safe.csv", Verdict.FAIL, "risk over the limit"),)
    assert admitted(table(), sources=failed)[0] is Verdict.FAIL
    untold = ("safe.csv", Verdict.MISSING, "no attestation")
    assert admitted(table(), sources=(untold,)) == (Verdict.MISSING, "safe.csv: no attestation")
    assert admitted(table(), sources=(*failed, untold))[0] is Verdict.FAIL
    assert admitted(table(), sources=(("safe.csv", Verdict.PASS, "judged by nobody"),))[0] is Verdict.PASS


def test_a_run_that_treated_no_record_is_no_evidence() -> None:
    """Whatever was attested of an empty output."""
    found = run_evidence(replace(manifest("fhir"), records=0), "safe-harbor", ATTESTED, LIMITS)
    assert (found.verdict, "no record" in found.reason) == (Verdict.MISSING, True)


def test_full_dates_are_told() -> None:
    """Dates that stay are said in the evidence: it is no Safe Harbor table."""
    cleared, treatments = deidentify_table(
        table(day=pd.to_datetime(["2021-03-01", "2021-03-02"])), ROLES, ["age"], lambda value: f"{int(value):032x}"
    )
    found = admission_evidence(cleared, ROLES, treatments, RULES)
    assert any("full dates stay" in each.reason for each in found.findings)
    assert any(isinstance(each, Treatment) for each in treatments)


@pytest.fixture
def app(tmp_path: Path) -> App:
    """A home with an officer and somebody who prepares data."""
    assert told("init", "--owner", "olivia", home=tmp_path / "home").code == 0
    opened = open_home(tmp_path / "home")
    for person, role in (("petra", "privacy-officer"), ("sam", "data-scientist"), ("dr-adams", "clinical-lead")):
        opened.context.append(SYSTEM, "test", PersonAdded(person=person, name=person, roles=(role,)))
    return opened


def test_a_judgement_is_signed_bound_and_ends(app: App) -> None:
    """Only an officer judges, only a run on record; an expert's determination has a day to come on which it ends."""
    ctx, measured = app.context, replace(ASH, risks=LOW)
    digest = deidentifying.record_run(ctx, "sam", manifest("table"))
    with pytest.raises(Refused):
        deid_evidence.judge_run(ctx, "sam", digest, "inside", Measured())
    with pytest.raises(NotFound):
        deid_evidence.judge_run(ctx, "petra", "0" * 64, "inside", Measured())
    for until in ("", "soon", "2001-01-01"):
        with pytest.raises(Invalid):
            deid_evidence.judge_run(ctx, "petra", digest, "expert", measured, until=until)
    with pytest.raises(Invalid):
        deid_evidence.judge_run(ctx, "petra", digest, "inside", measured, until="2999-01-01")
    found = deid_evidence.judge_run(ctx, "petra", digest, "expert", measured, until="2999-01-01")
    view, read = deid_evidence.read_judged(ctx, "petra", "bbbb")
    assert (read, view.method, view.verdict) == (found, "expert", "pass")
    assert (read.dataset, read.made_by, read.policy) == ("b" * 64, "petra", ctx.registry.policy)
    (_, ends), *_ = deid_evidence.list_judged(ctx, "petra")
    assert "2026" < ends < "2999"  # the policy's days come before the expert's date
    attested = deid_evidence.judge_run(ctx, "petra", digest, "safe-harbor", Measured(rescan=0), attest=True)
    assert attested.verdict is Verdict.PASS


@pytest.mark.slow
def test_every_admission_gives_evidence_and_the_gate_asks_for_it(app: App, tmp_path: Path) -> None:
    """The shipped policy closes the gate of a table in which identifiers are found, and not of one without."""
    from bedrail.journeys.admission import Making, admit_data
    from small_home import small_table

    ctx = app.context
    delivery.open_use_case(ctx, "olivia", (EXAMPLE / "usecase.toml").read_text())
    frame = small_table(tmp_path)
    admit_data(ctx, "sam", CASE, frame, source="t.csv", making=Making(sources=(f"t.csv@{'b' * 64}",)))
    view = ctx.registry.deidentification.judged[ctx.use_case(CASE).dataset.dataset]  # type: ignore[union-attr]
    assert (view.verdict, view.method, view.by) == ("pass", "inside", "sam")
    gate, _ = delivery.judge_gate(ctx, CASE, "shadow")
    days = ctx.policy().deidentification.days[ctx.use_case(CASE).tier]  # type: ignore[index]
    ends = str((datetime.fromisoformat(view.at) + timedelta(days=days)).date())
    assert [when for each, when in deid_evidence.list_judged(ctx, "petra") if each.dataset == view.dataset] == [ends]
    shown = told("--as", "petra", "deid", "evidence", "show", view.dataset[:8], home=tmp_path / "home")
    assert f"it ends: {ends}." in shown.out.replace("\n", " "), shown.out + shown.err
    assert "deidentification" in gate.criteria
    assert not [each for each in getattr(gate, "reasons", ()) if each.criterion == "deidentification"]
    digest = deidentifying.record_run(ctx, "sam", manifest("table"))
    deid_evidence.judge_run(ctx, "petra", digest, "expert", Measured(risks=HIGH), until="2999-01-01")
    admit_data(ctx, "sam", CASE, frame.iloc[:9000], source="t.csv", making=Making(sources=(f"t.csv@{'b' * 64}",)))
    gate, _ = delivery.judge_gate(ctx, CASE, "shadow")
    assert [each.code for each in getattr(gate, "reasons", ()) if each.criterion == "deidentification"] == [
        "deidentification-failed"
    ]


def test_an_output_is_verified_against_its_manifest_and_looked_at_again(tmp_path: Path) -> None:
    """Another file, and a structured identifier that was to be masked, are found; of surrogates nothing is said."""
    out = tmp_path / "out.jsonl"
    out.write_text(json.dumps({"id": "1", "text": "SSN 219-09-9999, mail [EMAIL]"}) + "\n")
    digest = sha256(out.read_bytes()).hexdigest()
    found = verify_output(manifest(output=digest), out, RULES)
    assert (found.same_files, found.found, found.sound) == (True, {"SSN": 1}, False)
    made = Manifest(
        medium="text", profile="p", project="", inputs=(), outputs=(digest,), records=1, failed=0,
        handled=(Handled(place="SSN", action="surrogate", rule="r", count=1),),
    )  # fmt: skip
    found = verify_output(made, out, RULES)
    assert (found.found, found.untold, found.sound) == ({}, ("SSN",), True)
    out.write_text(json.dumps({"id": "1", "text": "well"}) + "\n")
    assert not verify_output(made, out, RULES).sound
    with pytest.raises(Corrupt):
        require_same(made, out)


@pytest.mark.parametrize(
    ("medium", "name", "data"),
    [
        ("table", "o.csv", 'a,b\n1,"mail x@example.org"\n'),
        ("fhir", "o.ndjson", '{"resourceType":"Patient","note":[{"text":"mail x@example.org"}],"url":"http://example.org/x"}\n'),
        ("fhir", "o.json", '{"resourceType":"Patient","text":{"div":"mail x@example.org"}}'),
        ("hl7", "o.hl7", "MSH|^~\\&|A|x@example.org\rPID|1||mail x@example.org\r"),
    ],
)  # fmt: skip
def test_every_medium_of_text_is_looked_through(tmp_path: Path, medium: str, name: str, data: str) -> None:
    """One address in a cell, a narrative, a note or a field is found, whatever the medium."""
    (tmp_path / name).write_text(data)
    assert verify_output(manifest(medium), tmp_path / name, RULES).found == {"EMAIL": 1}


def test_addresses_of_vocabularies_codes_and_pseudonyms_are_no_identifiers(tmp_path: Path) -> None:
    """Canonical and system URLs, SNOMED CT codes, OIDs and the run's own pseudonyms raise no alarm, whatever the file's
    name; an address or a number of somebody's does, one line below."""
    code = "5c1e0b7a9d3f42618a7be0f3c4d59e12"
    clean = {
        "resourceType": "QuestionnaireResponse", "id": code, "questionnaire": "http://hl7.org/fhir/uv/sdc/Questionnaire/q",
        "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/x"]},
        "extension": [{"url": "http://example.com/ext", "valueCanonical": "http://example.com/canonical"}],
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">well</div>'},
        "subject": {"reference": f"Patient/{code}", "identifier": {"system": "urn:oid:2.16.840.1", "value": code}},
        "source": {"reference": "urn:uuid:5c1e0b7a-9d3f-4261-8a7b-e0f3c4d59e12"},
        "item": [
            {"answer": [{"valueCoding": {"system": "http://terminology.hl7.org/sct", "code": "428191000124101"}}]},
        ],
    }  # fmt: skip
    dirty = {"resourceType": "Patient", "photo": [{"url": "http://photos.example.com/ann-lee"}],
             "identifier": [{"value": "MRN 12345678"}], "telecom": [{"value": "ann@example.com"}]}  # fmt: skip
    made = Manifest(
        medium="fhir", profile="p", project="", inputs=(), outputs=(), records=2, failed=0,
        handled=(Handled(place="Patient.id", action="replaced by a code", rule="r", count=8),),
    )  # fmt: skip
    for name in ("export", "export.jsonl", "export.ndjson"):
        (tmp_path / name).write_text(json.dumps(clean) + "\n" + json.dumps(clean) + "\n")
        assert verify_output(made, tmp_path / name, RULES).found == {}
        (tmp_path / name).write_text(json.dumps(clean) + "\n" + json.dumps(dirty) + "\n")
        assert verify_output(made, tmp_path / name, RULES).found == {"URL": 1, "MRN": 1, "EMAIL": 1}


def test_a_pseudonym_is_known_by_form_and_place_and_no_more_are_than_were_given_out(tmp_path: Path) -> None:
    """In its column, whatever divides the columns, and never in prose; one too many is told."""
    code = "5c1e0b7a9d3f42618a7be0f3c4d59e12"
    given = Handled(place="patient", action="keyed pseudonym", rule="r", count=2)
    for mark in ",;":
        rows = [("patient", "note", "mail"), (code, f"MRN {code}", "none"), (code, "well", "ann@example.com")]
        (tmp_path / "t.csv").write_text("".join(mark.join(row) + "\n" for row in rows))
        made = replace(manifest("table"), handled=(given,))
        found = verify_output(made, tmp_path / "t.csv", RULES)
        assert (found.found, found.taken) == ({"EMAIL": 1, "MRN": 1}, 2)
        made = replace(made, handled=(replace(given, count=1),))
        assert verify_output(made, tmp_path / "t.csv", RULES).found == {"EMAIL": 1, "MRN": 1, "UNIQUE_ID": 1}
    (tmp_path / "n.jsonl").write_text(json.dumps({"id": code, "text": f"MRN {code}"}) + "\n")
    assert verify_output(manifest("text"), tmp_path / "n.jsonl", RULES).found == {"MRN": 1}
    (tmp_path / "o.hl7").write_text(f"MSH|^~\\&|A|B\rPID|1||{code}^^^H~MRN {code}\r")
    made = replace(manifest("hl7"), handled=(replace(given, action="replaced by a code"),), codes_counted=True)
    assert verify_output(made, tmp_path / "o.hl7", RULES).found == {"MRN": 1}
    with (tmp_path / "o.hl7").open("a") as file:
        file.write(f"PID|1||{code}~{code}\r")
    assert verify_output(made, tmp_path / "o.hl7", RULES).found == {"MRN": 1, "UNIQUE_ID": 1}


def test_an_output_of_a_run_that_counted_fields_is_verified_as_before(tmp_path: Path) -> None:
    """A manifest of HL7 v2 that does not say that codes are counted one by one: all codes of a field are its own."""
    code, old = "5c1e0b7a9d3f42618a7be0f3c4d59e12", tmp_path / "old.json"
    (tmp_path / "o.hl7").write_text(f"MSH|^~\\&|A|B\rPID|1||{code}^^^H~{code}~{code}|||||||||||||||{code}&x\r")
    handled = {"action": "replaced by a code", "count": 1, "place": "PID-3", "rule": "by datatype CX"}
    written = {
        "medium": "hl7", "profile": "p", "project": "", "inputs": ["a" * 64], "records": 1, "failed": 0,
        "outputs": [sha256((tmp_path / "o.hl7").read_bytes()).hexdigest()], "handled": [handled],
    }  # fmt: skip
    old.write_text(json.dumps(written))
    made = read_manifest(old)
    assert not made.codes_counted
    assert json.loads(encode(made)) == written
    found = verify_output(made, tmp_path / "o.hl7", RULES)
    assert (found.sound, found.taken) == (True, 4)
    old.write_text(json.dumps(written | {"codes_counted": True}))
    assert verify_output(read_manifest(old), tmp_path / "o.hl7", RULES).found == {"UNIQUE_ID": 3}


def test_evidence_that_is_over_says_so_beside_its_verdict() -> None:
    """On its last day it still holds; after it, the list says what the gate says."""
    assert ends_in_words("2026-11-01", "2026-11-02") == "2026-11-01 (expired)"
    assert ends_in_words("2026-11-02", "2026-11-02") == "2026-11-02"
    assert ends_in_words("", "2026-11-02") == "never by this policy"
