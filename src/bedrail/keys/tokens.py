"""Bearer tokens: 256 random bits shown once; only their digest is kept."""

from __future__ import annotations

import secrets
from hashlib import sha256

PREFIX = "bedrail_"
"""Lets secret scanners recognise a leaked token."""


def new_token() -> tuple[str, str]:
    """(token, SHA-256 hex). 256 bits need no salt and no slow hash."""
    token = PREFIX + secrets.token_urlsafe(32)
    return token, token_digest(token)


def token_digest(token: str) -> str:
    """The hex SHA-256 under which a token is known."""
    return sha256(token.encode()).hexdigest()
