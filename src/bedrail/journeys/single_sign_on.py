"""Single sign-on: leaving for an identity provider, and coming back as somebody whom the ledger links to a person."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bedrail.core.accounts import Arrival, Departure, Provider
from bedrail.core.errors import Refused
from bedrail.core.values import Value
from bedrail.governance.accounts import AccountView
from bedrail.governance.attempts import source_limit
from bedrail.governance.sessions import Principal, limits
from bedrail.journeys.reception import Reception, Signed, genuine
from bedrail.journeys.signing_in import Halfway, go_on, wrong

DEPARTURE_SECONDS = 600.0


def depart(at: Reception, issuer: str, browser: str, principal: Principal | None = None) -> str:
    """Where to send the browser to sign in at a provider; `browser` is a random value that it keeps in a cookie.

    With a `principal` it is to prove again who that is: the provider must ask anew. Raises `Refused` for a provider
    that is not trusted, `Unavailable` when it cannot be reached.
    """
    going = at.sso.depart(provider_of(at, issuer), _redirect(at), again=principal is not None)
    left = _Left(
        issuer=issuer,
        browser=at.tokens.digest(browser),
        departure=going,
        session=principal.session if principal is not None else "",
    )
    at.keep("departure", going.state, "", DEPARTURE_SECONDS, msgspec.json.encode(left))
    return going.url


class _Left(Value, frozen=True, kw_only=True):
    """What is remembered of a departure; the state that comes back finds it, once."""

    issuer: str
    browser: str
    departure: Departure
    session: str = ""


def arrive(
    at: Reception, answer: Mapping[str, str], browser: str, principal: Principal | None = None, *, source: str,
    door: str, device: str,
) -> tuple[Signed | Halfway, str]:  # fmt: skip
    """Finish at the provider's return: (session, ID token for signing out there).

    The state must be ours, unused, of this browser and session, and the answer must name the provider that was asked
    wherever there is more than one (RFC 9207). People are found by issuer and subject as linked on record, never by a
    mail address. Raises `Refused` or `Unavailable`.
    """
    with at.attempt(source_limit(source), "", source):
        ticket = at.take("departure", answer.get("state", ""))
        left = msgspec.json.decode(ticket.data, type=_Left) if ticket is not None else None
        if left is None or left.browser != at.tokens.digest(browser):
            raise wrong()
        if left.session and (principal is None or principal.session != left.session):
            raise wrong()
        with at.turn:
            several = len(at.identity().providers) > 1
        if several and "iss" not in answer:
            raise wrong()
        came = _verified(at, left, answer)
        account = _linked(at, came)
        if left.session and principal is not None and account.person != principal.person:
            raise wrong()
    auth = f"oidc:{came.issuer}"
    if left.session and principal is not None:
        return at.renew(principal, auth, mfa=came.mfa or principal.mfa), came.id_token
    if came.mfa:
        return at.begin(account.person, auth, mfa=True, door=door, device=device), came.id_token
    return go_on(at, account, auth, door=door, device=device), came.id_token


def remember(at: Reception, principal: Principal, id_token: str) -> None:
    """Keep the ID token for signing out at the provider as well."""
    at.keep("farewell", principal.session, principal.person, limits(principal.roles).absolute, id_token.encode())


def farewell(at: Reception, principal: Principal) -> str:
    """Where to send the browser so that the provider's session ends too, or an empty text."""
    issuer = principal.auth.partition("+")[0].removeprefix("oidc:")
    ticket = at.take("farewell", principal.session)
    if ticket is None:
        return ""
    try:
        return at.sso.farewell(provider_of(at, issuer), ticket.data.decode(), f"{at.origin}/sign-in")
    except Refused:
        return ""


def provider_of(at: Reception, issuer: str) -> Provider:
    """A provider that is trusted on record, with its secret opened."""
    with at.turn:
        fact = at.identity().providers.get(issuer)
    if fact is None:
        raise Refused("This identity provider is not trusted here.", reasons=("credentials",))
    secret = at.reveal(f"provider:{issuer}") or b""
    return Provider(
        issuer=issuer, client=fact.client, secret=secret.decode(), name=fact.name, acr=fact.acr, amr=fact.amr
    )


def _redirect(at: Reception) -> str:
    return f"{at.origin}/sign-in/returned"


def _verified(at: Reception, left: _Left, answer: Mapping[str, str]) -> Arrival:
    provider = provider_of(at, left.issuer)
    pinned = at.desk.kept_keys(left.issuer)
    came = at.sso.arrive(provider, _redirect(at), left.departure, answer, pinned, at.now())
    if pinned is None or pinned[0] != came.keys:
        at.desk.keep_keys(left.issuer, came.keys, at.now())
    return came


def _linked(at: Reception, came: Arrival) -> AccountView:
    row = at.desk.found("oidc", subject_of(came.issuer, came.subject))
    with at.turn:
        account = at.account(row.person) if row is not None else None
    if row is None or account is None or not genuine(row, account):
        raise Refused(
            "The provider knows you, but nobody here is linked to you.",
            remedy="Ask whoever manages accounts: bedrail accounts link PERSON --issuer URL --subject ID.",
            reasons=("credentials",),
        )
    return account


def subject_of(issuer: str, subject: str) -> str:
    """Issuer and subject as one text in which neither can pretend to be the other."""
    return msgspec.json.encode((issuer, subject)).decode()
