"""Files for one account alone: written whole and durably, refused when others may read them, overwritten at the end."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from bedrail.core.errors import NotFound, Refused, Unavailable


def write_private(path: Path, data: bytes) -> None:
    """Make a file (mode 0600, its folder 0700) that is whole or absent after a power cut; raises `Unavailable`."""
    scratch = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # half a secret is a secret too
            scratch.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written.", remedy="Check disk and permissions.") from error


def read_private(path: Path) -> bytes:
    """The bytes; raises `Refused` when others may read them, `NotFound`, `Unavailable`."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Refused(f"{path} can be read by others.", remedy=f"Run: chmod 600 {path}")
            return file.read()
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist.", remedy="Run `bedrail init`, or name another home.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read.", remedy="Check its owner and permissions.") from error


def destroy_file(path: Path) -> None:
    """Overwrite, sync and remove; nothing happens when it is gone. Raises `Unavailable`.

    A drive or file system that keeps former blocks (flash, snapshots) is beyond this: NIST SP 800-88 section 2.4.
    """
    try:
        with path.open("r+b") as file:
            size = path.stat().st_size
            file.write(os.urandom(size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(f"{path} cannot be destroyed.", remedy="Check disk and permissions, then repeat.") from error


def sync_folder(folder: Path) -> None:
    """Make names in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
