"""The part of the registry about the ledger itself: which witnesses watch over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bedrail.core.events.continuity import AnchorRenewed, WitnessesAdopted
from bedrail.core.events.recovery import LedgerRestored


@dataclass(slots=True)
class Continuity:
    """What the facts say.

    `witnesses` is the digest of the witness policy in force, empty while there is none; up to `accepted_loss` entries
    were signed once and then lost in a restore, as somebody accepted on record.
    """

    witnesses: str = ""
    anchor_renewals: int = 0
    accepted_loss: int = 0


def _witnesses(registry: Any, fact: WitnessesAdopted, _at: str) -> None:
    registry.continuity.witnesses = fact.policy


def _renewed(registry: Any, _fact: AnchorRenewed, _at: str) -> None:
    registry.continuity.anchor_renewals += 1


def _restored(registry: Any, fact: LedgerRestored, _at: str) -> None:
    registry.continuity.accepted_loss = max(registry.continuity.accepted_loss, fact.newest)


CONTINUITY: dict[type, Callable[[Any, Any, str], None]] = {
    WitnessesAdopted: _witnesses,
    AnchorRenewed: _renewed,
    LedgerRestored: _restored,
}
"""How each fact changes a registry's `continuity`."""
