"""Giving standing orders to timers, and taking them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events.orders import OrderGiven, OrderRevoked
from bedrail.governance.access import GLASS
from bedrail.governance.orders import LONGEST_DAYS, UNATTENDED
from bedrail.journeys.context import Context


def give_order(
    ctx: Context, person: str, acts: Sequence[str], sha256: str, *, valid_for: timedelta, reason: str
) -> OrderGiven:
    """Put on record that whoever holds the secret of this digest may do these acts as this person, unattended.

    The person may do each act now in a role of their own, with a proof of the last five minutes. Raises `Refused`;
    `Invalid` for an act that nobody may leave to a timer, no reason, no end or one more than a year away.
    """
    actor = ctx.require(person, "order.give")
    unknown = [act for act in acts if act not in UNATTENDED]
    if unknown or not acts:
        said = f"`{unknown[0][:40]}` is never left to a timer." if unknown else "an order for nothing."
        raise Invalid(said, path="--act", remedy=f"Any of: {', '.join(sorted(UNATTENDED))}.")
    if not 10 <= len(reason.strip()) <= 500:
        raise Invalid("say what for, in 10 to 500 characters.", path="--reason", remedy="Name timer and machine.")
    if not timedelta(0) < valid_for <= timedelta(days=LONGEST_DAYS):
        raise Invalid("an order ends within a year.", path="--days", remedy="1 to 365.")
    for act in sorted({*acts, *(part for each in acts for part in UNATTENDED[each])}):
        if ctx.require(person, act).auth.startswith(GLASS):
            raise Refused(f"`{act}` is permitted to {person} in an emergency only.", remedy="No timer has one.")
    fact = OrderGiven(
        order=ctx.ids.new(),
        person=person,
        acts=tuple(sorted(set(acts))),
        sha256=sha256,
        expires=(ctx.clock.now() + valid_for).isoformat(timespec="seconds"),
        reason=reason.strip(),
    )
    ctx.append(actor, "security", fact, known=ctx.registry.seen)
    return fact


def revoke_order(ctx: Context, person: str, order: str, reason: str) -> None:
    """It opens nothing from now on; whoever gave it may do that, and officers.

    Raises `NotFound`, and `Refused` when it has ended already.
    """
    actor = ctx.require(person, "order.revoke")
    view = ctx.registry.orders.orders.get(order)
    if view is None:
        raise NotFound("there is no such standing order.", path="order", remedy="bedrail order list")
    if view.person != person:
        actor = ctx.require(person, "order.revoke-of-others")
    if not view.live(ctx.clock.now().timestamp()):
        raise Refused("it has ended already.", remedy="bedrail order list")
    ctx.append(actor, "security", OrderRevoked(order=order, reason=reason), known=ctx.registry.seen)
