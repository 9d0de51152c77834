"""Keyed pseudonyms: the same patient gives the same name, and without the key nobody can try identifiers."""

from __future__ import annotations

import hmac
from hashlib import sha256


class HmacPseudonyms:
    """`core.ports.Pseudonyms`: HMAC-SHA-256 (RFC 2104, FIPS 198-1), first 128 bits as 32 hex characters."""

    __slots__ = ("_started",)

    def __init__(self, key: bytes) -> None:
        """`key` is 32 random bytes; raises ValueError when shorter."""
        if len(key) < 32:
            raise ValueError("a pseudonym key has at least 32 bytes")
        self._started = hmac.new(key, digestmod=sha256)

    def pseudonym(self, identifier: str) -> str:
        """32 hex characters for an identifier."""
        keyed = self._started.copy()
        keyed.update(identifier.encode())
        return keyed.hexdigest()[:32]
