"""order: standing orders, by which a timer does exactly what somebody who may do it left to it."""

from __future__ import annotations

from datetime import timedelta

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table


@click.group()
def order() -> None:
    """Standing orders: what a timer may do unattended, for whom, until when.

    The timer's commands find the secret in BEDRAIL_ORDER, or in the file that BEDRAIL_ORDER_FILE names.

    \b
    Example: bedrail --as rob order give --act backup.take --reason "nightly backup, timer on srv-1"
    """


@order.command("give")
@click.option(
    "--act", "acts", multiple=True, required=True,
    help="What it is good for, repeatable: backup.take, retention.run, monitoring.look, abuse.look.",
)  # fmt: skip
@click.option("--reason", required=True, help="What for: which timer, on which machine.")
@click.option("--days", type=click.IntRange(1, 365), default=90, show_default=True, help="How long it is good.")
@json_option
@pass_state
def give(state: CliState, acts: tuple[str, ...], reason: str, days: int, as_json: bool) -> None:
    """Let a timer do these acts as you; the secret is shown once, only its SHA-256 is kept.

    You must be permitted each act yourself. The order ends with your role, your account, its time, or by revoking it.

    \b
    Example: bedrail --as rob order give --act backup.take --days 180 --reason "nightly backup, timer on srv-1"
    """
    from bedrail.app import new_token
    from bedrail.journeys.orders import give_order

    secret, digest = new_token()
    valid_for = timedelta(days=days)
    fact = give_order(state.context(), state.actor(), acts, digest, valid_for=valid_for, reason=reason)
    if as_json:
        show_json({"order": fact.order, "secret": secret, "acts": fact.acts, "expires": fact.expires})
        return
    click.echo(f"Order {fact.order}: {', '.join(fact.acts)} as {fact.person}, until {fact.expires}.")
    click.echo(f"Secret, shown once: {secret}")
    click.echo("Put it into a file that only the timer reads, and name that file in BEDRAIL_ORDER_FILE.")


@order.command("list")
@json_option
@pass_state
def list_orders(state: CliState, as_json: bool) -> None:
    """Every standing order: what for, as whom, until when, and whether it still opens anything.

    \b
    Example: bedrail --as ada order list --json
    """
    ctx = state.context()
    now = ctx.clock.now().timestamp()
    rows = [
        (
            each.order, ", ".join(sorted(each.acts)), each.person, each.expires[:16],
            f"revoked: {each.revoked}" if each.revoked else "live" if each.live(now) else "ended", each.reason,
        )
        for each in ctx.refresh().orders.orders.values()
    ]  # fmt: skip
    columns = ("order", "acts", "as", "until", "state", "reason")
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("Standing orders", columns, rows)


@order.command("revoke")
@click.argument("order_id")
@click.option("--reason", required=True, help="Why.")
@pass_state
def revoke(state: CliState, order_id: str, reason: str) -> None:
    """A standing order opens nothing from now on: your own, or as an officer any.

    \b
    Example: bedrail --as sue order revoke 01JXXXXXXXXXXXXXXXXXXXXXXX --reason "srv-1 was replaced"
    """
    from bedrail.journeys.orders import revoke_order

    revoke_order(state.context(), state.actor(), order_id, reason)
    click.echo(f"Order {order_id} is revoked.")
