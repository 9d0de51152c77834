"""Sending events to a collector, in order and at least once: syslog over UDP, TCP or TLS, OTLP over HTTP.

Syslog has no acknowledgement: what TCP took is counted as sent (RFC 6587 octet counting; TLS after RFC 5425).
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import SplitResult, urlsplit

from bedrail.core.errors import Invalid, Unavailable
from bedrail.wire.siem import Event, otlp, syslog

SECONDS = 10.0
FORMS = "udp://HOST:514, tcp://HOST:601, tls://HOST:6514, http(s)://HOST:4318/v1/logs"
_SYSLOG_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
_OTLP_OK = 200

Send = Callable[[Sequence[Event]], None]
"""Delivers a batch of events or raises `Unavailable`."""


def collector(address: str, origin: str, *, tls: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> Send:
    """How to send to this address; raises `Invalid` for an address of no known kind."""
    parts = _parts(address)
    if parts.scheme in _SYSLOG_PORTS:
        return _syslog_sender(parts, origin, tls)
    return _otlp_sender(parts, origin, tls)


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        known = parts.scheme in (*_SYSLOG_PORTS, "http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.username or parts.password:
        raise Invalid("this is no address of a collector.", path="--to", remedy=f"Write one of {FORMS}.")
    return parts


def _syslog_sender(parts: SplitResult, origin: str, tls: Callable[[], ssl.SSLContext]) -> Send:
    host, port = parts.hostname or "", parts.port or _SYSLOG_PORTS[parts.scheme]

    def send(events: Sequence[Event]) -> None:
        messages = [syslog(index, entry, origin) for index, entry in events]
        try:
            if parts.scheme == "udp":
                family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
                with socket.socket(family, kind, protocol) as out:
                    for message in messages:
                        out.sendto(message, place)
                return
            with socket.create_connection((host, port), timeout=SECONDS) as plain:
                framed = b"".join(b"%d %b" % (len(message), message) for message in messages)
                if parts.scheme == "tls":
                    with tls().wrap_socket(plain, server_hostname=host) as secured:
                        secured.sendall(framed)
                else:
                    plain.sendall(framed)
        except OSError as error:
            raise _out(host, port, type(error).__name__) from error

    return send


def _otlp_sender(parts: SplitResult, origin: str, tls: Callable[[], ssl.SSLContext]) -> Send:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)

    def send(events: Sequence[Event]) -> None:
        connection = (
            http.client.HTTPSConnection(host, port, timeout=SECONDS, context=tls())
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=SECONDS)
        )
        try:
            connection.request("POST", parts.path or "/v1/logs", otlp(events, origin), {"Content-Type": _JSON})
            response = connection.getresponse()
            response.read()
            if response.status != _OTLP_OK:
                raise _out(host, port, f"status {response.status}")
        except (OSError, http.client.HTTPException) as error:
            raise _out(host, port, type(error).__name__) from error
        finally:
            connection.close()

    return send


_JSON = "application/json"


def _out(host: str, port: int, why: str) -> Unavailable:
    return Unavailable(
        f"The collector at {host}:{port} did not take the events ({why}).",
        remedy="Check it, then forward again: it goes on where it stopped.",
    )
