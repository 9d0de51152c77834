"""retention: how long data are kept, what is due, legal holds, and disposal with certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrail.journeys.retention import Item
    from bedrail.journeys.retention_runs import Ran

asset_argument = click.argument("asset")
reason_option = click.option("--reason", required=True, help="Why; it goes on record, so no names.")


@click.group()
def retention() -> None:
    """How long each asset is kept, what is due, and its disposal.

    \b
    Example: bedrail retention due
    """


@retention.command("rules")
@json_option
def rules(as_json: bool) -> None:
    """Periods that laws ask for, as a start; needs no home. Confirm each with your counsel.

    \b
    Example: bedrail retention rules
    """
    from bedrail.data.retention import known_rules

    if as_json:
        show_json(known_rules())
        return
    rows = [(name, rule.keep, rule.event, rule.basis, rule.about) for name, rule in known_rules().items()]
    show_table("", ("rule", "keep", "from", "basis", "about"), rows)


@retention.command("set")
@asset_argument
@click.option("--rule", "template", default="", help="One of bedrail retention rules; the options below change it.")
@click.option("--keep", default="", help="Such as 10y, 18m, 90d; or forever.")
@click.option("--event", default="", help="What it is counted from: created, discharge, last-contact, contract-end ...")
@click.option("--since", default="", metavar="DAY", help="The day of that event, where Bedrail does not know it.")
@click.option("--basis", default="", help="The law, contract or policy.")
@pass_state
def set_rule(state: CliState, asset: str, template: str, keep: str, event: str, since: str, basis: str) -> None:
    """Say how long an asset is kept.

    \b
    Example: bedrail --as priya retention set admissions.csv --rule us-hospital-record --since 2021-06-30
    """
    from bedrail.journeys.retention import rule

    view = rule(
        state.context(), state.actor(), asset, keep=keep, event=event, since=since, basis=basis, template=template
    )
    kept = view.retention
    assert kept is not None
    click.echo(f"{view.name}: kept {kept.keep or 'forever'} from {kept.event} ({kept.basis}).")


@retention.command("hold")
@asset_argument
@reason_option
@pass_state
def hold(state: CliState, asset: str, reason: str) -> None:
    """A legal hold: nothing of this asset is disposed of until it is released.

    \b
    Example: bedrail --as priya retention hold admissions.csv --reason "court order 12/2026"
    """
    from bedrail.journeys.retention import hold as hold_now

    hold_now(state.context(), state.actor(), asset, reason)
    click.echo("Held.")


@retention.command("release")
@asset_argument
@reason_option
@pass_state
def release(state: CliState, asset: str, reason: str) -> None:
    """End a legal hold on an asset.

    \b
    Example: bedrail --as priya retention release admissions.csv --reason "case closed"
    """
    from bedrail.journeys.retention import release as release_now

    release_now(state.context(), state.actor(), asset, reason)
    click.echo("Released.")


@retention.command("due")
@click.option(
    "--ahead", type=click.IntRange(min=0, max=36_500), default=0, help="Also what is due within so many days."
)
@json_option
@pass_state
def due_command(state: CliState, ahead: int, as_json: bool) -> None:
    """What is due for disposal and why; also what is held, and what has no start or owner.

    \b
    Example: bedrail retention due --ahead 90
    """
    from bedrail.journeys.retention import due

    _show_items(due(state.context(), state.app().key_desk(), state.actor(), ahead=ahead), as_json)


@retention.command("approve")
@json_option
@pass_state
def approve_command(state: CliState, as_json: bool) -> None:
    """Approve the disposal of everything that is due now; somebody else carries it out within 30 days.

    \b
    Example: bedrail --as olivia retention approve
    """
    from bedrail.journeys.retention_runs import approve

    digest, plan = approve(state.context(), state.app().key_desk(), state.actor())
    if as_json:
        show_json({"plan": digest, "items": plan.items})
        return
    _show_items(plan.items, as_json)
    click.echo(f"Approved: {len(plan.items)} items, plan {digest[:12]}.")


@retention.command("run")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to put the certificates.")
@json_option
@pass_state
def run_command(state: CliState, dry_run: bool, folder: Path | None, as_json: bool) -> None:
    """Carry out the approved plan: destroy keys of what rests here, ask the owners of what rests elsewhere.

    Held assets are skipped and named. After an interruption, run it again. Exit code 1 when something was left.

    \b
    Example: bedrail --as priya retention run --dry-run
    """
    from rich.console import Console
    from rich.progress import Progress

    from bedrail.app import write_paper
    from bedrail.journeys.retention_runs import run

    context = state.context()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("disposal", total=None)
        ran = run(
            context,
            state.app().key_desk(),
            state.actor(),
            dry=dry_run,
            told=lambda done, total: progress.update(task, completed=done, total=total),
        )
    for digest in dict.fromkeys(each.certificate for each in ran.done if each.certificate):
        path = (folder or state.folder / "certificates") / f"retention-{digest[:16]}.json"
        write_paper(path, context.artifacts.get(digest))
    _show_run(ran, as_json)
    click.get_current_context().exit(1 if any(each.outcome.startswith("left") for each in ran.done) else 0)


@retention.command("prove")
@asset_argument
@click.option("--method", required=True, help="How it was destroyed, and by whom.")
@click.option("--paper", type=click.Path(path_type=Path), required=True, help="What shows it; only its digest is kept.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to put the certificate.")
@pass_state
def prove_command(state: CliState, asset: str, method: str, paper: Path, folder: Path | None) -> None:
    """As owner of an asset that rests elsewhere: it was destroyed. Gives a signed certificate of destruction.

    \b
    Example: bedrail --as dr-adams retention prove old.csv --method "shredded by ACME, 2 May" --paper acme.pdf
    """
    from bedrail.app import write_paper
    from bedrail.journeys.destruction import prove

    context = state.context()  # whether this person may at all, before anything is read
    digest, data = prove(context, state.actor(), asset, method=method, proof=paper.read_bytes())
    path = write_paper((folder or state.folder / "certificates") / f"destruction-{digest[:16]}.json", data)
    click.echo(f"Signed: {path}")


@retention.command("check-certificate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", default="", help="The home's evidence key in hex, known on another way.")
@json_option
def check_certificate(file: Path, key: str, as_json: bool) -> None:
    """Check a certificate of destruction and print it; needs no home.

    \b
    Example: bedrail retention check-certificate destruction-3f5a91c2.json
    """
    from bedrail.app import check_destruction_certificate
    from bedrail.core.errors import Invalid
    from bedrail.journeys.destruction import readable

    try:
        pinned = bytes.fromhex(key) or None
    except ValueError:
        raise Invalid("not a key.", path="--key", remedy="Give its 64 hex digits.") from None
    certificate = check_destruction_certificate(file.read_bytes(), pinned)
    if as_json:
        show_json(certificate)
        return
    click.echo(readable(certificate))
    click.echo("The signature holds." if pinned else "The signature holds, under the enclosed key.")


def _show_items(items: Sequence[Item], as_json: bool) -> None:
    if as_json:
        show_json(items)
        return
    columns = ("asset", "patient", "due", "state", "action", "owner", "why")
    rows = [(i.name, i.subject[:12], i.due, i.state, i.action, i.owner, i.why) for i in items]
    show_table("", columns, rows)


def _show_run(ran: Ran, as_json: bool) -> None:
    if as_json:
        show_json(ran)
        return
    rows = [(each.item.name, each.item.subject[:12], each.outcome, each.item.why) for each in ran.done]
    show_table("" if ran.recorded else "A dry run: nothing was done", ("asset", "patient", "outcome", "why"), rows)
    if ran.recorded and ran.count("destroyed"):
        click.echo("Older backups of the database open no longer: take a new one now.", err=True)
