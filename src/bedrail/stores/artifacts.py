"""Files by content digest: whatever is opened is exactly what was stored, or it is not opened."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from hashlib import sha256
from pathlib import Path, PurePosixPath

import msgspec

from bedrail.core.errors import Corrupt, Invalid, NotFound, Unavailable
from bedrail.stores.durable import sync_folder, write_durably

MANIFEST = "manifest.json"
_DIGEST = frozenset("0123456789abcdef")


class FileArtifacts:
    """`core.ports.Artifacts` under one folder: `files/ab/abcd...` and `trees/<digest>/{manifest.json,files/}`.

    A tree's manifest is JSON `{path: sha256}`, sorted; its own SHA-256 is the tree's digest.
    """

    def __init__(self, folder: Path) -> None:
        """Names the folder; it is made by the first write."""
        self._folder = Path(folder)

    def put(self, data: bytes) -> str:
        """Store durably; returns the SHA-256 in hex. Storing the same bytes again mends a damaged copy."""
        digest = sha256(data).hexdigest()
        path = self._file(digest)
        try:
            if not (path.is_file() and not path.is_symlink() and path.read_bytes() == data):
                write_durably(path, data)
        except OSError as error:
            raise _unwritable(self._folder) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes; raises `NotFound`, or `Corrupt` when they no longer hash to their name."""
        path = self._file(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"There is no artifact {digest[:12]}.", remedy="Restore it from backup.") from error
        except OSError as error:
            raise Unavailable(f"The artifact {digest[:12]} cannot be read.", remedy=f"Check {path}.") from error
        if sha256(data).hexdigest() != digest:
            raise _changed(digest, "its bytes")
        return data

    def put_tree(self, folder: Path) -> str:
        """Store a whole folder; returns the digest of its manifest. Raises `Invalid` for links and special files."""
        files = _listed(Path(folder))
        if not files:
            raise Invalid("The folder holds no files.", path=str(folder), remedy="Name the package's folder.")
        contents = {name: path.read_bytes() for name, path in files.items()}
        manifest = _manifest({name: sha256(data).hexdigest() for name, data in contents.items()})
        digest = sha256(manifest).hexdigest()
        if self._is_whole(digest):
            return digest
        try:
            self._write_tree(digest, manifest, contents)
        except OSError as error:
            raise _unwritable(self._folder) from error
        return digest

    def open_tree(self, digest: str) -> Path:
        """The stored folder, checked as `read_tree` does; whoever uses the bytes takes those of `read_tree`."""
        self.read_tree(digest)
        return self._tree(digest) / "files"

    def read_tree(self, digest: str) -> dict[str, bytes]:
        """The stored files by POSIX path, after checking that every byte, and no file more or less, is as recorded.

        Each file is read once, and what was read is what was checked. Raises `NotFound`, or `Corrupt` naming the file
        that was changed, added, removed or replaced by a link.
        """
        home = self._tree(digest)
        try:
            manifest = (home / MANIFEST).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"There is no stored folder {digest[:12]}.", remedy="Restore it from backup.") from error
        except OSError as error:
            raise Unavailable(f"The folder {digest[:12]} cannot be read.", remedy=f"Check {home}.") from error
        if sha256(manifest).hexdigest() != digest:
            raise _changed(digest, "its manifest")
        expected = msgspec.json.decode(manifest, type=dict[str, str])
        try:
            found = _listed(home / "files", empty_folders=False)
        except Invalid as error:
            raise _changed(digest, error.path) from error
        for name in sorted(expected.keys() ^ found.keys()):
            raise _changed(digest, f"{name} ({'missing' if name in expected else 'added'})")
        files: dict[str, bytes] = {}
        for name, path in found.items():
            try:
                files[name] = path.read_bytes()
            except OSError as error:
                raise Unavailable(f"The folder {digest[:12]} cannot be read.", remedy=f"Check {path}.") from error
            if sha256(files[name]).hexdigest() != expected[name]:
                raise _changed(digest, name)
        return files

    def _is_whole(self, digest: str) -> bool:
        try:
            self.open_tree(digest)
        except (NotFound, Corrupt):
            return False
        return True

    def _write_tree(self, digest: str, manifest: bytes, contents: dict[str, bytes]) -> None:
        home = self._tree(digest)
        home.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=home.parent))
        try:
            for name, data in contents.items():
                write_durably(staging / "files" / name, data)
            write_durably(staging / MANIFEST, manifest)
            if home.exists():  # damaged: `_is_whole` said no
                shutil.rmtree(home)
            try:
                staging.rename(home)
            except OSError:
                if not self._is_whole(digest):  # another process has just stored the same folder
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        sync_folder(home.parent)

    def _file(self, digest: str) -> Path:
        return self._folder / "files" / _checked(digest)[:2] / digest

    def _tree(self, digest: str) -> Path:
        return self._folder / "trees" / _checked(digest)


def _checked(digest: str) -> str:
    """A digest is a path component here, so it must be nothing else."""
    if len(digest) != 64 or not _DIGEST.issuperset(digest):
        raise Invalid("This is not a SHA-256 digest.", path="digest", remedy="Give 64 hexadecimal digits.")
    return digest


def _manifest(digests: dict[str, str]) -> bytes:
    return msgspec.json.encode(digests, order="sorted")


def _listed(folder: Path, *, empty_folders: bool = True) -> dict[str, Path]:
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


def _changed(digest: str, what: str) -> Corrupt:
    return Corrupt(
        f"Stored artifact {digest[:12]} is not the recorded one: {what}.",
        remedy="Do not use it; restore it from backup or admit it again.",
    )


def _unwritable(folder: Path) -> Unavailable:
    return Unavailable(f"Artifacts cannot be written to {folder}.", remedy="Check disk and permissions.")
