"""The hot path: POST /api/v1/use-cases/{id}/decisions as plain ASGI, without a framework and without a log line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from bedrail.core.errors import BedrailError, Invalid
from bedrail.decisions.request import MAX_BODY
from bedrail.governance.values import TokenView
from bedrail.journeys.bedside import Bedside, NotUnderstood, Unrecorded
from bedrail.web.metrics import Meter
from bedrail.web.problems import CONTENT_TYPE, of_error, of_malformed, of_unrecorded

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

NOT_JSON = Invalid("the content type is not JSON.", path="content-type", remedy="Send application/json.")
TOO_LARGE = Invalid("the request is too large.", path="body", remedy=f"Send at most {MAX_BODY} bytes.")
TOO_SLOW = Invalid("the request did not arrive in time.", path="body", remedy="Send it at once.")

BODY_SECONDS = 10.0
"""Whoever sends a body more slowly is answered 408, and the connection is closed."""

PREFIX = "/api/v1/use-cases/"
SUFFIX = "/decisions"

_encode = msgspec.json.Encoder().encode
_OK: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_PROBLEM: list[tuple[bytes, bytes]] = [(b"content-type", CONTENT_TYPE), (b"cache-control", b"no-store")]
_CLOSE = (b"connection", b"close")
_CHALLENGE = (b"www-authenticate", b'Bearer realm="bedrail"')


def is_decision(scope: Scope) -> bool:
    """Whether this request asks for a decision."""
    path = scope["path"]
    return bool(
        path.endswith(SUFFIX) and path.startswith(PREFIX) and scope["method"] == "POST" and path.count("/") == 5
    )


class DecisionsRoute:
    """Answers decision requests; every way out is JSON, and none of them is an unhandled exception."""

    def __init__(self, bedside: Bedside, meter: Meter) -> None:
        self._bedside = bedside
        self._meter = meter
        self._monotonic = bedside.clock.monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        started = self._monotonic()
        try:
            status, body = await self._reply(scope, receive, started)
        except BedrailError as error:
            status, body = of_error(error)
        except Exception as error:  # noqa: BLE001 (a bug: said as such, without a word of what was in hand)
            status, body = of_error(error)
        self._meter.decided(self._monotonic() - started, status)
        await respond(send, status, body)

    async def _reply(self, scope: Scope, receive: Receive, started: float) -> tuple[int, bytes]:
        token, json = _headers(scope)
        bedside = self._bedside
        view = bedside.admit(token, scope["path"][len(PREFIX) : -len(SUFFIX)])
        if not json:
            return await self._turn_away(view, 415, NOT_JSON)
        try:
            async with body_time():
                body = await read_body(receive)
        except TimeoutError:
            return await self._turn_away(view, 408, TOO_SLOW)
        if body is None:
            return await self._turn_away(view, 413, TOO_LARGE)
        reply = await bedside.decide_for(view, body, started)
        if isinstance(reply, NotUnderstood):
            return of_malformed(reply.error, reply.fallback)
        if isinstance(reply, Unrecorded):
            return of_unrecorded(reply.fallback)
        return 200, _encode(reply)

    async def _turn_away(self, view: TokenView, status: int, error: Invalid) -> tuple[int, bytes]:
        """An unread request of a known caller is on record too."""
        reply = await self._bedside.turn_away(view, error)
        if isinstance(reply, NotUnderstood):
            return of_malformed(error, reply.fallback, status)
        return of_unrecorded(reply.fallback)


async def respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send one complete response: JSON when it went well, a problem otherwise, unless `headers` say otherwise."""
    said = headers if headers is not None else _OK if status < 400 else _PROBLEM
    said = [*said, (b"content-length", str(len(body)).encode())]
    if status == 401:
        said.append(_CHALLENGE)
    if status == 408:
        said.append(_CLOSE)
    await send({"type": "http.response.start", "status": status, "headers": said})
    await send({"type": "http.response.body", "body": body})


def body_time() -> asyncio.Timeout:
    """Raises `TimeoutError` inside when a body takes longer than `BODY_SECONDS`."""
    return asyncio.timeout(BODY_SECONDS)


async def read_body(receive: Receive, most: int = MAX_BODY) -> bytes | None:
    """The whole body, or None when it is longer than `most` bytes (the rest is not kept)."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > most:
            return None
        message = await receive()
        body += message.get("body", b"")
    return body if len(body) <= most else None


def bearer(scope: Scope) -> str:
    """The bearer token of a request, or an empty text."""
    return _headers(scope)[0]


def _headers(scope: Scope) -> tuple[str, bool]:
    """The bearer token, and whether the body says that it is JSON."""
    token, json = "", False
    for name, value in scope["headers"]:
        if name == b"authorization":
            if value[:7].lower() == b"bearer ":
                token = value[7:].strip().decode("latin-1")
        elif name == b"content-type":
            json = value == b"application/json" or value.split(b";", 1)[0].strip().lower() == b"application/json"
    return token, json
