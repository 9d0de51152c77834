"""Facts of backup and restore."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class BackupTaken(FactStruct, frozen=True, kw_only=True, tag="ledger.backed-up"):
    """A person took a copy of the home, with at least `size` ledger entries; `keys`: whether keys went along."""

    size: int
    keys: bool


class LedgerRestored(FactStruct, frozen=True, kw_only=True, tag="ledger.restored"):
    """The home was put back from a backup of `size` entries whose manifest has the digest `backup`.

    `newest` is the size of the newest signed checkpoint that was known outside the backup, 0 when none was. Entries
    `size` to `newest - 1` are lost when that is larger; `reason` is what the person said who accepted it, empty when
    nothing signed is missing.
    """

    backup: str
    size: int
    newest: int
    reason: str
