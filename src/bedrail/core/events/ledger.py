"""Facts about the ledger's own keys."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class LedgerKeyAdded(FactStruct, frozen=True, kw_only=True, tag="ledger.key-added"):
    """The ledger signs what it publishes with one key more: its name, and the public key in hex."""

    key: str
    name: str


class LedgerKeysDestroyed(FactStruct, frozen=True, kw_only=True, tag="ledger.keys-destroyed"):
    """Ledger keys of former shards are deleted from the key folder: the public halves, in hex."""

    keys: tuple[str, ...]
