"""What stands at the top of every page while this server is unsafe or not well; written in one place, so that no page
can leave it out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bedrail.web.decisions_route import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from bedrail.web.server import Asgi

_BODY = re.compile(rb"<body[^>]*>", re.IGNORECASE)


def unsafe_words(checks: Sequence[str]) -> tuple[str, ...]:
    """What is said of a server that was started in spite of dangerous settings (`bedrail serve --unsafe-lab`)."""
    if not checks:
        return ()
    return (f"UNSAFE: for a lab without patients. Served in spite of: {', '.join(checks)} (bedrail doctor).",)


class Banner:
    """An ASGI application around the pages: each HTML answer, of whatever status, begins with what `said` returns.

    No style of its own, so that it needs nothing that a page's content security policy may forbid.
    """

    __slots__ = ("_inner", "_said")

    def __init__(self, app: Asgi, said: Callable[[], Sequence[str]]) -> None:
        self._inner = app
        self._said = said

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] != "http" or scope["path"].startswith("/reports/"):  # a paper stays what its digest says
            await self._inner(scope, receive, send)
            return
        started: list[Message] = []
        body = bytearray()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                started.append(message)
            elif not started or message["type"] != "http.response.body":
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    page = _topped(bytes(body), self._said())
                    await send(_with_length(started[0], len(page)))
                    await send({"type": "http.response.body", "body": page})

        await self._inner(scope, receive, told)


def _is_page(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in start.get("headers", ())
    )


def _with_length(start: Message, length: int) -> Message:
    kept = [each for each in start["headers"] if each[0].lower() != b"content-length"]
    return {**start, "headers": [*kept, (b"content-length", str(length).encode())]}


def _topped(page: bytes, words: Sequence[str]) -> bytes:
    if not words or not page:
        return page
    shown = "".join(f'<p role="alert"><strong>{html.escape(each)}</strong></p>\n' for each in words).encode()
    found = _BODY.search(page)
    at = found.end() if found else 0
    return page[:at] + shown + page[at:]
