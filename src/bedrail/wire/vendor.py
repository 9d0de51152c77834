"""A vendor's model behind an HTTP endpoint: one question, one probability, within a time budget.

We POST `{"features": {name: value, ...}}` (contract units, imputed) as JSON and expect `{"probability": p}` with p in
[0, 1]. Whatever else happens (no connection, too slow, another status, a redirect, too much or other content) is
`Unavailable`, and nothing of question or answer is repeated in the error.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from bedrail.core.errors import Invalid, Unavailable
from bedrail.models.contract import Raw

MOST_BYTES = 65_536
BUDGET_SECONDS = 0.2

_encode = msgspec.json.Encoder().encode
_REMEDY = "Use clinical judgement, and ask the vendor."


class Told(msgspec.Struct):
    """A vendor's answer; further fields are left alone."""

    probability: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


_answer = msgspec.json.Decoder(Told)


class VendorScorer:
    """A `models.predict.RemoteScorer` over HTTP. It blocks, so the bedside calls it in threads of its own.

    One connection is kept per thread; a connection that the vendor closed meanwhile is opened again once.
    """

    def __init__(self, endpoint: str, budget_seconds: float = BUDGET_SECONDS) -> None:
        """Raises `Invalid` unless `endpoint` is an http or https address without user name or password."""
        try:
            parts = urlsplit(endpoint)
            port = parts.port
        except ValueError:  # a bracket or a port that is none
            raise _no_address() from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise _no_address()
        self._connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = parts.hostname, port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._budget = budget_seconds
        self._kept = threading.local()

    def __call__(self, features: Mapping[str, Raw]) -> float:
        """The raw probability of one encounter; raises `Unavailable`."""
        body = _encode({"features": dict(features)})
        try:
            status, answer = self._ask(body)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise Unavailable("the vendor's model does not answer.", remedy=_REMEDY) from error
        if status != 200:
            raise Unavailable(f"the vendor's model answered with status {status}.", remedy=_REMEDY)
        try:
            return _answer.decode(answer).probability
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise Unavailable("the vendor's model gave no probability.", remedy=_REMEDY) from None

    def close(self) -> None:
        """Close this thread's connection."""
        self._drop()

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            try:
                return self._exchange(kept, body)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                self._drop()
        fresh = self._connection(self._host, self._port, timeout=self._budget)
        self._kept.connection = fresh
        return self._exchange(fresh, body)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read(MOST_BYTES + 1)
        if len(answer) > MOST_BYTES or response.will_close:
            self._drop()
        return response.status, answer if len(answer) <= MOST_BYTES else b""

    def _drop(self) -> None:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            kept.close()
            self._kept.connection = None


def _no_address() -> Invalid:
    return Invalid(
        "this is no address of an endpoint.", path="endpoint", remedy="Give it as https://vendor.example/score."
    )


def vendor_scorer(endpoint: str, budget_seconds: float = BUDGET_SECONDS) -> VendorScorer:
    """The scorer of an endpoint; nothing is asked yet. Raises `Invalid` for an address that is none."""
    return VendorScorer(endpoint, budget_seconds)
