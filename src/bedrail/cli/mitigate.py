"""mitigate: a fairer version of a candidate, and who pays for it."""

from __future__ import annotations

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json, show_table

METHODS = ("reweigh", "resample", "reductions", "recalibrate", "thresholds")
NOTIONS = ("equal-opportunity", "equalised-odds", "alert-parity")


@click.command()
@click.argument("use_case")
@click.option("--candidate", default="", help="Name or digest; the one admitted last when not given.")
@click.option("--method", type=click.Choice(METHODS), required=True, help="What is done, see above.")
@click.option("--attribute", required=True, help="The group column that the method looks at.")
@click.option("--notion", type=click.Choice(NOTIONS), default=NOTIONS[0], show_default=True, help="What is made equal.")
@click.option("--strength", type=float, default=1.0, show_default=True, help="How far to go, above 0 and up to 1.")
@click.option("--name", default="", help="Name of the new candidate.")
@json_option
@pass_state
def mitigate(
    state: CliState,
    use_case: str,
    candidate: str,
    method: str,
    attribute: str,
    notion: str,
    strength: float,
    name: str,
    as_json: bool,
) -> None:
    """Make a fairer candidate beside one that is there, and say who gains by it and who pays.

    reweigh and resample make group and outcome independent among training rows; reductions train under a constraint
    (needs the extra `mitigation`); recalibrate reads scores within each group; thresholds moves risks until groups
    have the same sensitivity. The last two need the group among the model's inputs. Both versions answer for the
    validation patients; the comparison is signed evidence `mitigation` of the new candidate, which then has to pass
    every gate like any other. Exit code 1 when somebody pays, or nobody can tell.

    \b
    Example: bedrail --as sam mitigate readmission-30d --candidate boosting --method reweigh --attribute race
    """
    from bedrail.core.values import Verdict
    from bedrail.journeys import mitigating

    made = mitigating.mitigate(
        state.context(),
        state.actor(),
        use_case,
        candidate,
        method,  # type: ignore[arg-type]  # click has checked it
        attribute,
        notion=notion,  # type: ignore[arg-type]
        strength=strength,
        name=name,
        progress=progress_lines(),
    )
    if as_json:
        show_json(made)
    else:
        click.secho(f"{made.evidence.verdict.value}: {made.evidence.reason}", bold=True)
        rows = [
            (f.group, f.check.partition(".")[2], f.n or "", f.reason)
            for f in made.evidence.findings
            if f.check in ("mitigation.sensitivity", "mitigation.specificity", "mitigation.cost")
        ]
        show_table("Before and after", ("group", "measure", "n", "change (interval)"), rows)
        click.echo(f"Candidate {made.name}: {made.candidate}\nEvery number: {made.page}")
        click.echo(f"It is not in use. Next: bedrail examine {use_case} --candidate {made.name}")
    click.get_current_context().exit(0 if made.evidence.verdict is Verdict.PASS else 1)
