"""Requests in hand take each step together: what a step needs comes into the processor's caches once for all of them.

A decision goes through a megabyte of code and tables. One request after the other, every step finds its part
displaced by the steps between; step after step, all but the first request find it there.
"""

from __future__ import annotations

from collections.abc import Generator
from types import coroutine


@coroutine
def turn() -> Generator[None]:
    """Gives way for one turn of the loop: `asyncio.sleep(0)` without its questions."""
    yield


class Steps:
    """The requests of one event loop that are being worked on; a request stands in here `with` its steps.

    Whoever waits for something, such as a vendor's model, stands elsewhere meanwhile.
    """

    __slots__ = ("coming",)

    def __init__(self) -> None:
        """Nobody is there."""
        self.coming = 0

    def __enter__(self) -> Steps:
        """One more is on its way to a draft."""
        self.coming += 1
        return self

    def __exit__(self, *_: object) -> None:
        """It is there, or waits for something."""
        self.coming -= 1

    async def begin(self) -> None:
        """After whoever came in the same turn of the loop has done the first step too."""
        await turn()

    async def next(self) -> None:
        """After the others in hand came as far as this; for a lone request at once."""
        if self.coming > 1:
            await turn()
