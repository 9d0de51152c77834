"""Single sign-on against a real OpenID provider: in and out, and everything that must not get in."""

from __future__ import annotations

import html
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
from test_http_sign_in import Browser, serving

from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.governance.posture import Finding
from bedrail.journeys import accounts, single_sign_on
from bedrail.journeys.reception import Signed
from bedrail.journeys.signing_in import Halfway
from bedrail.keys.oidc import OpenIdConnect
from bedrail.wiring.posture import find_faults
from bedside_house import eventually
from reception_house import ORIGIN, OTHER_PASSWORD, WHERE, House, house

SERVER = Path(__file__).resolve().parents[1] / "servers" / "openid_provider.mjs"
SECRET = "a secret of the tests, forty characters long"

AMR = "pwd otp mfa"

pytestmark = pytest.mark.slow


@dataclass
class Provider:
    """The provider's process; restarting it gives it new keys."""

    port: int
    amr: str = AMR
    process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        told = os.environ | {"REDIRECT_URIS": f"{ORIGIN}/sign-in/returned", "AMR": self.amr, "NODE_NO_WARNINGS": "1"}
        self.process = subprocess.Popen(
            ["node", str(SERVER), str(self.port)], env=told, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"listening\n", "npm ci in tests/servers installs it"

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@dataclass
class Surfer:
    """A browser at the provider: follows its redirects until it is sent back to us."""

    jar: dict[str, str] = field(default_factory=dict)

    def sign_in(self, url: str, person: str) -> dict[str, str]:
        """What comes back with the browser."""
        for _ in range(12):
            parts = urlsplit(url)
            assert parts.hostname == "127.0.0.1"
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            if parts.path.startswith("/interaction/"):
                path += ("&" if parts.query else "?") + urlencode({"as": person})
            connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
            try:
                cookies = "; ".join(f"{k}={v}" for k, v in self.jar.items())
                connection.request("GET", path, headers={"Cookie": cookies, "Host": f"127.0.0.1:{parts.port}"})
                reply = connection.getresponse()
                body = reply.read().decode()
                for each in reply.headers.get_all("set-cookie") or []:
                    name, _, value = each.partition(";")[0].partition("=")
                    self.jar[name] = value
                where = reply.headers.get("location", "")
            finally:
                connection.close()
            assert where, (reply.status, body[:500])
            url = where if where.startswith("http") else f"http://127.0.0.1:{parts.port}{where}"
            if url.startswith(f"{ORIGIN}/sign-in/returned"):
                return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        raise AssertionError(url)


def free_port() -> int:
    """Nothing listens on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def shared() -> Iterator[Provider]:
    """One process for all tests; whoever stops it has it started again."""
    made = Provider(free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def provider(shared: Provider) -> Provider:
    """Running, and as it was."""
    if shared.process is None or shared.amr != AMR:
        shared.stop()
        shared.amr = AMR
        shared.start()
    return shared


@pytest.fixture
def home(tmp_path: Path, provider: Provider) -> Iterator[House]:
    """The provider is trusted, sam is linked to it; the clock is the machine's, as tokens need."""
    made = house(tmp_path, start=datetime.now(UTC) - timedelta(minutes=10))
    made.clock.at = datetime.now(UTC)
    made.act_as(made.sign_in("olivia"))
    made.clock.at = datetime.now(UTC)
    accounts.trust_provider(
        made.at, "olivia", provider.issuer, "bedrail", SECRET, name="Northgate", acr=(), amr=("mfa",)
    )
    made.invite("sam")
    accounts.link_account(made.at, "olivia", "sam", provider.issuer, "employee-8f1c2e")
    yield made
    made.app.close()


def arrive(home: House, provider: Provider, person: str = "employee-8f1c2e", **changes: str) -> Signed | Halfway:
    """There and back; `changes` are laid over what came back."""
    url = single_sign_on.depart(home.at, provider.issuer, "browser-1")
    answer = Surfer().sign_in(url, person)
    return single_sign_on.arrive(home.at, answer | changes, "browser-1", **WHERE)[0]


def test_whoever_is_linked_comes_in_with_two_factors_where_the_provider_says_so(
    home: House, provider: Provider
) -> None:
    """Authorization code, PKCE, state, nonce; the fact names the issuer; the client's secret rests sealed."""
    url = single_sign_on.depart(home.at, provider.issuer, "browser-1")
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["response_type"] == ["code"]
    assert len(asked["state"][0]) >= 43
    assert len(asked["nonce"][0]) >= 43
    came = arrive(home, provider)
    assert isinstance(came, Signed)
    assert (came.principal.auth, came.principal.mfa) == (f"oidc:{provider.issuer}", True)
    home.act_as(came)
    assert home.app.context.require("sam", "candidate.train").auth == f"oidc:{provider.issuer}"
    assert not [p for p in home.app.home.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]


def test_whatever_is_wrong_with_the_return_it_is_refused(home: House, provider: Provider) -> None:
    """Another state, issuer, browser or code; a second use; a person nobody linked."""

    def refused(act: Callable[[], object]) -> None:
        with pytest.raises(Refused):
            act()

    surfer = Surfer()
    for changes in ({"state": "x"}, {"iss": "https://evil.example"}, {"code": "x"}):
        refused(lambda changes=changes: arrive(home, provider, **changes))  # type: ignore[misc]
    answer = surfer.sign_in(single_sign_on.depart(home.at, provider.issuer, "browser-1"), "employee-8f1c2e")
    without = {name: value for name, value in answer.items() if name != "iss"}
    refused(lambda: single_sign_on.arrive(home.at, without, "browser-1", **WHERE))
    answer = surfer.sign_in(single_sign_on.depart(home.at, provider.issuer, "browser-1"), "employee-8f1c2e")
    refused(lambda: single_sign_on.arrive(home.at, answer, "another browser", **WHERE))
    answer = surfer.sign_in(single_sign_on.depart(home.at, provider.issuer, "browser-1"), "employee-8f1c2e")
    assert isinstance(single_sign_on.arrive(home.at, answer, "browser-1", **WHERE)[0], Signed)
    refused(lambda: single_sign_on.arrive(home.at, answer, "browser-1", **WHERE))
    with pytest.raises(Refused, match="nobody here is linked"):
        arrive(home, provider, "somebody-else")


def test_a_code_stolen_from_the_address_opens_nothing_without_its_verifier(home: House, provider: Provider) -> None:
    """Two departures: the code of one does not go with the state of the other (PKCE, nonce)."""
    one = Surfer().sign_in(single_sign_on.depart(home.at, provider.issuer, "browser-1"), "employee-8f1c2e")
    two = Surfer().sign_in(single_sign_on.depart(home.at, provider.issuer, "browser-1"), "employee-8f1c2e")
    with pytest.raises(Refused):
        single_sign_on.arrive(home.at, two | {"code": one["code"]}, "browser-1", **WHERE)


def test_without_two_factors_there_the_second_is_asked_here(home: House, provider: Provider) -> None:
    """A provider that says only `pwd`: whoever has an app is asked for it, whoever has none must enrol, asked anew."""
    provider.stop()
    provider.amr = "pwd"
    provider.start()
    came = arrive(home, provider)
    assert isinstance(came, Signed)
    assert not came.principal.mfa
    home.act_as(came)
    with pytest.raises(Refused, match="second factor"):
        home.app.context.require("sam", "candidate.train")
    with pytest.raises(Refused, match="last 5 minutes"):
        home.enrol(came)
    surfer, again = Surfer(), single_sign_on.depart(home.at, provider.issuer, "browser-1", came.principal)
    answer = surfer.sign_in(again, "employee-8f1c2e")
    renewed, _ = single_sign_on.arrive(home.at, answer, "browser-1", came.principal, **WHERE)
    assert isinstance(renewed, Signed)
    home.enrol(renewed)
    assert isinstance(arrive(home, provider), Halfway)


def test_keys_are_pinned_and_a_rotation_is_followed(home: House, provider: Provider) -> None:
    """New keys are fetched from the provider's own address, not more often than once a minute."""
    assert isinstance(arrive(home, provider), Signed)
    pinned = home.at.desk.kept_keys(provider.issuer)
    assert pinned is not None
    kids = [key["kid"] for key in msgspec.json.decode(pinned[0])["keys"]]
    provider.stop()
    provider.start()
    with pytest.raises(Refused):
        arrive(home, provider)
    home.clock.turn(seconds=25)
    home.at.desk.keep_keys(provider.issuer, pinned[0], home.at.now() - 61)
    assert isinstance(arrive(home, provider), Signed)
    again = home.at.desk.kept_keys(provider.issuer)
    assert again is not None
    assert kids != [key["kid"] for key in msgspec.json.decode(again[0])["keys"]]


def test_a_provider_that_is_out_shows_everywhere_until_it_is_back(
    home: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doctor with its mend, every page, readiness (which stays ready), metrics; and nowhere once it answers again."""
    monkeypatch.setattr("bedrail.web.server.PROVIDERS_SECONDS", 0.1)
    ctx = home.app.context

    def doctor() -> dict[str, Finding]:
        found = find_faults(ctx, home.app.store, home.app.keys, outside=True)
        return {each.check: each for each in found}

    assert "identity-provider" not in doctor()
    provider.stop()
    finding = doctor()["identity-provider"]
    assert (finding.severity, "Northgate" in finding.what) == ("warning", True)
    assert "local accounts" in finding.mend
    assert "identity-provider" not in {each.check for each in find_faults(ctx, home.app.store, home.app.keys)}
    with serving(home) as port:
        shown = Browser(port)

        def degraded() -> list[str]:
            return msgspec.json.decode(shown.get("/readyz").text).get("degraded", [])

        assert eventually(lambda: bool(degraded()))
        (said,) = degraded()
        assert said.startswith("Signing in through Northgate does not work since 20")
        assert shown.get("/readyz").status == 200
        assert said in html.unescape(shown.get("/sign-in").text)
        assert "bedrail_identity_providers_out 1" in shown.get("/metrics").text
        provider.start()
        assert eventually(lambda: not degraded(), seconds=10)
        assert "does not work" not in shown.get("/sign-in").text
        assert "bedrail_identity_providers_out 0" in shown.get("/metrics").text
    assert "identity-provider" not in doctor()


def test_a_provider_that_is_out_is_said_so_and_local_accounts_go_on(home: House, provider: Provider) -> None:
    """`Unavailable` with the remedy, whether it is gone or answers nonsense; passwords and sessions work."""
    signed = arrive(home, provider)
    assert isinstance(signed, Signed)
    url = single_sign_on.depart(home.at, provider.issuer, "browser-1")
    answer = Surfer().sign_in(url, "employee-8f1c2e")
    provider.stop()
    with pytest.raises(Unavailable, match="local account"):
        single_sign_on.arrive(home.at, answer, "browser-1", **WHERE)
    home.at.sso = OpenIdConnect(home.clock.monotonic, timeout=1.0)
    with pytest.raises(Unavailable):
        single_sign_on.depart(home.at, provider.issuer, "browser-1")
    assert home.at.recognise(signed.token) is not None
    home.clock.turn(seconds=30)
    assert home.sign_in("olivia").principal.mfa
    listening = socket.create_server(("127.0.0.1", provider.port))
    nonsense = threading.Thread(target=_say_nonsense, args=(listening,), daemon=True)
    nonsense.start()
    try:
        with pytest.raises(Unavailable):
            single_sign_on.depart(home.at, provider.issuer, "browser-1")
    finally:
        listening.close()
        nonsense.join(5)


def _say_nonsense(listening: socket.socket) -> None:
    try:
        connection, _ = listening.accept()
    except OSError:
        return
    with connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n<nothing>")


def test_proving_it_again_goes_back_to_the_provider(home: House, provider: Provider) -> None:
    """It must ask anew (`max_age`, `prompt`), and the same person must come back to the same session."""
    signed = arrive(home, provider)
    assert isinstance(signed, Signed)
    url = single_sign_on.depart(home.at, provider.issuer, "browser-1", signed.principal)
    asked = parse_qs(urlsplit(url).query)
    assert (asked["max_age"], asked["prompt"]) == (["0"], ["login"])
    answer = Surfer().sign_in(url, "employee-8f1c2e")
    with pytest.raises(Refused):
        single_sign_on.arrive(home.at, answer, "browser-1", **WHERE)
    url = single_sign_on.depart(home.at, provider.issuer, "browser-1", signed.principal)
    answer = Surfer().sign_in(url, "employee-8f1c2e")
    renewed, _ = single_sign_on.arrive(home.at, answer, "browser-1", signed.principal, **WHERE)
    assert isinstance(renewed, Signed)
    assert home.at.recognise(signed.token) is None
    assert home.at.recognise(renewed.token) is not None


def test_signing_out_ends_it_at_the_provider_too(home: House, provider: Provider) -> None:
    """The address carries the ID token as a hint and leads back to our sign-in page."""
    url = single_sign_on.depart(home.at, provider.issuer, "browser-1")
    came, id_token = single_sign_on.arrive(home.at, Surfer().sign_in(url, "employee-8f1c2e"), "browser-1", **WHERE)
    assert isinstance(came, Signed)
    single_sign_on.remember(home.at, came.principal, id_token)
    out = single_sign_on.farewell(home.at, came.principal)
    asked = parse_qs(urlsplit(out).query)
    assert out.startswith(f"{provider.issuer}/session/end?")
    assert asked["post_logout_redirect_uri"] == [f"{ORIGIN}/sign-in"]
    assert asked["id_token_hint"] == [id_token]
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=20)
    connection.request("GET", out.removeprefix(provider.issuer))
    reply = connection.getresponse()
    assert (reply.status, "logout" in reply.read().decode().lower()) == (200, True)
    connection.close()


def test_dropping_a_provider_or_a_link_ends_what_rests_on_it(home: House, provider: Provider) -> None:
    """At the next request; and it no longer lets anybody in."""
    signed = arrive(home, provider)
    assert isinstance(signed, Signed)
    accounts.unlink_account(home.at, "olivia", "sam", provider.issuer)
    assert home.at.recognise(signed.token) is None
    with pytest.raises(Refused):
        arrive(home, provider)
    accounts.link_account(home.at, "olivia", "sam", provider.issuer, "employee-8f1c2e")
    again = arrive(home, provider)
    assert isinstance(again, Signed)
    accounts.drop_provider(home.at, "olivia", provider.issuer, "contract ended")
    assert home.at.recognise(again.token) is None
    with pytest.raises(Refused):
        single_sign_on.depart(home.at, provider.issuer, "browser-1")


def test_one_subject_is_one_person_and_issuers_are_by_tls(home: House, provider: Provider) -> None:
    """The same subject is not linked to two; an address without TLS, other than loopback, is no issuer."""
    home.join("sue", OTHER_PASSWORD)
    with pytest.raises(Refused, match="linked to sam"):
        accounts.link_account(home.at, "olivia", "sue", provider.issuer, "employee-8f1c2e")
    for issuer in (
        "http://id.hospital.example",
        "ftp://x",
        "https://",
        "https://u@id.example",
        "https://id.example/?x",
        "https://id.example/+x",
        "https://[",
    ):
        with pytest.raises(Invalid):
            accounts.trust_provider(home.at, "olivia", issuer, "bedrail", "", name="", acr=(), amr=())


def test_the_pages_lead_there_and_back(home: House, provider: Provider) -> None:
    """A button, a page that leaves, a cookie that binds the browser; errors are pages."""
    from test_http_sign_in import Browser, serving

    with serving(home, ORIGIN) as port:
        browser = Browser(port)
        assert "Sign in with Northgate" in browser.get("/sign-in").text
        leaving = browser.post("/sign-in/provider", issuer=provider.issuer)
        url = re.search(r'href="([^"]+)"', leaving.text)
        assert url
        answer = Surfer().sign_in(html.unescape(url[1]), "employee-8f1c2e")
        assert Browser(port).get(f"/sign-in/returned?{urlencode(answer)}").status == 403
        leaving = browser.post("/sign-in/provider", issuer=provider.issuer)
        url = re.search(r'href="([^"]+)"', leaving.text)
        assert url
        answer = Surfer().sign_in(html.unescape(url[1]), "employee-8f1c2e")
        assert browser.get(f"/sign-in/returned?{urlencode(answer)}").status == 303
        assert browser.get("/").status == 200
        out = browser.post("/sign-out", form=browser.get("/account").field("form"))
        assert "session/end" in out.text
        provider.stop()
        shown = browser.post("/sign-in/provider", issuer=provider.issuer)
        assert shown.status in (200, 503)
