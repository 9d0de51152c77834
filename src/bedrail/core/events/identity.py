"""Facts about accounts, credentials and sessions: who could sign in, who did, and what was refused; never a secret."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class SignInRuled(FactStruct, frozen=True, kw_only=True, tag="sign-in.ruled"):
    """How people prove who they are from now on: `local` is `trust` or `signed-in`; these roles need two factors."""

    local: str
    mfa_roles: tuple[str, ...]


class AccountOpened(FactStruct, frozen=True, kw_only=True, tag="account.opened"):
    """The person may enrol credentials and sign in with them; an invitation was handed out."""

    person: str


class AccountReset(FactStruct, frozen=True, kw_only=True, tag="account.reset"):
    """A new invitation to set a password was handed out. The second factors remain what they were."""

    person: str
    reason: str


class AccountDisabled(FactStruct, frozen=True, kw_only=True, tag="account.disabled"):
    """Nobody signs in as this person any more, and all their sessions ended."""

    person: str
    reason: str


class AccountEnabled(FactStruct, frozen=True, kw_only=True, tag="account.enabled"):
    """The person may sign in again with the credentials they had."""

    person: str


class CredentialEnrolled(FactStruct, frozen=True, kw_only=True, tag="credential.enrolled"):
    """A way to prove being this person was added: password, totp, passkey, recovery-codes, or oidc (issuer)."""

    credential: str
    kind: str
    label: str
    person: str


class CredentialRevoked(FactStruct, frozen=True, kw_only=True, tag="credential.revoked"):
    """This credential proves nothing from now on."""

    credential: str
    kind: str
    person: str
    reason: str


class SignedIn(FactStruct, frozen=True, kw_only=True, tag="session.opened"):
    """A person proved who they are. `refused_before` counts their refused attempts since the last success."""

    auth: str
    door: str
    mfa: bool
    person: str
    refused_before: int
    session: str


class SteppedUp(FactStruct, frozen=True, kw_only=True, tag="session.stepped-up"):
    """The person proved again that it is they: session `before` went on as `session`, under a new token."""

    auth: str
    before: str
    mfa: bool
    person: str
    session: str


class SessionsEnded(FactStruct, frozen=True, kw_only=True, tag="session.ended"):
    """These sessions of a person ended before their time: signed out, ended, account disabled, role lost."""

    person: str
    reason: str
    sessions: tuple[str, ...]


class SignInsRefused(FactStruct, frozen=True, kw_only=True, tag="session.refused"):
    """Refused attempts in a stretch of time, counted in one fact; `people` are those with accounts, most tried."""

    count: int
    people: tuple[str, ...]
    since: str
    sources: int
    until: str


class ProviderTrusted(FactStruct, frozen=True, kw_only=True, tag="provider.trusted"):
    """People may sign in through this OpenID provider; these `acr` and `amr` values count as two factors."""

    acr: tuple[str, ...]
    amr: tuple[str, ...]
    client: str
    issuer: str
    name: str


class ProviderDropped(FactStruct, frozen=True, kw_only=True, tag="provider.dropped"):
    """The provider's word counts no longer; sessions that rest on it ended."""

    issuer: str
    reason: str
