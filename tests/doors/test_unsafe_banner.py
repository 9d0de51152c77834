"""A server that is unsafe or not well says so where people look, on every page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_http_sign_in import Browser, serving, signed_in

from bedrail.core.errors import Unavailable
from bedrail.journeys.serving import CLOCK_BACK
from bedrail.web.banner import Banner
from bedrail.web.server import Standing, build
from reception_house import House, house


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """The owner has an account."""
    made = house(tmp_path)
    yield made
    made.app.close()


def test_every_page_of_a_server_started_in_spite_of_dangerous_settings_says_so(home: House) -> None:
    """Ways in, pages of the house, errors, /readyz and /metrics; a safe server says nothing of the kind."""
    with serving(home, unsafe=("keys-readable", "tls")) as port:
        browser = Browser(port)
        pages = [browser.get("/sign-in"), browser.post("/sign-in", person="olivia", password="wrong")]
        signed_in(browser, home)
        pages += [browser.get(path) for path in ("/", "/catalogue", "/account", "/account/confirm")]
        for page in pages:
            assert "Served in spite of: keys-readable, tls" in page.text
            assert page.text.index("<body") < page.text.index("UNSAFE") < page.text.index("<main")
            assert int(page.headers["content-length"]) == len(page.text.encode())
        assert json.loads(browser.get("/readyz").text)["unsafe"] == ["keys-readable", "tls"]
        assert "bedrail_served_unsafely 1" in browser.get("/metrics").text
    with serving(home) as port:
        browser = signed_in(Browser(port), home)
        assert "UNSAFE" not in browser.get("/").text + browser.get("/readyz").text
        assert "bedrail_served_unsafely 0" in browser.get("/metrics").text


def test_pages_say_what_the_server_waits_for(home: House) -> None:
    """A clock that was set back, and a ledger that cannot be written, are seen on pages as well as by probes."""
    standing = Standing(home.app)
    said = {}
    for name, trouble, failure in (("clock", CLOCK_BACK, None), ("ledger", "", Unavailable("The disk is full."))):
        standing.bedside.serving.trouble = trouble
        standing.group._failure = failure  # as after a write
        said[name] = asked(standing, "/sign-in")
    assert "the clock was set back" in said["clock"]
    assert "the ledger cannot be written" in said["ledger"]


def asked(standing: Standing, path: str) -> str:
    """A page of the application, without a server around it."""
    return run(build(standing), path)


def run(app: object, path: str) -> str:
    """One GET."""
    sent = []

    async def ask() -> None:
        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"localhost")], "scheme": "http", "http_version": "1.1",
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        }  # fmt: skip
        await app(scope, receive, send)

    asyncio.run(ask())
    return b"".join(each.get("body", b"") for each in sent).decode()


def test_words_are_text_and_other_answers_are_left_alone() -> None:
    """Escaped in a page, also in one that comes in pieces; JSON passes as it is."""

    def answering(kind: bytes, *pieces: bytes) -> object:
        async def app(scope: object, receive: object, send: object) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
            for at, piece in enumerate(pieces, 1):
                await send({"type": "http.response.body", "body": piece, "more_body": at < len(pieces)})

        return Banner(app, lambda: ("<b>&",))

    page = run(answering(b"text/html", b"<html><bo", b'dy class="x">', b"hello</body>"), "/")
    assert page == '<html><body class="x"><p role="alert"><strong>&lt;b&gt;&amp;</strong></p>\nhello</body>'
    assert run(answering(b"application/json", b"{}"), "/") == "{}"
