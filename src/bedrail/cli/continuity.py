"""ledger witnesses, publish, anchor: who watches over the ledger, and what its guard holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.cli.monitoring_receipts import monitor

if TYPE_CHECKING:
    from bedrail.ledger.proof import LogKeys
    from bedrail.ledger.quorum import LogKey, WitnessPolicy
    from bedrail.ledger.report import VerificationReport


@click.command("witnesses")
@click.option("--policy", type=click.Path(path_type=Path), default=None, help="Adopt this tlog-policy file.")
@json_option
@pass_state
def witnesses(state: CliState, policy: Path | None, as_json: bool) -> None:
    """Adopt a witness policy, or show the one in force and what its witnesses cosigned last. Exit 1 without a quorum.

    \b
    Example: bedrail --as sec ledger witnesses --policy witnesses.policy
    """
    from bedrail.journeys.publishing import adopt_witnesses

    context = state.context()
    if policy is not None:
        digest = adopt_witnesses(context, state.actor(), policy.read_bytes(), str(policy))
        click.echo(f"Adopted {policy} ({digest[:12]}). A running server publishes to these witnesses at once.")
        return
    publishing = state.app().publishing(lambda: context.refresh().continuity.witnesses)
    found = publishing.standing()
    if found is None:
        click.echo("No witness policy is in force. Adopt one: bedrail ledger witnesses --policy FILE")
        click.get_current_context().exit(1)
    if as_json:
        show_json(found)
    else:
        rows = [(w.name, w.url or "none", w.size, w.at or "never") for w in found.witnesses]
        show_table("Witnesses", ("name", "URL", "cosigned size", "at"), rows)
        click.echo(
            f"Quorum {found.quorum}: {'met' if found.met else 'NOT MET'} at {found.size} of {found.head} entries."
        )
    click.get_current_context().exit(0 if found.met else 1)


@click.command("publish")
@json_option
@pass_state
def publish(state: CliState, as_json: bool) -> None:
    """Send the newest checkpoint to the witnesses now, as a running server does by itself. Exit 1 without a quorum.

    \b
    Example: bedrail ledger publish
    """
    from bedrail.core.errors import Refused

    context = state.context()
    context.require(state.actor(), "ledger.verify")
    done = state.app().publishing(lambda: context.refresh().continuity.witnesses).publish()
    if done is None:
        raise Refused("no witnesses were adopted.", remedy="bedrail ledger witnesses --policy FILE")
    if as_json:
        show_json(done)
    else:
        for name in done.cosigned:
            click.echo(f"{name}: cosigned {done.size} entries")
        for name, why in done.troubles.items():
            click.secho(f"{name}: {why}", fg="red", err=True)
        click.echo(f"The quorum is {'met' if done.met else 'NOT met'} at {done.size} entries.")
    click.get_current_context().exit(0 if done.met and not context.ledger.refusal else 1)


@click.command("anchor")
@click.option("--renew", metavar="REASON", default="", help="The anchor's file is lost for good: begin a new one.")
@json_option
@pass_state
def anchor(state: CliState, renew: str, as_json: bool) -> None:
    """Show what the rollback guard holds; or, when its file is lost for good, verify everything and begin a new one.

    Renewing is on record. It cannot show whether the newest entries were deleted with the anchor: compare with a
    witness, a receipt or an earlier bundle.

    \b
    Example: bedrail --as sec ledger anchor --renew "the disk of the anchor broke, ticket 4711"
    """
    from bedrail.app import anchor_of, renew_anchor

    if renew:
        size = renew_anchor(state.folder, state.person or "", renew)
        click.echo(f"The anchor stands at {size} entries, and its renewal is on record.")
        return
    held = anchor_of(state.folder)
    if as_json:
        show_json({"place": str(held.place), "size": held.size, "note": held.note})
    else:
        click.echo(held.place)
        click.echo(held.note.partition("\n\n")[0] or "There is no anchor.")
    click.get_current_context().exit(0 if held.note else 1)


@dataclass(frozen=True, slots=True)
class Watched:
    """A witness policy, and the cosigned checkpoints of the ledger that it is held against."""

    policy: WitnessPolicy
    log: LogKey
    notes: dict[int, bytes]

    def known(self) -> list[tuple[str, bytes]]:
        """The checkpoints, for a verification that must find them in the history."""
        return [(f"cosigned {size}", note) for size, note in self.notes.items()]

    def judged(self, report: VerificationReport) -> VerificationReport:
        """The report, with a difference unless the quorum is met."""
        from bedrail.app import VERIFIERS
        from bedrail.ledger.quorum import with_quorum

        return with_quorum(report, self.notes, self.policy, VERIFIERS, self.log)


def watched_by(policy: Path, bundle: Path | None, home: Path, pinned: LogKeys | None) -> Watched:
    """The policy file, and what it judges: the cosigned checkpoints in a bundle, or those kept by a home."""
    from bedrail.app import cosigned_of, log_of
    from bedrail.cli.key_options import file_option
    from bedrail.ledger.bundle import cosigned_in
    from bedrail.ledger.quorum import LogKey, parse_policy_file

    parsed = parse_policy_file(file_option(policy, "--quorum"), str(policy))
    origin, key, notes = cosigned_in(bundle) if bundle is not None else (*log_of(home), cosigned_of(home))
    log = LogKey(origin=origin, public_key=key if pinned is None else pinned.public_key)
    return Watched(parsed, log, notes)


COMMANDS = (witnesses, publish, anchor, monitor)
"""What `bedrail ledger` gets from here."""
