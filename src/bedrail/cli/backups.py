"""backup, restore: a copy of the home while it serves, and the way back from one."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json


@click.command()
@click.option("--out", "folder", type=click.Path(path_type=Path), required=True, help="An empty or new folder.")
@click.option("--with-keys", is_flag=True, help="Put the keys beside the data: whoever has both can read everything.")
@json_option
@pass_state
def backup(state: CliState, folder: Path, with_keys: bool, as_json: bool) -> None:
    """Copy the home as it is at one moment, while it goes on serving.

    \b
    Example: bedrail --as rob backup --out /backups/2026-11-22
    """
    manifest = state.app().back_up(state.actor(), folder, keys=with_keys, told=progress_lines("backup: "))
    if as_json:
        show_json({"folder": str(folder), "size": manifest.size, "root": manifest.root, "files": len(manifest.files)})
        return
    click.echo(f"Backup in {folder}: {manifest.size} entries, root {manifest.root}.")
    if not with_keys:
        click.echo("The keys are not in it: keep a copy of the home's keys folder somewhere else.")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--keys", type=click.Path(path_type=Path), help="Copy of the keys folder.")
@click.option("--anchor", type=click.Path(path_type=Path), help="The newest checkpoint that is known.")
@click.option("--store", default="", metavar="ADDRESS", help="Restore into PostgreSQL: postgresql://USER@HOST/DATABASE")
@click.option("--accept-loss", default="", metavar="REASON", help="Go on although signed entries are missing; why.")
@json_option
@pass_state
def restore(
    state: CliState,
    folder: Path,
    keys: Path | None,
    anchor: Path | None,
    store: str,
    accept_loss: str,
    as_json: bool,
) -> None:
    """Put a home back from a backup, once all of it is proven; never over a home that is there.

    \b
    Example: bedrail --home ./home --as rob restore /backups/2026-11-22 --keys /safe/keys --anchor /safe/checkpoint
    """
    from bedrail.app import restore_home

    restored = restore_home(
        folder,
        state.folder,
        person=state.person or "",
        keys=keys,
        anchor=anchor,
        store=store,
        accept_loss=accept_loss,
        told=progress_lines("restore: "),
    )
    if as_json:
        show_json(restored)
        return
    click.echo(f"Restored {restored.size} entries into {state.folder}, root {restored.root}: as it was backed up.")
    if restored.lost:
        click.echo(f"Lost, accepted and on record: {restored.lost}.")
