"""accounts: who can sign in, with what, and through whom."""

from __future__ import annotations

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table

reason_option = click.option("--reason", required=True, help="Why; no secrets.")


@click.group()
def accounts() -> None:
    """Accounts: inviting people to sign in, resetting, disabling, linking to an identity provider.

    \b
    Example: bedrail accounts add olivia
    """


@accounts.command("list")
@json_option
@pass_state
def list_accounts(state: CliState, as_json: bool) -> None:
    """Everybody who works here, with the state of their account and what they sign in with.

    \b
    Example: bedrail accounts list
    """
    from bedrail.journeys.accounts import accounts as lines

    rows = lines(state.reception())
    if as_json:
        show_json(rows)
        return
    shown = [
        (
            r.person,
            ", ".join(r.roles),
            r.state,
            ", ".join(r.factors),
            "yes" if r.needs_second_factor else "",
            r.sessions,
        )
        for r in rows
    ]
    show_table("Accounts", ("person", "roles", "state", "signs in with", "needs two factors", "sessions"), shown)


@accounts.command("add")
@click.argument("person")
@json_option
@pass_state
def add(state: CliState, person: str, as_json: bool) -> None:
    """Open an account, or invite again; the invitation is shown once and is good once, for three days.

    The first account is your own. From then on names alone (--as) are not believed.

    \b
    Example: bedrail --as olivia accounts add olivia
    """
    from bedrail.journeys.accounts import open_account

    _show_invitation(open_account(state.reception(), state.actor(), person), person, as_json)


def _show_invitation(invitation: str, person: str, as_json: bool) -> None:
    if as_json:
        show_json({"person": person, "invitation": invitation})
        return
    click.echo(invitation)
    click.echo(
        f"Hand it to {person} in person: bedrail sign-in --invitation, or the page /sign-in/invitation.", err=True
    )


@accounts.command("reset")
@click.argument("person")
@reason_option
@json_option
@pass_state
def reset(state: CliState, person: str, reason: str, as_json: bool) -> None:
    """A new invitation for somebody who forgot the password; the second factor is still asked for.

    \b
    Example: bedrail accounts reset sam --reason "forgot it, came to my office"
    """
    from bedrail.journeys.accounts import reset_password

    _show_invitation(reset_password(state.reception(), state.actor(), person, reason), person, as_json)


@accounts.command("reset-mfa")
@click.argument("person")
@reason_option
@pass_state
def reset_mfa(state: CliState, person: str, reason: str) -> None:
    """Remove somebody's lost second factors and recovery codes; nobody does it for themselves.

    \b
    Example: bedrail accounts reset-mfa sam --reason "phone lost, identity seen"
    """
    from bedrail.journeys.accounts import reset_second_factors

    reset_second_factors(state.reception(), state.actor(), person, reason)
    click.echo(f"{person} enrols a second factor at the next sign-in.")


@accounts.command("disable")
@click.argument("person")
@reason_option
@pass_state
def disable(state: CliState, person: str, reason: str) -> None:
    """Nobody signs in as this person, and their sessions end at once.

    \b
    Example: bedrail accounts disable sam --reason "on leave"
    """
    from bedrail.journeys.accounts import disable_account

    disable_account(state.reception(), state.actor(), person, reason)
    click.echo(f"The account of {person} is disabled.")


@accounts.command("enable")
@click.argument("person")
@pass_state
def enable(state: CliState, person: str) -> None:
    """Let a person sign in again.

    \b
    Example: bedrail accounts enable sam
    """
    from bedrail.journeys.accounts import enable_account

    enable_account(state.reception(), state.actor(), person)
    click.echo(f"{person} can sign in again.")


@accounts.command("sessions")
@click.argument("person")
@json_option
@pass_state
def sessions(state: CliState, person: str, as_json: bool) -> None:
    """A person's open sessions.

    \b
    Example: bedrail accounts sessions sam
    """
    rows = state.reception().open_sessions(person)
    if as_json:
        show_json(rows)
        return
    columns = ("session", "by", "door", "device", "since", "last used", "ends")
    show_table("", columns, [(r.session, r.auth, r.door, r.device, r.since, r.seen, r.until) for r in rows])


@accounts.command("end")
@click.argument("person")
@click.option("--session", default="", help="One session by its id; all when not given.")
@reason_option
@pass_state
def end(state: CliState, person: str, session: str, reason: str) -> None:
    """End a person's sessions, on every server, at their next request.

    \b
    Example: bedrail accounts end sam --reason "laptop stolen"
    """
    from bedrail.journeys.accounts import end_sessions

    count = end_sessions(state.reception(), state.actor(), person, reason, session)
    click.echo(f"{count} session{'s' if count != 1 else ''} of {person} ended.")


@accounts.command("rules")
@click.option("--local", type=click.Choice(["trust", "signed-in"]), help="Whether a name alone (--as) is believed.")
@click.option("--mfa-role", "mfa_roles", multiple=True, help="Roles that need two factors, all of them; repeat.")
@json_option
@pass_state
def rules(state: CliState, local: str | None, mfa_roles: tuple[str, ...], as_json: bool) -> None:
    """Show, or set, how people prove who they are; roles that decide or release always need two factors.

    \b
    Example: bedrail accounts rules --local signed-in
    """
    from bedrail.governance.sessions import POWERFUL
    from bedrail.journeys.accounts import rule_sign_in

    at = state.reception()
    if local or mfa_roles:
        rule_sign_in(at, state.actor(), local or at.identity().local, mfa_roles or None)
    identity = at.identity()
    told = {"local": identity.local, "mfa_roles": sorted(identity.mfa_roles | POWERFUL)}
    if as_json:
        show_json(told)
    else:
        believed = "a name alone is believed" if identity.local == "trust" else "people sign in"
        click.echo(f"{identity.local}: {believed}. Two factors: {', '.join(sorted(identity.mfa_roles | POWERFUL))}.")


@accounts.command("trust")
@click.argument("issuer")
@click.option("--client", required=True, help="The client id that the provider knows Bedrail by.")
@click.option("--name", default="", help="What the sign-in page calls it.")
@click.option("--public", is_flag=True, help="A client without a secret (PKCE alone).")
@click.option("--acr", multiple=True, help="An `acr` value that means two factors; repeat.")
@click.option("--amr", multiple=True, help="An `amr` value that means two factors, such as mfa; repeat.")
@pass_state
def trust(
    state: CliState, issuer: str, client: str, name: str, public: bool, acr: tuple[str, ...], amr: tuple[str, ...]
) -> None:
    """Let people sign in through an OpenID provider; the client's secret is asked for, and rests sealed.

    Register the address ORIGIN/sign-in/returned there.

    \b
    Example: bedrail accounts trust https://id.hospital.example --client bedrail --amr mfa
    """
    from bedrail.journeys.accounts import trust_provider

    at, by = state.reception(), state.actor()
    secret = "" if public else click.prompt("Client secret", hide_input=True)
    trust_provider(at, by, issuer, client, secret, name=name, acr=acr, amr=amr)
    click.echo(f"{issuer} is trusted. Link people to it: bedrail accounts link PERSON --issuer {issuer} --subject ID")


@accounts.command("drop")
@click.argument("issuer")
@reason_option
@pass_state
def drop(state: CliState, issuer: str, reason: str) -> None:
    """Trust an identity provider no longer; sessions that rest on it end.

    \b
    Example: bedrail accounts drop https://id.hospital.example --reason "contract ended"
    """
    from bedrail.journeys.accounts import drop_provider

    drop_provider(state.reception(), state.actor(), issuer, reason)
    click.echo(f"{issuer} is trusted no longer.")


@accounts.command("providers")
@json_option
@pass_state
def providers(state: CliState, as_json: bool) -> None:
    """The identity providers that are trusted.

    \b
    Example: bedrail accounts providers
    """
    rows = list(state.reception().identity().providers.values())
    if as_json:
        show_json([{"issuer": p.issuer, "client": p.client, "acr": p.acr, "amr": p.amr} for p in rows])
        return
    columns = ("issuer", "client", "two factors by acr", "by amr")
    show_table("", columns, [(p.issuer, p.client, ", ".join(p.acr), ", ".join(p.amr)) for p in rows])


_issuer = click.option("--issuer", required=True, help="The provider.")


@accounts.command("link")
@click.argument("person")
@_issuer
@click.option("--subject", required=True, help="The person's subject (sub) there; a mail address proves nothing.")
@pass_state
def link(state: CliState, person: str, issuer: str, subject: str) -> None:
    """Say who of a provider's people a person is.

    \b
    Example: bedrail accounts link sam --issuer https://id.hospital.example --subject 8f1c2e
    """
    from bedrail.journeys.accounts import link_account

    link_account(state.reception(), state.actor(), person, issuer, subject)
    click.echo(f"{person} can sign in through {issuer}.")


@accounts.command("unlink")
@click.argument("person")
@_issuer
@pass_state
def unlink(state: CliState, person: str, issuer: str) -> None:
    """A provider no longer speaks for a person; their sessions end.

    \b
    Example: bedrail accounts unlink sam --issuer https://id.hospital.example
    """
    from bedrail.journeys.accounts import unlink_account

    unlink_account(state.reception(), state.actor(), person, issuer)
    click.echo(f"{issuer} no longer speaks for {person}.")
