"""An MLflow tracking server's registry over its REST API: which version a name stands for, and the bytes of its files.

Endpoints as in MLflow's REST API 2.0 (docs/rest-api: registered-models, model-versions, runs, logged-models) and its
artifact proxy (mlflow-artifacts). Nothing is written there. Redirects are not followed, and the place must be allowed.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from bedrail.core.errors import NOT_JSON, Invalid, NotFound, Refused, Unavailable
from bedrail.core.registries import Found, ModelUri
from bedrail.wire.egress import Permit, PlainConnection, TlsConnection

MOST_BYTES = 256 * 1024 * 1024
MOST_JSON = 4 * 1024 * 1024
BUDGET_SECONDS = 10.0

_API = "/api/2.0/mlflow/"
_FILES = "/api/2.0/mlflow-artifacts/artifacts"
_REMEDY = "Look whether the MLflow server runs and this machine reaches it."


class MlflowRegistry:
    """A `core.registries.ModelRegistry` of an MLflow server."""

    def __init__(
        self,
        address: str,
        *,
        permit: Permit,
        token: str = "",
        tls: Callable[[str], ssl.SSLContext] = lambda _: ssl.create_default_context(),
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        """Raises `Invalid` for no http or https address, `Refused` for a place that nobody allowed.

        `token` is sent as a bearer token, and over an encrypted connection or to this machine alone.
        """
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            raise _no_address() from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise _no_address()
        self._host, self._port = parts.hostname, port or (443 if parts.scheme == "https" else 80)
        self._network = permit(self._host, self._port)
        if not self._network:
            raise Refused(
                f"nobody allowed a registry to be asked at {self._host}:{self._port}.",
                remedy=f"The security officer does: bedrail egress allow {self._host}:{self._port} --reason ...",
            )
        if parts.scheme == "http" and self._network != "loopback":
            raise Refused("a model's bytes come over an encrypted connection only.", remedy="Give an https address.")
        self._tls = tls(self._host) if parts.scheme == "https" else None
        self._prefix, self._token, self._budget = parts.path.rstrip("/"), token, budget_seconds
        self.address = f"{parts.scheme}://{parts.netloc}{self._prefix}"

    def find(self, uri: ModelUri) -> Found:
        """What the URI stands for now."""
        if uri.model:
            return self._logged(uri.model)
        if uri.run:
            return self._of_run(uri)
        if uri.alias:
            told = self._api("registered-models/alias", name=uri.name, alias=uri.alias)
        else:
            told = self._api("model-versions/get", name=uri.name, version=uri.version)
        version = _text(told, "model_version", "version")
        place = self._api("model-versions/get-download-uri", name=uri.name, version=version)
        return Found(name=uri.name, version=version, location=_location(_text(place, "artifact_uri")))

    def files(self, found: Found) -> tuple[str, ...]:
        """The names of the files that lie there."""
        told = self._json(f"{_FILES}?{urlencode({'path': found.location})}")
        listed = told.get("files", [])
        if not isinstance(listed, list):
            raise _nonsense()
        return tuple(_text(each, "path") for each in listed if isinstance(each, dict) and not each.get("is_dir"))

    def read(self, found: Found, file: str) -> bytes:
        """One of them, whole."""
        return self._get(f"{_FILES}/{quote(found.location)}/{quote(file)}", MOST_BYTES)

    def _of_run(self, uri: ModelUri) -> Found:
        told = self._api("runs/get", run_id=uri.run)
        run = told.get("run", {})
        outputs = run.get("outputs", {}) if isinstance(run, dict) else {}
        for output in outputs.get("model_outputs", []) if isinstance(outputs, dict) else []:
            model = self._api(f"logged-models/{quote(_text(output, 'model_id'), safe='')}")
            if _text(model, "model", "info", "name") == uri.path:
                return Found(location=_location(_text(model, "model", "info", "artifact_uri")))
        return Found(location=f"{_location(_text(told, 'run', 'info', 'artifact_uri'))}/{uri.path}")

    def _logged(self, model: str) -> Found:
        told = self._api(f"logged-models/{model}")
        return Found(location=_location(_text(told, "model", "info", "artifact_uri")))

    def _api(self, path: str, **query: str) -> dict[str, Any]:
        return self._json(f"{_API}{path}" + (f"?{urlencode(query)}" if query else ""))

    def _json(self, path: str) -> dict[str, Any]:
        try:
            told = msgspec.json.decode(self._get(path, MOST_JSON))
        except NOT_JSON:
            raise _nonsense() from None
        if not isinstance(told, dict):
            raise _nonsense()
        return told

    def _get(self, path: str, most: int) -> bytes:
        connection = self._connection()
        said = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            connection.request("GET", f"{self._prefix}{path}", headers={"Accept": "*/*", **said})
            with connection.getresponse() as response:
                data = response.read(most + 1)
                if response.length and len(data) <= most:
                    raise http.client.IncompleteRead(b"")
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("the model registry does not answer.", remedy=_REMEDY) from error
        finally:
            connection.close()
        if response.status == http.client.NOT_FOUND:
            raise NotFound("the registry has no such model, version, alias or file.", path="uri", remedy="Check it.")
        if response.status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            raise Refused("the registry lets nobody in without a right.", remedy="Set BEDRAIL_MLFLOW_TOKEN.")
        if response.status != http.client.OK:
            raise Unavailable(f"the registry answered with status {response.status}.", remedy=_REMEDY)
        if len(data) > most:
            raise Invalid("the file is larger than a model may be.", path="uri", remedy="Log the model without data.")
        return data

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return PlainConnection(self._host, self._port, self._network, self._budget)
        return TlsConnection(self._host, self._port, self._network, self._budget, self._tls)


def _location(uri: str) -> str:
    """The path of an artifact URI that the server itself serves; raises `Invalid` for one that lies elsewhere."""
    parts = urlsplit(uri)
    path = parts.path.strip("/")
    if parts.scheme != "mlflow-artifacts" or not path or ".." in path.split("/"):
        raise Invalid(
            "the registry does not serve this model's files itself.",
            path="uri",
            remedy="Start the MLflow server with --serve-artifacts and --artifacts-destination.",
        )
    return path


def _text(told: Any, *path: str) -> str:
    for key in path:
        told = told.get(key) if isinstance(told, dict) else None
    if not isinstance(told, str) or not told:
        raise _nonsense()
    return told


def _nonsense() -> Unavailable:
    return Unavailable(
        "the registry's answer cannot be understood.", remedy="Is this an MLflow server of version 2.9+?"
    )


def _no_address() -> Invalid:
    return Invalid(
        "this is no address of a registry.", path="--registry", remedy="Give it as https://mlflow.example:5000."
    )
