"""What the rooms ask of the world: each Protocol has at least one adapter in stores/, keys/ or wire/."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bedrail.core.events import Entry
from bedrail.core.values import Value


class Clock(Protocol):
    """The time of day, in UTC."""

    def now(self) -> datetime:
        """The present moment with time zone UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never run backwards."""
        ...


class Ids(Protocol):
    """New identifiers, sortable by time of making (ULID)."""

    def new(self) -> str:
        """A fresh ULID, 26 characters."""
        ...


class Signer(Protocol):
    """Holds one private signing key."""

    @property
    def name(self) -> str:
        """The key name as it stands in signed notes."""
        ...

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes of the Ed25519 public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature (RFC 8032) of `message`."""
        ...


Verifier = Callable[[bytes, bytes, bytes], bool]
"""(public key, message, signature) -> whether the Ed25519 signature is valid; never raises."""


class WrappedKey(Value, frozen=True, kw_only=True):
    """A data-encryption key of one subject, encrypted under the key-encryption key `kek`."""

    key_id: str
    subject: str
    kek: str
    wrapped: bytes


class SealedRecord(Value, frozen=True, kw_only=True):
    """One encrypted record at rest. `ciphertext` is nonce || AES-256-GCM output.

    The associated data binds record id, subject, kind and purpose, so a row moved elsewhere will not open.
    `key` travels along when the seal had to make a new data key, to be stored in the same transaction.
    """

    record_id: str
    subject: str
    kind: str
    purpose: str
    key_id: str
    ciphertext: bytes
    key: WrappedKey | None = None


class Vault(Protocol):
    """Encrypts and opens records under per-subject keys."""

    def seal(self, *, record_id: str, subject: str, kind: str, purpose: str, plaintext: bytes) -> SealedRecord:
        """Encrypt `plaintext`; makes a data key for a subject seen for the first time."""
        ...

    def open(self, record: SealedRecord, key: WrappedKey) -> bytes:
        """The plaintext; raises `Corrupt` when record, key and context do not belong together."""
        ...


class KeyProvider(Protocol):
    """Holds key-encryption keys that never leave it: a folder, a hardware module, a key service.

    It is asked rarely, for the few epoch keys (see `keys.epochs`), never for a decision. Whatever cannot be reached
    or is not permitted raises `Unavailable` with the remedy, within a bounded time.
    """

    @property
    def kind(self) -> str:
        """`file`, `pkcs11`, `vault` or `aws-kms`."""
        ...

    @property
    def algorithm(self) -> str:
        """How it wraps, for the inventory."""
        ...

    def version(self) -> str:
        """The key version that wraps now; raises `NotFound` when there is none yet (see `renew`)."""
        ...

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """(version, wrapped key): `context` is authenticated, not hidden."""
        ...

    def unwrap(self, version: str, wrapped: bytes, context: bytes) -> bytes:
        """The key; raises `Corrupt` for other bytes, context or version, `NotFound` when that version was destroyed."""
        ...

    def renew(self) -> str:
        """Make a key version, which wraps from now on; earlier ones still unwrap. Returns its name."""
        ...

    def destroy(self, version: str) -> str:
        """Destroy a version for good; returns `destroyed`, or `scheduled for DATE` where the provider insists."""
        ...

    def health(self) -> None:
        """Wrap and unwrap something; raises `Unavailable`, `NotFound` or `Corrupt`."""
        ...


class DataKeys(Protocol):
    """The wrapped data keys at rest, for whoever keeps them: rotation and disposal."""

    def newest_key(self, subject: str) -> WrappedKey | None:
        """A stored data key of this subject or dataset, or None."""
        ...

    def find_key(self, subject: str, key_id: str) -> WrappedKey | None:
        """That data key as it is now, or None."""
        ...

    def keep_key(self, key: WrappedKey) -> bool:
        """Store a data key durably by itself; False when it, or the key that wraps it, was destroyed meanwhile."""
        ...

    def keys_outside(self, kek: str, after: tuple[str, str], limit: int) -> list[WrappedKey]:
        """Data keys wrapped under another key than `kek`, by (subject, key id), from behind `after`."""
        ...

    def count_keys(self) -> dict[str, int]:
        """How many data keys each wrapping key holds."""
        ...

    def rewrap_keys(self, pairs: Sequence[tuple[WrappedKey, WrappedKey]]) -> int:
        """Replace (old, new) in one durable commit; one that changed or went meanwhile is left; returns how many."""
        ...

    def retire_kek(self, kek: str) -> bool:
        """Take no more data keys under `kek`, for good; False, and nothing done, while some are left under it."""
        ...

    def key_ids(self, subject: str) -> list[str]:
        """The ids of a subject's or dataset's stored data keys."""
        ...

    def holdings(self, subject: str, key_ids: Sequence[str]) -> dict[str, int]:
        """How many sealed records of each kind a subject has under these data keys, there or destroyed."""
        ...

    def destroy_keys(self, subject: str) -> int:
        """Destroy every data key of a subject or dataset, for good; returns how many there were."""
        ...

    def purge_log(self) -> bool:
        """Leave nothing of destroyed keys in the write-ahead log; False while somebody is reading an old state."""
        ...


class Pseudonyms(Protocol):
    """Keyed pseudonyms: HMAC-SHA-256 under a key of its own, 128 bits as 32 hex characters."""

    def pseudonym(self, identifier: str) -> str:
        """The same identifier gives the same pseudonym while the key lives."""
        ...


class KeyedDigest(Protocol):
    """The key of one de-identification project: nobody can try values against it without it."""

    def digest(self, kind: str, value: str) -> bytes:
        """32 bytes for a value of a kind, always the same under one key."""
        ...


class Draft(Value, frozen=True, kw_only=True):
    """An entry about to be appended, with its canonical bytes and the encrypted records that belong to it."""

    entry: Entry
    data: bytes
    records: tuple[SealedRecord, ...] = ()


class Head(Value, frozen=True, kw_only=True):
    """The ledger's end: how many entries, the compact range (peak hashes, largest first), the signed checkpoint."""

    size: int
    peaks: tuple[bytes, ...]
    checkpoint: bytes


class TapeTransaction(Protocol):
    """Exclusive right to append; everything appended here becomes durable together, or not at all."""

    def head(self) -> Head:
        """The head as of now, under the write lock."""
        ...

    def append(self, start: int, drafts: Sequence[Draft], leaves: Sequence[bytes], head: Head) -> None:
        """Write entries `start..`, their leaf hashes and records, fold the SQL views, and set the new head."""
        ...


class Tape(Protocol):
    """The durable, append-only sequence of entries, shared by every process of one installation."""

    def transaction(self, *, wait: bool = True) -> AbstractContextManager[TapeTransaction]:
        """Begin; commit durably on normal exit, roll back on an exception. Raises `Unavailable`.

        Without `wait`, raises `Busy` at once when another thread or process is writing.
        """
        ...

    def head(self) -> Head:
        """The last committed head."""
        ...

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(index, canonical bytes) in order; pruned entries are passed over."""
        ...

    def leaves(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """Stored leaf hashes in order."""
        ...

    def registry_entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the low-volume facts only (see `core.events.HIGH_VOLUME`), from index `start` on."""
        ...

    def sealed_pages(self, start: int = 0, stop: int | None = None) -> Iterator[Sequence[tuple[int, bytes, bytes]]]:
        """(index, stored leaf hash, canonical bytes) in order, a few hundred at once: what verification reads."""
        ...

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """(size, signed note) of the checkpoints that were kept, smallest first."""
        ...


class Pruned(Value, frozen=True, kw_only=True):
    """How many entries lost their bytes, and how many sealed records went."""

    entries: int
    records: int


class Records(Protocol):
    """Encrypted records by id."""

    def prune(self, start: int, stop: int) -> Pruned:
        """Delete the bytes of the high-volume entries `start` to `stop` - 1, their records and their rows in views.

        Leaf hashes and low-volume entries stay. In many small commits, so that nobody waits long: after an
        interruption, the next call does the rest. Nobody may call it before `ledger.pruned` is on record.
        """
        ...

    def decided_about(self, subjects: Sequence[str], start: int, stop: int) -> list[str]:
        """Which of these subjects have decisions among the entries `start` to `stop` - 1."""
        ...

    def get(self, record_id: str) -> tuple[SealedRecord, WrappedKey] | None:
        """The record and its wrapped key, or None when it never was, or its key was destroyed."""
        ...

    def of_kind(self, kind: str, record_ids: Sequence[str]) -> Iterator[tuple[SealedRecord, WrappedKey]]:
        """The records of that kind among these ids, in their order; absent ones are passed over."""
        ...


class Artifacts(Protocol):
    """Files by content digest: packages, evidence, reports, policies."""

    def put(self, data: bytes) -> str:
        """Store durably; returns the SHA-256 in hex."""
        ...

    def get(self, digest: str) -> bytes:
        """The bytes; raises `NotFound`, or `Corrupt` when they no longer hash to their name."""
        ...

    def destroy(self, digest: str) -> None:
        """Overwrite and remove a file; nothing happens when it is gone."""
        ...

    def put_tree(self, folder: Path) -> str:
        """Store a whole folder (a model package); returns the digest of its manifest."""
        ...

    def open_tree(self, digest: str) -> Path:
        """The stored folder, after checking that every byte, and no file more or less, is as in its manifest."""
        ...

    def read_tree(self, digest: str) -> dict[str, bytes]:
        """The stored files by POSIX path, checked as `open_tree` does: the bytes returned are those checked."""
        ...


class Notice(Value, frozen=True, kw_only=True):
    """Something people must hear of at once; no patient data. `to` are their ids, `about` what it is about."""

    notice: str
    kind: str
    about: str
    to: tuple[str, ...]
    words: str
    at: str


class Notices(Protocol):
    """Carries notices out of the house."""

    def draft(self, notice: Notice) -> None:
        """Keep it durably before the fact that tells of it; nobody fetches a draft. Never raises."""
        ...

    def keep(self, notice: Notice) -> None:
        """Leave it for whoever fetches notices; a draft of it is none any more. Never raises."""
        ...

    def give(self, notice: Notice) -> bool:
        """`keep` it and hand it on; False when it could only be left for somebody to fetch; never raises."""
        ...

    def settle(self, told: Container[str], now: datetime) -> int:
        """What is left over: drafts that the ledger tells of are given, others of an hour ago dropped, and what could
        not be handed on in the last day is tried again, until one fails. Returns how many were handed on; never raises.
        """
        ...


class Anchor(Protocol):
    """The last checkpoint kept apart from the database, so that a shortened or restored one is noticed."""

    def read(self) -> bytes | None:
        """The last anchored checkpoint note, or None before the first."""
        ...

    def write(self, checkpoint: bytes) -> None:
        """Replace it atomically, whatever stands there."""
        ...

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        """Replace `standing` atomically and durably; False, with nothing changed, when something else stands there."""
        ...


ALL = "*"
"""Every use case."""


class Stop(Value, frozen=True, kw_only=True):
    """An emergency stop of one use case, or of `ALL`: who, why, when. `name` is its own; `verified` when the person's
    permission could be looked up at the time."""

    target: str
    name: str = ""
    person: str = ""
    reason: str = ""
    at: str = ""
    verified: bool = False


class Stops(Protocol):
    """Emergency stops that stand without the ledger: set when it may be out, lifted once it has recorded them."""

    def targets(self) -> dict[str, str]:
        """Target by name of every standing stop; cheap; what cannot be read stops `ALL`, so it raises nothing."""
        ...

    def read(self, name: str) -> Stop:
        """Who and why, as far as it is said; raises nothing."""
        ...

    def put(self, stop: Stop) -> None:
        """Stand it durably; raises `Unavailable`."""
        ...

    def claim(self) -> AbstractContextManager[bool]:
        """Whether this process alone is the one to put stops on record, while inside; nobody waits for another."""
        ...

    def lift(self, name: str) -> None:
        """Take it away; raises `Unavailable`."""
        ...
