"""watch and sentinels: looking after what is deployed."""

from __future__ import annotations

import time

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table


@click.command()
@click.argument("use_case")
@click.option("--every", type=click.FloatRange(min=1.0), default=None, metavar="SECONDS", help="Keep watching.")
@json_option
@pass_state
def watch(state: CliState, use_case: str, every: float | None, as_json: bool) -> None:
    """Look at decisions and outcomes since the last look, and at a vendor's sentinels; alarms act as the policy says.

    Exit code 1 on an alarm. With --every it looks again and again until stopped, and goes on after alarms.

    \b
    Example: bedrail watch readmission-30d --every 60
    """
    alarmed = _look(state, use_case, as_json)
    while every is not None:
        time.sleep(every)
        alarmed = _look(state, use_case, as_json) or alarmed
    click.get_current_context().exit(1 if alarmed else 0)


def _look(state: CliState, use_case: str, as_json: bool) -> bool:
    """One look, told; whether there was an alarm."""
    from bedrail.journeys.oversight import watch_use_case

    looked = watch_use_case(state.context(), use_case)
    if as_json:
        show_json(looked)
        return bool(looked.alarms)
    click.echo(
        f"{looked.decisions} decisions in {looked.windows} windows, {looked.waiting} waiting. Report: {looked.report}"
    )
    if looked.alarms:
        rows = [(a.monitor, "; ".join(a.causes[:2]), ", ".join(a.groups), a.action_taken) for a in looked.alarms]
        show_table("Alarms", ("monitor", "likely causes", "affected", "action taken"), rows)
    else:
        click.echo("No alarm.")
    return bool(looked.alarms)


@click.group()
def sentinels() -> None:
    """Reference questions to a model whose weights are not ours.

    \b
    Example: bedrail sentinels check readmission-30d-vendor
    """


@sentinels.command("check")
@click.argument("use_case")
@json_option
@pass_state
def check(state: CliState, use_case: str, as_json: bool) -> None:
    """Ask the sentinel questions again; a changed answer halts and closes the gate. Exit code 1 then.

    \b
    Example: bedrail sentinels check readmission-30d-vendor
    """
    from bedrail.journeys.oversight import check_sentinels

    answer = check_sentinels(state.context(), use_case)
    if as_json:
        show_json(answer)
    else:
        click.echo(answer.detail)
    click.get_current_context().exit(1 if answer.changed else 0)
