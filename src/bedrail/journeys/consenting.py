"""Consent: recording choices by purpose, reading them back with their history, and adopting what holds without them.

A choice is in force in every process as soon as that process has followed the ledger: within a second on a running
server, like a halt. Looking at somebody's choices is itself on record.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.events import ConsentRecorded, ConsentRulesAdopted, DataRead
from bedrail.core.values import Value
from bedrail.data.consent import (
    EVERY_USE,
    FOREVER,
    PURPOSES,
    Choice,
    Decision,
    Jurisdiction,
    Purpose,
    Ruling,
    moment,
    parse_jurisdictions,
    shipped_jurisdictions,
)
from bedrail.journeys.context import Context

LONGEST_BASIS = 500
AT_ONCE = 500
"""Choices in one durable commit."""


class Wanted(Value, frozen=True, kw_only=True):
    """A choice to record. The person is named by `patient` (as the hospital writes it) or by `subject`, a pseudonym.

    `starts` and `ends` are ISO 8601, empty without limit; `source` is the SHA-256 of the document behind it.
    """

    purpose: Purpose
    decision: Decision
    patient: str = ""
    subject: str = ""
    use_case: str = EVERY_USE
    starts: str = ""
    ends: str = ""
    basis: str = ""
    source: str = ""


class Standing(Value, frozen=True, kw_only=True):
    """Where a person stands: what may be done now by purpose and use case, and everything they ever chose."""

    subject: str
    rules: str
    now: dict[str, Ruling]
    history: tuple[Choice, ...]


def record_choices(ctx: Context, person: str, wanted: Sequence[Wanted]) -> int:
    """Record choices, many in one commit; returns how many.

    Raises `Refused` for a role that may not, `NotFound` for a use case that is none, and `Invalid` for a choice without
    a person, or with a time that is none or ends before it begins; then none is recorded.
    """
    actor = ctx.require(person, "consent.change")
    facts = [_fact(ctx, each, f"choice {number + 1}") for number, each in enumerate(wanted)]
    for start in range(0, len(facts), AT_ONCE):
        ctx.append(actor, "care", *facts[start : start + AT_ONCE])
    return len(facts)


def _fact(ctx: Context, wanted: Wanted, path: str) -> ConsentRecorded:
    if bool(wanted.patient.strip()) == bool(wanted.subject):
        raise Invalid("name the person once.", path=path, remedy="Give the identifier, or the pseudonym.")
    if wanted.use_case != EVERY_USE:
        ctx.use_case(wanted.use_case)
    starts, ends = moment(wanted.starts, path=path, empty=0.0), moment(wanted.ends, path=path, empty=FOREVER)
    if ends <= starts:
        raise Invalid("the choice ends before it begins.", path=path, remedy="Give a later end, or none.")
    if len(wanted.basis) > LONGEST_BASIS:
        raise Invalid("the basis is too long.", path=path, remedy=f"Say it in {LONGEST_BASIS} characters.")
    return ConsentRecorded(
        subject=wanted.subject or ctx.pseudonyms.pseudonym(wanted.patient.strip()),
        purpose=wanted.purpose,
        use_case=wanted.use_case,
        choice=wanted.decision,
        starts=wanted.starts,
        ends=wanted.ends,
        basis=wanted.basis,
        source=wanted.source,
    )


def standing(ctx: Context, person: str, *, patient: str = "", subject: str = "") -> Standing:
    """What one person chose and what therefore may be done now; that somebody looked is on record."""
    actor = ctx.require(person, "consent.read")
    if bool(patient.strip()) == bool(subject):
        raise Invalid("name the person once.", path="patient", remedy="Give the identifier, or the pseudonym.")
    subject = subject or ctx.pseudonyms.pseudonym(patient.strip())
    consents, now = ctx.refresh().consents, ctx.clock.now().timestamp()
    history = consents.choices.get(subject, ())
    uses = sorted({choice.use_case for choice in history} | {EVERY_USE})
    found = {
        purpose if use == EVERY_USE else f"{purpose} ({use})": consents.ask(subject, purpose, use, now)
        for use in uses
        for purpose in PURPOSES
        if use == EVERY_USE or any((c.purpose, c.use_case) == (purpose, use) for c in history)
    }
    read = DataRead(use_case="", kind="consent", count=len(history), reason="consent shown", subject=subject)
    ctx.append(actor, "care", read)
    return Standing(subject=subject, rules=consents.rules, now=found, history=history)


def all_choices(ctx: Context, person: str) -> list[Choice]:
    """For handing on: the last choice of everybody for each purpose and use case; that they were taken is on record."""
    actor = ctx.require(person, "consent.read")
    last: dict[tuple[str, str, str], Choice] = {}
    for choices in ctx.refresh().consents.choices.values():
        for choice in choices:
            last[choice.subject, choice.purpose, choice.use_case] = choice
    ctx.append(actor, "care", DataRead(use_case="", kind="consents", count=len(last), reason="export of all choices"))
    return list(last.values())


def adopt_rules(ctx: Context, person: str, name: str, text: str = "") -> Jurisdiction:
    """Say what holds for people who decided nothing: shipped rules by name, or the table `name` of a TOML text.

    Raises `Refused` for a role that may not, `NotFound` for a name that is none, `Invalid` for a text that is none.
    """
    actor = ctx.require(person, "consent.rule")
    known = parse_jurisdictions(text) if text else shipped_jurisdictions()
    if name not in known:
        raise NotFound(f"no rules are called `{name}`.", path="rules", remedy=f"There are: {', '.join(known)}.")
    rules = known[name]
    stored = ctx.artifacts.put((text or _as_toml(rules)).encode())
    ctx.append(actor, "governance", ConsentRulesAdopted(name=name, defaults=rules.defaults(), rules=stored))
    return rules


def _as_toml(rules: Jurisdiction) -> str:
    said = {"title": rules.title, "source": rules.source, **rules.defaults()}
    lines = [f"{key} = {_quoted(value)}" for key, value in said.items()]
    text = "\n".join([f"[{rules.name}]", *lines, ""])
    tomllib.loads(text)
    return text


def _quoted(text: str) -> str:
    import msgspec

    return msgspec.json.encode(text).decode()  # a JSON string is a TOML basic string
