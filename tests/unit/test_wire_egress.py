"""Nothing outside is reached but what was allowed, at the address that was looked at, under its own name."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from bedrail.core.errors import Refused, Unavailable
from bedrail.keys.tls import client_context, vendor_context
from bedrail.wire import egress
from bedrail.wire.egress import Forbidden, dial, network_of
from bedrail.wire.vendor import VendorScorer

ADDRESSES = {
    "8.8.8.8": "public",
    "2001:4860:4860::8888": "public",
    "10.1.2.3": "private",
    "172.31.0.1": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "private",
    "fd12::1": "private",
    "127.0.0.1": "loopback",
    "127.8.8.8": "loopback",
    "::1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.1": "private",
    "64:ff9b::a00:1": "private",
    "64:ff9b::7f00:1": "loopback",
    "169.254.169.254": "never",
    "::ffff:169.254.169.254": "never",
    "64:ff9b::a9fe:a9fe": "never",
    "169.254.0.1": "never",
    "fe80::1%eth0": "never",
    "fd00:ec2::254": "never",
    "100.100.100.200": "never",
    "168.63.129.16": "never",
    "0.0.0.0": "never",
    "::": "never",
    "224.0.0.1": "never",
    "255.255.255.255": "never",
    "192.0.2.1": "never",
    "2002:7f00:1::": "never",
    "2001:0:7f00:1::": "never",
    "::7f00:1": "never",
    "fec0::1": "never",
    "64:ff9b:1::7f00:1": "never",
    "4000::1": "never",
}


@pytest.mark.parametrize("address, network", ADDRESSES.items())
def test_every_address_has_its_network(address: str, network: str) -> None:
    """Also when it is written as another: mapped, translated, tunnelled."""
    assert network_of(address) == network


class Names:
    """A resolver that answers as told, one list after the other, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


@pytest.mark.parametrize(
    "addresses, network",
    [
        (["127.0.0.1"], "public"),
        (["127.0.0.1"], "private"),
        (["169.254.169.254"], "public"),
        (["169.254.169.254"], "private"),
        (["8.8.8.8", "127.0.0.1"], "public"),
        (["10.0.0.1"], "loopback"),
    ],
)
def test_a_name_that_leads_elsewhere_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], network: str
) -> None:
    """One address outside the allowed network suffices; no socket is opened."""
    monkeypatch.setattr(egress.socket, "getaddrinfo", Names(addresses))
    monkeypatch.setattr(egress.socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    with pytest.raises(Forbidden):
        dial("vendor.example", 443, network, 0.2)


class Vendor(http.server.BaseHTTPRequestHandler):
    """Always 0.3, or a redirect."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One question."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.headers["Host"])
        body = b'{"probability": 0.3}'
        self.send_response(307 if self.path == "/away" else 200)
        if self.path == "/away":
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def vendor() -> Iterator[http.server.ThreadingHTTPServer]:
    yield from _serve(None)


def _serve(context: ssl.SSLContext | None) -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    server.daemon_threads = True
    server.seen = []
    server.handle_error = lambda *_: None
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_name_is_resolved_once_and_that_address_is_used(
    vendor: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers otherwise the second time (DNS rebinding) is never asked a second time for one connection."""
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    monkeypatch.setattr(egress.socket, "getaddrinfo", names)
    ask = VendorScorer(f"http://rebind.example:{vendor.server_port}/", 2.0, permit=lambda _, __: "loopback")
    assert ask({"age": 1.0}) == ask({"age": 2.0}) == 0.3
    assert names.asked == 1
    assert vendor.seen == [f"rebind.example:{vendor.server_port}"] * 2
    ask.close()
    with pytest.raises(Unavailable):
        ask({"age": 3.0})
    assert names.asked == 2
    assert len(vendor.seen) == 2


def test_a_redirect_is_not_followed(vendor: http.server.ThreadingHTTPServer) -> None:
    """Also to a place that would be allowed."""
    ask = VendorScorer(f"http://127.0.0.1:{vendor.server_port}/away", 2.0, permit=lambda _, __: "loopback")
    with pytest.raises(Unavailable, match="status 307"):
        ask({"age": 1.0})
    assert len(vendor.seen) == 1
    ask.close()


def test_a_place_that_was_closed_gets_no_more_questions(vendor: http.server.ThreadingHTTPServer) -> None:
    """Not even over the connection that is still open."""
    allowed = {"it": "loopback"}
    ask = VendorScorer(f"http://127.0.0.1:{vendor.server_port}/", 2.0, permit=lambda _, __: allowed["it"])
    assert ask({"age": 1.0}) == 0.3
    allowed["it"] = ""
    with pytest.raises(Unavailable):
        ask({"age": 2.0})
    assert len(vendor.seen) == 1
    ask.close()


@pytest.mark.parametrize("host", ["vendor.example", "127.0.0.1", "2130706433", "0x7f.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_nobody_allowed_is_refused_before_anything_is_asked(scheme: str, host: str) -> None:
    """With the command that allows it, and to whom it is up."""
    with pytest.raises(Refused, match="bedrail egress allow"):
        VendorScorer(f"{scheme}://{host}/", permit=lambda _, __: "")


@pytest.mark.parametrize("network", ["public", "private"])
def test_patients_data_leave_encrypted_only(network: str) -> None:
    """Plain HTTP is for loopback."""
    with pytest.raises(Refused, match="encrypted"):
        VendorScorer("http://vendor.example/", permit=lambda _, __: network)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[http.server.ThreadingHTTPServer]:
    """A vendor under TLS who asks for our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    yield from _serve(context)


def _ours(folder: Path, authority: trustme.CA, *, certificate: bool = True) -> Callable[[str], ssl.SSLContext]:
    here = folder / "localhost"
    here.mkdir()
    authority.cert_pem.write_to_path(here / "ca.pem")
    if certificate:
        ours = authority.issue_cert("hospital")
        ours.cert_chain_pems[0].write_to_path(here / "client.pem")
        ours.private_key_pem.write_to_path(here / "client.key")
        (here / "client.key").chmod(0o600)
    return lambda host: vendor_context(folder, host)


def test_a_vendor_is_met_with_its_authority_and_our_certificate(
    secure: http.server.ThreadingHTTPServer, authority: trustme.CA, tmp_path: Path
) -> None:
    """From the folder of its name."""
    ask = VendorScorer(
        f"https://localhost:{secure.server_port}/", 5.0, permit=lambda _, __: "loopback", tls=_ours(tmp_path, authority)
    )
    assert ask({"age": 1.0}) == 0.3
    ask.close()


def test_a_certificate_that_does_not_fit_gets_no_question(
    secure: http.server.ThreadingHTTPServer, authority: trustme.CA, tmp_path: Path
) -> None:
    """Unknown authority; another name; none of ours where one is asked."""
    (tmp_path / "none").mkdir()
    (tmp_path / "ours").mkdir()
    mine = _ours(tmp_path / "ours", authority)
    contexts: list[tuple[str, Callable[[str], ssl.SSLContext]]] = [
        ("localhost", lambda host: vendor_context(tmp_path, host)),
        ("127.0.0.1", lambda _: mine("localhost")),
        ("localhost", _ours(tmp_path / "none", authority, certificate=False)),
    ]
    for host, tls in contexts:
        address = f"https://{host}:{secure.server_port}/"
        ask = VendorScorer(address, 5.0, permit=lambda _, __: "loopback", tls=tls)
        with pytest.raises(Unavailable):
            ask({"age": 1.0})
        ask.close()
    assert secure.seen == []


def test_our_key_must_be_ours_alone(authority: trustme.CA, tmp_path: Path) -> None:
    """As every key."""
    _ours(tmp_path, authority)
    (tmp_path / "localhost" / "client.key").chmod(0o644)
    with pytest.raises(Refused, match="read by others"):
        vendor_context(tmp_path, "localhost")
    assert client_context().verify_mode is ssl.CERT_REQUIRED
