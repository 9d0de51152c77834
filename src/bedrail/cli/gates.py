"""gate, approve, object, deploy, halt, rollback: who decides, and what happens then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json
from bedrail.core.errors import Invalid, Refused, Unavailable

STAGES = ("shadow", "pilot", "canary", "general")
if TYPE_CHECKING:
    from bedrail.journeys.context import Context

QUICKLY = 0.5
"""Seconds that a stop waits for others who hold the database before it does without."""

stage_option = click.option("--to", "stage", type=click.Choice(STAGES), required=True, help="The stage in question.")
candidate_option = click.option("--candidate", default="", help="Name or digest; the last admitted when not given.")


@click.command()
@click.argument("use_case")
@stage_option
@candidate_option
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "junit", "sarif"]), default="table", show_default=True
)
@click.option("--quick", is_flag=True, help="Do not hold an open gate's facts against the seal; the answer says so.")
@pass_state
def gate(state: CliState, use_case: str, stage: str, candidate: str, form: str, quick: bool) -> None:
    """Is the gate open? Exit code 0 open, 1 closed, 2 invalid, 3 when what it rests on was changed; anyone may ask.

    \b
    Example: bedrail gate readmission-30d --to pilot --format junit > gate.xml
    """
    from bedrail.governance.formats import format_gate, gate_exit_code
    from bedrail.journeys.delivery import ask_gate

    answer = ask_gate(state.context(), use_case, stage, candidate, sealed=not quick)
    click.echo(format_gate(answer, form).rstrip())
    click.get_current_context().exit(gate_exit_code(answer))


@click.command()
@click.argument("use_case")
@click.option("--role", required=True, help="The role in which you approve; you must hold it.")
@stage_option
@candidate_option
@click.option("--valid-for", default="", help="Such as 90d, 12h or 20s; the policy's lifetime when not given.")
@click.option("--comment", default="", help="A remark for the minutes; no patient data.")
@json_option
@pass_state
def approve(
    state: CliState, use_case: str, role: str, stage: str, candidate: str, valid_for: str, comment: str, as_json: bool
) -> None:
    """Approve exact bytes of model, data and policy; refused for one's own work.

    \b
    Example: bedrail --as dr-adams approve readmission-30d --role clinical-lead --to general
    """
    from bedrail.journeys.delivery import approve as approve_candidate

    fact = approve_candidate(
        state.context(),
        state.actor(),
        use_case,
        role=role,
        stage=stage,
        candidate=candidate,
        valid_for=parse_duration(valid_for),
        comment=comment,
    )
    if as_json:
        show_json(fact)
    else:
        click.echo(
            f"{fact.person} approved {fact.candidate[:12]} as {fact.role} up to {fact.stage}, until {fact.expires}."
        )


def parse_duration(text: str) -> timedelta | None:
    """`90d`, `12h`, `30m` or `20s`; nothing gives None. Raises `Invalid` otherwise."""
    if not text:
        return None
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    if text[-1] not in units or not text[:-1].isdigit() or int(text[:-1]) == 0 or len(text) > 7:
        raise Invalid(f"`{text[:20]}` is no duration.", path="--valid-for", remedy="Write 90d, 12h, 30m or 20s.")
    return timedelta(seconds=int(text[:-1]) * units[text[-1]])


@click.command("object")
@click.argument("use_case")
@click.option("--role", required=True, help="The role in which you object.")
@stage_option
@candidate_option
@click.option("--reason", required=True, help="Why; no patient data.")
@pass_state
def object_command(state: CliState, use_case: str, role: str, stage: str, candidate: str, reason: str) -> None:
    """Object; the gate stays closed until the same role approves, and what serves goes as the policy says.

    \b
    Example: bedrail --as priya object readmission-30d --role privacy-officer --to pilot --reason "PIA is out of date"
    """
    from bedrail.journeys.delivery import object_to

    followed = object_to(
        state.context(), state.actor(), use_case, role=role, stage=stage, reason=reason, candidate=candidate
    )
    click.echo("The objection is on record.")
    for line in followed:
        click.echo(line)


@click.command()
@click.argument("use_case")
@stage_option
@candidate_option
@click.option("--sites", default="", help="Comma-separated; all when not given.")
@click.option("--share", default="", help="Share of patients, such as 5%; the policy's for a canary.")
@json_option
@pass_state
def deploy(state: CliState, use_case: str, stage: str, candidate: str, sites: str, share: str, as_json: bool) -> None:
    """Move a candidate to the next stage; a skipped stage or a closed gate is refused.

    \b
    Example: bedrail deploy readmission-30d --to pilot --sites north,east
    """
    from bedrail.journeys.delivery import deploy as move

    deployment = move(
        state.context(),
        state.actor(),
        use_case,
        stage,
        candidate=candidate,
        sites=tuple(site.strip() for site in sites.split(",") if site.strip()),
        share=parse_share(share),
    )
    if as_json:
        show_json(
            {"candidate": deployment.candidate, "stage": deployment.stage, "sites": sorted(deployment.sites),
             "share_per_mille": deployment.share, "until": deployment.until}
        )  # fmt: skip
    else:
        where = ", ".join(sorted(deployment.sites)) or "all sites"
        click.echo(
            f"{use_case}: {deployment.candidate[:12]} at stage {deployment.stage}, {where}, "
            f"{deployment.share / 10:g} % of patients, until {deployment.until}."
        )


def parse_share(text: str) -> int | None:
    """`5%` as per mille; nothing gives None. Raises `Invalid` otherwise."""
    if not text:
        return None
    try:
        per_mille = float(text.removesuffix("%")) * 10
    except ValueError:
        per_mille = 0.0
    if not 1 <= per_mille <= 1000 or per_mille != round(per_mille):
        raise Invalid(
            f"`{text[:20]}` is no share.", path="--share", remedy="Write 0.1% to 100%, in tenths of a percent."
        )
    return int(per_mille)


@click.command()
@click.argument("use_case", required=False)
@click.option("--all", "everything", is_flag=True, help="Everything that serves in this home.")
@click.option("--reason", required=True, help="Why; no patient data.")
@json_option
@pass_state
def halt(state: CliState, use_case: str | None, everything: bool, reason: str, as_json: bool) -> None:
    """Stop all answers at once; one person suffices, also while the database is out. Starting takes the full gate.

    \b
    Example: bedrail halt readmission-30d --reason "implausible risks on ward 4"
             bedrail halt --all --reason "suspected break-in"
    """
    from bedrail.app import ALL, environment_default, stop_without_ledger
    from bedrail.journeys.stopping import stop

    if everything == bool(use_case):
        raise click.UsageError("Name a use case, or --all.")
    target = use_case or ALL
    recorded = False
    try:
        context = _opened(state)
        if context is None:
            raise Unavailable("The home cannot be opened.")
        recorded = stop(context, state.actor(), target, reason)
    except Refused as error:
        by_hand = f"If it must stop now: whoever can write into the home runs `touch {state.folder}/stops/all`."
        raise Refused(error.message, remedy=f"{error.remedy} {by_hand}".strip(), reasons=error.reasons) from error
    except Unavailable:
        person = state.person or environment_default("BEDRAIL_ACTOR")
        stop_without_ledger(state.folder, person, target, reason)
    if as_json:
        show_json({"halted": "all" if everything else use_case, "recorded": recorded})
        return
    what = "Everything" if everything else use_case
    click.echo(f"{what} is halted. Every request now gets: no decision: use clinical judgement.")
    if not recorded:
        click.echo("The ledger cannot be written: the stop stands without it, and comes on record when it can.")


def _opened(state: CliState) -> Context | None:
    """The home, where it opens; whatever keeps it shut must not keep anybody from stopping."""
    try:
        return state.app(busy_seconds=QUICKLY).context
    except Exception:  # noqa: BLE001 (then the stop goes by its file)
        return None


@click.command()
@click.argument("use_case")
@click.option(
    "--to", "candidate", default="", help="A certain earlier version; the latest approved one when not given."
)
@click.option("--reason", required=True, help="Why; no patient data.")
@pass_state
def rollback(state: CliState, use_case: str, candidate: str, reason: str) -> None:
    """Return in one step to the earlier version that is still approved.

    \b
    Example: bedrail rollback readmission-30d --reason "alarm on outcome rate"
    """
    from bedrail.journeys.delivery import roll_back

    deployment = roll_back(state.context(), state.actor(), use_case, reason, to=candidate)
    click.echo(f"{use_case}: {deployment.candidate[:12]} serves again at stage {deployment.stage}.")
