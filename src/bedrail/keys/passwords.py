"""Password hashes: argon2id (RFC 9106) with the parameters of the OWASP Password Storage Cheat Sheet."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from bedrail.core.errors import Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
"""19 MiB, two passes, one lane."""


class Argon2Passwords:
    """`core.accounts.Passwords`; raises `Unavailable` when the extra is not installed.

    One hash at a time: a flood of guesses takes one processor and 19 MiB, and the others go on deciding.
    """

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        """Other parameters than today's are for tests of what happens when they change."""
        self._memory_kib, self._passes = memory_kib, passes
        self._turn = Lock()

    def hash(self, password: str) -> str:
        """The encoded hash, with parameters and a salt of 128 random bits."""
        hasher = self._hasher
        with self._turn:
            return hasher.hash(password)

    def verify(self, encoded: str, password: str) -> bool:
        """Whether the password is the one; without a hash as much work is done for nothing, and it is not."""
        from argon2.exceptions import InvalidHashError, VerificationError

        hasher, known = self._hasher, encoded or self._nobodys
        try:
            with self._turn:
                hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(encoded)

    def outdated(self, encoded: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        try:
            from argon2 import PasswordHasher, Type
        except ImportError:
            raise missing() from None
        return PasswordHasher(
            time_cost=self._passes, memory_cost=self._memory_kib, parallelism=LANES, hash_len=32, type=Type.ID
        )

    @cached_property
    def _nobodys(self) -> str:
        """A hash that no person has, made once with the same parameters."""
        from secrets import token_urlsafe

        return self.hash(token_urlsafe(32))


def missing() -> Unavailable:
    """What to install."""
    return Unavailable("Signing in needs libraries that are not installed.", remedy="pip install 'bedrail[identity]'")
