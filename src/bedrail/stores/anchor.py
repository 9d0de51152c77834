"""The anchor file: the last checkpoint, kept apart from the database (best on another disk)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bedrail.core.errors import Unavailable
from bedrail.stores.durable import write_durably


class FileAnchor:
    """`core.ports.Anchor` in one file, with a lock file beside it for the processes that share it."""

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
        """Replace it atomically and durably, whatever stands there; raises `Unavailable`."""
        try:
            with self._locked():
                write_durably(self._path, checkpoint)
        except OSError as error:
            raise Unavailable("The anchor file cannot be written.", remedy=f"Check {self._path}.") from error

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        """Replace `standing` durably, or return False when something else stands there; raises `Unavailable`."""
        try:
            with self._locked():
                if self.read() != standing:
                    return False
                write_durably(self._path, checkpoint)
                return True
        except OSError as error:
            raise Unavailable("The anchor file cannot be written.", remedy=f"Check {self._path}.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The right to write, among all processes of this machine; let go of when the process ends, however it ends."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            try:
                fcntl.flock(handle, fcntl.LOCK_UN)  # a close that fails must not leave it held
            finally:
                os.close(handle)
