"""Passkeys in a real browser: Chromium with its virtual authenticator, spoken to over a pipe (DevTools protocol)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_http_sign_in import COOKIE, serving

from bedrail.cli.demo.stage import free_port
from bedrail.journeys import credentials
from reception_house import House, house

pytestmark = pytest.mark.slow

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


class Chromium:
    """One page of a headless browser; its commands and answers are JSON, each ended by a zero byte."""

    def __init__(self, folder: Path) -> None:
        here_in, there_out = os.pipe()
        there_in, here_out = os.pipe()
        arguments = (
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
        )
        self.process = subprocess.Popen(
            [CHROMIUM, *arguments, "about:blank"],
            preexec_fn=lambda: (os.dup2(there_in, 3), os.dup2(there_out, 4)),  # noqa: PLW1509 (before any thread)
            pass_fds=(3, 4, there_in, there_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there_in)
        os.close(there_out)
        self.out, self.incoming, self.number, self.session = (
            os.fdopen(here_out, "wb", 0),
            os.fdopen(here_in, "rb", 0),
            0,
            "",
        )
        self.waiting = b""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command, and its answer."""
        self.number += 1
        told = {"id": self.number, "method": method, "params": parameters}
        self.out.write(json.dumps(told | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self.number:
                assert "error" not in said, said
                found: dict[str, Any] = said["result"]
                return found

    def until(self, event: str) -> None:
        """Wait for something to happen."""
        while self._next().get("method") != event:
            pass

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.waiting:
            more = self.incoming.read(65_536)
            assert more, "the browser ended"
            self.waiting += more
        one, _, self.waiting = self.waiting.partition(b"\0")
        read: dict[str, Any] = json.loads(one)
        return read

    def open(self) -> None:
        """A page with a virtual passkey that checks its person."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.ask("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
        self.authenticator = self.ask("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]

    def go(self, url: str) -> None:
        """Open an address."""
        self.ask("Page.navigate", url=url)
        self.until("Page.loadEventFired")

    def run(self, code: str) -> Any:
        """The value of an expression in the page."""
        return self.ask("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)["result"].get(
            "value"
        )

    def press(self, selector: str) -> None:
        """Press a button, and wait for the page that follows."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")
        self.until("Page.loadEventFired")

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(10)
        self.out.close()
        self.incoming.close()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    """A browser of the test's own."""
    assert CHROMIUM, "tests/servers/install.sh installs the browser"
    made = Chromium(tmp_path / "profile")
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """The owner has an account."""
    made = house(tmp_path)
    yield made
    made.app.close()


def test_a_passkey_is_made_and_signs_in_and_proves_again_in_a_real_browser(chromium: Chromium, home: House) -> None:
    """Enrolment on the account page, sign-in without a name, a fresh proof; under the pages' own content policy."""
    port = free_port()
    site = f"http://localhost:{port}"
    with serving(home, site, port):
        token = home.sign_in("olivia").token
        chromium.ask("Network.setCookie", name=COOKIE, value=token, url=site, httpOnly=True)
        chromium.go(f"{site}/account")
        chromium.press('form[action="/account/passkey"] button')
        assert chromium.run("document.querySelector('h1').textContent") == "Passkey"
        chromium.press("#go")
        held = [each.kind for each in credentials.held(home.at, "olivia")]
        assert held.count("passkey") == 1, chromium.run("document.body.innerText")
        chromium.press('form[action="/sign-out"] button')
        chromium.go(f"{site}/sign-in")
        chromium.press('form[action="/sign-in/passkey"] button')
        chromium.press("#go")
        assert chromium.run("location.pathname") == "/"
        assert "people.hospital.example/bedrail" in chromium.run("document.body.innerText")
        assert [each.auth for each in home.at.open_sessions("olivia")][-1] == "passkey"
        home.clock.turn(minutes=6)
        chromium.go(f"{site}/account/confirm")
        chromium.press('form[action="/account/confirm/passkey"] button')
        chromium.press("#go")
        assert chromium.run("location.pathname") == "/account"
        fact = home.facts("session.stepped-up")[-1].fact
        assert (fact.person, fact.auth) == ("olivia", "passkey")  # type: ignore[union-attr]


def test_without_the_persons_check_the_passkey_is_not_made(chromium: Chromium, home: House) -> None:
    """An authenticator that cannot verify its person is no second factor."""
    chromium.ask("WebAuthn.setUserVerified", authenticatorId=chromium.authenticator, isUserVerified=False)
    port = free_port()
    site = f"http://localhost:{port}"
    with serving(home, site, port):
        chromium.ask("Network.setCookie", name=COOKIE, value=home.sign_in("olivia").token, url=site, httpOnly=True)
        chromium.go(f"{site}/account")
        chromium.press('form[action="/account/passkey"] button')
        chromium.run("document.getElementById('go').click()")
        told = "new Promise((done) => setTimeout(() => done(document.getElementById('told').textContent), 1500))"
        assert "was not used" in chromium.run(told)
        assert not [each for each in credentials.held(home.at, "olivia") if each.kind == "passkey"]
