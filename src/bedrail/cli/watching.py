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

    Exit code 1 on an alarm; 3 when there is none, but the vendor's model is out of reach. With --every it looks again
    and again until stopped, and goes on after alarms.

    \b
    Example: bedrail watch readmission-30d --every 60
    """
    code = _look(state, use_case, as_json)
    while every is not None:
        time.sleep(every)
        code = _look(state, use_case, as_json)
    click.get_current_context().exit(code)


def _look(state: CliState, use_case: str, as_json: bool) -> int:
    """One look, told; the exit code it asks for."""
    from bedrail.journeys.oversight import watch_use_case

    state.context().require(state.actor(), "monitoring.look")
    looked = watch_use_case(state.context(), use_case)
    code = 1 if looked.alarms else 3 if looked.unanswered else 0
    if as_json:
        show_json(looked)
        return code
    click.echo(
        f"{looked.decisions} decisions in {looked.windows} windows, {looked.waiting} waiting. Report: {looked.report}"
    )
    if looked.alarms:
        rows = [
            (a.monitor, "; ".join(a.causes[:2]), ", ".join(a.groups), f"{a.action_taken}{' (before)' * a.again}")
            for a in looked.alarms
        ]
        show_table("Alarms", ("monitor", "likely causes", "affected", "action taken"), rows)
    else:
        click.echo("No alarm.")
    if looked.unanswered:
        click.echo(f"The model is out of reach: {looked.unanswered} sentinel questions were not answered.")
    return code


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

    A model out of reach is no changed model: nothing is halted, and the exit code is 3.

    \b
    Example: bedrail sentinels check readmission-30d-vendor
    """
    from bedrail.journeys.oversight import check_sentinels

    state.context().require(state.actor(), "monitoring.look")
    answer = check_sentinels(state.context(), use_case)
    if as_json:
        show_json(answer)
    else:
        click.echo(answer.detail)
    click.get_current_context().exit(1 if answer.changed else 3 if answer.unanswered else 0)
