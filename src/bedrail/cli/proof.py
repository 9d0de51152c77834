"""trace and ledger: one decision's whole path, and proof for outsiders."""

from __future__ import annotations

from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, show_json, show_table


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
    """The ledger: verify, export.

    \b
    Example: bedrail ledger verify
    """


@ledger.command("verify")
@click.option(
    "--bundle", type=click.Path(path_type=Path), default=None, help="Verify an exported bundle; needs no home."
)
@click.option(
    "--key", default="", help="The ledger's public key in hex, as you wrote it down; pins who may have signed."
)
@json_option
@pass_state
def verify(state: CliState, bundle: Path | None, key: str, as_json: bool) -> None:
    """Recompute everything and name each difference. Exit code 0 when all holds, 1 otherwise.

    \b
    Example: bedrail ledger verify --bundle ./bundle --key 3f5a...
    """
    from bedrail.app import verify_exported, verify_home
    from bedrail.core.errors import Invalid

    try:
        pinned = bytes.fromhex(key)
    except ValueError:
        pinned = b"?"
    if len(pinned) not in {0, 32}:
        raise Invalid("not a key.", path="--key", remedy="Give the 64 hex digits that `bedrail init` printed.")
    report = (
        verify_exported(bundle, pinned or None) if bundle is not None else verify_home(state.folder, pinned or None)
    )
    if as_json:
        show_json(
            {"ok": report.ok, "size": report.size, "root": report.root,
             "differences": [{"kind": d.kind, "where": d.where, "what": d.what} for d in report.differences]}
        )  # fmt: skip
    elif report.ok:
        click.echo(f"Verified: {report.size} entries, root {report.root}. Nothing differs.")
    else:
        show_table(
            "Differences", ("kind", "where", "what"), [(d.kind, d.where, d.what) for d in report.differences[:50]]
        )
        click.echo(f"{len(report.differences)} differences.")
    click.get_current_context().exit(0 if report.ok else 1)


@ledger.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@pass_state
def export(state: CliState, folder: Path) -> None:
    """Write an audit bundle that verifies in an empty directory with no access to this home.

    \b
    Example: bedrail --as aud ledger export ./bundle
    """
    from bedrail.journeys.upkeep import export_bundle

    export_bundle(state.context(), state.actor(), folder)
    click.echo(
        f"Bundle in {folder}. Verify: bedrail ledger verify --bundle {folder} --key {state.app().public_key.hex()}"
    )
