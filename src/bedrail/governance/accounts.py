"""Accounts as rules: what the facts say about who may sign in and how, and when a mere name is not believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bedrail.core.errors import Refused
from bedrail.core.events.identity import (
    AccountDisabled,
    AccountEnabled,
    AccountOpened,
    AccountReset,
    CredentialEnrolled,
    CredentialRevoked,
    ProviderDropped,
    ProviderTrusted,
    SessionsEnded,
    SignedIn,
    SignInRuled,
    SignInsRefused,
    SteppedUp,
)
from bedrail.governance.moments import epoch
from bedrail.governance.permissions import ROLES
from bedrail.governance.sessions import LOCAL, POWERFUL, Principal, limits, require_fresh
from bedrail.governance.values import PersonView

TRUST, SIGNED_IN = "trust", "signed-in"

SECOND_FACTORS = ("totp", "passkey")


@dataclass(frozen=True, slots=True)
class CredentialView:
    """A credential that counts now, by the digest of what is stored for it."""

    credential: str
    kind: str
    label: str
    at: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """A person's account and what they can prove themselves with."""

    person: str
    enabled: bool
    at: str
    credentials: Mapping[str, CredentialView] = field(default_factory=dict)

    def of_kind(self, *kinds: str) -> tuple[CredentialView, ...]:
        """The credentials of these kinds."""
        return tuple(each for each in self.credentials.values() if each.kind in kinds)


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as the ledger knows it; `auth_epoch` is the last proof, 0 where only a provider knows when it was."""

    session: str
    person: str
    auth: str
    mfa: bool
    door: str
    at_epoch: float
    auth_epoch: float
    roles: frozenset[str]


@dataclass(slots=True)
class Identity:
    """Everything the facts say about signing in; a part of the registry.

    Sessions that cannot be open any more are let go as later ones come in, so that memory stays bounded.
    """

    begun: bool = False
    ruled: str = ""
    mfa_roles: frozenset[str] = frozenset(ROLES)
    accounts: dict[str, AccountView] = field(default_factory=dict)
    sessions: dict[str, SessionView] = field(default_factory=dict)
    providers: dict[str, ProviderTrusted] = field(default_factory=dict)

    @property
    def local(self) -> str:
        """`trust` until the first account is opened; `signed-in` ever after, unless ruled otherwise."""
        return (self.ruled or SIGNED_IN) if self.begun else TRUST

    def leave(self, person: str) -> None:
        """Nothing that a leaver enrolled counts, also when somebody of that id comes later."""
        self.accounts.pop(person, None)
        _end(self, [s.session for s in self.sessions.values() if s.person == person])

    def needs_mfa(self, roles: frozenset[str]) -> bool:
        """Whether somebody in these roles must show two factors."""
        return not roles.isdisjoint(self.mfa_roles | POWERFUL)

    def must_sign_in(self, person: PersonView) -> bool:
        """Whether this person's name alone is not believed: whoever needs two factors, or has an account."""
        return self.local == SIGNED_IN and (person.person in self.accounts or self.needs_mfa(person.roles))


def proven(identity: Identity, person: PersonView, principal: Principal | None, action: str, now: float) -> Principal:
    """The person as proved for this action; raises `Refused` (reasons `sign-in`, `second-factor` or `step-up`).

    Somebody else's session never counts, also where names are believed: acting for another is not a thing here.
    """
    if principal is not None and principal.person != person.person:
        raise Refused(
            f"{principal.person} is signed in, not {person.person}.",
            remedy="Act as yourself, or sign out first: bedrail sign-out.",
            reasons=("sign-in",),
        )
    if principal is None or not principal.signed_in:
        if identity.must_sign_in(person):
            raise Refused(
                f"{person.person} must sign in for this.",
                remedy=f"bedrail sign-in {person.person}",
                reasons=("sign-in",),
            )
        return principal or Principal(person=person.person, auth=LOCAL, auth_time=now, roles=person.roles)
    if identity.local == SIGNED_IN:
        if identity.needs_mfa(person.roles) and not principal.mfa:
            raise Refused(
                "this role needs a second factor.", remedy="Enrol one: the page /account.", reasons=("second-factor",)
            )
        require_fresh(principal, action, now)
    return principal


def session_holds(identity: Identity, session: SessionView, person: PersonView | None, now: float, seen: float) -> bool:
    """Whether a session still opens anything: not ended, account enabled, no role lost, within its limits.

    A session that was opened on a mere name ends with the first account.
    """
    if person is None or not session.roles <= person.roles or session.session not in identity.sessions:
        return False
    if session.auth == LOCAL:
        believed = not identity.must_sign_in(person)
    else:
        account = identity.accounts.get(session.person)
        believed = account is not None and account.enabled
    until = limits(person.roles)
    return believed and 0 <= now - session.at_epoch + 1 <= until.absolute and -1 <= now - seen <= until.idle


def _change(identity: Identity, person: str, **changes: Any) -> None:
    account = identity.accounts.get(person)
    if account is not None:
        identity.accounts[person] = replace(account, **changes)


def _ruled(identity: Identity, fact: SignInRuled, _: str) -> None:
    identity.ruled, identity.mfa_roles = fact.local, frozenset(fact.mfa_roles)


def _opened(identity: Identity, fact: AccountOpened, at: str) -> None:
    identity.begun = True
    identity.accounts.setdefault(fact.person, AccountView(fact.person, True, at))


def _nothing(_: Any, __: Any, ___: str) -> None:
    """Told for the reader of the ledger; nothing follows from it."""


def _disabled(identity: Identity, fact: AccountDisabled, _: str) -> None:
    _change(identity, fact.person, enabled=False)
    _end(identity, [s.session for s in identity.sessions.values() if s.person == fact.person])


def _shut(registry: Any, fact: AccountDisabled, at: str) -> None:
    _disabled(registry.identity, fact, at)
    registry.orders.end(fact.person, "account disabled", at)


def _reset(registry: Any, fact: AccountReset, at: str) -> None:
    """What somebody with a stolen session left to a timer ends with it."""
    registry.orders.end(fact.person, "account reset", at)


def _enabled(identity: Identity, fact: AccountEnabled, _: str) -> None:
    _change(identity, fact.person, enabled=True)


def _enrolled(identity: Identity, fact: CredentialEnrolled, at: str) -> None:
    """Of passwords, one-time-code apps and sets of recovery codes only the newest counts."""
    account = identity.accounts.get(fact.person)
    if account is None:
        return
    single = fact.kind in ("password", "totp", "recovery-codes")
    kept = {k: v for k, v in account.credentials.items() if not (single and v.kind == fact.kind)}
    kept[fact.credential] = CredentialView(fact.credential, fact.kind, fact.label, at)
    _change(identity, fact.person, credentials=kept)


def _revoked(identity: Identity, fact: CredentialRevoked, _: str) -> None:
    account = identity.accounts.get(fact.person)
    if account is not None:
        kept = {k: v for k, v in account.credentials.items() if k != fact.credential}
        _change(identity, fact.person, credentials=kept)


def _trusted(identity: Identity, fact: ProviderTrusted, _: str) -> None:
    identity.providers[fact.issuer] = fact


def _dropped(identity: Identity, fact: ProviderDropped, _: str) -> None:
    identity.providers.pop(fact.issuer, None)
    word = f"oidc:{fact.issuer}"
    _end(identity, [s.session for s in identity.sessions.values() if s.auth == word or s.auth.startswith(f"{word}+")])


def _end(identity: Identity, sessions: list[str]) -> None:
    for session in sessions:
        identity.sessions.pop(session, None)


def _ended(identity: Identity, fact: SessionsEnded, _: str) -> None:
    _end(identity, list(fact.sessions))


_LONGEST = 24 * 3600
_MANY = 1000


def _signed_in(registry: Any, fact: SignedIn, at: str) -> None:
    """A session remembers the roles of its beginning: it ends when one of them is taken away.

    A provider that was not told to ask anew may have let a session of hours ago in: that is no fresh proof.
    """
    identity, now, person = registry.identity, epoch(at), registry.people.get(fact.person)
    roles = person.roles if person is not None else frozenset()
    if len(identity.sessions) >= _MANY and len(identity.sessions) % 64 == 0:
        _end(identity, [s.session for s in identity.sessions.values() if now - s.at_epoch > _LONGEST])
    proved = 0.0 if fact.auth.startswith("oidc:") and "+" not in fact.auth else now
    identity.sessions[fact.session] = SessionView(
        fact.session, fact.person, fact.auth, fact.mfa, fact.door, now, proved, roles
    )


def _stepped_up(identity: Identity, fact: SteppedUp, at: str) -> None:
    session = identity.sessions.pop(fact.before, None)
    if session is not None and session.person == fact.person:
        identity.sessions[fact.session] = replace(
            session, session=fact.session, auth=fact.auth, mfa=fact.mfa, auth_epoch=epoch(at)
        )


def _in_identity(fold: Callable[[Identity, Any, str], None]) -> Callable[[Any, Any, str], None]:
    """A fold of the registry's identity."""

    def apply(registry: Any, fact: Any, at: str) -> None:
        fold(registry.identity, fact, at)

    return apply


IDENTITY: dict[type, Callable[[Any, Any, str], None]] = {
    SignInRuled: _in_identity(_ruled),
    AccountOpened: _in_identity(_opened),
    AccountReset: _reset,
    AccountDisabled: _shut,
    AccountEnabled: _in_identity(_enabled),
    CredentialEnrolled: _in_identity(_enrolled),
    CredentialRevoked: _in_identity(_revoked),
    SignedIn: _signed_in,
    SteppedUp: _in_identity(_stepped_up),
    SessionsEnded: _in_identity(_ended),
    SignInsRefused: _nothing,
    ProviderTrusted: _in_identity(_trusted),
    ProviderDropped: _in_identity(_dropped),
}
"""What each fact about identity changes in the registry."""
