"""What a checked proof or evidence pack shows, as a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.doors import show_json, show_table

if TYPE_CHECKING:
    from bedrail.ledger.pack import Pack
    from bedrail.ledger.proof import Proven


def show_proven(proven: Proven, as_json: bool) -> None:
    """One proven entry: where it stands, under which signatures, and what it says."""
    told = _told(proven.entry)
    if as_json:
        show_json(
            {"ok": True, "index": proven.index, "origin": proven.checkpoint.origin, "size": proven.checkpoint.size,
             "root": proven.checkpoint.root.hex(), "cosigned": _times(proven.cosigned), "entry": told}
        )  # fmt: skip
        return
    checkpoint = proven.checkpoint
    click.echo(f"Proven: entry {proven.index} of {checkpoint.size} in {checkpoint.origin}.")
    for each in _times(proven.cosigned):
        click.echo(f"Signed also by {each['name']} at {each['at']}.")
    if not proven.cosigned:
        click.echo("The second signature was not checked: give its verifier key with another --key.")
    click.echo(json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False))


def show_pack(pack: Pack, as_json: bool) -> None:
    """The entries of a verified pack."""
    rows = [(index, *_line(_told(entry))) for index, entry in sorted(pack.entries.items())]
    if as_json:
        show_json(
            {"ok": True, "origin": pack.checkpoint.origin, "size": pack.checkpoint.size,
             "root": pack.checkpoint.root.hex(), "cosigned": _times([(n, at) for n, at, _ in pack.cosigned]),
             "entries": [{"index": index, "entry": _told(entry)} for index, entry in sorted(pack.entries.items())]}
        )  # fmt: skip
        return
    show_table("Entries", ("index", "at", "action", "by"), rows)
    click.echo(f"Verified: {len(rows)} entries under {pack.checkpoint.origin}, size {pack.checkpoint.size}.")
    for name, at, size in pack.cosigned:
        click.echo(f"Witnessed by {name} at {_moment(at)}, at size {size}.")


def _told(entry: bytes) -> dict[str, Any]:
    try:
        told = json.loads(entry)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"bytes": entry.hex()}


def _line(told: dict[str, Any]) -> tuple[str, str, str]:
    fact, actor = told.get("fact"), told.get("actor")
    action = str(fact.get("action", "")) if isinstance(fact, dict) else ""
    return str(told.get("at", "")), action, str(actor.get("id", "")) if isinstance(actor, dict) else ""


def _times(cosigned: Any) -> list[dict[str, str]]:
    return [{"name": name, "at": _moment(at)} for name, at in cosigned]


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"
