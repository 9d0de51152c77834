"""Everybody's choices by purpose, folded from facts: the bedside asks once per decision, datasets when built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from bedrail.core.events.bedside import ConsentChanged
from bedrail.core.events.data import ConsentRecorded, ConsentRulesAdopted
from bedrail.data.consent import (
    EVERY_USE,
    FOREVER,
    UNRULED,
    Choice,
    Decision,
    Purpose,
    Ruling,
    governing,
    moment,
    ruling,
    shipped_jurisdictions,
)

if TYPE_CHECKING:
    from bedrail.governance.views import Registry


def _unruled() -> dict[str, str]:
    return shipped_jurisdictions()[UNRULED].defaults()


@dataclass(slots=True)
class Consents:
    """Choices by subject in the order in which they were recorded, and what holds without one."""

    choices: dict[str, tuple[Choice, ...]] = field(default_factory=dict)
    rules: str = UNRULED
    defaults: dict[str, str] = field(default_factory=_unruled)
    rules_text: str = ""
    _care_open: bool = True

    def adopt(self, name: str, defaults: dict[str, str], text: str) -> None:
        """From now on these defaults hold."""
        self.rules, self.defaults, self.rules_text = name, dict(defaults), text
        self._care_open = ruling((), defaults.get("care", ""), "care", EVERY_USE, 0.0).allowed

    def record(self, choice: Choice) -> None:
        """Add a choice; the tuple is replaced whole, since the bedside reads it from another thread."""
        self.choices[choice.subject] = (*self.choices.get(choice.subject, ()), choice)

    def ask(self, subject: str, purpose: Purpose, use_case: str, now: float, *, waiver: str = "") -> Ruling:
        """May this subject's data be used for the purpose?"""
        default = self.defaults.get(purpose, "")
        return ruling(self.choices.get(subject, ()), default, purpose, use_case, now, waiver=waiver)

    def bars_care(self, subject: str, use_case: str, now: float) -> bool:
        """For the bedside: one look-up for whoever never decided anything."""
        mine = self.choices.get(subject)
        if mine is None:
            return not self._care_open
        choice = governing(mine, "care", use_case, now)
        return not self._care_open if choice is None else choice.decision != "permitted"

    def people(self) -> int:
        """How many people decided something."""
        return len(self.choices)


def _recorded(registry: Registry, fact: ConsentRecorded, at: str) -> None:
    registry.consents.record(
        Choice(
            subject=fact.subject,
            purpose=cast("Purpose", fact.purpose),
            use_case=fact.use_case,
            decision=cast("Decision", fact.choice),
            at=at,
            by=registry.acting,
            basis=fact.basis,
            source=fact.source,
            starts=moment(fact.starts, path="starts", empty=0.0),
            ends=moment(fact.ends, path="ends", empty=FOREVER),
        )
    )


def _changed(registry: Registry, fact: ConsentChanged, at: str) -> None:
    """The opt-out at the bedside is a choice about care."""
    registry.consents.record(
        Choice(
            subject=fact.subject,
            purpose="care",
            use_case=fact.use_case,
            decision="denied" if fact.opted_out else "permitted",
            at=at,
            by=registry.acting,
            basis="said at the bedside",
        )
    )


def _adopted(registry: Registry, fact: ConsentRulesAdopted, _at: str) -> None:
    registry.consents.adopt(fact.name, fact.defaults, fact.rules)


CONSENTS: dict[type, Callable[[Registry, Any, str], None]] = {
    ConsentChanged: _changed,
    ConsentRecorded: _recorded,
    ConsentRulesAdopted: _adopted,
}
