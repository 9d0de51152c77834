"""One harness for every medium: bounded memory, several processes, order kept, whole or not at all, resumable.

A medium gives a `Work`; `run` reads a source chunk by chunk, hands the chunks to `jobs` processes, writes what comes
back in order beside the output, and renames it into place at the end. Nothing but de-identified data is ever written.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.connection import wait
from pathlib import Path

import msgspec

from bedrail.core.errors import BedrailError, Invalid, Unavailable
from bedrail.core.values import Value
from bedrail.privacy.partial import Failure, Outcome, Partial, file_digest
from bedrail.privacy.sources import Chunk, Files, Source
from bedrail.privacy.treating import (
    Halted,
    Handle,
    OnError,
    Tally,
    Work,
    each_file,
    each_line,
    handled_rows,
    where_raised,
)
from bedrail.privacy.values import Handled, Manifest

__all__ = [
    "Halted",
    "Handle",
    "OnError",
    "Progress",
    "Run",
    "Tally",
    "Work",
    "each_file",
    "each_line",
    "quiet",
    "run",
]

AHEAD = 3
"""Chunks in flight for each process: memory is bounded by jobs * AHEAD chunks and what they become."""

FEW_CHUNKS = 4
"""So few are done in this process: to start others would take longer."""

MOST_FAILURES = 1000
"""So many failures are kept with their places; all are counted."""


class Progress(Value, frozen=True, kw_only=True):
    """How far a run is: bytes handled of `total`, records handled and failed."""

    read: int
    total: int
    records: int
    failed: int


class Run(Value, frozen=True, kw_only=True):
    """What a run came to; `resumed` counts the records that an interrupted run had handled before."""

    manifest: Manifest
    failures: tuple[Failure, ...] = ()
    resumed: int = 0


def quiet(_: Progress) -> None:
    """Progress that nobody watches."""


def run(
    source: Source,
    out: Path | None,
    work: Work,
    *,
    medium: str,
    profile: str,
    project: str = "",
    key_check: str = "",
    jobs: int = 1,
    on_error: OnError = "stop",
    resume: bool = True,
    told: Callable[[Progress], None] = quiet,
) -> Run:
    """De-identify `source` into `out` (a file; for `Files` a folder that is new or empty); None is a dry run.

    `profile` is the digest of everything that decides the output (rules, options, model, language): it stands in the
    manifest, and an interrupted run is taken up only under the same profile, project, key (`key_check`: a keyed digest
    of some constant) and input. The output then has the same bytes as an uninterrupted run's.

    Failures stop the run (`Invalid` with the place; nothing is written) or are left out and listed. `Unavailable` when
    disk or a process fails, and an interruption, leave what is finished: the same call goes on later. `jobs` processes
    are spawned, so a program calls this under `if __name__ == "__main__"`, as `multiprocessing` asks.
    """
    if out is not None and source.holds(out):
        raise Invalid("this is the input.", path=str(out), remedy="Name another file for the output.")
    state, total, sums = source.state(), source.total, _Sums()
    parts = (medium, profile, project, key_check, on_error, type(source).__name__)
    identity = "\n".join((*parts, state if isinstance(source, Files) else ""))
    with Partial(out, "folder" if isinstance(source, Files) else "file", identity, resume=resume) as partial:
        desk = _Desk(work, on_error, partial.folder, jobs)
        try:
            for read, chunk, outcome in desk.over(partial.remaining(source.chunks(), sums.known)):
                if outcome.failures and on_error == "stop":
                    raise _stopped(source, outcome.failures[0])
                partial.take(read, outcome)
                sums.add(chunk, outcome)
                told(sums.progress(total))
        except BaseException as error:
            if isinstance(error, Invalid) or not resume:
                partial.discard()
            raise
        finally:
            desk.close()
        if source.state() != state:
            partial.discard()
            raise Invalid("the input was changed while it was read.", path=source.name, remedy="Run it again.")
        outputs = partial.finish()
    manifest = Manifest(
        medium=medium,
        profile=profile,
        project=project,
        inputs=source.digests() or tuple(sums.inputs),
        outputs=outputs,
        records=sums.records,
        failed=sums.failed,
        handled=sums.handled(),
        codes_counted=True,
    )
    failures = tuple(msgspec.structs.replace(each, place=source.place(each.number)) for each in sums.failures)
    return Run(manifest=manifest, failures=failures, resumed=sums.resumed)


class _Sums:
    """All outcomes of a run together."""

    def __init__(self) -> None:
        self.records = self.failed = self.resumed = self._read = 0
        self.failures: list[Failure] = []
        self.inputs: list[str] = []
        self._counts: dict[tuple[str, str, str], int] = {}

    def add(self, chunk: Chunk, outcome: Outcome) -> None:
        """One more chunk."""
        self._read += chunk.size
        self.records += outcome.records
        self.failed += len(outcome.failures)
        self.failures += outcome.failures[: MOST_FAILURES - len(self.failures)]
        for each in outcome.handled:
            key = (each.place, each.action, each.rule)
            self._counts[key] = self._counts.get(key, 0) + each.count
        if outcome.input:
            self.inputs.append(outcome.input)

    def known(self, chunk: Chunk, outcome: Outcome) -> None:
        """One that an earlier run finished."""
        self.add(chunk, outcome)
        self.resumed += outcome.records

    def progress(self, total: int) -> Progress:
        """How far it is."""
        return Progress(read=self._read, total=total, records=self.records, failed=self.failed)

    def handled(self) -> tuple[Handled, ...]:
        """Counts by place, action and rule, in their order."""
        return handled_rows(self._counts)


class _Desk:
    """Chunks in, outcomes out, in order: in this process, or in several."""

    def __init__(self, work: Work, on_error: OnError, folder: Path | None, jobs: int) -> None:
        if jobs < 1:
            raise Invalid("at least one process is needed.", path="--jobs", remedy="Such as --jobs 2.")
        self._settings = (work, on_error, folder)
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    def over(self, chunks: Iterator[tuple[Chunk, str]]) -> Iterator[tuple[str, Chunk, Outcome]]:
        """(running digest of the input, chunk, what became of it)."""
        first = list(islice(chunks, FEW_CHUNKS))
        if self._jobs == 1 or len(first) < FEW_CHUNKS:
            handler = _Handler(*self._settings)
            for chunk, read in chain(first, chunks):
                yield read, chunk, handler(chunk)
            return
        self._pool = ProcessPoolExecutor(
            self._jobs, multiprocessing.get_context("spawn"), initializer=_begin, initargs=self._settings
        )
        waiting: deque[tuple[str, Chunk, Future[Outcome]]] = deque()
        try:
            for chunk, read in chain(first, chunks):
                waiting.append((read, chunk, self._pool.submit(_in_this_process, chunk)))
                if len(waiting) >= self._jobs * AHEAD:
                    yield _settled(waiting.popleft())
            while waiting:
                yield _settled(waiting.popleft())
        except BrokenProcessPool as error:
            raise Unavailable(
                "A process of the run died.", remedy="Try fewer --jobs if memory is short; the same command goes on."
            ) from error

    def close(self) -> None:
        """Let the processes go, whatever is left to do."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


class _Handler:
    """One process's handler, made at its first chunk."""

    def __init__(self, work: Work, on_error: OnError, folder: Path | None) -> None:
        self._work, self._on_error, self._folder = work, on_error, folder
        self._handle: Handle | None = None

    def __call__(self, chunk: Chunk) -> Outcome:
        if self._handle is None:
            self._handle = self._work.open()
        tally, data = Tally(self._on_error, self._folder), b""
        try:
            data = self._handle(chunk, tally)
        except Halted:
            pass
        except BedrailError:
            raise
        except (MemoryError, OSError) as error:
            raise Unavailable(
                f"Memory, disk or a file failed ({where_raised(error)}).",
                remedy="Try fewer --jobs; the same command goes on.",
            ) from None
        except Exception as error:  # noqa: BLE001 (its message may hold content: only its type is told)
            tally.records = 0
            _fail_quietly(tally, chunk.first, error)
        return Outcome(
            data=data,
            records=tally.records,
            handled=handled_rows(tally.counts),
            failures=tuple(tally.failures),
            files=tuple(tally.files),
            input=file_digest(Path(chunk.path)) if chunk.path else "",
        )


_handler: list[_Handler] = []
"""The handler of a spawned process."""


def _begin(work: Work, on_error: OnError, folder: Path | None) -> None:
    """In a spawned process: end with the one that spawned it, also when that was killed, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _handler[:] = [_Handler(work, on_error, folder)]


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _in_this_process(chunk: Chunk) -> Outcome:
    return _handler[0](chunk)


def _settled(waiting: tuple[str, Chunk, Future[Outcome]]) -> tuple[str, Chunk, Outcome]:
    read, chunk, future = waiting
    return read, chunk, future.result()


def _fail_quietly(tally: Tally, number: int, error: Exception) -> None:
    try:
        tally.fail(number, error)
    except Halted:
        return


def _stopped(source: Source, failure: Failure) -> Invalid:
    remedy = failure.remedy or "Mend the record, or leave such records out with --on-error skip."
    return Invalid(failure.message, path=source.place(failure.number), remedy=remedy)
