"""Consent by purpose: what people chose, what holds for those who chose nothing, and whose rows may be used.

Purposes are those of HIPAA and GDPR practice, kept apart because people decide them apart (GDPR recital 43). A choice
is revocable at any time (GDPR Art. 7(3); 45 CFR 164.508(b)(5)), and a refusal is honoured also where the law would not
ask for consent. People appear by pseudonym only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Literal, get_args

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import toml_tables
from bedrail.core.values import Value

Purpose = Literal["care", "quality", "research", "training", "sharing"]
Decision = Literal["permitted", "denied", "revoked"]
Default = Literal["permitted", "opt-out", "opt-in", "waiver"]

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
DECISIONS: tuple[Decision, ...] = get_args(Decision)
EVERY_USE = "*"
UNRULED = "unruled"
FOREVER = float("inf")


class Jurisdiction(Value, frozen=True, kw_only=True):
    """What holds for people who decided nothing, by purpose, and where that is written."""

    name: str
    title: str
    source: str
    care: Default
    quality: Default
    research: Default
    training: Default
    sharing: Default

    def default(self, purpose: Purpose) -> Default:
        """What holds for the purpose without a choice."""
        found: Default = getattr(self, purpose)
        return found

    def defaults(self) -> dict[str, str]:
        """All of them, by purpose."""
        return {purpose: self.default(purpose) for purpose in PURPOSES}


class Choice(Value, frozen=True, kw_only=True):
    """One recorded choice: by whom (a pseudonym), what for, from when to when, and who recorded it on what ground.

    `starts` and `ends` are seconds since 1970 (0 and infinity: without limit); `at` is when it was recorded.
    """

    subject: str
    purpose: Purpose
    use_case: str
    decision: Decision
    at: str
    by: str
    basis: str
    source: str = ""
    starts: float = 0.0
    ends: float = FOREVER

    def holds(self, now: float) -> bool:
        """Whether it is in force at this moment."""
        return self.starts <= now < self.ends


class Ruling(Value, frozen=True, kw_only=True):
    """Whether somebody's data may be used for a purpose, and the choice or default that says so."""

    allowed: bool
    why: str


class Applied(Value, frozen=True, kw_only=True):
    """Consent applied to a table: who falls away, as counts (`people`, `rows`) and as rows to keep."""

    keep: tuple[bool, ...]
    rows: int
    people: int


def parse_jurisdictions(text: str, *, name: str = "jurisdictions.toml") -> dict[str, Jurisdiction]:
    """The rules that a TOML text states, by name; raises `Invalid` with the table at fault."""
    try:
        tables = toml_tables(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"not TOML ({error}).", path=name, remedy="See the shipped jurisdictions.toml.") from None
    found = {}
    for key, table in tables.items():
        try:
            found[key] = msgspec.convert({**table, "name": key}, Jurisdiction)
        except (msgspec.ValidationError, TypeError) as error:
            remedy = (
                f"Each table has title, source and, for {', '.join(PURPOSES)}, one of {', '.join(get_args(Default))}."
            )
            raise Invalid(f"[{key}]: {error}.", path=name, remedy=remedy) from None
    return found


@cache
def shipped_jurisdictions() -> dict[str, Jurisdiction]:
    """The rules that ship with Bedrail."""
    return parse_jurisdictions(
        resources.files("bedrail.data").joinpath("jurisdictions.toml").read_text(encoding="utf-8")
    )


def governing(choices: Iterable[Choice], purpose: str, use_case: str, now: float) -> Choice | None:
    """The choice that decides: the last one in force for this use case, and the last for all; a refusal goes first."""
    last: dict[str, Choice] = {}
    for choice in choices:
        if choice.purpose == purpose and choice.use_case in (use_case, EVERY_USE) and choice.holds(now):
            last[choice.use_case] = choice
    refusal = next((c for c in last.values() if c.decision != "permitted"), None)
    return refusal or last.get(use_case) or last.get(EVERY_USE)


def ruling(
    choices: Iterable[Choice], default: str, purpose: str, use_case: str, now: float, *, waiver: str = ""
) -> Ruling:
    """May this person's data be used? A recorded choice decides; else the default; an unknown default means no.

    A waiver stands for a missing authorisation only (45 CFR 164.512(i)(1)(i)), never against a refusal.
    """
    choice = governing(choices, purpose, use_case, now)
    if choice is not None:
        return Ruling(allowed=choice.decision == "permitted", why=f"{choice.decision} on {choice.at[:10]}")
    if default in ("permitted", "opt-out"):
        return Ruling(allowed=True, why=f"nothing recorded; {default}")
    if default == "waiver" and waiver:
        return Ruling(allowed=True, why="nothing recorded; waiver")
    return Ruling(allowed=False, why=f"nothing recorded; {default}")


def apply_consent(
    subjects: Sequence[str],
    choices: Mapping[str, Sequence[Choice]],
    default: str,
    *,
    purpose: str,
    use_case: str,
    now: float,
    waiver: str = "",
) -> Applied:
    """Which rows may stay, given each row's subject (n,) and everybody's choices by subject."""
    nobody = ruling((), default, purpose, use_case, now, waiver=waiver).allowed
    allowed = {
        subject: ruling(choices[subject], default, purpose, use_case, now, waiver=waiver).allowed
        if subject in choices
        else nobody
        for subject in set(subjects)
    }
    keep = tuple(allowed[subject] for subject in subjects)
    return Applied(keep=keep, rows=keep.count(False), people=sum(not yes for yes in allowed.values()))


def moment(text: str, *, path: str, empty: float) -> float:
    """Seconds since 1970 of an ISO 8601 day or time (UTC unless it says otherwise); `empty` for none.

    Raises `Invalid`.
    """
    if not text:
        return empty
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("this is no time.", path=path, remedy="Write 2026-11-22 or 2026-11-22T05:00:00+00:00.") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
