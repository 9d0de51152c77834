"""Looking things up in the ledger: search, and one patient's accounting of disclosures; looking is itself recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Any, Literal, Protocol, get_args

import msgspec

from bedrail.core.errors import Invalid
from bedrail.core.events import (
    ConsentChanged,
    ConsentRecorded,
    DataRead,
    DatasetRead,
    DecisionAnswered,
    DecisionFellBack,
    DecisionResponded,
    Entry,
    Fact,
    OutcomeObserved,
    action_of,
    decode,
)
from bedrail.core.values import Value
from bedrail.journeys.context import Context

BATCH = 500
"""Entries that a collector is sent at once."""

ACTIONS: frozenset[str] = frozenset(str(fact.__struct_config__.tag) for fact in get_args(Fact))
"""The closed list of actions."""

YEARS_BACK = 6
"""45 CFR 164.528(a)(1): a patient may ask for the disclosures of the six years before the request."""


class Query(Value, frozen=True, kw_only=True):
    """What to look for; everything that is given must hold. `patient` is the identifier as the hospital writes it.

    `about` is an id or digest that the entry names anywhere; times are ISO 8601 with zone, `since` included, `until`
    not.
    """

    action: str = ""
    actor: str = ""
    use_case: str = ""
    about: str = ""
    patient: str = ""
    since: str = ""
    until: str = ""
    limit: int = 1000


class Found(Value, frozen=True, kw_only=True):
    """One entry that was looked for."""

    index: int
    at: str
    action: str
    actor: str
    auth: str
    purpose: str
    fact: dict[str, Any]


Category = Literal["shown", "not shown", "read", "response", "outcome", "choice", "many"]


class Disclosure(Value, frozen=True, kw_only=True):
    """One line of a patient's accounting: when, to whom, what, why (45 CFR 164.528(b)(2)), and where it is proven."""

    index: int
    at: str
    category: Category
    recipient: str
    what: str
    purpose: str
    use_case: str
    decision: str = ""


class Accounting(Value, frozen=True, kw_only=True):
    """What was done with one patient's data, oldest first; the patient appears by pseudonym only.

    `many` are reads of many patients' records at once from the time of this patient's first record on: whether this
    patient was among them is not told apart (164.528(b)(4) lets research on 50 people or more be listed so).
    """

    subject: str
    since: str
    until: str
    made_at: str
    made_by: str
    lines: tuple[Disclosure, ...]
    many: tuple[Disclosure, ...]


def search(ctx: Context, person: str, query: Query) -> list[Found]:
    """The entries that fit, newest last, at most `limit`.

    Raises `Refused` for a role that may not search (or not for a patient), `Invalid` for a time or action that is none:
    nothing found must mean that nothing is there.
    """
    actor = ctx.require(person, "ledger.search-patient" if query.patient else "ledger.search")
    if query.action and query.action not in ACTIONS:
        near = get_close_matches(query.action, sorted(ACTIONS), n=5, cutoff=0.4)
        raise Invalid("no fact is called so.", path="action", remedy=f"Close to it: {', '.join(near) or 'none'}.")
    if not 1 <= query.limit <= 100_000:
        raise Invalid("the limit lies between 1 and 100,000.", path="limit", remedy="Narrow the search instead.")
    subject = ctx.pseudonyms.pseudonym(query.patient) if query.patient else ""
    found = [
        Found(
            index=index,
            at=entry.at,
            action=action_of(entry),
            actor=entry.actor.id,
            auth=entry.actor.auth,
            purpose=entry.purpose,
            fact=msgspec.to_builtins(entry.fact),
        )
        for index, entry in _last(_fitting(ctx, query, subject), query.limit)
    ]
    if subject:
        read = DataRead(use_case=query.use_case, kind="ledger", count=len(found), reason="search", subject=subject)
        ctx.append(actor, "oversight", read)
    return found


def disclosures(ctx: Context, person: str, patient: str, *, since: str = "", until: str = "") -> Accounting:
    """One patient's accounting of disclosures over the last six years, or between two moments.

    Every answer that was shown (to which caller and site), every reading by a person, every response and outcome.
    Making it is itself a fact. Raises `Refused` for a role that may not, `Invalid` for a time that is none.
    """
    actor = ctx.require(person, "ledger.search-patient")
    if not patient.strip():
        raise Invalid("no patient was named.", path="patient", remedy="Give the identifier as the hospital writes it.")
    now = ctx.clock.now()
    query = Query(
        since=since or (now - timedelta(days=round(365.25 * YEARS_BACK))).isoformat(), until=until or now.isoformat()
    )
    subject = ctx.pseudonyms.pseudonym(patient)
    lines: list[Disclosure] = []
    many: list[Disclosure] = []
    decisions: set[str] = set()
    for index, entry in _fitting(ctx, query, ""):
        line = _line(index, entry, subject, decisions)
        if line is None:
            continue
        if line.category != "many":
            lines.append(line)
        elif lines:
            many.append(line)
    read = DataRead(use_case="", kind="ledger", count=len(lines), reason="accounting of disclosures", subject=subject)
    ctx.append(actor, "oversight", read)
    return Accounting(
        subject=subject,
        since=query.since,
        until=query.until,
        made_at=now.isoformat(timespec="seconds"),
        made_by=person,
        lines=tuple(lines),
        many=tuple(many),
    )


def entries(ctx: Context, person: str, start: int = 0) -> Iterator[tuple[int, Entry]]:
    """Every entry from `start` on, for whoever may take the ledger away; raises `Refused`."""
    ctx.require(person, "ledger.export")
    for index, data in ctx.tape.entries(start):
        yield index, decode(data)


class Cursor(Protocol):
    """How far a collector has been sent the ledger."""

    def read(self) -> int:
        """The first index that was not delivered."""
        ...

    def write(self, index: int) -> None:
        """Everything before `index` was delivered."""
        ...


def forward(
    ctx: Context,
    person: str,
    send: Callable[[Sequence[tuple[int, Entry]]], None],
    cursor: Cursor,
    *,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> int:
    """Send every entry that this collector has not got yet, in order; returns how many.

    At least once: after a failure (`Unavailable`) the batch that was under way is sent again the next time.
    """
    start, end = cursor.read(), ctx.ledger.head().size
    coming = entries(ctx, person, start)
    sent = 0
    while batch := list(islice(coming, BATCH)):
        send(batch)
        cursor.write(batch[-1][0] + 1)
        sent += len(batch)
        progress(sent, max(end - start, sent))
    return sent


def _line(index: int, entry: Entry, subject: str, decisions: set[str]) -> Disclosure | None:
    """The accounting's line for an entry, or None when it is not about this patient; `decisions` grows on the way."""
    fact, actor = entry.fact, entry.actor
    said: tuple[Category, str, str]
    if isinstance(fact, DecisionAnswered | DecisionFellBack) and fact.subject == subject:
        decisions.add(fact.decision)
        said = _decided(fact, actor.id)
    elif isinstance(fact, DecisionResponded) and fact.decision in decisions:
        said = "response", fact.person, f"answer {fact.response}"
    elif isinstance(fact, OutcomeObserved) and fact.subject == subject:
        said = "outcome", actor.id, "outcome received"
    elif isinstance(fact, ConsentChanged) and fact.subject == subject:
        said = "choice", actor.id, "opted out of AI support" if fact.opted_out else "back into AI support"
    elif isinstance(fact, ConsentRecorded) and fact.subject == subject:
        said = "choice", actor.id, f"{fact.purpose} {fact.choice}"
    elif isinstance(fact, DataRead) and (fact.subject == subject or (fact.decision and fact.decision in decisions)):
        said = "read", actor.id, f"{fact.kind} read: {fact.reason}"
    elif isinstance(fact, DataRead) and not fact.subject and fact.kind != "bundle":
        said = "many", actor.id, f"{fact.count} records ({fact.kind}) read: {fact.reason}"
    elif isinstance(fact, DatasetRead):
        said = "many", actor.id, f"{fact.rows} rows of dataset {fact.dataset[:12]} ({fact.part}) read: {fact.reason}"
    else:
        return None
    category, recipient, what = said
    return Disclosure(
        index=index,
        at=entry.at,
        category=category,
        recipient=recipient,
        what=what,
        purpose=entry.purpose,
        use_case=getattr(fact, "use_case", ""),
        decision=getattr(fact, "decision", ""),
    )


def _decided(fact: DecisionAnswered | DecisionFellBack, caller: str) -> tuple[Category, str, str]:
    place = f"{caller} at {fact.site}" if fact.site else caller
    if isinstance(fact, DecisionFellBack):
        return "not shown", place, f"no decision ({fact.guard})"
    if fact.shown:
        return "shown", place, f"risk, reasons and card shown ({fact.stage})"
    return "not shown", place, f"computed, not shown ({fact.stage}, {fact.mode})"


def _fitting(ctx: Context, query: Query, subject: str) -> Iterator[tuple[int, Entry]]:
    """Entries that fit. Bytes are looked at first: an entry that does not contain a text need not be decoded."""
    since, until = _moment(query.since, "since"), _moment(query.until, "until")
    needles = [text.encode() for text in (query.action, query.actor, query.use_case, query.about, subject) if text]
    for index, data in ctx.tape.entries():
        if all(needle in data for needle in needles):
            entry = decode(data)
            if _fits(entry, query) and _between(entry.at, since, until):
                yield index, entry


def _fits(entry: Entry, query: Query) -> bool:
    return (
        query.action in ("", action_of(entry))
        and query.actor in ("", entry.actor.id)
        and query.use_case in ("", getattr(entry.fact, "use_case", None))
    )


def _between(at: str, since: datetime | None, until: datetime | None) -> bool:
    moment = datetime.fromisoformat(at)
    return (since is None or moment >= since) and (until is None or moment < until)


def _moment(text: str, path: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("this is no time.", path=path, remedy="Write 2026-11-22 or 2026-11-22T05:00:00+00:00.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _last(found: Iterator[tuple[int, Entry]], limit: int) -> list[tuple[int, Entry]]:
    return list(deque(found, maxlen=limit))
