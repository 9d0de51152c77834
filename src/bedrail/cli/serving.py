"""serve: this process becomes the HTTP door (doors do not import each other)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bedrail.cli.doors import CliState, pass_state
from bedrail.cli.posture import faults, require_safe

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM): speak TLS 1.3, and nothing else.")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM), readable by this account alone.")
@click.option("--client-ca", type=_FILE, help="Answer only clients with a certificate by this authority (PEM).")
@click.option("--client-crl", type=_FILE, help="The authority's list of revoked certificates (PEM).")
@click.option("--origin", default="", help="Where browsers reach it, such as https://bedrail.hospital.example.")
@click.option("--proxy", multiple=True, metavar="IP", help="A proxy in front, believed about callers' addresses.")
@click.option(
    "--unsafe-lab", is_flag=True, help="Serve in spite of dangerous settings; on record, and said on every page."
)
@pass_state
def serve(
    state: CliState,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    client_crl: Path | None,
    origin: str,
    proxy: tuple[str, ...],
    unsafe_lab: bool,
) -> None:
    """Answer requests and show the house as a read-only web page, until stopped (Ctrl-C or SIGTERM).

    People sign in to see it. While nobody has an account, a link printed here opens it once, on this machine.

    \b
    Example: bedrail --home ./home serve --port 8080
             bedrail --home ./home serve --host 0.0.0.0 --tls-cert tls/server.pem --tls-key tls/server.key
    """
    channel = _channel(tls_cert, tls_key, client_ca, client_crl)
    _addresses(proxy)
    scheme = "https" if channel else "http"
    origin = (origin or f"{scheme}://{'localhost' if host in _LOOPBACK else host}:{port}").rstrip("/")
    state.app()  # a home that cannot be opened, and a person who may not serve it, are told here
    found = faults(state, host, port, tls_cert, mutual=client_ca is not None)
    dangerous = require_safe(found, state, unsafe=unsafe_lab)
    _ask_registries(state)
    link, person = _local_link(state) if host in _LOOPBACK else "", state.actor()
    state.close()
    click.echo(f"Bedrail is served at {scheme}://{host}:{port}/", err=True)
    if link:
        click.echo(f"Nobody has an account yet. To look around, once: {origin}/sign-in/local?code={link}", err=True)
    arguments = ["--home", str(state.folder), "--host", host, "--port", str(port), "--origin", origin, *channel]
    arguments += ["--as", person] if person else []
    arguments += [word for each in _addresses(proxy) for word in ("--proxy", each)]
    arguments += [word for each in dangerous for word in ("--unsafe", each)]
    os.execv(sys.executable, [sys.executable, "-m", "bedrail.web", *arguments])  # noqa: S606 (our own program)


def _ask_registries(state: CliState) -> None:
    """At each start: are the models that serve still those of the registry that they came from?"""
    from bedrail.core.errors import Unavailable
    from bedrail.journeys.registry_sources import check_deployed_sources

    try:
        check_deployed_sources(state.context(), lambda told: click.echo(f"Model registry: {told}", err=True))
    except (
        Unavailable
    ) as error:  # a ledger that cannot be written is the server's own fallback, not a reason to be down
        click.echo(f"Model registry: not asked: {error.message}", err=True)


def _addresses(proxies: tuple[str, ...]) -> list[str]:
    """The proxies' addresses as connections show them; raises `Invalid` for a name or a network."""
    from ipaddress import ip_address

    from bedrail.core.errors import Invalid

    try:
        return [str(ip_address(each)) for each in proxies]
    except ValueError:
        raise Invalid(
            "this is no address.", path="--proxy", remedy="Write the proxy's IP, such as 127.0.0.1."
        ) from None


def _local_link(state: CliState) -> str:
    """The code of a link that opens the pages once, as whoever serves them; none where people sign in."""
    from bedrail.core.errors import Refused

    try:
        return state.reception().local_link(state.actor())
    except Refused:
        return ""


def _channel(certificate: Path | None, key: Path | None, client_ca: Path | None, crl: Path | None) -> list[str]:
    """The same options for the server's process, after the files were read once: what is wrong is said here."""
    from bedrail.app import server_tls
    from bedrail.core.errors import Invalid

    if certificate is None and key is None and client_ca is None and crl is None:
        return []
    if certificate is None or key is None:
        path = "--tls-cert" if certificate is None else "--tls-key"
        raise Invalid(
            "TLS needs a certificate and its key.", path=path, remedy="bedrail tls init makes them for a lab."
        )
    server_tls(certificate, key, client_ca, crl)
    named = {"cert": certificate, "key": key, "client-ca": client_ca, "client-crl": crl}
    return [word for name, file in named.items() if file for word in (f"--tls-{name}", str(file.resolve()))]
