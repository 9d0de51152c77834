"""Files about many patients (an admitted table, sentinel questions), sealed under a data key of their dataset.

    bedrail-sealed/2 LF  header (one line of JSON) LF  segment...

A segment is a 96-bit nonce and AES-256-GCM of at most 16 MiB; header, position and whether it is the last are bound,
so segments cannot be cut off, swapped or moved between files. The digest by which facts know the file is that of these
sealed bytes: it can be checked without the key, and once the key is destroyed it confirms nothing about the table.
"""

from __future__ import annotations

from os import urandom

import msgspec
from cryptography.exceptions import InvalidTag

from bedrail.core.custody import SEALED, owner_of
from bedrail.core.errors import NOT_JSON, Busy, Corrupt, NotFound
from bedrail.core.ports import DataKeys
from bedrail.keys.vault import NONCE_BYTES, AesVault

MAGIC = SEALED + b"2\n"
SEGMENT = 16 * 2**20
_TAG = 16


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose key, and what it is; nothing here is secret."""

    dataset: str
    key_id: str
    kind: str
    purpose: str


class SealedFiles:
    """`core.custody.FileVault` over a vault and the store of its data keys."""

    def __init__(self, vault: AesVault, keys: DataKeys) -> None:
        """The data key of a dataset is stored durably before the first file sealed under it is given out."""
        self._vault, self._keys = vault, keys

    def seal_file(self, data: bytes, *, dataset: str, kind: str, purpose: str) -> bytes:
        """The sealed bytes; raises `Unavailable`."""
        key_id, cipher, unstored = self._vault.data_key(owner_of(dataset))
        if unstored is not None and not self._keys.keep_key(unstored):
            self._vault.forget(unstored.subject)
            raise Busy("The keys are being changed just now.", remedy="Try again in a moment.")
        header = Header(dataset=dataset, key_id=key_id, kind=kind, purpose=purpose)
        head = MAGIC + msgspec.json.encode(header, order="sorted") + b"\n"
        out = [head]
        starts = range(0, max(len(data), 1), SEGMENT)
        for start in starts:
            nonce = urandom(NONCE_BYTES)
            bound = _bound(head, start, last=start + SEGMENT >= len(data))
            out.append(nonce + cipher.encrypt(nonce, data[start : start + SEGMENT], bound))
        return b"".join(out)

    def open_file(self, data: bytes) -> bytes:
        """The plaintext; bytes that were never sealed (by an earlier version) come back as they are.

        Raises `NotFound` when the dataset's key was destroyed, `Corrupt`, `Unavailable`.
        """
        if not data.startswith(MAGIC):
            return data
        end = data.find(b"\n", len(MAGIC)) + 1
        try:
            header = msgspec.json.decode(data[len(MAGIC) : end], type=Header)
        except NOT_JSON as error:
            raise _changed() from error
        key = self._keys.find_key(owner_of(header.dataset), header.key_id)
        if key is None:
            raise NotFound("The key of this dataset was destroyed.", path=header.dataset[:12], remedy="Admit it again.")
        cipher, head, out = self._vault.unwrapped(key), data[:end], []
        step, start = NONCE_BYTES + SEGMENT + _TAG, 0
        for at in range(end, max(len(data), end + 1), step):
            part = data[at : at + step]
            bound = _bound(head, start, last=at + step >= len(data))
            try:
                out.append(cipher.decrypt(part[:NONCE_BYTES], part[NONCE_BYTES:], bound))
            except (InvalidTag, ValueError) as error:
                raise _changed() from error
            start += SEGMENT
        return b"".join(out)


def _bound(head: bytes, start: int, *, last: bool) -> bytes:
    return head + msgspec.json.encode((start, last))


def _changed() -> Corrupt:
    return Corrupt(
        "The sealed file does not open: it was changed.", remedy="Restore it from backup, or admit it again."
    )
