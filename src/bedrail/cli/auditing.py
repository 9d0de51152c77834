"""Commands of `bedrail ledger` that look things up and hand events on: search, disclosures, events, forward."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.cli.key_options import text_option
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrail.core.events import Entry

since_option = click.option("--since", default="", help="From this time on (ISO 8601).")
until_option = click.option("--until", default="", help="Before this time (ISO 8601).")
patient_option = click.option(
    "--patient-from", type=click.Path(path_type=Path, allow_dash=True), default=None,
    help="A file with the patient's identifier, or - for standard input: it never stands on the command line.",
)  # fmt: skip


@click.command("search")
@click.option("--action", default="", help="Such as decision.answered; see docs/ledger.md.")
@click.option("--actor", default="", help="Person or token.")
@click.option("--use-case", default="")
@click.option("--about", default="", help="An id or digest that the entry names.")
@patient_option
@since_option
@until_option
@click.option("--limit", default=200, show_default=True, help="The newest so many.")
@json_option
@pass_state
def search(
    state: CliState, action: str, actor: str, use_case: str, about: str, patient_from: Path | None,
    since: str, until: str, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """Entries that fit everything given, oldest first. Searching for a patient is on record.

    \b
    Example: bedrail --as aud ledger search --action deployment.moved --since 2026-11-01
    """
    from bedrail.journeys import auditing

    query = auditing.Query(
        action=action, actor=actor, use_case=use_case, about=about, patient=patient_of(patient_from, ask=False),
        since=since, until=until, limit=limit,
    )  # fmt: skip
    found = auditing.search(state.context(), state.actor(), query)
    if as_json:
        show_json(found)
        return
    rows = [(str(each.index), each.at[:19], each.action, each.actor, _brief(each.fact)) for each in found]
    show_table("Entries", ("index", "at", "action", "actor", "about"), rows)


@click.command("disclosures")
@patient_option
@since_option
@until_option
@click.option("--html", type=click.Path(path_type=Path), default=None, help="Write a page to print or hand over.")
@json_option
@pass_state
def disclosures(
    state: CliState, patient_from: Path | None, since: str, until: str, html: Path | None, as_json: bool
) -> None:
    """One patient's accounting of disclosures (45 CFR 164.528): the last six years, or between two times.

    \b
    Example: bedrail --as paula ledger disclosures --patient-from - --html accounting.html
    """
    from bedrail.cli.disclosures_page import disclosures_page
    from bedrail.journeys import auditing

    patient = patient_of(patient_from, ask=True)
    made = auditing.disclosures(state.context(), state.actor(), patient, since=since, until=until)
    if html is not None:
        html.write_text(disclosures_page(made, state.app().origin), encoding="utf-8")
    if as_json:
        show_json(made)
        return
    columns = ("index", "at", "to whom", "what", "purpose", "use case")
    for title, lines in (("Disclosures", made.lines), ("Reads of many, perhaps of this patient too", made.many)):
        rows = [(str(x.index), x.at[:19], x.recipient, x.what, x.purpose, x.use_case) for x in lines]
        show_table(title, columns, rows)
    click.echo(f"Patient {made.subject}, from {made.since[:10]} to {made.until[:10]}.")


@click.command("events")
@click.option("--format", "form", type=click.Choice(["fhir", "otlp", "syslog"]), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A file; one event in each line.")
@click.option("--from-index", default=0, show_default=True, help="The first entry.")
@pass_state
def events(state: CliState, form: str, out: Path, from_index: int) -> None:
    """Write entries as FHIR AuditEvent (BALP), OpenTelemetry logs or syslog lines.

    \b
    Example: bedrail --as aud ledger events --format fhir --out audit.ndjson
    """
    from bedrail.journeys import auditing

    app = state.app()
    line = _line_of(form, app.origin)
    count = 0
    part = out.with_name(out.name + ".part")
    with part.open("wb") as file:
        for index, entry in auditing.entries(state.context(), state.actor(), from_index):
            file.write(line(index, entry) + b"\n")
            count += 1
    part.replace(out)
    click.echo(f"{count} events in {out}.")


@click.command("forward")
@click.option("--to", "address", required=True, help="udp:// tcp:// tls:// (syslog) or http(s):// (OTLP/HTTP).")
@click.option("--follow", is_flag=True, help="Go on until interrupted.")
@click.option("--every", default=2.0, show_default=True, help="Seconds between looks with --follow.")
@pass_state
def forward(state: CliState, address: str, follow: bool, every: float) -> None:
    """Send entries to a collector, in order and at least once; it goes on where it stopped.

    \b
    Example: bedrail --as sam ledger forward --to tls://siem.hospital.example:6514 --follow
    """
    from rich.progress import Progress

    from bedrail.journeys import auditing

    app = state.app()
    send, cursor = app.collector(address)

    def once() -> int:
        with Progress(transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("Events")
            return auditing.forward(
                state.context(), state.actor(), send, cursor,
                progress=lambda done, of: bar.update(task, completed=done, total=of),
            )  # fmt: skip

    while True:
        sent = once()
        if sent or not follow:
            click.echo(f"{sent} events sent; next is {cursor.read()}.")
        if not follow:
            return
        time.sleep(every)


def _line_of(form: str, origin: str) -> Callable[[int, Entry], bytes]:
    from bedrail.app import EVENT_LINES

    made = EVENT_LINES[form]
    return lambda index, entry: made(index, entry, origin)


def patient_of(path: Path | None, *, ask: bool) -> str:
    """The patient's identifier from a file or standard input; else asked for, or empty."""
    if path is None:
        return click.prompt("Patient identifier", hide_input=True).strip() if ask else ""
    try:
        text = sys.stdin.read() if str(path) == "-" else text_option(path, "--patient-from")
    except UnicodeDecodeError:  # of standard input; it must not be repeated
        raise Invalid("what came in is not UTF-8 text.", path="--patient-from", remedy="Convert it.") from None
    if not text.strip():
        raise Invalid("no patient was named.", path="--patient-from", remedy="Write the identifier into it.")
    return text.strip()


def _brief(fact: dict[str, object]) -> str:
    told = {name: value for name, value in fact.items() if name != "type" and value not in ("", [], None)}
    return json.dumps(told, ensure_ascii=False)[:100]
