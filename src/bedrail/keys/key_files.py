"""The key provider `file`: key-encryption keys in a folder of this machine, one file for each version."""

from __future__ import annotations

import re
from os import urandom
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedrail.core.errors import Corrupt, NotFound
from bedrail.keys.private_files import destroy_file, read_private, write_private
from bedrail.keys.vault import KEY_BYTES, NONCE_BYTES

_VERSION = re.compile(r"^kek-([0-9]{1,9})\Z")


class FileProvider:
    """`core.ports.KeyProvider` over a folder that only this account can read: no protection from whoever has that."""

    kind = "file"
    algorithm = "AES-256-GCM"

    def __init__(self, folder: Path) -> None:
        """Names the folder; the first `renew` makes it."""
        self._folder = Path(folder)

    def version(self) -> str:
        """The newest key file; raises `NotFound`."""
        numbers = self._numbers()
        if not numbers:
            raise NotFound(f"{self._folder} holds no key.", remedy="bedrail keys rotate kek makes one.")
        return f"kek-{numbers[-1]}"

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """Under the newest version, with a random nonce of 96 bits."""
        version, nonce = self.version(), urandom(NONCE_BYTES)
        return version, nonce + self._cipher(version).encrypt(nonce, key, context)

    def unwrap(self, version: str, wrapped: bytes, context: bytes) -> bytes:
        """The key; raises `Corrupt` or `NotFound`."""
        try:
            return self._cipher(version).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise Corrupt("The wrapped key does not open.", remedy="Restore it from the custodian's backup.") from error

    def renew(self) -> str:
        """One more file."""
        number = (self._numbers() or [0])[-1] + 1
        write_private(self._folder / f"kek-{number}.key", urandom(KEY_BYTES).hex().encode() + b"\n")
        return f"kek-{number}"

    def destroy(self, version: str) -> str:
        """Overwrite and remove the file."""
        destroy_file(self._path(version))
        return "destroyed"

    def health(self) -> None:
        """Wrap and unwrap something."""
        version, wrapped = self.wrap(b"health", b"health")
        self.unwrap(version, wrapped, b"health")

    def _numbers(self) -> list[int]:
        matches = (_VERSION.match(path.stem) for path in self._folder.glob("kek-*.key"))
        return sorted(int(match[1]) for match in matches if match)

    def _path(self, version: str) -> Path:
        if not _VERSION.match(version):
            raise NotFound("There is no such key version.", remedy="bedrail keys list")
        return self._folder / f"{version}.key"

    def _cipher(self, version: str) -> AESGCM:
        path = self._path(version)
        try:
            key = bytes.fromhex(read_private(path).decode().strip())
        except ValueError as error:
            raise Corrupt(f"{path} is not a key.", remedy="Restore it from the custodian's backup.") from error
        if len(key) != KEY_BYTES:
            raise Corrupt(f"{path} is not a key of {KEY_BYTES} bytes.", remedy="Restore it from backup.")
        return AESGCM(key)
