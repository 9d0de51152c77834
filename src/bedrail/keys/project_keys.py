"""The keys of de-identification projects outside a home: a private file, or a key for one run that nobody keeps."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from bedrail.core.errors import Corrupt, Invalid, NotFound, Unavailable
from bedrail.keys.private_files import read_private, sync_folder
from bedrail.keys.pseudonyms import HmacDigest
from bedrail.keys.vault import KEY_BYTES


def fresh_key() -> HmacDigest:
    """32 random bytes that are gone with the process: what they decided can never be repeated."""
    return HmacDigest(os.urandom(KEY_BYTES))


def file_key(path: Path, project: str) -> HmacDigest:
    """The key of `project` under the key in a file, which is made at the first use (mode 0600, 64 hex digits).

    Each project gets a key of its own, HMAC-SHA-256(file's key, project), so that two projects under one file cannot
    be linked by whoever has only one of their keys. Raises `Refused` when others may read the file, `Corrupt`,
    `Invalid`, `Unavailable`.
    """
    try:
        data = read_private(path)
    except NotFound:
        _make(path)
        data = read_private(path)
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError as error:
        raise Corrupt(f"{path} is not a key.", remedy="It holds 64 hex digits; name a new file to make one.") from error
    if len(key) != KEY_BYTES:
        raise Corrupt(f"{path} is not a key of {KEY_BYTES} bytes.", remedy="Name a new file to make one.")
    return project_digest(key, project)


def project_digest(key: bytes, project: str) -> HmacDigest:
    """What a project decides by, from a key."""
    return HmacDigest(HmacDigest(key).digest("project", project))


def _make(path: Path) -> None:
    """Whole or absent, and never over a file that somebody made meanwhile."""
    if not path.parent.is_dir():
        raise Invalid("there is no such folder.", path=str(path.parent), remedy="Make it, readable by you alone.")
    scratch = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(KEY_BYTES).hex().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written.", remedy="Check disk and permissions.") from error
