"""Audit bundles: a ledger as a folder of C2SP tiles that anyone can verify without the home it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from itertools import islice
from pathlib import Path

from bedrail.core.errors import Corrupt, Invalid, NotFound, Unavailable
from bedrail.core.ports import Head, Tape, TapeTransaction, Verifier
from bedrail.ledger.checkpoint import parse_checkpoint, parse_note, parse_vkey, vkey
from bedrail.ledger.merkle import EMPTY_ROOT, CompactRange, leaf_hash
from bedrail.ledger.tiles import WIDTH, hash_tiles, pack_entries, spans, tile_path, unpack_entries
from bedrail.ledger.verify import Difference, VerificationReport, verify_ledger

_NOTE = """This folder is an audit bundle: a ledger as C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

  checkpoint      signed size and root (https://c2sp.org/tlog-checkpoint)
  key.vkey        the verifier key; compare it with the one you were given on another way
  tile/entries/   the entries;  tile/0/, tile/1/, ...  the hashes of the tree (RFC 6962)
  checkpoints/    earlier signed checkpoints, by size
  artifacts/      files that entries name, by SHA-256

To verify it:  bedrail ledger verify --bundle . --key KEY     Any C2SP tile verifier can do the same.
"""


def export_bundle(
    tape: Tape,
    folder: Path,
    origin: str,
    public_key: bytes,
    artifacts: Mapping[str, bytes] | None = None,
) -> Path:
    """Write the ledger as it is now, and artifacts by digest, to an empty or new folder; returns the folder.

    No sealed record leaves: the entries hold pseudonyms and digests only. Raises `Invalid` when the folder is not
    empty, an artifact is not what its digest says, or nothing was written to the ledger yet.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid("The bundle's folder is not empty.", path=str(folder), remedy="Name a new folder.")
    kept = list(tape.checkpoints())
    head = tape.head()
    if not head.checkpoint:
        raise Invalid("The ledger is empty.", remedy="Export it after the first entry.")
    for digest, data in (artifacts or {}).items():
        if sha256(data).hexdigest() != digest:
            raise Invalid("An artifact is not what its digest says.", path=digest, remedy="Read it again.")
    try:
        _write(folder / "README.txt", _NOTE.encode())
        _write(folder / "key.vkey", vkey(origin, public_key).encode() + b"\n")
        leaves = _write_entries(tape, folder, head.size)
        for path, data in hash_tiles(leaves):
            _write(folder / path, data)
        for size, note in kept:
            _write(folder / "checkpoints" / str(size), note)
        for digest, data in (artifacts or {}).items():
            _write(folder / "artifacts" / digest, data)
        _write(folder / "checkpoint", head.checkpoint)
    except OSError as error:
        raise Unavailable("The bundle cannot be written.", remedy=f"Check {folder} and its disk.") from error
    return folder


def verify_bundle(folder: Path, verify: Verifier, *, key: bytes | None = None) -> VerificationReport:
    """Verify a bundle from its folder alone: entries, all tiles, every checkpoint, artifacts.

    `key` is the ledger's public key known from elsewhere; without it the bundle's own key is believed, which shows
    that the bundle is whole but not whose it is. Raises `NotFound` or `Corrupt` when it is no bundle.
    """
    folder = Path(folder)
    name, enclosed = parse_vkey(_read(folder / "key.vkey").decode(errors="replace"))
    try:
        tape = BundleTape(folder)
        report = verify_ledger(tape, None, name, enclosed if key is None else key, verify)
        differences = [*report.differences, *_about_tiles(folder, tape), *_about_artifacts(folder)]
    except Corrupt as error:  # a checkpoint or bundle that cannot even be parsed
        unreadable = Difference(kind="bad-checkpoint", where="bundle", what=str(error))
        return VerificationReport(ok=False, size=0, root=EMPTY_ROOT.hex(), differences=(unreadable,))
    if key is not None and key != enclosed:
        what = "the enclosed key is not the pinned one"
        differences.insert(0, Difference(kind="foreign-key", where="key.vkey", what=what))
    found = tuple(differences)
    return VerificationReport(ok=not found, size=report.size, root=report.root, differences=found)


class BundleTape:
    """The reading half of `core.ports.Tape` over a bundle's folder; leaf hashes come from the level-0 tiles."""

    def __init__(self, folder: Path) -> None:
        """Reads the checkpoint (unverified); raises `NotFound` or `Corrupt`."""
        self._folder = folder
        self._note = _read(folder / "checkpoint")
        self.size = parse_checkpoint(parse_note(self._note).text).size

    def transaction(self, *, wait: bool = True) -> AbstractContextManager[TapeTransaction]:  # noqa: ARG002
        """Always raises: a bundle is not appended to."""
        raise Invalid("A bundle cannot be written to.", remedy="Append to the ledger and export again.")

    def head(self) -> Head:
        """The bundled checkpoint with the peaks of the bundled tree."""
        tree = CompactRange()
        tree.extend(self.leaves(0, self.size))
        return Head(size=self.size, peaks=tree.peaks, checkpoint=self._note)

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(index, canonical bytes) in order, as far as files are there."""
        end = self.size if stop is None else min(stop, self.size)
        for index, width in spans(self.size, start):
            first = index * WIDTH
            path = self._folder / tile_path("entries", index, width)
            if first >= end or not path.is_file():
                return
            for at, entry in enumerate(unpack_entries(_read(path)), first):
                if start <= at < end:
                    yield at, entry

    def leaves(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """Stored leaf hashes in order, as far as files are there."""
        end = self.size if stop is None else min(stop, self.size)
        found: list[bytes] = []
        for index, width in spans(self.size, start):
            first = index * WIDTH
            path = self._folder / tile_path(0, index, width)
            if first >= end or not path.is_file():
                break
            data = _read(path)
            hashes = [data[at : at + 32] for at in range(0, len(data), 32)]
            found += hashes[max(start - first, 0) : end - first]
        return found

    def sealed_pages(self, start: int = 0, stop: int | None = None) -> Iterator[list[tuple[int, bytes, bytes]]]:
        """(index, leaf hash of the tiles, canonical bytes), a bundle at once; a missing hash is empty."""
        entries = self.entries(start, stop)
        while page := list(islice(entries, WIDTH)):
            hashes = self.leaves(page[0][0], page[-1][0] + 1)
            hashes += [b""] * (len(page) - len(hashes))
            yield [(index, leaf, data) for (index, data), leaf in zip(page, hashes, strict=True)]

    def registry_entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """All entries: a bundle does not tell low-volume facts apart."""
        return self.entries(start)

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """(size, signed note) of the enclosed earlier checkpoints, smallest first."""
        kept = self._folder / "checkpoints"
        names = [path.name for path in kept.iterdir()] if kept.is_dir() else []
        for size in sorted(int(name) for name in names if name.isascii() and name.isdigit()):
            yield size, _read(kept / str(size))


def _write_entries(tape: Tape, folder: Path, size: int) -> list[bytes]:
    leaves: list[bytes] = []
    for index, width in spans(size):
        first = index * WIDTH
        entries = [entry for _, entry in tape.entries(first, first + width)]
        if len(entries) != width:
            raise Corrupt("Entries are missing from the ledger.", remedy="Run `bedrail ledger verify`.")
        _write(folder / tile_path("entries", index, width), pack_entries(entries))
        leaves += [leaf_hash(entry) for entry in entries]
    return leaves


def _about_tiles(folder: Path, tape: BundleTape) -> list[Difference]:
    """Every tile must be the one that the entries give, and there must be no other file among them."""
    leaves = [leaf_hash(entry) for _, entry in tape.entries()]
    if len(leaves) != tape.size:
        return []  # already named as missing entries
    expected = dict(hash_tiles(leaves))
    expected |= {tile_path("entries", index, width): b"" for index, width in spans(tape.size)}
    found = {path.relative_to(folder).as_posix(): path for path in (folder / "tile").rglob("*") if path.is_file()}
    differences = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            differences.append(Difference(kind="tile", where=name, what="is missing"))
        elif name not in expected:
            differences.append(Difference(kind="tile", where=name, what="does not belong to this ledger"))
        elif not name.startswith("tile/entries/") and _read(found[name]) != expected[name]:
            differences.append(Difference(kind="tile", where=name, what="is not the tile that the entries give"))
    return differences


def _about_artifacts(folder: Path) -> list[Difference]:
    kept = folder / "artifacts"
    paths = sorted(kept.iterdir()) if kept.is_dir() else []
    return [
        Difference(kind="artifact", where=f"artifacts/{path.name}", what="does not hash to its name")
        for path in paths
        if sha256(_read(path)).hexdigest() != path.name
    ]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NotFound(f"{path} does not exist.", remedy="Name the folder of an audit bundle.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read.", remedy="Check its permissions.") from error
