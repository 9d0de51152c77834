"""Files of FHIR: one resource or Bundle, NDJSON, or the folder of a bulk export; also gzipped."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bedrail.core.errors import NOT_JSON, Invalid, Unavailable
from bedrail.privacy.fhir.elements import resource_types
from bedrail.privacy.fhir.reading import read
from bedrail.privacy.fhir.subjects import People
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.sources import LONGEST_RECORD, Chunk, Lines

LARGEST_DOCUMENT = 1 << 30
"""One Bundle as one JSON document is held in memory as a whole; larger exports are NDJSON."""

_PERSON = re.compile(rb'"resourceType"\s*:\s*"(?:Patient|RelatedPerson|Practitioner|Person)"')
_SUFFIXES = (".ndjson", ".jsonl", ".json")


class ResourceLines(Lines):
    """NDJSON, gzipped or not."""

    def _cut(self, boundary: Callable[[bytes], int]) -> Iterator[bytes]:
        if self.path.suffix != ".gz":
            yield from super()._cut(boundary)
            return
        rest, self._digest = b"", hashlib.sha256()
        for piece in _unpacked(self.path, self._size):
            self._digest.update(piece)
            rest += piece
            cut = boundary(rest)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) > LONGEST_RECORD:
                raise Invalid("a line has no end.", path=str(self.path), remedy="One resource a line is expected.")
        if rest:
            yield rest


class Document(Lines):
    """One JSON document, as one record."""

    counts = "document"

    def chunks(self) -> Iterator[Chunk]:
        """The whole file."""
        data = whole(self.path)
        self._digest = hashlib.sha256(data)
        yield Chunk(number=0, first=1, data=data, size=self.total)


def whole(path: Path) -> bytes:
    """A document's bytes, unpacked; raises `Invalid` when it is larger than a gigabyte, `Unavailable`."""
    found = bytearray()
    for piece in _unpacked(path, 1 << 20):
        found += piece
        if len(found) > LARGEST_DOCUMENT:
            raise Invalid("one document of more than 1 GiB.", path=str(path), remedy="Export it as NDJSON.")
    return bytes(found).removeprefix(b"\xef\xbb\xbf")


def _unpacked(path: Path, size: int) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while piece := file.read(size):
                yield piece
    except FileNotFoundError as error:
        raise Invalid("there is no such file.", path=str(path), remedy="Name another.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Invalid("the gzip file is damaged.", path=str(path), remedy="Fetch it again.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read.", remedy="Check its owner and permissions.") from error


def source_of(path: Path) -> Lines:
    """The file as lines or as one document, by its name, or else by its first line."""
    plain = path.name.removesuffix(".gz")
    if plain.endswith((".ndjson", ".jsonl")):
        return ResourceLines(path)
    head = next(_unpacked(path, 1 << 20), b"")
    first, newline, behind = head.partition(b"\n")
    if newline and behind.strip():
        try:
            if isinstance(msgspec.json.decode(first), dict):
                return ResourceLines(path)
        except NOT_JSON:
            return Document(path)
    return Document(path)


def files_in(folder: Path) -> list[Path]:
    """The FHIR files below a folder by name, in order; raises `Invalid` when there is none."""
    found = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name.removesuffix(".gz").endswith(_SUFFIXES)
    ]
    if not found:
        raise Invalid("no .ndjson or .json file is in it.", path=str(folder), remedy="Name an export's folder.")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def places_of(folder: Path, paths: list[Path], keyed: Keyed) -> dict[str, str]:
    """How messages speak of each file below a folder: by number, where its name may name a patient."""
    every = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    order = sorted(path.relative_to(folder).as_posix() for path in every)
    numbers = {name: number for number, name in enumerate(order, start=1)}
    places = {}
    for path in paths:
        inner = path.relative_to(folder)
        plain = inner.parent == Path() and safe_name(inner, keyed) == inner.name.removesuffix(".gz")
        number = f"{folder}: file {numbers[inner.as_posix()]} of `find . -type f | LC_ALL=C sort`"
        places[str(path)] = str(path) if plain else number
    return places


def said_at(place: str, places: dict[str, str]) -> str:
    """A place such as `export/x.ndjson:17` as `places` speak of its file."""
    for path, said in places.items():
        if place == path or place.startswith(f"{path}:"):
            return said + place[len(path) :]
    return place


def safe_name(path: Path, keyed: Keyed) -> str:
    """The name of a file's output: as it is when only a resource type and numbers are in it, a code otherwise."""
    plain = path.name.removesuffix(".gz")
    stem, _, suffix = plain.rpartition(".")
    match = re.fullmatch(r"([A-Za-z]+)(?:[._-]\d{1,6})?", stem)
    if match is not None and match[1] in resource_types():
        return plain
    return f"{keyed.pseudonym('file', str(path))}.{suffix}"


def meet_people(paths: list[Path], people: People) -> People:
    """Remember everyone whom the files tell of: notes in one file name people of another."""
    for path in paths:
        source = source_of(path)
        for chunk in source.chunks():
            if not _PERSON.search(chunk.data):
                continue
            lines = [chunk.data] if isinstance(source, Document) else chunk.data.split(b"\n")
            for line in lines:
                if _PERSON.search(line):
                    _meet(line, people)
    return people


def _meet(line: bytes, people: People) -> None:
    try:
        found = read(line)
    except Invalid:  # told when it is its turn
        return
    if isinstance(found, dict):
        people.meet(found)
