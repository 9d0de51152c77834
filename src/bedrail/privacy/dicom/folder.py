"""Folders of DICOM files, recognised by content, through the streaming harness: several processes, resumable."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.ports import KeyedDigest
from bedrail.privacy.dicom.instance import is_dicom, treat
from bedrail.privacy.dicom.table import table_bytes
from bedrail.privacy.dicom.values import Profile, Treated
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.sources import Chunk, Files
from bedrail.privacy.streaming import Handle, Tally, each_file
from bedrail.privacy.text.work import shipped

_SCANNED = 4096
_INSTANCE = re.compile(rb"(?:\x02\x00\x03\x00|\x08\x00\x18\x00|\x00\x08\x00\x18)(?:UI..|....)([0-9.]{3,64})", re.DOTALL)


class DicomFiles(Files):
    """All DICOM files below a folder, whatever they are called; `others` are the numbers of files that are none.

    Numbers count all files of the folder in the order of their names, since names may name patients.
    """

    def __init__(self, folder: Path, *, named: bool = False) -> None:
        """Looks at the beginning of each file when first asked; `named` gives places with the names of files."""
        super().__init__(folder)
        self._named = named
        self._found: list[tuple[int, Path]] | None = None
        self.others: list[int] = []
        self.copies: dict[int, int] = {}

    def numbered(self) -> list[tuple[int, Path]]:
        """(number, file) of each DICOM file; raises `Invalid` when there is none, `Unavailable` when one is unreadable.

        Files that seem to hold the same instance are told apart in `copies`: the first has none, the next 2, 3 ...
        """
        if self._found is None:
            self._found, seen = [], Counter[str]()
            for number, path in enumerate(self.all_files(), start=1):
                start = _start(path)
                if not is_dicom(start):
                    self.others.append(number)
                    continue
                self._found.append((number, path))
                uid = instance_seen(start)
                seen[uid] += 1
                if seen[uid] > 1:
                    self.copies[number] = seen[uid]
            if not self._found:
                raise Invalid("there is no DICOM file in it.", path=str(self.folder), remedy="Name another folder.")
        return self._found

    def place(self, number: int) -> str:
        """By number, and by name where names were asked for."""
        return f"{super().place(number)}{f', {self.name_of(number)}' if self._named else ''}"

    def name_of(self, number: int) -> str:
        """A file below the folder; its name may name a patient."""
        return self.all_files()[number - 1].relative_to(self.folder).as_posix()

    def found_twice(self) -> dict[int, int]:
        """The number of each file that seems to hold an instance seen before -> which copy it is."""
        self.numbered()
        return self.copies

    def all_files(self) -> list[Path]:
        """All files of the folder, DICOM or not."""
        return super().paths()

    def paths(self) -> list[Path]:
        """The DICOM files."""
        return [path for _, path in self.numbered()]

    def chunks(self) -> Iterator[Chunk]:
        """One chunk for each DICOM file."""
        for at, (number, path) in enumerate(self.numbered()):
            yield Chunk(number=at, first=number, data=b"", path=str(path), size=path.stat().st_size)


class OneInstance:
    """One file, for an output that is one file too (`privacy.sources.Source`)."""

    def __init__(self, path: Path) -> None:
        """Reads nothing yet."""
        self._file = Files(path)
        self._digest = ""

    @property
    def total(self) -> int:
        """Its bytes."""
        return self._file.total

    @property
    def name(self) -> str:
        """As it was named."""
        return self._file.name

    def place(self, number: int) -> str:  # noqa: ARG002
        """The file, which the caller named."""
        return self.name

    def holds(self, path: Path) -> bool:
        """Whether `path` is this file."""
        return self._file.holds(path)

    def digests(self) -> tuple[str, ...]:
        """SHA-256 of what was read."""
        return (self._digest,)

    def state(self) -> str:
        """Changes when the file was written to."""
        return self._file.state()

    def chunks(self) -> Iterator[Chunk]:
        """The whole file as one chunk; raises `Unavailable` when it cannot be read."""
        try:
            data = self._file.folder.read_bytes()
        except OSError as error:
            raise Unavailable("the file cannot be read.", remedy="Check owner and permissions.") from error
        self._digest = hashlib.sha256(data).hexdigest()
        yield Chunk(number=0, first=1, data=data, size=len(data))


class DicomWork:
    """De-identifies instances under the key of one project (`privacy.streaming.Work`)."""

    def __init__(self, digest: KeyedDigest, profile: Profile, copies: dict[int, int] | None = None) -> None:
        """`copies` are of the `DicomFiles` that are worked on."""
        self._digest, self._profile, self._copies = digest, profile, copies or {}

    def profile(self) -> str:
        """The digest of all that decides the output beside the key: options, tables, text engine, version."""
        return self._profile.digest(table_bytes() + f"{shipped()} {version('bedrail')}".encode())

    def open(self) -> Handle:
        """In each process: a handler of files, and of the one file that comes as bytes."""
        keyed, many = Keyed(self._digest), each_file(self._handle)

        def handler(chunk: Chunk, tally: Tally) -> bytes:
            if chunk.path:
                return many(chunk, tally)
            try:
                done = treat(chunk.data, keyed, self._profile)
            except Exception as error:  # noqa: BLE001 (whatever the file provokes is its failure)
                tally.fail(chunk.first, error)
                return b""
            _tell(done, chunk.first, tally)
            tally.done()
            return done.data

        return handler

    def _handle(self, path: Path, number: int, tally: Tally) -> None:
        data = path.read_bytes()
        keyed = Keyed(self._digest)
        done = treat(data, keyed, self._profile)
        _tell(done, number, tally)
        seen = instance_seen(data[:_SCANNED])
        folder, _, instance = done.name.removesuffix(".dcm").rpartition("/")
        if instance in (seen, keyed.uid(seen)):
            copy = f"-{self._copies[number]}" if number in self._copies else ""
        else:
            copy = f"-file{number}"  # not the instance that the scan saw: nothing else may take this name
        tally.write(f"{folder}/{instance}{copy}.dcm", done.data)


def instance_seen(start: bytes) -> str:
    """The SOP Instance UID near the beginning of a file, read without parsing it; "" when none is seen."""
    found = _INSTANCE.search(start[128:] if start[128:132] == b"DICM" else start)
    return found[1].decode("ascii") if found else hashlib.sha256(start).hexdigest()


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SCANNED)
    except OSError as error:
        raise Unavailable("a file of the folder cannot be read.", remedy="Check owners and permissions.") from error


def _tell(done: Treated, number: int, tally: Tally) -> None:
    if done.cut:
        tally.handled(f"file {number}", "note", f"{done.cut}; fetch it again from where it is whole")
    for (place, action, rule), count in done.counts.items():
        tally.handled(place, action, rule, count)
    for note in done.notes:
        tally.handled("file", "note", note)
    tally.handled("file", "audited", "no leftovers by Table E.1-1")
