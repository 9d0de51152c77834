"""consent: what people chose, by purpose; read from and written as FHIR Consent; what holds without a choice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.core.errors import Invalid
from bedrail.data.consent import DECISIONS, EVERY_USE, PURPOSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrail.journeys.consenting import Wanted

_PURPOSE = click.Choice(PURPOSES)


def who_options(command: Callable[..., None]) -> Callable[..., None]:
    """Whose choice: an identifier from a file or standard input, or a pseudonym."""
    patient = click.option(
        "--patient-from", type=click.Path(path_type=Path, allow_dash=True), default=None,
        help="A file with the patient's identifier, or - for standard input: it never stands on the command line.",
    )  # fmt: skip
    return patient(click.option("--subject", default="", help="The pseudonym instead.")(command))


def _who(state: CliState, patient_from: Path | None, subject: str) -> dict[str, str]:
    """Asked for only after the home has said whether this person may."""
    from bedrail.cli.auditing import patient_of

    state.context()
    return {"subject": subject} if subject else {"patient": patient_of(patient_from, ask=True)}


@click.group()
def consent() -> None:
    """Consent by purpose: care, quality, research, training, sharing.

    \b
    Example: bedrail --as priya consent set --patient-from - --purpose research --permit --basis "form 12"
    """


@consent.command("set")
@who_options
@click.option("--purpose", "purposes", type=_PURPOSE, multiple=True, required=True)
@click.option("--permit/--deny", required=True, help="What the person chose.")
@click.option("--use-case", default=EVERY_USE, show_default=True, help="For one use case only.")
@click.option("--starts", default="", help="In force from this time on (ISO 8601).")
@click.option("--ends", default="", help="In force before this time (ISO 8601).")
@click.option("--basis", required=True, help="On what ground this is recorded: a form, a call, a letter.")
@pass_state
def set_(
    state: CliState, patient_from: Path | None, subject: str, purposes: tuple[str, ...], permit: bool,
    use_case: str, starts: str, ends: str, basis: str,
) -> None:  # fmt: skip
    """Record what a person permits or refuses; in force within a second on running servers.

    \b
    Example: bedrail --as priya consent set --patient-from - --purpose training --deny --basis "phone call"
    """
    who = _who(state, patient_from, subject)
    decision = "permitted" if permit else "denied"
    _record(state, purposes, decision, use_case=use_case, starts=starts, ends=ends, basis=basis, **who)


@consent.command("revoke")
@who_options
@click.option("--purpose", "purposes", type=_PURPOSE, multiple=True, required=True)
@click.option("--use-case", default=EVERY_USE, show_default=True, help="For one use case only.")
@click.option("--basis", required=True, help="On what ground this is recorded.")
@pass_state
def revoke(
    state: CliState, patient_from: Path | None, subject: str, purposes: tuple[str, ...], use_case: str, basis: str
) -> None:
    """Take a permission back: from now on the data is not used for this, whatever the law would allow.

    \b
    Example: bedrail --as priya consent revoke --patient-from - --purpose research --basis "letter"
    """
    _record(state, purposes, "revoked", use_case=use_case, basis=basis, **_who(state, patient_from, subject))


def _record(state: CliState, purposes: tuple[str, ...], decision: str, **said: str) -> None:
    import msgspec

    from bedrail.journeys.consenting import Wanted, record_choices

    assert decision in DECISIONS
    wanted: list[Wanted] = [
        msgspec.convert({**said, "purpose": purpose, "decision": decision}, Wanted) for purpose in purposes
    ]
    record_choices(state.context(), state.actor(), wanted)
    click.echo(f"Recorded: {', '.join(purposes)} {decision}.")


@consent.command("show")
@who_options
@json_option
@pass_state
def show(state: CliState, patient_from: Path | None, subject: str, as_json: bool) -> None:
    """What may be done with one person's data now, and all they ever chose; looking is on record.

    \b
    Example: bedrail --as priya consent show --patient-from -
    """
    from bedrail.journeys.consenting import standing

    found = standing(state.context(), state.actor(), **_who(state, patient_from, subject))
    if as_json:
        show_json(found)
        return
    rows = [(purpose, "yes" if said.allowed else "no", said.why) for purpose, said in found.now.items()]
    show_table(f"Now, under `{found.rules}`", ("purpose", "allowed", "why"), rows)
    past = [(c.at[:19], c.purpose, c.use_case, c.decision, c.by, c.basis) for c in found.history]
    show_table("History", ("at", "purpose", "use case", "choice", "recorded by", "basis"), past)


@consent.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--basis", default="FHIR Consent", show_default=True, help="On what ground these are recorded.")
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, and record nothing.")
@json_option
@pass_state
def import_(state: CliState, file: Path, basis: str, dry_run: bool, as_json: bool) -> None:
    """Record the choices in FHIR R4 Consent resources: one, a Bundle, or one in each line.

    A refusal is read as widely as possible, a permission only for the purposes it names. Exit code 1 when some
    resources could not be taken over.

    \b
    Example: bedrail --as priya consent import consents.ndjson
    """
    import msgspec

    from bedrail.journeys.consenting import record_choices
    from bedrail.wiring.datasets import read_consents

    context = state.context()
    if not file.is_file():
        raise Invalid("there is no such file.", path=str(file), remedy="Check the path.")
    found = read_consents(file.read_bytes(), name=file.name)
    wanted = [msgspec.structs.replace(each, basis=basis) for each in found.wanted]
    if not dry_run:
        record_choices(context, state.actor(), wanted)
    if as_json:
        counts = {decision: sum(w.decision == decision for w in wanted) for decision in DECISIONS}
        left = [{"place": place, "reason": reason} for place, reason in found.left]
        show_json({"recorded": 0 if dry_run else len(wanted), "choices": counts, "left": left})
    else:
        click.echo(f"{len(wanted)} choices {'found' if dry_run else 'recorded'}.")
        for place, reason in found.left:
            click.echo(f"  not taken over: {place} {reason}", err=True)
    click.get_current_context().exit(1 if found.left else 0)


@consent.command("export")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A file; one Consent in each line.")
@pass_state
def export(state: CliState, out: Path) -> None:
    """Write everybody's last choices as FHIR R4 Consent resources, people by pseudonym; this is on record.

    \b
    Example: bedrail --as priya consent export --out consents.ndjson
    """
    from bedrail.cli.key_options import write_new
    from bedrail.journeys.consenting import all_choices
    from bedrail.wiring.datasets import consents_ndjson

    choices = all_choices(state.context(), state.actor())
    write_new(out, consents_ndjson(choices))
    click.echo(f"{len(choices)} choices in {out}.")


@consent.command("rules")
@click.argument("name", required=False)
@click.option("--file", type=click.Path(path_type=Path), default=None, help="Rules of your own (TOML).")
@json_option
@pass_state
def rules(state: CliState, name: str | None, file: Path | None, as_json: bool) -> None:
    """Show the shipped rules for people who decided nothing, or adopt some by NAME.

    \b
    Example: bedrail --as priya consent rules eu-gdpr
    """
    from bedrail.cli.key_options import text_option
    from bedrail.data.consent import shipped_jurisdictions
    from bedrail.journeys.consenting import adopt_rules

    context = state.context()
    if name is not None:
        adopted = adopt_rules(context, state.actor(), name, text_option(file, "--file") if file else "")
        click.echo(f"In force: {adopted.name}, {adopted.title}.")
        return
    context.require(state.actor(), "registry.read")
    consents = context.refresh().consents
    if as_json:
        show_json({"in_force": consents.rules, "defaults": consents.defaults, "shipped": shipped_jurisdictions()})
        return
    rows = [(each.name, *each.defaults().values(), each.title) for each in shipped_jurisdictions().values()]
    show_table("", ("rules", *PURPOSES, "title"), rows)
    click.echo(f"In force: {consents.rules}.")
