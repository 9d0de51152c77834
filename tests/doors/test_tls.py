"""A real server over TLS: 1.3 or nothing, and with a client authority only whom it vouches for, today."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from OpenSSL import SSL

from bedrail.app import make_lab_tls, open_home, revoke_lab_tls, server_tls
from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import StrangersRefused, decode
from bedrail.keys.lab_tls import revoke
from bedrail.keys.tls import X25519MLKEM768, client_context, offered_groups, offers_hybrid, read_certificate
from small_home import environment, founded, told


@dataclass
class Secure:
    """A running server, and the files of whoever set it up."""

    port: int
    folder: Path

    def connect(self, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return context.wrap_socket(plain, server_hostname=name)

    def ask(self, context: ssl.SSLContext, path: str = "/healthz") -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=10, context=context)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            return response.status, {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def read(self, path: str, client: str = "") -> str:
        """The whole of a page."""
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=10, context=self.lab(client))
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def lab(self, client: str = "") -> ssl.SSLContext:
        """A client of the lab, with its certificate when named."""
        mine = (self.folder / f"{client}.pem", self.folder / f"{client}.key") if client else (None, None)
        return client_context(self.folder / "ca.pem", *mine)


@contextmanager
def secured(home: Path, folder: Path, log: Path, *options: str) -> Iterator[Secure]:
    """`bedrail serve` with the lab's certificate, as a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    own = ["--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key")]
    command = [sys.executable, "-m", "bedrail", "--home", str(home), "serve", "--port", str(port), *own, *options]
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                threading.Event().wait(0.05)
        yield Secure(port, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls") / "home"
    founded(folder).close()
    return folder


def lab(folder: Path, *clients: str, days: int = 2) -> Path:
    make_lab_tls(folder, ("localhost", "127.0.0.1"), clients, days)
    return folder


@pytest.fixture(scope="module")
def one_way(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A server that anybody may connect to."""
    folder = tmp_path_factory.mktemp("one-way")
    with secured(home, lab(folder / "lab"), folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def mutual(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A server for the lab's clients alone, with a list of those revoked."""
    folder = tmp_path_factory.mktemp("mutual")
    there = lab(folder / "lab", "node-2", "node-3", "node-4")
    options = ("--client-ca", str(there / "ca.pem"), "--client-crl", str(there / "crl.pem"))
    with secured(home, there, folder / "log", *options) as server:
        yield server


def refused(server: Secure, context: ssl.SSLContext) -> None:
    """The server hangs up unasked: in TLS 1.3 a client learns of its refusal at the first read."""
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        server.ask(context)


def why(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """What the server's side of a handshake in memory fails with; empty when it does not."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(6):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                if side is ours:
                    return str(error.reason)
    return ""


@pytest.mark.slow
def test_tls_1_3_answers_and_nothing_older_does(one_way: Secure) -> None:
    """The server's own word about the version, HSTS with it; TLS 1.2 is turned away, and so is plain HTTP."""
    with one_way.connect(one_way.lab()) as connection:
        assert connection.version() == "TLSv1.3"
    status, headers = one_way.ask(one_way.lab())
    assert (status, headers["strict-transport-security"]) == (200, "max-age=31536000; includeSubDomains")
    older = one_way.lab()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    refused(one_way, older)
    with socket.create_connection(("127.0.0.1", one_way.port), timeout=10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/1.1" not in plain.recv(100)
    with socket.create_connection(("127.0.0.1", one_way.port), timeout=10):
        pass  # somebody looks whether the port is open: no handshake failed
    failed = 'bedrail_strangers_refused_total{attempt="handshake"} 2'
    assert failed in one_way.read("/metrics")


@pytest.mark.slow
def test_failed_handshakes_are_counted_and_come_on_record_in_one_fact(home: Path, tmp_path: Path) -> None:
    """No client certificate, one of another authority, an older version: in the metrics at once, then in the ledger."""
    house = tmp_path / "home"
    shutil.copytree(home, house)
    folder = tmp_path / "tls"
    make_lab_tls(folder, ["localhost"], ["ehr"], 30)
    with secured(house, folder, tmp_path / "log", "--client-ca", str(folder / "ca.pem")) as mutual:
        for _ in range(20):
            refused(mutual, mutual.lab())
        assert 'bedrail_strangers_refused_total{attempt="handshake"} 20' in mutual.read("/metrics", "ehr")
    app = open_home(house)
    facts = [decode(data).fact for _, data in app.context.tape.registry_entries(0)]
    (told_of,) = [fact for fact in facts if isinstance(fact, StrangersRefused)]
    assert (told_of.handshakes, told_of.forms, told_of.tokens) == (20, 0, 0)
    app.close()


@pytest.mark.slow
def test_a_client_that_offers_a_hybrid_exchange_is_answered(one_way: Secure) -> None:
    """By another OpenSSL that offers X25519MLKEM768 first: used where this runtime has it, else plain X25519."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(str(one_way.folder / "ca.pem"))
    context.set_verify(SSL.VERIFY_PEER, lambda *given: bool(given[4]))
    connection = SSL.Connection(context, socket.create_connection(("127.0.0.1", one_way.port), timeout=10))
    connection.setblocking(1)
    connection.set_connect_state()
    connection.do_handshake()
    group = connection.get_group_name()
    connection.close()
    assert group is not None
    assert group.lower() == ("x25519mlkem768" if offers_hybrid() else "x25519")


@pytest.mark.slow
def test_a_certificate_of_the_authority_is_needed(mutual: Secure) -> None:
    """With one the server answers; without any, or with another authority's, it hangs up."""
    assert mutual.ask(mutual.lab("node-2"))[0] == 200
    refused(mutual, mutual.lab())
    stranger = trustme.CA()
    context = mutual.lab()
    stranger.issue_cert("node-2").configure_cert(context)
    refused(mutual, context)


@pytest.mark.slow
def test_a_servers_certificate_is_no_clients(mutual: Secure) -> None:
    """Whoever steals the server's key cannot call other nodes with it."""
    refused(mutual, mutual.lab("server"))


@pytest.mark.slow
def test_a_revoked_client_is_refused_without_a_restart(mutual: Secure) -> None:
    """From the next handshake on; the others go on."""
    assert mutual.ask(mutual.lab("node-3"))[0] == 200
    revoke_lab_tls(mutual.folder, mutual.folder / "node-3.pem", 2)
    refused(mutual, mutual.lab("node-3"))
    assert mutual.ask(mutual.lab("node-2"))[0] == 200


@pytest.mark.slow
def test_a_renewed_certificate_is_shown_without_a_restart(home: Path, tmp_path: Path) -> None:
    """A half-written one leaves the former in force."""
    with secured(home, lab(tmp_path / "lab"), tmp_path / "log") as server:
        before = read_certificate(server.folder / "server.pem").serial
        (server.folder / "server.pem").write_text("half")
        trust = client_context(server.folder / "ca.pem")
        assert shown(server, trust) == before
        fresh = lab(tmp_path / "fresh")
        for name in ("server.key", "server.pem"):
            shutil.copy(fresh / name, server.folder / name)
        after = shown(server, client_context(fresh / "ca.pem"))
        assert after == read_certificate(fresh / "server.pem").serial != before


def shown(server: Secure, context: ssl.SSLContext) -> str:
    with server.connect(context) as connection:
        told_us = connection.getpeercert()
    assert told_us is not None
    return str(told_us["serialNumber"]).lower().lstrip("0")


@pytest.mark.slow
@pytest.mark.parametrize("ago, good", [(timedelta(days=3), False), (timedelta(hours=1), True)])
def test_an_expired_client_is_refused(home: Path, tmp_path: Path, ago: timedelta, good: bool) -> None:
    """A short life is the other way to end a certificate: two days here, three days ago."""
    authority = trustme.CA()
    now = datetime.now(UTC)
    folder = lab(tmp_path / "lab")
    authority.cert_pem.write_to_path(folder / "clients.pem")
    made = authority.issue_cert("node-9", not_before=now - ago, not_after=now - ago + timedelta(days=2))
    context = client_context(folder / "ca.pem")
    made.configure_cert(context)
    with secured(home, folder, tmp_path / "log", "--client-ca", str(folder / "clients.pem")) as server:
        if good:
            assert server.ask(context)[0] == 200
        else:
            refused(server, context)


def test_each_refusal_has_its_own_reason(tmp_path: Path) -> None:
    """In memory, where the server's own words can be read: old version, none, stranger, server's, expired, revoked."""
    folder = lab(tmp_path / "lab", "node-2", "node-3")
    files = (folder / "server.pem", folder / "server.key", folder / "ca.pem", folder / "crl.pem")
    server = server_tls(*files)

    def client(name: str = "") -> ssl.SSLContext:
        return Secure(0, folder).lab(name)

    assert why(server, client("node-2")) == ""
    older = client("node-2")
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    assert why(server, older) == "UNSUPPORTED_PROTOCOL"
    assert why(server, client()) == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    stranger = client()
    trustme.CA().issue_cert("node-2").configure_cert(stranger)
    assert why(server, stranger) == why(server, client("server")) == "CERTIFICATE_VERIFY_FAILED"
    revoke_lab_tls(folder, folder / "node-3.pem", 2)
    assert why(server, client("node-3")) == "CERTIFICATE_VERIFY_FAILED"
    assert why(server, client("node-2")) == ""
    (folder / "crl.pem").unlink()
    revoke(folder, None, days=1, now=datetime(2020, 1, 1, tzinfo=UTC))
    assert why(server, client("node-2")) == "CERTIFICATE_VERIFY_FAILED", "an outdated list lets nobody in"


def test_files_that_do_not_fit_are_said_before_anything_is_served(home: Path, tmp_path: Path) -> None:
    """Half a pair, no files, another's key, a key that others can read, a list without an authority."""
    one, other = lab(tmp_path / "one"), lab(tmp_path / "other")
    serve = ("serve", "--port", "1", "--tls-cert", str(one / "server.pem"), "--tls-key")
    assert told("serve", "--tls-cert", str(one / "server.pem"), home=home).code == 2
    assert told(*serve, str(tmp_path / "none"), home=home).code == 2
    assert told(*serve, str(other / "server.key"), home=home).code == 2
    assert told(*serve, str(one / "server.key"), "--client-crl", str(one / "crl.pem"), home=home).code == 2
    (one / "server.key").chmod(0o644)
    ran = told(*serve, str(one / "server.key"), home=home)
    assert (ran.code, "chmod 600" in ran.err) == (1, True)


@pytest.mark.parametrize(
    "break_it, wanted",
    [
        (lambda folder: (folder / "server.pem").write_text("x"), Invalid),
        (lambda folder: (folder / "ca.pem").write_text("x"), Invalid),
        (lambda folder: (folder / "server.pem").unlink(), NotFound),
        (lambda folder: (folder / "server.key").chmod(0o640), Refused),
    ],
)
def test_a_context_is_not_made_of_broken_files(
    tmp_path: Path, break_it: Callable[[Path], object], wanted: type[Exception]
) -> None:
    """Each with its path and remedy."""
    folder = lab(tmp_path / "lab")
    break_it(folder)
    with pytest.raises(wanted):
        server_tls(folder / "server.pem", folder / "server.key", folder / "ca.pem", None)


def test_the_lab_is_private_short_lived_and_made_once(tmp_path: Path) -> None:
    """Files of mode 0600 in a folder of 0700; names and days as asked; never over what is there; odd names refused."""
    ran = told(
        "tls", "init", "--out", str(tmp_path / "lab"), "--host", "a.example", "--client", "n1", "--days", "3", "--json"
    )
    assert ran.code == 0, ran.err
    files = json.loads(ran.out)["files"]
    assert set(files) == {"ca.key", "ca.pem", "crl.pem", "n1.key", "n1.pem", "server.key", "server.pem"}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "lab").iterdir()} == {0o600}
    said = read_certificate(tmp_path / "lab" / "server.pem")
    assert said.names == ("a.example",)
    assert timedelta(days=3) <= said.not_after - said.not_before <= timedelta(days=3, minutes=10)
    assert told("tls", "init", "--out", str(tmp_path / "lab")).code == 1
    assert told("tls", "init", "--out", str(tmp_path / "x"), "--client", "../evil").code == 2
    words = told("tls", "init", "--out", str(tmp_path / "y"), "--client", "n1").out
    assert f"--client-ca {tmp_path}/y/ca.pem --client-crl {tmp_path}/y/crl.pem" in words.replace("\n", "")
    foreign = trustme.CA().issue_cert("x")
    foreign.cert_chain_pems[0].write_to_path(tmp_path / "foreign.pem")
    assert told("tls", "revoke", str(tmp_path / "lab"), "--certificate", str(tmp_path / "foreign.pem")).code == 2


def test_a_hybrid_offer_is_read_off_a_client_hello() -> None:
    """Another OpenSSL's hello has X25519MLKEM768 with its default groups, and not when restricted to X25519."""

    def hello(groups: bytes | None) -> bytes:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if groups is not None:
            context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256")
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
        connection = SSL.Connection(context, None)
        connection.set_connect_state()
        with pytest.raises(SSL.WantReadError):
            connection.do_handshake()
        return connection.bio_read(65_536)

    assert X25519MLKEM768 in offered_groups(hello(None))
    assert X25519MLKEM768 not in offered_groups(hello(b"X25519"))
    assert offers_hybrid() == (ssl.OPENSSL_VERSION_INFO >= (3, 5))
