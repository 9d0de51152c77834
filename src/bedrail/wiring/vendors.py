"""Who asks vendors' models: each address only where the ledger says that it may be asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.core.ports import Clock, Tape

if TYPE_CHECKING:
    from bedrail.wire.vendor import VendorScorer


def vendors_of(home: Path, tape: Tape, clock: Clock) -> Callable[[str], VendorScorer]:
    """Asks vendors where it was allowed, and nowhere else."""

    @cache
    def permit() -> Callable[[str, int], str]:
        from bedrail.journeys.egress import AllowList

        return AllowList(tape, clock).network

    def scorer(endpoint: str) -> VendorScorer:
        from bedrail.keys.tls import vendor_context
        from bedrail.wire.vendor import VendorScorer

        return VendorScorer(endpoint, permit=permit(), tls=partial(vendor_context, home / "tls" / "vendors"))

    return scorer
