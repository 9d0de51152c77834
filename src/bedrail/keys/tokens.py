"""Bearer tokens: 256 random bits shown once; only their digest is kept."""

from __future__ import annotations

import secrets
from hashlib import sha256

CODE_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Nothing that is easily taken for something else: no 0 or o, no 1, i or l."""

PREFIX = "bedrail_"
"""Lets secret scanners recognise a leaked token."""


def new_token() -> tuple[str, str]:
    """(token, SHA-256 hex). 256 bits need no salt and no slow hash."""
    token = PREFIX + secrets.token_urlsafe(32)
    return token, token_digest(token)


def token_digest(token: str) -> str:
    """The hex SHA-256 under which a token is known."""
    return sha256(token.encode()).hexdigest()


class RandomTokens:
    """`core.accounts.Tokens`."""

    def new(self) -> tuple[str, str]:
        """(token of 256 random bits, its SHA-256 in hex)."""
        token = secrets.token_urlsafe(32)
        return token, token_digest(token)

    def digest(self, token: str) -> str:
        """Under which a token is known."""
        return token_digest(token)

    def codes(self, count: int) -> list[str]:
        """Codes of 118 random bits in six groups, for people to write down; from 112 a digest may rest unsalted.

        ASVS 5.0 6.5.2.
        """
        drawn = ["".join(secrets.choice(CODE_LETTERS) for _ in range(24)) for _ in range(count)]
        return ["-".join(code[at : at + 4] for at in range(0, 24, 4)) for code in drawn]
