"""serve: this process becomes the HTTP door (doors do not import each other)."""

from __future__ import annotations

import os
import sys

import click

from bedrail.cli.doors import CliState, pass_state


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@pass_state
def serve(state: CliState, host: str, port: int) -> None:
    """Answer requests and show the house as a read-only web page, until stopped (Ctrl-C or SIGTERM).

    \b
    Example: bedrail --home ./home serve --port 8080
    """
    state.app()  # a home that cannot be opened is said here, with the remedy
    state.close()
    click.echo(f"Bedrail is served at http://{host}:{port}/", err=True)
    arguments = ["--home", str(state.folder), "--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "bedrail.web", *arguments])  # noqa: S606 (our own program)
