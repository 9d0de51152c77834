"""Connections to places outside: only where somebody allowed it, and to the very address that was looked at.

Against server-side request forgery (ASVS 5.0 1.3.6, 13.2.4): the name is resolved once, every address it gives must lie
in the network that was allowed for it, and the connection goes to one of these addresses, so a name that answers
differently the second time (DNS rebinding) gains nothing. Link-local and cloud metadata addresses are never reached.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any

Permit = Callable[[str, int], str]
"""(host, port) -> the network in which its addresses may lie, or nothing when it may not be asked at all."""

_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
_PRIVATE = tuple(ipaddress.ip_network(each) for each in _NETWORKS)
_METADATA = frozenset(
    ipaddress.ip_address(each) for each in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Forbidden(OSError):
    """The name leads to an address that was not allowed for it."""


def network_of(address: str) -> str:
    """`public`, `private`, `loopback`, or `never`: link-local, metadata, multicast, reserved, tunnelled addresses."""
    ip = _inner(ipaddress.ip_address(address.partition("%")[0]))
    tunnelled = isinstance(ip, ipaddress.IPv6Address) and (ip.sixtofour is not None or ip.teredo is not None)
    if tunnelled or ip in _METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return "never"
    if ip.is_loopback:
        return "loopback"
    if any(ip in net for net in _PRIVATE):
        return "private"
    odd = ip.is_reserved or (isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local)
    return "public" if ip.is_global and not odd else "never"


def _inner(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one stands for (mapped, NAT64), where it does."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip


def dial(host: str, port: int, network: str, timeout: float) -> socket.socket:
    """A connected socket to one of the host's addresses; raises `Forbidden` when any lies elsewhere, or OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if any(network_of(str(address[0])) != network for *_, address in found):
        raise Forbidden(f"an address of the host is not {network}")
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last or OSError("the host has no address")


class PlainConnection(http.client.HTTPConnection):
    """HTTP to an allowed place."""

    def __init__(self, host: str, port: int, network: str, timeout: float) -> None:
        """Names the place; nothing is connected yet."""
        super().__init__(host, port, timeout=timeout)
        self._place = (host, port, network, timeout)

    def connect(self) -> None:
        """Resolve, look, connect."""
        self.sock: Any = dial(*self._place)


class TlsConnection(http.client.HTTPSConnection):
    """HTTPS to an allowed place: the certificate must be for the host's name, whatever address it has."""

    def __init__(self, host: str, port: int, network: str, timeout: float, context: ssl.SSLContext) -> None:
        """Names the place; nothing is connected yet."""
        super().__init__(host, port, timeout=timeout, context=context)
        self._place = (host, port, network, timeout)
        self._tls = context

    def connect(self) -> None:
        """Resolve, look, connect, and check the certificate."""
        plain = dial(*self._place)
        try:
            self.sock: Any = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
