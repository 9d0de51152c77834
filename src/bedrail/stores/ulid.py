"""ULIDs: 48 bits of milliseconds and 80 random bits, in Crockford's base 32, sortable by time of making."""

from __future__ import annotations

import os
import time
from threading import Lock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_FIVE_BITS = bytes(ord(ALPHABET[byte & 31]) for byte in range(256))
"""A random byte to one of 32 letters, each as likely as the others."""

_POOL = 1000


class UlidMaker:
    """Makes identifiers that never repeat; random bits are drawn from the system in bulk. Safe across threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pool = ""
        self._at = 0
        self._millisecond = 0
        self._prefix = ""

    def new(self) -> str:
        """A fresh ULID, 26 characters."""
        now = int(time.time() * 1000)
        with self._lock:
            if self._at >= len(self._pool):
                self._pool, self._at = os.urandom(16 * _POOL).translate(_FIVE_BITS).decode(), 0
            at = self._at
            self._at = at + 16
            if now != self._millisecond:
                self._millisecond = now
                self._prefix = "".join([_PAIRS[(now >> shift) & 1023] for shift in (40, 30, 20, 10, 0)])
            return self._prefix + self._pool[at : at + 16]
