"""ledger shard, shards, prune: end the present shard of the ledger and begin the next, list them, prune old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

if TYPE_CHECKING:
    from bedrail.ledger.shards import Shard


@click.command("shard")
@click.option("--origin", required=True, help="The new shard's name, one that this ledger never had.")
@click.option("--new-key", is_flag=True, help="Sign the new shard with a new key, which the old one's seal names.")
@click.option("--destroy-old-keys", is_flag=True, help="With --new-key: then delete the former ledger keys.")
@json_option
@pass_state
def shard(state: CliState, origin: str, new_key: bool, destroy_old_keys: bool, as_json: bool) -> None:
    """Seal the present shard of the ledger, and go on in a new one under another name, such as a new year's.

    The two facts between them are one commit. Running servers go on in the new shard by themselves. For witnesses it is
    another log: let them trust the printed key line, and adopt a policy that names it. Whoever pinned the old key can
    verify the new shard with it. Backups from before a change of key need the old key to be gone on with.

    \b
    Examples:
      bedrail --as olivia ledger shard --origin hospital.example/ledger-2027
      bedrail --as olivia ledger shard --origin hospital.example/ledger-2027b --new-key --destroy-old-keys
    """
    from bedrail.journeys.sharding import begin_shard, destroy_former_keys

    if destroy_old_keys and not new_key:
        raise click.UsageError("--destroy-old-keys goes with --new-key.")
    app = state.app()
    made = begin_shard(state.context(), state.actor(), origin, app.keys.add_ledger_key if new_key else None)
    destroyed = 0
    if destroy_old_keys:
        keys = app.keys
        destroyed = destroy_former_keys(state.context(), state.actor(), keys.signers(), keys.destroy_ledger_keys)
    lines = app.verifier_keys()
    if as_json:
        show_json({"shards": [_told(each) for each in made], "keys": lines, "destroyed": destroyed})
        return
    sealed = made[-2]
    click.echo(f"{sealed.origin} is sealed at {sealed.size} entries; {origin} goes on from there.")
    click.echo(f"Its verifier key, for auditors and witnesses (`bedrail ledger keys` prints all):\n{lines[0]}")
    if state.context().refresh().continuity.witnesses:
        click.echo(
            "For each witness: bedrail witness trust FOLDER --log KEY. If your witness policy has log lines, then:"
        )
        click.echo("bedrail ledger witnesses --policy FILE, with the new line in place of the old one.")


@click.command("shards")
@json_option
@pass_state
def shards(state: CliState, as_json: bool) -> None:
    """The shards of the ledger: name, entries, when each was sealed, and the root of its final checkpoint.

    \b
    Example: bedrail ledger shards --json
    """
    from bedrail.journeys import sharding

    gone = sharding.pruned(state.context())
    told = [_told(each) | {"pruned_at": gone.get(each.origin, "")} for each in sharding.shards(state.context())]
    if as_json:
        show_json(told)
        return
    rows = [
        (
            t["origin"],
            f"{t['first']} to {t['last']}",
            t["sealed_at"][:19] or "being written",
            t["pruned_at"][:10],
            t["root"],
        )
        for t in told
    ]
    show_table("Shards", ("origin", "entries", "sealed", "pruned", "root"), rows)


@click.command("prune")
@click.argument("origin")
@click.option("--reason", required=True, help="Why; it goes on record, so no names.")
@click.option("--dry-run", is_flag=True, help="Only say whether it may be pruned.")
@json_option
@pass_state
def prune(state: CliState, origin: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Delete the decisions of a sealed shard whose retention is over, with their records; hashes and governance stay.

    The policy says for how many years (`keep_years` under [ledger]); a legal hold on one of its patients keeps it
    whole. After an interruption run it again. Backups made before still hold what was pruned.

    \b
    Example: bedrail --as pia ledger prune hospital.example/ledger-2019 --reason "retention is over" --dry-run
    """
    from bedrail.journeys import sharding

    if dry_run:
        state.context().require(state.actor(), "ledger.prune")
        due = sharding.due_for_pruning(state.context(), origin)
        told: dict[str, Any] = {"origin": origin, "dry_run": True, "first": due.start, "last": due.size - 1}
    else:
        went = sharding.prune_shard(state.context(), state.actor(), origin, reason)
        told = {"origin": origin, "entries": went.entries, "records": went.records}
    if as_json:
        show_json(told)
    elif dry_run:
        click.echo(f"{origin} may be pruned: entries {told['first']} to {told['last']}. Nothing was deleted.")
    else:
        click.echo(f"{origin} is pruned: {told['entries']} entries and {told['records']} records are gone.")


def _told(each: Shard) -> dict[str, Any]:
    from bedrail.ledger.guard import checkpoint_in

    root = checkpoint_in(each.final.encode()).root.hex() if each.final else ""
    return {
        "origin": each.origin,
        "first": each.start,
        "last": each.size - 1,
        "sealed_at": each.sealed_at,
        "root": root,
        "checkpoint": each.final,
        "key": each.key,
    }


COMMANDS = (shard, shards, prune)
"""What `bedrail ledger` gets from here."""
