"""Folders read exactly: what is listed is there, byte for byte, and nothing else is, of whatever kind or name.

The OpenSSF model-signing tool passes over `.git`, empty folders and file modes; here each of these is a difference.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath

from bedrail.core.errors import Invalid

PRIVATE_FILE = 0o600
_LOOSE_FOLDER = 0o7022
"""A folder that others may write, or with the setuid, setgid or sticky bit."""

_LOOSE_FILE = 0o7111
"""A file with an execute bit, or one of the special bits."""


def list_files(folder: Path, *, empty_folders: bool = True) -> dict[str, Path]:
    """Regular files below a folder by POSIX path, sorted; raises `Invalid` (with the path) for anything else."""
    if folder.is_symlink() or not folder.is_dir():
        raise Invalid("This is not a folder.", path=str(folder), remedy="Name the package's folder.")
    found: dict[str, Path] = {}
    for where, folders, names in os.walk(folder):
        place = Path(where)
        for name in (*folders, *names):
            path = place / name
            relative = str(PurePosixPath(path.relative_to(folder)))
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                found[relative] = path
            elif not stat.S_ISDIR(mode):
                raise Invalid("Only plain files are stored.", path=relative, remedy="Remove links and special files.")
            elif not empty_folders and not any(path.iterdir()):
                raise Invalid("An empty folder was added.", path=relative, remedy="Remove it.")
    return dict(sorted(found.items()))


def require_distinct(names: Mapping[str, object]) -> None:
    """That no two names are one on a file system that ignores case or composes accents; raises `Invalid`."""
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            remedy = f"Rename it or `{seen[folded]}`."
            raise Invalid("Two names differ by case or accents only.", path=name, remedy=remedy)
        seen[folded] = name


def read_exactly(folder: Path, expected: Mapping[str, str], *, private: bool) -> dict[str, bytes]:
    """The files by POSIX path, each read once after its kind was checked, against SHA-256 digests in hex.

    Raises `Invalid` whose path names the first file or folder that was added, removed, renamed, replaced by a link or
    special file, given a second name (hard link), another mode, or other bytes; OSError when one cannot be read. With
    `private` a file's mode must be 0600 and no folder may be writable by others; without, only execute and special
    bits are a difference, since whoever received a folder has a mask of their own.
    """
    found = list_files(folder, empty_folders=False)
    for name in sorted(expected.keys() ^ found.keys()):
        what = "missing" if name in expected else "added"
        raise Invalid(f"A file is {what}.", path=f"{name} ({what})", remedy="Fetch the folder again.")
    for place in {folder, *(parent for path in found.values() for parent in path.parents if folder in parent.parents)}:
        if stat.S_IMODE(place.lstat().st_mode) & (_LOOSE_FOLDER if private else 0o7000):
            raise _moded(place.relative_to(folder).as_posix(), f"chmod 700 {place}")
    files = {name: _read(path, name, private=private) for name, path in found.items()}
    for name, data in files.items():
        if sha256(data).hexdigest() != expected[name]:
            raise Invalid("The bytes differ.", path=name, remedy="Fetch the folder again.")
    return files


def _read(path: Path, name: str, *, private: bool) -> bytes:
    """Kind, links and mode are those of the opened file, so that no swap between look and read goes unseen."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Invalid("A link stands for a file.", path=name, remedy="Fetch the folder again.") from error
        raise
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise Invalid("This is no plain file.", path=name, remedy="Fetch the folder again.")
        if about.st_nlink != 1:
            remedy = "Copy the file instead of linking it."
            raise Invalid("The file has a second name (hard link).", path=f"{name} (hard link)", remedy=remedy)
        mode = stat.S_IMODE(about.st_mode)
        if mode & _LOOSE_FILE or (private and mode != PRIVATE_FILE):
            raise _moded(name, f"chmod 600 {path}")
        return file.read()


def _moded(name: str, mend: str) -> Invalid:
    return Invalid("Permissions are not those it was stored with.", path=f"{name} (permissions)", remedy=mend)
