"""Commands of `bedrail data` beside admission: reading what is needed."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import CliState, pass_state
from bedrail.core.errors import Invalid

PARTS = ("train", "validation", "calibration")


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
    names = [name.strip() for name in columns.split(",") if name.strip()]
    frame = read_rows(context, state.actor(), use_case, names, parts, reason)
    write_new(out, frame.to_csv(index=False).encode() if out.suffix == ".csv" else frame.to_parquet(index=False))
    click.echo(f"{len(frame)} rows, {len(frame.columns)} columns in {out}.")
