"""examine: evidence about a use case's candidates, or about any score from files of predictions and events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.doors import CliState, progress_lines, report_error
from bedrail.cli.examine_files import FILE, OUTPUT_OPTIONS, TIMING_OPTIONS, examined, with_options, write
from bedrail.cli.examine_outcomes import OUTCOME_OPTIONS, examined_outcome
from bedrail.core.errors import BedrailError, Invalid
from bedrail.core.values import TIERS, Verdict

if TYPE_CHECKING:
    from bedrail.checks.report import Report

STAGES = ("shadow", "pilot", "canary", "general")


@click.command("examine")
@click.argument("use_case", required=False)
@click.option("--candidate", multiple=True, help="With USE_CASE: which candidates; all when not given.")
@click.option("--baseline", default="", help="With USE_CASE: the candidate to compare with; else the first linear one.")
@click.option("--predictions", type=FILE, help="CSV or Parquet: subject, time, score; encounter, site, groups.")
@click.option("--events", type=FILE, help="CSV or Parquet: subject, time, event, value (0 or 1).")
@with_options(OUTPUT_OPTIONS)
@click.option("--policy", type=FILE, help="Policy (TOML) to judge by; without one, what the files can answer.")
@click.option("--tier", type=click.Choice(TIERS), default="medium", show_default=True, help="Tier of the policy.")
@click.option("--stage", type=click.Choice(STAGES), default="pilot", show_default=True, help="Stage of the policy.")
@click.option("--checks", metavar="A,B,C", help="Judge only by these checks; the report says so.")
@click.option("--groups", metavar="A,B,C", help="Group columns; without it, other columns of few values.")
@with_options(TIMING_OPTIONS)
@with_options(OUTCOME_OPTIONS)
@click.option("--threshold", type=float, help="Risk from which an alert is shown; else the observed rate.")
@click.option("--confidence", type=float, help="Confidence of the intervals, such as 0.95.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="Rename: score=pred, events.time=t.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out events of subjects without a prediction.")
@click.option("--title", default="", help="Title of the report.")
@click.option("--example", type=click.Path(path_type=Path, file_okay=False), help="Write two tables to try it on.")
@click.pass_context
def examine_command(ctx: click.Context, /, use_case: str | None, candidate: tuple[str, ...], **options: Any) -> None:
    """Gather evidence: of USE_CASE's candidates in this home, or of any score from two files.

    New here? `bedrail examine --example day-one` writes two tables and the command to examine them.

    Exit code 0 when all required evidence passes, 1 when some fails or is missing, 2 when the input is invalid.

    \b
    Examples:
      bedrail examine --predictions p.csv --events e.csv --json report.json --groups race,gender
      bedrail examine --predictions p.parquet --events e.parquet --column score=pred \\
          --event death --horizon 30d --committee summary.html --html appendix.html
      bedrail examine --predictions p.csv --events e.csv --event sepsis --unit encounter \\
          --gap 1h --horizon 24h --lead 3h,6h --intervention antibiotics --pdf report.pdf
      bedrail examine --outcome-type regression --predictions stays.csv --column score=predicted_days
      bedrail examine readmission-30d --candidate boosting
    """
    files = (options["predictions"], options["events"])
    try:
        if options["example"] is not None:
            write_example(options["example"])
            return
        if use_case is not None:
            if any(files):
                raise click.UsageError("Give either USE_CASE or files, not both.", ctx)
            verdict = run_use_case(ctx, use_case, candidate, options["baseline"])
        elif candidate or options["baseline"]:
            said = (
                "--candidate and --baseline are for a USE_CASE; two files name another score in the column `baseline`."
            )
            raise click.UsageError(said, ctx)
        elif options["outcome_type"] != "binary":
            report = examined_outcome(options)
            say(report)
            verdict = report.verdict
        elif all(files):
            report = examined(options)
            say(report)
            verdict = report.verdict
        else:
            raise click.UsageError("Give --predictions and --events, or a USE_CASE of this home.", ctx)
    except BedrailError as error:
        ctx.exit(report_error(error))
    ctx.exit(0 if verdict is Verdict.PASS else 1)


def run_use_case(ctx: click.Context, use_case: str, candidate: tuple[str, ...], baseline: str = "") -> Verdict:
    """Examine candidates of a use case on its locked holdout, on record; the worst verdict among them."""
    from bedrail.core.values import worst
    from bedrail.journeys.examination import examine_candidates

    state = ctx.find_object(CliState)
    if state is None:
        raise click.UsageError("A use case is examined from a home: bedrail --home HOME examine USE_CASE.", ctx)
    reports = examine_candidates(
        state.context(), state.actor(), use_case, candidate, baseline=baseline, progress=progress_lines()
    )
    for name, report in reports.items():
        click.secho(name, bold=True)
        say(report)
    return worst(tuple(report.verdict for report in reports.values()))


def say(report: Report) -> None:
    """The verdict in a few lines of text."""
    from bedrail.checks.committee import headline, verdict_sentence

    click.echo(f"{report.verdict.value.upper()}: {verdict_sentence(report)} {headline(report)}".rstrip())
    for one in report.evidence:
        mark = "" if one.check in report.required else " (not required)"
        click.echo(f"  {one.verdict.value:8}{one.check}{mark}: {one.reason}")
    for name in report.absent:
        click.echo(f"  missing {name}: this required check has not been made.")


def write_example(folder: Path) -> None:
    """Two made-up tables of hourly sepsis scores, and the command that examines them."""
    from bedrail.checks.joining.example import COMMAND, example_tables

    predictions, events = example_tables()
    for name, frame in (("predictions.csv", predictions), ("events.csv", events)):
        path = folder / name
        if path.exists():
            raise Invalid("there is such a file already.", path=str(path), remedy="Name a new folder.")
        folder.mkdir(parents=True, exist_ok=True)
        write(path, frame.to_csv(index=False))
        click.echo(f"{path}: {len(frame):,} rows, columns {', '.join(frame.columns)}")
    click.echo(f"Made-up patients. Now:\n\n  cd {folder}\n  {COMMAND}")
