"""Group commit: everything waiting shares one durable commit, so that sixty-four writers pay for one sync, not each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from time import monotonic

from bedrail.core.errors import BedrailError, Busy, Corrupt, Invalid, Unavailable
from bedrail.core.ports import Draft
from bedrail.ledger.append import Ledger, Receipt

Outcome = Receipt | BedrailError
_Waiting = tuple[Draft, "asyncio.Future[Receipt]"]

MAX_BATCH = 1024
"""Entries in one commit at most, so that one transaction stays a few milliseconds long."""

ENOUGH = 16
"""Drafts among which a commit's own cost is well shared; fewer wait for those that the loop is just making."""

PATIENCE = 0.005
"""Seconds, at most, that finished drafts wait for those that the loop is just making: a slow model makes few."""

QUICK = 0.002
"""Seconds: a lone draft is written on the loop itself while commits have lately been as quick as this."""


class GroupCommit:
    """Appends drafts of many asyncio tasks of one event loop, on the loop itself or through one worker thread.

    No timer: a lone writer pays exactly one sync, and whatever arrives during a commit forms the next one. The
    next commit starts after the writers just answered have had their turn, so that their following drafts join it,
    and after drafts that the loop is just making (`coming`): a few commits fewer are worth more to everybody than the
    first one's head start.

    A failed write fails every draft then waiting with `Unavailable`; `healthy` stays False, and `commit` refuses at
    once, until a probe write has become durable. A draft that is itself `Invalid` fails alone.
    """

    def __init__(self, ledger: Ledger, *, probe_seconds: float = 0.5, patience: float = PATIENCE) -> None:
        """`probe_seconds` passes between attempts to write after a failure; `patience` is in seconds too."""
        self._ledger = ledger
        self._probe_seconds = probe_seconds
        self._patience = patience
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._closing = False
        self._failure: Unavailable | None = None
        self._probe_due: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: asyncio.Event | None = None
        self._last = 0
        self._waits_since: float | None = None
        self._seconds = 2 * QUICK  # a disk is slow until it was seen to be quick
        self._batches: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._worker: Thread | None = None
        self.coming: Callable[[], int] = lambda: 0
        """How many further drafts the loop itself is making at the moment, with nothing else to wait for."""

        self.unclaimed: Callable[[Draft], None] = lambda _: None
        """Told, on the loop, of a draft that became durable after its writer had given up waiting."""

    @property
    def healthy(self) -> bool:
        """Whether the last write, or the last probe after it, became durable."""
        return self._failure is None

    @property
    def waiting(self) -> int:
        """Drafts not yet handed to the disk."""
        return len(self._waiting)

    async def commit(self, draft: Draft) -> Receipt:
        """Durable when this returns; raises `Unavailable` or `Invalid`, and then the draft was not written."""
        if self._closing:
            raise Unavailable("The ledger is closing.", remedy="Send the request again in a moment.")
        if self._failure is not None:
            raise _unavailable(self._failure)
        loop = self._started()
        future: asyncio.Future[Receipt] = loop.create_future()
        self._waiting.append((draft, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._send)
        return await future

    async def probe(self) -> bool:
        """Try to write now; True, and `healthy` again, when that became durable."""
        if self._failure is None:
            return True
        try:
            await asyncio.to_thread(self._ledger.probe)
        except BedrailError as error:
            self._failure = _unavailable(error)
            return False
        self._failure = None
        return True

    async def close(self) -> None:
        """Write what is waiting, end the worker, write the last anchor; further commits are refused."""
        self._closing = True
        if self._probe_due is not None:
            self._probe_due.cancel()
        if self._worker is not None:
            if self._busy:
                self._idle = asyncio.Event()
                await self._idle.wait()
            self._batches.put(None)
            await asyncio.to_thread(self._worker.join)
            self._worker = None
        await asyncio.to_thread(self._ledger.close)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._start_worker()
        return self._loop

    def _start_worker(self) -> None:
        self._worker = Thread(target=self._work, name="bedrail-ledger", daemon=True)
        self._worker.start()

    def _send(self) -> None:
        """On the loop: hand everything waiting to the worker, or rest."""
        if 0 < len(self._waiting) < ENOUGH and self.coming():
            assert self._loop is not None
            now = monotonic()
            self._waits_since = now if self._waits_since is None else self._waits_since
            if now - self._waits_since < self._patience:
                self._loop.call_soon(self._send)
                return
        self._waits_since = None
        batch = [each for each in self._waiting if not each[1].done()]  # done: the caller gave up
        self._waiting = batch[MAX_BATCH:]
        if batch:
            self._dispatch(batch[:MAX_BATCH])
        else:
            self._busy = False
            if self._idle is not None:
                self._idle.set()

    def _dispatch(self, batch: list[_Waiting]) -> None:
        """A lone draft on a quick disk is written here and now; several, or on a slow disk, by the worker.

        Handing over to a thread and back costs a lone writer more than the sync of a quick disk. With several writers
        the worker is better: whatever arrives meanwhile shares the next commit. While somebody else is writing, the
        worker waits for its turn and the loop goes on.
        """
        alone = len(batch) == 1 and self._last == 1
        self._last = len(batch)
        if not alone or self._seconds > QUICK:
            self._hand_over(batch)
            return
        try:
            outcomes = self._write([draft for draft, _ in batch], wait=False)
        except Busy:
            self._hand_over(batch)
            return
        self._deliver(batch, outcomes)

    def _hand_over(self, batch: list[_Waiting]) -> None:
        """To the worker; one that died, whatever of, is replaced."""
        if self._worker is None or not self._worker.is_alive():
            self._start_worker()
        self._batches.put(batch)

    def _work(self) -> None:
        """On the worker thread: one durable commit for each batch."""
        assert self._loop is not None
        while (batch := self._batches.get()) is not None:
            outcomes = self._write([draft for draft, _ in batch])
            try:
                self._loop.call_soon_threadsafe(self._deliver, batch, outcomes)
            except RuntimeError:  # the loop was closed under us: nobody is left to tell
                return

    def _write(self, drafts: Sequence[Draft], *, wait: bool = True) -> Sequence[Outcome]:
        """One durable commit, and how long it took; raises only `Busy`, and only without `wait`."""
        start = monotonic()
        try:
            receipts = self._ledger.append(drafts, wait=wait)
            self._seconds += (monotonic() - start - self._seconds) / 8
            return receipts
        except Busy as error:
            if not wait:
                raise
            return [error] * len(drafts)
        except Invalid as error:
            if len(drafts) == 1:
                return [error]
            if not wait:  # nothing of it was written: the worker finds out which one it is, and the loop goes on
                raise Busy("Several drafts are to be tried one by one.") from error
            return [outcome for draft in drafts for outcome in self._write((draft,))]
        except BedrailError as error:
            return [error] * len(drafts)
        except Exception as error:  # noqa: BLE001 (whatever it is, nobody may be left waiting)
            failure = Unavailable("The ledger failed unexpectedly.", remedy="See the cause.")
            failure.__cause__ = error
            return [failure] * len(drafts)

    def _deliver(self, batch: list[_Waiting], outcomes: Sequence[Outcome]) -> None:
        """On the loop: answer every writer of a batch, then let the next batch gather and start it."""
        failure: BedrailError | None = None
        for (draft, future), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BedrailError):
                if not isinstance(outcome, Invalid):
                    failure = outcome
                if not future.done():
                    future.set_exception(outcome if isinstance(outcome, Invalid) else _unavailable(outcome))
            elif future.done():
                self.unclaimed(draft)
            else:
                future.set_result(outcome)
        assert self._loop is not None
        if failure is not None:
            self._fail(failure)
        self._loop.call_soon(self._send)

    def _fail(self, error: BedrailError) -> None:
        self._failure = _unavailable(error)
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(_unavailable(error))
        self._waiting = []
        self._probe_later()

    def _probe_later(self) -> None:
        if self._loop is not None and not self._closing:
            self._probe_due = self._loop.call_later(self._probe_seconds, self._probe_soon)

    def _probe_soon(self) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self.probe())
        task.add_done_callback(lambda done: None if done.cancelled() or done.result() else self._probe_later())


def _unavailable(error: BedrailError) -> Unavailable:
    """A fresh error for each waiting task: tracebacks are attached to the instance."""
    kind = Corrupt if isinstance(error, Corrupt) else Unavailable
    failure = kind(error.message, remedy=error.remedy or "Clinical judgement alone until the ledger is back.")
    failure.__cause__ = error.__cause__
    return failure
