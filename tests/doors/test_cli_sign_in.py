"""Signing in at the command line: what is asked, where the session rests, and whom commands then act for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest

from bedrail.app import create_home
from bedrail.journeys import upkeep
from reception_house import PASSWORD
from small_home import Ran, opened, told


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with people, no accounts, and a configuration folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("BEDRAIL_SESSION", raising=False)
    app = create_home(tmp_path / "home", "people.hospital.example/bedrail")
    upkeep.open_installation(app.context, app.origin, "olivia", app.public_names())
    upkeep.add_person(app.context, "olivia", "sam", "Sam", ("data-scientist",))
    upkeep.add_person(app.context, "olivia", "rob", "Rob", ("release-engineer",))
    app.close()
    return tmp_path / "home"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the person types, in order; an answer may be a function of what was printed so far."""
    answers: list[object] = []

    def answer(text: str, **_: object) -> str:
        given = answers.pop(0)
        return given() if callable(given) else str(given)

    monkeypatch.setattr("click.prompt", answer)
    return answers.extend


class App:
    """The authenticator app of a person: reads the secret where the terminal shows it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secret, self.step = "", 0
        from bedrail.keys.totp import Totp

        made = Totp.new_secret
        monkeypatch.setattr(Totp, "new_secret", lambda totp: self._remember(made(totp)))

    def _remember(self, secret: str) -> str:
        self.secret, self.step = secret, 0
        return secret

    def code(self) -> str:
        """The next code that was not used: of the step before, this one, the one after."""
        from datetime import UTC, datetime

        now = int(datetime.now(UTC).timestamp()) // 30
        self.step = max(self.step + 1, now - 1)
        return pyotp.TOTP(self.secret).generate_otp(self.step)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """One person's phone."""
    return App(monkeypatch)  # type: ignore[return-value]


def joined(home: Path, typed: Callable[..., None], phone: App, person: str = "olivia", by: str = "") -> Ran:
    """Open an account and sign in by its invitation."""
    ran = told(*(("--as", by) if by else ()), "accounts", "add", person, "--json", home=home)
    assert ran.code == 0, ran.err
    typed([json.loads(ran.out)["invitation"], PASSWORD, phone.code])
    ran = told("sign-in", "--invitation", home=home)
    assert ran.code == 0, ran.err
    return ran


def test_from_the_first_account_to_acting_under_it(
    home: Path, typed: Callable[..., None], phone: App, tmp_path: Path
) -> None:
    """An invitation, a password, an app with recovery codes; then commands act as that person, and no other name."""
    assert told("people", "add", "tom", "--role", "clinician", home=home).code == 0
    ran = joined(home, typed, phone, by="olivia")
    assert phone.secret in ran.out
    assert len([line for line in ran.out.splitlines() if line.count("-") == 5]) == 10
    assert "Signed in as olivia (password+totp)" in ran.out
    (file,) = (tmp_path / "config" / "bedrail" / "sessions").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert told("people", "add", "tim", "--role", "clinician", home=home).code == 0
    with opened(home) as app:
        facts = [data for _, data in app.context.tape.registry_entries(0) if b'"person":"tim"' in data]
        assert b'"auth":"password+totp"' in facts[0]
    ran = told("--as", "rob", "serve", home=home)
    assert (ran.code, "olivia is signed in, not rob" in ran.err) == (1, True)
    said = json.loads(told("whoami", "--json", home=home).out)
    assert (said["person"], said["auth"], said["second_factor"], said["names_are_believed"]) == (
        "olivia", "password+totp", True, False,
    )  # fmt: skip


def test_signed_out_a_name_alone_does_nothing(home: Path, typed: Callable[..., None], phone: App) -> None:
    """Neither the owner's nor anybody's whose role needs two factors."""
    joined(home, typed, phone, by="olivia")
    assert told("sign-out", home=home).code == 0
    for person in ("olivia", "rob", "sam"):
        ran = told("--as", person, "people", "list", home=home)
        assert (ran.code, "must sign in" in ran.err) == (1, True)
    assert json.loads(told("whoami", "--json", home=home).out)["auth"] == "local"


def test_signing_in_again_asks_for_password_and_a_code_that_was_not_used(
    home: Path, typed: Callable[..., None], phone: App
) -> None:
    """Wrong ones are refused with exit code 1, and leave no session."""
    joined(home, typed, phone, by="olivia")
    told("sign-out", home=home)
    typed([PASSWORD, "000000"])
    assert told("sign-in", "olivia", home=home).code == 1
    typed(["wrong"])
    assert told("sign-in", "olivia", home=home).code == 1
    assert told("people", "list", home=home).code == 1
    typed([PASSWORD, phone.code])
    assert told("sign-in", "olivia", home=home).code == 0
    assert told("people", "list", home=home).code == 0


def test_a_session_file_that_others_can_read_is_not_used(
    home: Path, typed: Callable[..., None], phone: App, tmp_path: Path
) -> None:
    """Refused, with the remedy."""
    joined(home, typed, phone, by="olivia")
    (file,) = (tmp_path / "config" / "bedrail" / "sessions").iterdir()
    file.chmod(0o644)
    ran = told("people", "list", home=home)
    assert (ran.code, "can be read by others" in ran.err) == (1, True)


def test_the_environment_can_carry_the_session(
    home: Path, typed: Callable[..., None], phone: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BEDRAIL_SESSION, for a job that runs as somebody who signed in; a wrong one opens nothing."""
    joined(home, typed, phone, by="olivia")
    (file,) = (tmp_path / "config" / "bedrail" / "sessions").iterdir()
    token = file.read_text()
    file.unlink()
    assert told("people", "list", home=home).code == 1
    monkeypatch.setenv("BEDRAIL_SESSION", token)
    assert told("people", "list", home=home).code == 0
    monkeypatch.setenv("BEDRAIL_SESSION", token[:-1] + "x")
    assert told("people", "list", home=home).code == 1


def test_accounts_are_listed_reset_disabled_and_ended(home: Path, typed: Callable[..., None], phone: App) -> None:
    """By whoever may manage them; `--json` for programs."""
    joined(home, typed, phone, by="olivia")
    assert told("accounts", "add", "sam", home=home).code == 0
    rows = {row["person"]: row for row in json.loads(told("accounts", "list", "--json", home=home).out)}
    assert (rows["olivia"]["state"], rows["sam"]["state"], rows["rob"]["state"]) == ("open", "invited", "none")
    assert rows["olivia"]["factors"] == ["password", "recovery-codes", "totp"]
    assert told("accounts", "reset", "sam", "--reason", "lost it", home=home).code == 0
    assert told("accounts", "disable", "sam", "--reason", "on leave", home=home).code == 0
    assert told("accounts", "disable", "olivia", "--reason", "x", home=home).code == 1
    assert told("accounts", "enable", "sam", home=home).code == 0
    assert "1 session" in told("accounts", "end", "olivia", "--reason", "laptop stolen", home=home).out
    assert told("accounts", "list", home=home).code == 1


def test_the_rules_are_shown_and_set(home: Path, typed: Callable[..., None], phone: App) -> None:
    """Powerful roles stay among those that need two factors."""
    joined(home, typed, phone, by="olivia")
    ran = told("accounts", "rules", "--mfa-role", "auditor", "--json", home=home)
    assert set(json.loads(ran.out)["mfa_roles"]) == {
        "auditor", "clinical-lead", "owner", "privacy-officer", "release-engineer", "security-officer",
    }  # fmt: skip
    assert told("accounts", "rules", "--mfa-role", "nobody", home=home).code == 2
    assert json.loads(told("accounts", "rules", "--json", home=home).out)["local"] == "signed-in"


def test_the_server_of_a_home_without_accounts_prints_a_one_time_link(
    home: Path, typed: Callable[..., None], phone: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On loopback only; with accounts there is none."""
    became: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, words: became.append(words))
    ran = told("--as", "olivia", "serve", "--port", "8123", home=home)
    assert "http://localhost:8123/sign-in/local?code=" in ran.err
    assert became[0][became[0].index("--origin") + 1] == "http://localhost:8123"
    assert "code=" not in told("--as", "olivia", "serve", "--host", "0.0.0.0", home=home).err
    joined(home, typed, phone, by="olivia")
    assert "code=" not in told("serve", home=home).err
