"""What signing in asks of the world: rows that hold credentials (never plain secrets), and the ports that keep them.

The ledger says who has an account, which credentials were enrolled and which sessions are open; these rows hold what
may not stand in it. A row counts only when the ledger knows the digest of it, so writing rows opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from bedrail.core.ports import SealedRecord
from bedrail.core.values import Value

Kind = Literal["password", "totp", "passkey", "recovery-codes", "oidc"]


class CredentialRow(Value, frozen=True, kw_only=True):
    """One credential at rest: `credential` is the SHA-256 of `material`, as the ledger names it.

    `material` is an argon2id hash, a sealed TOTP secret, a passkey's id and public key, the digests of recovery
    codes, or issuer and subject; `lookup` finds it (a passkey's id, issuer and subject). `counter` is the last TOTP
    step used, or a passkey's signature counter.
    """

    credential: str
    person: str
    kind: Kind
    label: str
    material: bytes
    lookup: str = ""
    counter: int = -1
    made_at: float
    used_at: float = 0.0


class SessionRow(Value, frozen=True, kw_only=True):
    """One session: the SHA-256 of its token, its public id (derived from that), and when it was last used."""

    digest: str
    session: str
    person: str
    made_at: float
    seen_at: float
    device: str


class TicketRow(Value, frozen=True, kw_only=True):
    """Something good for one use within minutes: an invitation, a challenge, half a sign-in; known by its digest."""

    digest: str
    kind: str
    person: str
    data: bytes
    expires: float


class RefusedRow(Value, frozen=True, kw_only=True):
    """How often a caller (`kind` person or token) was refused an act between two moments, not told of yet."""

    kind: str
    who: str
    action: str
    door: str
    why: str
    count: int
    since: float
    until: float


class RefusedCounts(Protocol):
    """Refused acts that wait to be told in the ledger; a row for each kind, so they fill nothing."""

    def count_refused(self, row: RefusedRow) -> None:
        """Add these refusals; durable. Raises `Unavailable`."""
        ...

    def refused_waiting(self) -> list[RefusedRow]:
        """What no fact tells of yet."""
        ...

    def told_refused(self, rows: Sequence[RefusedRow]) -> None:
        """A fact tells of these; what was counted since waits on."""
        ...


class Accounts(Protocol):
    """Credentials and tickets; each call is one durable transaction. Raises `Unavailable`."""

    def enrol(self, row: CredentialRow) -> None:
        """Add a credential."""
        ...

    def revoke(self, credential: str) -> None:
        """Delete a credential, material and all."""
        ...

    def credentials(self, person: str, kind: Kind | None = None) -> list[CredentialRow]:
        """Those of a person, oldest first."""
        ...

    def found(self, kind: Kind, lookup: str) -> CredentialRow | None:
        """The newest credential of that kind under that lookup."""
        ...

    def advance(self, credential: str, counter: int, at: float) -> bool:
        """Move the counter up, and say whether it did: of two uses of one step, one is refused in every process."""
        ...

    def touch_credential(self, credential: str, counter: int, at: float) -> None:
        """Note a use that does not have to move the counter (a passkey without one)."""
        ...

    def spend(self, code: str, at: float) -> bool:
        """Use up a recovery code by its digest; False when it was used, or never was."""
        ...

    def codes_left(self, credential: str) -> int:
        """How many recovery codes of this set are not used yet."""
        ...

    def add_codes(self, credential: str, digests: Sequence[str]) -> None:
        """The single codes of a set of recovery codes."""
        ...

    def put_ticket(self, row: TicketRow) -> None:
        """Keep a ticket."""
        ...

    def take_ticket(self, digest: str, kind: str, now: float) -> TicketRow | None:
        """Use up a ticket, or None when it was used, has run out, or never was."""
        ...

    def read_ticket(self, digest: str, kind: str, now: float) -> TicketRow | None:
        """Look at a ticket without using it up."""
        ...

    def run_out(self, kind: str, now: float) -> list[bytes]:
        """What tickets of that kind held that nobody used in time."""
        ...

    def drop_tickets(self, person: str, kind: str) -> None:
        """Void every ticket of that kind of a person."""
        ...

    def seal(self, record: SealedRecord) -> None:
        """Keep a sealed secret by its record id."""
        ...

    def sealed(self, name: str) -> SealedRecord | None:
        """The sealed secret."""
        ...

    def unseal(self, name: str) -> None:
        """Delete the sealed secret."""
        ...

    def keep_keys(self, issuer: str, keys: bytes, at: float) -> None:
        """Pin a provider's public keys."""
        ...

    def kept_keys(self, issuer: str) -> tuple[bytes, float] | None:
        """The pinned keys (JSON), and when they were pinned."""
        ...

    def refused_since(self, keys: Sequence[str], since: float) -> Mapping[str, tuple[int, float]]:
        """For each key: how many refusals since then, and when the last was."""
        ...

    def note_refusal(self, keys: Sequence[str], person: str, source: str, at: float, mark: str) -> None:
        """Count an attempt under these keys, and for the next report, until `mark` is withdrawn."""
        ...

    def withdraw(self, mark: str) -> None:
        """The attempt was none to count."""
        ...

    def forgive(self, key: str) -> int:
        """A success: forget the refusals under this key; how many there were."""
        ...

    def unreported(self) -> tuple[int, Sequence[str], int, float, float] | None:
        """(count, persons most tried first, sources, since, until) of refusals no fact tells of yet."""
        ...

    def reported(self, until: float) -> None:
        """A fact tells of the refusals up to then."""
        ...

    def tidy(self, now: float) -> None:
        """Delete what has run out."""
        ...


class Sessions(Protocol):
    """Session rows; the ledger says which are open, these say whose token it is and when it was last used."""

    def open_session(self, row: SessionRow) -> None:
        """Add a session."""
        ...

    def session_of(self, digest: str) -> SessionRow | None:
        """The session of a token's digest."""
        ...

    def seen(self, digest: str, at: float) -> None:
        """It was used."""
        ...

    def sessions(self, person: str) -> list[SessionRow]:
        """Those of a person, oldest first."""
        ...

    def end_sessions(self, sessions: Sequence[str]) -> None:
        """Delete sessions by public id."""
        ...


class Desk(Accounts, Sessions, RefusedCounts, Protocol):
    """All of it, in one store."""


class Passwords(Protocol):
    """Slow, salted, one-way."""

    def hash(self, password: str) -> str:
        """The encoded hash with its parameters and salt."""
        ...

    def verify(self, encoded: str, password: str) -> bool:
        """Whether the password is the one; an empty `encoded` costs as much time, and is never it."""
        ...

    def outdated(self, encoded: str) -> bool:
        """Whether it was made with other parameters than today's."""
        ...


class OneTimeCodes(Protocol):
    """Time-based one-time codes (RFC 6238)."""

    def new_secret(self) -> str:
        """160 random bits in base 32."""
        ...

    def uri(self, secret: str, person: str, issuer: str) -> str:
        """What authenticator apps read."""
        ...

    def step_of(self, secret: str, code: str, at: float) -> int | None:
        """The time step to which the code belongs, or None when it is of no permitted one."""
        ...


class Passkey(Value, frozen=True, kw_only=True):
    """What a verified ceremony says: credential id (base64url), public key (COSE), signature counter."""

    id: str
    public_key: bytes
    counter: int


class Passkeys(Protocol):
    """WebAuthn ceremonies; options and answers as JSON. Raises `Refused` for an answer that does not verify."""

    def creation(self, person: str, name: str, challenge: bytes, known: Sequence[str]) -> bytes:
        """Options for a browser to make a passkey."""
        ...

    def created(self, answer: bytes, challenge: bytes) -> Passkey:
        """The new passkey, with user verification."""
        ...

    def request(self, challenge: bytes, known: Sequence[str]) -> bytes:
        """Options for a browser to use a passkey."""
        ...

    def claimed(self, answer: bytes) -> str:
        """Which credential id an answer claims; nothing of it is verified."""
        ...

    def used(self, answer: bytes, challenge: bytes, passkey: Passkey) -> Passkey:
        """The passkey with its new counter, with user verification."""
        ...


class Tokens(Protocol):
    """Random tokens and their digests."""

    def new(self) -> tuple[str, str]:
        """(token of 256 random bits, its SHA-256 in hex)."""
        ...

    def digest(self, token: str) -> str:
        """Under which a token is known."""
        ...

    def codes(self, count: int) -> list[str]:
        """Random codes of at least 112 bits for people to write down."""
        ...


class Provider(Value, frozen=True, kw_only=True):
    """An OpenID provider as configured: `acr` and `amr` values that count as two factors."""

    issuer: str
    client: str
    secret: str
    name: str = ""
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()


class Departure(Value, frozen=True, kw_only=True):
    """Where to send the browser, and what must come back with it."""

    url: str
    state: str
    nonce: str
    verifier: str
    again: bool = False


class Arrival(Value, frozen=True, kw_only=True):
    """Who came back from the provider, as verified; `keys` are the public keys that verified it, to be pinned."""

    issuer: str
    subject: str
    mfa: bool
    auth_time: float
    id_token: str
    keys: bytes


class SingleSignOn(Protocol):
    """OpenID Connect authorization code flow. Raises `Unavailable` when the provider is out, `Refused` otherwise."""

    def depart(self, provider: Provider, redirect: str, *, again: bool = False) -> Departure:
        """Begin; with `again` the provider must ask the person anew."""
        ...

    def arrive(
        self,
        provider: Provider,
        redirect: str,
        departure: Departure,
        answer: Mapping[str, str],
        pinned: tuple[bytes, float] | None,
        now: float,
    ) -> Arrival:
        """Exchange the code, verify everything about the ID token."""
        ...

    def look(self, issuer: str) -> str:
        """Whether people could sign in there now: empty, or in one sentence why not. Asks it; never raises."""
        ...

    def farewell(self, provider: Provider, id_token: str, back: str) -> str:
        """Where to send the browser to sign out there too, or an empty text."""
        ...
