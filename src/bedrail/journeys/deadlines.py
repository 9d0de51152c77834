"""Cutting off what takes too long, with one timer for all that wait: a timer each would cost every decision some."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

LOOK_SECONDS = 0.005
"""How late at most, beside a busy loop, something that is overdue is noticed."""

T = TypeVar("T")


class Deadlines:
    """The tasks of one event loop that wait for something with a time limit."""

    __slots__ = ("_due", "_late", "_timer")

    def __init__(self) -> None:
        self._due: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, seconds: float, awaited: Awaitable[T]) -> T:
        """What `awaited` gives; raises `TimeoutError`, and cancels it, when that takes longer than `seconds`.

        Each task waits here for one thing at a time.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._due[task] = loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)
        try:
            return await awaited
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            self._due.pop(task, None)
            self._late.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, due in self._due.items() if due <= now]:
            del self._due[task]
            self._late.add(task)
            task.cancel()
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop) if self._due else None
