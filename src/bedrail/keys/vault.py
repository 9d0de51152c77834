"""Per-subject encryption: AES-256-GCM data keys wrapped under one key-encryption key (NIST SP 800-38D).

Nonces are 96 random bits. One data key seals the records of one subject only, so the bound of 2^32 records per key
(SP 800-38D section 8.3) is far away; the key-encryption key wraps one data key per subject and process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from os import urandom
from threading import Lock
from typing import Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedrail.core.errors import Corrupt
from bedrail.core.ports import SealedRecord, WrappedKey

NONCE_BYTES = 12
KEY_BYTES = 32

_aad = msgspec.json.Encoder().encode
_Kept = TypeVar("_Kept")


def record_context(record_id: str, subject: str, kind: str, purpose: str, key_id: str) -> bytes:
    """The associated data of a sealed record: a JSON list, so that no two contexts share their bytes."""
    return _aad(("bedrail-record/1", record_id, subject, kind, purpose, key_id))


def key_context(key_id: str, subject: str, kek: str) -> bytes:
    """The associated data of a wrapped data key."""
    return _aad(("bedrail-key/1", key_id, subject, kek))


class AesVault:
    """`core.ports.Vault` with a bounded cache of unwrapped data keys; safe to use from several threads.

    A subject seen for the first time gets a fresh data key under a random id. Until such a key was read back from
    the store it rides on every record sealed with it (`SealedRecord.key`): if the first write fails or is given up,
    the next one still stores the key. Two processes may both make a key for a subject; records name theirs.
    """

    def __init__(
        self,
        key: bytes,
        *,
        kek: str = "kek-1",
        load: Callable[[str], WrappedKey | None] | None = None,
        capacity: int = 65_536,
    ) -> None:
        """`key` is the 32-byte key-encryption key named `kek`; `load(subject)` finds a stored data key or None."""
        if len(key) != KEY_BYTES:
            raise ValueError("the key-encryption key has 32 bytes")
        self._kek = AESGCM(key)
        self._kek_name = kek
        self._load = load
        self._lock = Lock()
        self._sealing: _Recent[tuple[str, AESGCM, WrappedKey | None]] = _Recent(capacity)
        self._opening: _Recent[tuple[WrappedKey, AESGCM]] = _Recent(capacity)

    def seal(self, *, record_id: str, subject: str, kind: str, purpose: str, plaintext: bytes) -> SealedRecord:
        """Encrypt under the subject's data key, made now if there is none."""
        with self._lock:
            key_id, cipher, unstored = self._sealing.get(subject) or self._obtain(subject)
        nonce = urandom(NONCE_BYTES)
        context = record_context(record_id, subject, kind, purpose, key_id)
        return SealedRecord(
            record_id=record_id,
            subject=subject,
            kind=kind,
            purpose=purpose,
            key_id=key_id,
            ciphertext=nonce + cipher.encrypt(nonce, plaintext, context),
            key=unstored,
        )

    def open(self, record: SealedRecord, key: WrappedKey) -> bytes:
        """The plaintext; raises `Corrupt` when record, key and context do not belong together."""
        if record.key_id != key.key_id or record.subject != key.subject:
            raise Corrupt("The record was sealed under another key.", remedy="Run `bedrail ledger verify`.")
        cipher = self._unwrapped(key)
        context = record_context(record.record_id, record.subject, record.kind, record.purpose, record.key_id)
        return _decrypted(cipher, record.ciphertext, context, "record")

    def forget(self, subject: str) -> None:
        """Drop the subject's data keys from memory, after they were destroyed in the store."""
        with self._lock:
            self._sealing.drop(subject)
            self._opening.clear()

    def _obtain(self, subject: str) -> tuple[str, AESGCM, WrappedKey | None]:
        stored = self._load(subject) if self._load is not None else None
        found = self._make(subject) if stored is None else (stored.key_id, AESGCM(self._unwrap(stored)), None)
        self._sealing.put(subject, found)
        return found

    def _make(self, subject: str) -> tuple[str, AESGCM, WrappedKey | None]:
        key_id, data_key, nonce = urandom(16).hex(), urandom(KEY_BYTES), urandom(NONCE_BYTES)
        wrapped = nonce + self._kek.encrypt(nonce, data_key, key_context(key_id, subject, self._kek_name))
        return key_id, AESGCM(data_key), WrappedKey(key_id=key_id, subject=subject, kek=self._kek_name, wrapped=wrapped)

    def _unwrapped(self, key: WrappedKey) -> AESGCM:
        with self._lock:
            kept = self._opening.get(key.key_id)
            if kept is not None and kept[0] == key:
                return kept[1]
            cipher = AESGCM(self._unwrap(key))
            self._opening.put(key.key_id, (key, cipher))
            return cipher

    def _unwrap(self, key: WrappedKey) -> bytes:
        if key.kek != self._kek_name:
            raise Corrupt("The data key is wrapped under another key-encryption key.", remedy=f"It names {key.kek}.")
        return _decrypted(self._kek, key.wrapped, key_context(key.key_id, key.subject, key.kek), "data key")


def _decrypted(cipher: AESGCM, sealed: bytes, context: bytes, what: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise Corrupt(
            f"The sealed {what} does not open: bytes, key or context were changed.",
            remedy="Run `bedrail ledger verify`, then restore it from backup.",
        ) from error


class _Recent(Generic[_Kept]):
    """The most recently used values, `capacity` at most; the caller holds the lock."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def get(self, name: str) -> _Kept | None:
        value = self._kept.get(name)
        if value is not None:
            self._kept.move_to_end(name)
        return value

    def put(self, name: str, value: _Kept) -> None:
        self._kept[name] = value
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def drop(self, name: str) -> None:
        self._kept.pop(name, None)

    def clear(self) -> None:
        self._kept.clear()
