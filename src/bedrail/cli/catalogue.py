"""catalogue: what data there is, who answers for it, how sensitive each field is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.governance.catalogue import AssetView
    from bedrail.journeys.cataloguing import Scan

asset_argument = click.argument("asset")


@click.group()
def catalogue() -> None:
    """The data assets of the house: scanned, owned, classified, exported.

    \b
    Example: bedrail --as sam catalogue scan /data/ehr
    """


@catalogue.command("scan")
@click.argument("target")
@click.option("--kind", default="", help="What its tables are, such as device-stream; else they are of the EHR.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="Mode 0600: the password or token for the target.")
@click.option("--schema", default="", help="PostgreSQL: this schema only.")
@click.option("--type", "types", multiple=True, help="FHIR: this resource type only; may be repeated.")
@click.option("--export", default="", metavar="LEVEL", help="FHIR: bulk export: system, patient or group/ID.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=60.0, help="HL7 v2 feed: listen so long.")
@click.option("--messages", type=click.IntRange(min=1), default=10_000, help="HL7 v2 feed: take so many at most.")
@click.option("--rows", type=click.IntRange(min=1), default=200_000, help="Rows read of each asset, at most.")
@click.option("--sample", type=click.IntRange(min=20, max=10_000), default=200, help="Values looked at, of each field.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Which rows and values are sampled.")
@click.option("--again", is_flag=True, help="Also read files that nobody wrote to since the last scan.")
@click.option("--resume", is_flag=True, help="Leave out what was scanned in the last 24 hours.")
@click.option("--language", default="en", help="Of the free text: en, es or de.")
@click.option("--names-only", is_flag=True, help="Do not look for identifiers inside free text.")
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, and record nothing.")
@json_option
@pass_state
def scan_command(
    state: CliState,
    target: str,
    kind: str,
    secret_file: Path | None,
    schema: str,
    types: tuple[str, ...],
    export: str,
    seconds: float,
    messages: int,
    rows: int,
    sample: int,
    seed: int,
    again: bool,
    resume: bool,
    language: str,
    names_only: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Look through TARGET and put its assets and fields on record, with a proposal how sensitive each field is.

    TARGET is a file or folder (CSV, Parquet, JSON, notes, FHIR, HL7 v2, DICOM), a SQLite file, postgresql://USER@HOST/DB,
    the https address of a FHIR server, mllp://127.0.0.1:PORT for an HL7 v2 feed, or `bedrail:` for this home itself.
    Values are sampled in memory and never stored or shown. A rescan says what is different.

    \b
    Example: bedrail --as sam catalogue scan /data/ehr --dry-run
    """
    from bedrail.app import Asked, environment_default, source_of
    from bedrail.journeys import cataloguing
    from bedrail.journeys.home_assets import HomeSource

    context = state.context()
    asked = Asked(
        kind=kind,
        secret=secret_file,
        schema=schema,
        types=types,
        export=export,
        seconds=seconds,
        messages=messages,
        token=environment_default("BEDRAIL_FHIR_TOKEN"),
    )
    source = HomeSource(context) if target == HomeSource.target else source_of(target, asked)
    with _bar() as told:
        wanted = cataloguing.Wanted(
            seed=seed,
            rows=rows,
            capacity=sample,
            again=again,
            resume=resume,
            dry=dry_run,
            find=None if names_only else cataloguing.text_finder(language),
            told=told,
        )
        done = cataloguing.scan(context, state.actor(), source, wanted)
    if as_json:
        show_json(done)
        return
    _show_scan(done)


def _show_scan(done: Scan) -> None:
    columns = ("asset", "name", "kind", "state", "rows", "fields", "sensitivity", "special", "to confirm")
    rows = [
        (a.asset[-6:], a.name, a.kind, a.state, a.rows, a.fields, a.level, ", ".join(a.special), a.unconfirmed)
        for a in done.assets
    ]
    show_table(done.target, columns, rows)
    changed = [(a.name, c.field, c.what, c.before, c.after) for a in done.assets for c in a.changes]
    if changed:
        show_table("Different from the last scan", ("asset", "field", "what", "before", "now"), changed)
    for note in dict.fromkeys([note for a in done.assets for note in a.notes] + list(done.unread)):
        click.echo(f"Note: {note}.", err=True)
    click.echo("Recorded." if done.recorded else "A dry run: nothing was recorded.")


@catalogue.command("list")
@click.option("--all", "every", is_flag=True, help="Also what was retired or disposed of.")
@click.option("--kind", default="", help="Only this kind.")
@click.option("--owner", default="", help="Only assets of this person; `nobody` for those without.")
@json_option
@pass_state
def list_command(state: CliState, every: bool, kind: str, owner: str, as_json: bool) -> None:
    """The assets with owner, purpose, sensitivity, retention and standing.

    \b
    Example: bedrail catalogue list --owner nobody
    """
    found = [
        view
        for view in state.context().refresh().catalogue.assets.values()
        if (every or view.live) and kind in ("", view.kind) and owner in ("", view.owner or "nobody")
    ]
    if as_json:
        show_json([_flat(view) for view in found])
        return
    columns = ("asset", "name", "kind", "owner", "system", "sensitivity", "special", "to confirm", "keep", "standing")
    rows = [
        (v.asset[-6:], v.name, v.kind, v.owner, v.system, v.level, ", ".join(v.special), v.unconfirmed,
         v.retention.keep if v.retention else "", "held" if v.hold else v.standing)
        for v in found
    ]  # fmt: skip
    show_table("", columns, rows)


def _flat(view: AssetView) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(view), "standing": view.standing}


@catalogue.command("show")
@asset_argument
@click.option("--open", "only_open", is_flag=True, help="Only fields that wait for a steward.")
@json_option
@pass_state
def show(state: CliState, asset: str, only_open: bool, as_json: bool) -> None:
    """An asset and its fields: type, how many rows have it, what is proposed and why, what was decided.

    \b
    Example: bedrail catalogue show admissions.csv --open
    """
    from bedrail.journeys.stewarding import fields_of

    context = state.context()
    view = context.refresh().catalogue.named(asset)
    lines = [line for line in fields_of(context, view) if line.open or not only_open]
    if as_json:
        show_json({**_flat(view), "field_lines": lines})
        return
    for name, value in (
        ("asset", view.asset), ("where", view.location), ("kind", view.kind), ("owner", view.owner or "nobody"),
        ("purpose", view.purpose), ("system of record", view.system), ("standing", view.standing),
        ("held", view.hold), ("scanned", view.scanned_at[:16]),
    ):  # fmt: skip
        if value:
            click.echo(f"{name:>17}: {value}")
    rows = [
        (line.field.name, line.field.type, f"{line.field.filled:.0%}", line.level, line.field.proposal.label,
         ", ".join(line.field.proposal.special), f"{line.field.proposal.confidence:.2f}",
         "open" if line.open else line.decided.by if line.decided else "", line.field.proposal.reason)
        for line in lines
    ]  # fmt: skip
    show_table("", ("field", "type", "filled", "sensitivity", "what", "special", "sure", "decided", "why"), rows)


@catalogue.command("own")
@asset_argument
@click.option("--owner", default="", help="Who answers for it; somebody who works here.")
@click.option("--purpose", default="", help="What it is kept for.")
@click.option("--system", default="", help="The system of record: the authority for what it says.")
@click.option("--kind", default="", help="What it is, where the scan took it for something else.")
@pass_state
def own(state: CliState, asset: str, owner: str, purpose: str, system: str, kind: str) -> None:
    """Say who answers for an asset, what it is kept for, and which system it comes from.

    \b
    Example: bedrail --as olivia catalogue own admissions.csv --owner dr-adams --purpose care --system Epic
    """
    from bedrail.journeys.stewarding import own as own_now

    view = own_now(state.context(), state.actor(), asset, owner=owner, purpose=purpose, system=system, kind=kind)
    click.echo(f"{view.name}: {view.owner or 'nobody'} answers for it.")


@catalogue.command("confirm")
@asset_argument
@click.option("--field", "fields", multiple=True, help="Accept the proposal for this field; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Accept every proposal that is open.")
@click.option("--as-level", "levels", multiple=True, metavar="FIELD=LEVEL", help="Correct: this field has this level.")
@click.option(
    "--special", "specials", multiple=True, metavar="FIELD=A,B", help="Correct its special categories; or none."
)
@click.option("--reason", default="", help="Why; needed where a field becomes less sensitive than proposed.")
@json_option
@pass_state
def confirm(
    state: CliState,
    asset: str,
    fields: tuple[str, ...],
    everything: bool,
    levels: tuple[str, ...],
    specials: tuple[str, ...],
    reason: str,
    as_json: bool,
) -> None:
    """Accept or correct what the scan proposed, as steward.

    \b
    Example: bedrail --as priya catalogue confirm labs.csv --all --as-level comment=direct-identifier
    """
    from bedrail.journeys.stewarding import confirm as confirm_now
    from bedrail.journeys.stewarding import fields_of

    context = state.context()
    said: dict[str, str] = dict(_pair(each, "--as-level") for each in levels)
    categories: dict[str, str] = dict(_pair(each, "--special") for each in specials)
    lines = fields_of(context, context.refresh().catalogue.named(asset)) if categories else []
    standing: dict[str, str] = {line.field.name: line.level for line in lines}
    corrections = {
        name: (
            said.get(name, "") or standing.get(name, ""),
            None if name not in categories else tuple(w for w in categories[name].split(",") if w not in ("", "none")),
        )
        for name in {**said, **categories}
    }
    fact = confirm_now(
        context, state.actor(), asset, fields=fields, corrections=corrections, everything=everything, reason=reason
    )
    if as_json:
        show_json(fact)
        return
    click.echo(f"{fact.accepted} accepted, {fact.corrected} corrected; {fact.unconfirmed} fields are still open.")


def _pair(text: str, path: str) -> tuple[str, str]:
    name, sign, value = text.rpartition("=")
    if not sign or not name or not value:
        raise Invalid("this is no pair.", path=path, remedy="Write it as FIELD=VALUE.")
    return name, value


@catalogue.command("draw")
@click.argument("use_case")
@asset_argument
@click.option("--dataset", default="", help="Its digest; else the newest of the use case.")
@pass_state
def draw(state: CliState, use_case: str, asset: str, dataset: str) -> None:
    """Say which asset an admitted dataset comes from: its provenance begins there, and a hold there keeps it.

    \b
    Example: bedrail --as sam catalogue draw readmission-30d admissions.csv
    """
    from bedrail.journeys.stewarding import draw as draw_now

    fact = draw_now(state.context(), state.actor(), use_case, asset, dataset=dataset)
    click.echo(f"Dataset {fact.dataset[:12]} comes from {fact.asset[-6:]}.")


@catalogue.command("retire")
@asset_argument
@click.option("--reason", required=True, help="Why; it goes on record.")
@pass_state
def retire(state: CliState, asset: str, reason: str) -> None:
    """An asset is in use no more. Its data are not disposed of by that: see bedrail retention.

    \b
    Example: bedrail --as olivia catalogue retire old_extract.csv --reason "moved to the warehouse"
    """
    from bedrail.journeys.stewarding import retire as retire_now

    retire_now(state.context(), state.actor(), asset, reason)
    click.echo("Retired.")


@catalogue.command("export")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file; else standard output.")
@click.option("--form", type=click.Choice(["json", "csv", "dcat"]), default="json", help="DCAT is W3C's, as JSON-LD.")
@click.option("--all", "every", is_flag=True, help="Also what was retired or disposed of.")
@pass_state
def export(state: CliState, out: Path | None, form: str, every: bool) -> None:
    """Hand the catalogue over: assets and fields, no values.

    \b
    Example: bedrail catalogue export --form dcat --out catalogue.jsonld
    """
    from bedrail.journeys.catalogue_export import exported

    text = exported(state.context(), form, every=every)
    if out is None:
        click.echo(text, nl=False)
    else:
        from bedrail.app import write_paper

        click.echo(f"Written: {write_paper(out, text.encode())}")


@contextmanager
def _bar() -> Iterator[Callable[[str, int], None]]:
    """Rows read so far, on standard error."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    parts = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed} rows"))
    with Progress(*parts, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("looking", total=None)

        def told(label: str, rows: int) -> None:
            progress.update(task, description=label, advance=rows)

        yield told
