"""The keys of a home's de-identification projects: a folder for each, `keys/projects/NAME/`, and its escrow.

`key.json` is the project's key as its provider wrapped it (`key.key`: as it is, with the provider `file`). With an
escrow, `escrow.json` (`escrow.key`) is the private key that opens it, `escrow.pub` the public one, and `escrow/` holds
`pseudonym SPACE sealed` lines: whoever de-identifies can add to them and cannot read a single one.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from bedrail.core.errors import Corrupt, NotFound, Refused, Unavailable
from bedrail.core.ports import KeyProvider
from bedrail.keys.custodian import OWN, WrappedSecret, rewrap_beside
from bedrail.keys.private_files import destroy_file, read_private, sync_folder, write_private
from bedrail.keys.project_keys import project_digest
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.keys.vault import KEY_BYTES

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM."""


class ProjectFolder:
    """`core.custody.ProjectKeys` over `keys/projects/`."""

    def __init__(
        self, folder: Path, provider: Callable[[str], KeyProvider], beside: Callable[[], Sequence[WrappedSecret]]
    ) -> None:
        """`beside` are the home's other secrets that may rest with the same providers."""
        self._folder, self._provider, self._beside = Path(folder), provider, beside

    def make(self, project: str, provider: str, escrow: str, at: str) -> None:
        """New keys; raises `Refused` when there are some of that name, `NotFound` for no such provider, `Unavailable`.

        Interrupted before it is recorded, it is begun again: keys that decided nothing yet are replaced.
        """
        at_home = self._folder / project
        if (at_home / "escrow").exists() and any((at_home / "escrow").iterdir()):
            raise Refused("there are keys of that name.", remedy="Choose another name for the project.")
        for name in (provider, escrow):
            if name and name != OWN:
                self._provider(name)
        self._key(project).destroy()
        self._escrow(project).destroy()
        self._key(project).make(os.urandom(KEY_BYTES), provider, at)
        if escrow:
            private = X25519PrivateKey.generate()
            self._escrow(project).make(private.private_bytes_raw(), escrow, at)
            write_private(at_home / "escrow.pub", private.public_key().public_bytes_raw().hex().encode() + b"\n")

    def digest(self, project: str) -> HmacDigest:
        """What the project decides by, with its escrow where it has one; raises `NotFound`, `Unavailable`."""
        key = self._read(self._key(project))
        public = self._folder / project / "escrow.pub"
        if not public.exists():
            return project_digest(key, project)
        folder = self._folder / project / "escrow"
        return EscrowedDigest(
            project_digest(key, project).raw, project, str(folder), bytes.fromhex(read_private(public).decode())
        )

    def settle(self, project: str) -> None:
        """Make the escrow's newest entries durable."""
        folder = self._folder / project / "escrow"
        if not folder.is_dir():
            return
        try:
            for path in folder.glob("*.sealed"):
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            sync_folder(folder)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written.", remedy="Check disk and permissions.") from error

    def behind(self, project: str, pseudonyms: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(kind, identifier) by pseudonym (or its first digits, as asked), of those that the escrow holds.

        Raises `NotFound` when the project keeps no escrow, `Corrupt` for an entry that was changed or moved.
        """
        folder = self._folder / project / "escrow"
        if not (self._folder / project / "escrow.pub").exists():
            raise NotFound(
                "this project keeps no escrow.", path="--project", remedy="Give a list: --candidates FILE"
            )  # fmt: skip
        wanted = {pseudonym.encode() for pseudonym in pseudonyms}
        lengths = {len(pseudonym) for pseudonym in wanted}
        sealed: dict[bytes, tuple[bytes, bytes]] = {}
        for name, entry in _entries(folder):
            for asked in (name[:length] for length in lengths if name[:length] in wanted):
                sealed.setdefault(asked, (name, entry))
        if not sealed:
            return {}
        private = X25519PrivateKey.from_private_bytes(self._read(self._escrow(project)))
        return {
            asked.decode(): _opened(entry, name, project, private) for asked, (name, entry) in sealed.items()
        }  # fmt: skip

    def destroy(self, project: str, at: str) -> str:
        """Destroy key and escrow, and the provider's key versions that wrapped them.

        Every other secret that rests with the same provider is brought under a new version first, since a provider may
        only be able to destroy all versions up to one. Repeating it after an interruption goes on.
        """
        mine = [self._key(project), self._escrow(project)]
        providers = sorted({held.provider for each in mine if (held := each.custody()) is not None})
        others = [*self.secrets(but=project), *self._beside()]
        said = [self._retire_versions(name, mine, others, at) for name in providers]
        for each in mine:
            each.destroy()
        for path in (self._folder / project / "escrow").glob("*.sealed"):
            destroy_file(path)
        destroy_file(self._folder / project / "escrow.pub")
        return ", ".join(f"{name}: {what}" for name, what in zip(providers, said, strict=True)) or "file: destroyed"

    def secrets(self, *, but: str = "") -> list[WrappedSecret]:
        """The keys of all projects and escrows, but for one project's."""
        names = sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []
        return [each for name in names if name != but for each in (self._key(name), self._escrow(name))]

    def _retire_versions(
        self, name: str, mine: Sequence[WrappedSecret], others: Sequence[WrappedSecret], at: str
    ) -> str:
        provider = self._provider(name)
        old = [held.version for each in mine if (held := each.custody()) is not None and held.provider == name]
        old += rewrap_beside(provider, name, others, at)
        said = [_gone(provider, version) for version in sorted(set(old))]
        return next((each for each in said if each != "destroyed"), "destroyed")

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []

    def _key(self, project: str) -> WrappedSecret:
        folder = self._folder / project
        return WrappedSecret(f"project:{project}", folder / "key.json", folder / "key.key", self._provider)

    def _escrow(self, project: str) -> WrappedSecret:
        folder = self._folder / project
        return WrappedSecret(f"escrow:{project}", folder / "escrow.json", folder / "escrow.key", self._provider)

    def _read(self, secret: WrappedSecret) -> bytes:
        try:
            return secret.read()
        except NotFound as error:
            raise NotFound("the project's key is not here.", remedy="Restore it, or begin another project.") from error


class EscrowedDigest(HmacDigest):
    """A project's digest that keeps who is behind each pseudonym, sealed for the escrow's custodian alone."""

    __slots__ = ("_file", "_folder", "_project", "_public", "_seen")

    def __init__(self, key: bytes, project: str, folder: str, public: bytes) -> None:
        """`folder` is where each process adds a file of its own."""
        super().__init__(key)
        self._project, self._folder, self._public = project, folder, public
        self._seen: set[bytes] = set()
        self._file = -1

    def __reduce__(self) -> tuple[type[EscrowedDigest], tuple[bytes, str, str, bytes]]:  # type: ignore[override]
        """As for any digest; the other process writes a file of its own."""
        return EscrowedDigest, (self.raw, self._project, self._folder, self._public)

    def keep(self, kind: str, value: str, pseudonym: str) -> None:
        """Seal (kind, value) under the pseudonym, once in each process; raises `Unavailable` when it cannot be kept."""
        name = pseudonym.encode()
        if name in self._seen:
            return
        sealed = _SUITE.encrypt(
            msgspec.json.encode((kind, value.encode("utf-8", "surrogatepass").hex())),
            X25519PublicKey.from_public_bytes(self._public),
            _bound(self._project, name),
        )
        try:
            if self._file < 0:
                folder = Path(self._folder)
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = folder / f"{os.urandom(8).hex()}.sealed"
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            os.write(self._file, name + b" " + b64encode(sealed) + b"\n")
        except OSError as error:
            raise Unavailable("The escrow cannot be written.", remedy="Check disk and permissions of keys/.") from error
        self._seen.add(name)


def _entries(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """(pseudonym, sealed) of each whole line; one that a crash cut off is passed over."""
    for path in sorted(folder.glob("*.sealed")):
        for line in read_private(path).split(b"\n")[:-1]:
            name, _, sealed = line.partition(b" ")
            yield name, sealed


def _opened(sealed: bytes, name: bytes, project: str, private: X25519PrivateKey) -> tuple[str, str]:
    try:
        plain = _SUITE.decrypt(b64decode(sealed, validate=True), private, _bound(project, name))
        kind, value = msgspec.json.decode(plain, type=tuple[str, str])
        return kind, bytes.fromhex(value).decode("utf-8", "surrogatepass")
    except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
        raise Corrupt("An entry of the escrow does not open.", remedy="Restore keys/projects from backup.") from error


def _bound(project: str, pseudonym: bytes) -> bytes:
    return msgspec.json.encode(("bedrail-escrow/1", project, pseudonym.decode()))


def _gone(provider: KeyProvider, version: str) -> str:
    """What the provider says of a version that nothing rests on; the wrapped keys themselves are gone in any case."""
    try:
        return provider.destroy(version)
    except NotFound:
        return "destroyed"
    except Unavailable as error:
        return f"kept: {error.message}"
