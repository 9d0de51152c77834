"""Files by content digest: whatever is opened is exactly what was stored, or it is not opened."""

from __future__ import annotations

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

import msgspec

from bedrail.core.errors import Corrupt, Invalid, NotFound, Unavailable
from bedrail.stores.durable import make_folder, sync_folder, write_durably
from bedrail.stores.folders import list_files, read_exactly, require_distinct

MANIFEST = "manifest.json"
FILES = "files"
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

    def destroy(self, digest: str) -> None:
        """Overwrite with zeros and remove a file; nothing happens when it is gone. Raises `Unavailable`."""
        path = self._file(digest)
        try:
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_folder(path.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unwritable(self._folder) from error

    def put_tree(self, folder: Path) -> str:
        """Store a whole folder; returns the digest of its manifest. Raises `Invalid` for links and special files."""
        files = list_files(Path(folder))
        if not files:
            raise Invalid("The folder holds no files.", path=str(folder), remedy="Name the package's folder.")
        require_distinct(files)
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
        return self._tree(digest) / FILES

    def read_tree(self, digest: str) -> dict[str, bytes]:
        """The stored files by POSIX path, after checking that every byte, and no file more or less, is as recorded.

        Each file is read once, and what was read is what was checked. Raises `NotFound`, or `Corrupt` naming the file
        or folder that was changed, added, removed, renamed, linked or given other permissions.
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
            files = read_exactly(home / FILES, expected, private=True)
            strays = sorted({path.name for path in home.iterdir()} - {MANIFEST, FILES})
        except Invalid as error:
            raise _changed(digest, error.path) from error
        except OSError as error:
            raise Unavailable(f"The folder {digest[:12]} cannot be read.", remedy=f"Check {home}.") from error
        if strays or home.is_symlink():
            raise _changed(digest, f"{strays[0]} (added)" if strays else "a link to elsewhere")
        return files

    def _is_whole(self, digest: str) -> bool:
        try:
            self.open_tree(digest)
        except (NotFound, Corrupt):
            return False
        return True

    def _write_tree(self, digest: str, manifest: bytes, contents: dict[str, bytes]) -> None:
        home = self._tree(digest)
        make_folder(home.parent)
        staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=home.parent))
        try:
            for name, data in contents.items():
                write_durably(staging / FILES / name, data)
            write_durably(staging / MANIFEST, manifest)
            for place in (path for path in staging.rglob("*") if path.is_dir()):
                place.chmod(0o700)  # whatever the mask: `read_tree` asks for it
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


def _changed(digest: str, what: str) -> Corrupt:
    return Corrupt(
        f"Stored artifact {digest[:12]} is not the recorded one: {what}.",
        remedy="Do not use it; restore it from backup or admit it again.",
    )


def _unwritable(folder: Path) -> Unavailable:
    return Unavailable(f"Artifacts cannot be written to {folder}.", remedy="Check disk and permissions.")
