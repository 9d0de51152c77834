"""A witness as an HTTP process of its own: `add-checkpoint` of https://c2sp.org/tlog-witness, and its own latest view.

    python -m bedrail.web.witness --folder FOLDER --port PORT

POST /add-checkpoint        cosign a checkpoint, or say why not (400, 403, 404, 409, 422)
GET  /checkpoint/<sha256>   the latest cosigned checkpoint of the log whose origin hashes to this (hex), for monitors
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from bedrail.core.errors import BedrailError
from bedrail.journeys.witnessing import WitnessDesk
from bedrail.ledger.witness import MOST_BYTES, SIZE_TYPE, Judged
from bedrail.web.decisions_route import Receive, Scope, Send, body_time, read_body

MOST_CONNECTIONS = 200
MOST_IDLE_SECONDS = 120
"""Logs ask once a minute at least, over a connection that they keep."""

_PLAIN = "text/plain; charset=utf-8"
_VIEW = re.compile(r"/checkpoint/([0-9a-f]{64})\Z")


class OpenedWitness(Protocol):
    """A witness's folder, as `app` opens it."""

    @property
    def desk(self) -> WitnessDesk:
        """Judges and cosigns."""
        ...

    def origins(self) -> Sequence[str]:
        """The logs that are trusted."""
        ...


class WitnessApplication:
    """The ASGI application."""

    def __init__(self, witness: OpenedWitness) -> None:
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] != "http":
            await _lifespan(receive, send)
            return
        try:
            status, kind, body = await self._answer(scope, receive)
        except TimeoutError:
            status, kind, body = 408, _PLAIN, "the request did not arrive in time\n"
        except BedrailError as error:
            status, kind, body = 503, _PLAIN, f"{error.message}\n"
        await _respond(send, status, kind, body.encode())

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str, str]:
        if scope["path"] == "/add-checkpoint":
            if scope["method"] != "POST":
                return 405, _PLAIN, "POST only\n"
            async with body_time():
                body = await read_body(receive, MOST_BYTES)
            if body is None:
                return 413, _PLAIN, f"at most {MOST_BYTES} bytes\n"
            judged, lines = await asyncio.to_thread(self._witness.desk.add_checkpoint, body)
            return _told(judged, lines)
        view = _VIEW.match(scope["path"])
        if view and scope["method"] == "GET":
            for origin in await asyncio.to_thread(self._witness.origins):
                if sha256(origin.encode()).hexdigest() == view[1]:
                    note = await asyncio.to_thread(self._witness.desk.memory.latest, origin)
                    if note is not None:
                        return 200, _PLAIN, note.decode()
        return 404, _PLAIN, "there is nothing here\n"


def _told(judged: Judged, lines: str) -> tuple[int, str, str]:
    if judged.status == 200:
        return 200, _PLAIN, lines
    if judged.size is not None:
        return judged.status, SIZE_TYPE, f"{judged.size}\n"
    return judged.status, _PLAIN, f"{judged.why}\n"


async def _respond(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def main() -> None:
    """Open the witness's folder and serve until stopped."""
    import uvicorn

    from bedrail.app import open_witness

    parser = argparse.ArgumentParser(prog="bedrail.web.witness")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    given = parser.parse_args()
    witness = open_witness(given.folder)
    try:
        uvicorn.Server(
            uvicorn.Config(
                WitnessApplication(witness),
                host=given.host,
                port=given.port,
                ws="none",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=10,
                timeout_keep_alive=MOST_IDLE_SECONDS,
                limit_concurrency=MOST_CONNECTIONS,
            )
        ).run()
    finally:
        witness.close()


if __name__ == "__main__":
    main()
