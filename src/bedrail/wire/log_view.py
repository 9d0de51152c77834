"""A server's ledger as its public hashes tell it: the signed checkpoint and the level-0 tiles, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from bedrail.core.errors import Unavailable
from bedrail.ledger.guard import checkpoint_in
from bedrail.ledger.tiles import WIDTH, spans, tile_path
from bedrail.wire.witness import ask_witness


class HttpView:
    """`ledger.receipts.View` of the server at this address; every tile is fetched once, in order."""

    def __init__(self, url: str) -> None:
        """Fetches the checkpoint (unverified); raises `Unavailable` or `Invalid`."""
        self._url = url.rstrip("/")
        self.checkpoint = self._fetch("checkpoint")
        self._size = checkpoint_in(self.checkpoint).size
        self._tile: tuple[int, bytes] = (-1, b"")

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        """Leaf hashes of [start, stop), as far as the server has them."""
        found: list[bytes] = []
        for index, width in spans(min(stop, self._size), start):
            whole = min(WIDTH, self._size - index * WIDTH)
            if self._tile[0] != index:
                self._tile = (index, self._fetch(tile_path(0, index, whole)))
            data = self._tile[1]
            hashes = [data[at : at + 32] for at in range(0, len(data), 32)]
            found += hashes[max(0, start - index * WIDTH) : width]
        return found

    def _fetch(self, path: str) -> bytes:
        status, _, body = ask_witness("GET", f"{self._url}/log/{path}")
        if status != 200:
            raise Unavailable(
                f"The server answers {status} for its log.", remedy="Give the address that serves Bedrail."
            )
        return body
