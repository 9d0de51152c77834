"""What is held, what is being disposed of, and which duties about keys one person may not hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bedrail.core.errors import Refused
from bedrail.core.events.custody import DisposalCompleted, DisposalOrdered, HoldLifted, HoldPlaced

APART: tuple[tuple[str, str], ...] = (
    ("key-custodian", "pseudonym-custodian"),
    ("key-custodian", "release-engineer"),
    ("key-custodian", "data-scientist"),
    ("pseudonym-custodian", "release-engineer"),
    ("pseudonym-custodian", "data-scientist"),
)
"""NIST SP 800-57 part 2 (split knowledge), ISO/IEC 27002:2022 control 5.3: who keeps the data keys cannot re-identify,
and who runs the servers or works with the data keeps neither."""


@dataclass(frozen=True, slots=True)
class Order:
    """A disposal that was ordered: whose, which data keys by id, why, by a fact of what moment."""

    subject: str
    dataset: str
    keys: tuple[str, ...]
    reason: str
    at: str


@dataclass(slots=True)
class Custody:
    """Holds and open disposals; the key is (subject, dataset), of which one is empty."""

    holds: dict[tuple[str, str], str] = field(default_factory=dict)
    ordered: dict[tuple[str, str], Order] = field(default_factory=dict)

    def require_free(self, subject: str, dataset: str) -> None:
        """Raise `Refused` when a hold stands."""
        if (subject, dataset) in self.holds:
            raise Refused(
                "a legal hold stands: this must be kept.",
                remedy="Lift it first, if that is right: bedrail keys lift-hold",
                reasons=(self.holds[subject, dataset],),
            )


def require_apart(roles: Iterable[str]) -> None:
    """Raise `Refused` when one person would keep what must lie in different hands."""
    held = set(roles)
    for one, other in APART:
        if {one, other} <= held:
            remedy = "Give one of them to somebody else."
            raise Refused(f"`{one}` and `{other}` are kept apart.", remedy=remedy, reasons=("kept-apart",))


def _held(registry: Any, fact: HoldPlaced, _at: str) -> None:
    registry.custody.holds[fact.subject, fact.dataset] = fact.reason


def _lifted(registry: Any, fact: HoldLifted, _at: str) -> None:
    registry.custody.holds.pop((fact.subject, fact.dataset), None)


def _ordered(registry: Any, fact: DisposalOrdered, at: str) -> None:
    order = Order(fact.subject, fact.dataset, fact.keys, fact.reason, at)
    registry.custody.ordered[fact.subject, fact.dataset] = order


def _completed(registry: Any, fact: DisposalCompleted, at: str) -> None:
    registry.custody.ordered.pop((fact.subject, fact.dataset), None)
    registry.catalogue.shredded(fact.dataset, fact.certificate, at)


CUSTODY: dict[type, Callable[[Any, Any, str], None]] = {
    HoldPlaced: _held,
    HoldLifted: _lifted,
    DisposalOrdered: _ordered,
    DisposalCompleted: _completed,
}
