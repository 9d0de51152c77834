"""keys: what keys there are, rotating them, who keeps them, legal holds, and disposal by destroying keys."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

subject_option = click.option("--subject", default="", help="A pseudonym; `-` reads an identifier, which is not kept.")
dataset_option = click.option("--dataset", default="", help="The digest of an admitted table.")
reason_option = click.option("--reason", required=True, help="Why; it goes on record, so no names.")


@click.group()
def keys() -> None:
    """The keys of this home: inventory, rotation, custody, disposal.

    \b
    Example: bedrail --as kim keys list
    """


@keys.command("list")
@json_option
@pass_state
def list_keys(state: CliState, as_json: bool) -> None:
    """Every key: what for, with which provider, how old, who keeps it. No key material.

    \b
    Example: bedrail --as kim keys list --json
    """
    from bedrail.journeys.custody import inventory

    lines = inventory(state.context(), state.app().key_desk(), state.actor())
    if as_json:
        show_json(lines)
        return
    columns = ("key", "purpose", "provider", "algorithm", "version", "created", "days", "custodian", "state", "holds")
    rows = [
        (k.key, k.purpose, k.provider, k.algorithm, k.version, k.created[:10], k.age_days, k.custodian, k.state,
         k.holds or "")
        for k in lines
    ]  # fmt: skip
    show_table("Keys", columns, rows)


@keys.command("health")
@json_option
@pass_state
def health(state: CliState, as_json: bool) -> None:
    """Ask each key provider of keys.toml to wrap and unwrap something. Exit code 1 when one is out.

    \b
    Example: bedrail --as kim keys health
    """
    from bedrail.journeys.custody import check_providers

    found = check_providers(state.context(), state.app().key_desk(), state.actor())
    if as_json:
        show_json(found)
    else:
        show_table("", ("provider", "kind", "state", "what"), [(h.provider, h.kind, h.state, h.what) for h in found])
    click.get_current_context().exit(1 if any(h.state == "out" for h in found) else 0)


@keys.group("rotate")
def rotate() -> None:
    """New keys for old, while everything goes on.

    \b
    Example: bedrail --as kim keys rotate kek
    """


@rotate.command("kek")
@click.option("--to", default="", help="Another provider of keys.toml; else the one in use.")
@json_option
@pass_state
def rotate_kek(state: CliState, to: str, as_json: bool) -> None:
    """Wrap every data key under a new key. Nothing stops meanwhile; after an interruption, run it again.

    \b
    Example: bedrail --as kim keys rotate kek --to hsm
    """
    from bedrail.journeys.custody import rotate_kek as rotate_now

    with _bar("data keys") as told:
        done = rotate_now(state.context(), state.app().key_desk(), state.actor(), to=to, told=told)
    if as_json:
        show_json(done)
        return
    what = "An interrupted rotation was finished" if done.resumed else "Rotated"
    click.echo(f"{what}: {done.keys} data keys are now wrapped under {done.epoch}, kept by {done.provider}.")


@keys.command("move-pseudonyms")
@click.option("--to", required=True, help="A provider of keys.toml that keeps no data keys.")
@pass_state
def move_pseudonyms(state: CliState, to: str) -> None:
    """Hand the key of pseudonyms to a provider of its own; pseudonyms stay what they are.

    \b
    Example: bedrail --as pia keys move-pseudonyms --to pseudonyms
    """
    from bedrail.journeys.custody import move_pseudonyms as move

    version = move(state.context(), state.app().key_desk(), state.actor(), to)
    click.echo(f"The key of pseudonyms rests with {to}, under {version}. Restart the servers to try it.")


@keys.command("shred")
@subject_option
@dataset_option
@reason_option
@click.option("--later", is_flag=True, help="Destroy the data keys now; copies in backups at the next completion.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to put the certificate.")
@json_option
@pass_state
def shred(
    state: CliState, subject: str, dataset: str, reason: str, later: bool, folder: Path | None, as_json: bool
) -> None:
    """Forget a patient or a dataset for good by destroying keys, backups included; gives a signed certificate.

    Older backups of the database cannot be opened any more afterwards, by anybody: take a new one.

    \b
    Example: bedrail --as petra keys shred --subject 3f5a91c2d4e6f708192a3b4c5d6e7f80 --reason "erasure asked for"
    """
    from bedrail.journeys.disposal import shred as shred_now

    subject = _typed(state, subject)
    shred_now(state.context(), state.app().key_desk(), state.actor(), subject=subject, dataset=dataset, reason=reason)
    if later:
        click.echo("Its data keys are destroyed. For copies in backups: bedrail keys complete-disposal", err=as_json)
        return
    _complete(state, folder, as_json)


@keys.command("complete-disposal")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to put the certificates.")
@json_option
@pass_state
def complete_disposal(state: CliState, folder: Path | None, as_json: bool) -> None:
    """Finish every ordered disposal: copies in backups open nowhere any more; gives signed certificates.

    \b
    Example: bedrail --as kim keys complete-disposal
    """
    _complete(state, folder, as_json)


@keys.command("check-certificate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", default="", help="The home's evidence key in hex, known on another way.")
@json_option
def check_certificate(file: Path, key: str, as_json: bool) -> None:
    """Check a certificate of disposal and print it; needs no home.

    \b
    Example: bedrail keys check-certificate disposal-3f5a91c2.json
    """
    from bedrail.app import check_disposal_certificate
    from bedrail.core.errors import Invalid
    from bedrail.journeys.disposal import readable

    try:
        pinned, data = bytes.fromhex(key) or None, file.read_bytes()
    except ValueError:
        raise Invalid("not a key.", path="--key", remedy="Give its 64 hex digits.") from None
    certificate = check_disposal_certificate(data, pinned)
    if as_json:
        show_json(certificate)
        return
    click.echo(readable(certificate))
    click.echo("The signature holds." if pinned else "The signature holds, under the enclosed key.")


@keys.command("hold")
@subject_option
@dataset_option
@reason_option
@pass_state
def hold(state: CliState, subject: str, dataset: str, reason: str) -> None:
    """Nothing of this patient or dataset may be disposed of until the hold is lifted.

    \b
    Example: bedrail --as petra keys hold --subject 3f5a91c2d4e6f708192a3b4c5d6e7f80 --reason "court order 12/2026"
    """
    from bedrail.journeys.custody import place_hold

    place_hold(state.context(), state.actor(), subject=_typed(state, subject), dataset=dataset, reason=reason)
    click.echo("Held.")


@keys.command("lift-hold")
@subject_option
@dataset_option
@reason_option
@pass_state
def lift_hold(state: CliState, subject: str, dataset: str, reason: str) -> None:
    """End a hold.

    \b
    Example: bedrail --as petra keys lift-hold --subject 3f5a91c2d4e6f708192a3b4c5d6e7f80 --reason "case closed"
    """
    from bedrail.journeys.custody import lift_hold as lift

    lift(state.context(), state.actor(), subject=_typed(state, subject), dataset=dataset, reason=reason)
    click.echo("The hold is lifted.")


@keys.command("holds")
@json_option
@pass_state
def holds(state: CliState, as_json: bool) -> None:
    """What may not be disposed of, and which disposals are not complete.

    \b
    Example: bedrail --as petra keys holds
    """
    from bedrail.journeys.custody import standing

    rows = standing(state.context(), state.actor())
    if as_json:
        show_json(rows)
    else:
        show_table("", ("state", "subject", "dataset", "reason"), [tuple(row.values()) for row in rows])


def _typed(state: CliState, subject: str) -> str:
    """The pseudonym; `-` asks for an identifier on standard input, which stands in no history and no record."""
    if subject != "-":
        return subject
    from bedrail.journeys.custody import find_pseudonym

    typed = click.prompt("Identifier", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    return find_pseudonym(state.context(), state.actor(), str(typed).strip())


def _complete(state: CliState, folder: Path | None, as_json: bool) -> None:
    from bedrail.app import write_paper
    from bedrail.journeys.disposal import complete, readable

    with _bar("data keys") as told:
        issued = complete(state.context(), state.app().key_desk(), state.actor(), told=told)
    where = folder or state.folder / "certificates"
    for one in issued:
        name = f"disposal-{(one.certificate.subject or one.certificate.dataset)[:16]}-{one.digest[:8]}"
        path = write_paper(where / f"{name}.json", one.data)
        write_paper(where / f"{name}.txt", readable(one.certificate).encode())
        if not as_json:
            click.echo(readable(one.certificate))
            click.echo(f"Signed: {path}")
    if as_json:
        show_json([one.certificate for one in issued])
    click.echo("Older backups of the database open no longer: take a new one now.", err=True)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield told
