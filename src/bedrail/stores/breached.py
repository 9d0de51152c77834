"""Passwords that were stolen elsewhere, in a file that the hospital may put into its home."""

from __future__ import annotations

import os
from hashlib import sha1
from pathlib import Path

from bedrail.core.errors import Unavailable


class BreachedPasswords:
    """Asks a file of upper-case SHA-1 digests in hex, sorted, one a line, each perhaps with `:` and a count.

    That is the form in which collections of stolen passwords are published; a file of any size is searched by
    halving. Without a file nothing is known to be stolen.
    """

    def __init__(self, path: Path) -> None:
        """Names the file."""
        self._path = path

    def __contains__(self, password: object) -> bool:
        """Whether the password is on the list; raises `Unavailable` when the file cannot be read."""
        if not isinstance(password, str) or not self._path.exists():
            return False
        wanted = sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        try:
            with self._path.open("rb") as file:
                low, high = 0, file.seek(0, os.SEEK_END)
                while low < high:
                    middle = (low + high) // 2
                    file.seek(middle)
                    if middle:
                        file.readline()  # the rest of the line in which the middle fell
                    line = file.readline()
                    if line and line[:40].upper() < wanted:
                        low = middle + 1
                    else:
                        high = middle
                file.seek(low)
                if low:
                    file.readline()
                return file.readline()[:40].upper() == wanted or self._first_is(wanted)
        except OSError as error:
            raise Unavailable("The list of stolen passwords cannot be read.", remedy=f"Check {self._path}.") from error

    def _first_is(self, wanted: bytes) -> bool:
        with self._path.open("rb") as file:
            return file.readline()[:40].upper() == wanted
