"""init, people, policy, token: setting up the house."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.cli.key_options import text_option


@click.command()
@click.option("--owner", required=True, help="Id of the person who owns this installation.")
@click.option("--origin", default="hospital.example/bedrail", show_default=True, help="Name of the ledger.")
@click.option("--store", default="", metavar="ADDRESS", help="postgresql://USER@HOST/DATABASE; SQLite without it.")
@click.option("--anchor", type=click.Path(path_type=Path), default=None, help="Where the anchor lies: another disk.")
@pass_state
def init(state: CliState, owner: str, origin: str, store: str, anchor: Path | None) -> None:
    """Make a home: store, keys, owner and the shipped policy.

    \b
    Example: bedrail --home ./home init --owner olivia
    """
    from bedrail.app import create_home
    from bedrail.journeys.upkeep import check_person_id, open_installation

    check_person_id(owner, "--owner")
    app = create_home(state.folder, origin, store=store, anchor=anchor)
    state.opened.append(app)
    click.get_current_context().call_on_close(state.close)
    open_installation(app.context, origin, owner, app.public_names())
    click.echo(f"Home made in {state.folder}.")
    click.echo(f"Ledger {origin}, key {app.public_key.hex()}: write it down elsewhere, auditors pin it.")


@click.group()
def people() -> None:
    """People and the roles they hold.

    \b
    Example: bedrail people add dr-adams --role clinical-lead
    """


@people.command("add")
@click.argument("person")
@click.option("--name", default="", help="Full name.")
@click.option("--role", "roles", multiple=True, required=True, help="A role; repeat for several.")
@click.option("--site", "sites", multiple=True, help="Decisions of this site only are theirs to see; repeat.")
@pass_state
def add(state: CliState, person: str, name: str, roles: tuple[str, ...], sites: tuple[str, ...]) -> None:
    """Add a person, or change the roles held; roles taken away may move what rests on their approvals.

    \b
    Example: bedrail people add dr-adams --name "Dr. Adams" --role clinical-lead
    """
    from bedrail.journeys.upkeep import add_person

    followed = add_person(state.context(), state.actor(), person, name or person, roles, sites)
    click.echo(f"{person}: {', '.join(roles)}" + (f" at {', '.join(sites)}" if sites else ""))
    for line in followed:
        click.echo(line)


@people.command("leave")
@click.argument("person")
@click.option("--reason", required=True, help="Why, such as end of contract.")
@click.option("--hand-over", default="", metavar="PERSON", help="Takes over their tokens for a week; else they end.")
@json_option
@pass_state
def leave_command(state: CliState, person: str, reason: str, hand_over: str, as_json: bool) -> None:
    """A person leaves: roles, sessions and tokens end at once, on running servers too.

    \b
    Example: bedrail --as olivia people leave rob --reason "end of contract" --hand-over rita
    """
    from bedrail.journeys.leaving import leave

    left = leave(state.context(), state.actor(), person, reason, hand_over=hand_over)
    if as_json:
        show_json(left)
        return
    click.echo(f"{person} left. Tokens ended: {len(left.revoked)}; handed over for a week: {len(left.handed_over)}.")
    for line in (*left.consequences, *left.to_settle):
        click.echo(line)


@people.command("list")
@json_option
@pass_state
def list_people(state: CliState, as_json: bool) -> None:
    """Who may act here, and in which roles.

    \b
    Example: bedrail people list --json
    """
    rows = [(p.person, p.name, ", ".join(sorted(p.roles))) for p in state.context().refresh().people.values()]
    if as_json:
        show_json([{"person": p, "name": n, "roles": r.split(", ")} for p, n, r in rows])
    else:
        show_table("People", ("person", "name", "roles"), rows)


@click.group()
def policy() -> None:
    """The policy in force.

    \b
    Example: bedrail policy lint policy.toml
    """


@policy.command("show")
@pass_state
def show(state: CliState) -> None:
    """Print the policy in force.

    \b
    Example: bedrail policy show > policy.toml
    """
    context = state.context()
    click.echo(context.artifacts.get(context.refresh().policy).decode())


@policy.command("lint")
@click.argument("file", type=click.Path(path_type=Path))
def lint(file: Path) -> None:
    """Check a policy file; errors point at the line.

    \b
    Example: bedrail policy lint policy.toml
    """
    from bedrail.governance.policy import parse_policy

    parsed = parse_policy(text_option(file, "FILE"))
    click.echo(f"{file}: a valid policy, named {parsed.name}.")


@policy.command("adopt")
@click.argument("file", type=click.Path(path_type=Path))
@pass_state
def adopt(state: CliState, file: Path) -> None:
    """Put a policy in force; evidence and approvals under the former one no longer open gates.

    \b
    Example: bedrail --as olivia policy adopt policy.toml
    """
    from bedrail.journeys.upkeep import adopt_policy

    digest = adopt_policy(state.context(), state.actor(), text_option(file, "FILE"))
    click.echo(f"Policy {digest[:12]} is in force.")
