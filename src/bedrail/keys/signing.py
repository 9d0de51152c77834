"""Ed25519 (RFC 8032): signing keys, and the one function that verifies."""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Ed25519Signer:
    """`core.ports.Signer` over a private key in memory."""

    __slots__ = ("_key", "_name", "_public")

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        """`name` stands in signed notes, so it holds no space and no `+`."""
        self._name = name
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Ed25519Signer:
        """The key of a 32-byte seed (RFC 8032 section 5.1.5)."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def name(self) -> str:
        """The key name as it stands in signed notes."""
        return self._name

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        return self._key.sign(message)


@lru_cache(maxsize=64)
def _public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is valid; False, never an exception, for keys and signatures of a wrong shape."""
    try:
        _public(public_key).verify(signature, message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
