"""The emergency stop as files: one in the home's folder `stops` for each stop that the ledger has not recorded yet.

A file stops the use case that its name begins with (up to `@`); any other name, such as `all`, stops everything. What
stands in the file says who and why, and may be missing: `touch HOME/stops/all` is a stop too. Names that begin with a
dot are files being written, and stop nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bedrail.core.errors import Unavailable
from bedrail.core.ports import ALL, Stop
from bedrail.stores.durable import sync_folder, write_durably

EVERYTHING = "all"
_MOST = 4096
"""Bytes of a stop that are read: who and why, in a sentence."""


class FileStops:
    """`core.ports.Stops` in a folder of one node; every worker of that node looks there."""

    def __init__(self, folder: Path) -> None:
        """Names the folder; the first stop makes it."""
        self._folder = Path(folder)

    def targets(self) -> dict[str, str]:
        """The use case that each standing stop names, by the stop's name; a folder that cannot be read stops all."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 (twenty times a second: no Path for each name)
        except FileNotFoundError:
            return {}
        except OSError:
            return {"": ALL}
        return {name: _target(name) for name in names if not name.startswith(".")}

    def read(self, name: str) -> Stop:
        """Who stopped it and why, as far as the file says; what it names is its name's to say, not its content's."""
        try:
            with (self._folder / name).open("rb") as file:
                said = msgspec.json.decode(file.read(_MOST), type=Stop)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            said = Stop(target=ALL)
        return msgspec.structs.replace(said, name=name, target=_target(name))

    def put(self, stop: Stop) -> None:
        """Stand it durably; raises `Unavailable` where not even a name can be written."""
        path = self._folder / stop.name
        try:
            write_durably(path, msgspec.json.encode(stop))
        except OSError:
            try:  # a full disk may still have room for a name, and a name is enough
                path.touch(mode=0o600)
                sync_folder(self._folder)
            except OSError as error:
                raise Unavailable(
                    f"The stop could not be written ({type(error).__name__}).",
                    remedy=f"End the server: kill it; {path}.",
                ) from error

    @contextmanager
    def claim(self) -> Iterator[bool]:
        """Whether this process alone is the one to put stops on record, while inside; nobody waits for another."""
        try:
            handle = os.open(self._folder, os.O_RDONLY)
        except OSError:
            yield False
            return
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    def lift(self, name: str) -> None:
        """Take away a stop that is on record in the ledger; raises `Unavailable`, and then it goes on standing."""
        try:
            (self._folder / name).unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise Unavailable("The stop cannot be lifted.", remedy=f"Check {self._folder}.") from error


def _target(name: str) -> str:
    named = name.partition("@")[0]
    return ALL if named == EVERYTHING else named
