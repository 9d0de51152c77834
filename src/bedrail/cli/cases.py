"""use-case, status, data: what AI is to do, where it stands, and on which data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from bedrail.cli.datasets import COMMANDS
from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json, show_table
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from bedrail.journeys.admission import Making


@click.group("use-case")
def use_case() -> None:
    """Use cases: what AI is to do, for whom, within which limits.

    \b
    Example: bedrail use-case open examples/readmission-30d
    """


@use_case.command("open")
@click.argument("folder", type=click.Path(path_type=Path))
@pass_state
def open_(state: CliState, folder: Path) -> None:
    """Open a use case from its folder (usecase.toml), or renew its charter.

    \b
    Example: bedrail use-case open examples/readmission-30d
    """
    from bedrail.cli.key_options import text_option
    from bedrail.journeys.delivery import open_use_case

    file = folder / "usecase.toml"
    if not file.is_file():
        raise Invalid("there is no usecase.toml.", path=str(folder), remedy="Name the folder that holds it.")
    charter = open_use_case(state.context(), state.actor(), text_option(file, "FOLDER"))
    click.echo(f"{charter.use_case.id}: {charter.use_case.title} ({charter.use_case.tier} tier) is open.")


@click.command()
@click.argument("use_case", required=False)
@json_option
@pass_state
def status(state: CliState, use_case: str | None, as_json: bool) -> None:
    """Where every use case stands: stage, version, since when, until when, and what was answered.

    \b
    Example: bedrail status readmission-30d
    """
    from bedrail.journeys.overview import standing

    context = state.context()
    names = [use_case] if use_case else sorted(context.refresh().use_cases)
    rows = [standing(context, name) for name in names]
    if as_json:
        show_json(rows)
        return
    columns = ("use case", "tier", "stage", "version", "serves", "until", "answered", "fell back", "alarms")
    counted = (*columns, "findings", "abuse")
    show_table("", counted, [tuple(row[c] for c in counted) for row in rows])


@click.group()
def data() -> None:
    """Data: admission, quality, splits.

    \b
    Example: bedrail --as sam data admit readmission-30d --file encounters.parquet
    """


for _command in COMMANDS:
    data.add_command(_command)


@data.command("admit")
@click.argument("use_case")
@click.option("--folder", type=click.Path(path_type=Path), help="The use case's folder: prepares the table it names.")
@click.option("--file", type=click.Path(path_type=Path), help="A prepared table (CSV or Parquet).")
@click.option("--before", type=float, default=None, help="Only rows whose time is below this.")
@click.option("--asset", "assets", multiple=True, help="The catalogue's asset that it comes from; as often as needed.")
@json_option
@pass_state
def admit(
    state: CliState, use_case: str, folder: Path | None, file: Path | None, before: float | None,
    assets: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Admit a table: de-identify, profile, check quality, digest, split; refused when it breaks a blocking rule.

    \b
    Example: bedrail data admit readmission-30d --folder examples/readmission-30d --asset admissions.csv
    """
    from bedrail.journeys.admission import admission_paper, admit_data
    from bedrail.journeys.cataloguing import live_asset
    from bedrail.journeys.stewarding import draw

    context = state.context()
    for asset in assets:  # before anything is admitted
        live_asset(context, asset)
    charter = context.charter(use_case)
    if (folder is None) == (file is None):
        raise Invalid("name either --folder or --file.", path="--file", remedy="See bedrail data admit --help.")
    frame, source = (
        prepared_table(folder, charter.data.source, charter.data.prepare)
        if folder is not None
        else _given_table(file or Path())
    )
    making = _making(folder, file, charter.data.source, charter.data.prepare, charter.data.query)
    if before is not None:
        charter.roles().require([str(name) for name in frame.columns], path="usecase.toml data")
        if frame[charter.data.time].dtype.kind not in "iuf":
            raise Invalid(
                f"`{charter.data.time}` holds no numbers.", path="--before", remedy="Filter the table before admission."
            )
        frame = frame[frame[charter.data.time] < before].reset_index(drop=True)
    progress = progress_lines()
    report = admit_data(context, state.actor(), use_case, frame, source=source, making=making, progress=progress)
    drawn = [draw(context, state.actor(), use_case, asset).asset for asset in assets]
    view = context.use_case(use_case).dataset
    assert view is not None
    paper = admission_paper(context, use_case)
    told = ("spared_holdout_rows", "rows_without_consent", "rows_not_needed")
    spared, unconsented, unneeded = (int(paper.get(name, 0)) for name in told)
    if as_json:
        show_json(
            {"dataset": view.dataset, "rows": view.rows, "verdict": report.verdict, "split": view.counts,
             "spared_holdout_rows": spared, "rows_without_consent": unconsented, "rows_not_needed": unneeded,
             "assets": drawn}
        )  # fmt: skip
        return
    click.echo(f"Dataset {view.dataset[:12]}: {view.rows} rows, quality {report.verdict}.")
    show_table("Split", tuple(view.counts), [tuple(view.counts.values())])
    if spared:
        click.echo(f"{spared} rows kept out of the holdout: their patients stood in one that was opened before.")
    if unneeded:
        click.echo(f"{unneeded} rows left out: the purpose does not need them.")
    if unconsented:
        click.echo(f"{unconsented} rows left out: their people may not be used for {charter.data.purpose}.")
    click.echo(f"Report: {context.home / 'reports' / use_case / 'data-quality.html'}")


def _given_table(file: Path) -> tuple[pd.DataFrame, str]:
    from bedrail.data.read import read_table

    return read_table(file), file.name


def _making(folder: Path | None, file: Path | None, source: str, prepare: str, query: str) -> Making:
    """Sources, steps and query with the digests of their files."""
    from bedrail.journeys.admission import Making

    if folder is None:
        return Making(sources=(_named(file or Path()),))
    return Making(
        sources=(_named(folder / source),),
        query=_digest(folder / query) if query else "",
        steps=(_named(folder / prepare),) if prepare else (),
    )


def _named(path: Path) -> str:
    return f"{path.name}@{_digest(path)}"


def _digest(path: Path) -> str:
    import hashlib

    if not path.is_file():
        raise Invalid("there is no such file.", path=str(path), remedy="usecase.toml [data] names it.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prepared_table(folder: Path, source: str, prepare: str) -> tuple[pd.DataFrame, str]:
    """The encounter table of a use-case folder, by running its prepare script in a process of its own.

    The returned source names the script's and the file's digests, so that the lineage can be walked back.
    """
    import hashlib

    from bedrail.data.read import read_table

    if not prepare:
        return read_table(folder / source), source
    for name in (source, prepare):
        if not (folder / name).is_file():
            raise Invalid(f"there is no {name}.", path=str(folder), remedy="usecase.toml [data] names it.")
    with TemporaryDirectory() as scratch:
        out = Path(scratch) / "table.parquet"
        command = [sys.executable, str(folder / prepare), str(folder / source), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (the use case's own script)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise Invalid(f"{prepare} failed: {last}", path=str(folder / prepare), remedy="Run it by hand and mend it.")
        frame = read_table(out)
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest()[:16] for name in (source, prepare)]
    return frame, f"{source}@{digests[0]} {prepare}@{digests[1]}"
