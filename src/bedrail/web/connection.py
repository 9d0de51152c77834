"""The hot path's connection: uvicorn's HTTP/1.1, with plain decision requests answered past the ASGI machinery.

A request of the form that callers send (POST to a decisions path, a declared length, nothing unusual) goes straight
from the parser (llhttp, through httptools) to `DecisionsRoute.answer`, and its response into the socket in one piece.
Everything else (chunked bodies, `Expect`, HTTP/1.0, pipelined or too long requests, other paths) is left to uvicorn
and gets the same answers there, more slowly. Keep-alive and graceful shutdown are uvicorn's; how long a head may take
and how long it may be is said here, since uvicorn's own limits are those of another parser.

A caller who keeps a connection sends the same head again and again. A head that is, byte for byte, one that the parser
read on this connection, of a request that was answered, says the same again, and is not parsed again: only where the
parser stands between two messages, and only in front of the whole body that it announces.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bedrail.decisions.request import MAX_BODY
from bedrail.web import decisions_route
from bedrail.web.decisions_route import (
    PREFIX,
    SUFFIX,
    TOO_SLOW,
    Caller,
    DecisionsRoute,
    caller_of,
    is_decision_path,
    response_headers,
)

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

HEAD_SECONDS = 10.0
"""From the connection's beginning, or the first byte after an answer, to the end of a request's head."""

MOST_HEAD = 32 * 1024
"""Bytes; a head that goes on after as many is answered 431, and the connection is closed."""

_PREFIX, _SUFFIX = PREFIX.encode(), SUFFIX.encode()
MOST_HEADS = 64
"""Heads that a connection remembers: those of one caller differ in the length of the body only."""

LONGEST_KNOWN = 1024
"""Bytes of a head that is remembered."""

_HEAD_END = b"\r\n\r\n"
_SIMPLE_PATH = re.compile(r"[A-Za-z0-9/._-]+\Z").match
_UNUSUAL = frozenset({b"content-encoding", b"expect", b"transfer-encoding", b"upgrade"})
_SAID = b"".join(b"%b: %b\r\n" % each for each in response_headers(200, 0) if each[0] != b"content-length")
_OK = STATUS_LINE[200] + _SAID + b"content-length: %d\r\n\r\n%b"


class _Nobody:
    """Nobody waits for the messages of an exchange."""

    def set(self) -> None:
        """As `asyncio.Event.set`."""


_NOBODY = _Nobody()


class Exchange(msgspec.Struct, eq=False):
    """One plain decision request on its way; besides its own, the attributes that uvicorn asks of a cycle."""

    path: str
    caller: Caller
    keep_alive: bool
    arrived: float
    body: bytes | bytearray = b""
    overdue: asyncio.TimerHandle | None = None
    disconnected: bool = False
    more_body: bool = True
    response_complete: bool = False
    message_event: _Nobody = _NOBODY
    head: bytes = b""
    """The head's own bytes, where they may be remembered."""


class DecisionsConnection(HttpToolsProtocol):
    """One connection of a caller. The application must have its `DecisionsRoute` as `decisions`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._decisions: DecisionsRoute = config.loaded_app.decisions
        self._arriving: Exchange | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._in_head = False
        self._of_head = 0
        self._between = True  # two messages, as far as the parser has read
        self._whole: Exchange | None = None
        self._heads: dict[bytes, tuple[str, Caller, int]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller; who then says nothing holds one of a bounded number of places, so not for long."""
        super().connection_made(transport)
        self._silence = self.loop.call_later(HEAD_SECONDS, self._too_silent)

    def data_received(self, data: bytes) -> None:
        """Bytes of the caller; a body that is not complete by now has ten seconds from here, and so has a head."""
        if self._between and self._known_head(data):
            return
        between, self._between = self._between, False
        super().data_received(data)
        if self._whole is not None:
            self._note_head(self._whole, data, between)
        exchange, cycle = self._arriving, self.cycle
        if self._in_head:
            self._of_head += len(data)
            if self._of_head > MOST_HEAD:
                self._too_long()
        if exchange is not None:
            if exchange.overdue is None:
                exchange.overdue = self.loop.call_later(decisions_route.BODY_SECONDS, self._too_slow, exchange)
        elif self._silence is None and (cycle is None or cycle.response_complete):
            self._silence = self.loop.call_later(HEAD_SECONDS, self._too_silent)

    def _known_head(self, data: bytes) -> bool:
        """Whether these bytes are one whole request under a head that is known; then it is on its way."""
        end = data.find(_HEAD_END) + len(_HEAD_END)
        known = self._heads.get(data[:end])
        if known is None or len(data) - end != known[2] or self._busy():
            return False
        self._unset_keepalive_if_required()
        self._heard()
        exchange = Exchange(known[0], known[1], True, monotonic(), data[end:])
        self.cycle = cast(Any, exchange)
        self._start(self._decide(exchange))
        return True

    def _note_head(self, exchange: Exchange, data: bytes, between: bool) -> None:
        """The parser stands behind a plain request; its head is known when `data` is that request and nothing else."""
        self._whole, self._between = None, exchange.keep_alive
        end = data.find(_HEAD_END) + len(_HEAD_END)
        if between and exchange.keep_alive and end <= LONGEST_KNOWN and len(data) == end + len(exchange.body):
            exchange.head = data[:end]

    def _remember(self, exchange: Exchange) -> None:
        """A head under which an answer was given: strangers' heads are not kept."""
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[exchange.head] = (exchange.path, exchange.caller, len(exchange.body))

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone; what was already being decided is recorded all the same."""
        self._arrived()
        self._heard()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins; what ASGI wants of it is made only when it turns out to be for ASGI."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head, self._of_head = True, 0
        self._whole = None

    def on_headers_complete(self) -> None:
        """The head is there: which way does this request go? Trailers after a chunked body are let fall."""
        self._in_head = False
        self._heard()
        exchange = self._plain()
        if exchange is not None:
            self._arriving = exchange
            self.cycle = cast(Any, exchange)
            return
        url, headers, expecting = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expecting
        self.headers.extend(headers)
        super().on_headers_complete()
        self.headers = cast(Any, deque(maxlen=0))

    def on_body(self, body: bytes) -> None:
        """A piece of the body; most come in one."""
        exchange = self._arriving
        if exchange is None:
            super().on_body(body)
        elif exchange.body:
            exchange.body = bytearray(exchange.body) if isinstance(exchange.body, bytes) else exchange.body
            exchange.body += body
        else:
            exchange.body = body

    def on_message_complete(self) -> None:
        """The request is whole."""
        exchange = self._arrived()
        if exchange is None:
            super().on_message_complete()
        else:
            self._whole = exchange
            self._start(self._decide(exchange))

    def _plain(self) -> Exchange | None:
        """The exchange of a request that needs nothing of ASGI; None for any other."""
        url, parser = self.url, self.parser
        if not (url.endswith(_SUFFIX) and url.startswith(_PREFIX) and parser.get_method() == b"POST"):
            return None
        path = url.decode("latin-1")
        if not (is_decision_path(path) and _SIMPLE_PATH(path)) or self._busy() or not self._known_length():
            return None
        if parser.get_http_version() != "1.1" or parser.should_upgrade():
            return None
        return Exchange(path, caller_of(self.headers), parser.should_keep_alive(), monotonic())

    def _busy(self) -> bool:
        """Whether another request of this connection is in hand, or the server has as much as it takes."""
        most, cycle = self.limit_concurrency, self.cycle
        if cycle is not None and not cycle.response_complete:
            return True
        return most is not None and (len(self.connections) >= most or len(self.tasks) >= most)

    def _known_length(self) -> bool:
        """Whether the body has a length that may be read; the parser refused lengths that contradict."""
        length = -1
        for name, value in self.headers:
            if name in _UNUSUAL:
                return False
            if name == b"content-length":
                length = int(value)
        return 0 <= length <= MAX_BODY

    def _arrived(self) -> Exchange | None:
        """Nothing more of the request in hand is waited for."""
        exchange, self._arriving = self._arriving, None
        if exchange is not None and exchange.overdue is not None:
            exchange.overdue.cancel()
        return exchange

    def _heard(self) -> None:
        """A head is there, or nobody is."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _too_silent(self) -> None:
        self._silence = None
        self.transport.close()

    def _too_long(self) -> None:
        """The head is not read on, and nothing of it is kept."""
        self._in_head, self.url, self.headers = False, b"", []
        if not self.transport.is_closing():
            said = [*self.server_state.default_headers, (b"content-length", b"0"), (b"connection", b"close")]
            head = b"".join(b"%b: %b\r\n" % each for each in said)
            self.transport.write(STATUS_LINE[431] + head + b"\r\n")
            self.transport.close()

    def _too_slow(self, exchange: Exchange) -> None:
        if self._arriving is exchange:
            self._arriving = None
            self._start(self._turn_away(exchange))

    def _start(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _decide(self, exchange: Exchange) -> None:
        body = exchange.body if isinstance(exchange.body, bytes) else bytes(exchange.body)
        status, reply, wait = await self._decisions.answer(exchange.path, exchange.caller, body, exchange.arrived)
        await self._respond(exchange, status, reply, wait)

    async def _turn_away(self, exchange: Exchange) -> None:
        refuse, caller = self._decisions.refuse, exchange.caller
        status, reply, wait = await refuse(exchange.path, caller, 408, TOO_SLOW, exchange.arrived)
        exchange.keep_alive = False
        await self._respond(exchange, status, reply, wait)

    async def _respond(self, exchange: Exchange, status: int, reply: bytes, wait: int) -> None:
        if exchange.disconnected:
            return
        if self.flow.write_paused:
            await self.flow.drain()
        if exchange.head and status == 200:
            self._remember(exchange)
        if status == 200 and exchange.keep_alive and not self.server_state.default_headers:
            self.transport.write(_OK % (len(reply), reply))
        else:
            self.transport.write(self._head(exchange, status, len(reply), wait) + reply)
        exchange.response_complete = True
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _head(self, exchange: Exchange, status: int, length: int, wait: int) -> bytes:
        said = [*self.server_state.default_headers, *response_headers(status, length, wait)]
        if not exchange.keep_alive and all(name != b"connection" for name, _ in said):
            said.append((b"connection", b"close"))
        return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % each for each in said) + b"\r\n"
