"""The folds of who may do what: people, tokens, emergency roles, access reviews, findings; part of the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from bedrail.core.events.access import (
    AccessCertified,
    AccessRevoked,
    FindingAnswered,
    FindingClosed,
    FindingOpened,
    FindingReturned,
    GlassBroken,
    GlassEnded,
    GlassReviewed,
    NoticeGiven,
    PersonLeft,
    ReviewClosed,
    ReviewStarted,
    TokenHandedOver,
    TokenUsed,
)
from bedrail.core.events.governance import PersonAdded, TokenIssued, TokenRevoked
from bedrail.governance.access import Access
from bedrail.governance.accounts import Identity
from bedrail.governance.findings import Findings
from bedrail.governance.moments import days_after, epoch
from bedrail.governance.orders import Orders
from bedrail.governance.values import TOKEN_ACTIONS, PersonView, TokenView


class Registry(Protocol):
    """What of the registry these folds change."""

    access: Access
    identity: Identity
    findings: Findings
    orders: Orders
    people: dict[str, PersonView]
    tokens: dict[str, TokenView]
    revoked_tokens: dict[str, TokenView]


def _person(registry: Registry, fact: PersonAdded, at: str) -> None:
    before = registry.people.get(fact.person)
    view = PersonView(fact.person, fact.name, frozenset(fact.roles), at, frozenset(fact.sites))
    registry.people[fact.person] = view
    if before is not None and before.roles - view.roles:
        registry.orders.end(fact.person, "a role ended", at)
    registry.access.changed(before.roles if before is not None else frozenset(), view, at)


def _left(registry: Registry, fact: PersonLeft, at: str) -> None:
    """A leaver is nobody here from now on; what they did stays theirs."""
    before = registry.people.pop(fact.person, None)
    registry.access.leave(before.roles if before is not None else frozenset(), fact, at)
    registry.identity.leave(fact.person)
    registry.orders.end(fact.person, "left", at)


def _token(registry: Registry, fact: TokenIssued, _at: str) -> None:
    actions = frozenset(fact.actions or TOKEN_ACTIONS)
    view = TokenView(
        fact.token, fact.use_case, fact.client, fact.sha256, fact.expires, epoch(fact.expires), actions, fact.owner,
        fact.replaces,
    )  # fmt: skip
    if fact.replaces:
        _change_token(registry, fact.replaces, expires=fact.overlap)
    registry.tokens[fact.sha256] = view


def _change_token(registry: Registry, token: str, *, expires: str = "", **changes: Any) -> None:
    """A live token with these changes; its end only ever comes nearer."""
    for sha256, view in registry.tokens.items():
        if view.token == token:
            if expires and epoch(expires) < view.expires_epoch:
                changes |= {"expires": expires, "expires_epoch": epoch(expires)}
            registry.tokens[sha256] = replace(view, **changes)


def _token_handed_over(registry: Registry, fact: TokenHandedOver, _at: str) -> None:
    _change_token(registry, fact.token, expires=fact.expires, owner=fact.owner)


def _token_used(registry: Registry, fact: TokenUsed, _at: str) -> None:
    _change_token(registry, fact.token, used_day=fact.day, used_until=days_after(epoch(fact.day), 1))


def _token_gone(registry: Registry, fact: TokenRevoked, _at: str) -> None:
    """A revoked token leaves the table that doors look into: whoever forgets to ask is still refused."""
    _revoke_token(registry, fact.token)


def _revoke_token(registry: Registry, token: str) -> None:
    for sha256 in [s for s, view in registry.tokens.items() if view.token == token]:
        registry.revoked_tokens[token] = registry.tokens.pop(sha256)


def _access_revoked(registry: Registry, fact: AccessRevoked, at: str) -> None:
    """What a reviewer takes away is gone: a role, a token, or a standing order."""
    registry.access.revoke(fact)
    kind, _, named = fact.item.partition(":")
    if kind == "token":
        _revoke_token(registry, named)
        return
    if kind == "order":
        registry.orders.revoke(named, "by an access review", at, meant=fact.reviewer != "policy")
        return
    person, _, role = fact.item.partition("/")
    before = registry.people.get(person)
    if before is not None and role in before.roles:
        view = replace(before, roles=before.roles - {role})
        registry.people[person] = view
        registry.orders.end(person, "a role ended", at)
        registry.access.changed(before.roles, view, at)


RIGHTS: dict[type, Callable[[Any, Any, str], None]] = {
    PersonAdded: _person,
    PersonLeft: _left,
    TokenIssued: _token,
    TokenRevoked: _token_gone,
    TokenHandedOver: _token_handed_over,
    TokenUsed: _token_used,
    GlassBroken: lambda registry, fact, at: registry.access.break_glass(fact, at),
    NoticeGiven: lambda registry, fact, _: registry.access.notices.add(fact.notice),
    GlassEnded: lambda registry, fact, at: registry.access.end_glass(fact, at),
    GlassReviewed: lambda registry, fact, _: registry.access.review_glass(fact),
    ReviewStarted: lambda registry, fact, at: registry.access.start_review(fact, at),
    AccessCertified: lambda registry, fact, _: registry.access.certify(fact),
    AccessRevoked: _access_revoked,
    ReviewClosed: lambda registry, fact, _: registry.access.close_review(fact),
    FindingOpened: lambda registry, fact, at: registry.findings.opened(fact, at),
    FindingAnswered: lambda registry, fact, _: registry.findings.answered(fact),
    FindingReturned: lambda registry, fact, _: registry.findings.returned(fact),
    FindingClosed: lambda registry, fact, _: registry.findings.closed(fact),
}
