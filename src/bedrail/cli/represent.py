"""represent, label-choice: the data against those to be served, and the outcome against another one."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json


@click.command()
@click.argument("use_case")
@click.option("--population", type=click.Path(path_type=Path), required=True, help="CSV or Parquet of shares.")
@click.option("--candidate", default="", help="Name or digest; the one admitted last when not given.")
@json_option
@pass_state
def represent(state: CliState, use_case: str, population: Path, candidate: str, as_json: bool) -> None:
    """Hold a candidate's data and figures against the population that is to be served.

    The table has the columns attribute, level, share (or count), or one column for each attribute and share; see
    docs/fairness.md. The answer is signed evidence: representativeness. Exit code 1 when it fails or could not be told.

    \b
    Example: bedrail --as sam represent readmission-30d --population county.csv --candidate boosting
    """
    from bedrail.cli.attack import show_evidence
    from bedrail.core.values import Verdict
    from bedrail.data.read import read_table
    from bedrail.journeys.representing import represent_population

    answer = represent_population(
        state.context(), state.actor(), use_case, read_table(population), candidate=candidate, progress=progress_lines()
    )
    if as_json:
        show_json(answer)
    else:
        show_evidence((answer,))
    if answer.verdict is not Verdict.PASS:
        click.get_current_context().exit(1)


@click.command("label-choice")
@click.argument("use_case")
@click.option("--other", required=True, help="Column of the admitted data: another measure of need.")
@click.option("--candidate", default="", help="Name or digest; the one admitted last when not given.")
@json_option
@pass_state
def label_choice(state: CliState, use_case: str, other: str, candidate: str, as_json: bool) -> None:
    """Judge the choice of the outcome: at the same score, is another measure of need the same in every group?

    The answer is signed evidence: label-choice. Exit code 1 when it fails or could not be told.

    \b
    Example: bedrail --as sam label-choice readmission-30d --other number_diagnoses --candidate boosting
    """
    from bedrail.cli.attack import show_evidence
    from bedrail.core.values import Verdict
    from bedrail.journeys.judging_labels import judge_label

    answer = judge_label(
        state.context(), state.actor(), use_case, other, candidate=candidate, progress=progress_lines()
    )
    if as_json:
        show_json(answer)
    else:
        show_evidence((answer,))
    if answer.verdict is not Verdict.PASS:
        click.get_current_context().exit(1)
