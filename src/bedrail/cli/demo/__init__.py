"""The whole story on real hospital data, played through the same commands and the same server that everybody uses."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from bedrail.core.errors import Invalid

PROJECT = Path(__file__).resolve().parents[4]


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo-home"), show_default=True,
              help="Where the demo's home and papers go; made anew each time.")  # fmt: skip
@click.option("--examples", type=click.Path(path_type=Path), default=PROJECT / "examples", help="The examples folder.")
def demo(folder: Path, examples: Path) -> None:
    """Play the whole story: from data to decisions, alarms, rollback and proof. Takes a few minutes.

    \b
    Example: bedrail demo --folder demo-home
    """
    from bedrail.cli.demo.acts import play

    if not (examples / "readmission-30d" / "usecase.toml").is_file():
        raise Invalid(
            "the examples are not there.",
            path=str(examples),
            remedy="Run from a checkout, or name them: --examples DIR.",
        )
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise Invalid("this is a file.", path=str(folder), remedy="Name an empty or new folder.")
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "demo.json").exists():
            raise Invalid("the folder holds something else.", path=str(folder), remedy="Name an empty or new folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "demo.json").write_text("{}")
    play(folder, examples.resolve())
