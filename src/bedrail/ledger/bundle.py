"""Audit bundles: a ledger as a folder of C2SP tiles that anyone can verify without the home it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

import msgspec

from bedrail.core.errors import Corrupt, Invalid
from bedrail.core.ports import Head, Tape, TapeTransaction
from bedrail.core.values import Value
from bedrail.ledger.checkpoint import parse_checkpoint, parse_note, parse_vkey, vkey
from bedrail.ledger.cosignature import CosignerKey, Verifiers, parse_cosigner_key
from bedrail.ledger.folders import FolderWriter, about_files, files_in, read_file
from bedrail.ledger.hashing import Parallel, Told
from bedrail.ledger.merkle import EMPTY_ROOT, HASH_BYTES, CompactRange, leaf_hash
from bedrail.ledger.publisher import Publisher
from bedrail.ledger.report import Difference, Level, VerificationReport
from bedrail.ledger.shards import chain_of
from bedrail.ledger.tiles import WIDTH, hash_tiles, pack_entries, spans, tile_path, unpack_entries
from bedrail.ledger.verify import Beside, verify_ledger

_NOTE = """This folder is an audit bundle: a ledger as C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

  checkpoint      signed size and root (https://c2sp.org/tlog-checkpoint)
  key.vkey        the verifier key; compare it with the one you were given on another way
  second.vkey     the post-quantum verifier key, when the ledger has one: its line in `checkpoint` is a cosignature
  tile/entries/   the entries;  tile/0/, tile/1/, ...  the hashes of the tree (RFC 6962)
  checkpoints/    earlier signed checkpoints, by size
  cosigned/       checkpoints that witnesses signed, by size;  witness.vkeys  the witnesses' keys
  artifacts/      files that entries name, by SHA-256
  files.sha256    every file of this folder: `sha256sum --check files.sha256`;  manifest  signs that list

To verify it:  bedrail ledger verify --bundle . --key KEY     or:  ledger-verify bundle . KEY     (tools/ledger-verify,
in Go, without our code). Any other verifier of C2SP tiles reads the same bytes.
"""

STATEMENT = "bedrail audit bundle v1"
"""First line of a manifest: holds spaces, so that no checkpoint can be taken for one."""


class Cosigned(Value, frozen=True, kw_only=True):
    """Checkpoints that witnesses signed (size -> note), and the verifier key lines of these witnesses."""

    notes: Mapping[int, bytes]
    witnesses: tuple[str, ...]


def export_bundle(
    tape: Tape,
    folder: Path,
    origin: str,
    public_key: bytes,
    publisher: Publisher,
    artifacts: Mapping[str, bytes] | None = None,
    *,
    cosigned: Cosigned | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the ledger as it is now, and artifacts by digest, to an empty or new folder; returns the folder.

    The checkpoint is published (both signatures), and the list of files is signed. No sealed record leaves: the entries
    hold pseudonyms and digests only. `progress(entries written, of how many)` is called for each tile. Raises `Invalid`
    when the folder is not empty, an artifact is not what its digest says, or nothing was written to the ledger yet.
    """
    writer = FolderWriter(folder)
    kept = list(tape.checkpoints())
    head = tape.head()
    if not head.checkpoint:
        raise Invalid("The ledger is empty.", remedy="Export it after the first entry.")
    for digest, data in (artifacts or {}).items():
        if sha256(data).hexdigest() != digest:
            raise Invalid("An artifact is not what its digest says.", path=digest, remedy="Read it again.")
    writer.write("README.txt", _NOTE.encode())
    writer.write("key.vkey", vkey(origin, public_key).encode() + b"\n")
    for line in publisher.vkeys(origin):
        writer.write("second.vkey", line.encode() + b"\n")
    leaves = _write_entries(tape, writer, head.size, progress)
    for path, data in hash_tiles(leaves):
        writer.write(path, data)
    for size, note in kept:
        writer.write(f"checkpoints/{size}", note)
    if cosigned is not None and cosigned.notes:
        writer.write("witness.vkeys", "".join(f"{line}\n" for line in cosigned.witnesses).encode())
        for size, note in sorted(cosigned.notes.items()):
            writer.write(f"cosigned/{size}", note)
    for digest, data in (artifacts or {}).items():
        writer.write(f"artifacts/{digest}", data)
    writer.write("checkpoint", publisher.published(head.checkpoint))
    writer.seal(publisher, STATEMENT, origin, public_key)
    return writer.folder


def verify_bundle(
    folder: Path,
    verifiers: Verifiers,
    *,
    key: bytes | None = None,
    second: CosignerKey | None = None,
    known: Sequence[tuple[str, bytes]] = (),
    level: Level = "L3",
    jobs: int = 1,
    told: Told | None = None,
) -> VerificationReport:
    """Verify a bundle from its folder alone: entries, all tiles, every checkpoint, artifacts, the list of files.

    `key` is a public key of the ledger's known from elsewhere, also that of an earlier shard, `second` its post-quantum
    one; without them the bundle's own keys are believed, which shows that the bundle is whole but not whose it is.
    `known` are checkpoints (where from, note) that somebody kept apart, of a receipt or an anchor: the bundle must hold
    what they seal. A long one is hashed by `jobs` processes; `told` hears how far it has come. Raises `NotFound` or
    `Corrupt` when it is no bundle.
    """
    folder = Path(folder)
    name, enclosed = parse_vkey(read_file(folder / "key.vkey").decode(errors="replace"))
    foreign = []
    try:
        beside = _beside(folder, known, level)
        if second is not None and second != beside.key:
            what = "the enclosed second key is not the pinned one"
            foreign.append(Difference(kind="foreign-key", where="second.vkey", what=what))
            beside = msgspec.structs.replace(beside, key=second)
        tape = BundleTape(folder)
        pinned, verify = key or enclosed, verifiers["ed25519"]
        newest = pinned
        if level >= "L3" and pinned != enclosed:
            newest = chain_of(tape, tape.head(), name, pinned, verify, whole=False).keys[-1]
        if newest != enclosed:
            what = "the enclosed key is not the pinned one, nor one that the pinned one handed over to"
            foreign.append(Difference(kind="foreign-key", where="key.vkey", what=what))
        report = verify_ledger(
            tape, None, name, pinned, verify,
            beside=beside, verifiers=verifiers, level=level, parallel=Parallel(partial(BundleTape, folder), jobs, told),
        )  # fmt: skip
        more = []
        if level >= "L2":
            more = [*_about_tiles(folder, tape), *about_files(folder, name, newest, verify, STATEMENT)]
            more += _about_artifacts(folder)
    except Corrupt as error:  # a checkpoint or bundle that cannot even be parsed
        unreadable = Difference(kind="bad-checkpoint", where="bundle", what=str(error))
        empty = VerificationReport(ok=False, size=0, root=EMPTY_ROOT.hex(), looked=level)
        return empty.with_differences([*foreign, unreadable])
    return msgspec.structs.replace(report, differences=()).with_differences([*foreign, *report.differences, *more])


def cosigned_in(folder: Path) -> tuple[str, bytes, dict[int, bytes]]:
    """(origin, public key, cosigned checkpoints by size) that a bundle encloses, unverified.

    Raises `NotFound` or `Corrupt` when it is no bundle.
    """
    origin, key = parse_vkey(read_file(folder / "key.vkey").decode(errors="replace"))
    kept = folder / "cosigned"
    notes = [read_file(path) for path in kept.iterdir()] if kept.is_dir() else []
    return origin, key, {parse_checkpoint(parse_note(note).text).size: note for note in notes}


def _beside(folder: Path, known: Sequence[tuple[str, bytes]], level: Level) -> Beside:
    """The enclosed second key, witnesses and cosigned checkpoints; raises `Corrupt`."""
    second, witnesses = folder / "second.vkey", folder / "witness.vkeys"
    notes = sorted((folder / "cosigned").iterdir()) if level >= "L3" and (folder / "cosigned").is_dir() else []
    lines = read_file(witnesses).decode(errors="replace").splitlines() if witnesses.is_file() else []
    return Beside(
        key=parse_cosigner_key(read_file(second).decode(errors="replace")) if second.is_file() else None,
        published="head",
        known=tuple(known),
        cosigned=tuple((f"cosigned {path.name}", read_file(path)) for path in notes),
        witnesses=tuple(map(parse_cosigner_key, lines)),
    )


class BundleTape:
    """The reading half of `core.ports.Tape` over a bundle's folder; leaf hashes come from the level-0 tiles."""

    def __init__(self, folder: Path) -> None:
        """Reads the checkpoint (unverified); raises `NotFound` or `Corrupt`."""
        self._folder = folder
        self._note = read_file(folder / "checkpoint")
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
        """(index, canonical bytes) in order, as far as files are there; pruned entries are passed over."""
        return (row for row in self._kept(start, stop) if row[1])

    def _kept(self, start: int, stop: int | None) -> Iterator[tuple[int, bytes]]:
        end = self.size if stop is None else min(stop, self.size)
        for index, width in spans(self.size, start):
            first = index * WIDTH
            path = self._folder / tile_path("entries", index, width)
            if first >= end or not path.is_file():
                return
            entries = unpack_entries(read_file(path))
            if len(entries) != width:
                raise Corrupt(f"{path.name} does not hold {width} entries.", remedy="Export it again.")
            for at, entry in enumerate(entries, first):
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
            data = read_file(path)
            if len(data) != width * HASH_BYTES:
                raise Corrupt(f"{path.name} does not hold {width} hashes.", remedy="Export it again.")
            hashes = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
            found += hashes[max(start - first, 0) : end - first]
        return found

    def sealed_pages(self, start: int = 0, stop: int | None = None) -> Iterator[list[tuple[int, bytes, bytes]]]:
        """(index, leaf hash of the tiles, canonical bytes), a bundle at once; a missing hash is empty."""
        entries = self._kept(start, stop)
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
            yield size, read_file(kept / str(size))


def _write_entries(
    tape: Tape, writer: FolderWriter, size: int, progress: Callable[[int, int], None] | None
) -> list[bytes]:
    leaves: list[bytes] = []
    for index, width in spans(size):
        first = index * WIDTH
        rows = [row for page in tape.sealed_pages(first, first + width) for row in page]
        if len(rows) != width:
            raise Corrupt("Entries are missing from the ledger.", remedy="Run `bedrail ledger verify`.")
        writer.write(tile_path("entries", index, width), pack_entries([entry for _, _, entry in rows]))
        leaves += [leaf_hash(entry) if entry else leaf for _, leaf, entry in rows]  # a pruned one has only its hash
        if progress is not None:
            progress(len(leaves), size)
    return leaves


def _about_tiles(folder: Path, tape: BundleTape) -> list[Difference]:
    """Every tile must be the one that the leaf hashes give, and there must be no other file among them.

    Leaf hashes, which are the tiles of level 0, have been compared with the entries before.
    """
    leaves = tape.leaves()
    if len(leaves) != tape.size:
        index, width = next(spans(tape.size, len(leaves)))
        return [Difference(kind="tile", where=tile_path(0, index, width), what="is missing")]
    expected = dict(hash_tiles(leaves))
    expected |= {tile_path("entries", index, width): b"" for index, width in spans(tape.size)}
    found = {name: path for name, path in files_in(folder) if name.startswith("tile/")}
    differences = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            differences.append(Difference(kind="tile", where=name, what="is missing"))
        elif name not in expected:
            differences.append(Difference(kind="tile", where=name, what="does not belong to this ledger"))
        elif not name.startswith("tile/entries/") and read_file(found[name]) != expected[name]:
            differences.append(Difference(kind="tile", where=name, what="is not the tile that the leaves give"))
    return differences


def _about_artifacts(folder: Path) -> list[Difference]:
    kept = folder / "artifacts"
    paths = sorted(kept.iterdir()) if kept.is_dir() else []
    return [
        Difference(kind="artifact", where=f"artifacts/{path.name}", what="does not hash to its name")
        for path in paths
        if sha256(read_file(path)).hexdigest() != path.name
    ]
