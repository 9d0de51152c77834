"""Before a gate has consequences: are the facts and the evidence that it rests on still those that were sealed?"""

from __future__ import annotations

from bedrail.core.errors import Corrupt
from bedrail.core.events import HIGH_VOLUME, decode
from bedrail.governance.approvals import evidence_on
from bedrail.governance.views import Registry, UseCaseView
from bedrail.journeys.context import Context
from bedrail.ledger.merkle import CompactRange, leaf_hash
from bedrail.ledger.shards import chain_of, open_sealed

_ACTION = b'"fact":{"action":"'
_HIGH_VOLUME = frozenset(action.encode() for action in HIGH_VOLUME)


def require_sound_facts(ctx: Context) -> None:
    """As `sound_facts`; from then on the journey stands on the registry that was folded from these facts."""
    ctx.stand_on(sound_facts(ctx))


def sound_facts(ctx: Context) -> Registry:
    """The registry that the sealed facts make, folded anew; raises `Corrupt` unless they are all that anyone was told.

    A gate is a function of facts: an approval edited, or forged past the seal, or an objection hidden, in the database
    would open it. So the tape's bytes must give the root that this installation signed, and the registry must have been
    shown these and no others. Where a shard was pruned, on record, the stored hash stands for daily traffic that is
    gone, as in `ledger/hashing.py`; what governs is never pruned. This reads the whole tape (some 200,000 entries a
    second), so it is asked where something follows, not on every look. `bedrail ledger verify` then names the entry.
    """
    seen = ctx.refresh().seen
    told = {index for index, _ in ctx.tape.registry_entries(0)}
    head = ctx.tape.head()  # after both: what somebody appends meanwhile is then sealed already
    if seen > head.size or max(told, default=-1) >= head.size:
        raise _others_than_sealed()
    if not head.size:
        return Registry()
    key = ctx.public_key
    sealed = open_sealed(head.checkpoint, key, ctx.verify)
    pruned = chain_of(ctx.tape, head, ctx.ledger.first_origin, key, ctx.verify, whole=True).pruned
    tree, hidden, facts = CompactRange(), False, []
    for page in ctx.tape.sealed_pages(0, head.size):
        gone = {index: leaf for index, leaf, data in page if not data and any(index in one for one in pruned)}
        tree.extend([gone[index] if index in gone else leaf_hash(data) for index, _, data in page])
        hidden = hidden or any((index in told) == (index in gone or _is_high_volume(data)) for index, _, data in page)
        facts += [(index, data) for index, _, data in page if index in told]
    if hidden or (tree.size, tree.root()) != (sealed.size, sealed.root):
        raise _others_than_sealed()
    registry = Registry()
    for index, data in facts:
        registry.apply(index, decode(data))
    return registry


def require_sound_evidence(ctx: Context, view: UseCaseView, candidate: str, checks: tuple[str, ...]) -> None:
    """That the evidence of these checks is there, unchanged and signed here; raises `Corrupt` or `NotFound`."""
    from bedrail.journeys.examination import read_evidence

    for check in checks:
        found = evidence_on(view, candidate, check)
        if found is not None:
            read_evidence(ctx, found.evidence)


def _is_high_volume(data: bytes) -> bool:
    """By the entry's own word, whatever the table's column says; canonical JSON has this field in one place only."""
    start = data.find(_ACTION) + len(_ACTION)
    return data[start : data.find(b'"', start)] in _HIGH_VOLUME


def _others_than_sealed() -> Corrupt:
    return Corrupt(
        "the facts in the ledger are not those that were sealed.",
        remedy="bedrail ledger verify names each difference; until then nothing is approved, deployed or pruned.",
    )
