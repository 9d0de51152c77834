"""A vendor's endpoint: one probability, or `Unavailable`; nothing of the patient in an error."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bedrail.core.errors import Invalid, Unavailable
from bedrail.wire.vendor import VendorScorer


class Vendor(BaseHTTPRequestHandler):
    """Answers as its server's `script` says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One question."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, json.loads(body)))
        status, answer, seconds = self.server.script
        threading.Event().wait(seconds)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def vendor() -> Iterator[ThreadingHTTPServer]:
    """A vendor on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    server.daemon_threads = True
    server.seen, server.script = [], (200, b'{"probability": 0.31}', 0.0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def vendor_scorer(endpoint: str, budget_seconds: float = 0.2) -> VendorScorer:
    """A scorer that may ask on loopback."""
    return VendorScorer(endpoint, budget_seconds, permit=lambda _, __: "loopback")


def test_a_probability_comes_back_for_the_features(vendor: ThreadingHTTPServer):
    """The question is what the contract declares, and nothing else; the connection is kept."""
    ask = vendor_scorer(f"http://127.0.0.1:{vendor.server_port}/score?v=2", 2.0)
    assert ask({"age": 67.0, "insulin": "up", "visits": None}) == 0.31
    assert ask({"age": 68.0}) == 0.31
    assert vendor.seen[0] == ("/score?v=2", {"features": {"age": 67.0, "insulin": "up", "visits": None}})
    ask.close()


@pytest.mark.parametrize(
    "script",
    [
        (500, b"{}", 0.0),
        (302, b"", 0.0),
        (200, b"", 0.0),
        (200, b"not json", 0.0),
        (200, b'{"probability": 31}', 0.0),
        (200, b'{"probability": "0.3"}', 0.0),
        (200, b'{"score": 0.3}', 0.0),
        (200, b'{"probability": 0.3, "x": "' + b"a" * 70_000 + b'"}', 0.0),
        (200, b'{"probability": 0.3}', 0.4),
    ],
)
def test_anything_else_is_unavailable_and_repeats_nothing(vendor: ThreadingHTTPServer, script: tuple):
    """Wrong status, a redirect, wrong content, too much, too slow."""
    vendor.script = script
    ask = vendor_scorer(f"http://127.0.0.1:{vendor.server_port}/", 0.15)
    with pytest.raises(Unavailable) as caught:
        ask({"name": "Anna"})
    assert "Anna" not in str(caught.value)
    ask.close()
    threading.Event().wait(script[2])


def test_no_vendor_is_unavailable():
    """Nobody listens there."""
    with pytest.raises(Unavailable):
        vendor_scorer("http://127.0.0.1:9/", 0.2)({"age": 1.0})


@pytest.mark.parametrize(
    "address", ["", "vendor", "ftp://x/", "http://user:secret@x/", "file:///etc/passwd", "http://"]
)
def test_an_address_that_is_none_is_refused(address: str):
    """Only http and https, and no secrets in addresses."""
    with pytest.raises(Invalid):
        vendor_scorer(address)
