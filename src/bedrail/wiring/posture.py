"""The posture check put together: machine, keys, door and house, looked at by the rooms that can."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.governance.posture import Finding, Posture, examine_posture
from bedrail.governance.posture_checks import CATALOGUE
from bedrail.journeys.context import Context
from bedrail.journeys.posture import look_at_house
from bedrail.keys.condition import look_at_door, look_at_keys, tls_library
from bedrail.keys.files import KeyFolder
from bedrail.stores.cosigned import CosignedStore
from bedrail.stores.surroundings import look_at_machine
from bedrail.wiring.continuity import COSIGNED, anchor_place

if TYPE_CHECKING:
    from bedrail.stores.chosen import Store


def find_faults(
    ctx: Context,
    store: Store,
    keys: KeyFolder,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    certificate: Path | None = None,
    mutual: bool = False,
    outside: bool = False,
) -> list[Finding]:
    """What is wrong with this installation, were it served so; the worst first.

    With `outside`, identity providers are asked whether they are there: up to five seconds for each that hangs.
    """
    now = ctx.clock.now()
    house = look_at_house(ctx, _witnessed(ctx))
    if outside:
        house = replace(house, providers_out=_providers_out(ctx))
    openssl, series, hybrid = tls_library()
    posture = Posture(
        machine=look_at_machine(
            ctx.home, anchor_place(ctx.home), store, now=now, openssl=openssl, series=series, hybrid=hybrid
        ),
        keys=look_at_keys(ctx.home, keys.epochs()),
        door=look_at_door(host, port, certificate, mutual=mutual, now=now),
        house=house,
    )
    return examine_posture(posture, CATALOGUE)


def _providers_out(ctx: Context) -> tuple[tuple[str, str], ...]:
    """(name, what is wrong) of the trusted identity providers that do not answer as they should."""
    from bedrail.keys.oidc import OpenIdConnect

    asked = OpenIdConnect(ctx.clock.monotonic)
    found = ((each.name or issuer, asked.look(issuer)) for issuer, each in ctx.registry.identity.providers.items())
    return tuple((name, why) for name, why in found if why)


def _witnessed(ctx: Context) -> float | None:
    """When a quorum of witnesses last cosigned, in epoch seconds."""
    path = ctx.home / COSIGNED
    if not path.exists():
        return None
    kept = CosignedStore(path)
    try:
        newest = kept.newest(ctx.ledger.origin)
    finally:
        kept.close()
    return None if newest is None else float(newest[0])
