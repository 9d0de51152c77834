"""A secret key at rest with one custodian: in a file, or wrapped by a key provider of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bedrail.core.custody import HeldSecret
from bedrail.core.errors import NOT_JSON, Corrupt, NotFound
from bedrail.core.ports import KeyProvider
from bedrail.keys.private_files import destroy_file, read_private, write_private

OWN = "file"
"""The custodian that wraps nothing: the key folder of the home."""


class WrappedSecret:
    """`core.custody.SecretCustody`: one secret of 32 bytes that changes custodians but never its value."""

    def __init__(
        self,
        purpose: str,
        moved: Path,
        bare: Path,
        provider: Callable[[str], KeyProvider],
        beside: Callable[[], Sequence[WrappedSecret]] = tuple,
    ) -> None:
        """`moved` is the file of the wrapped secret, `bare` that of the plain one (hex); one of them is there.

        `beside` are other secrets that may rest with the same providers.
        """
        self._purpose, self._moved, self._bare, self._provider = purpose, moved, bare, provider
        self._beside = beside

    def custody(self) -> HeldSecret | None:
        """With which provider it rests; None when it is a plain file of the key folder."""
        if not self._moved.exists():
            return None
        try:
            return msgspec.json.decode(read_private(self._moved), type=HeldSecret)
        except NOT_JSON as error:
            raise Corrupt(f"{self._moved} is no wrapped key.", remedy="Restore it from backup.") from error

    def read(self) -> bytes:
        """The secret; raises `Unavailable` when the provider is out of reach, `Corrupt`, `NotFound`."""
        held = self.custody()
        if held is None:
            return bytes.fromhex(read_private(self._bare).decode().strip())
        provider = self._provider(held.provider)
        return provider.unwrap(held.version, bytes.fromhex(held.wrapped), secret_context(self._purpose, held.provider))

    def make(self, secret: bytes, to: str, at: str) -> None:
        """Put a new secret with its first custodian; `file` is the key folder itself. Raises `Unavailable`."""
        if to == OWN:
            write_private(self._bare, secret.hex().encode() + b"\n")
            return
        self._hold(secret, to, at)

    def rewrap(self, at: str) -> str:
        """Bring it under the newest key version of its provider; returns the version it lay under before, or ""."""
        before = self.custody()
        if before is None:
            return ""
        self._hold(self.read(), before.provider, at)
        return before.version

    def destroy(self) -> None:
        """Overwrite and remove whatever file it rests in."""
        destroy_file(self._bare)
        destroy_file(self._moved)

    def move(self, to: str, at: str) -> HeldSecret:
        """Hand it to another provider under a key version made for it, and take it from the former one.

        The secret stays the same, so every pseudonym does. Raises `Unavailable`, `NotFound`.
        """
        before = self.custody()
        made = self._hold(self.read(), to, at)
        destroy_file(self._bare)
        if before is not None and (before.provider, before.version) != (to, made.version):
            rewrap_beside(self._provider(before.provider), before.provider, self._beside(), at)
            self._provider(before.provider).destroy(before.version)
        return made

    def _hold(self, secret: bytes, to: str, at: str) -> HeldSecret:
        """Wrapped by a provider, under its newest version."""
        provider, context = self._provider(to), secret_context(self._purpose, to)
        version, wrapped = _wrapped(provider, secret, context)
        if provider.unwrap(version, wrapped, context) != secret:
            raise Corrupt("The key provider does not return what it was given.", remedy="Do not use it.")
        made = HeldSecret(purpose=self._purpose, provider=to, version=version, wrapped=wrapped.hex(), moved=at)
        write_private(self._moved, msgspec.json.format(msgspec.json.encode(made)) + b"\n")
        return made


def rewrap_beside(provider: KeyProvider, name: str, beside: Sequence[WrappedSecret], at: str) -> list[str]:
    """Bring the secrets that rest with this provider under a new version; returns the versions they lay under.

    Before a version is destroyed: some providers can only destroy all versions up to one.
    """
    resting = [each for each in beside if (held := each.custody()) is not None and held.provider == name]
    if resting:
        provider.renew()
    return [each.rewrap(at) for each in resting]


def secret_context(purpose: str, provider: str) -> bytes:
    """The associated data of a wrapped secret."""
    return msgspec.json.encode(("bedrail-secret/1", purpose, provider))


def _wrapped(provider: KeyProvider, secret: bytes, context: bytes) -> tuple[str, bytes]:
    """Under the newest version; the first one is made now."""
    try:
        provider.version()
    except NotFound:
        provider.renew()
    return provider.wrap(secret, context)
