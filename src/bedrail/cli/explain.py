"""explain: why a model said what it said, in words, and whether its reasons can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json

if TYPE_CHECKING:
    from bedrail.models.explain.account import Account
    from bedrail.models.feature import Raw

FILE = click.Path(path_type=Path, dir_okay=False)
_html = click.option("--html", type=FILE, help="Write a page with the picture.")
_actionable = click.option(
    "--actionable", multiple=True, help="An input that care can change; else as the use case says."
)


@click.group()
def explain() -> None:
    """Why a model said what it said: of a decision, of a row; and whether such reasons can be trusted.

    \b
    Example: bedrail --as dr-lee explain decision DECISION
    """


@explain.command("decision")
@click.argument("decision")
@_actionable
@_html
@json_option
@pass_state
def of_decision(state: CliState, decision: str, actionable: tuple[str, ...], html: Path | None, as_json: bool) -> None:
    """The reasons of one decision with units and reference ranges, and what would change it. Reading it is on record.

    \b
    Example: bedrail --as dr-lee explain decision DECISION --html why.html
    """
    from bedrail.journeys.explaining import explain_decision

    told = explain_decision(state.context(), state.actor(), decision, actionable=actionable or None)
    _show(told, f"Decision {decision}", html, as_json)


@explain.command("row")
@click.argument("use_case")
@click.option("--candidate", required=True, help="Name or digest of the candidate.")
@click.option("--file", type=FILE, required=True, help="A JSON object of inputs, or a CSV with one row.")
@_actionable
@_html
@json_option
@pass_state
def of_row(
    state: CliState,
    use_case: str,
    candidate: str,
    file: Path,
    actionable: tuple[str, ...],
    html: Path | None,
    as_json: bool,
) -> None:
    """What a candidate would say of one row of inputs, and why.

    \b
    Example: bedrail --as sam explain row readmission-30d --candidate boosting --file patient.json
    """
    from bedrail.journeys.explaining import explain_row

    context = state.context()
    values = read_row(file)
    told = explain_row(context, state.actor(), use_case, candidate, values, actionable=actionable or None)
    _show(told, f"{use_case}: {candidate}", html, as_json)


@explain.command("check")
@click.argument("use_case")
@click.option("--candidate", required=True, help="Name or digest of the candidate.")
@click.option("--direction", "directions", multiple=True, metavar="FEATURE=+|-",
              help="The surrogate must rise (+) or fall (-) with this input.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@pass_state
def check(
    state: CliState, use_case: str, candidate: str, directions: tuple[str, ...], seed: int, as_json: bool
) -> None:
    """Can the reasons be trusted? Signed evidence; a black box also teaches a surrogate, whose reasons are then shown.

    Exit code 1 when a part of it fails or could not be told.

    \b
    Example: bedrail --as sam explain check readmission-30d --candidate boosting
    """
    from bedrail.cli.attack import show_evidence
    from bedrail.core.values import Verdict
    from bedrail.journeys.explaining import check_explanations

    answer = check_explanations(
        state.context(), state.actor(), use_case, candidate, directions=_signs(directions), seed=seed,
        progress=progress_lines(),
    )  # fmt: skip
    if as_json:
        show_json(answer)
    else:
        show_evidence((answer,))
    if answer.verdict is not Verdict.PASS:
        click.get_current_context().exit(1)


def _signs(directions: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for each in directions:
        name, _, sign = each.rpartition("=")
        if not name or sign not in ("+", "-"):
            raise click.UsageError(f"--direction {each!r} is not FEATURE=+ or FEATURE=-.")
        found[name] = 1 if sign == "+" else -1
    return found


def read_row(file: Path) -> dict[str, Raw]:
    """One row of inputs from a JSON object, or from a CSV with a header and one row; empty cells are missing."""
    import csv

    import msgspec

    from bedrail.cli.key_options import text_option
    from bedrail.core.errors import Invalid

    text = text_option(file, "--file")
    if file.suffix.lower() == ".json":
        try:
            return msgspec.json.decode(text, type=dict[str, float | str | None])
        except msgspec.DecodeError:
            raise Invalid(
                "the file is not one object of numbers and words.", path="--file", remedy='Such as {"age": 71}.'
            ) from None
    try:
        rows = list(csv.DictReader(text.splitlines()))
    except csv.Error:
        raise Invalid("the file is not CSV.", path="--file", remedy="Give a header and one row.") from None
    if len(rows) != 1 or None in rows[0]:
        raise Invalid(f"the file holds {len(rows)} rows.", path="--file", remedy="Give a header and one row.")
    return {name: _cell(value) for name, value in rows[0].items()}


def _cell(text: str | None) -> Raw:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _show(told: Account, title: str, html: Path | None, as_json: bool) -> None:
    from bedrail.models.explain.words import sentences

    lines = sentences(told)
    if html is not None:
        from bedrail.checks.explanations.waterfall import page

        html.write_text(page(told, lines, title), encoding="utf-8")
    if as_json:
        show_json({"account": told, "words": list(lines)})
        return
    click.secho(title, bold=True)
    for line in lines:
        click.echo(f"  {line}")
