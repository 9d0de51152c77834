"""Datasheets: facts answer what they can, people's answers are kept and flagged when missing or stale."""

from __future__ import annotations

import pytest

from bedrail.core.errors import Invalid
from bedrail.data.datasheet import (
    QUESTIONS,
    YEAR,
    Answer,
    Datasheet,
    answers_template,
    datasheet_html,
    datasheet_markdown,
    make_datasheet,
    read_answers,
)

NOW = 1_800_000_000.0
MEASURED = {q.id: f"measured {q.id}" for q in QUESTIONS if q.measured}


def sheet(answers: dict[str, Answer], dataset: str = "b" * 64) -> Datasheet:
    return make_datasheet(
        MEASURED, answers, dataset=dataset, use_case="falls", title="Falls <b>", made_at="2026-11-22", now=NOW
    )


def answer(text: str = "we did", at: float = NOW - 10, dataset: str = "b" * 64) -> Answer:
    return Answer(text=text, by="sam", at=at, dataset=dataset)


def test_questions_are_named_once_and_cover_the_seven_sections() -> None:
    """Gebru et al.: motivation to maintenance; more than half are measured."""
    assert len({q.id for q in QUESTIONS}) == len(QUESTIONS)
    assert len({q.section for q in QUESTIONS}) == 7
    assert len(MEASURED) >= len(QUESTIONS) / 2


def test_what_nobody_answered_is_missing_and_what_facts_answer_is_not() -> None:
    """Without answers every question for people is missing; without a measurement so is a measured one."""
    empty = sheet({})
    assert set(empty.standing("missing")) == {q.id for q in QUESTIONS if not q.measured}
    assert set(empty.standing("measured")) == set(MEASURED)


def test_answers_about_the_data_are_stale_with_its_next_version_and_all_after_a_year() -> None:
    """Who was sampled is asked again for each version; who paid is not, but once a year."""
    answers = {"sample": answer(), "funding": answer(), "gap": answer(at=NOW - YEAR - 1)}
    now = sheet(answers)
    assert (set(now.standing("answered")), now.standing("stale")) == ({"sample", "funding"}, ("gap",))
    later = sheet(answers, dataset="c" * 64)
    assert (later.standing("answered"), set(later.standing("stale"))) == (("funding",), {"sample", "gap"})
    assert later.answers == answers, "stale answers are kept"


def test_the_page_names_what_is_owed_and_escapes_what_people_wrote() -> None:
    """Missing ones in words; no markup from answers or titles."""
    page = datasheet_html(sheet({"gap": answer("<script>")}))
    assert "&lt;script&gt;" in page
    assert "Falls &lt;b&gt;" in page
    assert "Missing: nobody has answered this yet." in page


def test_the_file_for_answers_gives_back_what_was_answered_and_asks_the_rest() -> None:
    """Quotes, newlines and backslashes survive; what nobody answered stands as a comment; Markdown says all."""
    words = 'a "b"\nc \\n \x7f é'
    text = answers_template({"gap": answer(words)})
    assert read_answers(text) == {"gap": words}
    assert all(f"# {q.id} = " in text for q in QUESTIONS if not q.measured and q.id != "gap")
    markdown = datasheet_markdown(sheet({"gap": answer("we did")}))
    assert all(q.text in markdown for q in QUESTIONS)
    assert "we did" in markdown


@pytest.mark.parametrize("text", ["[", 'nothing = "x"', 'instances = "x"', "gap = 3", 'gap = "  "'])
def test_answers_to_no_question_are_refused(text: str) -> None:
    """Broken TOML, unknown and measured questions, and answers that say nothing."""
    with pytest.raises(Invalid):
        read_answers(text)
