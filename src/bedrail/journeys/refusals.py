"""Refused acts on record: counted durably when they happen, told in one fact a caller and stretch (ASVS 5.0 16.3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bedrail.core.accounts import RefusedCounts, RefusedRow
from bedrail.core.errors import BedrailError, Refused
from bedrail.core.events import Actor
from bedrail.core.values import Value
from bedrail.governance.duties import DUTIES
from bedrail.governance.refusals import RefusedView, answerable, by_caller, told_of, why_of

if TYPE_CHECKING:
    from bedrail.journeys.context import Context

_BEDRAIL = Actor(auth="internal", id="bedrail", kind="system")


class Told(Value, frozen=True, kw_only=True):
    """What is on record of refused acts, newest first; `more` of further kinds, `waiting` counted and not told yet."""

    acts: tuple[RefusedView, ...]
    more: int
    waiting: int


def refused_acts(ctx: Context, person: str, who: str = "") -> Told:
    """What people and tokens, or one of them, were refused for want of permission. Raises `Refused`."""
    ctx.require(person, "access.read")
    if ctx.refused is not None:
        tell(ctx, ctx.refused)
    known = ctx.refresh().refused
    rows = ctx.refused.refused_waiting() if ctx.refused is not None else []
    return Told(
        acts=tuple(sorted((v for v in known.acts.values() if who in ("", v.who)), key=lambda v: v.until, reverse=True)),
        more=sum(count for (_, caller), count in known.more.items() if who in ("", caller)),
        waiting=sum(row.count for row in rows if who in ("", row.who)),
    )


def refused_act(ctx: Context, person: str, action: str, refused: Refused) -> None:
    """The act of a person was refused: count it, and tell of it when that is due. Never raises: the refusal stands.

    A name that nobody proved, where names alone are not believed, is not written down.
    """
    if ctx.refused is None:
        return
    who = answerable(ctx.registry, ctx.principal, person)
    if not who:
        return
    why = why_of(refused, another=ctx.principal is not None and who != person)
    try:
        unattended = ctx.principal is not None and ctx.principal.kind == "token"
        kind, who = ("order", ctx.principal.session) if unattended and ctx.principal else ("person", who)
        count(ctx, ctx.refused, kind, who, action, ctx.door, why)
        tell(ctx, ctx.refused)
    except BedrailError:
        pass  # a disk that is out refuses nothing less; what was counted is told by whoever comes next


@contextmanager
def duties(ctx: Context, person: str, action: str) -> Iterator[None]:
    """What is refused in here by a rule of separate duties is counted among refused acts, under the rule's name."""
    try:
        yield
    except Refused as refused:
        if refused.reasons[:1] and refused.reasons[0] in DUTIES:
            refused_act(ctx, person, action, refused)
        raise


def count(
    ctx: Context, counts: RefusedCounts, kind: str, who: str, action: str, door: str, why: str, times: int = 1
) -> None:
    """So many more refusals of one kind wait to be told; raises `Unavailable`."""
    now = ctx.clock.now().timestamp()
    row = RefusedRow(kind=kind, who=who, action=action, door=door, why=why, count=times, since=now, until=now)
    counts.count_refused(row)


def tell(ctx: Context, counts: RefusedCounts) -> int:
    """Record what waits, for each caller of whom nothing was told in the last ten minutes; returns how many facts.

    What another process recorded meanwhile makes this one wait for the next time. Raises `Unavailable`.
    """
    waiting, told = by_caller(counts.refused_waiting()), 0
    for caller, rows in waiting.items():
        registry = ctx.refresh()
        if not registry.refused.due(caller, ctx.clock.now().timestamp()):
            continue
        try:
            ctx.append(_BEDRAIL, "security", told_of(rows), known=registry.seen)
        except Refused:  # somebody recorded something in between, perhaps this
            continue
        counts.told_refused(rows)
        told += 1
    return told
