"""validate: where the model was not made: other sites, later periods, another hospital's table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.core.values import Evidence

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def validate() -> None:
    """Validate where the model was not made: sites or periods left out, or a candidate on another site's data.

    \b
    Example: bedrail validate external heart.csv --outcome num --by site
    """


@validate.command("external")
@click.argument("table", type=FILE)
@click.option("--outcome", required=True, help="Column of the outcome, 0 or 1.")
@click.option("--by", required=True, help="Column of the site; with --periods, of the time.")
@click.option("--periods", type=click.IntRange(2, 20), help="Leave periods out instead of sites.")
@click.option("--subject", default="", help="Column of the patient.")
@click.option("--features", default="", metavar="A,B,C", help="Inputs; every other column when not given.")
@click.option("--score", "scores", multiple=True, help="An existing score (column of risks) to compare with.")
@click.option("--points", multiple=True, help="An existing score in points to compare with.")
@click.option("--simple", default="", metavar="A,B,C", help="Inputs of the simple score; else the best three.")
@click.option("--recipe", default="logistic", show_default=True, help="Recipe that makes the models.")
@click.option("--threshold", type=float, help="Risk from which an alert is given; else the observed rate.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--html", "html_out", type=FILE, help="Write the report with forest plots as one HTML page.")
@json_option
@click.pass_context
def external(ctx: click.Context, /, table: Path, **options: Any) -> None:
    """Train by recipe without each site (or period) in turn and ask what was left out; pool, compare, expect.

    Exit code 0 when all passes, 1 when something fails or cannot be told, 2 when the input is invalid.

    \b
    Examples:
      bedrail validate external heart.csv --outcome num --by site --html heart.html
      bedrail validate external stays.parquet --outcome death --by admitted --periods 5 --score apache
    """
    from bedrail.core.values import Verdict
    from bedrail.data.read import read_table
    from bedrail.journeys.validating import Plan, leave_periods_out, leave_sites_out

    frame, progress = read_table(table), progress_lines()
    plan = Plan(
        outcome=options["outcome"],
        by=options["by"],
        subject=options["subject"],
        features=_words(options["features"]),
        scores=tuple(options["scores"]),
        points=tuple(options["points"]),
        simple=_words(options["simple"]),
        recipe=options["recipe"],
        threshold=options["threshold"],
        seed=options["seed"],
    )
    if options["periods"]:
        answer = leave_periods_out(frame, plan, options["periods"], progress=progress)
    else:
        answer = leave_sites_out(frame, plan, progress=progress)
    title = f"{table.name}: {options['recipe']}, left out by {options['by']}"
    asked = [("Outcome", plan.outcome), ("Left out by", plan.by), ("Recipe", plan.recipe)]
    asked += [("Existing score", name) for name in (*plan.scores, *plan.points)]
    _say(answer, title, frame, asked, options["html_out"], as_json=options["as_json"])
    ctx.exit(0 if answer.verdict is Verdict.PASS else 1)


@validate.command("candidate")
@click.argument("use_case")
@click.option(
    "--data", type=FILE, required=True, help="Another site's table (CSV, Parquet) with the charter's columns."
)
@click.option("--candidate", default="", help="Name or digest; the one admitted last when not given.")
@click.option("--site", default="", help="Column of sites in that table.")
@click.option("--score", "scores", multiple=True, help="An existing score (column of risks) to compare with.")
@click.option("--leave-out-met", is_flag=True, help="Leave out patients that the candidate was made from.")
@click.option(
    "--other-numbers", is_flag=True, help="Another house counts its patients there: equal numbers mean nothing."
)
@click.option("--html", "html_out", type=FILE, help="Write the report with forest plots as one HTML page.")
@json_option
@pass_state
def candidate_elsewhere(
    state: CliState,
    use_case: str,
    data: Path,
    candidate: str,
    site: str,
    scores: tuple[str, ...],
    leave_out_met: bool,
    other_numbers: bool,
    html_out: Path | None,
    as_json: bool,
) -> None:
    """Ask a candidate about another site's patients, on record: evidence external-validation.

    Patients that it was made from are looked for by their pseudonyms; a table that holds some is refused.

    \b
    Example: bedrail --as sam validate candidate readmission-30d --data north.csv --candidate boosting
    """
    from bedrail.core.values import Verdict
    from bedrail.data.read import read_table
    from bedrail.journeys.validating import validate_candidate

    ctx, actor = state.context(), state.actor()  # who may not ask learns nothing of the file
    frame = read_table(data)
    answer = validate_candidate(
        ctx,
        actor,
        use_case,
        frame,
        candidate=candidate,
        site=site,
        scores=scores,
        leave_out_met=leave_out_met,
        other_numbers=other_numbers,
        progress=progress_lines(),
    )
    title = f"{use_case}: {candidate or 'candidate'} on {data.name}"
    asked = [("Use case", use_case), ("Candidate", answer.candidate), ("Dataset", answer.dataset)]
    _say(answer, title, frame, asked, html_out, as_json=as_json)
    if answer.verdict is not Verdict.PASS:
        click.get_current_context().exit(1)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _say(
    answer: Evidence,
    title: str,
    frame: pd.DataFrame,
    asked: list[tuple[str, str]],
    html: Path | None,
    *,
    as_json: bool,
) -> None:
    from bedrail.checks.report import Context, Report
    from bedrail.cli.attack import show_evidence
    from bedrail.cli.examine_files import write
    from bedrail.data.digest import table_digest
    from bedrail.wiring.clock import SystemClock

    if html is not None:
        context = Context(
            title=title,
            asked=tuple((label, words) for label, words in asked if words),
            counts=f"{len(frame):,} rows in the table; how many were asked stands beside each figure",
            digests={"table": table_digest(frame)},
            made_at=answer.made_at or SystemClock().now().isoformat(timespec="seconds"),
            made_by=answer.made_by,
            code=answer.code,
        )
        write(html, Report((answer,), context).to_html())
    if as_json:
        show_json(answer)
    else:
        show_evidence((answer,))
