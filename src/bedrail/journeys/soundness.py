"""Before a gate has consequences: are the facts and the evidence that it rests on still those that were sealed?"""

from __future__ import annotations

from bedrail.core.errors import Corrupt
from bedrail.core.events import HIGH_VOLUME
from bedrail.governance.approvals import evidence_on
from bedrail.governance.views import UseCaseView
from bedrail.journeys.context import Context
from bedrail.ledger.merkle import CompactRange, leaf_hash
from bedrail.ledger.shards import open_sealed

_ACTION = b'"fact":{"action":"'
_HIGH_VOLUME = frozenset(action.encode() for action in HIGH_VOLUME)


def require_sound_facts(ctx: Context) -> None:
    """That the tape's bytes give the root that this installation signed, and that the registry was shown all of them.

    A gate is a function of facts: an approval edited, or an objection hidden, in the database would open it. This reads
    the whole tape (some 200,000 entries a second), so it is asked where something follows, not on every look. Raises
    `Corrupt`; `bedrail ledger verify` then names the entry.
    """
    head = ctx.tape.head()
    if not head.size:
        return
    sealed = open_sealed(head.checkpoint, ctx.public_key, ctx.verify)
    told = {index for index, _ in ctx.tape.registry_entries(0)}
    tree, hidden = CompactRange(), False
    for page in ctx.tape.sealed_pages(0, head.size):
        tree.extend([leaf_hash(data) for _, _, data in page])
        hidden = hidden or any((index in told) == _is_high_volume(data) for index, _, data in page)
    if hidden or (tree.size, tree.root()) != (sealed.size, sealed.root):
        raise Corrupt(
            "the facts in the ledger are not those that were sealed.",
            remedy="bedrail ledger verify names each difference; until then nothing is approved or deployed.",
        )


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
