"""Whole records, many at a time, out of files larger than memory: lines, CSV rows, HL7 v2 messages, folders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.values import Value
from bedrail.privacy.csv_rows import fields_of, split_rows

__all__ = [
    "CHUNK_BYTES",
    "LONGEST_RECORD",
    "Chunk",
    "Files",
    "Lines",
    "Messages",
    "Rows",
    "Source",
    "decoded",
    "split_messages",
    "split_rows",
    "text_lines",
]

CHUNK_BYTES = 256 * 1024
LONGEST_RECORD = 64 * 1024 * 1024
"""A record that is longer is taken for damage (a quote that never closes, a file that is no text)."""

_BOM = b"\xef\xbb\xbf"
_WRONG_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_MESSAGE = re.compile(rb"(?:\A|(?<=[\r\n\x0b\x1c]))(?=(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS|BTS|FTS))")


class Chunk(Value, frozen=True, kw_only=True):
    """Some whole records as they lie in the file, `data`; the first is number `first` of its file, counted from 1.

    What a number counts is the source's own: physical lines for `Lines` and `Rows`, messages for `Messages`, files for
    `Files` (in the order of their names). `head` is what stands before all records (the header of a CSV file). For
    `Files`, `path` is the file and `data` is empty: whoever handles it reads it.
    """

    number: int
    first: int
    data: bytes
    head: bytes = b""
    path: str = ""
    size: int = 0


class Source(Protocol):
    """Where records come from; can be read again, and gives the same chunks while the files are the same."""

    @property
    def total(self) -> int:
        """Bytes in all, for progress."""
        ...

    @property
    def name(self) -> str:
        """The file or folder, as it was named."""
        ...

    def place(self, number: int) -> str:
        """Where record `number` is, for messages."""
        ...

    def holds(self, path: Path) -> bool:
        """Whether `path` is (in) this source."""
        ...

    def digests(self) -> tuple[str, ...]:
        """SHA-256 of the file in hex, once all chunks were read; empty where handlers read the files."""
        ...

    def state(self) -> str:
        """Changes when a file was written to; cheap; holds no name."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order; raises `Invalid` with the place for what is no text in UTF-8, `Unavailable`."""
        ...


class Lines:
    """Lines of one file (JSONL, NDJSON, plain text): ends are LF or CR LF, a byte order mark is passed over."""

    counts = "line"
    """What the numbers count; a CSV row has the number of its first line."""

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        """Names the file; `chunk_bytes` is about how much one piece of work is."""
        self.path, self._size = Path(path), chunk_bytes
        self._digest = hashlib.sha256()

    @property
    def name(self) -> str:
        """The file, as it was named."""
        return str(self.path)

    def place(self, number: int) -> str:
        """`notes.jsonl:17`, or `feed.hl7: message 17`."""
        return f"{self.path}:{number}" if self.counts == "line" else f"{self.path}: {self.counts} {number}"

    def holds(self, path: Path) -> bool:
        """Whether `path` is the file."""
        return path.exists() and self.path.exists() and path.samefile(self.path)

    def digests(self) -> tuple[str, ...]:
        """SHA-256 of the whole file, once all chunks were read."""
        return (self._digest.hexdigest(),)

    @property
    def total(self) -> int:
        """The file's size in bytes."""
        return _stat(self.path)[0]

    def state(self) -> str:
        """Size and time of the last change."""
        return repr(_stat(self.path))

    def chunks(self) -> Iterator[Chunk]:
        """Chunks that end with a line's end, or the file's."""
        number, first = 0, 1
        for data in self._cut(self._boundary):
            yield Chunk(number=number, first=first, data=data, size=len(data))
            number, first = number + 1, first + data.count(b"\n")

    def _boundary(self, data: bytes) -> int:
        """Behind the last line end; 0 where there is none."""
        return data.rfind(b"\n") + 1

    def _cut(self, boundary: Callable[[bytes], int]) -> Iterator[bytes]:
        """The file in pieces of about a chunk, each cut where `boundary(piece)` says; 0 means: read on."""
        path, size, first, rest, wanted = self.path, self._size, True, b"", self._size
        self._digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while True:
                    read = file.read(wanted)
                    self._digest.update(read)
                    if first:
                        read, first = _readable(read, path), False
                    if not read:
                        break
                    rest += read
                    cut = boundary(rest)
                    if cut:
                        yield rest[:cut]
                        rest, wanted = rest[cut:], size
                    elif len(rest) > LONGEST_RECORD:
                        raise Invalid(
                            "a record has no end.",
                            path=str(path),
                            remedy="Look for a quote that is not closed, or damage.",
                        )
                    else:
                        wanted = max(size, len(rest))  # a long record is looked at few times, not once a piece
        except FileNotFoundError as error:
            raise Invalid("there is no such file.", path=str(path), remedy="Name another.") from error
        except OSError as error:
            raise Unavailable(f"{path} cannot be read.", remedy="Check its owner and permissions.") from error
        if rest:
            yield rest


class Rows(Lines):
    """Rows of a CSV file (RFC 4180): a quoted field may hold line ends; the header row goes with every chunk.

    A row over several lines that has not as many fields as the header is a quote that was never closed: its first line
    then is a (bad) row of its own, and the rows behind it are read as if nothing had been.
    """

    def __init__(self, path: Path, *, delimiter: str = ",", chunk_bytes: int = CHUNK_BYTES) -> None:
        """`delimiter` is one ASCII sign."""
        super().__init__(path, chunk_bytes=chunk_bytes)
        self._delimiter = delimiter

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of whole rows; the first row is `head` and no chunk's data."""
        head, columns, number, first = b"", 0, 0, 1

        def boundary(data: bytes) -> int:
            return self._last_row(data, columns)

        for cut in self._cut(boundary):
            data = cut
            if not head:
                head = next(row for _, row in split_rows(data, self._delimiter))
                data, first = data[len(head) :], 1 + head.count(b"\n")
                columns = len(fields_of(head, self._delimiter))
            if data or number == 0:
                yield Chunk(number=number, first=first, data=data, head=head, size=len(cut))
                number, first = number + 1, first + data.count(b"\n")

    def _last_row(self, data: bytes, columns: int) -> int:
        """Behind the last row that surely ends in `data`, which begins with a row."""
        if b'"' not in data:
            return data.rfind(b"\n") + 1
        return sum(len(row) for _, row in split_rows(data, self._delimiter, columns, final=False))


class Messages(Lines):
    """HL7 v2 messages of one file: each begins with MSH at the start of a segment; batch headers stand for themselves.

    Segments end with CR, LF or both; MLLP framing bytes around messages stay where they are, in the message before.
    """

    counts = "message"

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of whole messages."""
        number, first = 0, 1
        for data in self._cut(self._boundary):
            yield Chunk(number=number, first=first, data=data, size=len(data))
            number, first = number + 1, first + len(list(split_messages(data)))

    def _boundary(self, data: bytes) -> int:
        """Before the last message: whether that is whole is not known yet."""
        starts = [match.start() for match in _MESSAGE.finditer(data)]
        return starts[-1] if starts else 0


def split_messages(data: bytes) -> Iterator[bytes]:
    """The messages and batch segments in `data`, each from its first byte to the next one's."""
    starts = [match.start() for match in _MESSAGE.finditer(data)] or [0]
    if starts[0] and data[: starts[0]].strip(b"\r\n\x0b\x1c \t"):
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        yield data[start:end]


class Files:
    """All files below a folder (or one file), in the order of their names; one file a chunk, read by its handler."""

    def __init__(self, folder: Path, pattern: str = "*") -> None:
        """`pattern` picks names, such as `*.json`; links are not followed."""
        self.folder, self._pattern = Path(folder), pattern

    @property
    def name(self) -> str:
        """The folder, as it was named."""
        return str(self.folder)

    def place(self, number: int) -> str:
        """By number: a file's name may name a patient."""
        return f"{self.folder}: file {number} (as in `find . -type f | LC_ALL=C sort`)"

    def holds(self, path: Path) -> bool:
        """Whether `path` is the folder, or in it."""
        return path.resolve().is_relative_to(self.folder.resolve())

    def digests(self) -> tuple[str, ...]:
        """Handlers' processes take them."""
        return ()

    def paths(self) -> list[Path]:
        """The files; raises `Invalid` when there is none."""
        if self.folder.is_file():
            return [self.folder]
        found = (path for path in self.folder.rglob(self._pattern) if path.is_file() and not path.is_symlink())
        paths = sorted(found, key=lambda path: path.relative_to(self.folder).as_posix())
        if not paths:
            raise Invalid("there is no file in it.", path=str(self.folder), remedy="Name a folder with files.")
        return paths

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(_stat(path)[0] for path in self.paths())

    def state(self) -> str:
        """A digest over names, sizes and times of change."""
        told = hashlib.sha256()
        for path in self.paths():
            told.update(f"{path}\x00{_stat(path)}\x00".encode("utf-8", "surrogateescape"))
        return told.hexdigest()

    def chunks(self) -> Iterator[Chunk]:
        """One chunk for each file."""
        for number, path in enumerate(self.paths()):
            yield Chunk(number=number, first=number + 1, data=b"", path=str(path), size=_stat(path)[0])


def text_lines(chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    """(number, bytes without line end) of each line that is not empty."""
    for offset, line in enumerate(chunk.data.split(b"\n")):
        stripped = line.rstrip(b"\r")
        if stripped.strip():
            yield chunk.first + offset, stripped


def decoded(data: bytes) -> str:
    """The text; raises `Invalid` when it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"not UTF-8: byte {error.start + 1} of the record.", remedy="Convert the file, for example with iconv."
        ) from None  # the error would carry the bytes


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise Invalid("there is no such file.", path=str(path), remedy="Name another.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read.", remedy="Check its owner and permissions.") from error
    return found.st_size, found.st_mtime_ns


def _readable(start: bytes, path: Path) -> bytes:
    """The file's beginning without byte order mark; raises `Invalid` for what is plainly no UTF-8 text."""
    for mark, name in _WRONG_MARKS.items():
        if start.startswith(mark):
            raise Invalid(f"the file is in {name}.", path=f"{path}:1", remedy="Convert it: iconv -t UTF-8")
    if b"\x00" in start[:4096]:
        line = 1 + start[: start.index(b"\x00")].count(b"\n")
        raise Invalid("the file is no text.", path=f"{path}:{line}", remedy="Convert it: iconv -t UTF-8")
    return start.removeprefix(_BOM)
