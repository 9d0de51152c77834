"""Standing orders: a person who may do an act lets a timer do it, for a time, without a proof of the last five minutes.

An order is good for the acts that it names and nothing else; it gives no role, and ends with the role, the account or
the person behind it, at its end, or when it is revoked. What is done under it says so in `Actor.auth`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from bedrail.core.errors import Refused
from bedrail.core.events import Actor
from bedrail.core.events.orders import OrderGiven, OrderRevoked
from bedrail.governance.access import Access, authorise
from bedrail.governance.accounts import Identity
from bedrail.governance.moments import epoch
from bedrail.governance.sessions import Principal
from bedrail.governance.values import PersonView

ORDER = "order:"
"""How `Actor.auth` begins for what was done unattended; the order's id follows."""

YOURSELF = "To act as yourself, unset BEDRAIL_ORDER and BEDRAIL_ORDER_FILE."

LONGEST_DAYS = 365
"""A year: whoever gave it looks at it again."""

UNATTENDED: dict[str, frozenset[str]] = {
    "abuse.look": frozenset(),
    "backup.take": frozenset(),
    "monitoring.look": frozenset(),
    "retention.run": frozenset({"keys.shred", "keys.complete-disposal"}),
}
"""What an order can be good for, and what belongs to that act and is permitted while it runs, but not by itself."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """One standing order; `revoked` says why it ended before its time, at `ended`. `used` is when it last was.

    `meant` is one that somebody ended by name; others ended with what their giver lost.
    """

    order: str
    person: str
    acts: frozenset[str]
    sha256: str
    expires: str
    expires_epoch: float
    reason: str
    at: str
    revoked: str = ""
    ended: float = float("inf")
    meant: bool = False
    used: str = ""

    def live(self, now: float) -> bool:
        """Whether it may still open anything."""
        return not self.revoked and now < self.expires_epoch


@dataclass(slots=True)
class Orders:
    """What the registry knows of standing orders, by id."""

    orders: dict[str, OrderView] = field(default_factory=dict)

    def found(self, sha256: str) -> OrderView | None:
        """The order whose secret has this digest."""
        return next((each for each in self.orders.values() if each.sha256 == sha256), None)

    def revoke(self, order: str, why: str, at: str, *, meant: bool = False) -> None:
        """It ended, unless it had already."""
        view = self.orders.get(order)
        if view is not None and not view.revoked:
            self.orders[order] = replace(view, revoked=why, ended=epoch(at), meant=meant)

    def end(self, person: str, why: str, at: str) -> None:
        """Nothing that this person left to a timer counts any more, also when role, account or name come back."""
        for order, view in list(self.orders.items()):
            if view.person == person:
                self.revoke(order, why, at)

    def acted(self, auth: str, at: str) -> None:
        """Something was done under an order."""
        order = auth.removeprefix(ORDER)
        if order in self.orders:
            self.orders[order] = replace(self.orders[order], used=at)


class Known(Protocol):
    """The registry, as far as orders go."""

    access: Access
    people: dict[str, PersonView]
    identity: Identity
    orders: Orders


def principal_of(known: Known, sha256: str, now: float) -> Principal:
    """Who a timer with this secret acts for; raises `Refused` for a secret that opens nothing (any more)."""
    view = known.orders.found(sha256)
    if view is None or not view.live(now):
        raise Refused(
            "this standing order is not known here, has ended or was revoked.",
            remedy=f"A timer needs a new one: bedrail order give. {YOURSELF}",
            reasons=("sign-in",),
        )
    return Principal(person=view.person, auth=f"{ORDER}{view.order}", auth_time=0.0, kind="token", session=view.order)


def act_under(known: Known, principal: Principal, person: str, action: str, now: float, part_of: str = "") -> Actor:
    """The actor of an act under a standing order; raises `Refused` unless the order is good for exactly that.

    The person behind it must still hold a role of their own for it: an emergency role is for people who are there.
    """
    view = known.orders.orders.get(principal.session)
    account = known.identity.accounts.get(principal.person)
    if view is None or not view.live(now) or (account is not None and not account.enabled):
        raise Refused("this standing order opens nothing any more.", remedy=YOURSELF, reasons=("sign-in",))
    if person != view.person:
        whose = f"this standing order is of {view.person}, not of {person}."
        raise Refused(whose, remedy=YOURSELF, reasons=("sign-in",))
    if known.access.order_suspended(view.order, now):
        remedy = f"Whoever reviews access: bedrail access review certify order:{view.order}"
        raise Refused("nobody certified this standing order in time.", remedy=remedy, reasons=("scope",))
    within = part_of in view.acts and action in UNATTENDED.get(part_of, ())
    if action not in view.acts and not within:
        raise Refused(
            f"this standing order is not good for `{action}`.",
            remedy=f"It is good for: {', '.join(sorted(view.acts))}. {YOURSELF}",
            reasons=("scope",),
        )
    actor = authorise(known, person, action, now, auth=principal.auth)
    if actor.auth != principal.auth:
        raise Refused(f"`{action}` is permitted to {person} in an emergency only, and no timer has one.")
    return actor


def _given(registry: Any, fact: OrderGiven, at: str) -> None:
    view = OrderView(
        order=fact.order,
        person=fact.person,
        acts=frozenset(fact.acts),
        sha256=fact.sha256,
        expires=fact.expires,
        expires_epoch=epoch(fact.expires),
        reason=fact.reason,
        at=at,
    )
    registry.orders.orders.setdefault(fact.order, view)  # what has ended does not begin again


def _revoked(registry: Any, fact: OrderRevoked, at: str) -> None:
    registry.orders.revoke(fact.order, fact.reason or "revoked", at, meant=True)


ORDERS: dict[type, Callable[[Any, Any, str], None]] = {OrderGiven: _given, OrderRevoked: _revoked}
"""What each fact about orders changes in the registry."""
