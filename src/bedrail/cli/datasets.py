"""Commands of `bedrail data` beside admission: check tables, compare versions, look for leaks, read what is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.data.diff import TableDiff
    from bedrail.data.quality_values import QualityReport

PARTS = ("train", "validation", "calibration")
_files = click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)


@click.command("read")
@click.argument("use_case")
@click.option("--columns", required=True, help="Names, separated by commas: those that you need, and no others.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, required=True, help="The holdout is locked.")
@click.option("--reason", required=True, help="What the rows are for.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new .csv or .parquet file.")
@pass_state
def read(state: CliState, use_case: str, columns: str, parts: tuple[str, ...], reason: str, out: Path) -> None:
    """Take needed columns of an admitted dataset out, de-identified as they rest; who did, and why, is on record.

    \b
    Example: bedrail --as sam data read readmission-30d --columns age,race --part train --reason binning --out x.csv
    """
    from bedrail.cli.key_options import write_new
    from bedrail.journeys.dataset_reads import read_rows

    context = state.context()
    if out.suffix not in (".csv", ".parquet"):
        raise Invalid("neither .csv nor .parquet.", path="--out", remedy="Name a file such as rows.csv.")
    frame = read_rows(context, state.actor(), use_case, _names(columns), parts, reason)
    write_new(out, frame.to_csv(index=False).encode() if out.suffix == ".csv" else frame.to_parquet(index=False))
    click.echo(f"{len(frame)} rows, {len(frame.columns)} columns in {out}.")


@click.command("check")
@_files
@click.option("--rules", type=click.Path(path_type=Path), default=None, help="Rules across the tables (TOML).")
@click.option(
    "--long", "long_", default="", metavar="NAME:VALUE", help="Columns of a table with one measurement a row."
)
@click.option("--key", default="", help="Columns, separated by commas, that must be unique in the first table.")
@click.option(
    "--labels", default="", metavar="OUTCOME:PATIENT",
    help="How many labels may be wrong: a column of 0 and 1, and the patient's. Trains models; may take a minute.",
)  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path), default=None, help="Write a page of the first table.")
@json_option
def check(
    files: tuple[Path, ...], rules: Path | None, long_: str, key: str, labels: str, html: Path | None, as_json: bool
) -> None:
    """Check tables as they are, without a home: missing, disguised, impossible, in another unit, inconsistent.

    A table is called by its file name without suffixes. Exit code 1 when a blocking rule is broken or untold.

    \b
    Example: bedrail data check stays.csv labs.csv --rules rules.toml --labels died:subject_id --html quality.html
    """
    from bedrail.cli.key_options import text_option
    from bedrail.data.consistency import parse_rules
    from bedrail.data.table_check import check_tables

    tables = {path.name.split(".")[0]: _table(path) for path in files}
    first = next(iter(tables))
    found = check_tables(
        tables,
        rules=parse_rules(text_option(rules, "--rules"), name=rules.name) if rules else (),
        long=_pair(long_),
        keys={first: _names(key)} if key else {},
        labels=_pair(labels, "--labels"),
    )
    if html is not None:
        _write_page(html, tables[first], found[first], first)
    if as_json:
        show_json(found)
    else:
        for name, report in found.items():
            _show_report(name, report)
    click.get_current_context().exit(1 if any(r.verdict != "pass" for r in found.values()) else 0)


def _show_report(name: str, report: QualityReport) -> None:
    broken = [*report.broken("block"), *report.broken("warn")]
    broken += [each for each in report.findings if each.verdict == "missing"]
    rows = [(f.level, f.rule, f.column, f.reason) for f in broken]
    show_table(f"{name}: {report.rows} rows, {report.verdict}", ("level", "rule", "column", "what was found"), rows)


def _write_page(path: Path, frame: pd.DataFrame, report: QualityReport, title: str) -> None:
    from bedrail.cli.key_options import write_new
    from bedrail.data.profile import profile
    from bedrail.data.quality_page import pictures_of, quality_html

    measured = profile(frame)
    page = quality_html(report, measured, title=title, digest="", pictures=pictures_of(frame, measured))
    write_new(path, page.encode())


@click.command("diff")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--key", default="", help="Columns, separated by commas, that make a row the same row.")
@click.option("--skip", default="", help="Columns whose distribution does not matter, such as identifiers.")
@json_option
def diff(before: Path, after: Path, key: str, skip: str, as_json: bool) -> None:
    """What changed between two versions of a table: columns, rows, missing values, distributions beyond chance.

    \b
    Example: bedrail data diff march.parquet april.parquet --key encounter --skip patient
    """
    from bedrail.data.diff import diff_tables

    found = diff_tables(_table(before), _table(after), key=_names(key), skip=_names(skip))
    show_json(found) if as_json else show_diff(found)


def show_diff(found: TableDiff) -> None:
    """A diff as tables."""
    click.echo(f"{found.rows_before} rows before, {found.rows_after} after.")
    if found.added is None:
        click.echo(f"Rows cannot be matched: {found.why_no_rows}.")
    else:
        told = f"{found.added} added, {found.removed} removed, {found.changed} changed, {found.unchanged} unchanged"
        click.echo(f"Rows: {told}.")
    for what, names in (("added", found.columns_added), ("removed", found.columns_removed)):
        if names:
            click.echo(f"Columns {what}: {', '.join(names)}.")
    for name, was, now in found.kinds_changed:
        click.echo(f"Column {name} held {was}s and holds {now}s.")
    rows = [
        (s.column, f"{s.psi:.3f}", f"{s.low:.3f} to {s.high:.3f}", s.size, f"{s.p:.2g}",
         f"{s.missing_before:.1%}", f"{s.missing_after:.1%}")
        for s in found.shifted()
    ]  # fmt: skip
    columns = ("column", "index", "95 %", "shift", "p (Holm)", "missing before", "now")
    show_table(f"Shifted beyond chance: {len(rows)} of {len(found.shifts)} columns", columns, rows)


@click.command("leaks")
@click.argument("use_case")
@json_option
@pass_state
def leaks(state: CliState, use_case: str, as_json: bool) -> None:
    """Look for leaks in the admitted data: patients or twins in two parts, inputs that tell the outcome or the future.

    Exit code 1 when one is found, and when a question has no answer (`missing`): that is no pass.

    \b
    Example: bedrail --as sam data leaks readmission-30d
    """
    from bedrail.journeys.datasets import find_leaks

    found = find_leaks(state.context(), state.actor(), use_case)
    if as_json:
        show_json(found)
    else:
        rows = [(leak.kind, leak.where, str(leak.verdict), leak.reason) for leak in found]
        show_table("", ("question", "where", "verdict", "what was found"), rows)
    click.get_current_context().exit(0 if all(leak.verdict == "pass" for leak in found) else 1)


@click.command("versions")
@click.argument("use_case")
@click.option("--diff", "compared", nargs=2, default=None, metavar="BEFORE AFTER", help="Compare two of them.")
@json_option
@pass_state
def versions(state: CliState, use_case: str, compared: tuple[str, str] | None, as_json: bool) -> None:
    """The versions of a use case's data by digest; or compare two of them (digests, or their first letters).

    \b
    Example: bedrail --as sam data versions readmission-30d
    """
    from bedrail.journeys.datasets import compare_versions, list_versions

    if compared is not None:
        found = compare_versions(state.context(), state.actor(), use_case, *compared)
        show_json(found) if as_json else show_diff(found)
        return
    rows = list_versions(state.context(), use_case)
    if as_json:
        show_json(rows)
        return
    columns = ("dataset", "at", "rows", "quality", "purpose", "without consent", "holdout opened")
    show_table("", columns, [tuple(row[name] for name in columns) for row in rows])


@click.command("sheet")
@click.argument("use_case")
@click.option("--answers", type=click.Path(path_type=Path), default=None, help="People's answers (TOML), by question.")
@click.option("--template", type=click.Path(path_type=Path), default=None, help="Only write a new file to answer in.")
@json_option
@pass_state
def sheet(state: CliState, use_case: str, answers: Path | None, template: Path | None, as_json: bool) -> None:
    """Make the datasheet of the newest data: measured answers anew, people's answers kept; what is owed is named.

    Exit code 1 while questions are missing or stale.

    \b
    Example: bedrail --as sam data sheet readmission-30d --answers answers.toml
    """
    from bedrail.cli.key_options import text_option, write_new
    from bedrail.data.datasheet import answers_template, read_answers
    from bedrail.journeys.datasheets import PAGE, describe_dataset, last_answers

    context = state.context()
    if template is not None:
        context.use_case(use_case)
        write_new(template, answers_template(last_answers(context, use_case)).encode())
        click.echo(f"Answer in {template}, then: bedrail data sheet {use_case} --answers {template}")
        return
    given = read_answers(text_option(answers, "--answers"), name=answers.name) if answers else {}
    made = describe_dataset(context, state.actor(), use_case, given)
    owed, stale = made.standing("missing"), made.standing("stale")
    if as_json:
        show_json(made)
    else:
        click.echo(f"Datasheet: {context.home / 'reports' / use_case / PAGE}")
        for word, names in (("Missing", owed), ("Stale", stale)):
            if names:
                click.echo(f"{word}: {', '.join(names)}.")
    click.get_current_context().exit(1 if owed or stale else 0)


def _table(path: Path) -> pd.DataFrame:
    from bedrail.data.read import read_table

    return read_table(path)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pair(text: str, option: str = "--long") -> tuple[str, str] | None:
    if not text:
        return None
    name, colon, value = text.partition(":")
    if not (name and colon and value):
        remedy = "Write two names with a colon, such as parameter:value."
        raise Invalid("this names no two columns.", path=option, remedy=remedy)
    return name, value


COMMANDS = (read, check, diff, leaks, versions, sheet)
"""What `cli/cases.py` adds to `bedrail data`."""
