"""sign-in, sign-out, whoami: proving who acts at this terminal, for the commands that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json
from bedrail.core.errors import Invalid, Refused

if TYPE_CHECKING:
    from bedrail.governance.sessions import Principal
    from bedrail.journeys.reception import Reception, Signed
    from bedrail.journeys.signing_in import Halfway

DOOR, SOURCE = "terminal", "terminal"


@click.command("sign-in")
@click.argument("person", default="")
@click.option("--invitation", is_flag=True, help="Set a password by an invitation, which is asked for.")
@click.option("--again", is_flag=True, help="Prove again that it is you, before a grave act.")
@click.option("--add-app", is_flag=True, help="Add (or replace) an authenticator app.")
@pass_state
def sign_in(state: CliState, person: str, invitation: bool, again: bool, add_app: bool) -> None:
    """Sign in by password and code; commands of this user on this home then act as that person.

    The session rests in a file that only this user can read; BEDRAIL_SESSION overrides it. Passkeys and identity
    providers need a browser: see the page /sign-in of `bedrail serve`.

    \b
    Example: bedrail sign-in olivia
             bedrail sign-in --invitation
    """
    at, file = state.reception(), state.app().session_file()
    present = state.context().principal
    if again or add_app:
        if present is None or not present.signed_in:
            raise Refused("nobody is signed in here.", remedy="bedrail sign-in PERSON")
        signed = _again(at, present)
    elif invitation:
        signed = _invited(at)
    else:
        signed = _by_password(at, person or state.person or click.prompt("Name"))
    file.write(signed.token)
    if add_app or _must_enrol(at, signed.principal):
        signed = _add_app(at, signed.principal)
        file.write(signed.token)
    _say(signed.principal)


def _by_password(at: Reception, person: str) -> Signed:
    from bedrail.journeys.signing_in import with_password

    password = click.prompt("Password", hide_input=True)
    return _second(at, with_password(at, person, password, source=SOURCE, door=DOOR, device=_device(at)))


def _invited(at: Reception) -> Signed:
    from bedrail.journeys.signing_in import accept_invitation

    invitation = click.prompt("Invitation", hide_input=True).strip()
    while True:
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True)
        try:
            came = accept_invitation(at, invitation, password, source=SOURCE, door=DOOR, device=_device(at))
            return _second(at, came)
        except Invalid as error:
            click.echo(str(error), err=True)


def _second(at: Reception, came: Signed | Halfway) -> Signed:
    from bedrail.journeys.signing_in import Halfway, with_code

    if not isinstance(came, Halfway):
        return came
    code = click.prompt("Code of your authenticator app, or a recovery code", hide_input=True)
    return with_code(at, came.ticket, code, source=SOURCE, door=DOOR, device=_device(at))


def _again(at: Reception, principal: Principal) -> Signed:
    from bedrail.governance.accounts import SECOND_FACTORS
    from bedrail.journeys.credentials import held
    from bedrail.journeys.signing_in import step_up

    second = any(each.kind in SECOND_FACTORS for each in held(at, principal.person))
    proof = click.prompt("Code of your authenticator app" if second else "Password", hide_input=True)
    return step_up(at, principal, proof if second else "", "" if second else proof, source=SOURCE)


def _must_enrol(at: Reception, principal: Principal) -> bool:
    return at.identity().needs_mfa(principal.roles) and not principal.mfa


def _add_app(at: Reception, principal: Principal) -> Signed:
    from bedrail.journeys.credentials import confirm_app, new_app

    made = new_app(at, principal)
    click.echo("Add this to your authenticator app, now; it is not shown again:")
    click.echo(f"  secret  {made.secret}")
    click.echo(f"  address {made.uri}")
    while True:
        code = click.prompt("The code that it shows")
        try:
            done = confirm_app(at, principal, made.ticket, code, source=SOURCE)
            break
        except Refused as error:
            if error.reasons[:1] != ("credentials",):
                raise
            click.echo(str(error), err=True)
    if done.recovery_codes:
        click.echo("Recovery codes, each good once when the app is not at hand; write them down, they are not kept:")
        for code in done.recovery_codes:
            click.echo(f"  {code}")
    return done.signed


def _device(at: Reception) -> str:
    return at.ctx.node


def _say(principal: Principal) -> None:
    from bedrail.governance.moments import iso
    from bedrail.governance.sessions import limits

    until = iso(principal.auth_time + limits(principal.roles).absolute)
    click.echo(f"Signed in as {principal.person} ({principal.auth}), at most until {until[:16].replace('T', ' ')} UTC.")


@click.command("sign-out")
@click.option("--everywhere", is_flag=True, help="End all your other sessions too.")
@pass_state
def sign_out(state: CliState, everywhere: bool) -> None:
    """End the session of this terminal.

    \b
    Example: bedrail sign-out
    """
    at, principal = state.reception(), state.context().principal
    if principal is not None and principal.signed_in:
        if everywhere:
            at.end_others(principal, "signed out everywhere")
        at.end(principal, "signed out")
    state.app().session_file().forget()
    click.echo("Signed out.")


@click.command()
@json_option
@pass_state
def whoami(state: CliState, as_json: bool) -> None:
    """Who commands act as, how that is known, and in which roles.

    \b
    Example: bedrail whoami --json
    """
    from bedrail.governance.access import roles_now
    from bedrail.governance.moments import iso

    context, person = state.context(), state.actor()
    principal, now = context.principal, context.clock.now().timestamp()
    signed = principal if principal is not None and principal.person == person else None
    told = {
        "person": person,
        "auth": signed.auth if signed else "local",
        "second_factor": signed.mfa if signed else False,
        "roles": sorted(roles_now(context.refresh(), person, now)),
        "since": iso(signed.auth_time) if signed else "",
        "names_are_believed": context.registry.identity.local == "trust",
    }
    if as_json:
        show_json(told)
        return
    how = f"signed in by {told['auth']}" if signed else "by name alone"
    click.echo(f"{person}, {how}; roles: {', '.join(sorted(roles_now(context.refresh(), person, now))) or 'none'}.")
