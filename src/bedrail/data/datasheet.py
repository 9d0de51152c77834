"""A datasheet for a dataset (Gebru et al. 2021, "Datasheets for Datasets", CACM 64(12)): measured where it can be.

Questions that facts answer are answered by facts at every making. The others are for people; their answers are kept
from one version to the next, each with who gave it, when and for which version, and flagged when missing or stale.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import toml_tables
from bedrail.core.values import Value

Section = Literal["motivation", "composition", "collection", "preprocessing", "uses", "distribution", "maintenance"]
Standing = Literal["measured", "answered", "stale", "missing"]

YEAR = 365.25 * 86400
"""An answer is looked at again once a year at least."""


class Question(Value, frozen=True, kw_only=True):
    """One question; `measured` ones are answered by facts, `about_data` ones anew for each version of the data."""

    id: str
    section: Section
    text: str
    measured: bool = False
    about_data: bool = False


def _q(section: Section, name: str, text: str, *, measured: bool = False, about_data: bool = False) -> Question:
    return Question(id=name, section=section, text=text, measured=measured, about_data=about_data)


QUESTIONS: tuple[Question, ...] = (
    _q("motivation", "purpose", "For what purpose was the dataset made?", measured=True),
    _q("motivation", "gap", "Which gap does it fill, that other data do not?"),
    _q("motivation", "funding", "Who paid for making it?"),
    _q(
        "composition", "instances", "What is one row, how many are there, of how many people, from when?", measured=True
    ),
    _q("composition", "columns", "What does each column hold, and how much of it is missing?", measured=True),
    _q("composition", "outcome", "What is the outcome, and how often does it occur?", measured=True),
    _q("composition", "groups", "Which groups of people are in it, and how many of each?", measured=True),
    _q("composition", "sample", "Is it all there is or a sample, and whom does it represent?", about_data=True),
    _q("composition", "errors", "Which errors, noise and redundancies were found?", measured=True),
    _q("composition", "splits", "How is it split?", measured=True),
    _q("composition", "sensitive", "What in it may offend, stigmatise or cause harm?"),
    _q("collection", "sources", "From where, by which query and steps?", measured=True),
    _q("collection", "consent", "Did the people consent, and can they take it back?", measured=True),
    _q(
        "collection",
        "collectors",
        "Who recorded the data at the bedside, how, and with which devices?",
        about_data=True,
    ),
    _q("collection", "labels", "Who or what set the outcome, and how good is it?", about_data=True),
    _q("collection", "review", "Which ethical review was done, and what did it say?"),
    _q("preprocessing", "treatments", "What was done to the data on the way in?", measured=True),
    _q("preprocessing", "raw", "Is the raw data kept, where, and for how long?"),
    _q("uses", "so-far", "What was it used for so far?", measured=True),
    _q("uses", "not-for", "What must it not be used for?"),
    _q("uses", "risks", "What in its making could make a use unfair or unsafe?", about_data=True),
    _q("distribution", "who", "Who may have it, under which terms?"),
    _q("maintenance", "owner", "Who keeps it and answers questions about it?", measured=True),
    _q("maintenance", "versions", "Which versions are there, and what changed since the last?", measured=True),
    _q("maintenance", "updates", "When and by whom will it be renewed, corrected, or destroyed?"),
)
"""The questions that bear on clinical data, in the order of the paper."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


class Answer(Value, frozen=True, kw_only=True):
    """What a person answered: by whom, when (seconds since 1970), and for which version of the data."""

    text: Text
    by: str
    at: float
    dataset: str


class Entry(Value, frozen=True, kw_only=True):
    """One question with its answer and how that stands."""

    question: Question
    standing: Standing
    answer: str = ""
    by: str = ""
    note: str = ""


class Datasheet(Value, frozen=True, kw_only=True):
    """A whole sheet about one version of a dataset."""

    dataset: str
    use_case: str
    title: str
    made_at: str
    entries: tuple[Entry, ...]
    answers: dict[str, Answer]

    def standing(self, standing: Standing) -> tuple[str, ...]:
        """The ids of the questions that stand so."""
        return tuple(entry.question.id for entry in self.entries if entry.standing == standing)


def make_datasheet(
    measured: Mapping[str, str],
    answers: Mapping[str, Answer],
    *,
    dataset: str,
    use_case: str,
    title: str,
    made_at: str,
    now: float,
) -> Datasheet:
    """The sheet from measured answers (by question) and people's answers, new and kept."""
    entries = tuple(_entry(question, measured, answers, dataset, now) for question in QUESTIONS)
    return Datasheet(
        dataset=dataset, use_case=use_case, title=title, made_at=made_at, entries=entries, answers=dict(answers)
    )


def _entry(
    question: Question, measured: Mapping[str, str], answers: Mapping[str, Answer], dataset: str, now: float
) -> Entry:
    if question.measured:
        text = measured.get(question.id, "")
        return Entry(question=question, standing="measured" if text else "missing", answer=text)
    answer = answers.get(question.id)
    if answer is None:
        return Entry(question=question, standing="missing")
    why = ""
    if question.about_data and answer.dataset != dataset:
        why = f"answered for version {answer.dataset[:12]}"
    elif now - answer.at > YEAR:
        why = "answered more than a year ago"
    return Entry(question=question, standing="stale" if why else "answered", answer=answer.text, by=answer.by, note=why)


def read_answers(text: str, *, name: str = "answers.toml") -> dict[str, str]:
    """Answers by question from TOML (`gap = "..."`); raises `Invalid` for one that is none, or that facts answer."""
    try:
        given = toml_tables(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"not TOML ({error}).", path=name, remedy='Write lines such as gap = "..."') from None
    asked = {question.id for question in QUESTIONS if not question.measured}
    for key, value in given.items():
        if key not in asked:
            there = ", ".join(sorted(asked))
            raise Invalid(f"no question for people is called `{key}`.", path=name, remedy=f"There are: {there}.")
        if not isinstance(value, str) or not value.strip():
            raise Invalid(f"`{key}` says nothing.", path=name, remedy="Answer in a sentence, or leave it out.")
    return {key: value.strip() for key, value in given.items()}


def answers_template(answers: Mapping[str, Answer]) -> str:
    """A TOML file with every question for people: kept answers as they are, the others as comments to fill."""
    lines = ["# Answers to the datasheet's questions for people. Hand in: bedrail data sheet USE_CASE --answers FILE"]
    for question in QUESTIONS:
        if question.measured:
            continue
        kept = answers.get(question.id)
        who = f" ({kept.by})" if kept else ""
        said = msgspec.json.encode(kept.text if kept else "").decode().replace("\x7f", "\\u007f")
        lines += ["", f"# {question.text}{who}", f"{'' if kept else '# '}{question.id} = {said}"]
    return "\n".join(lines) + "\n"


def datasheet_markdown(sheet: Datasheet) -> str:
    """The sheet as Markdown, section by section."""
    lines = [f"# Datasheet: {sheet.title}", "", f"Version `{sheet.dataset}`, made {sheet.made_at}.", ""]
    section = ""
    for entry in sheet.entries:
        if entry.question.section != section:
            section = entry.question.section
            lines += [f"## {section.capitalize()}", ""]
        standing = "; ".join(word for word in (entry.standing, entry.by, entry.note) if word)
        lines += [
            f"### {entry.question.text}",
            "",
            entry.answer or "Nobody has answered this yet.",
            "",
            f"*{standing}*",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def datasheet_html(sheet: Datasheet) -> str:
    """One self-contained page, section by section."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("bedrail.data"), autoescape=True)
    sections: dict[str, list[Entry]] = {}
    for entry in sheet.entries:
        sections.setdefault(entry.question.section, []).append(entry)
    return environment.get_template("datasheet.html").render(sheet=sheet, sections=sections)
