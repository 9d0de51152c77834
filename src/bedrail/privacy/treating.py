"""What a medium gives to the harness of `streaming`: a handler of chunks, which counts and fails by place alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from bedrail.core.errors import BedrailError, Invalid, Unavailable
from bedrail.privacy.partial import Failure, write_below
from bedrail.privacy.sources import Chunk, decoded, text_lines
from bedrail.privacy.values import Handled

OnError = Literal["stop", "skip"]


class Halted(BaseException):
    """Inside a chunk, after the first failure, when failures stop the run; no `except Exception` keeps it back."""


class Tally:
    """What a handler says about the records of a chunk while it works on them."""

    def __init__(self, on_error: OnError = "stop", folder: Path | None = None) -> None:
        """With `stop`, the first failure ends the chunk; `folder` is where the files of a folder go (None: nowhere)."""
        self._on_error, self._folder = on_error, folder
        self.records = 0
        self.counts: dict[tuple[str, str, str], int] = {}
        self.failures: list[Failure] = []
        self.files: list[tuple[str, str]] = []

    def handled(self, place: str, action: str, rule: str, count: int = 1) -> None:
        """Something was done at a place (a column, path, tag, field, label) by a rule: never a value."""
        key = (place, action, rule)
        self.counts[key] = self.counts.get(key, 0) + count

    def done(self, records: int = 1) -> None:
        """So many records are handled and in the output."""
        self.records += records

    def fail(self, number: int, error: Exception) -> None:
        """Record `number` is left out; ends the chunk when failures stop the run.

        Only errors of `core.errors` are trusted to hold no content: of any other, its type and place in the code are
        told, and nothing else.
        """
        if isinstance(error, BedrailError):
            path = f"{error.path}: " if isinstance(error, Invalid) and error.path else ""
            said = Failure(number=number, message=f"{path}{error.message}", remedy=error.remedy)
        else:
            said = Failure(number=number, message=f"it could not be handled ({where_raised(error)}).")
        self.failures.append(said)
        if self._on_error == "stop":
            raise Halted

    def write(self, name: str, data: bytes) -> None:
        """Write one file of the output folder, whole; `name` is relative, and de-identified like its content."""
        if self._folder is None:  # a dry run
            self.files.append((name, hashlib.sha256(data).hexdigest()))
        else:
            self.files.append(write_below(self._folder, name, data))


Handle = Callable[[Chunk, Tally], bytes]
"""From a chunk to what stands for it in the output file. For `Files`: b"", after `Tally.write`."""


class Work(Protocol):
    """What a medium does. Must be picklable: a class at the top of a module, with plain fields (a `HmacDigest` is)."""

    def open(self) -> Handle:
        """Called once in each process: load models and lists here, not in the handler."""
        ...


def each_line(handle: Callable[[str, int, Tally], str | None]) -> Handle:
    """A handler of chunks from one of lines: (text, line number, tally) -> a line for the output, or None for none.

    Whatever it raises fails that line alone, but for `Unavailable`, which ends the run. `Tally.done` is called here,
    once for each line.
    """

    def chunk_handler(chunk: Chunk, tally: Tally) -> bytes:
        out = []
        for number, line in text_lines(chunk):
            try:
                text = handle(decoded(line), number, tally)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 (whatever a record provokes is that record's failure)
                tally.fail(number, error)
                continue
            tally.done()
            if text is not None:
                out.append(text.encode("utf-8") + b"\n")
        return b"".join(out)

    return chunk_handler


def each_file(handle: Callable[[Path, int, Tally], None]) -> Handle:
    """A handler for `Files` from one of files: (path, number, tally); it calls `Tally.write` for what it makes."""

    def chunk_handler(chunk: Chunk, tally: Tally) -> bytes:
        try:
            handle(Path(chunk.path), chunk.first, tally)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a file provokes is that file's failure)
            tally.files.clear()
            tally.fail(chunk.first, error)
        else:
            tally.done()
        return b""

    return chunk_handler


def handled_rows(counts: dict[tuple[str, str, str], int]) -> tuple[Handled, ...]:
    return tuple(
        Handled(place=place, action=action, rule=rule, count=count)
        for (place, action, rule), count in sorted(counts.items())
    )


def where_raised(error: Exception) -> str:
    """The type of an unexpected error and where in the code it was raised: its message may hold content."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
