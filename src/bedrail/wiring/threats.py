"""The threat model of this installation put together: its facts, and what the posture check finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.governance.threats import Standing, standings
from bedrail.journeys.context import Context
from bedrail.journeys.threats import threat_facts
from bedrail.keys.files import KeyFolder
from bedrail.stores.sqlite import SqliteStore
from bedrail.wiring.posture import find_faults

if TYPE_CHECKING:
    from bedrail.stores.chosen import Store


def threats_here(
    ctx: Context,
    store: Store,
    keys: KeyFolder,
    use_case: str = "",
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    certificate: Path | None = None,
    mutual: bool = False,
) -> list[Standing]:
    """Which threats apply, and how each stands, were the home served so; raises `NotFound` for no such use case."""
    facts = threat_facts(ctx, use_case, postgres=not isinstance(store, SqliteStore))
    found = find_faults(ctx, store, keys, host=host, port=port, certificate=certificate, mutual=mutual)
    return standings(facts, found)
