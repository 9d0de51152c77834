"""Facts where one shard of the ledger ends and the next begins: always these two, one after the other."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class LedgerSealed(FactStruct, frozen=True, kw_only=True, tag="ledger.sealed"):
    """The last entry of the shard `origin`; `successor` is the origin of the shard that follows."""

    origin: str
    successor: str


class LedgerBegun(FactStruct, frozen=True, kw_only=True, tag="ledger.begun"):
    """The first entry of the shard `origin`; `checkpoint` is the final signed checkpoint of the shard `previous`."""

    checkpoint: str
    origin: str
    previous: str
