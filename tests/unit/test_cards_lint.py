"""The linter of cards: planted contradictions are found, clean cards raise nothing, whatever the format."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest
from lxml import etree
from test_cards_chai import made

from bedrail.checks.cards.chai import departures
from bedrail.checks.cards.lint import RULES, as_junit, as_sarif, lint_card, lint_file, titles
from bedrail.checks.cards.reading import read_card_text
from bedrail.checks.cards.values import Measure
from bedrail.checks.cards.wording import ages, figures_said, moments, periods, says_nothing
from bedrail.checks.cards.xml_nodes import read_nodes
from bedrail.core.errors import Invalid
from cards_corpus import clean, html_of, json_of, markdown_of, planted, xml_of

FORMATS = {"xml": xml_of, "json": json_of, "html": html_of, "markdown": markdown_of}


@pytest.mark.parametrize("name", FORMATS)
def test_clean_cards_raise_no_alarm(name: str) -> None:
    """Six cards whose wording is meant to tempt a reader of words; as XML they keep the schema."""
    for title, card in clean().items():
        data = FORMATS[name](card)
        assert lint_file(data, name=title) == (), title
        assert name != "xml" or departures(read_nodes(data)) == ()


@pytest.mark.slow
def test_every_planted_contradiction_is_found_and_nothing_else() -> None:
    """At least 100 over at least 45 rules; a finding of another rule is a false alarm unless the plant names it."""
    seen: Counter[str] = Counter()
    for plant, card in planted():
        found = {each.rule for each in lint_file(xml_of(card), name=plant["base"])}
        assert plant["rule"] in found, plant
        assert found <= {plant["rule"], *plant.get("also", ())}, (plant, found)
        seen[plant["rule"]] += 1
    assert sum(seen.values()) >= 100
    assert len(seen) >= 45
    assert set(seen) <= set(titles())
    assert set(titles()) - set(seen) == {"stale-section", "evidence-differs"}, "plant one for each rule"


@pytest.mark.slow
def test_what_stands_in_texts_is_found_in_pages_and_other_json_too() -> None:
    """Contradictions between fields that a page has; JSON has every field but the schema."""
    page_fields = {"ModelName", "IntendedUseAndWorkflow", "TargetedPatientPopulation", "CautionedOutOfScopeSettings",
                   "KnownRisksAndLimitations", "OutcomesAndOutputs", "DevelopmentDataCharacterization",
                   "OutputAndInputDataTypes"}  # fmt: skip
    rules = {"modality", "body-region", "outcome", "age-groups", "sex", "setting", "scope-overlap", "risks-none"}
    pages = 0
    for plant, card in planted():
        touched = {*plant.get("set", {}), *plant.get("append", {})}
        if plant["rule"] not in ("schema", "missing-section"):
            found = {each.rule for each in lint_file(json_of(card), name="x")}
            assert plant["rule"] in found, plant
        if plant["rule"] in rules and touched and touched <= page_fields:
            pages += 1
            for render in (html_of, markdown_of):
                assert plant["rule"] in {each.rule for each in lint_file(render(card), name="x")}, plant
    assert pages >= 12


def test_figures_are_held_to_the_evidence_to_the_digits_written() -> None:
    """Rounded to three digits is the same; another value, bound or measure of the same name is not."""
    card = made()
    evidence = [msgspec.structs.replace(m) for m in card.measures]
    assert "evidence-differs" not in {each.rule for each in lint_card(card, evidence)}
    moved = [msgspec.structs.replace(m, estimate=m.estimate + 0.002) for m in evidence]
    assert {each.rule for each in lint_card(card, moved)} >= {"evidence-differs"}
    measure = Measure(part="usefulness", check="discrimination.auroc", label="AUROC", group="overall", estimate=0.67249)
    typed = clean()["readmission"]
    assert lint_file(xml_of(typed), evidence=[measure]) == ()
    worse = msgspec.structs.replace(measure, estimate=0.64)
    (found,) = lint_file(xml_of(typed), evidence=[worse])
    assert (found.rule, found.severity) == ("evidence-differs", "error")


def test_our_own_card_tells_what_people_owe_and_what_is_stale() -> None:
    """Missing sections are errors, stale ones warnings, each by its item."""
    empty = {each.place for each in lint_card(made(**{"risks": "", "biases": ""})) if each.rule == "missing-section"}
    assert empty == {"risks", "biases"}
    card = made()
    said = tuple(msgspec.structs.replace(s, standing="stale") if s.item == "risks" else s for s in card.said)
    (stale,) = [e for e in lint_card(msgspec.structs.replace(card, said=said)) if e.rule == "stale-section"]
    assert (stale.place, stale.severity) == ("risks", "warning")


def test_findings_go_out_as_sarif_and_junit() -> None:
    """One result a finding with its line, one case a rule with its failure."""
    _, card = next(planted())
    found = lint_file(xml_of(card), name="card.xml")
    (run,) = json.loads(as_sarif(found, name="card.xml"))["runs"]
    assert [each["ruleId"] for each in run["results"]] == [each.rule for each in found]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] > 1
    assert len(run["tool"]["driver"]["rules"]) == len(RULES) + 1
    suite = etree.fromstring(as_junit(found, name='a "b" <c>.xml').encode())
    assert suite.get("failures") == "1"
    assert [case.get("name") for case in suite if case.find("failure") is not None] == [found[0].rule]


@pytest.mark.parametrize(
    "data", [b"", b"plain words", b"{}", b"[1, 2", b"\xff\xfe\x00", b"<html></html>", b'{"payload": "x"}']
)
def test_what_is_no_card_is_said_to_be_none_or_has_no_section(data: bytes) -> None:
    """Never a crash: invalid, or every essential section missing."""
    try:
        card = read_card_text(data)
    except Invalid:
        return
    assert not card.fields
    assert "missing-section" in {each.rule for each in lint_file(data)}


def test_texts_are_read_as_people_read_them() -> None:
    """Ages, dates, periods, figures, nothing; a figure of a goal or of others is not the model's."""
    said = [
        (a.low, a.high) for a in ages("adults aged 18 and older; ages 0-17; ≥ 65 years; under 16 years; 5 to 9 days")
    ]
    assert sorted(said, key=str) == sorted([(18, None), (0, 17), (65, None), (None, 16)], key=str)
    assert moments("March 2024 and 2023-05-06, since 2019") == [(2023, 5), (2024, 3), (2019, 0)]
    assert periods("from January 2018 to December 2023; 2017-2024") == [((2018, 1), (2023, 12)), ((2017, 0), (2024, 0))]
    assert [(n, round(v, 6)) for n, v, _ in figures_said("AUROC of 0.81, sensitivity: 94.2%")] == [
        ("auroc", 0.81),
        ("sensitivity", 0.942),
    ]
    assert list(figures_said("The goal was an AUROC of 0.8. LACE as a baseline has an AUROC of 0.7.")) == []
    assert all(says_nothing(text) for text in ("", " None. ", "N/A", "not applicable", "No known biases"))
    assert not says_nothing("None beyond a lower sensitivity in infants")
