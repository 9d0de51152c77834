"""A vendor's model behind an HTTP endpoint: one question, one probability, within a time budget.

We POST `{"features": {name: value, ...}}` (contract units, imputed) as JSON and expect `{"probability": p}` with p in
[0, 1]. Whatever else happens (no connection, too slow, another status, a redirect, too much or other content) is
`Unavailable`, and nothing of question or answer is repeated in the error. Redirects are never followed.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.models.contract import Raw
from bedrail.wire.egress import Forbidden, Permit, PlainConnection, TlsConnection

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

    One connection is kept per thread; a connection that the vendor closed meanwhile is opened again once. Whether the
    place may be asked is asked before every question: a place that was closed gets no more.
    """

    def __init__(
        self,
        endpoint: str,
        budget_seconds: float = BUDGET_SECONDS,
        *,
        permit: Permit,
        tls: Callable[[str], ssl.SSLContext] = lambda _: ssl.create_default_context(),
    ) -> None:
        """Raises `Invalid` for what is no http or https address, `Refused` for a place that nobody allowed.

        `tls` gives the context for a host: which authorities are believed, and our own certificate where one is asked.
        """
        try:
            parts = urlsplit(endpoint)
            port = parts.port
        except ValueError:  # a bracket or a port that is none
            raise _no_address() from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise _no_address()
        self._host, self._port = parts.hostname, port or (443 if parts.scheme == "https" else 80)
        self._permit, self._budget = permit, budget_seconds
        network = permit(self._host, self._port)
        if not network:
            raise Refused(
                f"nobody allowed models to be asked at {self._host}:{self._port}.",
                remedy=f"The security officer does: bedrail egress allow {self._host}:{self._port} --reason ...",
            )
        if parts.scheme == "http" and network != "loopback":
            raise Refused("patients' data leave this machine encrypted only.", remedy="Give an https address.")
        self._tls = tls(self._host) if parts.scheme == "https" else None
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
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
        network = self._permit(self._host, self._port)
        if not network:
            raise Forbidden("the place was closed")
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            try:
                return self._exchange(kept, body)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                self._drop()
        fresh = self._connection(network)
        self._kept.connection = fresh
        return self._exchange(fresh, body)

    def _connection(self, network: str) -> http.client.HTTPConnection:
        if self._tls is None:
            return PlainConnection(self._host, self._port, network, self._budget)
        return TlsConnection(self._host, self._port, network, self._budget, self._tls)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read(MOST_BYTES + 1)
        if response.length and len(answer) <= MOST_BYTES:
            raise http.client.IncompleteRead(b"")  # `read` with a limit does not say so itself
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
