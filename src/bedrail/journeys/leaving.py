"""The life of tokens, and what happens to all of it when a person leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import Fact, PersonLeft, SessionsEnded, TokenHandedOver, TokenIssued, TokenRevoked
from bedrail.core.values import Value
from bedrail.governance.values import TOKEN_ACTIONS, TokenView
from bedrail.journeys.context import Context
from bedrail.journeys.moving_ground import append_whole, of_lost_roles, told

LONGEST_DAYS = 365
USUAL_DAYS = 90
"""A token lives 90 days unless asked otherwise, and a year at most: there is none without an end."""

HANDED_OVER_DAYS = 7
"""Whoever left may have seen the token: a handed-over one ends after a week unless it is rotated before."""


class Left(Value, frozen=True, kw_only=True):
    """What followed from somebody's leaving; `to_settle` is what a person still has to do."""

    person: str
    revoked: tuple[str, ...]
    handed_over: tuple[str, ...]
    consequences: tuple[str, ...]
    to_settle: tuple[str, ...]


def issue_token(
    ctx: Context,
    person: str,
    use_case: str,
    client: str,
    token_digest: str,
    *,
    valid_for: timedelta = timedelta(days=USUAL_DAYS),
    actions: Sequence[str] = TOKEN_ACTIONS,
    owner: str = "",
) -> TokenIssued:
    """Put a bearer token's digest on record, for these actions of one use case; the token itself is shown once, by the
    caller. `owner`, who answers for the service account `client`, is the issuing person when nobody is named.

    Raises `Invalid` for an unknown action, no action, no end or one more than a year away, or an owner who does not
    work here.
    """
    actor = ctx.require(person, "token.issue")
    ctx.use_case(use_case)
    _check_client(client)
    unknown = [action for action in actions if action not in TOKEN_ACTIONS]
    if unknown or not actions:
        said = f"`{unknown[0][:20]}` is nothing a token can be good for." if unknown else "a token good for nothing."
        raise Invalid(said, path="--can", remedy=f"Any of: {', '.join(TOKEN_ACTIONS)}.")
    fact = TokenIssued(
        token=ctx.ids.new(),
        use_case=use_case,
        sha256=token_digest,
        client=client,
        expires=_end(ctx, valid_for),
        actions=tuple(action for action in TOKEN_ACTIONS if action in actions),
        owner=_owner(ctx, owner or person),
    )
    ctx.append(actor, "security", fact)
    return fact


def rotate_token(
    ctx: Context,
    person: str,
    token: str,
    token_digest: str,
    *,
    overlap: timedelta,
    valid_for: timedelta = timedelta(days=USUAL_DAYS),
) -> TokenIssued:
    """A new token with the same scope; the old one stays good for `overlap`, so that clients change without a gap.

    Raises `NotFound` for a token that is not live, `Refused` for a suspended one, `Invalid` for an overlap longer than
    30 days.
    """
    actor = ctx.require(person, "token.issue")
    old = live_token(ctx, token)
    if old.suspended:
        raise Refused("the token is suspended.", remedy=f"First: bedrail abuse lift {old.suspended} --reason WHY")
    if not timedelta(0) <= overlap <= timedelta(days=30):
        raise Invalid("the overlap is too long.", path="--overlap", remedy="At most 30d.")
    fact = TokenIssued(
        token=ctx.ids.new(),
        use_case=old.use_case,
        sha256=token_digest,
        client=old.client,
        expires=_end(ctx, valid_for),
        actions=tuple(action for action in TOKEN_ACTIONS if action in old.actions),
        overlap=(ctx.clock.now() + overlap).isoformat(timespec="seconds"),
        owner=old.owner if old.owner in ctx.registry.people else person,
        replaces=old.token,
    )
    ctx.append(actor, "security", fact, known=ctx.registry.seen)
    return fact


def hand_over_token(ctx: Context, person: str, token: str, owner: str) -> TokenHandedOver:
    """Somebody else answers for a token; it ends within a week, so that it is rotated by its new owner."""
    actor = ctx.require(person, "token.issue")
    fact = _handed_over(ctx, live_token(ctx, token), _owner(ctx, owner))
    ctx.append(actor, "security", fact, known=ctx.registry.seen)
    return fact


def live_token(ctx: Context, token: str) -> TokenView:
    """The live token of that id; raises `NotFound`."""
    live = {view.token: view for view in ctx.refresh().tokens.values()}
    if token not in live:
        there = ", ".join(f"{name} ({view.client})" for name, view in live.items()) or "none"
        raise NotFound("there is no live token of this id.", path="token", remedy=f"Live are: {there}.")
    return live[token]


def leave(ctx: Context, person: str, leaver: str, reason: str, *, hand_over: str = "") -> Left:
    """A person leaves: no role is held, no session and none of their tokens opens anything from this commit on.

    With `hand_over`, their tokens pass to that person for a week instead of ending. Approvals they gave count on as the
    policy says (`[on] role_lost`), and so does what rests on them. Raises `NotFound`, and `Refused` for the only owner.
    """
    actor = ctx.require(person, "person.leave")
    known = ctx.registry.people.get(leaver)
    if known is None:
        raise NotFound(f"nobody called `{leaver[:64]}` works here.", path="person", remedy="bedrail people list")
    if ctx.registry.holders("owner") == (leaver,):
        raise Refused(f"{leaver} is the only owner.", remedy="Make somebody else an owner first: nobody could after.")
    if hand_over == leaver:
        raise Invalid("a leaver cannot take over.", path="--hand-over", remedy="Name somebody who stays.")
    heir = _owner(ctx, hand_over) if hand_over else ""
    owned = [view for view in ctx.registry.tokens.values() if view.owner == leaver]
    facts: list[Fact] = []
    open_now = tuple(s.session for s in ctx.registry.identity.sessions.values() if s.person == leaver)
    if open_now:  # they would open nothing anyway; ended, they do not come back with the person either
        facts.append(SessionsEnded(person=leaver, reason="left", sessions=open_now))
    facts += [
        _handed_over(ctx, view, heir) if heir else TokenRevoked(token=view.token, reason=f"{leaver} left")
        for view in owned
    ]
    facts.append(PersonLeft(person=leaver, reason=reason))
    lost = [(leaver, role) for role in known.roles]
    follows = append_whole(
        ctx, actor, "security", facts, lambda: of_lost_roles(ctx, lost, f"{leaver}, who approved it, left")
    )
    ids = tuple(f"{view.token} ({view.client})" for view in owned)
    return Left(
        person=leaver,
        revoked=() if heir else ids,
        handed_over=ids if heir else (),
        consequences=told(follows),
        to_settle=_to_settle(ctx, leaver),
    )


def _to_settle(ctx: Context, leaver: str) -> tuple[str, ...]:
    registry = ctx.refresh()
    cases = [f"{v.id}: its charter names {leaver} as owner" for v in registry.use_cases.values() if v.owner == leaver]
    found = [f for f in registry.findings.all.values() if f.state != "closed" and f.owner == leaver]
    return (*cases, *(f"finding {f.finding}: {leaver} was to answer it" for f in found))


def _handed_over(ctx: Context, view: TokenView, owner: str) -> TokenHandedOver:
    ends = ctx.clock.now() + timedelta(days=HANDED_OVER_DAYS)
    soonest = min(ends, datetime.fromtimestamp(view.expires_epoch, ends.tzinfo))
    return TokenHandedOver(token=view.token, owner=owner, expires=soonest.isoformat(timespec="seconds"))


def _owner(ctx: Context, owner: str) -> str:
    if owner not in ctx.registry.people:
        raise Invalid(f"nobody called `{owner[:64]}` works here.", path="--owner", remedy="bedrail people list")
    return owner


def _check_client(client: str) -> None:
    if not 1 <= len(client) <= 64 or not client.isprintable():
        raise Invalid("this cannot name a client.", path="--client", remedy="Use 1 to 64 characters: ehr-discharge.")


def _end(ctx: Context, valid_for: timedelta) -> str:
    if not timedelta(0) < valid_for <= timedelta(days=LONGEST_DAYS):
        remedy = f"Ask for 1 to {LONGEST_DAYS} days; rotate it before it ends."
        raise Invalid("a token lives a year at most, and never without an end.", path="--days", remedy=remedy)
    return (ctx.clock.now() + valid_for).isoformat(timespec="seconds")
