"""init, people, policy, token, doctor: setting up the house."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table


@click.command()
@click.option("--owner", required=True, help="Id of the person who owns this installation.")
@click.option("--origin", default="hospital.example/bedrail", show_default=True, help="Name of the ledger.")
@click.option("--store", default="", metavar="ADDRESS", help="postgresql://USER@HOST/DATABASE; SQLite without it.")
@pass_state
def init(state: CliState, owner: str, origin: str, store: str) -> None:
    """Make a home: store, keys, owner and the shipped policy.

    \b
    Example: bedrail --home ./home init --owner olivia
    """
    from bedrail.app import create_home
    from bedrail.journeys.upkeep import check_person_id, open_installation

    check_person_id(owner, "--owner")
    app = create_home(state.folder, origin, store=store)
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
@pass_state
def add(state: CliState, person: str, name: str, roles: tuple[str, ...]) -> None:
    """Add a person, or change the roles held.

    \b
    Example: bedrail people add dr-adams --name "Dr. Adams" --role clinical-lead
    """
    from bedrail.journeys.upkeep import add_person

    add_person(state.context(), state.actor(), person, name or person, roles)
    click.echo(f"{person}: {', '.join(roles)}")


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

    parsed = parse_policy(_read(file))
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

    digest = adopt_policy(state.context(), state.actor(), _read(file))
    click.echo(f"Policy {digest[:12]} is in force.")


def _read(file: Path) -> str:
    from bedrail.core.errors import Invalid

    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid("cannot be read as UTF-8 text.", path=str(file), remedy="Check the path and encoding.") from None


@click.group()
def token() -> None:
    """Bearer tokens of the systems that ask for decisions.

    \b
    Example: bedrail --as rob token issue readmission-30d --client ehr-discharge
    """


@token.command("issue")
@click.argument("use_case")
@click.option("--client", required=True, help="Which system will hold it, such as ehr-discharge.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How long it is good.")
@json_option
@pass_state
def issue(state: CliState, use_case: str, client: str, days: int, as_json: bool) -> None:
    """Issue a token for one use case; it is shown once, only its SHA-256 is kept.

    \b
    Example: bedrail token issue readmission-30d --client ehr-discharge
    """
    from bedrail.app import new_token
    from bedrail.journeys.delivery import issue_token

    secret, digest = new_token()
    fact = issue_token(state.context(), state.actor(), use_case, client, digest, valid_for=timedelta(days=days))
    if as_json:
        show_json({"token": secret, "id": fact.token, "expires": fact.expires})
    else:
        click.echo(secret)


@token.command("list")
@json_option
@pass_state
def list_tokens(state: CliState, as_json: bool) -> None:
    """Live tokens by id, with who holds them and until when; never the tokens themselves.

    \b
    Example: bedrail token list --json
    """
    columns = ("id", "use case", "client", "expires")
    rows = [(t.token, t.use_case, t.client, t.expires) for t in state.context().refresh().tokens.values()]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)


@token.command("revoke")
@click.argument("token_id")
@click.option("--reason", required=True, help="Why, such as lost or replaced; no secrets.")
@pass_state
def revoke(state: CliState, token_id: str, reason: str) -> None:
    """End a token at once, also on running servers.

    \b
    Example: bedrail --as rob token revoke 01JXXXXXXXXXXXXXXXXXXXXXXX --reason "laptop lost"
    """
    from bedrail.journeys.upkeep import revoke_token

    revoke_token(state.context(), state.actor(), token_id, reason)
    click.echo(f"Token {token_id} opens nothing from now on.")


@click.command()
@json_option
@pass_state
def doctor(state: CliState, as_json: bool) -> None:
    """Say what is unsafe in this installation and how to mend it. Exit code 1 when something is.

    \b
    Example: bedrail doctor
    """
    from bedrail.journeys.upkeep import posture

    findings = posture(state.context())
    if as_json:
        show_json(findings)
    else:
        show_table("Posture", ("state", "what", "mend"), [(f["state"], f["what"], f["mend"]) for f in findings])
    click.get_current_context().exit(1 if any(f["state"] == "unsafe" for f in findings) else 0)
