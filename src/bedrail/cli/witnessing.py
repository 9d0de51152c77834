"""witness: a process that remembers what ledgers have signed, cosigns what extends it, and refuses everything else."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from bedrail.cli.doors import json_option, show_json, show_table

_folder = click.argument("folder", type=click.Path(path_type=Path))


@click.group()
def witness() -> None:
    """Be a witness: run it on another machine, by another team or a partner, apart from every home.

    \b
    Example: bedrail witness init ./witness --name witness.partner.example/w1 --log VKEY
    """


@witness.command("init")
@_folder
@click.option("--name", required=True, help="The witness's name in its cosignatures, such as a host and path.")
@click.option(
    "--log", "logs", multiple=True, help="The verifier key of a log to cosign (key.vkey); repeat for several."
)
@click.option("--post-quantum", is_flag=True, help="Cosign with ML-DSA-44 too (2,420 more bytes each).")
def init(folder: Path, name: str, logs: tuple[str, ...], post_quantum: bool) -> None:
    """Make a witness's folder: its key and its memory. Prints the keys that policies name.

    \b
    Example: bedrail witness init ./witness --name witness.partner.example/w1
    """
    from bedrail.app import create_witness

    keys = [_log_key(log) for log in logs]
    made = create_witness(folder, name, post_quantum=post_quantum)
    try:
        for origin, key in keys:
            made.memory.trust(origin, key)
        for cosigner in made.cosigners():
            click.echo(cosigner.vkey())
    finally:
        made.close()


@witness.command("trust")
@_folder
@click.option("--log", required=True, help="The verifier key of the log (key.vkey of a bundle).")
def trust(folder: Path, log: str) -> None:
    """Cosign one more log, or accept one more key of it; a running witness takes it up at once.

    \b
    Example: bedrail witness trust ./witness --log hospital.example/ledger+...
    """
    from bedrail.app import open_witness

    origin, key = _log_key(log)
    opened = open_witness(folder)
    try:
        opened.memory.trust(origin, key)
    finally:
        opened.close()
    click.echo(f"{origin} is cosigned from now on.")


@witness.command("show")
@_folder
@json_option
def show(folder: Path, as_json: bool) -> None:
    """Its keys, the logs it trusts, what it cosigned last, and contradictions it was shown; exit code 1 for any.

    \b
    Example: bedrail witness show ./witness --json
    """
    from bedrail.app import open_witness
    from bedrail.ledger.checkpoint import parse_checkpoint, parse_note

    opened = open_witness(folder)
    try:
        latest = {origin: opened.memory.latest(origin) for origin in opened.origins()}
        sizes = {o: None if n is None else parse_checkpoint(parse_note(n).text).size for o, n in latest.items()}
        evidence = opened.memory.evidence()
        keys = [key.vkey() for key in opened.cosigners()]
    finally:
        opened.close()
    said = [
        {
            "origin": origin,
            "at": datetime.fromtimestamp(at, UTC).isoformat(),
            "held": held.decode(),
            "refused": refused.decode(errors="replace"),
        }
        for origin, at, held, refused in evidence
    ]
    if as_json:
        show_json({"keys": keys, "logs": sizes, "contradictions": said})
    else:
        for key in keys:
            click.echo(key)
        show_table("Logs", ("origin", "cosigned size"), [(o, "none yet" if s is None else s) for o, s in sizes.items()])
        if said:
            show_table(
                "Contradictions, signed by the log itself", ("at", "origin"), [(e["at"], e["origin"]) for e in said]
            )
            click.echo("Both sides of each: bedrail witness show --json")
    click.get_current_context().exit(1 if said else 0)


@witness.command("serve")
@_folder
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8090, show_default=True)
def serve(folder: Path, host: str, port: int) -> None:
    """Answer add-checkpoint requests (https://c2sp.org/tlog-witness) until stopped.

    \b
    Example: bedrail witness serve ./witness --port 8090
    """
    from bedrail.app import open_witness

    open_witness(folder).close()  # a folder that cannot be opened is said here, with the remedy
    click.echo(f"The witness is at http://{host}:{port}/add-checkpoint", err=True)
    arguments = ["--folder", str(folder.resolve()), "--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "bedrail.web.witness", *arguments])  # noqa: S606 (our own program)


def _log_key(text: str) -> tuple[str, bytes]:
    from bedrail.core.errors import Corrupt, Invalid
    from bedrail.ledger.checkpoint import parse_vkey

    try:
        return parse_vkey(text.strip())
    except Corrupt as error:
        raise Invalid(error.message, path="--log", remedy=error.remedy) from None
