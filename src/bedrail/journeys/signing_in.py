"""Signing in: a password and a second factor, a passkey, an invitation; and proving it again for grave acts.

Whatever is refused is refused in the same words and with the same work, so that nobody learns who has an account, or
which half was wrong. What was right is recorded; what was refused is counted (`Reception.refuse`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bedrail.core.accounts import CredentialRow, Passkey
from bedrail.core.errors import Refused
from bedrail.core.events import Actor, CredentialEnrolled
from bedrail.core.values import Value
from bedrail.governance.accounts import SECOND_FACTORS, AccountView
from bedrail.governance.attempts import second_factor_limits, sign_in_limits, source_limit
from bedrail.governance.passwords import LONGEST, check_password, normalised
from bedrail.governance.sessions import Principal, fresh, stale
from bedrail.journeys.reception import (
    PURPOSE,
    Reception,
    Signed,
    credential_digest,
    genuine,
    not_signed_in,
)

HALFWAY_SECONDS = 300.0
CHALLENGE_SECONDS = 180.0


class Halfway(Value, frozen=True, kw_only=True):
    """The first factor was right; `ticket` is good for showing the second within five minutes."""

    ticket: str
    kinds: tuple[str, ...]


class Challenge(Value, frozen=True, kw_only=True):
    """A passkey ceremony: `options` (JSON) are for the browser, `ticket` comes back with its answer."""

    ticket: str
    options: bytes


class _Half(Value, frozen=True, kw_only=True):
    auth: str


def with_password(
    at: Reception, person: str, password: str, *, source: str, door: str, device: str
) -> Signed | Halfway:
    """Sign in by password; `Halfway` when a second factor is to follow.

    The hash is computed whether or not there is such an account. Raises `Refused` (reasons `credentials` or `rate`).
    """
    with at.attempt(sign_in_limits(person, source), person, source):
        with at.turn:
            account = at.account(person)
            row = at.credential(account, "password") if account is not None else None
        stored = row.material.decode() if row is not None else ""
        if not at.passwords.verify(stored, typed(password)) or account is None:
            raise wrong()
    if at.passwords.outdated(stored):
        _store_password(at, person, password, Actor(auth="password", id=person, kind="person"))
    return go_on(at, account, "password", door=door, device=device)


def with_code(at: Reception, ticket: str, code: str, *, source: str, door: str, device: str) -> Signed:
    """Finish a half sign-in by a code of the authenticator app, or a recovery code.

    Raises `Refused` (reasons `credentials` or `rate`; `sign-in` when the half sign-in has run out).
    """
    half = at.read("halfway", ticket)
    if half is None:
        raise not_signed_in()
    with at.attempt(second_factor_limits(half.person, source), half.person, source):
        with at.turn:
            account = at.account(half.person)
        how = _code_right(at, account, code) if account is not None else ""
        if not how:
            raise wrong()
    if at.take("halfway", ticket) is None:
        raise not_signed_in()
    first = msgspec.json.decode(half.data, type=_Half).auth
    return at.begin(half.person, f"{first}+{how}", mfa=True, door=door, device=device)


def passkey_challenge(at: Reception, person: str = "") -> Challenge:
    """Begin a ceremony; without a person, with any passkey of this site. The challenge is good once, for minutes."""
    known: list[str] = []
    if person:
        with at.turn:
            account = at.account(person)
        known = [row.lookup for row in _passkeys(at, account)] if account is not None else []
    ticket = at.ticket("passkey", person, CHALLENGE_SECONDS)
    return Challenge(ticket=ticket, options=at.passkeys.request(challenge_of(at, ticket), known))


def with_passkey(at: Reception, ticket: str, answer: bytes, *, source: str, door: str, device: str) -> Signed:
    """Sign in by a passkey alone: possession of it, and its own check of the person, are two factors."""
    with at.attempt(source_limit(source), "", source):
        person = passkey_right(at, ticket, answer)
    return at.begin(person, "passkey", mfa=True, door=door, device=device)


def passkey_right(at: Reception, ticket: str, answer: bytes, person: str = "") -> str:
    """Whose passkey answered this challenge; raises `Refused` (reasons `passkey`) for whatever does not fit.

    A signature counter that does not rise is refused also against a copy used in another process at this moment.
    """
    asked = at.take("passkey", ticket)
    row = at.desk.found("passkey", at.passkeys.claimed(answer)) if asked is not None else None
    with at.turn:
        account = at.account(row.person) if row is not None else None
    if asked is None or row is None or account is None or not genuine(row, account):
        raise _no_passkey()
    if person not in ("", row.person) or asked.person not in ("", row.person):
        raise _no_passkey()
    key = msgspec.json.decode(row.material, type=Passkey)
    key = msgspec.structs.replace(key, counter=row.counter)
    used = at.passkeys.used(answer, challenge_of(at, ticket), key)
    if used.counter > 0 or row.counter > 0:
        if not at.desk.advance(row.credential, used.counter, at.now()):
            raise _no_passkey()
    else:
        at.desk.touch_credential(row.credential, 0, at.now())
    return row.person


def accept_invitation(
    at: Reception, ticket: str, password: str, *, source: str, door: str, device: str
) -> Signed | Halfway:
    """Set the first or a new password by an invitation; a second factor that there is must still be shown.

    Raises `Invalid` for a password that cannot be used (the invitation stays good), `Refused` for a used invitation,
    and for an account that has a password on record, whatever tickets say.
    """
    with at.attempt(source_limit(source), "", source):
        invited = at.read("invitation", ticket)
        with at.turn:
            account = at.account(invited.person) if invited is not None else None
        if invited is None or account is None or account.of_kind("password"):
            raise Refused(
                "This invitation was used already, or has run out.", remedy="Ask for a new one.",
                reasons=("credentials",),
            )  # fmt: skip
        acceptable(at, invited.person, password)
    if at.take("invitation", ticket) is None:
        raise not_signed_in()
    _store_password(at, invited.person, password, Actor(auth="invitation", id=invited.person, kind="person"))
    with at.turn:
        account = at.account(invited.person)
    if account is None:
        raise not_signed_in()
    return go_on(at, account, "password", door=door, device=device)


def change_password(at: Reception, principal: Principal, old: str, new: str, *, source: str) -> None:
    """Another password, after the present one was shown; other sessions of the person end.

    Without a present one (who comes by passkey or provider) it takes a recent proof. Raises `Invalid` for one that
    cannot be used, `Refused` when the present one is not right or the proof too old.
    """
    with at.attempt(sign_in_limits(principal.person, source), principal.person, source):
        with at.turn:
            account = at.account(principal.person)
            row = at.credential(account, "password") if account is not None else None
        if row is not None and not at.passwords.verify(row.material.decode(), typed(old)):
            raise Refused("The present password is not right.", reasons=("credentials",))
        if row is None and not fresh(principal, at.now()):
            raise stale("setting a password")
        acceptable(at, principal.person, new)
    _store_password(at, principal.person, new, principal.actor())
    at.end_others(principal, "password changed")


def step_up(at: Reception, principal: Principal, code: str, password: str, *, source: str) -> Signed:
    """Prove it again in an open session, by a code; by the password where there is no second factor.

    The session goes on under a new token. Raises `Refused` (reasons `credentials` or `rate`).
    """
    with at.attempt(second_factor_limits(principal.person, source), principal.person, source):
        with at.turn:
            account = at.account(principal.person)
            row = at.credential(account, "password") if account is not None else None
        if account is None:
            raise not_signed_in()
        auth, mfa = principal.auth, principal.mfa
        if account.of_kind(*SECOND_FACTORS):
            how = _code_right(at, account, code)
            right, auth, mfa = bool(how), _plus(auth, how), True
        else:
            right = row is not None and at.passwords.verify(row.material.decode(), typed(password))
        if not right:
            raise wrong()
    return at.renew(principal, auth, mfa=mfa)


def step_up_by_passkey(at: Reception, principal: Principal, ticket: str, answer: bytes, *, source: str) -> Signed:
    """Prove it again by one's own passkey."""
    with at.attempt(second_factor_limits(principal.person, source), principal.person, source):
        passkey_right(at, ticket, answer, principal.person)
    return at.renew(principal, _plus(principal.auth, "passkey"), mfa=True)


def acceptable(at: Reception, person: str, password: str) -> None:
    """Raise `Invalid` for a password that this person cannot use; twelve characters do where two factors are asked."""
    with at.turn:
        registry = at.registry()
        view, account = registry.people.get(person), registry.identity.accounts.get(person)
        strong = view is not None and registry.identity.needs_mfa(view.roles)
    strong = strong or bool(account is not None and account.of_kind(*SECOND_FACTORS))
    about = (person, view.name if view is not None else "", at.ctx.ledger.origin)
    check_password(password, second_factor=strong, about=about, breached=at.breached)


def typed(password: str) -> str:
    """As it is hashed; what is longer than any password can be is cut, to cost no more."""
    return normalised(password[: 4 * LONGEST])[: LONGEST + 1]


def wrong() -> Refused:
    """The one answer to whatever was not right."""
    return Refused(
        "This was not right, or there is no such account.",
        remedy="Try again; whoever runs this installation can hand out a new invitation.",
        reasons=("credentials",),
    )


def go_on(at: Reception, account: AccountView, auth: str, *, door: str, device: str) -> Signed | Halfway:
    """After the first factor: the second when there is one, else a session that may at most enrol one if it must."""
    kinds = tuple(sorted({each.kind for each in account.of_kind(*SECOND_FACTORS)}))
    if kinds:
        data = msgspec.json.encode(_Half(auth=auth))
        return Halfway(ticket=at.ticket("halfway", account.person, HALFWAY_SECONDS, data), kinds=kinds)
    return at.begin(account.person, auth, mfa=False, door=door, device=device)


def _code_right(at: Reception, account: AccountView, code: str) -> str:
    """`totp` or `recovery` when the code is one of the account's and was not used before; else nothing."""
    row = at.credential(account, "totp")
    secret = at.reveal(row.lookup, row.material) if row is not None else None
    if row is not None and secret is not None:
        step = at.codes.step_of(secret.decode(), code, at.now())
        if step is not None:
            return "totp" if at.desk.advance(row.credential, step, at.now()) else ""
    codes = at.credential(account, "recovery-codes")
    if codes is not None:
        digest = recovery_digest(at, account.person, code)
        if digest in codes.material.decode().split("\n") and at.desk.spend(digest, at.now()):
            return "recovery"
    return ""


def recovery_digest(at: Reception, person: str, code: str) -> str:
    """How a recovery code is known; written with or without dashes and capitals it is the same."""
    plain = "".join(sign for sign in code.lower() if sign.isalnum())
    return at.tokens.digest(f"{person}/{plain}")


def _store_password(at: Reception, person: str, password: str, actor: Actor) -> None:
    encoded = at.passwords.hash(normalised(password)).encode()
    digest = credential_digest(person, "password", encoded)
    old = at.desk.credentials(person, "password")
    now = at.now()
    at.desk.enrol(
        CredentialRow(credential=digest, person=person, kind="password", label="", material=encoded, made_at=now)
    )
    with at.turn:
        fact = CredentialEnrolled(credential=digest, kind="password", label="", person=person)
        at.ctx.append(actor, PURPOSE, fact)
    for row in old:
        at.forget(row)
    at.desk.drop_tickets(person, "halfway")


def _passkeys(at: Reception, account: AccountView) -> Sequence[CredentialRow]:
    return [row for row in at.desk.credentials(account.person, "passkey") if genuine(row, account)]


def challenge_of(at: Reception, ticket: str) -> bytes:
    """The challenge of a ticket: whoever has no ticket cannot name one, and the ticket is good once."""
    return bytes.fromhex(at.tokens.digest(f"challenge {ticket}"))


def _no_passkey() -> Refused:
    return Refused("The passkey was not accepted.", remedy="Try again, or sign in another way.", reasons=("passkey",))


def _plus(auth: str, how: str) -> str:
    first = auth.partition("+")[0]
    return first if first == how else f"{first}+{how}"
