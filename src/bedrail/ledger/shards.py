"""Shards: one tape and one tree, under another name from a sealed point on.

A shard is a range of the tape that was signed under one origin. Its last entry is `ledger.sealed`; the next entry, the
first of the next shard, is `ledger.begun` and carries the final signed checkpoint of the one before. The tree grows on:
an entry keeps its index, the leaf hashes of old shards are the beginning of the new one's tree, and every proof and
receipt of an old shard holds in the new one (ADR 0016). For witnesses the new origin is another log.

A shard may begin under another key (ADR 0027). The seal, which the old key signed, names the new key, and the first
entry of the new shard, which the new key signed, names the old one: whoever trusts one of a ledger's keys can tell all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise, takewhile

import msgspec

from bedrail.core.errors import Corrupt, Invalid
from bedrail.core.events import HIGH_VOLUME, Entry, action_of, decode
from bedrail.core.events.shards import LedgerBegun, LedgerPruned, LedgerSealed
from bedrail.core.ports import Head, Signer, Tape, TapeTransaction, Verifier
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import Checkpoint, key_hash, open_checkpoint, parse_checkpoint, parse_note
from bedrail.ledger.report import Difference

_MARKS = (b'"action":"ledger.begun"', b'"action":"ledger.sealed"', b'"action":"ledger.pruned"')


class Shard(Value, frozen=True, kw_only=True):
    """A range of the tape under one origin: entries `start` to `size - 1`; checkpoints of start < size <= its size.

    `final` is its last signed checkpoint, `sealed_at` when it was sealed; both are empty for the one being written.
    `key` is the Ed25519 key (hex) that signs it, as the facts tell it; empty while the ledger has had one key only.
    """

    origin: str
    start: int
    size: int
    sealed_at: str = ""
    final: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """The shards of a tape in order, their final checkpoints as their keys signed them, and what is amiss.

    `keys` are the public keys of the shards, one each. `pruned` are the shards whose pruning is on record: there an
    entry's stored hash may stand for its bytes.
    """

    shards: tuple[Shard, ...]
    keys: tuple[bytes, ...]
    finals: tuple[tuple[str, Checkpoint], ...]
    differences: tuple[Difference, ...]
    pruned: tuple[range, ...] = ()

    def origin_at(self, size: int) -> str:
        """Under which origin a checkpoint of this size must stand."""
        return self._shard_at(size)[0].origin

    def key_at(self, size: int) -> bytes:
        """By which key a checkpoint of this size must be signed."""
        return self._shard_at(size)[1]

    def _shard_at(self, size: int) -> tuple[Shard, bytes]:
        pairs = list(zip(self.shards, self.keys, strict=True))
        return next((pair for pair in reversed(pairs) if pair[0].start < size), pairs[0])


class _Named:
    """A ledger's key under the name of one of its shards: in a signed note, name and origin are the same."""

    __slots__ = ("_signer", "name")

    def __init__(self, signer: Signer, name: str) -> None:
        self._signer = signer
        self.name = name

    @property
    def public_key(self) -> bytes:
        return self._signer.public_key

    def sign(self, message: bytes) -> bytes:
        return self._signer.sign(message)


def named_signer(signer: Signer, name: str) -> Signer:
    """The same key under this name."""
    return signer if signer.name == name else _Named(signer, name)


def open_sealed(note: bytes, public_key: bytes, verify: Verifier) -> Checkpoint:
    """The checkpoint in a note that this key signed under the name of any of its shards; raises `Corrupt` otherwise.

    All shards of a ledger are one tree, so its size and root say which history it is, whatever the name.
    """
    return open_checkpoint(note, parse_checkpoint(parse_note(note).text).origin, public_key, verify)


def signing_key(note: bytes, keys: Iterable[bytes]) -> bytes | None:
    """Which of these public keys a note says to be signed with, unverified; None for none of them."""
    parsed = parse_note(note)
    signed = {(each.name, each.key_hash) for each in parsed.signatures}
    origin = parse_checkpoint(parsed.text).origin
    return next((key for key in keys if (origin, key_hash(origin, key)) in signed), None)


def shards_of(tape: Tape, head: Head, origin: str) -> tuple[Shard, ...]:
    """The shards as the facts tell them, unverified; `origin` is the first one's name, where there is only one."""
    return _told(list(_links(tape, head.size)), head.size, origin)


def chain_of(tape: Tape, head: Head, origin: str, public_key: bytes, verify: Verifier, *, whole: bool) -> Chain:
    """The shards of a tape, and every link that does not hold.

    `origin` is the name that is known of the ledger: its first, or that of the newest shard. `public_key` is one of its
    keys: what that one signed vouches for the others. `whole` says that nothing was left out at the end, as in a home:
    there a sealed shard has a next one. Raises nothing for wrong bytes.
    """
    links = list(_links(tape, head.size))
    told = _told(links, head.size, origin)
    sealed = {index: entry.fact for index, entry in links if entry and isinstance(entry.fact, LedgerSealed)}
    begun = {index: entry.fact for index, entry in links if entry and isinstance(entry.fact, LedgerBegun)}
    unread = "the link between two shards cannot be read"
    amiss = [_link(f"entry {index}", unread) for index, entry in links if entry is None]
    if origin not in (told[0].origin, told[-1].origin):
        amiss.append(_link(f"shard {told[-1].origin}", f"these are not the shards of {origin}"))
    finals: list[tuple[str, Checkpoint]] = []
    keys = _keys(told, public_key)
    for at, (before, after) in enumerate(pairwise(told)):
        where, first, last = f"shard {before.origin}", begun[after.start], sealed.pop(after.start - 1, None)
        if last is None or not last.origin == first.previous == before.origin or last.successor != after.origin:
            amiss.append(_link(where, f"it does not end with a seal that names {after.origin}, which follows it"))
        elif (
            last.key != first.key
            or first.previous_key not in ("", before.key)
            or bool(first.key) == (before.key == after.key)
        ):
            amiss.append(_link(where, f"its seal names another key than the one that signs {after.origin}"))
        try:
            final = open_checkpoint(first.checkpoint.encode(), before.origin, keys[at], verify)
        except Corrupt as error:
            amiss.append(_link(where, f"what {after.origin} carries is not its final checkpoint: {error.message}"))
            continue
        if final.size != after.start:
            amiss.append(_link(where, f"the checkpoint that {after.origin} carries is of {final.size} entries"))
        finals.append((where, final))
    if len({shard.origin for shard in told}) != len(told):
        amiss.append(_link(f"shard {told[-1].origin}", "two shards have the same name"))
    for index, fact in sealed.items():
        if whole or index != head.size - 1:
            amiss.append(_link(f"shard {fact.successor}", f"it is missing: entry {index} seals {fact.origin} for it"))
    pruned, unfounded = _prunings(tape, links, told[:-1])
    return Chain(told, keys, tuple(finals), (*amiss, *unfounded), pruned)


def _keys(told: Sequence[Shard], pinned: bytes) -> tuple[bytes, ...]:
    """The key of each shard: as told where the pinned one is among them, else the pinned one for all."""
    if pinned.hex() not in {shard.key for shard in told}:
        return (pinned,) * len(told)
    return tuple(bytes.fromhex(shard.key) for shard in told)


def kept_of(tape: Tape, start: int, stop: int) -> str:
    """What `LedgerPruned.kept` says of the entries from `start` to before `stop`: which of them govern, and are there.

    An entry that was blanked, or passed off as daily traffic in its column, is not among them. In a shard whose pruning
    is on record it would otherwise be taken for daily traffic that went by the rules.
    """
    indexes = sha256()
    for index, data in tape.registry_entries(start):
        if index >= stop:
            break
        if data and not _daily(data):
            indexes.update(index.to_bytes(8, "big"))
    return indexes.hexdigest()


def _daily(data: bytes) -> bool:
    try:
        return action_of(decode(data)) in HIGH_VOLUME
    except (msgspec.MsgspecError, ValueError):
        return False


def _prunings(
    tape: Tape, links: Sequence[tuple[int, Entry | None]], sealed: Sequence[Shard]
) -> tuple[tuple[range, ...], list[Difference]]:
    """The ranges whose pruning is on record; facts that prune no whole sealed shard, and prunings that took more."""
    wholes = {(each.origin, each.start, each.size) for each in sealed}
    pruned, unfounded = [], []
    for index, entry in links:
        if entry is not None and isinstance(entry.fact, LedgerPruned):
            told = entry.fact
            if (told.origin, told.start, told.size) in wholes and told.size <= index:
                pruned.append(range(told.start, told.size))
                if told.kept and told.kept != kept_of(tape, told.start, told.size):
                    unfounded.append(_link(f"shard {told.origin}", "facts are gone that its pruning kept"))
            else:
                unfounded.append(_link(f"entry {index}", "it prunes what is no sealed shard of this ledger"))
    return tuple(pruned), unfounded


def pruned_shards(tape: Tape, head: Head) -> dict[str, str]:
    """The shards whose pruning is on record, by origin, and since when."""
    marked = ((entry.at, entry.fact) for _, entry in _links(tape, head.size) if entry is not None)
    return {fact.origin: at for at, fact in marked if isinstance(fact, LedgerPruned)}


class ShardTape:
    """The reading half of `core.ports.Tape`, up to the end of one sealed shard; its head has no peaks."""

    def __init__(self, tape: Tape, shard: Shard) -> None:
        """Raises `Invalid` for a shard that is still written."""
        if not shard.final:
            raise Invalid(f"{shard.origin} is not sealed.", path="--shard", remedy="Export without --shard.")
        self._tape = tape
        self._head = Head(size=shard.size, peaks=(), checkpoint=shard.final.encode())

    def transaction(self, *, wait: bool = True) -> AbstractContextManager[TapeTransaction]:  # noqa: ARG002
        """Always raises: a sealed shard is not appended to."""
        raise Invalid("A sealed shard cannot be written to.", remedy="Append to the ledger.")

    def head(self) -> Head:
        """The shard's final checkpoint."""
        return self._head

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(index, canonical bytes) in order."""
        return self._tape.entries(start, self._end(stop))

    def leaves(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """Stored leaf hashes in order."""
        return self._tape.leaves(start, self._end(stop))

    def registry_entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the low-volume facts only, from index `start` on."""
        return takewhile(lambda row: row[0] < self._head.size, self._tape.registry_entries(start))

    def sealed_pages(self, start: int = 0, stop: int | None = None) -> Iterator[Sequence[tuple[int, bytes, bytes]]]:
        """(index, stored leaf hash, canonical bytes) in order."""
        return self._tape.sealed_pages(start, self._end(stop))

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """(size, signed note) of the checkpoints that were kept, smallest first."""
        return ((size, note) for size, note in self._tape.checkpoints() if size < self._head.size)

    def _end(self, stop: int | None) -> int:
        return self._head.size if stop is None else min(stop, self._head.size)


def _told(links: Sequence[tuple[int, Entry | None]], size: int, origin: str) -> tuple[Shard, ...]:
    shards: list[Shard] = []
    start, name, key = 0, "", _first_key(links)
    for index, entry in links:
        if entry is not None and isinstance(entry.fact, LedgerBegun):
            fact = entry.fact
            shard = Shard(
                origin=name or fact.previous,
                start=start,
                size=index,
                sealed_at=entry.at,
                final=fact.checkpoint,
                key=key,
            )
            shards.append(shard)
            start, name, key = index, fact.origin, _hex_key(fact.key) or key
    return (*shards, Shard(origin=name or origin, start=start, size=size, key=key))


def _first_key(links: Sequence[tuple[int, Entry | None]]) -> str:
    """The key of the first shard: what the first change of key says that it was before."""
    begun = (entry.fact for _, entry in links if entry is not None and isinstance(entry.fact, LedgerBegun))
    return next((_hex_key(fact.previous_key) for fact in begun if fact.key), "")


def _hex_key(text: str) -> str:
    return text if len(text) == 64 and not set(text) - set("0123456789abcdef") else ""


def _links(tape: Tape, size: int) -> Iterator[tuple[int, Entry | None]]:
    """The entries that seal, begin or prune a shard; None for one that cannot be read."""
    for index, data in tape.registry_entries():
        if index >= size:
            return
        if any(mark in data for mark in _MARKS):
            try:
                yield index, decode(data)
            except (msgspec.MsgspecError, ValueError):
                yield index, None


def _link(where: str, what: str) -> Difference:
    return Difference(kind="shard", where=where, what=what)
