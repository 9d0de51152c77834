"""The reception: sessions begin, are recognised, renewed and ended here, and refused attempts are counted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import msgspec

from bedrail.core.accounts import (
    CredentialRow,
    Desk,
    Kind,
    OneTimeCodes,
    Passkeys,
    Passwords,
    SessionRow,
    SingleSignOn,
    TicketRow,
    Tokens,
)
from bedrail.core.errors import BedrailError, Refused
from bedrail.core.events import SessionsEnded, SignedIn, SignInsRefused, SteppedUp
from bedrail.core.ports import DataKeys
from bedrail.core.values import Value
from bedrail.governance.access import roles_now
from bedrail.governance.accounts import AccountView, Identity, SessionView, session_holds
from bedrail.governance.attempts import WINDOW_SECONDS, Limit, require_turn
from bedrail.governance.moments import iso
from bedrail.governance.sessions import LOCAL, Limits, Principal, limits
from bedrail.governance.views import Registry
from bedrail.journeys import refusals
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.strangers import Attempt

SEEN_EVERY = 30.0
"""A use is noted at most so often: the idle limit is as exact."""

PURPOSE = "security"


class Signed(Value, frozen=True, kw_only=True):
    """A session: the token for the person's browser or terminal, shown nowhere else, and who it speaks for."""

    token: str
    principal: Principal


class OpenSession(Value, frozen=True, kw_only=True):
    """One open session as its owner, or a security officer, sees it."""

    session: str
    person: str
    auth: str
    door: str
    device: str
    since: str
    seen: str
    until: str


class ProviderOut(Value, frozen=True, kw_only=True):
    """An identity provider that is out: how people call it, since which look (epoch seconds), and what is wrong."""

    name: str
    since: float
    why: str


@dataclass(slots=True)
class Reception:
    """What signing in works with; built once per process by `app`.

    `ctx` has a registry of its own where other threads follow the ledger too; whoever folds or reads it holds `turn`.
    `passkeys` and `sso` know the web origin at which people sign in. `breached` holds passwords stolen elsewhere.
    `proxies` are addresses of our own proxies, whose word about the caller's address is believed.
    """

    ctx: Context
    desk: Desk
    data_keys: DataKeys
    passwords: Passwords
    codes: OneTimeCodes
    passkeys: Passkeys
    sso: SingleSignOn
    tokens: Tokens
    origin: str
    breached: Container[str] = ()
    proxies: Container[str] = ()
    stranger: Callable[[Attempt], None] = lambda _: None
    """Told of what strangers are turned away with at the web door."""
    turn: threading.RLock = field(default_factory=threading.RLock)
    out: Mapping[str, ProviderOut] = field(default_factory=dict)
    """Identity providers through which nobody could sign in at the last look, by issuer."""

    def now(self) -> float:
        """Seconds since 1970, by the context's clock."""
        return self.ctx.clock.now().timestamp()

    def registry(self) -> Registry:
        """Fresh; hold `turn` while reading."""
        return self.ctx.refresh()

    def identity(self) -> Identity:
        """What the facts say about signing in."""
        return self.registry().identity

    def account(self, person: str) -> AccountView | None:
        """The person's account, when it is enabled and the person works here."""
        registry = self.registry()
        account = registry.identity.accounts.get(person)
        return account if account is not None and account.enabled and person in registry.people else None

    def credential(self, account: AccountView, kind: Kind) -> CredentialRow | None:
        """The account's one credential of a kind that has only one, when the row is the one that the ledger knows."""
        rows = self.desk.credentials(account.person, kind)
        return next((row for row in reversed(rows) if genuine(row, account)), None)

    def begin(self, person: str, auth: str, *, mfa: bool, door: str, device: str) -> Signed:
        """Open a session with a new token, and record it."""
        token, digest = self.tokens.new()
        session = session_id(digest)
        with self.turn:
            if auth != LOCAL and self.account(person) is None:
                raise not_signed_in()
            now = self.now()
            refused = sum(self.desk.forgive(self._pseudonym(f"{what}:{person}")) for what in ("person", "code"))
            self.desk.open_session(self._row(digest, person, now, now, device))
            fact = SignedIn(auth=auth, door=door, mfa=mfa, person=person, refused_before=refused, session=session)
            principal = self._principal(person, auth, mfa, now, session)
            self.ctx.append(principal.actor(), PURPOSE, fact)
            proved = self.identity().sessions[session].auth_epoch
            self.report_refusals()
        return Signed(token=token, principal=msgspec.structs.replace(principal, auth_time=proved))

    def renew(self, principal: Principal, auth: str, *, mfa: bool) -> Signed:
        """The session goes on under a new token after a new proof; the old token opens nothing."""
        token, digest = self.tokens.new()
        with self.turn:
            now, view = self.now(), self.identity().sessions.get(principal.session)
            if view is None:
                raise not_signed_in()
            rows = self.desk.sessions(principal.person)
            old = next((row for row in rows if row.session == principal.session), None)
            device = old.device if old is not None else ""
            self.desk.open_session(self._row(digest, principal.person, view.at_epoch, now, device))
            self.desk.forgive(self._pseudonym(f"code:{principal.person}"))
            fact = SteppedUp(
                auth=auth, before=view.session, mfa=mfa, person=principal.person, session=session_id(digest)
            )
            renewed = self._principal(principal.person, auth, mfa, now, fact.session)
            self.ctx.append(renewed.actor(), PURPOSE, fact)
            self.desk.end_sessions([view.session])
        return Signed(token=token, principal=renewed)

    def recognise(self, token: str) -> Principal | None:
        """Who this token speaks for now, with the roles that count now; None when it opens nothing.

        The ledger is read up to its end each time: a session ended, an account disabled or a role taken away anywhere
        is in force at the next request.
        """
        if not token or len(token) > 128:
            return None
        digest = self.tokens.digest(token)
        row = self.desk.session_of(digest)
        if row is None or row.session != session_id(digest):
            return None
        with self.turn:
            now, registry = self.now(), self.registry()
            view = registry.identity.sessions.get(row.session)
            if view is None or view.person != row.person:
                return None
            if not session_holds(registry.identity, view, registry.people.get(view.person), now, row.seen_at):
                self.desk.end_sessions([row.session])
                return None
            roles = roles_now(registry, view.person, now)
        if now - row.seen_at > SEEN_EVERY:
            self.desk.seen(digest, now)
        return Principal(
            person=view.person, auth=view.auth, auth_time=view.auth_epoch, roles=roles, mfa=view.mfa,
            session=view.session,
        )  # fmt: skip

    def open_sessions(self, person: str) -> list[OpenSession]:
        """The person's sessions that still open something, oldest first."""
        with self.turn:
            now, registry = self.now(), self.registry()
            views, view = registry.identity.sessions, registry.people.get(person)
            kept = [
                (row, views[row.session])
                for row in self.desk.sessions(person)
                if row.session in views and session_holds(registry.identity, views[row.session], view, now, row.seen_at)
            ]
            lasting = limits(view.roles if view is not None else ())
        return [_shown(row, session, lasting) for row, session in kept]

    def end(self, principal: Principal, reason: str) -> None:
        """Sign out: this session is over everywhere."""
        with self.turn:
            if principal.session in self.identity().sessions:
                fact = SessionsEnded(person=principal.person, reason=reason, sessions=(principal.session,))
                self.ctx.append(principal.actor(), PURPOSE, fact)
            self.desk.end_sessions([principal.session])

    def end_others(self, principal: Principal, reason: str, session: str = "") -> int:
        """End one of one's own other sessions, or all of them; returns how many."""
        with self.turn:
            mine = [s.session for s in self.identity().sessions.values() if s.person == principal.person]
            going = tuple(s for s in mine if s != principal.session and session in ("", s))
            if going:
                fact = SessionsEnded(person=principal.person, reason=reason, sessions=going)
                self.ctx.append(principal.actor(), PURPOSE, fact)
                self.desk.end_sessions(going)
            return len(going)

    @contextmanager
    def attempt(self, limits_now: Sequence[Limit], person: str, source: str) -> Iterator[None]:
        """One attempt: what ends in `Refused` counts against the limits, whatever else does not.

        It is counted before it is looked at, so that many at once cannot pass the limits together. Raises `Refused`
        (reasons `rate`) when it comes too soon. Names of nobody are counted, and not written down.
        """
        names = {self._pseudonym(each.name): each.name for each in limits_now}
        with self.turn:
            now = self.now()
            found = self.desk.refused_since(list(names), now - WINDOW_SECONDS)
            require_turn(limits_now, {names[name]: each for name, each in found.items()}, now)
            named, mark = person if person in self.identity().accounts else "", self.ctx.ids.new()
            self.desk.note_refusal(list(names), named, self._pseudonym(source), now, mark)
        try:
            yield
        except Refused:
            with self.turn:
                self.report_refusals()
            raise
        except BaseException:
            self.desk.withdraw(mark)
            raise
        self.desk.withdraw(mark)

    def report_refusals(self, *, at_once: bool = False) -> None:
        """One fact for all refusals of at least five minutes: however many there are, the ledger is not flooded."""
        waiting = self.desk.unreported()
        if waiting is None:
            return
        count, people, sources, since, until = waiting
        if not at_once and self.now() - since < WINDOW_SECONDS:
            return
        fact = SignInsRefused(count=count, people=tuple(people), since=iso(since), sources=sources, until=iso(until))
        self.ctx.append(SYSTEM, PURPOSE, fact)
        self.desk.reported(until)

    def note_refused(self, refused: Mapping[tuple[str, str, str, str], int], door: str) -> None:
        """Acts that a door refused by itself, by kind and id of the caller, action and reason; told when due."""
        with self.turn:
            for (kind, who, action, why), times in refused.items():
                refusals.count(self.ctx, self.desk, kind, who, action, door, why, times)
            if refused:
                with suppress(BedrailError):  # counted is counted: `tend` tells of it when the ledger can be told
                    refusals.tell(self.ctx, self.desk)

    def look_at_providers(self) -> None:
        """Ask each trusted identity provider whether it is there; what was found stands in `out`."""
        with self.turn:
            trusted = dict(self.identity().providers)
        found = {issuer: self.sso.look(issuer) for issuer in trusted}
        now, before = self.now(), self.out
        self.out = {
            issuer: ProviderOut(
                name=trusted[issuer].name or issuer, since=before[issuer].since if issuer in before else now, why=why
            )
            for issuer, why in found.items()
            if why
        }

    def tend(self) -> None:
        """What is due from time to time: tell of refusals, destroy what was begun and has run out."""
        with self.turn:
            self.report_refusals()
            refusals.tell(self.ctx, self.desk)
            for name in self.desk.run_out("new-app", self.now()):
                self.destroy(name.decode())
            self.desk.tidy(self.now())
            told = frozenset(self.registry().access.notices)
        self.ctx.notices.settle(told, self.ctx.clock.now())  # a slow pager keeps nobody from signing in

    def ticket(self, kind: str, person: str, seconds: float, data: bytes = b"") -> str:
        """Something good for one use within `seconds`; the token is returned, only its digest is kept."""
        token, _ = self.tokens.new()
        self.keep(kind, token, person, seconds, data)
        return token

    def keep(self, kind: str, token: str, person: str, seconds: float, data: bytes) -> None:
        """Keep a ticket under a token that somebody else made."""
        digest = self.tokens.digest(token)
        row = TicketRow(digest=digest, kind=kind, person=person, data=data, expires=self.now() + seconds)
        self.desk.put_ticket(row)

    def take(self, kind: str, token: str) -> TicketRow | None:
        """Use up a ticket; None when there is none."""
        return self.desk.take_ticket(self.tokens.digest(token), kind, self.now()) if token else None

    def read(self, kind: str, token: str) -> TicketRow | None:
        """Look at a ticket."""
        return self.desk.read_ticket(self.tokens.digest(token), kind, self.now()) if token else None

    def hide(self, name: str, kind: str, plaintext: bytes) -> bytes:
        """Seal a secret under a data key of its own, which is durable first; returns the ciphertext."""
        subject = f"{name}/{self.ctx.ids.new()}"
        record = self.ctx.vault.seal(record_id=name, subject=subject, kind=kind, purpose="sign-in", plaintext=plaintext)
        if record.key is not None:
            self.data_keys.keep_key(record.key)
        self.desk.seal(record)
        return record.ciphertext

    def reveal(self, name: str, ciphertext: bytes | None = None) -> bytes | None:
        """A hidden secret; None when there is none, or it is not the one of this ciphertext. Raises `Corrupt`."""
        record = self.desk.sealed(name)
        if record is None or (ciphertext is not None and record.ciphertext != ciphertext):
            return None
        key = self.data_keys.find_key(record.subject, record.key_id)
        return self.ctx.vault.open(record, key) if key is not None else None

    def destroy(self, name: str) -> None:
        """Destroy a hidden secret with its data key: no backup of this file opens without it."""
        record = self.desk.sealed(name)
        if record is not None:
            self.data_keys.destroy_keys(record.subject)
            self.desk.unseal(name)

    def forget(self, row: CredentialRow) -> None:
        """Destroy what is stored for a credential that counts no longer."""
        if row.kind == "totp":
            self.destroy(row.lookup)
        self.desk.revoke(row.credential)

    def local_link(self, person: str) -> str:
        """A ticket for whoever runs the server of a home without accounts: opens a session as that person, once.

        Raises `Refused` where people must sign in.
        """
        with self.turn:
            registry = self.registry()
            view = registry.people.get(person)
            if view is None or registry.identity.must_sign_in(view):
                raise Refused("people sign in here with their accounts.", remedy="Open /sign-in.", reasons=("sign-in",))
        return self.ticket("local", person, LINK_SECONDS)

    def open_link(self, token: str, *, device: str) -> Signed:
        """Use the link: raises `Refused` when it was used, has run out, or people must sign in by now."""
        ticket = self.take("local", token)
        with self.turn:
            registry = self.registry()
            view = registry.people.get(ticket.person) if ticket is not None else None
            if ticket is None or view is None or registry.identity.must_sign_in(view):
                raise Refused(
                    "This link was used already, or has run out.", remedy="Start the server again for a new one.",
                    reasons=("credentials",),
                )  # fmt: skip
        return self.begin(ticket.person, LOCAL, mfa=False, door="web", device=device)

    def _pseudonym(self, text: str) -> str:
        """Names and addresses of strangers are kept so only: whatever was typed may be a patient's, or a password."""
        return self.ctx.pseudonyms.pseudonym(f"sign-in {text}")

    def _row(self, digest: str, person: str, made: float, seen: float, device: str) -> SessionRow:
        return SessionRow(
            digest=digest, session=session_id(digest), person=person, made_at=made, seen_at=seen, device=device[:80]
        )

    def _principal(self, person: str, auth: str, mfa: bool, now: float, session: str) -> Principal:
        roles = roles_now(self.registry(), person, now)
        return Principal(person=person, auth=auth, auth_time=now, roles=roles, mfa=mfa, session=session)


LINK_SECONDS = 3600.0


def session_id(digest: str) -> str:
    """A session's public id, derived from its token's digest: no other token can claim it."""
    return hashlib.sha256(f"bedrail session {digest}".encode()).hexdigest()[:32]


def credential_digest(person: str, kind: str, material: bytes) -> str:
    """How the ledger knows a credential: by what is stored for it, whose it is, and what it is for."""
    return hashlib.sha256(f"bedrail {kind} of {person}\n".encode() + material).hexdigest()


def genuine(row: CredentialRow, account: AccountView) -> bool:
    """Whether a stored credential is one that was enrolled on record; a row written or changed by hand is not."""
    known = account.credentials.get(row.credential)
    return (
        known is not None
        and known.kind == row.kind
        and row.person == account.person
        and row.credential == credential_digest(row.person, row.kind, row.material)
    )


def not_signed_in() -> Refused:
    """Nobody is signed in."""
    return Refused("You are not signed in.", remedy="Sign in again.", reasons=("sign-in",))


def _shown(row: SessionRow, session: SessionView, lasting: Limits) -> OpenSession:
    return OpenSession(
        session=row.session,
        person=row.person,
        auth=session.auth,
        door=session.door,
        device=row.device,
        since=iso(session.at_epoch),
        seen=iso(row.seen_at),
        until=iso(min(session.at_epoch + lasting.absolute, row.seen_at + lasting.idle)),
    )
