"""Proof to hand to somebody outside: of one decision, as a file or a pack, or the whole ledger as a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bedrail.core.errors import Corrupt, NotFound, Refused
from bedrail.core.events import (
    Approved,
    CandidateAdmitted,
    DataRead,
    DecisionAnswered,
    DecisionFellBack,
    DeploymentMoved,
    GateJudged,
    InstallationOpened,
    PolicyAdopted,
    UseCaseOpened,
    decode,
)
from bedrail.core.events.ledger import LedgerKeyAdded
from bedrail.core.ports import Tape
from bedrail.governance.access import require_site
from bedrail.journeys.context import Context
from bedrail.journeys.verifying import SECOND, named_second_key
from bedrail.ledger.bundle import Cosigned, export_bundle
from bedrail.ledger.cosignature import CosignerKey
from bedrail.ledger.merkle import leaf_hash, verify_inclusion
from bedrail.ledger.pack import write_pack
from bedrail.ledger.proof import EntryProof, format_proof
from bedrail.ledger.shards import open_sealed

GROUNDS = (Approved, CandidateAdmitted, DeploymentMoved, GateJudged)
"""Facts about the same use case and candidate that a decision rests on."""


def prove_decision(ctx: Context, person: str, decision: str) -> bytes:
    """The `.tlog-proof` of the entry that made this decision, under the newest checkpoint with both signatures.

    Making it is itself a fact. Raises `NotFound`, `Refused` for a role that may not read decisions or somebody of
    another site, and `Corrupt` when the ledger cannot prove its own entry.
    """
    actor = ctx.require(person, "decision.read")
    index, entry, use_case = _found(ctx, person, decision)
    ctx.append(actor, "oversight", DataRead(use_case=use_case, kind="decision", count=1, reason="proof"))
    head = ctx.tape.head()
    signed = open_sealed(head.checkpoint, ctx.public_key, ctx.verify)
    path = tuple(ctx.prover.inclusion(index, signed.size))
    if not verify_inclusion(leaf_hash(entry), index, signed.size, path, signed.root):
        raise Corrupt("The ledger has no proof of this entry.", remedy="Run `bedrail ledger verify`.")
    note = ctx.publisher.published(head.checkpoint)
    return format_proof(EntryProof(index=index, path=path, note=note, entry=entry))


def pack_decision(ctx: Context, person: str, decision: str, folder: Path) -> list[int]:
    """Write the evidence pack of one decision; returns the indexes of its entries.

    It holds the decision, its responses and outcome, the approvals, gate and deployment that it rests on, the policy in
    force and the fact that names the ledger's keys. Making it is itself a fact. Raises as `prove_decision`, and
    `Refused` when the folder is not empty.
    """
    actor = ctx.require(person, "decision.read")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    index, entry, use_case = _found(ctx, person, decision)
    ctx.append(actor, "oversight", DataRead(use_case=use_case, kind="decision", count=1, reason="evidence pack"))
    entries = {index: entry, **_grounds(ctx, index, entry)}
    for about in ctx.views.entries_about(decision):
        data = ctx.views.entry(about)
        if data is not None:
            entries[about] = data
    head = ctx.tape.head()
    proofs = (ctx.prover.inclusion, ctx.prover.consistency)
    seen = ctx.cosigned()
    newest = None if seen is None or not seen.notes else max(seen.notes)
    cosigned = None
    if seen is not None and newest is not None:
        cosigned = Cosigned(notes={newest: seen.notes[newest]}, witnesses=seen.witnesses)
    write_pack(
        folder, f"decision {decision}", entries, head.checkpoint, ctx.public_key, ctx.publisher, proofs, cosigned
    )
    return sorted(entries)


def export_whole(ctx: Context, person: str, folder: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write an audit bundle that verifies with no access to this home; it holds the fact that it was taken.

    With it go the policies and charters that the facts name, so that an outsider can replay what was approved.
    """
    actor = ctx.require(person, "ledger.export")
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    taken = DataRead(use_case="", kind="bundle", count=ctx.ledger.head().size, reason="export of the whole ledger")
    ctx.append(actor, "governance", taken)
    return export_bundle(
        ctx.tape,
        folder,
        ctx.ledger.origin,
        ctx.public_key,
        ctx.publisher,
        rules_named(ctx, ctx.tape),
        cosigned=ctx.cosigned(),
        progress=progress,
    )


def add_second_key(ctx: Context, person: str, key: CosignerKey) -> None:
    """Put on record that the ledger signs what it publishes with this post-quantum key too.

    Raises `Refused` when the facts name it already.
    """
    actor = ctx.require(person, "ledger.add-key")
    if named_second_key(ctx.tape, ctx.ledger.head().size) == key.public_key:
        raise Refused("The facts name this key already.", remedy="bedrail ledger keys shows it.")
    ctx.append(actor, "security", LedgerKeyAdded(key=key.public_key.hex(), name=SECOND))


def rules_named(ctx: Context, tape: Tape) -> dict[str, bytes]:
    """The texts of every policy and charter that the facts of a tape name."""
    named: set[str] = set()
    for _, data in tape.registry_entries():
        fact = decode(data).fact
        if isinstance(fact, PolicyAdopted):
            named.add(fact.policy)
        elif isinstance(fact, UseCaseOpened):
            named.add(fact.charter)
    return {digest: ctx.artifacts.get(digest) for digest in sorted(named)}


def _found(ctx: Context, person: str, decision: str) -> tuple[int, bytes, str]:
    """The decision's entry, where it is the person's to see: (index, entry, use case)."""
    found = ctx.views.find_entry(decision)
    if found is None:
        raise NotFound(f"no decision `{decision[:40]}`.", path="decision", remedy="bedrail status shows where to look.")
    fact = decode(found[1]).fact
    if not isinstance(fact, DecisionAnswered | DecisionFellBack) or fact.decision != decision:
        raise Corrupt("the ledger entry of this decision is another one.", remedy="Run `bedrail ledger verify`.")
    require_site(ctx.registry, person, fact.site)
    return *found, fact.use_case


def _grounds(ctx: Context, index: int, entry: bytes) -> dict[int, bytes]:
    """What the decision rests on, from the low-volume facts before it."""
    made = decode(entry).fact
    assert isinstance(made, DecisionAnswered | DecisionFellBack)
    grounds: dict[int, bytes] = {}
    for at, data in ctx.tape.registry_entries():
        if at >= index:
            break
        fact = decode(data).fact
        if (
            isinstance(fact, InstallationOpened)
            or (isinstance(fact, PolicyAdopted) and fact.policy == made.policy)
            or (isinstance(fact, GROUNDS) and (fact.use_case, fact.candidate) == (made.use_case, made.candidate))
        ):
            grounds[at] = data
    return grounds
