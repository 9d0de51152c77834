"""The pages by which people come in, over real HTTP: cookies, forms, headers, and nothing for strangers."""

from __future__ import annotations

import asyncio
import html
import http.client
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
import uvicorn
from starlette.requests import Request

from bedrail.app import ACCOUNTS
from bedrail.core.errors import Unavailable
from bedrail.journeys import accounts
from bedrail.keys.passwords import Argon2Passwords
from bedrail.web.server import Standing, build, configuration
from bedrail.web.sign_in import Doorway
from bedrail.web.visitors import PRINCIPAL, source_of
from reception_house import OTHER_PASSWORD, PASSWORD, House, house

COOKIE = "bedrail-loopback"


@dataclass
class Page:
    """One answer."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    text: str

    def field(self, name: str) -> str:
        """A form's hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, self.text
        return html.unescape(found[1])


@dataclass
class Browser:
    """A browser without scripts: keeps cookies, sends what browsers send."""

    port: int
    jar: dict[str, str] = field(default_factory=dict)
    host: str = "localhost"

    def go(self, method: str, path: str, body: str | None = None, **headers: str) -> Page:
        """One request; a header given as an empty text is left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        said = {
            "Host": f"{self.host}:{self.port}",
            "User-Agent": "Test browser",
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.jar.items()),
        }
        if body is not None:
            said |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://{self.host}:{self.port}",
                "Sec-Fetch-Site": "same-origin",
            }
        said |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {k: v for k, v in said.items() if v})
            reply = connection.getresponse()
            text = reply.read().decode()
            cookies = reply.headers.get_all("set-cookie") or []
        finally:
            connection.close()
        for each in cookies:
            name, _, value = each.partition(";")[0].partition("=")
            self.jar[name] = value.strip('"')
            if "Max-Age=0" in each:
                self.jar.pop(name)
        return Page(reply.status, {k.lower(): v for k, v in reply.getheaders()}, cookies, text)

    def get(self, path: str) -> Page:
        """Look."""
        return self.go("GET", path)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Page:
        """Send a form of ours; inside, with the session's own field."""
        if path.startswith("/account") and "form" not in fields:
            fields["form"] = self.get("/account").field("form")
        return self.go("POST", path, urlencode(fields), **(headers or {}))


@contextmanager
def serving(made: House, origin: str = "", port: int = 0, unsafe: tuple[str, ...] = ()) -> Iterator[int]:
    """The house behind a real server in a thread; the clock that tests turn is the server's too."""
    standing = Standing(made.app, origin)
    standing.reception.passwords = Argon2Passwords(memory_kib=64, passes=1)
    server = uvicorn.Server(configuration(build(standing, unsafe=unsafe), host="127.0.0.1", port=port))
    server.config.log_level = None
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    wait = threading.Event()
    while not server.started and thread.is_alive():
        wait.wait(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(15)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The owner has an account."""
    made = house(tmp_path_factory.mktemp("people"))
    yield made
    made.app.close()


@pytest.fixture(scope="module")
def port(home: House) -> Iterator[int]:
    """Of the server."""
    with serving(home) as found:
        yield found


@pytest.fixture
def browser(home: House, port: int) -> Browser:
    """A fresh browser, a while after everybody's attempts."""
    home.clock.turn(minutes=6)
    home.act_as(home.sign_in("olivia"))
    return Browser(port)


def signed_in(browser: Browser, home: House, person: str = "olivia", password: str = PASSWORD) -> Browser:
    """By the pages."""
    shown = browser.post("/sign-in", person=person, password=password)
    assert shown.status == 200, shown.text
    assert browser.post("/sign-in/code", ticket=shown.field("ticket"), code=home.code(person)).status == 303
    home.clock.turn(seconds=30)
    return browser


def test_strangers_are_shown_the_way_in_and_nothing_else(browser: Browser) -> None:
    """The house, its reports and accounts lead to the sign-in page; health and readiness stay open."""
    for path in ("/", "/reports/x/y.html", "/account", "/account/confirm", "/reports/"):
        shown = browser.get(path)
        assert (shown.status, shown.headers["location"]) == (303, "/sign-in"), path
    assert browser.go("POST", "/account/app", "").headers["location"] == "/sign-in"
    assert browser.get("/healthz").status == 200
    assert browser.get("/readyz").status in (200, 503)
    page = browser.get("/sign-in")
    assert page.status == 200
    assert 'autocomplete="current-password"' in page.text
    assert "<script" not in page.text


def test_name_password_and_code_open_the_house(browser: Browser, home: House) -> None:
    """And the house is there, with who one is on the account page."""
    signed_in(browser, home)
    assert browser.get("/").status == 200
    account = browser.get("/account")
    assert "password+totp" in account.text
    assert "Test browser" in account.text
    assert browser.get("/sign-in").headers["location"] == "/"


def test_the_cookie_is_for_this_host_and_unreadable_to_scripts(browser: Browser, home: House) -> None:
    """HttpOnly, SameSite, the whole host, no end date; a new token at each sign-in."""
    signed_in(browser, home)
    first = browser.jar[COOKIE]
    assert browser.post("/sign-in", person="olivia", password=PASSWORD).status == 403, "inside a session: not our form"
    other = signed_in(Browser(browser.port), home)
    assert other.jar[COOKIE] != first
    assert len(first) >= 43


def test_cookie_flags_over_plain_http_and_under_tls(browser: Browser, home: House) -> None:
    """Under TLS the name is `__Host-` and Secure; over loopback the other name counts."""
    shown = browser.post("/sign-in", person="olivia", password=PASSWORD)
    entered = browser.post("/sign-in/code", ticket=shown.field("ticket"), code=home.code("olivia"))
    flags = {part.strip().lower() for part in entered.cookies[0].split(";")[1:]}
    assert flags == {"httponly", "path=/", "samesite=lax"}
    from starlette.requests import Request

    home.clock.turn(seconds=30)
    scope = {
        "type": "http", "method": "GET", "scheme": "https", "path": "/", "query_string": b"", "server": ("x", 443),
        "headers": [(b"host", b"x"), (b"cookie", f"{COOKIE}={browser.jar[COOKIE]}".encode())],
    }  # fmt: skip
    from bedrail.web.visitors import cookie, see, set_cookie

    request = Request(scope)
    assert cookie(request, home.at) == "", "the name for plain HTTP counts for nothing under TLS"
    header = set_cookie(see("/"), request, home.at, "token").headers["set-cookie"]
    assert header.startswith("__Host-bedrail=token;")
    assert {"secure", "httponly", "path=/", "samesite=lax"} == {p.strip().lower() for p in header.split(";")[1:]}


def test_a_session_that_somebody_else_planted_is_not_taken_over(browser: Browser, home: House) -> None:
    """Session fixation: the token before signing in is not the one after, and stays worthless."""
    browser.jar[COOKIE] = "planted-by-somebody-else"
    signed_in(browser, home)
    assert browser.jar[COOKIE] != "planted-by-somebody-else"
    assert Browser(browser.port, {COOKIE: "planted-by-somebody-else"}).get("/").status == 303


def test_whoever_comes_in_anew_leaves_no_former_session_open(home: House) -> None:
    """The session that the browser had is over everywhere when it is given another (ASVS 5.0 7.2.4)."""
    former, latter = home.sign_in("olivia"), home.sign_in("olivia")
    scope = {"type": "http", "headers": [], "scheme": "http", "path": "/", "server": ("localhost", 80)}
    Doorway(home.at).enter(Request({**scope, PRINCIPAL: former.principal}), latter)
    assert home.at.recognise(former.token) is None
    assert home.at.recognise(latter.token) is not None


def test_a_callers_address_is_a_named_proxys_word_and_nobody_elses(home: House) -> None:
    """The last entry counts, since those before it came from outside; without a proxy of ours the header is nothing."""

    def source(peer: str, *said: str) -> str:
        headers = [(b"x-forwarded-for", each.encode()) for each in said]
        return source_of(Request({"type": "http", "headers": headers, "client": (peer, 1)}), home.at)

    assert source("10.0.0.9", "192.0.2.1") == "10.0.0.9"
    home.at.proxies = frozenset({"10.0.0.9"})
    try:
        assert source("10.0.0.9", "192.0.2.1") == "192.0.2.1"
        assert source("10.0.0.9", "198.51.100.66, 192.0.2.1") == "192.0.2.1"
        assert source("10.0.0.9", "192.0.2.1", "198.51.100.66") == "198.51.100.66"
        assert source("10.0.0.9", "192.0.2.1, unknown") == source("10.0.0.9") == "10.0.0.9"
        assert source("10.0.0.8", "192.0.2.1") == "10.0.0.8"
    finally:
        home.at.proxies = ()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": ""}, {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"}, {"origin": "http://localhost"}, {"content_type": "text/plain"},
        {"origin": "http://["}, {"origin": "http://localhost:x"},
        {"content_type": "application/json"}, {"content_type": "multipart/form-data; boundary=x"},
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-out", "/account/sessions/end", "/account/app", "/sign-in/provider"]
)
def test_forms_of_other_pages_are_refused(browser: Browser, home: House, path: str, headers: dict[str, str]) -> None:
    """Another origin, none, another site, another kind of content: nothing happens."""
    browser.jar[COOKIE] = home.sign_in("olivia").token
    form = browser.get("/account").field("form")
    sent = browser.post(path, headers, form=form, person="olivia", password=PASSWORD)
    assert sent.status in (403, 422), sent.text
    assert browser.get("/account").status == 200


def test_inside_a_session_a_form_carries_what_only_our_pages_know(browser: Browser, home: House) -> None:
    """Without it, with another's or an old one: refused, also with the right origin."""
    browser.jar[COOKIE] = home.sign_in("olivia").token
    other = Browser(browser.port, {COOKIE: home.sign_in("olivia").token})
    for wrong in ("", "x", other.get("/account").field("form"), browser.jar[COOKIE]):
        assert browser.post("/account/sessions/end", form=wrong).status == 403
    assert other.get("/account").status == 200
    assert browser.post("/account/sessions/end").status == 303
    assert other.get("/account").status == 303


def test_every_page_and_refusal_forbids_what_it_does_not_need(browser: Browser, home: House) -> None:
    """Content policy without scripts, no framing, no storing, no referrer to others; the same for errors."""
    pages = [
        browser.get(path) for path in ("/", "/sign-in", "/sign-in/invitation", "/sign-in/local", "/sign-in/returned")
    ]
    pages.append(browser.post("/sign-in", person="x", password="y"))
    browser.jar[COOKIE] = home.sign_in("olivia").token
    pages += [browser.get("/account"), browser.get("/account/confirm"), browser.post("/account/app")]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "same-origin"
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page.text)
    ceremony = browser.post("/account/passkey")
    assert "script-src 'self'" in ceremony.headers["content-security-policy"]
    assert browser.get("/sign-in/passkey.js").headers["content-type"].startswith("text/javascript")


def test_password_fields_are_masked_and_take_what_a_manager_pastes(browser: Browser, home: House) -> None:
    """Each is of type password, says which password it is for, and has neither a script nor a length in the way."""
    pages = [browser.get("/sign-in").text, browser.get("/sign-in/invitation").text]
    browser.jar[COOKIE] = home.sign_in("olivia").token
    pages.append(browser.get("/account").text)
    inputs = [each for page in pages for each in re.findall(r"<input[^>]*>", page) if "password" in each]
    assert len(inputs) == 6
    for each in inputs:
        assert 'type="password"' in each
        assert re.search(r'autocomplete="(?:current|new)-password"', each)
        assert not re.search(r"maxlength|onpaste|readonly", each)


def test_the_same_words_for_whoever_is_not_let_in(browser: Browser) -> None:
    """Wrong password, stranger, nothing at all: one page, but for the name that was typed."""
    said = set()
    for person, password in (("olivia", "wrong"), ("ghost", PASSWORD), ("sam", "x" * 500)):
        shown = browser.post("/sign-in", person=person, password=password)
        assert shown.status == 403
        said.add(shown.text.replace(f'value="{person}"', 'value=""'))
    assert len(said) == 1


def test_too_many_attempts_are_told_to_wait(browser: Browser) -> None:
    """429 with the seconds; the right password is not looked at meanwhile."""
    for _ in range(3):
        assert browser.post("/sign-in", person="dr-adams", password="wrong").status == 403
    shown = browser.post("/sign-in", person="dr-adams", password="wrong")
    assert shown.status in (403, 429)
    shown = browser.post("/sign-in", person="dr-adams", password="wrong")
    assert shown.status == 429
    assert int(shown.headers["retry-after"]) >= 1


def test_an_invitation_leads_through_enrolment_into_the_house(browser: Browser, home: House) -> None:
    """Password, then nothing but the second factor, recovery codes once, then the house."""
    invitation = home.invite("sue")
    for password, again in (
        ("short", "short"),
        (OTHER_PASSWORD, "different"),
        ("passwordpassword", "passwordpassword"),
    ):
        shown = browser.post("/sign-in/invitation", invitation=invitation, password=password, again=again)
        assert shown.status == 422
        assert password not in shown.text
    done = browser.post("/sign-in/invitation", invitation=invitation, password=OTHER_PASSWORD, again=OTHER_PASSWORD)
    assert done.status == 303
    before = browser.jar[COOKIE]
    assert browser.get("/").headers["location"] == "/account"
    assert browser.get("/reports/x/y.html").headers["location"] == "/account"
    adding = browser.post("/account/app")
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", adding.text)
    assert secret
    home.secrets["sue"] = secret[1]
    ticket, form = adding.field("ticket"), adding.field("form")
    assert browser.post("/account/app/confirm", ticket=ticket, code="000000", form=form).status == 403
    done = browser.post("/account/app/confirm", ticket=ticket, code=home.code("sue"), form=form)
    assert done.status == 200
    assert len(re.findall(r"<li>[0-9a-z]{4}(?:-[0-9a-z]{4}){5}</li>", done.text)) == 10
    assert browser.jar[COOKIE] != before
    assert browser.get("/").status == 200
    assert Browser(browser.port, {COOKIE: before}).get("/").status == 303


def test_a_proof_that_is_too_old_leads_to_giving_a_new_one(browser: Browser, home: House) -> None:
    """Then it goes on under a new cookie."""
    browser.jar[COOKIE] = home.sign_in("olivia").token
    home.clock.turn(minutes=6)
    assert browser.post("/account/recovery-codes").headers["location"] == "/account/confirm"
    assert browser.post("/account/sessions/end").headers["location"] == "/account/confirm"
    shown = browser.get("/account/confirm")
    before = browser.jar[COOKIE]
    assert browser.post("/account/confirm", form=shown.field("form"), code="000000").status == 403
    assert browser.post("/account/confirm", form=shown.field("form"), code=home.code("olivia")).status == 303
    assert browser.jar[COOKIE] != before
    home.clock.turn(seconds=30)
    assert browser.post("/account/recovery-codes").status == 200


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(browser: Browser, home: House) -> None:
    """And tells the browser to forget."""
    browser.jar[COOKIE] = home.sign_in("olivia").token
    copy = Browser(browser.port, dict(browser.jar))
    out = browser.post("/sign-out", form=browser.get("/account").field("form"))
    assert out.headers["clear-site-data"] == '"cache", "storage"'
    assert COOKIE not in browser.jar
    assert copy.get("/account").status == 303


def test_a_disabled_account_is_out_at_the_next_request(browser: Browser, home: House) -> None:
    """On the running server."""
    home.clock.turn(minutes=1)
    browser.jar[COOKIE] = home.join("dr-lee", OTHER_PASSWORD).token
    assert browser.get("/").status == 200
    accounts.disable_account(home.at, "olivia", "dr-lee", "left")
    assert browser.get("/").status == 303


@pytest.mark.parametrize(
    "body",
    ["", "x", "person", "person=%ff", "=&=&=", "a=1&" * 50, "person=a&person=b&password=c", "p" * 70_000, "person=%00"],
)
def test_foreign_forms_are_refused_and_never_an_error_of_ours(browser: Browser, body: str) -> None:
    """400 to 429, with a page."""
    sent = browser.go("POST", "/sign-in", body)
    assert 400 <= sent.status < 500
    assert "text/html" in sent.headers["content-type"]


def test_no_token_stands_in_an_address_or_a_page(browser: Browser, home: House) -> None:
    """Only in the cookie; what forms carry is derived and opens nothing."""
    signed_in(browser, home)
    token = browser.jar[COOKIE]
    for path in ("/", "/account", "/account/confirm"):
        page = browser.get(path)
        assert token not in page.text
        assert token not in str(page.headers)
    form = browser.get("/account").field("form")
    assert Browser(browser.port, {COOKIE: form}).get("/").status == 303


def test_a_home_without_accounts_opens_by_the_servers_own_link_once(tmp_path: Path) -> None:
    """Looking at the link uses nothing up; using it does; without it the house stays shut."""
    made = house(tmp_path, joined=False)
    try:
        link = made.at.local_link("olivia")
        with serving(made) as port:
            browser = Browser(port)
            assert browser.get("/").headers["location"] == "/sign-in"
            assert "accounts add" in browser.get("/sign-in").text
            assert browser.get(f"/sign-in/local?code={link}").status == 200
            assert browser.post("/sign-in/local", code=link).status == 303
            assert browser.get("/").status == 200
            assert Browser(port).post("/sign-in/local", code=link).status == 403
            made.invite("olivia")
            assert browser.get("/").status == 303
    finally:
        made.app.close()


def test_a_store_that_is_out_is_said_and_no_bug(browser: Browser, home: House, port: int) -> None:
    """503 as a page for browsers and as a problem for programs, at every address of the house; then it goes on."""
    signed_in(browser, home)
    file = home.app.context.home / ACCOUNTS

    def renamed(old: str, new: str) -> None:
        with sqlite3.connect(file) as rows:
            rows.execute(f"ALTER TABLE {old} RENAME TO {new}")
        rows.close()

    renamed("sessions", "elsewhere")
    try:
        for path in ("/", "/account", "/sign-in", "/catalogue"):
            shown = browser.go("GET", path, accept="text/html,application/xhtml+xml")
            assert (shown.status, shown.headers["content-type"]) == (503, "text/html; charset=utf-8"), shown.text
            assert "A part of the system is out" in shown.text
            told = browser.get(path)
            assert (told.status, told.headers["content-type"]) == (503, "application/problem+json")
            assert json.loads(told.text)["status"] == 503
            assert "default-src 'none'" in told.headers["content-security-policy"]
        assert Browser(port).get("/").status == 303
    finally:
        renamed("elsewhere", "sessions")
    assert browser.get("/").status == 200


def test_a_part_that_is_out_behind_the_door_is_said_and_no_bug(browser: Browser, home: House) -> None:
    """The session is recognised, and the ledger cannot be read: 503 as a page for browsers, a problem for programs."""
    signed_in(browser, home)
    rows = home.app.store.registry_entries

    def out(*_: object) -> Iterator[tuple[int, bytes]]:
        raise Unavailable("The ledger cannot be read.", remedy="Mend the disk.")

    home.app.store.registry_entries = out
    try:
        shown = browser.go("GET", "/catalogue", accept="text/html,application/xhtml+xml")
        told = browser.get("/catalogue")
    finally:
        home.app.store.registry_entries = rows
    assert (shown.status, shown.headers["content-type"]) == (503, "text/html; charset=utf-8"), shown.text
    assert "Mend the disk." in shown.text
    assert (told.status, json.loads(told.text)["remedy"]) == (503, "Mend the disk.")


def test_every_way_in_is_a_page_of_its_own(home: House) -> None:
    """Routes of the way in are those that the table of doors knows as public."""
    from bedrail.governance.doors import HTTP

    ways = {
        f"{method} {route.path}"
        for route in Doorway(home.at).routes()
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert ways == {door for door, permit in HTTP.items() if permit.key == "public" and "/sign-" in door}
