"""Who asks model registries: each address only where the ledger says that it may be asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bedrail.core.ports import Clock, Tape
from bedrail.core.registries import ModelRegistry


def registries_of(home: Path, tape: Tape, clock: Clock, token: str) -> Callable[[str], ModelRegistry]:
    """Asks registries where it was allowed, and nowhere else; `token` is what an MLflow server asks for."""

    def registry(address: str) -> ModelRegistry:
        from bedrail.journeys.egress import AllowList
        from bedrail.keys.tls import vendor_context
        from bedrail.wire.mlflow import MlflowRegistry

        tls = partial(vendor_context, home / "tls" / "vendors")
        return MlflowRegistry(address, permit=AllowList(tape, clock).network, token=token, tls=tls)

    return registry
