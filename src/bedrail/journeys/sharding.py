"""Shards of the ledger: end the present one, begin the next under another name, list, export and prune sealed ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import Actor, DataRead, Entry, Fact, encode
from bedrail.core.events.ledger import LedgerKeysDestroyed
from bedrail.core.events.shards import LedgerBegun, LedgerPruned, LedgerSealed
from bedrail.core.ports import Draft, Pruned, Signer
from bedrail.journeys.context import Context
from bedrail.journeys.proving import rules_named
from bedrail.journeys.soundness import sound_facts
from bedrail.ledger.bundle import export_bundle
from bedrail.ledger.checkpoint import is_key_name
from bedrail.ledger.shards import Shard, ShardTape, kept_of, pruned_shards, shards_of

MOST_NAME_BYTES = 255
"""What a cosignature has room for (C2SP tlog-cosignature)."""


def shards(ctx: Context) -> tuple[Shard, ...]:
    """The ledger's shards, oldest first; the last one is being written."""
    return shards_of(ctx.tape, ctx.tape.head(), ctx.ledger.first_origin)


def begin_shard(
    ctx: Context, person: str, origin: str, make_key: Callable[[], Signer] | None = None
) -> tuple[Shard, ...]:
    """Seal the present shard and go on under another name, and under the key of `make_key` if given; returns all.

    Both facts are one commit: whatever dies meanwhile, there is one shard or there are two. Other processes go on in
    the new one. The old key's seal names the new key, so that whoever trusts the old one can trust the new one too.
    Raises `Refused` for a role that may not, for a name that a shard has had, and when something else was recorded
    meanwhile; `Invalid` for what cannot be a name.
    """
    actor = ctx.require(person, "ledger.shard")
    if make_key is not None:
        ctx.require(person, "ledger.add-key")
    known = ctx.registry.seen
    if not (is_key_name(origin) and origin.isprintable() and len(origin.encode()) <= MOST_NAME_BYTES):
        remedy = "Use at most 255 bytes without spaces or `+`, such as hospital.example/ledger-2027."
        raise Invalid("this cannot be the name of a ledger.", path="--origin", remedy=remedy)
    told = shards(ctx)
    if origin in {shard.origin for shard in told}:
        raise Refused(f"a shard of this ledger is called {origin}.", remedy="Choose a name that it never had.")
    previous = told[-1].origin
    signer = None if make_key is None else make_key()
    key, previous_key = ("", "") if signer is None else (signer.public_key.hex(), ctx.public_key.hex())

    def first(final: bytes) -> Draft:
        fact = LedgerBegun(
            checkpoint=final.decode(), key=key, origin=origin, previous=previous, previous_key=previous_key
        )
        return _draft(ctx, actor, fact)

    sealed = _draft(ctx, actor, LedgerSealed(key=key, origin=previous, successor=origin))
    ctx.ledger.begin_shard(sealed, origin, first, known=known, signer=signer)
    ctx.refresh()
    return shards(ctx)


def destroy_former_keys(ctx: Context, person: str, signers: Sequence[Signer], destroy: Callable[[bytes], int]) -> int:
    """Delete every ledger key but the present shard's, on record before they go; returns how many.

    Afterwards what the former shards hold can be verified as ever, but nobody can sign for them, nor go on from a
    backup that was made before. Raises `Refused` for a role that may not.
    """
    actor = ctx.require(person, "ledger.shard")
    ctx.require(person, "ledger.add-key")
    present = ctx.public_key
    former = tuple(sorted(each.public_key.hex() for each in signers if each.public_key != present))
    if not former:
        return 0
    ctx.append(actor, "security", LedgerKeysDestroyed(keys=former))
    return destroy(present)


def export_shard(
    ctx: Context, person: str, origin: str, folder: Path, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the audit bundle of a sealed shard: the ledger as it was when it ended, under its final checkpoint.

    It is on record in the present shard. Raises `NotFound` for no such shard, `Invalid` for the one being written.
    """
    actor = ctx.require(person, "ledger.export")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    shard = _shard(ctx, origin, "--shard")
    if (since := pruned(ctx).get(origin)) is not None:
        remedy = "Export the whole ledger, where the pruning is on record: bedrail ledger export FOLDER"
        raise Refused(f"{origin} was pruned on {since[:10]}: its end knows nothing of that.", remedy=remedy)
    key = bytes.fromhex(shard.key) if shard.key else ctx.public_key
    if not ctx.publisher.can_sign_as(key):
        remedy = "Export the whole ledger, which any of its keys verifies: bedrail ledger export FOLDER"
        raise Refused(f"the key of {origin} was destroyed: nobody can sign the export.", remedy=remedy)
    tape = ShardTape(ctx.tape, shard)
    taken = DataRead(use_case="", kind="bundle", count=shard.size, reason=f"export of the shard {origin}"[:200])
    ctx.append(actor, "governance", taken)
    artifacts = rules_named(ctx, tape)
    return export_bundle(tape, folder, origin, key, ctx.publisher, artifacts, progress=progress)


def _draft(ctx: Context, actor: Actor, fact: Fact) -> Draft:
    at = ctx.clock.now().isoformat(timespec="microseconds")
    entry = Entry(actor=actor, at=at, fact=fact, id=ctx.ids.new(), node=ctx.node, purpose="governance", request="")
    return Draft(entry=entry, data=encode(entry))


def pruned(ctx: Context) -> dict[str, str]:
    """The shards whose pruning is on record, and since when."""
    return pruned_shards(ctx.tape, ctx.tape.head())


def due_for_pruning(ctx: Context, origin: str) -> Shard:
    """The sealed shard, when the policy's years since its sealing are over and no legal hold keeps anything in it.

    Raises `NotFound`, and `Refused` with the reason.
    """
    shard = _shard(ctx, origin, "ORIGIN")
    if not shard.final:
        raise Refused(f"{origin} is still written.", remedy="Seal it first: bedrail ledger shard --origin NEXT")
    years = ctx.policy().ledger.keep_years
    ends = _years_later(datetime.fromisoformat(shard.sealed_at), years)
    if ctx.clock.now() < ends:
        raise Refused(
            f"{origin} is kept until {ends:%Y-%m-%d}: {years} years from its sealing on {shard.sealed_at[:10]}.",
            remedy="Wait, or adopt a policy with another keep_years under [ledger].",
        )
    held = [subject for subject, _ in ctx.registry.custody.holds if subject]
    if kept := ctx.records.decided_about(held, shard.start, shard.size):
        raise Refused(
            f"{len(kept)} of the patients in {origin} are under a legal hold.",
            remedy="A shard is pruned as a whole: wait until these are lifted (bedrail keys lift-hold).",
        )
    return shard


def prune_shard(ctx: Context, person: str, origin: str, reason: str) -> Pruned:
    """Delete the daily traffic of a shard whose retention is over: first it is on record, then it goes in small steps.

    Leaf hashes, checkpoints and every fact that governs stay, so each root, proof and receipt holds as before. After
    an interruption the same call does the rest, without a second fact. Raises `Refused` and `NotFound`; `Corrupt`,
    before anything is recorded, when the ledger is not as it was sealed.
    """
    actor = ctx.require(person, "ledger.prune")
    known = ctx.registry.seen
    if origin in pruned(ctx):
        shard = _shard(ctx, origin, "ORIGIN")
    else:
        shard = due_for_pruning(ctx, origin)
        years = ctx.policy().ledger.keep_years
        sound_facts(ctx)  # what was changed before would look lawful afterwards
        fact = LedgerPruned(
            kept=kept_of(ctx.tape, shard.start, shard.size),
            origin=origin,
            reason=reason,
            sealed_at=shard.sealed_at,
            size=shard.size,
            start=shard.start,
            years=years,
        )
        ctx.append(actor, "governance", fact, known=known)
    return ctx.records.prune(shard.start, shard.size)


def _shard(ctx: Context, origin: str, path: str) -> Shard:
    told = {shard.origin: shard for shard in shards(ctx)}
    if origin not in told:
        raise NotFound(f"no shard `{origin[:80]}`.", path=path, remedy=f"There are: {', '.join(told)}.")
    return told[origin]


def _years_later(moment: datetime, years: int) -> datetime:
    """The same day, years later; the 29th of February becomes the 1st of March."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
