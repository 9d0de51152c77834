"""Folders handed to others: every file is listed by its SHA-256, and the ledger's key signs the list."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from bedrail.core.errors import Corrupt, Invalid, NotFound, Unavailable
from bedrail.core.ports import Verifier
from bedrail.ledger.checkpoint import open_note
from bedrail.ledger.publisher import Publisher
from bedrail.ledger.report import Difference

MOST_BYTES = 1024**3
"""Of one file: what was handed over may be a trap."""

LIST = "files.sha256"
"""One line a file, as `sha256sum` writes and checks them."""

MANIFEST = "manifest"
"""A signed note over the list: nothing can be changed, added or taken away unnoticed."""


class FolderWriter:
    """Writes files below a folder and remembers their digests."""

    def __init__(self, folder: Path) -> None:
        """The folder is made with its first file; raises `Invalid` when it is there and not empty."""
        self.folder = Path(folder)
        self._digests: dict[str, str] = {}
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise Invalid("The bundle's folder is not empty.", path=str(folder), remedy="Name a new folder.")

    def write(self, name: str, data: bytes) -> None:
        """One file, by its path below the folder; raises `Unavailable`."""
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise Unavailable("The bundle cannot be written.", remedy=f"Check {self.folder} and its disk.") from error
        self._digests[name] = sha256(data).hexdigest()

    def seal(self, publisher: Publisher, statement: str, origin: str, public_key: bytes) -> None:
        """List every file written so far and sign the list by this key; `statement` says what kind of folder it is."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._digests.items()))
        self.write(LIST, lines.encode())
        self.write(MANIFEST, publisher.statement(_text(statement, origin, lines.encode()), origin, public_key))


def about_files(folder: Path, origin: str, public_key: bytes, verify: Verifier, statement: str) -> list[Difference]:
    """Each way in which the folder's files are not those that were listed and signed."""
    try:
        listed = read_file(folder / LIST)
        text = open_note(read_file(folder / MANIFEST), origin, public_key, verify)
    except (Corrupt, NotFound) as error:
        return [Difference(kind="manifest", where=MANIFEST, what=str(error))]
    if text != _text(statement, origin, listed):
        return [Difference(kind="manifest", where=LIST, what="is not the list that was signed")]
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in listed.decode().splitlines())}
    found = {name: path for name, path in files_in(folder) if name not in (LIST, MANIFEST)}
    differences = []
    for name in sorted(expected.keys() | found.keys()):
        what = ""
        if name not in found:
            what = "is missing"
        elif name not in expected:
            what = "does not belong here"
        elif found[name].is_symlink() or sha256(read_file(found[name])).hexdigest() != expected[name]:
            what = "is not the file that was written"
        if what:
            differences.append(Difference(kind="manifest", where=name, what=what))
    return differences


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path below the folder, path) of everything in it that is no folder."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix(), path


def read_file(path: Path) -> bytes:
    """The bytes of a file of the folder; raises `NotFound`, `Unavailable`, and `Corrupt` beyond `MOST_BYTES`."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Corrupt(f"{path} is larger than any file of a bundle.", remedy="Fetch the bundle again.")
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NotFound(f"{path} does not exist.", remedy="Name the folder of an audit bundle.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read.", remedy="Check its permissions.") from error


def _text(statement: str, origin: str, listed: bytes) -> str:
    return f"{statement}\n{origin}\n{sha256(listed).hexdigest()}\n"
