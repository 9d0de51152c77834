"""Shards of the ledger: end the present one, begin the next under another name, list them, export a sealed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import Actor, DataRead, Entry, Fact, encode
from bedrail.core.events.shards import LedgerBegun, LedgerSealed
from bedrail.core.ports import Draft
from bedrail.journeys.context import Context
from bedrail.journeys.proving import rules_named
from bedrail.ledger.bundle import export_bundle
from bedrail.ledger.checkpoint import is_key_name
from bedrail.ledger.shards import Shard, ShardTape, shards_of

MOST_NAME_BYTES = 255
"""What a cosignature has room for (C2SP tlog-cosignature)."""


def shards(ctx: Context) -> tuple[Shard, ...]:
    """The ledger's shards, oldest first; the last one is being written."""
    return shards_of(ctx.tape, ctx.tape.head(), ctx.ledger.first_origin)


def begin_shard(ctx: Context, person: str, origin: str) -> tuple[Shard, ...]:
    """Seal the present shard and go on under another name; returns all shards.

    Both facts are one commit: whatever dies meanwhile, there is one shard or there are two. Other processes go on in
    the new one. Raises `Refused` for a role that may not, for a name that a shard has had, and when something else was
    recorded meanwhile; `Invalid` for what cannot be a name.
    """
    actor = ctx.require(person, "ledger.shard")
    known = ctx.registry.seen
    if not (is_key_name(origin) and origin.isprintable() and len(origin.encode()) <= MOST_NAME_BYTES):
        remedy = "Use at most 255 bytes without spaces or `+`, such as hospital.example/ledger-2027."
        raise Invalid("this cannot be the name of a ledger.", path="--origin", remedy=remedy)
    told = shards(ctx)
    if origin in {shard.origin for shard in told}:
        raise Refused(f"a shard of this ledger is called {origin}.", remedy="Choose a name that it never had.")
    previous = told[-1].origin

    def first(final: bytes) -> Draft:
        return _draft(ctx, actor, LedgerBegun(checkpoint=final.decode(), origin=origin, previous=previous))

    sealed = _draft(ctx, actor, LedgerSealed(origin=previous, successor=origin))
    ctx.ledger.begin_shard(sealed, origin, first, known=known)
    ctx.refresh()
    return shards(ctx)


def export_shard(
    ctx: Context, person: str, origin: str, folder: Path, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the audit bundle of a sealed shard: the ledger as it was when it ended, under its final checkpoint.

    It is on record in the present shard. Raises `NotFound` for no such shard, `Invalid` for the one being written.
    """
    actor = ctx.require(person, "ledger.export")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    told = {shard.origin: shard for shard in shards(ctx)}
    if origin not in told:
        raise NotFound(f"no shard `{origin[:80]}`.", path="--shard", remedy=f"There are: {', '.join(told)}.")
    tape = ShardTape(ctx.tape, told[origin])
    taken = DataRead(use_case="", kind="bundle", count=told[origin].size, reason=f"export of the shard {origin}"[:200])
    ctx.append(actor, "governance", taken)
    artifacts = rules_named(ctx, tape)
    return export_bundle(tape, folder, origin, ctx.public_key, ctx.publisher, artifacts, progress=progress)


def _draft(ctx: Context, actor: Actor, fact: Fact) -> Draft:
    at = ctx.clock.now().isoformat(timespec="microseconds")
    entry = Entry(actor=actor, at=at, fact=fact, id=ctx.ids.new(), node=ctx.node, purpose="governance", request="")
    return Draft(entry=entry, data=encode(entry))
