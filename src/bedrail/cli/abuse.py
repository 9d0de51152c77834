"""abuse: who asks the decision API as honest use does not."""

from __future__ import annotations

import time

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table


@click.group()
def abuse() -> None:
    """Tokens that ask too fast, copy a model, probe its threshold, or ask about one patient again and again.

    \b
    Example: bedrail abuse look readmission-30d
    """


@abuse.command("look")
@click.argument("use_case")
@click.option("--every", type=click.FloatRange(min=1.0), default=None, metavar="SECONDS", help="Keep looking.")
@json_option
@pass_state
def look(state: CliState, use_case: str, every: float | None, as_json: bool) -> None:
    """Look at the newest decisions, token by token. Exit code 1 on a suspicion; officers are told of new ones.

    With --every it looks again and again until stopped.

    \b
    Example: bedrail --as rob abuse look readmission-30d --every 600
    """
    code = _look(state, use_case, as_json)
    while every is not None:
        time.sleep(every)
        code = _look(state, use_case, as_json)
    click.get_current_context().exit(code)


def _look(state: CliState, use_case: str, as_json: bool) -> int:
    """One look, told; the exit code it asks for."""
    from bedrail.journeys.guarding import look_for_abuse

    looked = look_for_abuse(state.context(), state.actor(), use_case)
    if as_json:
        show_json(looked)
    else:
        click.echo(
            f"{looked.decisions} decisions of {looked.tokens} tokens, {looked.blocks} blocks against the baseline."
        )
        if not looked.calibrated and not looked.blocks:
            click.echo("No token has a new block of 200 patients, or there is no dataset to compare with.")
        if looked.suspicions:
            columns = ("flag", "client", "detector", "found", "limit", "decisions", "action taken")
            rows = [
                (s.flag, s.client, s.detector, s.found, s.limit, s.decisions, f"{s.taken}{' (before)' * s.again}")
                for s in looked.suspicions
            ]
            show_table("Suspicions", columns, rows)
        else:
            click.echo("Nothing suspicious.")
    return 1 if looked.suspicions else 0


@abuse.command("list")
@click.option("--all", "everything", is_flag=True, help="Settled ones too.")
@json_option
@pass_state
def list_flags(state: CliState, everything: bool, as_json: bool) -> None:
    """Flags that stand, and which tokens were held up for asking too fast.

    \b
    Example: bedrail abuse list --all
    """
    known = state.context().refresh().abuse
    flags = tuple(known.flags.values()) if everything else known.standing()
    if as_json:
        show_json({"flags": flags, "throttled": tuple(known.throttled.values())})
        return
    columns = ("flag", "at", "use case", "token", "detector", "found", "limit", "decisions", "action", "settled by")
    show_table("", columns, [
        (f.flag, f.at[:16], f.use_case, f.token, f.detector, f.found, f.limit, f.decisions, f.taken, f.settled_by)
        for f in flags
    ])  # fmt: skip
    for held in known.throttled.values():
        click.echo(f"{held.token} asked {held.use_case} too fast: {held.refused} requests held up until {held.until}.")


@abuse.command("lift")
@click.argument("flag")
@click.option("--reason", required=True, help="What it was; no patient data.")
@pass_state
def lift(state: CliState, flag: str, reason: str) -> None:
    """Settle a flag; a token that it suspended opens again. For security officers.

    \b
    Example: bedrail --as seth abuse lift 01KE... --reason "load test of the new EHR release, announced"
    """
    from bedrail.journeys.guarding import lift as lift_flag

    settled = lift_flag(state.context(), state.actor(), flag, reason)
    click.echo(f"Settled: {settled.detector} on token {settled.token}.")
