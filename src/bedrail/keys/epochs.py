"""Epoch keys: data keys are wrapped under the newest one; each rests wrapped by a key provider, outside the database.

They stand between the provider and a million data keys: the provider is asked once for each epoch and process, and
destroying an epoch makes worthless every copy of what was wrapped under it, backups of the database included.
The folder is `keys/epochs/`: `<name>.json` for each epoch, and `notice`, eight bytes that every process looks at.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from os import urandom
from pathlib import Path
from threading import Lock
from time import monotonic

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedrail.core.custody import Epoch
from bedrail.core.errors import NOT_JSON, Corrupt, Invalid, NotFound, Unavailable
from bedrail.core.ports import KeyProvider, WrappedKey
from bedrail.keys.private_files import destroy_file, read_private, sync_folder, write_private
from bedrail.keys.rotation import rewrapped
from bedrail.keys.vault import KEY_BYTES

FIRST = "kek-1"
"""The key a home is made with: it rests as it is, in the key folder, until the first rotation."""

NOTICE_BYTES = 8
RETRY_SECONDS = 5.0
"""After a provider failed it is left alone for so long: a caller at the bedside must not wait for it each time."""


class Epochs:
    """`keys.vault.Keyring` over the folder; safe for threads, and for several processes through `notice`."""

    def __init__(self, folder: Path, first: Path, provider: Callable[[str], KeyProvider]) -> None:
        """`first` is the file of the key `kek-1`; `provider(name)` finds the provider that an epoch names."""
        self._folder = Path(folder)
        self._first = Path(first)
        self._provider = provider
        self._lock = Lock()
        self._ciphers: dict[str, AESGCM] = {}
        self._current = ""
        self._failed: dict[str, tuple[float, Unavailable]] = {}
        self._notice = _mapped(self._folder / "notice")
        self._seen = bytes(self._notice)

    @property
    def notice(self) -> memoryview:
        """Bytes that change whenever an epoch or a data key was made or destroyed, in whatever process."""
        return self._notice

    def give_notice(self) -> None:
        """Let every process drop the keys it has in memory and look again."""
        path = self._folder / "notice"
        with path.open("r+b") as file:
            number = int.from_bytes(file.read(NOTICE_BYTES), "big") + 1
            file.seek(0)
            file.write((number % 2**64).to_bytes(NOTICE_BYTES, "big"))

    def listed(self) -> list[Epoch]:
        """The epochs there are, oldest first; the first key of a home is not one of them."""
        found = [_parsed(path) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda epoch: (epoch.number, epoch.name))

    def newest(self) -> str:
        """The name of the key that wraps now."""
        epochs = self.listed()
        return epochs[-1].name if epochs else FIRST

    def former(self) -> list[str]:
        """Every key but the newest under which data keys may be wrapped, the home's first one included."""
        first = [FIRST] if self._first.exists() else []
        return [name for name in [*first, *(epoch.name for epoch in self.listed())] if name != self.newest()]

    def rewrapped(self, keys: Sequence[WrappedKey], to: str) -> list[tuple[WrappedKey, WrappedKey]]:
        """(as it is, as wrapped under the epoch `to`) of each data key; raises `Unavailable`, `Corrupt`."""
        return rewrapped(keys, self, to)

    def current(self) -> tuple[str, AESGCM]:
        """The newest key's name and cipher; raises `Unavailable` when its provider is out of reach.

        The folder is read again when notice was given only: every patient's first decision asks for this.
        """
        with self._lock:
            self._look()
            name = self._current or self.newest()
            if isinstance(self._notice.obj, mmap.mmap):  # else nobody's notice is heard here
                self._current = name
        return name, self.cipher(name)

    def cipher(self, kek: str) -> AESGCM:
        """The cipher of this epoch; raises `NotFound` when it was destroyed, `Unavailable`, `Corrupt`."""
        with self._lock:
            self._look()
            kept = self._ciphers.get(kek)
            if kept is None:
                kept = self._ciphers[kek] = AESGCM(self._fetched(kek))
            return kept

    def make(self, provider: str, created: str, *, renew: bool) -> Epoch:
        """A fresh epoch key, wrapped by this provider, that wraps data keys from now on in every process.

        With `renew` the provider makes a new key version for it first, so that the former one can be destroyed.
        """
        holder = self._provider(provider)
        if renew:
            holder.renew()
        number = max((epoch.number for epoch in self.listed()), default=1) + 1
        name = f"epoch-{number}-{urandom(4).hex()}"
        key = urandom(KEY_BYTES)
        version, wrapped = holder.wrap(key, epoch_context(name, provider))
        if holder.unwrap(version, wrapped, epoch_context(name, provider)) != key:
            raise Corrupt("The key provider does not return what it was given.", remedy="Do not use it.")
        epoch = Epoch(
            name=name, number=number, provider=provider, version=version, wrapped=wrapped.hex(), created=created
        )
        write_private(self._folder / f"{name}.json", msgspec.json.format(msgspec.json.encode(epoch)) + b"\n")
        self.give_notice()
        return epoch

    def destroy(self, name: str) -> str:
        """Destroy an epoch that wraps nothing any more, and the provider's version when no other epoch rests on it.

        Returns what the provider says of its version: `destroyed`, `scheduled for DATE`, or `kept` with the reason.
        Raises `Invalid` for the newest one.
        """
        epochs = {epoch.name: epoch for epoch in self.listed()}
        if name == self.newest():
            raise Invalid("This epoch wraps the data keys in use.", path="epoch", remedy="Rotate first.")
        if name == FIRST:
            destroy_file(self._first)
            self.give_notice()
            return "destroyed"
        gone = epochs.pop(name, None)
        if gone is None:
            raise NotFound("There is no such epoch.", path="epoch", remedy="bedrail keys list")
        destroy_file(self._folder / f"{name}.json")
        self.give_notice()
        if any((epoch.provider, epoch.version) == (gone.provider, gone.version) for epoch in epochs.values()):
            return "kept: another epoch rests on it"
        try:
            return self._provider(gone.provider).destroy(gone.version)
        except Unavailable as error:  # the epoch itself is gone already, and that is what counts
            return f"kept: {error.message}"

    def _look(self) -> None:
        """Drop what was kept when somebody gave notice; the caller holds the lock."""
        if self._notice != self._seen:
            self._seen = bytes(self._notice)
            self._current = ""
            self._ciphers.clear()
            self._failed.clear()

    def _fetched(self, kek: str) -> bytes:
        """The epoch's key; the caller holds the lock."""
        if kek == FIRST:
            return _bare(self._first)
        path = self._folder / f"{kek}.json"
        if "/" in kek or not path.is_file():
            raise NotFound("The key that this was wrapped under was destroyed.", remedy="It cannot be opened any more.")
        failed = self._failed.get(kek)
        if failed is not None and monotonic() < failed[0]:
            raise failed[1]
        epoch = _parsed(path)
        try:
            return self._provider(epoch.provider).unwrap(
                epoch.version, bytes.fromhex(epoch.wrapped), epoch_context(epoch.name, epoch.provider)
            )
        except Unavailable as error:
            self._failed[kek] = (monotonic() + RETRY_SECONDS, error)
            raise


def epoch_context(name: str, provider: str) -> bytes:
    """The associated data of a wrapped epoch key."""
    return msgspec.json.encode(("bedrail-epoch/1", name, provider))


def _parsed(path: Path) -> Epoch:
    try:
        return msgspec.json.decode(read_private(path), type=Epoch)
    except NOT_JSON as error:
        raise Corrupt(f"{path} is no epoch.", remedy="Restore it from the custodian's backup.") from error


def _bare(path: Path) -> bytes:
    if not path.exists():
        raise NotFound("The key that this was wrapped under was destroyed.", remedy="It cannot be opened any more.")
    try:
        key = bytes.fromhex(read_private(path).decode().strip())
    except ValueError as error:
        raise Corrupt(f"{path} is not a key.", remedy="Restore it from backup.") from error
    if len(key) != KEY_BYTES:
        raise Corrupt(f"{path} is not a key of {KEY_BYTES} bytes.", remedy="Restore it from backup.")
    return key


def _mapped(path: Path) -> memoryview:
    """The file's bytes as shared memory: a change by any process is seen at once, without a system call."""
    if not path.exists():
        with suppress(OSError):  # a home that cannot be written does not change either
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(handle, bytes(NOTICE_BYTES), 0)
                os.fsync(handle)
            finally:
                os.close(handle)
            sync_folder(path.parent)
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), NOTICE_BYTES, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return memoryview(bytes(NOTICE_BYTES))
