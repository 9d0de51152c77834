"""Managing accounts: inviting, resetting, disabling, linking to identity providers; each act on record with its person.

Nobody ever learns another's password: an invitation lets people set their own. Who may open an account may not use it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bedrail.core.accounts import CredentialRow
from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import (
    AccountDisabled,
    AccountEnabled,
    AccountOpened,
    AccountReset,
    Actor,
    CredentialEnrolled,
    Fact,
    NoticeGiven,
    OrderRevoked,
    ProviderDropped,
    ProviderTrusted,
    SessionsEnded,
    SignInRuled,
)
from bedrail.core.ports import Notice
from bedrail.core.values import Value
from bedrail.governance.accounts import SECOND_FACTORS, SIGNED_IN, TRUST, AccountView
from bedrail.governance.permissions import ROLES, permitted
from bedrail.governance.sessions import POWERFUL, Principal
from bedrail.journeys.credentials import revoke
from bedrail.journeys.reception import PURPOSE, Reception, credential_digest
from bedrail.journeys.refusals import duties
from bedrail.journeys.single_sign_on import subject_of

INVITATION_SECONDS = 3 * 86400.0


class AccountLine(Value, frozen=True, kw_only=True):
    """One person's account as a list shows it; `state` is none, invited, open or disabled."""

    person: str
    roles: tuple[str, ...]
    state: str
    factors: tuple[str, ...]
    needs_second_factor: bool
    sessions: int


def accounts(at: Reception) -> list[AccountLine]:
    """Everybody who works here, with or without an account."""
    with at.turn:
        registry = at.registry()
        identity = registry.identity
        people = [(view, identity.accounts.get(view.person)) for view in registry.people.values()]
    return [
        AccountLine(
            person=view.person,
            roles=tuple(sorted(view.roles)),
            state=_state(account),
            factors=tuple(sorted({each.kind for each in account.credentials.values()})) if account else (),
            needs_second_factor=identity.needs_mfa(view.roles),
            sessions=len(at.open_sessions(view.person)),
        )
        for view, account in people
    ]


def _state(account: AccountView | None) -> str:
    if account is None:
        return "none"
    if not account.enabled:
        return "disabled"
    return "open" if account.of_kind("password", "passkey", "oidc") else "invited"


def open_account(at: Reception, by: str, person: str) -> str:
    """Open an account, or invite its person again; returns the invitation, good once, for three days.

    The first account must be of somebody who may open others: from then on names alone are not believed.
    Raises `Refused` or `NotFound`.
    """
    with at.turn:
        actor = at.ctx.require(by, "account.manage")
        registry = at.registry()
        if person not in registry.people:
            raise NotFound(f"nobody called `{person}` works here.", path="person", remedy="bedrail people add PERSON.")
        account = registry.identity.accounts.get(person)
        if not registry.identity.begun and not permitted(registry.people[person].roles, "account.manage"):
            raise Refused(
                "the first account must be of somebody who may open others.",
                remedy=f"Open your own first: bedrail accounts add {by}.",
            )
        if account is not None and _state(account) != "invited":
            raise Refused(
                f"{person} has an account ({_state(account)}).", remedy="See bedrail accounts reset, or enable."
            )
        if account is None:
            at.ctx.append(actor, PURPOSE, AccountOpened(person=person))
    return _invitation(at, person)


def reset_password(at: Reception, by: str, person: str, reason: str) -> str:
    """A new invitation for somebody who forgot the password; sessions end, second factors remain. Raises `Refused`."""
    with at.turn:
        actor, account = _managed(at, by, person)
        gone = [each.credential for each in account.of_kind("password")]
        facts = (AccountReset(person=person, reason=reason), *_sessions_of(at, person, "reset"))
        _tell(at, actor, person, f"{by} reset the password of {person}: {reason}", *facts)
        revoke(at, _as(at, actor), account, gone, reason)
        at.desk.drop_tickets(person, "halfway")
    return _invitation(at, person)


def reset_second_factors(at: Reception, by: str, person: str, reason: str) -> None:
    """Remove lost second factors and recovery codes; sessions end, and the next sign-in enrols anew.

    Nobody does it for themselves. Raises `Refused`.
    """
    with at.turn:
        actor, account = _managed(at, by, person)
        with duties(at.ctx, by, "account.manage"):
            if by == person:
                remedy = "Use a recovery code, or ask another owner."
                raise Refused("this is for somebody else to do.", remedy=remedy, reasons=("own-account",))
        gone = [each.credential for each in account.of_kind(*SECOND_FACTORS, "recovery-codes")]
        if not gone:
            raise Refused(f"{person} has no second factor.")
        ended = _sessions_of(at, person, "second factors reset")
        orders = [
            OrderRevoked(order=each.order, reason="second factors reset")
            for each in at.registry().orders.orders.values()
            if each.person == person and each.live(at.now())
        ]
        _tell(at, actor, person, f"{by} removed the second factors of {person}: {reason}", *ended, *orders)
        revoke(at, _as(at, actor), account, gone, reason)


def disable_account(at: Reception, by: str, person: str, reason: str) -> None:
    """Nobody signs in as this person, and their sessions end at once, on every server. Raises `Refused`."""
    with at.turn:
        actor, account = _managed(at, by, person)
        if not account.enabled:
            raise Refused(f"the account of {person} is disabled already.")
        others = [view for view in at.identity().accounts.values() if view.enabled and view.person != person]
        people = at.registry().people
        if not any(permitted(people[o.person].roles, "account.manage") for o in others if o.person in people):
            raise Refused("nobody else could manage accounts after this.", remedy="Open another owner's account first.")
        at.ctx.append(actor, PURPOSE, AccountDisabled(person=person, reason=reason))
        at.desk.drop_tickets(person, "invitation")
        at.desk.drop_tickets(person, "halfway")


def enable_account(at: Reception, by: str, person: str) -> None:
    """Let the person sign in again with what they have. Raises `Refused`."""
    with at.turn:
        actor, account = _managed(at, by, person)
        if account.enabled:
            raise Refused(f"the account of {person} is not disabled.")
        at.ctx.append(actor, PURPOSE, AccountEnabled(person=person))


def end_sessions(at: Reception, by: str, person: str, reason: str, session: str = "") -> int:
    """End a person's sessions, or one; on every server at the next request. Returns how many. Raises `Refused`."""
    with at.turn:
        actor = at.ctx.require(by, "session.end")
        there = [s.session for s in at.identity().sessions.values() if s.person == person]
        going = tuple(each for each in there if session in ("", each))
        if going:
            at.ctx.append(actor, PURPOSE, SessionsEnded(person=person, reason=reason, sessions=going))
            at.desk.end_sessions(going)
        return len(going)


def rule_sign_in(at: Reception, by: str, local: str, mfa_roles: tuple[str, ...] | None) -> SignInRuled:
    """Say how people prove who they are: whether names are believed, and which roles need two factors.

    The powerful roles always need two. Raises `Invalid` for unknown words, `Refused` without the permission.
    """
    if local not in (TRUST, SIGNED_IN):
        raise Invalid(f"`{local}` is neither trust nor signed-in.", path="--local", remedy="Write one of the two.")
    unknown = [role for role in mfa_roles or () if role not in ROLES]
    if unknown:
        raise Invalid(f"`{unknown[0]}` is no role.", path="--mfa-role", remedy=f"Roles are: {', '.join(ROLES)}.")
    with at.turn:
        actor = at.ctx.require(by, "sign-in.rule")
        roles = at.identity().mfa_roles if mfa_roles is None else frozenset(mfa_roles) | POWERFUL
        fact = SignInRuled(local=local, mfa_roles=tuple(sorted(roles)))
        at.ctx.append(actor, PURPOSE, fact)
    return fact


def trust_provider(
    at: Reception, by: str, issuer: str, client: str, secret: str, *, name: str, acr: tuple[str, ...],
    amr: tuple[str, ...],
) -> None:  # fmt: skip
    """Let people sign in through an OpenID provider; the client's secret is sealed, and nothing of it is a fact.

    Raises `Invalid` for an address without TLS (loopback excepted), `Refused` without the permission.
    """
    try:
        parts = urlsplit(issuer)
    except ValueError:  # a bracket that is none
        parts = urlsplit("")
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
    if not safe or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc or "+" in issuer:
        raise Invalid("this cannot be an issuer.", path="--issuer", remedy="Write https://HOST[/PATH].")
    with at.turn:
        actor = at.ctx.require(by, "sign-in.rule")
        at.destroy(f"provider:{issuer}")
        if secret:
            at.hide(f"provider:{issuer}", "client-secret", secret.encode())
        trusted = ProviderTrusted(acr=acr, amr=amr, client=client, issuer=issuer, name=name)
        _tell(at, actor, issuer, f"{by} lets people sign in through {issuer}", trusted)


def drop_provider(at: Reception, by: str, issuer: str, reason: str) -> None:
    """Its word counts no longer, and sessions that rest on it end. Raises `Refused` or `NotFound`."""
    with at.turn:
        actor = at.ctx.require(by, "sign-in.rule")
        if issuer not in at.identity().providers:
            raise NotFound("this provider is not trusted.", path="--issuer", remedy="See bedrail accounts providers.")
        at.ctx.append(actor, PURPOSE, ProviderDropped(issuer=issuer, reason=reason))
        at.destroy(f"provider:{issuer}")


def link_account(at: Reception, by: str, person: str, issuer: str, subject: str) -> None:
    """This subject of this provider is this person; mail addresses and names prove nothing (ASVS 6.8.1).

    Raises `Refused`, also when the subject is linked to somebody already.
    """
    with at.turn:
        actor, account = _managed(at, by, person)
        if issuer not in at.identity().providers:
            raise NotFound("this provider is not trusted.", path="--issuer", remedy="bedrail accounts trust ISSUER.")
        lookup = subject_of(issuer, subject)
        other = at.desk.found("oidc", lookup)
        if other is not None and other.credential in account.credentials:
            raise Refused(f"{person} is linked to it already.")
        if other is not None and other.person in at.identity().accounts:
            raise Refused(f"this subject is linked to {other.person}.", remedy="Unlink it there first.")
        name = credential_digest(person, "oidc", lookup.encode())
        at.desk.enrol(
            CredentialRow(
                credential=name, person=person, kind="oidc", label=issuer, material=lookup.encode(), lookup=lookup,
                made_at=at.now(),
            )
        )  # fmt: skip
        enrolled = CredentialEnrolled(credential=name, kind="oidc", label=issuer, person=person)
        _tell(at, actor, person, f"{by} lets a name at {issuer} sign in as {person}", enrolled)


def unlink_account(at: Reception, by: str, person: str, issuer: str) -> None:
    """The provider no longer speaks for this person; their sessions end. Raises `Refused` or `NotFound`."""
    with at.turn:
        actor, account = _managed(at, by, person)
        gone = [each.credential for each in account.of_kind("oidc") if each.label == issuer]
        if not gone:
            raise NotFound(f"{person} is not linked to this provider.", path="--issuer")
        ended = _sessions_of(at, person, "unlinked from the provider")
        if ended:
            at.ctx.append(actor, PURPOSE, *ended)
        revoke(at, _as(at, actor), account, gone, "unlinked")


def _managed(at: Reception, by: str, person: str) -> tuple[Actor, AccountView]:
    actor = at.ctx.require(by, "account.manage")
    account = at.identity().accounts.get(person)
    if account is None:
        raise NotFound(f"{person} has no account.", path="person", remedy=f"bedrail accounts add {person}.")
    return actor, account


def _tell(at: Reception, actor: Actor, about: str, words: str, *facts: Fact) -> None:
    """Put an act on record by which one manager could take an account over, and tell those who would notice.

    They are the person it is about, the owners and the security officers, without whoever acts.
    """
    holders = at.ctx.registry.holders
    to = {about, *holders("owner"), *holders("security-officer")} & set(at.ctx.registry.people) - {actor.id}
    told = NoticeGiven(notice=at.ctx.ids.new(), kind="account", about=about, to=tuple(sorted(to)))
    at.ctx.append(actor, PURPOSE, *facts, told)
    moment = at.ctx.clock.now().isoformat(timespec="seconds")
    at.ctx.notices.give(
        Notice(notice=told.notice, kind=told.kind, about=about, to=told.to, words=f"{words}.", at=moment)
    )


def _invitation(at: Reception, person: str) -> str:
    at.desk.drop_tickets(person, "invitation")
    return at.ticket("invitation", person, INVITATION_SECONDS)


def _sessions_of(at: Reception, person: str, reason: str) -> list[Fact]:
    there = tuple(s.session for s in at.identity().sessions.values() if s.person == person)
    at.desk.end_sessions(there)
    return [SessionsEnded(person=person, reason=reason, sessions=there)] if there else []


def _as(at: Reception, actor: Actor) -> Principal:
    return Principal(person=actor.id, auth=actor.auth, auth_time=at.now())
