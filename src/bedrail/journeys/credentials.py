"""A person's own credentials: enrolling an authenticator app or passkey, recovery codes, and giving one up."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bedrail.core.accounts import CredentialRow, Kind
from bedrail.core.errors import NotFound, Refused
from bedrail.core.events import CredentialEnrolled, CredentialRevoked
from bedrail.core.values import Value
from bedrail.governance.accounts import SECOND_FACTORS, AccountView
from bedrail.governance.attempts import second_factor_limits
from bedrail.governance.moments import iso
from bedrail.governance.sessions import Principal, fresh, stale
from bedrail.journeys.reception import PURPOSE, Reception, Signed, credential_digest, genuine, not_signed_in
from bedrail.journeys.signing_in import Challenge, challenge_of, recovery_digest

ENROL_SECONDS = 900.0
RECOVERY_CODES = 10


class NewApp(Value, frozen=True, kw_only=True):
    """The secret for an authenticator app, shown while it is being added and never again."""

    ticket: str
    secret: str
    uri: str


class Enrolled(Value, frozen=True, kw_only=True):
    """A second factor was added: the session under its new token, and the recovery codes if these are the first."""

    signed: Signed
    recovery_codes: tuple[str, ...]


class Held(Value, frozen=True, kw_only=True):
    """A credential as its owner sees it."""

    credential: str
    kind: str
    label: str
    since: str
    used: str
    left: int | None = None


def held(at: Reception, person: str) -> list[Held]:
    """The credentials that count, oldest first; of recovery codes how many are left."""
    with at.turn:
        account = at.account(person)
    rows = at.desk.credentials(person) if account is not None else []
    return [
        Held(
            credential=row.credential,
            kind=row.kind,
            label=row.label,
            since=iso(row.made_at),
            used=iso(row.used_at) if row.used_at else "",
            left=at.desk.codes_left(row.credential) if row.kind == "recovery-codes" else None,
        )
        for row in rows
        if account is not None and genuine(row, account)
    ]


def new_app(at: Reception, principal: Principal) -> NewApp:
    """Begin to add an authenticator app: a secret that counts once a code of it was shown. Raises `Refused`."""
    _may_change(at, principal)
    secret, name = at.codes.new_secret(), f"totp:{at.ctx.ids.new()}"
    at.hide(name, "totp", secret.encode())
    ticket = at.ticket("new-app", principal.person, ENROL_SECONDS, name.encode())
    return NewApp(ticket=ticket, secret=secret, uri=at.codes.uri(secret, principal.person, at.ctx.ledger.origin))


def confirm_app(at: Reception, principal: Principal, ticket: str, code: str, *, source: str) -> Enrolled:
    """The app shows the right code: it counts from now on, in place of an earlier one. The code is used up by this.

    Raises `Refused` for a wrong code (try the next one) or a ticket that has run out.
    """
    _may_change(at, principal)
    asked = at.read("new-app", ticket)
    name = asked.data.decode() if asked is not None else ""
    sealed, secret = at.desk.sealed(name), at.reveal(name)
    if asked is None or asked.person != principal.person or sealed is None or secret is None:
        raise Refused("This took too long.", remedy="Begin again.", reasons=("credentials",))
    with at.attempt(second_factor_limits(principal.person, source), principal.person, source):
        step = at.codes.step_of(secret.decode(), code, at.now())
        if step is None:
            raise Refused(
                "The code is not right.", remedy="Enter the one that the app shows now.", reasons=("credentials",)
            )
    if at.take("new-app", ticket) is None:
        raise not_signed_in()
    _enrol(at, principal, "totp", sealed.ciphertext, lookup=name, counter=step)
    return _with_codes(at, principal, "totp")


def new_passkey(at: Reception, principal: Principal) -> Challenge:
    """Begin to add a passkey. Raises `Refused`."""
    _may_change(at, principal)
    with at.turn:
        view = at.registry().people[principal.person]
    ticket = at.ticket("new-passkey", principal.person, ENROL_SECONDS)
    known = [row.lookup for row in at.desk.credentials(principal.person, "passkey")]
    options = at.passkeys.creation(principal.person, view.name, challenge_of(at, ticket), known)
    return Challenge(ticket=ticket, options=options)


def confirm_passkey(at: Reception, principal: Principal, ticket: str, answer: bytes, label: str) -> Enrolled:
    """The browser made the passkey: it counts from now on. Raises `Refused` for whatever does not fit."""
    _may_change(at, principal)
    asked = at.take("new-passkey", ticket)
    if asked is None or asked.person != principal.person:
        raise Refused("This took too long.", remedy="Begin again.", reasons=("passkey",))
    made = at.passkeys.created(answer, challenge_of(at, ticket))
    if at.desk.found("passkey", made.id) is not None:
        raise Refused("This passkey is enrolled already.", reasons=("passkey",))
    material = msgspec.json.encode(msgspec.structs.replace(made, counter=0))
    named = " ".join(label.split())[:40] or "passkey"
    _enrol(at, principal, "passkey", material, label=named, lookup=made.id, counter=made.counter)
    return _with_codes(at, principal, "passkey")


def new_recovery_codes(at: Reception, principal: Principal) -> tuple[str, ...]:
    """Ten new codes, each good once, shown now and never again; earlier ones are void. Raises `Refused`."""
    _may_change(at, principal)
    codes = tuple(at.tokens.codes(RECOVERY_CODES))
    digests = sorted(recovery_digest(at, principal.person, code) for code in codes)
    name = _enrol(at, principal, "recovery-codes", "\n".join(digests).encode())
    at.desk.add_codes(name, digests)
    return codes


def give_up(at: Reception, principal: Principal, credential: str) -> None:
    """Remove one of one's own credentials. Raises `Refused` for the last second factor of a role that needs one."""
    _may_change(at, principal)
    with at.turn:
        account = at.account(principal.person)
        known = account.credentials.get(credential) if account is not None else None
        if account is None or known is None or known.kind in ("password", "oidc"):
            raise NotFound("there is no such credential to remove.", path="credential")
        others = [each for each in account.of_kind(*SECOND_FACTORS) if each.credential != credential]
        needs = at.identity().needs_mfa(at.registry().people[principal.person].roles)
        if needs and known.kind in SECOND_FACTORS and not others:
            raise Refused("This is your last second factor, and your role needs one.", remedy="Add another one first.")
        revoke(at, principal, account, (credential,), "given up")


def revoke(at: Reception, principal: Principal, account: AccountView, credentials: Sequence[str], reason: str) -> None:
    """Put the revocation on record, then destroy what was stored."""
    facts = [
        CredentialRevoked(credential=each, kind=account.credentials[each].kind, person=account.person, reason=reason)
        for each in credentials
    ]
    if facts:
        at.ctx.append(principal.actor(), PURPOSE, *facts)
    for row in at.desk.credentials(account.person):
        if row.credential in credentials:
            at.forget(row)


def _may_change(at: Reception, principal: Principal) -> None:
    """A recent proof; and who has a second factor must have shown it: a stolen password adds no factor of its own."""
    with at.turn:
        account = at.account(principal.person)
    if account is None:
        raise Refused(
            "There is no account to add to.", remedy="Ask for one: bedrail accounts add PERSON.", reasons=("sign-in",)
        )
    if account.of_kind(*SECOND_FACTORS) and not principal.mfa:
        raise not_signed_in()
    if not fresh(principal, at.now()):
        raise stale("changing credentials")


def _enrol(
    at: Reception, principal: Principal, kind: Kind, material: bytes, *, label: str = "", lookup: str = "",
    counter: int = -1,
) -> str:  # fmt: skip
    """Store the credential, put it on record, and destroy the ones that it replaces."""
    name = credential_digest(principal.person, kind, material)
    old = at.desk.credentials(principal.person, kind) if kind != "passkey" else []
    at.desk.enrol(
        CredentialRow(
            credential=name, person=principal.person, kind=kind, label=label, material=material, lookup=lookup,
            counter=counter, made_at=at.now(),
        )
    )  # fmt: skip
    with at.turn:
        fact = CredentialEnrolled(credential=name, kind=kind, label=label, person=principal.person)
        at.ctx.append(principal.actor(), PURPOSE, fact)
    for row in old:
        at.forget(row)
    return name


def _with_codes(at: Reception, principal: Principal, kind: str) -> Enrolled:
    """After a second factor: the session is renewed with it, and recovery codes are made if there are none."""
    with at.turn:
        account = at.account(principal.person)
    first = principal.auth.partition("+")[0]
    signed = at.renew(principal, first if first == kind else f"{first}+{kind}", mfa=True)
    made: tuple[str, ...] = ()
    if account is not None and not account.of_kind("recovery-codes"):
        made = new_recovery_codes(at, signed.principal)
    return Enrolled(signed=signed, recovery_codes=made)
