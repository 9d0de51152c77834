"""The hot path: POST /api/v1/use-cases/{id}/decisions as plain ASGI, without a framework and without a log line."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

import msgspec

from bedrail.core.errors import Invalid
from bedrail.decisions.request import MAX_BODY
from bedrail.governance.values import TokenView
from bedrail.journeys.bedside import Bedside, NotUnderstood, Unrecorded
from bedrail.web.metrics import Meter
from bedrail.web.problems import CONTENT_TYPE, of_failure, of_malformed, of_throttled, of_unrecorded

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
GUARDED: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
)
"""What a browser is told that comes upon data: it is no page (ASVS 5.0 3.2.1)."""

_KEPT_NOWHERE = (b"cache-control", b"no-store")
_OK: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json"), _KEPT_NOWHERE, *GUARDED]
_PROBLEM: list[tuple[bytes, bytes]] = [(b"content-type", CONTENT_TYPE), _KEPT_NOWHERE, *GUARDED]
_CLOSE = (b"connection", b"close")
_CHALLENGE = (b"www-authenticate", b'Bearer realm="bedrail"')


class Caller(NamedTuple):
    """Who asks, by bearer token ("" for none), and whether they say that they send JSON."""

    token: str
    json: bool


def is_decision(scope: Scope) -> bool:
    """Whether this request asks for a decision."""
    return scope["method"] == "POST" and is_decision_path(scope["path"])


def is_decision_path(path: str) -> bool:
    """Whether this is the path of a use case's decisions."""
    return path.endswith(SUFFIX) and path.startswith(PREFIX) and path.count("/") == 5


class DecisionsRoute:
    """Answers decision requests; every way out is JSON, and none of them is an unhandled exception."""

    def __init__(self, bedside: Bedside, meter: Meter) -> None:
        self._bedside = bedside
        self._meter = meter
        self._monotonic = bedside.clock.monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI."""
        started, caller = self._monotonic(), caller_of(scope["headers"])
        try:
            async with body_time():
                body = await read_body(receive)
        except TimeoutError:
            status, reply, wait = await self.refuse(scope["path"], caller, 408, TOO_SLOW, started)
        else:
            if body is None:
                status, reply, wait = await self.refuse(scope["path"], caller, 413, TOO_LARGE, started)
            else:
                status, reply, wait = await self.answer(scope["path"], caller, body, started)
        await respond(send, status, reply, wait)

    async def answer(self, path: str, caller: Caller, body: bytes, started: float) -> tuple[int, bytes, int]:
        """Status, body and seconds to wait for a whole request that arrived at `started` (monotonic seconds)."""
        if not caller.json:
            return await self.refuse(path, caller, 415, NOT_JSON, started)
        try:
            view = self._bedside.admit(caller.token, _use_case(path))
            seconds = self._bedside.hold_up(view, started)
            if seconds:
                return self._throttled(view, seconds, started)
            reply = await self._bedside.decide_for(view, body, started)
            if isinstance(reply, NotUnderstood):
                status, said = of_malformed(reply.error, reply.fallback)
            elif isinstance(reply, Unrecorded):
                status, said = of_unrecorded(reply.fallback)
            else:
                status, said = 200, _encode(reply)
        except Exception as error:  # noqa: BLE001 (a bug: said as such, without a word of what was in hand)
            status, said = of_failure(error)
        self._meter.decided(self._monotonic() - started, status)
        return status, said, 0

    async def refuse(
        self, path: str, caller: Caller, status: int, error: Invalid, started: float
    ) -> tuple[int, bytes, int]:
        """As `answer`, for an unread request; that of a known caller is on record too."""
        try:
            view = self._bedside.admit(caller.token, _use_case(path))
            seconds = self._bedside.hold_up(view, started)
            if seconds:
                return self._throttled(view, seconds, started)
            reply = await self._bedside.turn_away(view, error)
            if isinstance(reply, NotUnderstood):
                status, said = of_malformed(error, reply.fallback, status)
            else:
                status, said = of_unrecorded(reply.fallback)
        except Exception as other:  # noqa: BLE001 (as above)
            status, said = of_failure(other)
        self._meter.decided(self._monotonic() - started, status)
        return status, said, 0

    def _throttled(self, view: TokenView, seconds: float, started: float) -> tuple[int, bytes, int]:
        """Too fast: neither decided nor recorded by itself."""
        wait = max(1, math.ceil(seconds))
        status, said = of_throttled(wait, self._bedside.serving.stations[view.use_case].terms.fallback)
        self._meter.decided(self._monotonic() - started, status)
        return status, said, wait


def _use_case(path: str) -> str:
    return path[len(PREFIX) : -len(SUFFIX)]


def response_headers(status: int, length: int, wait: int = 0) -> list[tuple[bytes, bytes]]:
    """What every response of this door says: JSON when it went well, a problem otherwise, never to be kept.

    `wait` are the seconds after which to ask again (Retry-After, RFC 9110 10.2.3; with 429, RFC 6585).
    """
    said = [*(_OK if status < 400 else _PROBLEM), (b"content-length", str(length).encode())]
    if status == 401:
        said.append(_CHALLENGE)
    if status == 408:
        said.append(_CLOSE)
    if wait:
        said.append((b"retry-after", str(wait).encode()))
    return said


async def respond(send: Send, status: int, body: bytes, wait: int = 0) -> None:
    """Send one complete response."""
    headers = response_headers(status, len(body), wait)
    await send({"type": "http.response.start", "status": status, "headers": headers})
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
    return caller_of(scope["headers"]).token


def caller_of(headers: Iterable[tuple[bytes, bytes]]) -> Caller:
    """The caller of a request with these headers (names in lower case)."""
    token, json = "", False
    for name, value in headers:
        if name == b"authorization":
            if value[:7].lower() == b"bearer ":
                token = value[7:].strip().decode("latin-1")
        elif name == b"content-type":
            json = value == b"application/json" or value.split(b";", 1)[0].strip().lower() == b"application/json"
    return Caller(token, json)
