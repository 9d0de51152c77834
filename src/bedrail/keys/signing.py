"""Ed25519 (RFC 8032) and ML-DSA-44 (FIPS 204): signing keys, and the one function for each that verifies."""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from bedrail.ledger.cosignature import Verifiers


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


class MlDsa44Signer:
    """`core.ports.Signer` over a post-quantum private key in memory; a signature has 2,420 bytes and costs about 1 ms.

    Signing is hedged (FIPS 204 section 3.4): two signatures of the same message differ.
    """

    __slots__ = ("_key", "_name", "_public")

    def __init__(self, name: str, key: MLDSA44PrivateKey) -> None:
        """`name` stands in signed notes, so it holds no space and no `+`."""
        self._name = name
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> MlDsa44Signer:
        """The key of a 32-byte seed (FIPS 204 section 3.6.3)."""
        return cls(name, MLDSA44PrivateKey.from_seed_bytes(seed))

    @property
    def name(self) -> str:
        """The key name as it stands in signed notes."""
        return self._name

    @property
    def public_key(self) -> bytes:
        """The 1,312 raw bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 2,420-byte signature of `message`, with an empty context."""
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


def verify_mldsa44(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the ML-DSA-44 signature is valid; False, never an exception, for keys and signatures of a wrong shape."""
    try:
        _post_quantum(public_key).verify(signature, message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=16)
def _post_quantum(raw: bytes) -> MLDSA44PublicKey:
    return MLDSA44PublicKey.from_public_bytes(raw)


VERIFIERS: Verifiers = {"ed25519": verify_ed25519, "ml-dsa-44": verify_mldsa44}
"""For cosignatures of both types."""
