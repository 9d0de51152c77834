"""reproduce: train a candidate again from its record, and compare."""

from __future__ import annotations

import sys

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json, show_table


@click.command()
@click.argument("use_case")
@click.argument("candidate", required=False, default="")
@json_option
@pass_state
def reproduce(state: CliState, use_case: str, candidate: str, as_json: bool) -> None:
    """Train a candidate again from its recorded data, split, recipe and seed; compare bytes and every answer.

    The answer is signed evidence `reproducible`. Exit code 0: the same bytes or answers; 1: others, or nobody can
    tell. What was another when it was made (versions, code, machine, data) is named.

    \b
    Example: bedrail reproduce readmission-30d boosted
    """
    import msgspec

    from bedrail.core.values import Verdict
    from bedrail.journeys.training import reproduce as again

    found = again(state.context(), state.actor(), use_case, candidate, progress=progress_lines())
    if as_json:
        show_json(msgspec.to_builtins(found))
    else:
        click.echo(f"{found.evidence.verdict.value.upper()}: {found.name}: {found.evidence.reason}")
        if found.differences:
            rows = [(each.what, each.recorded, each.now) for each in found.differences]
            show_table("Another when it was made", ("what", "recorded", "now"), rows)
    if found.evidence.verdict is not Verdict.PASS:
        sys.exit(1)
