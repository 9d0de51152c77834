"""Folders outside of pytest's own, for servers that outlive a test: gone with their process, or with a later one.

A folder's name says whose it is. Whoever is killed leaves it behind; the next to ask for one takes away what is older
than a day and whose process is gone. (A PostgreSQL whose folder disappears ends by itself within a minute.)
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

DAY = 24 * 3600


def folder(kind: str) -> Path:
    """A new folder, open to this user only, removed at exit."""
    sweep(Path(tempfile.gettempdir()))
    made = Path(tempfile.mkdtemp(prefix=f"bedrail-{kind}-{os.getpid()}-"))
    atexit.register(_remove, made, os.getpid())
    return made


def _remove(made: Path, owner: int) -> None:
    """By whoever made it, and not by a fork of that process."""
    if os.getpid() == owner:
        shutil.rmtree(made, ignore_errors=True)


@cache
def sweep(place: Path) -> None:
    """Take away what killed processes left there; once for each process."""
    for left in place.glob("bedrail-*-*-*"):
        owner = left.name.split("-")[2]
        with suppress(OSError):  # another test process was quicker
            old = datetime.now(UTC).timestamp() - left.lstat().st_mtime > DAY
            if old and owner.isdecimal() and left.is_dir() and not Path(f"/proc/{owner}").exists():
                shutil.rmtree(left)
