"""tls: certificates for a lab."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import json_option, show_json


@click.group()
def tls() -> None:
    """Certificates for a lab, and whether key exchange is post-quantum here.

    \b
    Example: bedrail tls init --out ./tls --client node-2
    """


@tls.command("init")
@click.option("--out", "folder", type=click.Path(path_type=Path), required=True, help="A new or empty folder.")
@click.option("--host", "hosts", multiple=True, help="Name or address of the server; localhost unless given.")
@click.option("--client", "clients", multiple=True, help="A client that gets a certificate of its own; repeatable.")
@click.option("--days", type=click.IntRange(1, 90), default=30, show_default=True, help="How long all of it is good.")
@json_option
def init(folder: Path, hosts: tuple[str, ...], clients: tuple[str, ...], days: int, as_json: bool) -> None:
    """Make a small certificate authority, a server's certificate and clients' certificates, for trying out.

    \b
    Example: bedrail tls init --out ./tls --host bedrail.lab.example --client node-2
    """
    from bedrail.app import make_lab_tls

    names = make_lab_tls(folder, hosts or ("localhost", "127.0.0.1", "::1"), clients, days)
    if as_json:
        show_json({"folder": str(folder), "files": names, "days": days})
        return
    click.echo(f"{len(names)} files in {folder}, good for {days} days. The keys are for this lab only.")
    only = f" --client-ca {folder}/ca.pem --client-crl {folder}/crl.pem" if clients else ""
    click.echo(f"bedrail serve --tls-cert {folder}/server.pem --tls-key {folder}/server.key{only}")


@tls.command("revoke")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--certificate", type=click.Path(path_type=Path), help="The certificate; without it the list is renewed.")
@click.option("--days", type=click.IntRange(1, 90), default=30, show_default=True, help="How long the list is good.")
def revoke(folder: Path, certificate: Path | None, days: int) -> None:
    """Put a certificate on the lab's revocation list; servers take it up at the next handshake.

    \b
    Example: bedrail tls revoke ./tls --certificate ./tls/node-2.pem
    """
    from bedrail.app import revoke_lab_tls

    click.echo(f"{revoke_lab_tls(folder, certificate, days)} is renewed.")
