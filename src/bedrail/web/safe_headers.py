"""What every response tells a browser that comes upon it: be no other type, load and run nothing, keep nothing.

OWASP ASVS 5.0 3.2.1, 3.4.3 to 3.4.6, 14.3.2. Pages state policies of their own, which are left as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrail.web.decisions_route import GUARDED, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from bedrail.web.server import Asgi

SAID = (*GUARDED, (b"referrer-policy", b"no-referrer"), (b"cache-control", b"no-store"))


class SafeHeaders:
    """An ASGI application around all others: adds to each response what it does not say itself."""

    __slots__ = ("_inner",)

    def __init__(self, app: Asgi) -> None:
        self._inner = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {bytes(name).lower() for name, _ in headers}
                headers += [each for each in SAID if each[0] not in there]
                message = {**message, "headers": headers}
            await send(message)

        await self._inner(scope, receive, told)
