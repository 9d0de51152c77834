"""Per-subject encryption: AES-256-GCM data keys wrapped under one key-encryption key (NIST SP 800-38D).

Nonces are 96 random bits. One data key seals the records of one subject only, so the bound of 2^32 records per key
(SP 800-38D section 8.3) is far away; the wrapping key wraps one data key per subject and process, and a rotation
counts anew.

Format 2 (a leading version byte in a record, one byte more in a wrapped key) binds table, row, column and purpose.
Format 1, without them, is still opened; it is never written.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from os import urandom
from threading import Lock
from typing import Generic, Protocol, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedrail.core.errors import Corrupt, NotFound
from bedrail.core.ports import SealedRecord, WrappedKey

NONCE_BYTES = 12
KEY_BYTES = 32
FORMAT = b"\x02"
FORMER_WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16

_aad = msgspec.json.Encoder().encode
_Kept = TypeVar("_Kept")


def record_context(record_id: str, subject: str, kind: str, purpose: str, key_id: str) -> bytes:
    """The associated data of a sealed record: a JSON list, so that no two contexts share their bytes."""
    return _aad(("bedrail-record/2", "records", record_id, subject, kind, purpose, key_id))


def key_context(key_id: str, subject: str, kek: str) -> bytes:
    """The associated data of a wrapped data key."""
    return _aad(("bedrail-key/2", "subject_keys", key_id, subject, kek))


class Keyring(Protocol):
    """The keys that data keys are wrapped under. `notice` holds bytes that change whenever one was made or destroyed.

    Both functions raise `Unavailable` when the key provider is out of reach.
    """

    @property
    def notice(self) -> bytes | memoryview:
        """Looked at before every use: it must cost nothing."""
        ...

    def current(self) -> tuple[str, AESGCM]:
        """The name and cipher of the key that wraps new data keys."""
        ...

    def cipher(self, kek: str) -> AESGCM:
        """The cipher of this key; raises `NotFound` when there is none of that name, or no longer."""
        ...


class OneKey:
    """A keyring of a single key that never changes."""

    __slots__ = ("_cipher", "_kek", "notice")

    def __init__(self, kek: str, key: bytes) -> None:
        """`key` has 32 bytes; raises ValueError otherwise."""
        if len(key) != KEY_BYTES:
            raise ValueError("the key-encryption key has 32 bytes")
        self._kek, self._cipher = kek, AESGCM(key)
        self.notice: bytes | memoryview = b""

    def current(self) -> tuple[str, AESGCM]:
        """The one key."""
        return self._kek, self._cipher

    def cipher(self, kek: str) -> AESGCM:
        """The one key, when it is called so; raises `NotFound`."""
        if kek != self._kek:
            raise NotFound("The data key is wrapped under another key-encryption key.", remedy=f"It names {kek}.")
        return self._cipher


class AesVault:
    """`core.ports.Vault` with a bounded cache of unwrapped data keys; safe to use from several threads.

    A subject seen for the first time gets a fresh data key under a random id. Until such a key was read back from
    the store it rides on every record sealed with it (`SealedRecord.key`): if the first write fails or is given up,
    the next one still stores the key. Two processes may both make a key for a subject; records name theirs.

    When the keyring gives notice (a rotation, a disposal, in whatever process), everything cached is dropped.
    """

    def __init__(
        self,
        key: bytes | Keyring,
        *,
        kek: str = "kek-1",
        load: Callable[[str], WrappedKey | None] | None = None,
        find: Callable[[str, str], WrappedKey | None] | None = None,
        capacity: int = 65_536,
    ) -> None:
        """`key` is a keyring, or the 32-byte key-encryption key named `kek`.

        `load(subject)` finds a stored data key or None, `find(subject, key_id)` one as it is now.
        """
        self._keyring: Keyring = OneKey(kek, key) if isinstance(key, bytes) else key
        self._load, self._find = load, find
        self._lock = Lock()
        self._notice = self._keyring.notice
        self._seen = bytes(self._notice)
        self._sealing: _Recent[tuple[str, AESGCM, WrappedKey | None]] = _Recent(capacity)
        self._opening: _Recent[tuple[WrappedKey, AESGCM]] = _Recent(capacity)

    def seal(self, *, record_id: str, subject: str, kind: str, purpose: str, plaintext: bytes) -> SealedRecord:
        """Encrypt under the subject's data key, made now if there is none; raises `Unavailable`."""
        with self._lock:
            if self._notice != self._seen:
                self._drop_all()
            key_id, cipher, unstored = self._sealing.get(subject) or self._obtain(subject)
        nonce = urandom(NONCE_BYTES)
        context = record_context(record_id, subject, kind, purpose, key_id)
        return SealedRecord(
            record_id=record_id,
            subject=subject,
            kind=kind,
            purpose=purpose,
            key_id=key_id,
            ciphertext=FORMAT + nonce + cipher.encrypt(nonce, plaintext, context),
            key=unstored,
        )

    def open(self, record: SealedRecord, key: WrappedKey) -> bytes:
        """The plaintext; raises `Corrupt` when record, key and context do not belong together."""
        if record.key_id != key.key_id or record.subject != key.subject:
            raise Corrupt("The record was sealed under another key.", remedy="Run `bedrail ledger verify`.")
        cipher, sealed = self._unwrapped(key), record.ciphertext
        names = (record.record_id, record.subject, record.kind, record.purpose, record.key_id)
        if sealed[:1] == FORMAT:
            try:
                return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], record_context(*names))
            except (InvalidTag, ValueError):  # one record of format 1 in 256 starts with this byte by chance
                pass
        return _decrypted(cipher, sealed, _aad(("bedrail-record/1", *names)), "record")

    def data_key(self, subject: str) -> tuple[str, AESGCM, WrappedKey | None]:
        """(key id, cipher, wrapped key while it may not be stored yet) of a subject's or dataset's data key."""
        with self._lock:
            if self._notice != self._seen:
                self._drop_all()
            return self._sealing.get(subject) or self._obtain(subject)

    def unwrapped(self, key: WrappedKey) -> AESGCM:
        """The cipher of a stored data key; raises `Corrupt` or `Unavailable`."""
        return self._unwrapped(key)

    def forget(self, subject: str) -> None:
        """Drop the subject's data keys from memory, after they were destroyed in the store."""
        with self._lock:
            self._sealing.drop(subject)
            self._opening.clear()

    def _drop_all(self) -> None:
        """Somebody made or destroyed keys; the caller holds the lock."""
        self._seen = bytes(self._notice)
        self._sealing.clear()
        self._opening.clear()

    def _obtain(self, subject: str) -> tuple[str, AESGCM, WrappedKey | None]:
        stored = self._load(subject) if self._load is not None else None
        found = self._make(subject) if stored is None else (stored.key_id, AESGCM(self._opened(stored)), None)
        self._sealing.put(subject, found)
        return found

    def _make(self, subject: str) -> tuple[str, AESGCM, WrappedKey | None]:
        kek, wrapping = self._keyring.current()
        key = WrappedKey(key_id=urandom(16).hex(), subject=subject, kek=kek, wrapped=b"")
        data_key = urandom(KEY_BYTES)
        return key.key_id, AESGCM(data_key), wrap_data_key(key, data_key, wrapping)

    def _unwrapped(self, key: WrappedKey) -> AESGCM:
        with self._lock:
            if self._notice != self._seen:
                self._drop_all()
            kept = self._opening.get(key.key_id)
            if kept is not None and kept[0] == key:
                return kept[1]
            cipher = AESGCM(self._opened(key))
            self._opening.put(key.key_id, (key, cipher))
            return cipher

    def _opened(self, key: WrappedKey) -> bytes:
        """The data key's bytes. A rotation may have passed between reading the row and now: then it is read again."""
        try:
            return unwrap_data_key(key, self._keyring.cipher(key.kek))
        except NotFound as error:
            again = self._find(key.subject, key.key_id) if self._find is not None else None
            if again is not None and again.kek != key.kek:
                return unwrap_data_key(again, self._keyring.cipher(again.kek))
            raise Corrupt(error.message, remedy=error.remedy) from error


def wrap_data_key(key: WrappedKey, data_key: bytes, wrapping: AESGCM, nonce: bytes = b"") -> WrappedKey:
    """`key` with its data key wrapped under `wrapping`, which is called `key.kek`; `nonce` is 12 fresh random bytes."""
    nonce = nonce or urandom(NONCE_BYTES)
    sealed = wrapping.encrypt(nonce, data_key, key_context(key.key_id, key.subject, key.kek))
    return WrappedKey(key_id=key.key_id, subject=key.subject, kek=key.kek, wrapped=FORMAT + nonce + sealed)


def unwrap_data_key(key: WrappedKey, wrapping: AESGCM) -> bytes:
    """The data key's 32 bytes; raises `Corrupt`."""
    if len(key.wrapped) == FORMER_WRAPPED_BYTES:
        return _decrypted(wrapping, key.wrapped, _aad(("bedrail-key/1", key.key_id, key.subject, key.kek)), "data key")
    if key.wrapped[:1] != FORMAT:
        raise Corrupt("The data key is in an unknown format.", remedy="Restore it from backup.")
    return _decrypted(wrapping, key.wrapped[1:], key_context(key.key_id, key.subject, key.kek), "data key")


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
