"""Access reviews: a campaign in which each role, token and standing order is certified by somebody else, in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import AccessCertified, AccessRevoked, Actor, Fact, ReviewClosed, ReviewStarted
from bedrail.governance.access import Campaign, items_of
from bedrail.governance.moments import epoch, iso
from bedrail.governance.orders import OrderView
from bedrail.governance.permissions import permitted
from bedrail.governance.views import Registry
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.moving_ground import append_whole, of_lost_roles, told
from bedrail.journeys.refusals import duties

MOST_DAYS = 180


def start_review(ctx: Context, person: str, due: datetime) -> ReviewStarted:
    """Begin a campaign over every role held, every token and every live standing order; one at a time.

    Raises `Refused` while one is open, `Invalid` for a due date that is past or more than half a year away.
    """
    actor = ctx.require(person, "access.review")
    running = [campaign for campaign in ctx.registry.access.campaigns.values() if not campaign.closed]
    if running:
        raise Refused(
            f"the review {running[0].review}, due {running[0].due[:10]}, is still open.",
            remedy=f"bedrail access review status {running[0].review}",
        )
    now = ctx.clock.now()
    if not now < due <= now + timedelta(days=MOST_DAYS):
        raise Invalid("that is no due date.", path="--due", remedy=f"Name a day within the next {MOST_DAYS} days.")
    fact = ReviewStarted(
        review=ctx.ids.new(),
        due=due.isoformat(timespec="seconds"),
        items=items_of(
            ctx.registry.people,
            (view.token for view in ctx.registry.tokens.values()),
            (view.order for view in ctx.registry.orders.orders.values() if view.live(now.timestamp())),
        ),
        overdue=ctx.policy().access.uncertified,
    )
    ctx.append(actor, "governance", fact, known=ctx.registry.seen)
    return fact


def of_the_only_reviewer(ctx: Context, items: Sequence[str]) -> tuple[str, ...]:
    """Items that nobody in the house may certify, as nobody certifies their own; empty when two people review."""
    access, people = ctx.registry.access, ctx.registry.people.values()
    reviewers = {each.person for each in people if permitted(each.roles, "access.certify", access.withheld)}
    return tuple(item for item in items if not reviewers - {_whose(ctx, item)})


def certify(ctx: Context, person: str, review: str, named: Sequence[str]) -> tuple[str, ...]:
    """Say that items stay: `person/role`, `token:ID`, `order:ID`, or a person for all their roles.

    Nobody certifies their own: a role held, a token answered for, an order given.
    """
    actor = ctx.require(person, "access.certify")
    campaign = open_campaign(ctx, review)
    items = tuple(dict.fromkeys(item for name in named for item in _items(campaign, name)))
    with duties(ctx, person, "access.certify"):
        _not_own(ctx, person, items)
    gone = [item for item in items if campaign.items[item] == "revoked"]
    if gone:
        raise Refused(f"{gone[0]} was revoked.", remedy="It has to be given again.")
    ctx.append(actor, "governance", AccessCertified(review=campaign.review, items=items, reviewer=person))
    return items


def revoke_item(ctx: Context, person: str, review: str, item: str, reason: str) -> tuple[str, ...]:
    """Take one item away at once: the role is held no longer, token or order opens nothing; returns what followed."""
    actor = ctx.require(person, "access.certify")
    campaign = open_campaign(ctx, review)
    found = _items(campaign, item)
    if len(found) != 1:
        raise Invalid("name one item.", path="item", remedy=f"One of: {', '.join(found)}.")
    _keep_an_owner(ctx, found[0])
    return _take_away(ctx, actor, campaign, found, person, reason)


def close_review(ctx: Context, person: str, review: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """End the campaign, when all is said or its time is up; returns (items nobody certified, what followed).

    Where the policy suspends them, what nobody certified is taken away for good, but for the role of owner.
    """
    actor = ctx.require(person, "access.review")
    campaign = open_campaign(ctx, review)
    left = campaign.open_items()
    if left and ctx.clock.now().timestamp() < campaign.due_epoch:
        raise Refused(f"{len(left)} items are not certified, and it is due {campaign.due[:10]}.", remedy=_how(campaign))
    followed: tuple[str, ...] = ()
    if campaign.overdue == "suspend":
        taken = tuple(item for item in left if not item.endswith("/owner"))
        if taken:
            followed = _take_away(ctx, SYSTEM, campaign, taken, "policy", "nobody certified it in time")
    ctx.append(actor, "governance", ReviewClosed(review=campaign.review, uncertified=left))
    return left, followed


def open_campaign(ctx: Context, review: str = "") -> Campaign:
    """The campaign of that id, or the open one when none is named; raises `NotFound`, `Refused` when it is closed."""
    campaigns = ctx.refresh().access.campaigns
    running = [campaign for campaign in campaigns.values() if not campaign.closed]
    found = campaigns.get(review) if review else (running[0] if running else None)
    if found is None:
        raise NotFound("there is no such review.", path="review", remedy="bedrail access review start --due DATE")
    if found.closed:
        raise Refused("that review is closed.", remedy="bedrail access review start --due DATE")
    return found


def _take_away(
    ctx: Context, actor: Actor, campaign: Campaign, items: Sequence[str], reviewer: str, reason: str
) -> tuple[str, ...]:
    facts: list[Fact] = [
        AccessRevoked(review=campaign.review, item=item, reviewer=reviewer, reason=reason) for item in items
    ]
    lost = [(item.partition("/")[0], item.partition("/")[2]) for item in items if "/" in item]
    why = f"{', '.join(sorted({who for who, _ in lost}))}, who approved it, lost the role"
    return told(append_whole(ctx, actor, "governance", facts, lambda: of_lost_roles(ctx, lost, why)))


def _items(campaign: Campaign, name: str) -> tuple[str, ...]:
    found = tuple(item for item in campaign.items if name in (item, item.partition("/")[0]))
    if not found:
        raise NotFound(f"`{name[:80]}` is not in this review.", path="item", remedy=_how(campaign))
    return found


def _how(campaign: Campaign) -> str:
    return f"bedrail access review status {campaign.review} lists the items."


def _whose(ctx: Context, item: str) -> str:
    kind, _, named = item.partition(":")
    if kind == "order":
        view = ctx.registry.orders.orders.get(named)
        return view.person if view is not None else ""
    if kind == "token":
        return next((each.owner for each in ctx.registry.tokens.values() if each.token == named), "")
    return item.partition("/")[0]


def about(registry: Registry, item: str) -> str:
    """Whose a token or an order is, what for and until when; nothing of a role, which says so itself."""
    kind, _, named = item.partition(":")
    if kind == "order" and (order := registry.orders.orders.get(named)) is not None:
        return f"{order.person}: {', '.join(sorted(order.acts))} until {order.expires[:10]}, {order.reason}"
    if kind == "token":
        token = next((t for t in registry.tokens.values() if t.token == named), registry.revoked_tokens.get(named))
        return f"{token.owner or 'nobody'}: {token.client} until {token.expires[:10]}" if token is not None else ""
    return ""


def _not_own(ctx: Context, person: str, items: Sequence[str]) -> None:
    own = next((item for item in items if _whose(ctx, item) == person), "")
    if own:
        said = f"{own} is your own: nobody certifies their own access."
        raise Refused(said, remedy="Ask another reviewer.", reasons=("own-access",))


def _keep_an_owner(ctx: Context, item: str) -> None:
    person, _, role = item.partition("/")
    if role == "owner" and ctx.registry.holders("owner") == (person,):
        raise Refused(f"{person} is the only owner.", remedy="Make somebody else an owner first: nobody could after.")


def access_posture(ctx: Context) -> list[dict[str, str]]:
    """What `bedrail doctor` says about access; `ok`, `note` or `unsafe` for each question."""
    registry, now = ctx.refresh(), ctx.clock.now().timestamp()
    found = [_reviews(ctx, now), *_glass(ctx, now), *_tokens(ctx, now), *_orders(ctx, now)]
    for each in registry.findings.all.values():
        if each.state != "closed" and each.severity not in ("note", "minor"):
            what = f"finding {each.finding} ({each.severity}, due {each.due}) is {each.state}: {each.title}"
            found.append(
                {"state": "note", "what": what, "mend": f"bedrail findings answer {each.finding} --answer WHAT"}
            )
    return found


def _reviews(ctx: Context, now: float) -> dict[str, str]:
    campaigns = list(ctx.registry.access.campaigns.values())
    late = [campaign for campaign in campaigns if not campaign.closed and now >= campaign.due_epoch]
    if late:
        what = f"the access review due {late[0].due[:10]} has {len(late[0].open_items())} items nobody certified"
        return {"state": "unsafe", "what": what, "mend": f"bedrail access review status {late[0].review}"}
    first = min((epoch(person.at) for person in ctx.registry.people.values()), default=now)
    last = max((epoch(campaign.at) for campaign in campaigns), default=first)
    days = _review_days(ctx)
    if now - last > timedelta(days=days).total_seconds():
        mend = "bedrail access review start --due DATE"
        return {"state": "note", "what": f"access was not reviewed for {days} days", "mend": mend}
    return {"state": "ok", "what": "access reviews are in time", "mend": ""}


def _review_days(ctx: Context) -> int:
    from bedrail.core.errors import BedrailError

    try:
        return ctx.policy().access.review_days
    except BedrailError:  # what is wrong with the policy is said elsewhere
        return 365


def _glass(ctx: Context, now: float) -> list[dict[str, str]]:
    return [
        {
            "state": "unsafe" if now >= grant.review_by_epoch else "note",
            "what": f"{grant.person} broke the glass on {grant.at[:10]} ({grant.role}); nobody reviewed it yet",
            "mend": f"bedrail break-glass review {grant.grant} --verdict justified --remark WHY",
        }
        for grant in ctx.registry.access.grants.values()
        if not grant.reviewed_by
    ]


def _tokens(ctx: Context, now: float) -> list[dict[str, str]]:
    people, live = ctx.registry.people, [t for t in ctx.registry.tokens.values() if t.expires_epoch > now]
    nobody = [view for view in live if view.owner not in people]
    if not nobody:
        return []
    what = f"nobody here answers for {len(nobody)} tokens, such as {nobody[0].token} ({nobody[0].client})"
    return [{"state": "note", "what": what, "mend": f"bedrail token hand-over {nobody[0].token} --owner PERSON"}]


ENDING_DAYS = 14
"""A timer's order that ends within so many days is named, and one that ended so long ago without another after it."""

IDLE_DAYS = 8
"""Backups are taken weekly at least; an order for them under which nothing was done for longer has a dead timer."""


def _orders(ctx: Context, now: float) -> list[dict[str, str]]:
    """Standing orders that end soon or ended without another, wait to be certified, or whose timer does not run."""
    views, near, found = list(ctx.registry.orders.orders.values()), ENDING_DAYS * 86_400, []
    for view in views:
        named = f"standing order {view.order} ({', '.join(sorted(view.acts))}, as {view.person})"
        end = min(view.ended, view.expires_epoch)
        again = any(_covers(other, view, end) for other in views)
        if not view.meant and not again and abs(end - now) < near:
            why = f": {view.revoked}" if view.ended == end else ""
            what = f"{named} {'ends' if view.live(now) else 'ended'} on {iso(end)[:10]}{why}"
            acts = " ".join(f"--act {act}" for act in sorted(view.acts))
            mend = f"bedrail --as {'PERSON' if why else view.person} order give {acts} --reason WHY"
            found.append({"state": "note", "what": what, "mend": mend})
        if view.live(now) and ctx.registry.access.order_suspended(view.order, now):
            mend = f"Another than {view.person}: bedrail access review certify order:{view.order}"
            found.append({"state": "note", "what": f"{named} is suspended: nobody certified it in time", "mend": mend})
        idle = int((now - epoch(view.used or view.at)) / 86_400)
        if view.live(now) and "backup.take" in view.acts and idle > IDLE_DAYS:
            what = f"nothing was done under the {named} for {idle} days"
            mend = f"Start its timer again, or: bedrail order revoke {view.order} --reason WHY"
            found.append({"state": "note", "what": what, "mend": mend})
    return found


def _covers(other: OrderView, view: OrderView, end: float) -> bool:
    """Whether another order goes on, or went on, where this one ends: what becomes of that one is told of itself."""
    return other.acts >= view.acts and min(other.ended, other.expires_epoch) > end
