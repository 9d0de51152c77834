"""An output in the making: beside its place, this account's alone, with a journal from which a broken-off run goes on.

`.NAME.bedrail-partial` holds what is finished (de-identified data only) and `.NAME.bedrail-journal` one line for each
finished chunk: running digests of what was read and written, counts by rule, failures by number. Neither holds a value.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from bedrail.core.errors import NOT_JSON, Busy, Invalid, Unavailable
from bedrail.core.values import Value
from bedrail.privacy.sources import Chunk
from bedrail.privacy.values import Handled

Form = Literal["file", "folder"]


class Failure(Value, frozen=True, kw_only=True):
    """A record that could not be handled: its number in its source, what is wrong, what to do; never its content.

    `place` is the number in words, with the file: what a person looks up, once a run is over.
    """

    number: int
    message: str
    remedy: str = ""
    place: str = ""


class Outcome(Value, frozen=True, kw_only=True):
    """What became of one chunk. `files` are (name, SHA-256) below the output folder, `input` a file's digest."""

    data: bytes = b""
    records: int = 0
    handled: tuple[Handled, ...] = ()
    failures: tuple[Failure, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    input: str = ""


class _Step(Value, frozen=True, kw_only=True):
    """A line of the journal: an outcome without its data, and the running digests after it."""

    read: str
    written: int
    output: str
    outcome: Outcome


class Partial:
    """One output in the making; a context that keeps what is there when it is left early, for the next run."""

    def __init__(self, out: Path | None, form: Form, identity: str, *, resume: bool) -> None:
        """`identity` is everything that decides the output beside the input; another one starts over."""
        self._out, self._form = out, form
        self._first_line = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest().encode() + b"\n"
        self._resume = resume
        self._file = self._journal = -1
        self._steps: list[tuple[int, _Step]] = []
        self._kept_journal = 0
        self._output, self._length = hashlib.sha256(), 0
        self._files: dict[str, str] = {}

    @property
    def folder(self) -> Path | None:
        """Where the files of a folder are written meanwhile."""
        return self._beside("partial") if self._out is not None and self._form == "folder" else None

    def __enter__(self) -> Partial:
        """Take the place; raises `Busy` when another run has it, `Invalid` where nothing can be written."""
        if self._out is None:
            return self
        if not self._out.parent.is_dir():
            raise Invalid("there is no such folder.", path=str(self._out.parent), remedy="Make it first.")
        if self._form == "folder" and self._out.exists() and (not self._out.is_dir() or any(self._out.iterdir())):
            raise Invalid("it is there already.", path=str(self._out), remedy="Name a new folder.")
        if self._form == "file" and self._out.is_dir():
            raise Invalid("it is a folder.", path=str(self._out), remedy="Name a file.")
        try:
            self._open()
        except OSError as error:
            self.__exit__()
            raise _unwritable(self._out) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Let go; what is finished stays for the next run, unless it was put in place or discarded."""
        for handle in (self._file, self._journal):
            if handle >= 0:
                os.close(handle)
        self._file = self._journal = -1

    def remaining(
        self, chunks: Iterable[Chunk], known: Callable[[Chunk, Outcome], None]
    ) -> Iterator[tuple[Chunk, str]]:
        """(chunk, running digest of the input) still to do; `known` is told of what an earlier run finished.

        A finished chunk counts only while input and output up to it have the digests of the journal.
        """
        read, keeping = hashlib.sha256(), self._out is not None
        for chunk in chunks:
            read.update(f"{len(chunk.head)},{len(chunk.data)},{chunk.size};".encode() + chunk.head + chunk.data)
            if keeping and (outcome := self._kept(chunk.number, read.hexdigest())) is not None:
                known(chunk, outcome)
                continue
            if keeping:
                self._cut_back()
                keeping = False
            yield chunk, read.hexdigest()
        if keeping:
            self._cut_back()

    def take(self, read: str, outcome: Outcome) -> None:
        """Write what became of the next chunk, and then its line; raises `Unavailable`."""
        if self._out is None:
            return
        self._output.update(outcome.data)
        self._length += len(outcome.data)
        self._files.update(outcome.files)
        line = _Step(
            read=read,
            written=self._length,
            output=self._output.hexdigest(),
            outcome=msgspec.structs.replace(outcome, data=b""),
        )
        try:
            if self._form == "file":
                _write(self._file, outcome.data)
            _write(self._journal, msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise _unwritable(self._out) from error

    def finish(self) -> tuple[str, ...]:
        """Put the output in its place, durably; returns the SHA-256 of each file in hex. Raises `Unavailable`."""
        if self._out is None:
            return ()
        made = self._beside("partial")
        try:
            if self._form == "file":
                os.fsync(self._file)
            else:
                self._only_ours(made)
            made.replace(self._out)
            _sync_folder(self._out.parent)
            self._beside("journal").unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self._out) from error
        return (self._output.hexdigest(),) if self._form == "file" else tuple(self._files.values())

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._out is None:
            return
        if self._form == "folder":
            shutil.rmtree(self._beside("partial"), ignore_errors=True)
        self._beside("partial").unlink(missing_ok=True)
        self._beside("journal").unlink(missing_ok=True)

    def _open(self) -> None:
        self._journal = os.open(self._beside("journal"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy(f"{self._out} is being written.", remedy="Wait for that run, or name another.") from error
        if self._form == "file":
            self._file = os.open(self._beside("partial"), os.O_RDWR | os.O_CREAT, 0o600)
        else:
            self._beside("partial").mkdir(mode=0o700, exist_ok=True)
        journal = _whole(self._journal)
        if self._resume and journal.startswith(self._first_line):
            self._kept_journal = len(self._first_line)
            self._steps = list(_steps(journal, len(self._first_line)))

    def _kept(self, number: int, read: str) -> Outcome | None:
        """What an earlier run made of this chunk, when input and output are as it left them."""
        if number >= len(self._steps):
            return None
        end, step = self._steps[number]
        if step.read != read or step.written < self._length:
            return None
        output = self._output.copy()
        if self._form == "file":
            output.update(os.pread(self._file, step.written - self._length, self._length))
            if output.hexdigest() != step.output:
                return None
        elif not all(_digest_of(self._beside("partial") / name) == digest for name, digest in step.outcome.files):
            return None
        self._output, self._length, self._kept_journal = output, step.written, end
        self._files.update(step.outcome.files)
        return step.outcome

    def _cut_back(self) -> None:
        """Forget what does not count, and stand where the next chunk is written."""
        try:
            if not self._kept_journal:
                os.ftruncate(self._journal, 0)
                os.pwrite(self._journal, self._first_line, 0)
                self._kept_journal = len(self._first_line)
            os.ftruncate(self._journal, self._kept_journal)
            os.lseek(self._journal, self._kept_journal, os.SEEK_SET)
            if self._form == "file":
                os.ftruncate(self._file, self._length)
                os.lseek(self._file, self._length, os.SEEK_SET)
        except OSError as error:
            assert self._out is not None
            raise _unwritable(self._out) from error

    def _only_ours(self, folder: Path) -> None:
        """Remove what a chunk left that failed in the end, and make all else durable."""
        for path in [path for path in folder.rglob("*") if not path.is_dir()]:
            if path.relative_to(folder).as_posix() not in self._files:
                path.unlink()
        for below in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            if any(below.iterdir()):
                _sync_folder(below)
            else:
                below.rmdir()
        _sync_folder(folder)

    def _beside(self, what: str) -> Path:
        assert self._out is not None
        return self._out.with_name(f".{self._out.name}.bedrail-{what}")


def write_below(folder: Path, name: str, data: bytes) -> tuple[str, str]:
    """Write one file of an output folder whole and durably (mode 0600); returns its name and SHA-256.

    `name` is relative, in POSIX form; raises `Invalid` when it leads out of the folder, `Unavailable`.
    """
    path = folder.joinpath(*name.split("/"))
    if not name or name.startswith("/") or ".." in path.relative_to(folder).parts:
        raise Invalid("the name of an output file leads elsewhere.", remedy="This is an error of Bedrail: report it.")
    scratch = path.with_name(f".{hashlib.sha256(name.encode()).hexdigest()[:16]}.writing")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise _unwritable(folder) from error
    return name, hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hex, in bounded memory; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return ""


def _steps(journal: bytes, position: int) -> Iterator[tuple[int, _Step]]:
    """(where its line ends, step) up to the first line that is torn."""
    decoder = msgspec.json.Decoder(_Step)
    while (end := journal.find(b"\n", position) + 1) > 0:
        try:
            yield end, decoder.decode(journal[position:end])
        except NOT_JSON:
            return
        position = end


def _whole(handle: int) -> bytes:
    return os.pread(handle, os.fstat(handle).st_size, 0)


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(out: Path) -> Unavailable:
    return Unavailable(
        f"{out} cannot be written.", remedy="Check disk and permissions; the same command then goes on where it was."
    )
