"""Flags of suspected abuse: which stand, what they did to their token, who settled them; part of the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from bedrail.core.events.abuse import AbuseLifted, AbuseLooked, AbuseSuspected, AbuseThrottled
from bedrail.governance.values import TokenView

SUSPEND = "suspend-token"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag; `found` and `limit` are decimals, `taken` is notify or suspend-token. It stands until `settled_by`."""

    flag: str
    use_case: str
    token: str
    detector: str
    decisions: int
    found: str
    limit: str
    first: str
    last: str
    taken: str
    at: str
    settled_by: str = ""
    reason: str = ""


@dataclass(slots=True)
class Abuse:
    """What the registry knows of abuse.

    `looked` is the ledger index up to which full blocks of a token were looked at, `settled` the one before which
    nothing counts any more, because an officer settled a flag then; `throttled` the newest report by token.
    """

    flags: dict[str, Flag] = field(default_factory=dict)
    looked: dict[tuple[str, str], int] = field(default_factory=dict)
    settled: dict[tuple[str, str], int] = field(default_factory=dict)
    throttled: dict[str, AbuseThrottled] = field(default_factory=dict)

    def standing(self, use_case: str = "") -> tuple[Flag, ...]:
        """Flags that nobody has settled, oldest first; of one use case when it is named."""
        return tuple(f for f in self.flags.values() if not f.settled_by and use_case in ("", f.use_case))

    def suspends(self, token: str) -> str:
        """The flag that keeps this token shut, or empty."""
        return next((f.flag for f in self.standing() if f.token == token and f.taken == SUSPEND), "")


class Registry(Protocol):
    """What of the registry these folds change."""

    seen: int
    abuse: Abuse
    tokens: dict[str, TokenView]


def _suspected(registry: Registry, fact: AbuseSuspected, at: str) -> None:
    registry.abuse.flags[fact.flag] = Flag(
        flag=fact.flag,
        use_case=fact.use_case,
        token=fact.token,
        detector=fact.detector,
        decisions=fact.decisions,
        found=fact.found,
        limit=fact.limit,
        first=fact.first,
        last=fact.last,
        taken=fact.taken,
        at=at,
    )
    _shut_or_open(registry, fact.token)


def _lifted(registry: Registry, fact: AbuseLifted, _at: str) -> None:
    known = registry.abuse.flags.get(fact.flag)
    if known is not None:
        registry.abuse.flags[fact.flag] = replace(known, settled_by=fact.person, reason=fact.reason)
        registry.abuse.settled[known.use_case, known.token] = registry.seen
        _shut_or_open(registry, known.token)


def _shut_or_open(registry: Registry, token: str) -> None:
    flag = registry.abuse.suspends(token)
    for sha256, view in registry.tokens.items():
        if view.token == token:
            registry.tokens[sha256] = replace(view, suspended=flag)


def _looked(registry: Registry, fact: AbuseLooked, _at: str) -> None:
    registry.abuse.looked[fact.use_case, fact.token] = fact.last


def _throttled(registry: Registry, fact: AbuseThrottled, _at: str) -> None:
    registry.abuse.throttled[fact.token] = fact


ABUSE: dict[type, Callable[[Any, Any, str], None]] = {
    AbuseSuspected: _suspected,
    AbuseLifted: _lifted,
    AbuseLooked: _looked,
    AbuseThrottled: _throttled,
}
