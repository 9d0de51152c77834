"""What many callers are refused with is one object: it keeps nothing of those who were refused before."""

from __future__ import annotations

import asyncio
import traceback

import msgspec
import pytest
from starlette.requests import Request

from bedrail.core.errors import Invalid
from bedrail.web.api import _read
from bedrail.web.decisions_route import MAX_BODY, NOT_JSON, TOO_LARGE


@pytest.mark.parametrize(("kind", "size", "refusal"), [
    ("text/plain", 2, NOT_JSON), ("application/json", MAX_BODY + 1, TOO_LARGE),
])  # fmt: skip
def test_a_refusal_does_not_gather_the_frames_of_all_who_were_refused(kind: str, size: int, refusal: Invalid) -> None:
    """A hundred refusals leave as much behind as one."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * size, "more_body": False}

    async def ask() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", kind.encode())]}
        with pytest.raises(Invalid) as refused:
            await _read(Request(scope, receive), msgspec.json.Decoder(dict), dict)
        assert refused.value is refusal

    depths = []
    for _ in range(100):
        asyncio.run(ask())
        depths.append(len(traceback.extract_tb(refusal.__traceback__)))
    assert depths[-1] == depths[0]
