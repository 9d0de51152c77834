"""trace and ledger: one decision's whole path, and proof for outsiders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.auditing import disclosures, events, forward, search
from bedrail.cli.continuity import COMMANDS, watched_by
from bedrail.cli.doors import CliState, cores, json_option, pass_state, show_json, show_table
from bedrail.cli.key_options import KEY_HELP, file_option, key_options, write_new
from bedrail.cli.proven_page import show_pack, show_proven
from bedrail.cli.sharding import COMMANDS as SHARDING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from bedrail.ledger.hashing import Told
    from bedrail.ledger.report import Level


@click.command()
@click.argument("decision")
@json_option
@pass_state
def trace(state: CliState, decision: str, as_json: bool) -> None:
    """The whole path of one decision, joined from ledger and sealed records, run again and compared byte for byte.

    \b
    Example: bedrail --as aud trace 01JXXXXXXXXXXXXXXXXXXXXXXX
    """
    from bedrail.cli.trace_page import print_trace
    from bedrail.journeys.tracing import trace_decision

    found = trace_decision(state.context(), state.actor(), decision)
    if as_json:
        show_json(found)
    else:
        print_trace(found)
    click.get_current_context().exit(0 if found.reproduced in {"same bytes", "not applicable"} else 1)


@click.group()
def ledger() -> None:
    """The ledger: verify, export, prove.

    \b
    Example: bedrail ledger verify
    """


for _command in (*COMMANDS, *SHARDING):
    ledger.add_command(_command)


@ledger.command("verify")
@click.option(
    "--bundle", type=click.Path(path_type=Path), default=None, help="Verify an exported bundle; needs no home."
)
@click.option("--key", "keys", multiple=True, help=KEY_HELP)
@click.option("--level", type=click.Choice(["L0", "L1", "L2", "L3", "L4"]), default="L4", help="Look no further.")
@click.option(
    "--known", type=click.Path(path_type=Path), multiple=True,
    help="A checkpoint that you kept apart: it must be part of this history.",
)  # fmt: skip
@click.option(
    "--quorum", type=click.Path(path_type=Path), default=None, help="A witness policy whose quorum must have cosigned."
)
@click.option("--jobs", type=click.IntRange(min=1), default=None, help="Processes; all cores unless given.")
@json_option
@pass_state
def verify(
    state: CliState,
    bundle: Path | None,
    keys: tuple[str, ...],
    level: Level,
    known: tuple[Path, ...],
    quorum: Path | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Recompute everything and name each difference. Exit code 0 when all holds, 1 otherwise.

    Levels: L0 signature, L1 root from entries, L2 tiles and files, L3 every other checkpoint, L4 the meaning of facts.

    \b
    Example: bedrail ledger verify --bundle ./bundle --key 3f5a... --level L4
    """
    from bedrail.app import verify_exported, verify_home

    pinned = key_options(keys)
    notes = [(f"known {path.name}", file_option(path, "--known")) for path in known]
    watched = None if quorum is None else watched_by(quorum, bundle, state.folder, pinned)
    if watched is not None and bundle is None:
        notes += watched.known()
    with _how_far() as told:
        if bundle is not None:
            report = verify_exported(bundle, pinned, level=level, known=notes, jobs=jobs or cores(), told=told)
        else:
            report = verify_home(state.folder, pinned, level=level, known=notes, jobs=jobs or cores(), told=told)
    report = report if watched is None else watched.judged(report)
    if as_json:
        show_json(
            {"ok": report.ok, "size": report.size, "root": report.root, "level": report.level, "why": report.why,
             "differences": [{"kind": d.kind, "where": d.where, "what": d.what} for d in report.differences]}
        )  # fmt: skip
    elif report.ok:
        click.echo(f"Verified: {report.size} entries, root {report.root}. Nothing differs.")
    else:
        show_table(
            "Differences", ("kind", "where", "what"), [(d.kind, d.where, d.what) for d in report.differences[:50]]
        )
        click.echo(f"{len(report.differences)} difference{'s' if len(report.differences) > 1 else ''}.")
    if not as_json:
        why = report.why.removesuffix(".")
        click.echo(f"Level {report.level or 'none'}" + (f"; no higher, since {why}." if why else "."))
    if report.ok and bundle is not None and pinned is None and not as_json:
        click.echo("The enclosed key was believed: pin the one that you were given on another way, with --key.")
    click.get_current_context().exit(0 if report.ok else 1)


@contextmanager
def _how_far() -> Iterator[Told]:
    """A bar on stderr for what verification is at, where somebody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    on_stderr = Console(stderr=True)
    with Progress(*shown, transient=True, console=on_stderr, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what.capitalize(), total=of or None)
            bar.update(tasks[what], completed=done, total=of or None)

        yield told


@ledger.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--shard", default="", help="Only up to the end of this sealed shard, under its final checkpoint.")
@pass_state
def export(state: CliState, folder: Path, shard: str) -> None:
    """Write an audit bundle that verifies in an empty directory with no access to this home.

    \b
    Example: bedrail --as aud ledger export ./bundle
    """
    from rich.progress import Progress

    from bedrail.journeys.proving import export_whole
    from bedrail.journeys.sharding import export_shard

    with Progress(transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Entries")

        def progress(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        if shard:
            export_shard(state.context(), state.actor(), shard, folder, progress)
        else:
            export_whole(state.context(), state.actor(), folder, progress)
    click.echo(
        f"Bundle in {folder}. Verify: bedrail ledger verify --bundle {folder} --key {state.app().public_key.hex()}"
    )


@ledger.command("keys")
@pass_state
def keys_command(state: CliState) -> None:
    """The ledger's verifier keys, one line each: keep them where auditors will look, not in this home.

    \b
    Example: bedrail ledger keys > ledger.vkeys
    """
    for line in state.app().verifier_keys():
        click.echo(line)


@ledger.command("add-key")
@pass_state
def add_key(state: CliState) -> None:
    """Give the ledger of a home made by an earlier version its second key (ML-DSA-44); a fact names it.

    \b
    Example: bedrail --as olivia ledger add-key
    """
    from bedrail.journeys.proving import add_second_key

    key = state.app().second_key(make=True)
    assert key is not None
    add_second_key(state.context(), state.actor(), key)
    line = key.vkey()
    click.echo(f"Published checkpoints bear a second signature from now on. Its key, for auditors:\n{line}")


@ledger.command("proof")
@click.argument("decision", required=False)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Where to write the proof file.")
@click.option("--check", type=click.Path(path_type=Path), default=None, help="Verify this file instead; needs no home.")
@click.option("--key", "keys", multiple=True, help=KEY_HELP)
@json_option
@pass_state
def proof(
    state: CliState, decision: str | None, out: Path | None, check: Path | None, keys: tuple[str, ...], as_json: bool
) -> None:
    """Proof that a decision is in the ledger, in a file of its own (C2SP tlog-proof) that verifies offline.

    \b
    Example: bedrail --as aud ledger proof 01JX... --out decision.tlog-proof
             bedrail ledger proof --check decision.tlog-proof --key "$(cat key.vkey)"
    """
    from bedrail.core.errors import Invalid

    if check is None:
        if decision is None or out is None:
            raise Invalid("name a decision and a file.", path="--out", remedy="Or give --check FILE --key KEY.")
        from bedrail.journeys.proving import prove_decision

        write_new(out, prove_decision(state.context(), state.actor(), decision))
        click.echo(f"Proof in {out}. Verify: bedrail ledger proof --check {out} --key {state.app().public_key.hex()}")
        return
    from bedrail.app import check_proof_file

    pinned = key_options(keys)
    if pinned is None:
        raise Invalid("a proof is checked with the ledger's key.", path="--key", remedy="Give the line of key.vkey.")
    proven = check_proof_file(file_option(check, "--check"), pinned)
    show_proven(proven, as_json)


@ledger.command("pack")
@click.argument("decision", required=False)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder for the pack, empty or new.")
@click.option("--check", type=click.Path(path_type=Path), default=None, help="Verify this pack instead; needs no home.")
@click.option("--key", "keys", multiple=True, help=KEY_HELP)
@json_option
@pass_state
def pack(
    state: CliState, decision: str | None, out: Path | None, check: Path | None, keys: tuple[str, ...], as_json: bool
) -> None:
    """Everything the ledger says of one decision, with proofs, in a folder that verifies alone.

    \b
    Example: bedrail --as aud ledger pack 01JX... --out ./pack
             bedrail ledger pack --check ./pack --key 3f5a...
    """
    from bedrail.core.errors import Invalid

    if check is None:
        if decision is None or out is None:
            raise Invalid("name a decision and a folder.", path="--out", remedy="Or give --check FOLDER.")
        from bedrail.journeys.proving import pack_decision

        indexes = pack_decision(state.context(), state.actor(), decision, out)
        click.echo(f"{len(indexes)} entries in {out}: {', '.join(map(str, indexes))}.")
        click.echo(f"Verify: bedrail ledger pack --check {out} --key {state.app().public_key.hex()}")
        return
    from bedrail.app import check_pack_folder

    show_pack(check_pack_folder(check, key_options(keys)), as_json)


for _command in (disclosures, events, forward, search):
    ledger.add_command(_command)
