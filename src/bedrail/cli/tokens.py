"""token: bearer tokens of the systems that ask for decisions, from issue to rotation and end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

if TYPE_CHECKING:
    from bedrail.governance.values import TokenView


@click.group()
def token() -> None:
    """Bearer tokens of the systems that ask for decisions.

    \b
    Example: bedrail --as rob token issue readmission-30d --client ehr-discharge --can decide
    """


days_option = click.option(
    "--days", type=click.IntRange(1, 365), default=90, show_default=True, help="How long it is good."
)


@token.command("issue")
@click.argument("use_case")
@click.option("--client", required=True, help="The service account that will hold it, such as ehr-discharge.")
@click.option(
    "--can", default="", metavar="A,B", help="What it is good for: decide,respond,outcome,consent,read (all)."
)
@click.option("--owner", default="", help="Who answers for it; you, when not given.")
@days_option
@json_option
@pass_state
def issue(state: CliState, use_case: str, client: str, can: str, owner: str, days: int, as_json: bool) -> None:
    """Issue a token for one use case; it is shown once, only its SHA-256 is kept. A year at most.

    \b
    Example: bedrail token issue readmission-30d --client ehr-discharge --can decide,read
    """
    from bedrail.app import new_token
    from bedrail.governance.values import TOKEN_ACTIONS
    from bedrail.journeys.leaving import issue_token

    secret, digest = new_token()
    actions = tuple(word.strip() for word in can.split(",") if word.strip()) or TOKEN_ACTIONS
    fact = issue_token(
        state.context(),
        state.actor(),
        use_case,
        client,
        digest,
        valid_for=timedelta(days=days),
        actions=actions,
        owner=owner,
    )
    _show(secret, fact.token, fact.expires, as_json)


@token.command("rotate")
@click.argument("token_id")
@click.option("--overlap", default="7d", show_default=True, help="How long the old one stays good, such as 7d or 1h.")
@days_option
@json_option
@pass_state
def rotate(state: CliState, token_id: str, overlap: str, days: int, as_json: bool) -> None:
    """A new token with the same scope beside the old one, which ends after the overlap.

    \b
    Example: bedrail --as rob token rotate 01JXXXXXXXXXXXXXXXXXXXXXXX --overlap 2d
    """
    from bedrail.app import new_token
    from bedrail.cli.gates import parse_duration
    from bedrail.journeys.leaving import rotate_token

    secret, digest = new_token()
    fact = rotate_token(
        state.context(),
        state.actor(),
        token_id,
        digest,
        overlap=parse_duration(overlap) or timedelta(0),
        valid_for=timedelta(days=days),
    )
    _show(secret, fact.token, fact.expires, as_json)


def _show(secret: str, token_id: str, expires: str, as_json: bool) -> None:
    if as_json:
        show_json({"token": secret, "id": token_id, "expires": expires})
    else:
        click.echo(secret)


def _can(view: TokenView) -> str:
    return "nothing: suspended" if view.suspended else ", ".join(sorted(view.actions))


@token.command("list")
@json_option
@pass_state
def list_tokens(state: CliState, as_json: bool) -> None:
    """Live tokens: who holds and answers for them, what for, until when, and the day of last use; never the tokens.

    \b
    Example: bedrail token list --json
    """
    columns = ("id", "use case", "client", "owner", "can", "expires", "last used")
    rows = [
        (t.token, t.use_case, t.client, t.owner or "nobody", _can(t), t.expires, t.used_day)
        for t in state.context().refresh().tokens.values()
    ]
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("", columns, rows)


@token.command("hand-over")
@click.argument("token_id")
@click.option("--owner", required=True, help="Who answers for it from now on.")
@pass_state
def hand_over(state: CliState, token_id: str, owner: str) -> None:
    """Somebody else answers for a token; it ends within a week, so that they rotate it.

    \b
    Example: bedrail --as rob token hand-over 01JXXXXXXXXXXXXXXXXXXXXXXX --owner rita
    """
    from bedrail.journeys.leaving import hand_over_token

    fact = hand_over_token(state.context(), state.actor(), token_id, owner)
    click.echo(f"{owner} answers for it. It ends on {fact.expires}: bedrail token rotate {token_id}")


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
