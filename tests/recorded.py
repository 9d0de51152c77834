"""How much was done, as the ledger has it: acts that were refused are on record too, and change nothing."""

from __future__ import annotations

from bedrail.app import App
from bedrail.core.events import decode
from bedrail.core.events.refused import ActsRefused, StrangersRefused


def acts_on_record(app: App, since: int = 0) -> int:
    """The entries of the ledger, from index `since` on, but those that tell of refusals."""
    return sum(
        not isinstance(decode(data).fact, ActsRefused | StrangersRefused) for _, data in app.context.tape.entries(since)
    )
