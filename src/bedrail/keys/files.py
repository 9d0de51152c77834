"""A folder of key files, for installations without a key provider: readable by their owner alone, or refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from bedrail.core.errors import Corrupt, NotFound, Refused, Unavailable
from bedrail.core.ports import KeyProvider, Pseudonyms, Verifier, WrappedKey
from bedrail.keys.custodian import WrappedSecret
from bedrail.keys.epochs import Epochs
from bedrail.keys.key_files import FileProvider
from bedrail.keys.private_files import read_private, sync_folder
from bedrail.keys.pseudonyms import HmacPseudonyms, LatePseudonyms
from bedrail.keys.signing import Ed25519Signer, MlDsa44Signer, verify_ed25519
from bedrail.keys.tokens import new_token, token_digest
from bedrail.keys.vault import KEY_BYTES, AesVault

__all__ = ["SIGNING_KEYS", "KeyFolder", "new_token", "read_private", "token_digest", "verify_ed25519"]

SIGNING_KEYS = ("ledger", "evidence")
"""`ledger` seals checkpoints; `evidence` signs evidence and model packages."""

_LATER = re.compile(r"ledger-([0-9]{1,4})\.key\Z")
"""The ledger's second key, third, and so on; which one signs now, the ledger itself says."""

SECOND_KEY = "ledger-mldsa"
"""The ledger's post-quantum key (ML-DSA-44), for published checkpoints; homes made by earlier versions have none."""

SECRET_KEYS = ("pseudonym", "kek")
EPOCHS = "epochs"
PROJECTS = "projects"
OWN_PROVIDER = "kek"


class KeyFolder:
    """The keys of one home: two Ed25519 keys (PKCS #8 PEM), the pseudonym key and the key-encryption key (hex).

    `create` once, `open` ever after. The ledger key carries the ledger's origin as its name, the evidence key
    `<origin>/evidence`.
    """

    def __init__(self, path: Path) -> None:
        """Names the folder; nothing is read or written yet."""
        self._path = Path(path)
        self._origin = ""
        self._signers: dict[str, Ed25519Signer] = {}
        self._second: MlDsa44Signer | None = None
        self._secrets: dict[str, bytes] = {}

    def create(self, origin: str) -> KeyFolder:
        """Make all keys, or none; raises `Refused` when there are keys already, or the origin cannot name a key."""
        if not origin or "+" in origin or any(sign.isspace() or not sign.isprintable() for sign in origin):
            raise Refused("This origin cannot name a ledger.", remedy="Use a name such as hospital.example/ledger.")
        if self._path.exists() and (not self._path.is_dir() or any(self._path.iterdir())):
            raise Refused(f"{self._path} already holds keys.", remedy="Open them, or choose another home.")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".keys-", dir=self._path.parent, ignore_cleanup_errors=True) as scratch:
                made = Path(scratch) / "keys"
                made.mkdir(mode=0o700)
                for name in SIGNING_KEYS:
                    _write_private(made / f"{name}.key", _pem(Ed25519PrivateKey.generate()))
                _write_private(made / f"{SECOND_KEY}.key", _pem(MLDSA44PrivateKey.generate()))
                for name in SECRET_KEYS:
                    _write_private(made / f"{name}.key", os.urandom(KEY_BYTES).hex().encode() + b"\n")
                _write_private(made / "origin", origin.encode() + b"\n")
                made.rename(self._path)  # fails when somebody else was quicker; half a set of keys is never seen
            sync_folder(self._path.parent)
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written.", remedy="Check disk and permissions.") from error
        return self.open()

    def open(self) -> KeyFolder:
        """Read all keys; raises `Refused` for files that others may read, `NotFound` or `Corrupt` for bad ones."""
        self._origin = read_private(self._path / "origin").decode().strip()
        ledger = self._ledger_files()[0]
        for name, path in {"ledger": ledger, "evidence": self._file("evidence")}.items():
            self._signers[name] = Ed25519Signer(self._key_name(name), _parse_pem(path))
        for name in SECRET_KEYS:
            if name == "kek" and any((self._path / EPOCHS).glob("*.json")) and not self._file(name).exists():
                continue  # the home's first key-encryption key was destroyed after a rotation
            if name == "pseudonym" and self._moved.exists() and not self._file(name).exists():
                continue  # it rests with a key provider
            self._secrets[name] = _parse_hex(self._file(name))
        return self

    @property
    def origin(self) -> str:
        """The ledger's name in its checkpoints."""
        self._require_open()
        return self._origin

    def signer(self, name: str) -> Ed25519Signer:
        """The signing key called `ledger` (the newest one) or `evidence`."""
        self._require_open()
        if name not in self._signers:
            raise NotFound(f"There is no signing key called {name}.", remedy=f"Known: {', '.join(SIGNING_KEYS)}.")
        return self._signers[name]

    def signers(self) -> tuple[Ed25519Signer, ...]:
        """The ledger's keys that are here now, newest first: `ledger.append.Keyring`."""
        self._require_open()
        return tuple(Ed25519Signer(self._origin, _parse_pem(path)) for path in self._ledger_files())

    @property
    def verify(self) -> Verifier:
        """What verifies the ledger's keys."""
        return verify_ed25519

    def add_ledger_key(self) -> Ed25519Signer:
        """Make another ledger key; nothing is signed with it before a shard begins under it. Raises `Unavailable`.

        One that was made before, and that the ledger was never told of, may be used instead by whoever asks.
        """
        newest = _LATER.match(self._ledger_files()[0].name)
        path = self._path / f"ledger-{int(newest[1]) + 1 if newest else 2}.key"
        try:
            _write_private(path, _pem(Ed25519PrivateKey.generate()))
        except OSError as error:
            raise Unavailable(f"{path} cannot be written.", remedy="Check disk and permissions.") from error
        return self.signers()[0]

    def destroy_ledger_keys(self, keep: bytes) -> int:
        """Delete every ledger key but the one with this public half; returns how many. Raises `NotFound`.

        A copy-on-write or flash disk, and backups, may still hold them.
        """
        held = dict(zip(self._ledger_files(), self.signers(), strict=True))
        if keep not in {signer.public_key for signer in held.values()}:
            raise NotFound("The key to keep is not in this folder.", remedy="bedrail ledger keys")
        former = [path for path, signer in held.items() if signer.public_key != keep]
        for path in former:
            path.write_bytes(os.urandom(path.stat().st_size))
            path.unlink()
        sync_folder(self._path)
        return len(former)

    def _ledger_files(self) -> list[Path]:
        """The files of the ledger's keys, newest first; the first key's name alone when there are none."""
        found = {path: _LATER.match(path.name) for path in self._path.glob("ledger-*.key")}
        numbers = {path: int(match[1]) for path, match in found.items() if match}
        later, first = sorted(numbers, key=lambda path: -numbers[path]), self._file("ledger")
        return [*later, first] if first.exists() or not later else later

    def second_signer(self) -> MlDsa44Signer | None:
        """The ledger's post-quantum key, named as its origin; None in a home that was never told to make one.

        Looked for again until it is there, so that a running server takes up a key made beside it.
        """
        self._require_open()
        if self._second is None and self._file(SECOND_KEY).exists():
            self._second = MlDsa44Signer(self._origin, _parse_mldsa_pem(self._file(SECOND_KEY)))
        return self._second

    def add_second_signer(self) -> MlDsa44Signer:
        """Make the ledger's post-quantum key unless there is one; raises `Unavailable`."""
        self._require_open()
        if self.second_signer() is None:
            try:
                with TemporaryDirectory(prefix=".new-", dir=self._path) as scratch:
                    made = Path(scratch) / "key"
                    _write_private(made, _pem(MLDSA44PrivateKey.generate()))
                    with suppress(FileExistsError):  # somebody else was quicker
                        os.link(made, self._file(SECOND_KEY))
                sync_folder(self._path)
            except OSError as error:
                raise Unavailable(f"{self._path} cannot be written.", remedy="Check disk and permissions.") from error
        second = self.second_signer()
        assert second is not None
        return second

    def public_key(self, name: str) -> bytes:
        """The 32 bytes of a signing key's public half."""
        return self.signer(name).public_key

    def pseudonyms(self, provider: Callable[[str], KeyProvider] | None = None) -> Pseudonyms:
        """Pseudonyms under this folder's key, or under the one that rests with `provider(name)`."""
        self._require_open()
        if "pseudonym" in self._secrets:
            return HmacPseudonyms(self._secrets["pseudonym"])
        return LatePseudonyms(self.pseudonym_key(provider).read)

    def pseudonym_key(self, provider: Callable[[str], KeyProvider] | None = None) -> WrappedSecret:
        """The pseudonym key as it rests: a file, or wrapped by a provider."""
        find = provider or self.own_provider

        def projects() -> list[WrappedSecret]:
            from bedrail.keys.projects import ProjectFolder

            return ProjectFolder(self._path / PROJECTS, find, tuple).secrets()

        return WrappedSecret("pseudonym", self._moved, self._file("pseudonym"), find, projects)

    def epochs(self, provider: Callable[[str], KeyProvider] | None = None) -> Epochs:
        """The keys that data keys are wrapped under; `provider(name)` finds the provider that an epoch names."""
        return Epochs(self._path / EPOCHS, self._file("kek"), provider or self.own_provider)

    def own_provider(self, name: str) -> KeyProvider:
        """The provider `file`, the only one that needs no settings."""
        if name != "file":
            raise NotFound(f"There is no key provider {name}.", remedy="Name it in keys.toml.")
        return FileProvider(self._path / OWN_PROVIDER)

    def vault(
        self,
        load: Callable[[str], WrappedKey | None] | None = None,
        *,
        find: Callable[[str, str], WrappedKey | None] | None = None,
        keyring: Epochs | None = None,
        capacity: int = 65_536,
    ) -> AesVault:
        """A vault under this folder's epoch keys; `load(subject)` and `find(subject, key_id)` find stored data keys."""
        self._require_open()
        return AesVault(keyring or self.epochs(), load=load, find=find, capacity=capacity)

    @property
    def _moved(self) -> Path:
        return self._path / "pseudonym.json"

    def _file(self, name: str) -> Path:
        return self._path / f"{name}.key"

    def _key_name(self, name: str) -> str:
        return self._origin if name == "ledger" else f"{self._origin}/{name}"

    def _require_open(self) -> None:
        if not self._signers:
            raise Unavailable("The keys are not open.", remedy="Call open() or create() first.")


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _pem(key: Ed25519PrivateKey | MLDSA44PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _parse_pem(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError) as error:
        raise Corrupt(f"{path} is not a key.", remedy="Restore it from backup.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Corrupt(f"{path} is not an Ed25519 key.", remedy="Restore it from backup.")
    return key


def _parse_mldsa_pem(path: Path) -> MLDSA44PrivateKey:
    try:
        key = serialization.load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError) as error:
        raise Corrupt(f"{path} is not a key.", remedy="Restore it from backup.") from error
    if not isinstance(key, MLDSA44PrivateKey):
        raise Corrupt(f"{path} is not an ML-DSA-44 key.", remedy="Restore it from backup.")
    return key


def _parse_hex(path: Path) -> bytes:
    try:
        key = bytes.fromhex(read_private(path).decode().strip())
    except ValueError as error:
        raise Corrupt(f"{path} is not a key.", remedy="Restore it from backup.") from error
    if len(key) != KEY_BYTES:
        raise Corrupt(f"{path} is not a key of {KEY_BYTES} bytes.", remedy="Restore it from backup.")
    return key
