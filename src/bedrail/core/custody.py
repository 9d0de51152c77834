"""What custody of keys asks of the world: epochs, secrets with a custodian, sealed files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bedrail.core.ports import KeyedDigest, WrappedKey
from bedrail.core.values import Value


class Epoch(Value, frozen=True, kw_only=True):
    """A key that data keys are wrapped under, at rest with a provider; nothing here is secret without the provider.

    `wrapped` is hex, `created` UTC.
    """

    name: str
    number: int
    provider: str
    version: str
    wrapped: str
    created: str


class HeldSecret(Value, frozen=True, kw_only=True):
    """A secret wrapped by a provider; nothing here is secret without it. `wrapped` is hex, `moved` UTC."""

    purpose: str
    provider: str
    version: str
    wrapped: str
    moved: str


class EpochKeys(Protocol):
    """The epochs of a home."""

    def listed(self) -> list[Epoch]:
        """The epochs there are, oldest first."""
        ...

    def former(self) -> list[str]:
        """Every key but the newest under which data keys may be wrapped, the home's first one included."""
        ...

    def newest(self) -> str:
        """The name of the key that wraps now."""
        ...

    def make(self, provider: str, created: str, *, renew: bool) -> Epoch:
        """A fresh epoch key with this provider, under a new version of its key when asked; it wraps from now on."""
        ...

    def destroy(self, name: str) -> str:
        """Destroy a former epoch; returns what became of the provider's version: `destroyed`, `scheduled for ...`."""
        ...

    def give_notice(self) -> None:
        """Let every process drop the keys it has in memory."""
        ...

    def rewrapped(self, keys: Sequence[WrappedKey], to: str) -> list[tuple[WrappedKey, WrappedKey]]:
        """(as it is, as wrapped under the epoch `to`) of each data key; raises `Unavailable`, `Corrupt`."""
        ...


class SecretCustody(Protocol):
    """One secret that changes custodians but never its value."""

    def custody(self) -> HeldSecret | None:
        """With which provider it rests; None when it is a plain file of the key folder."""
        ...

    def move(self, to: str, at: str) -> HeldSecret:
        """Hand it to another provider, and take it from the former one."""
        ...


class ProjectKeys(Protocol):
    """The keys of a home's de-identification projects, and their escrows. Projects are known by name."""

    def make(self, project: str, provider: str, escrow: str, at: str) -> None:
        """A key of its own, kept by `provider`; with `escrow` (a provider), a sealed record of who is behind what."""
        ...

    def digest(self, project: str) -> KeyedDigest:
        """What the project decides by; raises `NotFound` once it is destroyed, `Unavailable`."""
        ...

    def settle(self, project: str) -> None:
        """Make the escrow's newest entries durable."""
        ...

    def behind(self, project: str, pseudonyms: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(kind, identifier) by pseudonym, of those that the escrow holds; raises `NotFound` without one."""
        ...

    def destroy(self, project: str, at: str) -> str:
        """Destroy key and escrow, copies in backups too where a provider wraps them; says what became of the
        provider's key version."""
        ...


class FileVault(Protocol):
    """Seals files about many patients under a data key of their dataset."""

    def seal_file(self, data: bytes, *, dataset: str, kind: str, purpose: str) -> bytes:
        """The sealed bytes; raises `Unavailable`."""
        ...

    def open_file(self, data: bytes) -> bytes:
        """The plaintext; what was never sealed comes back as it is. Raises `NotFound` when the key was destroyed."""
        ...


SEALED = b"bedrail-sealed/"
"""How every sealed file begins, whatever its format; one that does not was left unsealed by an earlier version."""


def owner_of(dataset: str) -> str:
    """Whom a dataset's data key belongs to, among the subjects; a pseudonym never looks like this."""
    return f"dataset:{dataset}"
