"""The ledger's public hashes, for monitors: the newest checkpoint and the level-0 tiles; not one entry among them."""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedrail.core.ports import Tape
from bedrail.ledger.tiles import WIDTH, tile_path
from bedrail.web import api
from bedrail.web.problems import problem

_PATH = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")


def routes(tape: Tape) -> list[Route]:
    """GET /log/checkpoint and GET /log/tile/0/... (https://c2sp.org/tlog-tiles)."""

    async def checkpoint(_: Request) -> Response:
        head = await asyncio.to_thread(tape.head)
        headers = {"cache-control": "no-store"}
        return Response(head.checkpoint, 200, headers, "text/plain; charset=utf-8")

    async def tile(request: Request) -> Response:
        found = _PATH.match(request.path_params["tile"])
        if found is None:
            return _nothing()
        index = int(found[1].replace("x", "").replace("/", ""))
        width = int(found[2] or WIDTH)
        start = index * WIDTH
        if width > WIDTH or (found[2] and width == WIDTH) or tile_path(0, index, width) != f"tile/0/{found[0]}":
            return _nothing()
        leaves = await asyncio.to_thread(tape.leaves, start, start + width)
        if len(leaves) != width:
            return _nothing()
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(b"".join(leaves), 200, headers, "application/octet-stream")

    return [
        Route("/log/checkpoint", api.answering(checkpoint), methods=["GET"]),
        Route("/log/tile/0/{tile:path}", api.answering(tile), methods=["GET"]),
    ]


def _nothing() -> Response:
    return Response(problem(404, "there is no such tile.", path="url"), 404, media_type="application/problem+json")
