"""card: model cards made from evidence and people's sections, shown, linted, verified; and what changed between two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.cli.key_options import file_option, write_new
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.checks.cards.lint import Contradiction

FORMATS = ("markdown", "json", "xml", "html", "hti1", "hti1-html", "fhir")
_candidate = click.option("--candidate", default="", help="Name or digest; the one admitted last when not given.")
_reason = click.option("--reason", default="", help="Why, for the record.")


@click.group()
def card() -> None:
    """The papers that travel with a model: its card in every format, people's sections, contradictions, changes.

    \b
    Example: bedrail --as sam card make readmission-30d --candidate baseline
    """


@card.command("make")
@click.argument("use_case")
@_candidate
@click.option("--pdf/--no-pdf", default=None, help="With a PDF, or without; with one where the extra is there.")
@_reason
@json_option
@pass_state
def make(state: CliState, use_case: str, candidate: str, pdf: bool | None, reason: str, as_json: bool) -> None:
    """Make the card from evidence, facts and people's sections: signed, on record, in every format among the reports.

    Exit code 1 while people owe a section or the linter finds an error.

    \b
    Example: bedrail --as sam card make readmission-30d --candidate baseline
    """
    from bedrail.journeys.papers import make_card

    made = make_card(state.context(), state.actor(), use_case, candidate, pdf=pdf, reason=reason)
    if as_json:
        show_json(made)
    else:
        click.echo(f"Card of {made.card.name} ({made.card.version}): {made.verdict}.")
        for name in made.papers:
            click.echo(f"  {made.folder}/{name}")
        for word in ("missing", "stale"):
            if owed := made.card.standing("missing" if word == "missing" else "stale"):
                click.echo(f"{word.capitalize()}: {', '.join(owed)}.")
        _say(made.findings)
    click.get_current_context().exit(0 if made.verdict == "pass" else 1)


@card.command("show")
@click.argument("use_case")
@_candidate
@click.option("--format", "how", type=click.Choice(FORMATS), default="markdown", show_default=True)
@json_option
@pass_state
def show(state: CliState, use_case: str, candidate: str, how: str, as_json: bool) -> None:
    """Print the recorded card; its signature is checked first.

    \b
    Example: bedrail card show readmission-30d --format hti1 > attributes.json
    """
    from bedrail.checks.cards import render
    from bedrail.checks.cards.chai import chai_xml
    from bedrail.journeys.papers import recorded_card

    found, _, _ = recorded_card(state.context(), state.actor(), use_case, candidate)
    makers = {
        "markdown": render.card_markdown,
        "json": render.card_json,
        "xml": chai_xml,
        "html": render.card_html,
        "hti1": render.hti1_json,
        "hti1-html": render.hti1_html,
        "fhir": render.card_reference,
    }
    click.echo(makers["json" if as_json else how](found), nl=False)


@card.command("edit-template")
@click.argument("use_case")
@_candidate
@click.option("--out", type=click.Path(path_type=Path), default=None, help="A new file; standard output without.")
@pass_state
def edit_template(state: CliState, use_case: str, candidate: str, out: Path | None) -> None:
    """Write the file that people edit: every section as it stands, with what is missing or stale and whom to ask.

    \b
    Example: bedrail card edit-template readmission-30d --out card.toml
    """
    from bedrail.journeys import papers

    text = papers.edit_template(state.context(), state.actor(), use_case, candidate)
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text.encode())
    click.echo(f"Edit {out}, then: bedrail card adopt {use_case} {out}")


@card.command("adopt")
@click.argument("use_case")
@click.argument("file", type=click.Path(path_type=Path))
@_candidate
@click.option("--confirm", multiple=True, help="A section that was read again and still holds; `all` for every one.")
@_reason
@json_option
@pass_state
def adopt(
    state: CliState, use_case: str, file: Path, candidate: str, confirm: tuple[str, ...], reason: str, as_json: bool
) -> None:
    """Put the sections of a file on record, each changed one with its author and time; the others stay as they were.

    \b
    Example: bedrail --as dr-adams card adopt readmission-30d card.toml --reason "risks after the pilot"
    """
    from bedrail.checks.cards.sections import read_sections
    from bedrail.journeys.papers import adopt_sections

    context = state.context()
    given = read_sections(file_option(file, "FILE").decode(errors="replace"), name=file.name)
    changed, confirmed = adopt_sections(
        context, state.actor(), use_case, given, candidate=candidate, confirm=confirm, reason=reason
    )
    if as_json:
        show_json({"changed": changed, "confirmed": confirmed})
        return
    click.echo(f"Changed: {', '.join(changed) or 'none'}. Confirmed: {', '.join(confirmed) or 'none'}.")


@card.command("lint")
@click.argument("named")
@_candidate
@click.option("--against", default="", help="A use case whose evidence the figures of a file are held to.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--sarif", type=click.Path(path_type=Path), default=None, help="Also write SARIF 2.1.0, a new file.")
@click.option("--junit", type=click.Path(path_type=Path), default=None, help="Also write JUnit XML, a new file.")
@json_option
@pass_state
def lint(
    state: CliState,
    named: str,
    candidate: str,
    against: str,
    strict: bool,
    sarif: Path | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Find contradictions in a card: a file (CHAI XML, JSON, HTML, Markdown; no home is needed), or a use case's.

    Exit code 1 when an error is found.

    \b
    Example: bedrail card lint vendor-card.xml
             bedrail card lint readmission-30d --candidate baseline
    """
    from bedrail.checks.cards.lint import as_junit, as_sarif, lint_file
    from bedrail.journeys.papers import evidence_figures, lint_recorded

    path = Path(named)
    if path.exists():
        figures = evidence_figures(state.context(), state.actor(), against, candidate) if against else ()
        found = lint_file(file_option(path, "FILE"), name=path.name, evidence=figures)
    elif path.suffix:
        raise Invalid("there is no such file.", path=named, remedy="Name a file, or a use case.")
    else:
        found = lint_recorded(state.context(), state.actor(), named, candidate)
    for out, text in ((sarif, as_sarif(found, name=named)), (junit, as_junit(found, name=named))):
        if out is not None:
            write_new(out, text.encode())
    if as_json:
        show_json(found)
    else:
        _say(found)
    bad = [each for each in found if strict or each.severity == "error"]
    click.get_current_context().exit(1 if bad else 0)


@card.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_state
def verify(state: CliState, file: Path, as_json: bool) -> None:
    """Say whether a page of a card, in any of its formats, is the recorded one, byte for byte, and the newest.

    Exit code 1 when it is not recorded, or a newer card exists.

    \b
    Example: bedrail card verify readmission-card.pdf
    """
    from bedrail.journeys.papers import verify_paper

    context = state.context()
    found = verify_paper(context, state.actor(), file_option(file, "FILE"))
    if as_json:
        show_json(found)
    elif not found.recorded:
        click.echo(f"Not recorded: no card of this home has a page with SHA-256 {found.sha256}.")
    else:
        standing = "the newest card" if found.newest else "an older card; a newer one exists"
        click.echo(f"Recorded: {found.name} of {found.use_case}, {standing}, made {found.at} by {found.by}.")
        click.echo(f"  candidate {found.candidate}")
    click.get_current_context().exit(0 if found.recorded and found.newest else 1)


@card.command("changelog")
@click.argument("use_case")
@click.option("--before", default="", help="Name or digest; the candidate admitted before the other without it.")
@click.option("--after", default="", help="Name or digest; the one admitted last without it.")
@click.option("--summary", type=click.Path(path_type=Path), default=None, help="A text in people's words, kept.")
@json_option
@pass_state
def changelog(state: CliState, use_case: str, before: str, after: str, summary: Path | None, as_json: bool) -> None:
    """Tell what changed between two candidates: data, recipe, code, inputs, figures, groups, approvals; signed.

    \b
    Example: bedrail --as sam card changelog readmission-30d --before baseline --after boosted
    """
    from bedrail.checks.cards.changes import changes_markdown
    from bedrail.journeys.change_log import tell_changes

    context = state.context()
    words = file_option(summary, "--summary").decode(errors="replace") if summary else ""
    told = tell_changes(context, state.actor(), use_case, before, after, summary=words)
    if as_json:
        show_json(told)
        return
    click.echo(changes_markdown(told.log), nl=False)
    for name in told.papers:
        click.echo(f"  {told.folder}/{name}", err=True)


def _say(found: Sequence[Contradiction]) -> None:
    errors = sum(each.severity == "error" for each in found)
    rows = [(each.severity, each.rule, each.place, each.why, each.remedy) for each in found]
    if rows:
        show_table("", ("severity", "rule", "place", "why", "remedy"), rows)
    click.echo(f"{errors} errors, {len(found) - errors} warnings.")
