"""What people write on a card: read from TOML, kept from one making to the next, and how each section stands.

Never overwritten: a section that a file leaves out or empty stays as it was; one whose ground moved is flagged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from bedrail.checks.cards.items import BY_ID, PEOPLE, Item
from bedrail.checks.cards.values import Answer, Said, Sections, Source, Standing
from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import toml_tables
from bedrail.core.values import Value

LONGEST = 20_000
YEAR_DAYS = 365
ALL = "all"


class Ground(Value, frozen=True, kw_only=True):
    """What sections rest on now: candidate, charter, and when the evidence last changed (seconds since 1970)."""

    candidate: str
    charter: str
    evidence_since: float
    now: float


def read_sections(text: str, *, name: str = "card.toml") -> dict[str, str]:
    """Sections by item from TOML (`risks = "..."`), empty ones left out; raises `Invalid` for what is no section."""
    try:
        given = toml_tables(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"not TOML ({error}).", path=name, remedy='Write lines such as risks = "..."') from None
    known = {item.id for item in PEOPLE}
    for key, value in given.items():
        if key not in known:
            why = "facts fill it" if key in BY_ID else f"there are: {', '.join(sorted(known))}"
            raise Invalid(f"`{key}` is no section for people: {why}.", path=name, remedy="Remove it.")
        if not isinstance(value, str):
            raise Invalid(f"`{key}` is no text.", path=name, remedy="Write it in quotes.")
        if len(value) > LONGEST:
            raise Invalid(f"`{key}` has more than {LONGEST} characters.", path=name, remedy="Say it shorter.")
    return {key: value.strip() for key, value in given.items() if value.strip()}


def adopted(
    kept: Sections, given: Mapping[str, str], confirmed: Sequence[str], *, by: str, at: str, ground: Ground
) -> tuple[Sections, tuple[str, ...], tuple[str, ...]]:
    """The sections after an adoption; which changed; which were confirmed as they are.

    A changed or confirmed one bears the new author and time; any other stays with its own. `all` confirms every one
    there is. Raises `Invalid` for confirming what nobody wrote.
    """
    names = tuple(kept.answers) if ALL in confirmed else tuple(confirmed)
    for name in names:
        if name not in kept.answers and name not in given:
            remedy = "Write it first: bedrail card edit-template shows what is there."
            raise Invalid(f"nobody wrote `{name[:40]}` yet.", path="--confirm", remedy=remedy)
    changed = tuple(name for name, text in given.items() if name not in kept.answers or kept.answers[name].text != text)
    again = tuple(name for name in names if name not in changed)
    answers = dict(kept.answers)
    for name in (*changed, *again):
        text = given.get(name) or answers[name].text
        answers[name] = Answer(text=text, by=by, at=at, candidate=ground.candidate, charter=ground.charter)
    return msgspec.structs.replace(kept, answers=answers), changed, again


def stale_because(item: Item, answer: Answer, ground: Ground) -> str:
    """Why a section must be looked at again; empty when it need not."""
    at = datetime.fromisoformat(answer.at).timestamp()
    if item.about in ("model", "evidence") and answer.candidate != ground.candidate:
        return f"written about candidate {answer.candidate[:12]}"
    if item.about == "evidence" and ground.evidence_since > at:
        return "the evidence changed since"
    if item.about in ("use", "model", "evidence") and answer.charter != ground.charter:
        return "the use case changed since"
    if ground.now - at > YEAR_DAYS * 86400:
        return "written more than a year ago"
    return ""


def said_by_people(item: Item, sections: Sections, ground: Ground) -> Said:
    """A section of the card as it stands."""
    answer = sections.answers.get(item.id)
    if answer is None:
        standing: Standing = "missing" if item.required else "optional"
        return Said(item=item.id, text="", standing=standing, owner=item.owner)
    why = stale_because(item, answer, ground)
    return Said(
        item=item.id,
        text=answer.text,
        standing="stale" if why else "answered",
        sources=(Source(kind="person", name=answer.by),),
        by=answer.by,
        at=answer.at,
        note=why,
        owner=item.owner,
    )


def template(sections: Sections, ground: Ground, *, title: str) -> str:
    """A TOML file with every section for people: what is there, what is owed and by whom, what is stale and why."""
    lines = [
        f"# Model card of {title}: the sections that people write. Keep this file beside usecase.toml.",
        "# Adopt it: bedrail card adopt USE_CASE FILE. What is left empty stays as it was.",
    ]
    for item in PEOPLE:
        said = said_by_people(item, sections, ground)
        standing = {"missing": "MISSING", "stale": f"STALE, {said.note}", "optional": "optional"}.get(said.standing, "")
        who = f"{said.by}, {said.at[:10]}" if said.by else f"for: {item.owner}"
        head = "; ".join(word for word in (item.title, who, standing) if word)
        lines += ["", f"# {head}", f"# {item.asks}", f"{item.id} = {_toml(said.text)}"]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    """A TOML string; JSON's escapes are TOML's too."""
    if "\n" not in text:
        return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
    inner = msgspec.json.encode(text).decode()[1:-1].replace("\x7f", "\\u007f")
    parts = inner.replace("\\\\", "\0").split("\\n")
    return '"""\n' + "\n".join(parts).replace("\0", "\\\\") + '"""'
