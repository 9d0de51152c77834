"""examine: evidence about a use case's candidates, or about any score from files of predictions and events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.doors import CliState, progress_lines, report_error
from bedrail.core.errors import BedrailError, Invalid
from bedrail.core.values import TIERS, Verdict

if TYPE_CHECKING:
    from bedrail.checks.report import Report
    from bedrail.journeys.day_one import Demands

FILE = click.Path(path_type=Path, dir_okay=False)
STAGES = ("shadow", "pilot", "canary", "general")


@click.command("examine")
@click.argument("use_case", required=False)
@click.option("--candidate", multiple=True, help="With USE_CASE: which candidates; all when not given.")
@click.option("--predictions", type=FILE, help="CSV or Parquet: subject, time, score; encounter, site, groups.")
@click.option("--events", type=FILE, help="CSV or Parquet: subject, time, event, value (0 or 1).")
@click.option("--json", "json_out", type=FILE, help="Write the report as JSON.")
@click.option("--html", "html_out", type=FILE, help="Write the full appendix as one HTML page.")
@click.option("--committee", "committee_out", type=FILE, help="Write the committee's one-page summary (HTML).")
@click.option("--policy", type=FILE, help="Policy (TOML) to judge by; without one, what the files can answer.")
@click.option("--tier", type=click.Choice(TIERS), default="medium", show_default=True, help="Tier of the policy.")
@click.option("--stage", type=click.Choice(STAGES), default="pilot", show_default=True, help="Stage of the policy.")
@click.option("--checks", metavar="A,B,C", help="Judge only by these checks; the report says so.")
@click.option("--groups", metavar="A,B,C", help="Group columns; without it, other columns of few values.")
@click.option("--event", default="", help="Which event is the outcome; needed when there are several.")
@click.option("--horizon", default="", help="Window after a prediction: 30d, 12h, 90min, or a plain number.")
@click.option("--threshold", type=float, help="Risk from which an alert is shown; else the observed rate.")
@click.option("--confidence", type=float, help="Confidence of the intervals, such as 0.95.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="Rename: score=pred, events.time=t.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out events of subjects without a prediction.")
@click.option("--title", default="", help="Title of the report.")
@click.pass_context
def examine_command(ctx: click.Context, /, use_case: str | None, candidate: tuple[str, ...], **options: Any) -> None:
    """Gather evidence: of USE_CASE's candidates in this home, or of any score from two files.

    Exit code 0 when all required evidence passes, 1 when some fails or is missing, 2 when the input is invalid.

    \b
    Examples:
      bedrail examine --predictions p.csv --events e.csv --json report.json --groups race,gender
      bedrail examine --predictions p.parquet --events e.parquet --column score=pred \\
          --event death --horizon 30d --committee summary.html --html appendix.html
      bedrail examine readmission-30d --candidate boosting
    """
    files = (options["predictions"], options["events"])
    try:
        if use_case is not None:
            if any(files):
                raise click.UsageError("Give either USE_CASE or files, not both.", ctx)
            verdict = run_use_case(ctx, use_case, candidate)
        elif all(files):
            verdict = run_files(ctx, **options)
        else:
            raise click.UsageError("Give --predictions and --events, or a USE_CASE of this home.", ctx)
    except BedrailError as error:
        ctx.exit(report_error(error))
    ctx.exit(0 if verdict is Verdict.PASS else 1)


def run_use_case(ctx: click.Context, use_case: str, candidate: tuple[str, ...]) -> Verdict:
    """Examine candidates of a use case on its locked holdout, on record; the worst verdict among them."""
    from bedrail.core.values import worst
    from bedrail.journeys.examination import examine_candidates

    state = ctx.find_object(CliState)
    if state is None:
        raise click.UsageError("A use case is examined from a home: bedrail --home HOME examine USE_CASE.", ctx)
    reports = examine_candidates(state.context(), state.actor(), use_case, candidate, progress=progress_lines())
    for name, report in reports.items():
        click.secho(name, bold=True)
        say(report)
    return worst(tuple(report.verdict for report in reports.values()))


def run_files(ctx: click.Context, **options: Any) -> Verdict:
    """Examine two files and write what was asked for."""
    from bedrail.journeys.day_one import examine_files
    from bedrail.wiring.clock import SystemClock

    del ctx
    outputs = {name: options[name] for name in ("json_out", "html_out", "committee_out") if options[name]}
    for name, path in outputs.items():
        if not path.parent.is_dir():
            option = "--" + name.removesuffix("_out")
            raise Invalid(f"there is no folder {path.parent}.", path=option, remedy="Make it, or name another file.")
    report = examine_files(
        options["predictions"],
        options["events"],
        demands(options),
        words_of(options["groups"], "--groups"),
        columns=renames(options["columns"]),
        event=options["event"],
        horizon=options["horizon"],
        threshold=options["threshold"],
        ignore_unknown=options["ignore_unknown"],
        title=options["title"],
        made_at=SystemClock().now().isoformat(timespec="seconds"),
    )
    makers = {"json_out": report.to_json, "html_out": report.to_html, "committee_out": report.committee_html}
    for name, path in outputs.items():
        write(path, makers[name]())
    say(report)
    return report.verdict


def demands(options: dict[str, Any]) -> Demands:
    """What the options ask: a policy's tier and stage or our defaults, then confidence and chosen checks."""
    import msgspec

    from bedrail.checks.catalogue import CHECKS
    from bedrail.checks.values import Requirements
    from bedrail.journeys.day_one import Demands, demands_of

    asked = Demands(requirements=Requirements())
    if options["policy"]:
        asked = demands_of(read_policy(options["policy"]), options["tier"], options["stage"])
    confidence = options["confidence"]
    if confidence is not None:
        if not 0.5 <= confidence < 1:
            raise Invalid("not a confidence.", path="--confidence", remedy="Give a number from 0.5 to below 1.")
        numbers = msgspec.structs.replace(asked.requirements, confidence=confidence)
        asked = msgspec.structs.replace(asked, requirements=numbers)
    chosen = words_of(options["checks"], "--checks")
    if chosen is None:
        return asked
    for name in chosen:
        if name not in CHECKS:
            raise Invalid(f"there is no check {name}.", path="--checks", remedy=f"Choose from: {', '.join(CHECKS)}.")
    words = f"{asked.words}; by choice only: {', '.join(chosen)}"
    return msgspec.structs.replace(asked, required=chosen, words=words)


def read_policy(path: Path) -> Any:
    """The policy in a file; `Invalid` names the line."""
    from bedrail.governance.policy import parse_policy

    try:
        source = path.read_bytes()
    except OSError:
        raise Invalid("the policy cannot be read.", path=str(path), remedy="Check the path of --policy.") from None
    return parse_policy(source, name=path.name)


def words_of(text: str | None, option: str) -> tuple[str, ...] | None:
    """`a, b` as ("a", "b"); None stays None."""
    if text is None:
        return None
    words = tuple(word.strip() for word in text.split(","))
    if not all(words) or len(set(words)) < len(words):
        raise Invalid("an empty or repeated name.", path=option, remedy="Write names once, with commas: a,b,c.")
    return words


def renames(pairs: tuple[str, ...]) -> dict[str, str]:
    """`score=pred` pairs as a mapping."""
    found: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs) or ours in found:
            raise Invalid("not one OURS=THEIRS for each role.", path="--column", remedy="Write --column score=pred.")
        found[ours] = theirs
    return found


def write(path: Path, text: str) -> None:
    """Write a report file; a folder or a full disk is the caller's to mend."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(
            f"cannot be written ({error.strerror}).", path=str(path), remedy="Name a file that you may write."
        ) from None


def say(report: Report) -> None:
    """The verdict in a few lines of text."""
    from bedrail.checks.committee import headline
    from bedrail.checks.words import VERDICT_SENTENCES

    click.echo(f"{report.verdict.value.upper()}: {VERDICT_SENTENCES[report.verdict]} {headline(report)}".rstrip())
    for one in report.evidence:
        mark = "" if one.check in report.required else " (not required)"
        click.echo(f"  {one.verdict.value:8}{one.check}{mark}: {one.reason}")
    for name in report.absent:
        click.echo(f"  missing {name}: this required check has not been made.")
