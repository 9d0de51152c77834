"""egress: where models outside may be asked."""

from __future__ import annotations

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table


@click.group()
def egress() -> None:
    """Where models outside may be asked; nowhere, until somebody allows it.

    \b
    Example: bedrail egress list
    """


@egress.command("allow")
@click.argument("place")
@click.option(
    "--network",
    type=click.Choice(["public", "private", "loopback"]),
    default="public",
    show_default=True,
    help="Where its addresses may lie.",
)
@click.option("--reason", required=True, help="Why, such as the contract.")
@pass_state
def allow(state: CliState, place: str, network: str, reason: str) -> None:
    """Let models be asked at HOST:PORT; over TLS, but for loopback.

    \b
    Example: bedrail --as olivia egress allow vendor.example:443 --reason "contract 2026-17"
    """
    from bedrail.journeys.egress import allow_egress

    fact = allow_egress(state.context(), state.actor(), place, network, reason)
    click.echo(f"Models may be asked at {fact.host}:{fact.port} ({fact.network}).")


@egress.command("close")
@click.argument("place")
@click.option("--reason", required=True, help="Why.")
@pass_state
def close(state: CliState, place: str, reason: str) -> None:
    """Ask nothing at HOST:PORT from now on.

    \b
    Example: bedrail --as olivia egress close vendor.example:443 --reason "contract ended"
    """
    from bedrail.journeys.egress import close_egress

    close_egress(state.context(), state.actor(), place, reason)
    click.echo(f"Nothing is asked at {place} from now on.")


@egress.command("list")
@json_option
@pass_state
def list_places(state: CliState, as_json: bool) -> None:
    """The places that may be asked.

    \b
    Example: bedrail egress list --json
    """
    columns = ("host", "port", "network")
    rows = [(host, port, network) for (host, port), network in sorted(state.context().refresh().egress.items())]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)
