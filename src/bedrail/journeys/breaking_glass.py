"""Break-glass: in an emergency a person takes a role for an hour; others are told at once, and look at it afterwards.

45 CFR 164.312(a)(2)(ii), emergency access procedure. It gives what an emergency needs (`permissions.BY_GLASS`):
looking, answering, stopping, moving through the gate; never approving and never power over others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import msgspec

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import GlassBroken, GlassEnded, GlassReviewed, NoticeGiven, decode
from bedrail.core.ports import Notice
from bedrail.core.queries import Decisions
from bedrail.core.values import Value
from bedrail.governance.access import (
    GLASS,
    GLASS_MINUTES,
    GLASS_REVIEW_DAYS,
    GLASS_ROLES,
    Act,
    Grant,
    act_of,
    authorise,
)
from bedrail.governance.accounts import proven
from bedrail.governance.moments import epoch, iso
from bedrail.journeys.context import Context
from bedrail.journeys.refusals import duties

SKEW_SECONDS = 300.0
"""So far the clocks of nodes may be apart; the grant's id in an entry is what counts."""

VERDICTS = ("justified", "not-justified")


class Broken(Value, frozen=True, kw_only=True):
    """A grant as told: until when, by when it is reviewed, who was told, and whether the notice left this machine."""

    grant: str
    person: str
    role: str
    until: str
    review_by: str
    told: tuple[str, ...]
    delivered: bool


def break_glass(ctx: Context, person: str, role: str, reason: str) -> Broken:
    """Take `role` for an hour; the privacy and security officers are told in the same moment. Raises as `take_role`."""
    broken, notice = take_role(ctx, person, role, reason)
    return msgspec.structs.replace(broken, delivered=ctx.notices.give(notice))


def take_role(ctx: Context, person: str, role: str, reason: str) -> tuple[Broken, Notice]:
    """Take `role` for an hour, on record; the notice is still to be given, at once, by whoever calls this.

    It is drafted durably before the fact that tells of it: a process that ends in between loses neither, see
    `Notices.settle`.

    Raises `Refused` while an earlier one of this person waits for its review, the role is held anyway, or the person
    has not shown what holders of the role must (an emergency waives no second factor); `Invalid` for a role that no
    emergency gives or a reason of fewer than ten characters.
    """
    actor = ctx.require(person, "break-glass.open")
    access, now = ctx.registry.access, ctx.clock.now()
    if role not in GLASS_ROLES:
        raise Invalid(f"`{role[:40]}` is not given in emergencies.", path="--role", remedy=_roles())
    if not 10 <= len(reason.strip()) <= 500:
        raise Invalid("say why, in 10 to 500 characters.", path="--reason", remedy="No patient data.")
    waiting = access.unreviewed(person)
    if waiting:
        raise Refused(
            f"{person} broke the glass on {waiting[0].at[:10]}, and nobody has reviewed it yet.",
            remedy=f"Another person first: bedrail break-glass review {waiting[0].grant} --verdict justified",
        )
    view = ctx.registry.people[person]
    if role in view.roles:
        raise Refused(f"{person} is {role} already.", remedy="No glass need be broken.")
    as_held = replace(view, roles=view.roles | {role})
    proven(ctx.registry.identity, as_held, ctx.principal, "break-glass.open", now.timestamp())
    broken = GlassBroken(
        grant=ctx.ids.new(),
        person=person,
        role=role,
        reason=reason,
        until=(now + timedelta(minutes=GLASS_MINUTES)).isoformat(timespec="seconds"),
        review_by=(now + timedelta(days=GLASS_REVIEW_DAYS)).isoformat(timespec="seconds"),
    )
    notice = NoticeGiven(notice=ctx.ids.new(), kind="break-glass", about=broken.grant, to=_officers(ctx, person))
    words = f"{person} took the role {role} until {broken.until}: {reason}. Review it by {broken.review_by}."
    told = Notice(
        notice=notice.notice,
        kind=notice.kind,
        about=broken.grant,
        to=notice.to,
        words=words,
        at=now.isoformat(timespec="seconds"),
    )
    known = ctx.registry.seen
    ctx.notices.draft(told)
    ctx.append(actor, "emergency", broken, notice, known=known)
    taken = Broken(
        grant=broken.grant,
        person=person,
        role=role,
        until=broken.until,
        review_by=broken.review_by,
        told=notice.to,
        delivered=False,
    )
    return taken, told


def end_glass(ctx: Context, person: str) -> Grant:
    """Give the emergency role back before its time; raises `NotFound` when there is none.

    Taking it asks for a fresh proof; giving power up does not wait for one.
    """
    actor, now = ctx.require(person, "registry.read"), ctx.clock.now().timestamp()
    authorise(ctx.registry, person, "break-glass.open", now)
    grant = ctx.registry.access.grant_of(person, now)
    if grant is None:
        raise NotFound("no emergency role is held.", path="person", remedy="bedrail break-glass list")
    ctx.append(actor, "emergency", GlassEnded(grant=grant.grant, person=person))
    return grant


def review_glass(ctx: Context, person: str, grant: str, verdict: str, remark: str) -> None:
    """Say whether it was justified; nobody reviews their own. Raises `NotFound`, `Invalid`, `Refused`."""
    actor = ctx.require(person, "break-glass.review")
    known = named_grant(ctx, grant)
    if verdict not in VERDICTS:
        raise Invalid("this is no verdict.", path="--verdict", remedy=f"One of: {', '.join(VERDICTS)}.")
    with duties(ctx, person, "break-glass.review"):
        if known.person == person:
            remedy = "Ask another officer or the owner."
            raise Refused("nobody reviews their own emergency.", remedy=remedy, reasons=("own-emergency",))
    if known.reviewed_by:
        raise Refused(f"{known.reviewed_by} has reviewed it already.", remedy="bedrail break-glass list")
    fact = GlassReviewed(grant=known.grant, reviewer=person, verdict=verdict, remark=remark)
    ctx.append(actor, "governance", fact, known=ctx.registry.seen)


def named_grant(ctx: Context, grant: str) -> Grant:
    """The grant of that id; raises `NotFound`."""
    known = ctx.refresh().access.grants.get(grant)
    if known is None:
        raise NotFound("there is no such grant.", path="grant", remedy="bedrail break-glass list")
    return known


def done_under(ctx: Context, grant: str) -> tuple[Act, ...]:
    """Everything that needed the grant of that id, oldest first, as the ledger has it; raises `NotFound`.

    Read from the registry and from the person's responses in SQL, never from the whole ledger.
    """
    known = named_grant(ctx, grant)
    return in_order((*ctx.registry.access.acts.get(grant, ()), *responded_under(ctx.views, known)))


def in_order(acts: Iterable[Act]) -> tuple[Act, ...]:
    """As they stand in the ledger."""
    return tuple(sorted(acts, key=lambda act: act.index))


def responded_under(views: Decisions, known: Grant) -> list[Act]:
    """Responses to decisions that needed this grant, each as its entry in the ledger has it."""
    tag = f"{GLASS}{known.grant}"
    since, until = iso(epoch(known.at) - SKEW_SECONDS), iso(known.until_epoch + SKEW_SECONDS)
    read = ((row.seq, views.entry(row.seq)) for row in views.responses_of(known.person, since, until))
    entries = ((seq, decode(data)) for seq, data in read if data is not None)
    return [act_of(seq, entry) for seq, entry in entries if entry.actor.auth == tag]


def _officers(ctx: Context, person: str) -> tuple[str, ...]:
    """Whom to tell: the officers other than the person, or the owners where there are none."""
    holders = ctx.registry.holders
    officers = {*holders("privacy-officer"), *holders("security-officer")} - {person}
    return tuple(sorted(officers or set(holders("owner"))))


def _roles() -> str:
    return f"One of: {', '.join(sorted(GLASS_ROLES))}."
