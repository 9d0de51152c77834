"""The server's certificates: those it is given, and those of a laboratory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.wiring.clock import SystemClock

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence


def server_tls(certificate: Path, key: Path, client_ca: Path | None, crl: Path | None) -> ssl.SSLContext:
    """What a server speaks with: TLS 1.3 alone; with `client_ca` only to clients whom that authority vouches for."""
    from bedrail.keys.tls import Channel, server_context

    return server_context(Channel(certificate=certificate, key=key, client_ca=client_ca, crl=crl))


def make_lab_tls(folder: Path, hosts: Sequence[str], clients: Sequence[str], days: int) -> list[str]:
    """A small certificate authority for trying out; returns the names of its files."""
    from bedrail.keys.lab_tls import make_lab

    return make_lab(folder, hosts, clients, days=days, now=SystemClock().now())


def revoke_lab_tls(folder: Path, certificate: Path | None, days: int) -> Path:
    """Put a client's certificate on the lab's revocation list, or renew the list; returns its path."""
    from bedrail.keys.lab_tls import revoke

    return revoke(folder, certificate, days=days, now=SystemClock().now())
