"""A home whose people sign in: a reception with a clock that tests can turn, and quick password hashes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pyotp
import pytest

import throwaway
from bedrail.app import App, create_home, open_home
from bedrail.core.errors import Refused
from bedrail.core.events import Entry, decode
from bedrail.journeys import accounts, credentials, signing_in, upkeep
from bedrail.journeys.reception import Reception, Signed
from bedrail.keys.passwords import Argon2Passwords

ORIGIN = "http://localhost:8099"
PASSWORD = "seven grumpy otters juggle"
OTHER_PASSWORD = "violet crayfish maps the attic"
WHERE = {"source": "192.0.2.7", "door": "web", "device": "a browser"}
PEOPLE = (
    ("sam", ("data-scientist",)),
    ("sue", ("security-officer",)),
    ("dr-lee", ("clinician",)),
    ("dr-adams", ("clinical-lead",)),
)


@dataclass
class TurnableClock:
    """A clock that only moves when it is told to."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 9, 0, tzinfo=UTC))

    def now(self) -> datetime:
        """The moment it was turned to."""
        return self.at

    def monotonic(self) -> float:
        """Seconds since 1970."""
        return self.at.timestamp()

    def turn(self, **by: float) -> None:
        """Move on."""
        self.at += timedelta(**by)


@dataclass
class House:
    """The home, its reception and clock, and the short ways through them."""

    app: App
    at: Reception
    clock: TurnableClock
    secrets: dict[str, str] = field(default_factory=dict)
    codes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def invite(self, person: str, by: str = "olivia") -> str:
        """An invitation."""
        return accounts.open_account(self.at, by, person)

    def join(self, person: str, password: str = PASSWORD, *, by: str = "olivia", app: bool = True) -> Signed:
        """Open an account and enrol password and, if asked, app; the session afterwards."""
        signed = signing_in.accept_invitation(self.at, self.invite(person, by), password, **WHERE)
        assert isinstance(signed, Signed)
        return self.enrol(signed) if app else signed

    def enrol(self, signed: Signed) -> Signed:
        """Add an authenticator app."""
        made = credentials.new_app(self.at, signed.principal)
        self.secrets[signed.principal.person] = made.secret
        done = credentials.confirm_app(
            self.at, signed.principal, made.ticket, self.code(signed.principal.person), source="192.0.2.7"
        )
        self.codes[signed.principal.person] = done.recovery_codes or self.codes.get(signed.principal.person, ())
        self.clock.turn(seconds=30)
        return done.signed

    def code(self, person: str) -> str:
        """What the person's app shows now."""
        return pyotp.TOTP(self.secrets[person]).at(int(self.clock.at.timestamp()))

    def sign_in(self, person: str, password: str = PASSWORD) -> Signed:
        """By password and code."""
        came = signing_in.with_password(self.at, person, password, **WHERE)
        if isinstance(came, Signed):
            return came
        signed = signing_in.with_code(self.at, came.ticket, self.code(person), **WHERE)
        self.clock.turn(seconds=30)
        return signed

    def act_as(self, signed: Signed | None) -> None:
        """Journeys in this process now act for this session."""
        self.at.ctx.principal = signed.principal if signed is not None else None

    def facts(self, action: str) -> list[Entry]:
        """Entries of one action, in order."""
        entries = (decode(data) for _, data in self.app.context.tape.registry_entries(0))
        return [entry for entry in entries if type(entry.fact).__struct_config__.tag == action]


def refused(act: object, *given: object, **named: object) -> str:
    """Call it; the first reason of its refusal."""
    with pytest.raises(Refused) as error:
        act(*given, **named)  # type: ignore[operator]
    return error.value.reasons[0] if error.value.reasons else ""


def house(folder: Path, *, joined: bool = True, start: datetime | None = None) -> House:
    """A home with people; with the owner signed in and acting, if `joined`: a copy of the first one of its kind."""
    first = _first(joined, start)
    shutil.copytree(first.home, folder / "home")
    made = _entered(open_home(folder / "home"), TurnableClock(first.until))
    made.secrets, made.codes = dict(first.secrets), dict(first.codes)
    made.act_as(first.owner)
    return made


def _entered(app: App, clock: TurnableClock) -> House:
    app.context.clock = clock
    at = app.reception(ORIGIN, context=app.context)
    at.passwords = Argon2Passwords(memory_kib=64, passes=1)
    return House(app, at, clock)


@dataclass(frozen=True)
class _First:
    """What was founded and closed again, never to be opened; and what people and clock remember of it."""

    home: Path
    until: datetime
    owner: Signed | None
    secrets: dict[str, str]
    codes: dict[str, tuple[str, ...]]


@cache
def _first(joined: bool, start: datetime | None) -> _First:
    home = throwaway.folder("house") / "home"
    app = create_home(home, "people.hospital.example/bedrail")
    upkeep.open_installation(app.context, app.origin, "olivia", app.public_names())
    for person, roles in PEOPLE:
        upkeep.add_person(app.context, "olivia", person, person.title(), roles)
    made = _entered(app, TurnableClock(start) if start is not None else TurnableClock())
    owner = made.join("olivia") if joined else None
    app.close()
    return _First(home, made.clock.at, owner, made.secrets, made.codes)
