"""ULIDs: 48 bits of milliseconds and 80 random bits, in Crockford's base 32, sortable by time of making."""

from __future__ import annotations

import os
import time
from threading import Lock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_TRIPLES = [a + b for a in _PAIRS for b in ALPHABET]
_POOL = 1000


class UlidMaker:
    """Makes identifiers that never repeat; random bits are drawn from the system in bulk. Safe across threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pool = b""
        self._at = 0
        self._millisecond = 0
        self._prefix = ""

    def new(self) -> str:
        """A fresh ULID, 26 characters."""
        with self._lock:
            if self._at >= len(self._pool):
                self._pool, self._at = os.urandom(10 * _POOL), 0
            tail = self._pool[self._at : self._at + 10]
            self._at += 10
            now = int(time.time() * 1000)
            if now != self._millisecond:
                self._millisecond = now
                self._prefix = "".join([_PAIRS[(now >> shift) & 1023] for shift in (40, 30, 20, 10, 0)])
            prefix = self._prefix
        n, three = int.from_bytes(tail, "big"), _TRIPLES
        return (
            f"{prefix}{three[n >> 65]}{three[n >> 50 & 32767]}{three[n >> 35 & 32767]}{three[n >> 20 & 32767]}"
            f"{three[n >> 5 & 32767]}{ALPHABET[n & 31]}"
        )
