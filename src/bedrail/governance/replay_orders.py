"""Standing orders in a replay: was each given by somebody who could, and was it good for what was done under it?"""

from __future__ import annotations

from typing import Any

from bedrail.core.errors import Refused
from bedrail.core.events import Actor, Fact
from bedrail.core.events.abuse import AbuseLooked
from bedrail.core.events.catalogue import DisposalAsked, RetentionRun
from bedrail.core.events.custody import DisposalCompleted, DisposalOrdered, EpochDestroyed, KeyRotated
from bedrail.core.events.orders import OrderGiven, OrderRevoked
from bedrail.core.events.oversight import DataRead
from bedrail.core.events.recovery import BackupTaken
from bedrail.governance.access import authorise
from bedrail.governance.moments import epoch
from bedrail.governance.orders import LONGEST_DAYS, ORDER, UNATTENDED, OrderView
from bedrail.governance.sessions import LOCAL
from bedrail.governance.views import Registry

CROSSING = 5.0
"""Seconds by which an act may cross an order's end that another process recorded first."""

UNDER_WAY = 86_400.0
"""A run that began under an order and destroys what was approved is finished, and recorded, after the order's end."""

BEGUN: dict[type, str] = {BackupTaken: "backup.take", DisposalOrdered: "retention.run"}
"""What an act records when it begins, or when the order was just looked at."""

FINISHED: dict[type, str] = {
    AbuseLooked: "abuse.look",
    DataRead: "abuse.look",
    DisposalAsked: "retention.run",
    DisposalCompleted: "retention.run",
    EpochDestroyed: "retention.run",
    KeyRotated: "retention.run",
    RetentionRun: "retention.run",
}
"""What comes later. `bedrail watch` records as Bedrail itself, so nothing stands here for `monitoring.look`."""


def under_wrong(registry: Registry, actor: Actor, fact: Fact, now: float) -> str:
    """What forbids this fact to whoever acts under the order that `actor.auth` names; empty when nothing does."""
    order = actor.auth.removeprefix(ORDER)
    view = registry.orders.orders.get(order)
    if view is None:
        return f"was done under the standing order {order}, which nobody gave"
    if actor.id != view.person:
        return f"{actor.id} acted under a standing order of {view.person}"
    act = BEGUN.get(type(fact)) or FINISHED.get(type(fact), "")
    if act not in view.acts or (isinstance(fact, BackupTaken) and fact.keys):
        return f"is not what the standing order {order} was good for"
    ended = min(view.expires_epoch, view.ended)
    if now >= ended + (CROSSING if type(fact) in BEGUN else UNDER_WAY):
        return f"was done when the standing order {order} had ended"
    return _begun_wrong(registry, view, act, now) if type(fact) in BEGUN else ""


def _begun_wrong(registry: Registry, view: OrderView, act: str, now: float) -> str:
    """What is looked at once, when the act begins. A role that is lost later ends the order itself."""
    if registry.access.order_suspended(view.order, now - CROSSING):
        return f"was done under the standing order {view.order}, which nobody had certified in time"
    return _not_permitted(registry, view.person, act, now - CROSSING) if now < view.ended else ""


def given_wrong(registry: Registry, giver: str, fact: OrderGiven, now: float) -> str:
    """What forbids an order: given in another's name, twice, for what no timer does, too long, or by who may not."""
    if giver != fact.person:
        return f"{giver} gave a standing order in the name of {fact.person}"
    if fact.order in registry.orders.orders:
        return f"the standing order {fact.order} was given already"
    if not fact.acts or not set(fact.acts) <= set(UNATTENDED):
        return "gives a standing order for what is never left to a timer"
    if not now - CROSSING <= epoch(fact.expires) <= now + LONGEST_DAYS * 86_400 + CROSSING:
        return f"gives a standing order until {fact.expires}"
    parts = {part for act in fact.acts for part in UNATTENDED[act]}
    wrong = (_not_permitted(registry, giver, act, now) for act in sorted({*fact.acts, *parts}))
    return next((each for each in wrong if each), "")


def revoked_wrong(registry: Registry, who: str, fact: OrderRevoked, now: float) -> str:
    """What forbids taking an order back: that there is none, or that it is another's and they are no officer."""
    view = registry.orders.orders.get(fact.order)
    if view is None:
        return f"revokes the standing order {fact.order}, which nobody gave"
    return "" if view.person == who else _not_permitted(registry, who, "order.revoke-of-others", now)


def _not_permitted(registry: Any, person: str, act: str, now: float) -> str:
    """An emergency role counts here for nothing: no timer has one, and none is left to a timer."""
    try:
        actor = authorise(registry, person, act, now)
    except Refused as error:
        return f"{person} was not permitted to: {error.message}"
    return "" if actor.auth == LOCAL else f"{person} was permitted `{act}` in an emergency only"
