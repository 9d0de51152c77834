"""Facts about shards of the ledger: where one ends and the next begins (always these two), and what was pruned."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class LedgerSealed(FactStruct, frozen=True, kw_only=True, tag="ledger.sealed"):
    """The last entry of the shard `origin`; `successor` is the origin of the shard that follows.

    `key` is the Ed25519 key (hex) that the following shard is signed with, empty when the key stays.
    """

    key: str = ""
    origin: str
    successor: str


class LedgerBegun(FactStruct, frozen=True, kw_only=True, tag="ledger.begun"):
    """The first entry of the shard `origin`; `checkpoint` is the final signed checkpoint of the shard `previous`.

    `key` and `previous_key` are the Ed25519 keys (hex) of this shard and the one before, empty when the key stays.
    """

    checkpoint: str
    key: str = ""
    origin: str
    previous: str
    previous_key: str = ""


class LedgerPruned(FactStruct, frozen=True, kw_only=True, tag="ledger.pruned"):
    """The retention of the shard `origin`, entries `start` to `size` - 1, is over: daily traffic may be deleted.

    Leaf hashes, checkpoints and the facts that govern stay; what goes are the bytes of decisions, fallbacks, responses,
    outcomes and beats, their sealed records and their rows in views. `sealed_at` and `years` are what it rests on.
    `kept` is the SHA-256 (hex) over the indexes of the entries that stay, 8 bytes each, big-endian; empty in facts
    of before there was one.
    """

    kept: str = ""
    origin: str
    reason: str
    sealed_at: str
    size: int
    start: int
    years: int
