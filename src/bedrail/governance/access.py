"""Access over time: who left, which roles were lost, broken glass, access reviews; and the one question `authorise`.

Facts give roles; time takes them away again. A role counts now when it is held and not suspended by an access review
that ran out, or for the hour of a break-glass grant and then only for what an emergency needs. Sources: 45 CFR
164.308(a)(3)(ii)(C) termination, 164.308(a)(4)(ii)(C) review and modification, 164.312(a)(2)(ii) emergency access.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from bedrail.core.errors import Refused
from bedrail.core.events import Actor, Entry, action_of
from bedrail.core.events.access import (
    AccessCertified,
    AccessRevoked,
    GlassBroken,
    GlassEnded,
    GlassReviewed,
    PersonLeft,
    ReviewClosed,
    ReviewStarted,
)
from bedrail.governance.moments import epoch
from bedrail.governance.permissions import BY_GLASS, permitted, refusal
from bedrail.governance.values import PersonView

GLASS_MINUTES = 60
GLASS_REVIEW_DAYS = 3
"""An hour for the emergency; then another person looks at what was done, within three days."""

GLASS_ROLES: frozenset[str] = frozenset({"clinical-lead", "clinician", "privacy-officer", "release-engineer"})
"""Roles that an emergency may ask for; none of them builds models, keeps keys, or says who may do what."""

GLASS = "break-glass:"
"""How `Actor.auth` begins for whatever needed a grant; the grant's id follows."""

ItemState = Literal["open", "certified", "revoked"]


@dataclass(frozen=True, slots=True)
class Grant:
    """One breaking of the glass; moments are epoch seconds, `reviewed_by` is empty until somebody else looked at it."""

    grant: str
    person: str
    role: str
    reason: str
    at: str
    until_epoch: float
    review_by_epoch: float
    reviewed_by: str = ""
    verdict: str = ""

    def live(self, now: float) -> bool:
        """Whether the role still counts."""
        return now < self.until_epoch


@dataclass(frozen=True, slots=True)
class Act:
    """One entry of the ledger that needed a grant; `about` is the decision or use case that it names, if any."""

    index: int
    at: str
    action: str
    about: str


@dataclass(slots=True)
class Campaign:
    """One access review; `overdue` is list or suspend, and `items` map what is reviewed to what was said of it."""

    review: str
    due: str
    due_epoch: float
    overdue: str
    at: str
    items: dict[str, ItemState]
    said_by: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    def open_items(self) -> tuple[str, ...]:
        """What nobody has spoken for."""
        return tuple(item for item, state in self.items.items() if state == "open")


@dataclass(slots=True)
class Access:
    """What the registry knows of access beyond roles.

    `acts` are what was done under each grant, but for responses to decisions, which stand in SQL; `notices` were given.
    `lost` says when a role was last taken from a person; `sites` are all that people were ever limited to.
    """

    left: dict[str, str] = field(default_factory=dict)
    lost: dict[tuple[str, str], float] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    acts: dict[str, list[Act]] = field(default_factory=dict)
    notices: set[str] = field(default_factory=set)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    sites: set[str] = field(default_factory=set)

    def changed(self, before: frozenset[str], person: PersonView, at: str) -> None:
        """A person's roles changed: those gone are lost now, those held are not."""
        self.left.pop(person.person, None)
        self.sites |= person.sites
        for role in before - person.roles:
            self.lost[person.person, role] = epoch(at)
        for role in person.roles:
            self.lost.pop((person.person, role), None)

    def leave(self, before: frozenset[str], fact: PersonLeft, at: str) -> None:
        """Nothing is held, and grants end."""
        self.left[fact.person] = at
        for role in before:
            self.lost[fact.person, role] = epoch(at)
        for grant in [g for g in self.grants.values() if g.person == fact.person]:
            self.grants[grant.grant] = replace(grant, until_epoch=min(grant.until_epoch, epoch(at)))

    def break_glass(self, fact: GlassBroken, at: str) -> None:
        """A grant begins."""
        until, review_by = epoch(fact.until), epoch(fact.review_by)
        self.grants[fact.grant] = Grant(fact.grant, fact.person, fact.role, fact.reason, at, until, review_by)

    def acted(self, index: int, entry: Entry) -> None:
        """Something was done that needed a grant."""
        self.acts.setdefault(entry.actor.auth.removeprefix(GLASS), []).append(act_of(index, entry))

    def end_glass(self, fact: GlassEnded, at: str) -> None:
        """It ends early."""
        if (grant := self.grants.get(fact.grant)) is not None:
            self.grants[fact.grant] = replace(grant, until_epoch=min(grant.until_epoch, epoch(at)))

    def review_glass(self, fact: GlassReviewed) -> None:
        """Somebody looked at it."""
        if (grant := self.grants.get(fact.grant)) is not None:
            self.grants[fact.grant] = replace(grant, reviewed_by=fact.reviewer, verdict=fact.verdict)

    def start_review(self, fact: ReviewStarted, at: str) -> None:
        """A campaign begins."""
        items: dict[str, ItemState] = dict.fromkeys(fact.items, "open")
        self.campaigns[fact.review] = Campaign(fact.review, fact.due, epoch(fact.due), fact.overdue, at, items)

    def certify(self, fact: AccessCertified) -> None:
        """Items that stay."""
        if (campaign := self.campaigns.get(fact.review)) is not None:
            for item in fact.items:
                if item in campaign.items:
                    campaign.items[item], campaign.said_by[item] = "certified", fact.reviewer

    def revoke(self, fact: AccessRevoked) -> None:
        """An item that goes."""
        if (campaign := self.campaigns.get(fact.review)) is not None and fact.item in campaign.items:
            campaign.items[fact.item], campaign.said_by[fact.item] = "revoked", fact.reviewer

    def close_review(self, fact: ReviewClosed) -> None:
        """The campaign is over."""
        if (campaign := self.campaigns.get(fact.review)) is not None:
            campaign.closed = True

    def suspended(self, person: str, now: float) -> frozenset[str]:
        """Roles that nobody certified in time, where the policy suspends them until somebody does.

        Never the role of owner: it is listed only, since somebody must be left who can let people in again.
        """
        return frozenset(
            item.partition("/")[2]
            for item in self._overdue(now)
            if item.partition("/")[0] == person and not item.endswith("/owner")
        )

    def order_suspended(self, order: str, now: float) -> bool:
        """Whether a standing order opens nothing until somebody certifies it."""
        return f"order:{order}" in self._overdue(now)

    def _overdue(self, now: float) -> list[str]:
        """Items that nobody certified in time, where the policy suspends them."""
        return [
            item
            for campaign in self.campaigns.values()
            if campaign.overdue == "suspend" and not campaign.closed and now >= campaign.due_epoch
            for item in campaign.open_items()
        ]

    def grant_of(self, person: str, now: float) -> Grant | None:
        """The grant that lives now."""
        return next((g for g in self.grants.values() if g.person == person and g.live(now)), None)

    def unreviewed(self, person: str) -> tuple[Grant, ...]:
        """Grants of a person that nobody else has looked at."""
        return tuple(g for g in self.grants.values() if g.person == person and not g.reviewed_by)


def act_of(index: int, entry: Entry) -> Act:
    """An entry as one act under a grant."""
    about = getattr(entry.fact, "decision", "") or getattr(entry.fact, "use_case", "")
    return Act(index, entry.at, action_of(entry), about)


class Known(Protocol):
    """The registry, as far as permissions go."""

    access: Access
    people: dict[str, PersonView]


def roles_now(known: Known, person: str, now: float) -> frozenset[str]:
    """Roles that count at `now` (epoch seconds) without any grant; none for a stranger or a leaver."""
    view = known.people.get(person)
    return view.roles - known.access.suspended(person, now) if view is not None else frozenset()


def authorise(known: Known, person: str, action: str, now: float, auth: str = "local") -> Actor:
    """The person as actor, when a role that counts now permits the action, or a live grant does; else `Refused`.

    What needed the grant says so in `Actor.auth`.
    """
    if person not in known.people:
        raise Refused("nobody of that name works here.", remedy="Add them: bedrail people add ID --role ROLE.")
    access = known.access
    roles = roles_now(known, person, now)
    if permitted(roles, action, access.withheld):
        return Actor(auth=auth, id=person, kind="person")
    grant = access.grant_of(person, now)
    if grant is not None and action in BY_GLASS and permitted((grant.role,), action, access.withheld):
        return Actor(auth=f"{GLASS}{grant.grant}", id=person, kind="person")
    raise refusal(roles, action, access.withheld)


def sees_site(known: Known, person: str, site: str) -> bool:
    """Whether decisions of this site are the person's to see; whoever has no sites of their own sees all."""
    view = known.people.get(person)
    return view is not None and (not view.sites or site in view.sites)


def require_site(known: Known, person: str, site: str) -> None:
    """Raise `Refused` when decisions of this site are not the person's to see."""
    if not sees_site(known, person, site):
        raise Refused("that decision is of another site.", remedy="Ask somebody who works there.", reasons=("scope",))


def items_of(people: Mapping[str, PersonView], tokens: Iterable[str], orders: Iterable[str] = ()) -> tuple[str, ...]:
    """Every access there is, as a review lists it."""
    held = [f"{person}/{role}" for person, view in sorted(people.items()) for role in sorted(view.roles)]
    return (*held, *(f"token:{each}" for each in sorted(tokens)), *(f"order:{each}" for each in sorted(orders)))
