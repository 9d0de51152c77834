"""How often somebody may be wrong: limits on refused attempts, with a wait that grows (OWASP ASVS 5.0 6.3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, ip_address, ip_network

from bedrail.core.errors import Refused
from bedrail.core.values import Value

WINDOW_SECONDS = 300.0
FREE = 3
"""So many refusals are an honest slip; from then on each doubles the wait."""

LONGEST_WAIT = 60.0


class Limit(Value, frozen=True, kw_only=True):
    """At most `most` refusals in five minutes under one name; the wait grows on the way where `grows`."""

    name: str
    most: int
    grows: bool = True


def source_limit(source: str) -> tuple[Limit, ...]:
    """Ten for an address (in IPv6 its /64). No wait before that: behind a proxy or on a ward many people share one."""
    return (Limit(name=f"source:{_household(source)}", most=10, grows=False),)


def _household(source: str) -> str:
    """An IPv6 address as its /64: that is what one customer has, with all of its 2**64 addresses (RFC 6177)."""
    try:
        ip = ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if isinstance(ip, IPv4Address):
        return source
    return str(ip.ipv4_mapped or ip_network((int(ip) >> 64 << 64, 64)))


def sign_in_limits(person: str, source: str) -> tuple[Limit, ...]:
    """Ten for a name, ten for an address."""
    return Limit(name=f"person:{person[:64]}", most=10), *source_limit(source)


def second_factor_limits(person: str, source: str) -> tuple[Limit, ...]:
    """Five codes for a person, whichever half sign-in they belong to."""
    return Limit(name=f"code:{person[:64]}", most=5), *source_limit(source)


def wait(limit: Limit, count: int, last: float, now: float) -> float:
    """Seconds until the next attempt is looked at; 0 for at once. `count` refusals in the window, `last` the latest."""
    if count >= limit.most:
        return max(0.0, last + WINDOW_SECONDS - now)
    if count < FREE or not limit.grows:
        return 0.0
    return max(0.0, last + min(2.0 ** (count - FREE), LONGEST_WAIT) - now)


def require_turn(limits: Sequence[Limit], refused: Mapping[str, tuple[int, float]], now: float) -> None:
    """Raise `Refused` (reasons `rate`) while an attempt comes too soon; it is then not looked at at all."""
    seconds = max(wait(limit, *refused.get(limit.name, (0, 0.0)), now) for limit in limits)
    if seconds > 0:
        raise Refused(
            "Too many attempts were refused.",
            remedy=f"Try again in {int(seconds) + 1} seconds.",
            reasons=("rate", str(int(seconds) + 1)),
        )
