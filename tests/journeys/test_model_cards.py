"""Model cards as people meet them: made from evidence, completed by people, kept, linted, verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bedrail.app import verify_package
from bedrail.checks.cards.chai import PARTS
from bedrail.checks.cards.items import PEOPLE
from bedrail.checks.cards.reading import read_card_text
from bedrail.core.errors import Corrupt, Invalid, Refused
from bedrail.core.events import CardMade, CardSectionsAdopted, ChangeLogMade, DatasetRead, decode
from bedrail.core.values import Evidence, Verdict
from bedrail.journeys import papers
from bedrail.journeys.card_facts import KINDS
from bedrail.journeys.change_log import read_changes, tell_changes
from bedrail.journeys.examination import read_evidence, record_evidence
from bedrail.models.values import KINDS as KINDS_OF_MODELS
from small_home import CASE, copied, opened, told

pytestmark = pytest.mark.slow

SECTIONS = {
    "developer": "Example Health System, data science team",
    "contact": "ai@hospital.example",
    "availability": "Example Health System, United States",
    "users": "Discharge nurses and hospitalists trained on the tool",
    "how-to-use": "Read the risk and its reasons at discharge planning; confirm or override the suggestion.",
    "risks": "Patients who are readmitted elsewhere count as not readmitted; rare diagnoses have few examples.",
    "biases": "Race is recorded by staff; outcomes of uninsured patients may be missed. See the figures by group.",
    "relevance": "The same hospitals and wards as in use; years differ.",
    "fairness-approach": "Gaps between groups are tested with control of the family-wise error.",
    "bias-mitigation": "No attribute of race is an input; figures by group are watched.",
    "funding": "Internal budget for quality of care",
    "stakeholders": "Discharge nurses, two hospitalists, the patient council",
    "publications": "None",
    "patient-disclosure": "Patients are told on admission and may decline.",
}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory, "papers")


def facts(app: Any, kind: type) -> list[Any]:
    return [e.fact for e in (decode(data) for _, data in app.context.tape.entries()) if isinstance(e.fact, kind)]


def test_a_first_card_names_what_people_owe_and_fills_the_rest_from_facts(home: Path) -> None:
    """Every item for people that is required is missing; no other is; the evidence `model-card` says so."""
    with opened(home) as app:
        made = papers.make_card(app.context, "sam", CASE, "baseline", pdf=False)
        assert set(made.card.standing("missing")) == {item.id for item in PEOPLE if item.required}
        assert made.verdict == "missing"
        assert {said.item for said in made.card.said if not said.text} <= {item.id for item in PEOPLE} | {
            "local-validity",
            "local-fairness",
        }
        assert not [each for each in made.findings if each.severity == "error" and each.rule != "missing-section"]
        view = app.context.use_case(CASE)
        assert view.evidence[made.card.candidate, "model-card"].verdict in ("missing", "fail")


def test_a_card_names_the_kind_of_every_model_that_there_can_be() -> None:
    """None is left out (an explainable boosting machine broke the card off); imported trees need not be boosted."""
    assert set(KINDS) == set(KINDS_OF_MODELS)
    assert "oost" not in KINDS["trees"]


def test_people_complete_it_and_their_sections_are_kept_flagged_and_never_overwritten(home: Path) -> None:
    """Author and time are on record; a new examination makes what speaks of evidence stale; a confirmation mends it."""
    with opened(home) as app:
        ctx = app.context
        with pytest.raises(Refused):
            papers.adopt_sections(ctx, "rob", CASE, SECTIONS)
        changed, _ = papers.adopt_sections(ctx, "dr-adams", CASE, SECTIONS, candidate="baseline", reason="first")
        assert set(changed) == set(SECTIONS)
        assert facts(app, CardSectionsAdopted)[-1].changed == changed
        made = papers.make_card(ctx, "sam", CASE, "baseline", pdf=False)
        errors = [each for each in made.findings if each.severity == "error"]
        assert (made.verdict, errors) == ("pass", [])
        risks = made.card.item("risks")
        assert (risks.by, risks.standing, risks.text) == ("dr-adams", "answered", SECTIONS["risks"])
        papers.adopt_sections(ctx, "sam", CASE, {"contact": "models@hospital.example", "risks": SECTIONS["risks"]})
        again = papers.make_card(ctx, "sam", CASE, "baseline", pdf=False).card
        assert (again.item("contact").by, again.item("risks").by) == ("sam", "dr-adams")
        other = papers.make_card(ctx, "sam", CASE, "boosted", pdf=False)
        assert other.verdict == "missing"
        assert {"risks", "biases", "relevance"} <= set(other.card.standing("stale"))
        assert other.card.item("risks").text == SECTIONS["risks"]
        _, confirmed = papers.adopt_sections(ctx, "dr-adams", CASE, {}, candidate="boosted", confirm=("all",))
        assert set(confirmed) == set(SECTIONS)
        assert papers.make_card(ctx, "sam", CASE, "boosted", pdf=False).verdict == "pass"


def test_figures_on_every_page_are_those_of_the_signed_evidence(home: Path) -> None:
    """Each figure of the evidence for the same version stands in record, XML and reference with the same digits."""
    with opened(home) as app:
        ctx = app.context
        made = papers.make_card(ctx, "sam", CASE, "baseline", pdf=False)
        view = ctx.use_case(CASE)
        known: dict[tuple[str, str, str], Any] = {}
        for (about, check), each in view.evidence.items():
            if about in (made.card.candidate, "") and check != "model-card":
                evidence: Evidence = read_evidence(ctx, each.evidence)
                known |= {(each.evidence, f.check, f.group): f for f in evidence.findings}
        assert len(made.card.measures) > 40
        for measure in made.card.measures:
            finding = known[measure.digest, measure.check, measure.group]
            assert (measure.estimate, measure.n) == (finding.estimate, finding.n)
            assert measure.low is None or (measure.low, measure.high) == (finding.low, finding.high)
        overall = {key for key, f in known.items() if f.group == "overall" and f.estimate not in (None, float("inf"))}
        assert overall <= {(m.digest, m.check, m.group) for m in made.card.measures}
        xml = (Path(made.folder) / "baseline-card.xml").read_bytes()
        results = read_card_text(xml).results
        assert [(r.estimate, r.low, r.high, r.n) for r in results if r.check] == [
            (m.estimate, m.low, m.high, m.n) for part in PARTS.values() for m in made.card.figures(part)
        ]
        attributes = json.loads((Path(made.folder) / "baseline-hti1.json").read_text())["attributes"]
        assert len(attributes) == 31
        assert all(each["value"] for each in attributes)
        lacking = [each for each in attributes if not each["provided"]]
        assert all(each["value"] == "not provided" and each["owner"] for each in lacking)
        assert facts(app, DatasetRead)[-1].reason == "making the model card"


def test_a_changed_page_is_not_the_recorded_one_and_an_older_one_is_told(home: Path, tmp_path: Path) -> None:
    """Any format, under any name; one byte is enough; the linter holds the recorded card to the evidence."""
    with opened(home) as app:
        papers.adopt_sections(app.context, "dr-adams", CASE, SECTIONS, candidate="boosted")
        papers.make_card(app.context, "sam", CASE, "boosted", pdf=False)
        made = papers.make_card(app.context, "sam", CASE, "spare", pdf=False)
        older = {name: (Path(made.folder) / name).read_bytes() for name in made.papers}
        assert facts(app, CardMade)[-1].papers == made.papers
    for name, data in older.items():
        (tmp_path / f"page-{name}").write_bytes(data)
        assert told("card", "verify", str(tmp_path / f"page-{name}"), home=home).code == 0
    (tmp_path / "x.html").write_bytes(older["spare-card.html"].replace(b"0.", b"1.", 1))
    assert told("card", "verify", str(tmp_path / "x.html"), home=home).code == 1
    with opened(home) as app:
        papers.adopt_sections(app.context, "sam", CASE, {"keywords": "discharge"}, candidate="spare")
    assert told("--as", "sam", "card", "make", CASE, "--candidate", "spare", "--no-pdf", home=home).code == 1
    ran = told("card", "verify", str(tmp_path / "page-spare-card.xml"), "--json", home=home)
    assert (ran.code, json.loads(ran.out)["recorded"], json.loads(ran.out)["newest"]) == (1, True, False)
    assert told("card", "lint", CASE, "--candidate", "boosted", home=home).code == 0
    wrong = older["spare-card.xml"].decode()
    place = wrong.index('"estimate":') + len('"estimate":')
    (tmp_path / "wrong.xml").write_text(wrong[:place] + "0.99" + wrong[wrong.index(",", place) :])
    ran = told("card", "lint", str(tmp_path / "wrong.xml"), "--against", CASE, "--candidate", "spare", home=home)
    assert ran.code == 1
    assert "evidence-differs" in ran.out


def test_the_file_for_people_comes_back_as_it_was_written(home: Path, tmp_path: Path) -> None:
    """Template, edit, adopt: quotes, newlines and backslashes survive; adopting it unchanged is refused."""
    text = 'Line one "quoted"\nback\\slash \\n and """ three\n\n- a point'
    file = tmp_path / "card.toml"
    assert told("card", "edit-template", CASE, "--out", str(file), home=home).code == 0
    assert told("--as", "sam", "card", "adopt", CASE, str(file), home=home).code == 2
    body = file.read_text()
    assert 'cautions = ""' in body
    file.write_text(body.replace('cautions = ""', f"cautions = {json.dumps(text)}"))
    assert told("--as", "sam", "card", "adopt", CASE, str(file), home=home).code == 0
    (tmp_path / "again.toml").unlink(missing_ok=True)
    assert told("card", "edit-template", CASE, "--out", str(tmp_path / "again.toml"), home=home).code == 0
    assert told("--as", "sam", "card", "adopt", CASE, str(tmp_path / "again.toml"), home=home).code == 2
    with opened(home) as app:
        assert papers.last_sections(app.context, CASE)[0].answers["cautions"].text == text


def test_new_evidence_makes_what_was_written_about_it_stale(home: Path) -> None:
    """A verdict that changed after the section was written; the text stays."""
    with opened(home) as app:
        ctx = app.context
        papers.adopt_sections(ctx, "dr-adams", CASE, SECTIONS, candidate="baseline")
        assert not papers.make_card(ctx, "sam", CASE, "baseline", pdf=False).card.standing("stale")
        view = ctx.use_case(CASE)
        digest = view.candidate("baseline").candidate
        told_before = view.evidence[digest, "calibration"].verdict
        verdict = Verdict.MISSING if told_before == "fail" else Verdict.FAIL
        answer = Evidence(check="calibration", verdict=verdict, reason="Measured again.", findings=())
        dataset = view.evidence[digest, "calibration"].dataset
        record_evidence(
            ctx, ctx.require("sam", "candidate.examine"), [answer], use_case=CASE, candidate=digest, dataset=dataset
        )
        card = papers.make_card(ctx, "sam", CASE, "baseline", pdf=False).card
        assert {"risks", "biases"} <= set(card.standing("stale"))
        assert card.item("risks").note == "the evidence changed since"


def test_what_changed_between_two_candidates_is_told_signed_and_on_record(home: Path, tmp_path: Path) -> None:
    """Recipe, figures with both intervals, verdicts; the same pair again keeps the summary; a false seal is refused."""
    with opened(home) as app:
        ctx = app.context
        first = tell_changes(ctx, "sam", CASE, "baseline", "boosted", summary="Trees instead of a line.")
        log = first.log
        assert {"kind", "recipe"} <= {each.what for each in log.of("recipe")}
        assert not log.of("data")
        assert log.same_patients
        assert len(log.figures) > 40
        known = {(m.digest, m.check, m.group) for m in papers.evidence_figures(ctx, "sam", CASE, "boosted")}
        assert {(f.after.digest, f.check, f.group) for f in log.figures} <= known
        assert any(each.what.startswith("clinical-lead") for each in log.of("approvals"))
        assert read_changes(ctx, first.digest) == log
        again = tell_changes(ctx, "sam", CASE, "baseline", "boosted")
        assert again.log.summary == log.summary
        assert facts(app, ChangeLogMade)[-1].papers == again.papers
        assert papers.verify_paper(ctx, "sam", (Path(again.folder) / next(iter(again.papers))).read_bytes()).recorded
        with pytest.raises(Invalid):
            tell_changes(ctx, "sam", CASE, "boosted", "boosted")
        with pytest.raises(Refused):
            tell_changes(ctx, "ada", CASE, "baseline", "boosted")
    ran = told("--as", "sam", "card", "changelog", CASE, "--before", "spare", "--after", "boosted", home=home)
    assert (ran.code, "## Figures" in ran.out, "## Recipe" in ran.out) == (0, True, True)


def test_the_card_travels_with_the_model_and_a_changed_page_is_found(home: Path, tmp_path: Path) -> None:
    """Every page but the PDF, each held to the signed lineage; a page that was changed, or added, is named."""
    assert told("--as", "sam", "card", "make", CASE, "--candidate", "boosted", "--no-pdf", home=home).code in (0, 1)
    folder = tmp_path / "handed"
    ran = told("--as", "rob", "candidates", "export", CASE, str(folder), "--candidate", "boosted", home=home)
    assert ran.code == 0, ran.err
    found = verify_package(folder, None, None)
    assert set(found.pages) == {f"boosted-{end}" for end in (
        "card.xml", "card.md", "card.html", "card.json", "card.fhir.json", "card.dsse.json", "hti1.json", "hti1.html"
    )}  # fmt: skip
    page = folder / "card" / "boosted-card.html"
    page.write_bytes(page.read_bytes().replace(b"Readmission", b"Remission", 1) + b" ")
    with pytest.raises(Corrupt, match=r"card/boosted-card\.html"):
        verify_package(folder, None, None)
    page.rename(folder / "card" / "other.html")
    with pytest.raises(Corrupt, match=r"card/other\.html"):
        verify_package(folder, None, None)
