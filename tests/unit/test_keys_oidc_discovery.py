"""What an identity provider says about itself is believed only if it is about itself, and its addresses are safe."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

import pytest

from bedrail.core.accounts import Provider
from bedrail.core.errors import Refused, Unavailable
from bedrail.keys.oidc import OpenIdConnect

ENDS = {"authorization_endpoint": "/go", "token_endpoint": "/token", "jwks_uri": "/keys"}


class Describing:
    """A provider that describes itself as it is told to; `{self}` stands for its own address."""

    def __init__(self) -> None:
        self.said: bytes = b""
        self.status = 200
        self.pause, self.dripped = 0.0, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                self.send_header("content-length", str(len(outer.said)))
                if outer.status == 302:
                    self.send_header("location", "/elsewhere")
                self.end_headers()
                if not outer.pause:
                    self.wfile.write(outer.said)
                    return
                with suppress(OSError):  # nobody listens any more
                    for at in range(len(outer.said)):
                        self.wfile.write(outer.said[at : at + 1])
                        outer.dripped = at + 1
                        sleep(outer.pause)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"

    def describe(self, **changes: Any) -> None:
        """The right description, with these changes."""
        right = {"issuer": self.issuer} | {name: self.issuer + path for name, path in ENDS.items()}
        self.said = json.dumps(right | changes).encode()

    def depart(self) -> str:
        """Where a browser would be sent, as somebody who has never asked before."""
        provider = Provider(issuer=self.issuer, client="bedrail", secret="s")
        return OpenIdConnect(monotonic, timeout=3.0).depart(provider, "http://localhost/sign-in/returned").url


@pytest.fixture
def provider() -> Iterator[Describing]:
    made = Describing()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


def test_a_right_description_is_followed(provider: Describing) -> None:
    """So that the refusals below are refusals of what is wrong."""
    provider.describe()
    assert provider.depart().startswith(provider.issuer + "/go?")


@pytest.mark.parametrize(
    "issuer", ["https://id.example", "http://127.0.0.1:1", "", None, 7, ["{self}"], "{self}/", "{self}/other"]
)
def test_a_description_that_names_another_issuer_is_refused(provider: Describing, issuer: Any) -> None:
    """To the letter (OpenID Connect Discovery 1.0, 4.3; ASVS 5.0 10.5.3)."""
    named = issuer.replace("{self}", provider.issuer) if isinstance(issuer, str) else issuer
    provider.describe(issuer=named)
    with pytest.raises(Refused, match="another one"):
        provider.depart()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("address", ["http://id.example/x", "javascript:alert(1)", "file:///etc/passwd", "", 7, None])
def test_an_address_that_is_not_safe_is_refused(provider: Describing, end: str, address: Any) -> None:
    """Only https, or plain http on this machine."""
    provider.describe(**{end: address})
    with pytest.raises(Refused):
        provider.depart()


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b"\xff", b"[" * 20_000, b'{"issuer": "x"}'])
def test_what_is_no_description_is_unavailable(provider: Describing, said: bytes) -> None:
    """And no crash."""
    provider.said = said
    with pytest.raises(Unavailable):
        provider.depart()


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_redirect_or_an_error_is_no_description(provider: Describing, status: int) -> None:
    """Redirects are not followed."""
    provider.describe()
    provider.status = status
    with pytest.raises(Unavailable):
        provider.depart()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "address", ["http://[x", f"https://{'a' * 70}.example/x", "https://id..example/x", "https://\ud800.example/x"]
)
def test_looking_never_raises_whatever_an_address_is(provider: Describing, end: str, address: str) -> None:
    """A host that is none is what is wrong with the provider, or nothing that a look asks for."""
    provider.describe(**{end: address})
    said = OpenIdConnect(monotonic, timeout=3.0).look(provider.issuer)
    assert said or end != "jwks_uri"


def test_a_provider_that_drips_is_out(provider: Describing) -> None:
    """The whole reply has its time: each byte in time is not enough."""
    provider.describe()
    provider.pause = 0.05
    assert OpenIdConnect(monotonic, timeout=0.5).look(provider.issuer)
    assert provider.dripped < len(provider.said)


def test_a_description_without_end_is_not_read(provider: Describing) -> None:
    """A quarter of a megabyte is enough for anybody."""
    provider.describe(padding="x" * 300_000)
    with pytest.raises(Unavailable):
        provider.depart()
