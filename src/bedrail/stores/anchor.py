"""The anchor file: the last checkpoint, kept apart from the database (best on another disk)."""

from __future__ import annotations

from pathlib import Path

from bedrail.core.errors import Unavailable
from bedrail.stores.durable import write_durably


class FileAnchor:
    """`core.ports.Anchor` in one file."""

    def __init__(self, path: Path) -> None:
        """Names the file; it is made by the first write."""
        self._path = Path(path)

    def read(self) -> bytes | None:
        """The last anchored checkpoint note, or None before the first; raises `Unavailable`."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("The anchor file cannot be read.", remedy=f"Check {self._path}.") from error

    def write(self, checkpoint: bytes) -> None:
        """Replace it atomically and durably; raises `Unavailable`."""
        try:
            write_durably(self._path, checkpoint)
        except OSError as error:
            raise Unavailable("The anchor file cannot be written.", remedy=f"Check {self._path}.") from error
