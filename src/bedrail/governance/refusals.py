"""Refused acts as rules: of whom they are told, when one is due on record, and what is known of them (ASVS 5.0 16.3.2).

A claim that nobody proved is told of nobody: strangers write nothing into the ledger. A known caller writes one fact in
ten minutes at most, however often and for however many acts they are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bedrail.core.accounts import RefusedRow
from bedrail.core.errors import Refused
from bedrail.core.events.refused import ActsRefused, RefusedAct
from bedrail.governance.accounts import Identity
from bedrail.governance.duties import DUTIES
from bedrail.governance.moments import epoch, iso
from bedrail.governance.sessions import Principal
from bedrail.governance.values import PersonView

WINDOW_SECONDS = 600.0
"""The first refusal is on record at once; what the same caller is refused after it waits so long, and is counted."""

MOST_ACTS = 100
"""A fact names as many kinds of act; those after it are counted together."""

WHYS = ("permission", "scope", "suspended", "sign-in", "another-person", "second-factor", "step-up", *DUTIES)

Caller = tuple[str, str]
"""(person or token, id)."""


@dataclass(slots=True)
class RefusedView:
    """One act that a caller was refused, over all time that the ledger knows."""

    kind: str
    who: str
    action: str
    door: str
    why: str
    count: int
    since: str
    until: str


@dataclass(slots=True)
class RefusedActs:
    """What the registry knows of refused acts; `told` says when a caller was last told of (epoch seconds)."""

    acts: dict[tuple[str, str, str, str, str], RefusedView] = field(default_factory=dict)
    told: dict[Caller, float] = field(default_factory=dict)
    more: dict[Caller, int] = field(default_factory=dict)

    def due(self, caller: Caller, now: float) -> bool:
        """Whether what waits for this caller may be told now; also where the clock was set back since."""
        return not 0 <= now - self.told.get(caller, float("-inf")) < WINDOW_SECONDS


class Known(Protocol):
    """The registry, as far as believing a caller goes."""

    people: dict[str, PersonView]
    identity: Identity


def answerable(known: Known, principal: Principal | None, person: str) -> str:
    """Of whom a refusal is told: whoever is signed in, or a name that is believed here; empty for a mere claim."""
    if principal is not None:
        return principal.person if principal.person in known.people else ""
    view = known.people.get(person)
    return "" if view is None or known.identity.must_sign_in(view) else person


def why_of(refused: Refused, *, another: bool = False) -> str:
    """The word for it."""
    if another:
        return "another-person"
    said = refused.reasons[0] if refused.reasons else ""
    return said if said in WHYS else "permission"


def told_of(rows: Sequence[RefusedRow]) -> ActsRefused:
    """The one fact about what one caller was refused, most often first."""
    often = sorted(rows, key=lambda row: (-row.count, row.action, row.door, row.why))
    named, rest = often[:MOST_ACTS], often[MOST_ACTS:]
    return ActsRefused(
        kind=rows[0].kind,
        who=rows[0].who,
        acts=tuple(RefusedAct(action=r.action, count=r.count, door=r.door, why=r.why) for r in named),
        since=iso(min(row.since for row in rows)),
        until=iso(max(row.until for row in rows)),
        more=sum(row.count for row in rest),
    )


def by_caller(rows: Iterable[RefusedRow]) -> dict[Caller, list[RefusedRow]]:
    """Rows of each caller."""
    found: dict[Caller, list[RefusedRow]] = {}
    for row in rows:
        found.setdefault((row.kind, row.who), []).append(row)
    return found


def _refused(registry: Any, fact: ActsRefused, at: str) -> None:
    known: RefusedActs = registry.refused
    caller = fact.kind, fact.who
    known.told[caller] = epoch(at)
    if fact.more:
        known.more[caller] = known.more.get(caller, 0) + fact.more
    for act in fact.acts:
        key = (*caller, act.action, act.door, act.why)
        view = known.acts.get(key)
        if view is None:
            known.acts[key] = RefusedView(*key, act.count, fact.since, fact.until)
        else:
            view.count, view.until = view.count + act.count, fact.until


REFUSALS: dict[type, Callable[[Any, Any, str], None]] = {ActsRefused: _refused}
"""What the fact changes in the registry."""
