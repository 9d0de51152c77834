"""The MLflow adapter against answers that no MLflow server gives: each is an error of the house, and nothing leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from bedrail.core.errors import BedrailError, Invalid, NotFound, Refused, Unavailable
from bedrail.core.registries import Found, parse_uri
from bedrail.models.mlflow_files import flavours_of, readable
from bedrail.wire.mlflow import MlflowRegistry


class Liar(ThreadingHTTPServer):
    """Says what it is told to; remembers what it was asked."""

    status, body, headers = 200, b"{}", {}  # type: ignore[var-annotated]
    daemon_threads = True


class Lies(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(server.status)
        for name, value in {"Content-Length": str(len(server.body)), **server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, *words: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def liar() -> Iterator[Any]:
    server: Any = Liar(("127.0.0.1", 0), Lies)
    server.asked = []
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def registry(server: Any, token: str = "") -> MlflowRegistry:
    return MlflowRegistry(f"http://127.0.0.1:{server.server_port}", permit=lambda *_: "loopback", token=token)


@pytest.mark.parametrize(
    ("status", "body", "headers", "error"),
    [
        (200, b"<html>", {}, Unavailable),
        (200, b"[]", {}, Unavailable),
        (200, b'{"model_version": {"version": 3}}', {}, Unavailable),
        (200, b"[" * 100_000, {}, Unavailable),
        (200, b"{}", {"Content-Length": "999"}, Unavailable),
        (302, b"", {"Location": "http://elsewhere.example/"}, Unavailable),
        (404, b"{}", {}, NotFound),
        (401, b"{}", {}, Refused),
        (500, b"a traceback", {}, Unavailable),
    ],
)
def test_whatever_a_server_says_is_an_error_with_a_remedy(
    liar: Any, status: int, body: bytes, headers: dict[str, str], error: type[BedrailError]
) -> None:
    """No JSON, another shape, cut off, elsewhere, refused, broken: said, never followed, nothing repeated of it."""
    liar.status, liar.body, liar.headers = status, body, headers
    with pytest.raises(error) as caught:
        registry(liar).find(parse_uri("models:/risk/3"))
    assert caught.value.remedy
    assert "traceback" not in str(caught.value)
    assert len(liar.asked) == 1


@pytest.mark.parametrize(
    "place", ["file:///etc", "s3://bucket/model", "mlflow-artifacts:/a/../../b", "", "mlflow-artifacts:/"]
)
def test_files_that_lie_elsewhere_are_not_fetched(liar: Any, place: str) -> None:
    """Only what the server itself serves is read, and no path leads out of it."""
    liar.body = json.dumps({"model_version": {"version": "3"}, "artifact_uri": place}).encode()
    with pytest.raises((Invalid, Unavailable)):
        registry(liar).find(parse_uri("models:/risk/3"))


def test_the_token_goes_to_allowed_places_alone(liar: Any) -> None:
    """A bearer token; addresses with credentials, other schemes, plain text across a network are refused."""
    registry(liar, "s3cret").files(Found(location="0/x"))
    assert liar.asked == [("/api/2.0/mlflow-artifacts/artifacts?path=0%2Fx", "Bearer s3cret")]
    for address in ("ftp://mlflow.example", "https://user:pw@mlflow.example", "https://[", "nonsense"):
        with pytest.raises(Invalid):
            MlflowRegistry(address, permit=lambda *_: "public")
    with pytest.raises(Refused, match="encrypted"):
        MlflowRegistry("http://mlflow.example:5000", permit=lambda *_: "private")
    with pytest.raises(Refused, match="nobody allowed"):
        MlflowRegistry("https://mlflow.example", permit=lambda *_: "")


def test_an_mlmodel_that_leads_elsewhere_is_not_followed() -> None:
    """Paths out of the folder, files that are not there, formats by another name, no flavours at all: refused."""
    good = "flavors:\n  lightgbm:\n    data: model.lgb\n"
    assert readable(good, ["MLmodel", "model.lgb"]).format == "lightgbm"
    for data in ("../model.lgb", "/etc/model.lgb", "model.pkl", "a/model.lgb"):
        text = good.replace("model.lgb", data)
        with pytest.raises(Refused, match="without running code"):
            readable(text, ["MLmodel", "model.lgb", data])
    with pytest.raises(Refused):
        readable(good, ["MLmodel"])
    for text in ("", "flavors:\n", "a: b\n", "\x00", "  lightgbm:\n    data: model.lgb\n"):
        with pytest.raises(Invalid, match="no MLmodel"):
            flavours_of(text)
