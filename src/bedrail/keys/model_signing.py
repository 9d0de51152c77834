"""The key that signs packages for the OpenSSF tool: ECDSA on P-256, since that tool takes NIST curves only.

At every load the package is still checked under the installation's Ed25519 key; this one serves whoever receives a
package and has the standard tool. It is made at the first use.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bedrail.core.errors import Corrupt, Invalid, Unavailable
from bedrail.keys.files import read_private

FILE = "packages.key"
_HASHES: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


class PackageSigner:
    """An ECDSA key on P-256, read from (or first written to) `packages.key` in the key folder."""

    def __init__(self, folder: Path) -> None:
        """Raises `Refused` for a key that others may read, `Corrupt` for one that is none."""
        path = folder / FILE
        if not path.exists():
            _make(path)
        try:
            key = serialization.load_pem_private_key(read_private(path), password=None)
        except (ValueError, TypeError) as error:
            raise Corrupt(f"{path} is not a key.", remedy="Restore it from backup.") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Corrupt(f"{path} is not a key on a NIST curve.", remedy="Restore it from backup.")
        self._key = key

    @property
    def public_pem(self) -> bytes:
        """The public key as the OpenSSF tool takes it: SubjectPublicKeyInfo in PEM."""
        return _pem(self._key.public_key())

    def sign(self, message: bytes) -> bytes:
        """The DER signature, with the hash that belongs to the curve."""
        return self._key.sign(message, ec.ECDSA(_HASHES[self._key.curve.key_size]))


def verify_ecdsa(public_pem: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the DER signature is by this key on P-256, P-384 or P-521; raises `Invalid` for what is no such key."""
    key = _public(public_pem)
    try:
        key.verify(signature, message, ec.ECDSA(_HASHES[key.curve.key_size]))
    except InvalidSignature:
        return False
    return True


def same_form(public_pem: bytes) -> bytes:
    """The key in the one PEM form whose digest stands in signatures, however the file was wrapped."""
    return _pem(_public(public_pem))


def _public(public_pem: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(public_pem)
    except (ValueError, TypeError) as error:
        raise Invalid("this is no public key in PEM.", path="--model-key", remedy="Ask the sender for it.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1", "secp521r1"):
        raise Invalid("this is no key on a NIST curve.", path="--model-key", remedy="Ask the sender for it.")
    return key


def _pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _make(path: Path) -> None:
    """Written whole under another name, then given its own: of two that make one at once, one key remains."""
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        handle, name = tempfile.mkstemp(prefix=".packages-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                Path(path).hardlink_to(name)
        finally:
            Path(name).unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written.", remedy="Check disk and permissions.") from error
