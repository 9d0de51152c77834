"""ledger monitor: a client's receipts against an audit bundle, or against the hashes that a server shows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from bedrail.cli.doors import json_option, show_json, show_table
from bedrail.cli.key_options import KEY_HELP, key_options


@click.command("monitor")
@click.option("--receipts", type=click.Path(path_type=Path), required=True, help="JSON lines, as callers kept them.")
@click.option("--bundle", type=click.Path(path_type=Path), default=None, help="An audit bundle taken later.")
@click.option("--url", default="", help="A running server, such as https://bedrail.hospital.example.")
@click.option("--key", "keys", multiple=True, help=KEY_HELP)
@click.option("--former-key", "former", multiple=True, help="A ledger key of before, for receipts of former shards.")
@click.option("--as-of", default="", metavar="MOMENT", help="When the bundle was taken (ISO 8601 with zone).")
@click.option("--max-silence", type=click.IntRange(1), default=None, help="Longest gap between entries, in seconds.")
@json_option
def monitor(
    receipts: Path,
    bundle: Path | None,
    url: str,
    keys: tuple[str, ...],
    former: tuple[str, ...],
    as_of: str,
    max_silence: int | None,
    as_json: bool,
) -> None:
    """Were the promises in these receipts kept? Exit code 0 when all were, 1 otherwise. Needs no home.

    Each line is a receipt, or an answer with its receipt; `received` beside it says when. An entry must be there two
    seconds after its answer.

    \b
    Example: bedrail ledger monitor --receipts receipts.jsonl --bundle ./bundle --key 3f5a...
    """
    from bedrail.app import hold_to_receipts
    from bedrail.core.errors import Invalid

    if (bundle is None) == (not url):
        raise Invalid("name either a bundle or a server.", path="--bundle", remedy="--bundle FOLDER, or --url ADDRESS.")
    try:
        moment = datetime.fromisoformat(as_of).timestamp() if as_of else None
    except ValueError:
        raise Invalid("this is no moment.", path="--as-of", remedy="Such as 2026-11-22T05:00:00+00:00.") from None
    earlier = [each.public_key for each in map(key_options, ((key,) for key in former)) if each is not None]
    found = hold_to_receipts(
        receipts, bundle, url, key_options(keys), as_of=moment, max_silence=max_silence, former=earlier
    )
    if as_json:
        show_json(found)
    else:
        if found.broken:
            rows = [(each.line or "-", each.kind, each.what) for each in found.broken[:100]]
            show_table("Broken promises", ("line", "kind", "what"), rows)
        told = f"{found.kept} kept, {len(found.broken)} broken, {found.pending} too young for this view"
        click.echo(f"{told} ({found.size} entries).")
        if not keys:
            click.echo("The bundle's own key was believed; pin it with --key to know whose promises these are.")
    click.get_current_context().exit(1 if found.broken else 0)
