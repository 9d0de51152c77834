"""Sessions as rules: who a signed-in request speaks for, how long that holds, and what asks for a fresh sign-in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from bedrail.core.errors import Refused
from bedrail.core.events import Actor
from bedrail.core.values import Value

LOCAL = "local"
"""How a person is known who was only named on the command line of the machine that holds the home."""

FRESH_SECONDS = 300
"""A sensitive act needs a sign-in within the last five minutes (ASVS 5.0 7.5.3)."""

STEP_UP: frozenset[str] = frozenset(
    {
        "abuse.lift",
        "access.certify",
        "account.manage",
        "approval.give",
        "backup.take",
        "break-glass.open",
        "break-glass.review",
        "consent.rule",
        "deid.judge",
        "deid.retire",
        "deployment.move",
        "deployment.roll-back",
        "egress.change",
        "keys.complete-disposal",
        "keys.hold",
        "keys.move-pseudonyms",
        "keys.rotate",
        "keys.shred",
        "ledger.add-key",
        "ledger.prune",
        "ledger.shard",
        "ledger.witnesses",
        "order.give",
        "person.add",
        "person.leave",
        "policy.adopt",
        "reidentification.approve",
        "reidentification.request",
        "retention.approve",
        "retention.rule",
        "retention.run",
        "server.start-unsafely",
        "sign-in.rule",
        "token.issue",
    }
)
"""Acts that give power, start answers (a halt is released by moving or rolling back), say who watches the ledger or
where data may go, tell who a patient is, take the whole house away, or cannot be undone; stopping never waits."""


class Principal(Value, frozen=True, kw_only=True):
    """Who a request or command speaks for, as proved; what doors hand to journeys instead of a mere name.

    `auth` is the method as it stands in facts (`local`, `password`, `password+totp`, `password+recovery`, `passkey`,
    `oidc:ISSUER`). `roles` are those held now, not those at sign-in. `auth_time` is the last proof by the person
    (sign-in or step-up), seconds since 1970. `session` is the session's public id, empty for `local`. `mfa` is whether
    two factors, or a passkey with user verification, were shown.
    """

    person: str
    auth: str
    auth_time: float
    roles: frozenset[str] = frozenset()
    mfa: bool = False
    session: str = ""
    kind: Literal["person", "token"] = "person"

    def actor(self) -> Actor:
        """As facts name who acted."""
        return Actor(auth=self.auth, id=self.person, kind=self.kind)

    @property
    def signed_in(self) -> bool:
        """Whether there is a session behind it, rather than a name on the command line."""
        return bool(self.session)


def fresh(principal: Principal, now: float) -> bool:
    """Whether the last proof is at most `FRESH_SECONDS` old; one from the future (a clock that jumped) is not fresh."""
    return 0 <= now - principal.auth_time <= FRESH_SECONDS


def require_fresh(principal: Principal, action: str, now: float) -> None:
    """Raise `Refused` (reasons `step-up`) when the action is sensitive and the last proof too long ago."""
    if action in STEP_UP and not fresh(principal, now):
        raise stale(f"`{action}`")


def stale(what: str) -> Refused:
    """What is refused because the last proof is too long ago."""
    return Refused(
        f"{what} needs a sign-in within the last {FRESH_SECONDS // 60} minutes.",
        remedy="Confirm that it is you: bedrail sign-in --again, or the page /account/confirm.",
        reasons=("step-up",),
    )


class Limits(Value, frozen=True, kw_only=True):
    """How long a session lasts: at most, and without use; seconds."""

    absolute: int
    idle: int


POWERFUL: frozenset[str] = frozenset(
    {"owner", "clinical-lead", "privacy-officer", "security-officer", "release-engineer"}
)
"""Roles that decide or release; their sessions are shorter, and their second factor cannot be waived."""

ORDINARY = Limits(absolute=12 * 3600, idle=30 * 60)
STRICT = Limits(absolute=8 * 3600, idle=15 * 60)
"""Within NIST SP 800-63B-4 section 2.2.3 (24 h and 1 h at AAL2) and 2.3.3 (12 h and 15 min at AAL3)."""


def limits(roles: Iterable[str]) -> Limits:
    """The strictest limits among the roles."""
    return ORDINARY if POWERFUL.isdisjoint(roles) else STRICT
