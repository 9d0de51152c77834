"""serve: the HTTP door."""

from __future__ import annotations

import click

from bedrail.cli.doors import CliState, pass_state


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, help="0 takes a free one.")
@pass_state
def serve(state: CliState, host: str, port: int) -> None:
    """Answer requests and show the house as a read-only web page, until stopped (Ctrl-C or SIGTERM).

    \b
    Example: bedrail --home ./home serve --port 8080
    """
    from bedrail.web.server import run

    run(state.app(), host=host, port=port)
