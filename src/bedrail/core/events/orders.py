"""Facts about standing orders: what a timer may do unattended, on whose word, until when; never the secret."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class OrderGiven(FactStruct, frozen=True, kw_only=True, tag="order.given"):
    """Whoever holds the secret of this SHA-256 may do these acts as the person, unattended, until `expires` (UTC)."""

    order: str
    person: str
    acts: tuple[str, ...]
    sha256: str
    expires: str
    reason: str


class OrderRevoked(FactStruct, frozen=True, kw_only=True, tag="order.revoked"):
    """The standing order opens nothing from now on."""

    order: str
    reason: str
