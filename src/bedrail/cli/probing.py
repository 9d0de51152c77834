"""probe: ask a candidate again with inputs as they wrongly arrive."""

from __future__ import annotations

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines
from bedrail.core.values import Verdict


@click.command("probe")
@click.argument("use_case")
@click.option("--candidate", default="", help="Name or digest; the one admitted last when not given.")
@click.option("--rows", type=int, default=2_000, show_default=True, help="How many rows to ask with.")
@json_option
@pass_state
def probe(state: CliState, use_case: str, candidate: str, rows: int, as_json: bool) -> int:
    """Ask a candidate with wrong, absent, noisy and adversarial inputs; evidence `robustness`.

    It asks rows of the validation part: the holdout stays shut. Exit code 0 when `robustness` passes, else 1.

    \b
    Example: bedrail --as sam probe readmission-30d --candidate boosted
    """
    from bedrail.cli.examine import say
    from bedrail.journeys.probing import probe_candidate

    context = state.context()
    report = probe_candidate(context, state.actor(), use_case, candidate, rows=rows, progress=progress_lines())
    if as_json:
        click.echo(report.to_json())
    else:
        say(report)
        for finding in report.evidence[0].findings:
            if finding.verdict is Verdict.FAIL:
                click.echo(f"    {finding.group}: {finding.reason}")
        click.echo(f"Reports: {context.home / 'reports' / use_case}")
    return 0 if report.verdict is Verdict.PASS else 1
