"""A FHIR server as a source: page by page (FHIR R4 search), or by its bulk export (Bulk Data Access 2.0).

Patients' data travel by https only, but for this machine. Links that the server gives are followed to the server itself
alone; redirects never. The token goes to no other host.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from bedrail.core.errors import Invalid, Refused, Unavailable
from bedrail.data.sampling import Batch, Flow
from bedrail.data.sources.fhir import Resource, batches, is_resource, key_of, unbundled
from bedrail.wire.webhook import LOOPBACK

SECONDS = 60.0
MOST_PAGE = 128 * 2**20
MOST_LINE = 64 * 2**20
PAGE = 200
LONGEST_WAIT = 60.0
"""Seconds between two questions whether an export is ready, whatever the server wishes."""

MOST_WAITS = 500
_OK, _ACCEPTED, _BUSY = 200, 202, 429


class _Answer:
    """An open answer and the connection to close after it."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self.connection, self.response = connection, response

    def __enter__(self) -> http.client.HTTPResponse:
        return self.response

    def __exit__(self, *_: object) -> None:
        self.connection.close()


class FhirServer:
    """Reads one server. `token` is a bearer token, `pause` waits for so many seconds."""

    def __init__(
        self,
        address: str,
        *,
        token: str = "",
        pause: Callable[[float], None],
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """Raises `Invalid` for no address, `Refused` for plain http to another machine."""
        self.base, self._token, self._pause, self._tls = address.rstrip("/") + "/", token, pause, tls
        self._place(self.base)

    def resources(self, kind: str, limit: int, notes: list[str]) -> Iterator[Resource]:
        """The resources of one type by search, following `next` links, up to `limit`; raises `Unavailable`."""
        url, count = f"{self.base}{kind}?{urlencode({'_count': PAGE})}", 0
        seen: set[str] = set()
        while url and count < limit and url not in seen:
            seen.add(url)
            bundle = self._json(url)
            for each in unbundled(bundle) if is_resource(bundle) else ():
                if each.get("resourceType") != "OperationOutcome":
                    count += 1
                    yield each
            url = self._next(bundle, url, notes)

    def kinds(self) -> list[str]:
        """The resource types that the server says it can search (CapabilityStatement)."""
        said = self._json(self.base + "metadata")
        found = []
        for rest in said.get("rest", ()) if isinstance(said, dict) else ():
            for each in rest.get("resource", ()):
                codes = {one.get("code") for one in each.get("interaction", ())}
                if not codes or "search-type" in codes:
                    found.append(str(each.get("type", "")))
        kinds = sorted({name for name in found if name.isalpha()})
        if not kinds:
            raise Unavailable("the server names no resource types.", remedy="Is this the base address of FHIR R4?")
        return kinds

    def exported(self, level: str, notes: list[str]) -> Iterator[Resource]:
        """Everything, by bulk export of `system`, `patient` or `group/ID`; the files are taken line by line.

        The export is deleted on the server afterwards. Raises `Unavailable`.
        """
        path = {"system": "$export", "patient": "Patient/$export"}.get(
            level
        ) or f"Group/{level.partition('/')[2]}/$export"
        status = self._kick_off(f"{self.base}{path}?{urlencode({'_outputFormat': 'application/fhir+ndjson'})}")
        try:
            manifest = self._wait(status)
            for each in manifest.get("output", ()):
                yield from self._lines(str(each.get("url", "")), bool(manifest.get("requiresAccessToken")), notes)
            if manifest.get("error"):
                notes.append(f"the export left {len(manifest['error'])} files of errors")
        finally:
            try:
                with self._ask(status, method="DELETE") as response:
                    response.read(65_536)
            except Unavailable:
                notes.append("the export could not be deleted on the server")

    def _kick_off(self, url: str) -> str:
        with self._ask(url, prefer="respond-async") as response:
            if response.status != _ACCEPTED:
                raise Unavailable(
                    f"the server does not begin an export (status {response.status}).", remedy="Scan it page by page."
                )
            status = urljoin(url, response.getheader("Content-Location") or "")
        self._own(status)
        return status

    def _wait(self, status: str) -> dict[str, Any]:
        for _ in range(MOST_WAITS):
            with self._ask(status) as response:
                if response.status in (_ACCEPTED, _BUSY):
                    said = response.getheader("Retry-After") or ""
                    response.read(65_536)
                    wait = min(float(said), LONGEST_WAIT) if said.isdigit() else 1.0
                elif response.status == _OK:
                    manifest = _decoded(response.read(MOST_PAGE + 1))
                    return manifest if isinstance(manifest, dict) else {}
                else:
                    raise Unavailable(
                        f"the export failed (status {response.status}).", remedy="Ask the server's keepers."
                    )
            self._pause(wait)
        raise Unavailable("the export is not ready.", remedy="Try again later.")

    def _lines(self, url: str, token: bool, notes: list[str]) -> Iterator[Resource]:
        """The resources of one exported file; files may lie elsewhere (signed addresses), but get no token there."""
        own = self._same(url)
        if not own and token:
            notes.append("a file of the export lies on another server and needs the token: not read")
            return
        wrong = 0
        with self._ask(url, token=own, accept="application/fhir+ndjson") as response:
            if response.status != _OK:
                notes.append(f"a file of the export cannot be read (status {response.status})")
                return
            try:
                while line := response.readline(MOST_LINE):
                    if line.strip():
                        made = _decoded(line, lenient=True)
                        if isinstance(made, dict) and is_resource(made):
                            yield made
                        else:
                            wrong += 1
            except (OSError, http.client.HTTPException):
                notes.append("a file of the export was cut short")
        if wrong:
            notes.append(f"{wrong} lines of the export are no resources")

    def _next(self, bundle: Any, url: str, notes: list[str]) -> str:
        links = bundle.get("link", ()) if isinstance(bundle, dict) else ()
        following = next((str(each.get("url", "")) for each in links if each.get("relation") == "next"), "")
        if not following:
            return ""
        whole = urljoin(url, following)
        if not self._same(whole):
            notes.append("the next page is said to lie on another server: not read")
            return ""
        return whole

    def _same(self, url: str) -> bool:
        one, other = urlsplit(self.base), urlsplit(url)
        return (one.scheme, one.hostname, _port(one)) == (other.scheme, other.hostname, _port(other))

    def _own(self, url: str) -> None:
        if not self._same(url):
            raise Unavailable("the server points to another one.", remedy="Ask the server's keepers.")

    def _json(self, url: str) -> Any:
        with self._ask(url) as response:
            if response.status != _OK:
                raise Unavailable(
                    f"the FHIR server answered with status {response.status}.",
                    remedy="Check the address and the token (--secret-file or BEDRAIL_FHIR_TOKEN).",
                )
            return _decoded(response.read(MOST_PAGE + 1))

    def _place(self, url: str) -> tuple[str, str, int]:
        try:
            parts = urlsplit(url)
            port = _port(parts)
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise Invalid("this is no address of a FHIR server.", path="target", remedy="https://fhir.example/r4")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise Refused("patients' data travel encrypted only.", remedy="Give an https address.")
        return parts.scheme, parts.hostname, port

    def _ask(
        self,
        url: str,
        *,
        method: str = "GET",
        token: bool = True,
        prefer: str = "",
        accept: str = "application/fhir+json, application/json",
    ) -> _Answer:
        scheme, host, port = self._place(url)
        parts = urlsplit(url)
        headers = {"Accept": accept, "User-Agent": "bedrail"}
        if self._token and token:
            headers["Authorization"] = f"Bearer {self._token}"
        if prefer:
            headers["Prefer"] = prefer
        connection = (
            http.client.HTTPSConnection(host, port, timeout=SECONDS, context=self._tls())
            if scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=SECONDS)
        )
        try:
            connection.request(
                method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers
            )
            return _Answer(connection, connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unavailable(
                f"the FHIR server does not answer ({type(error).__name__}).", remedy="Check the address."
            ) from None


class FhirSource:
    """A FHIR server for the catalogue: `export` is empty (page by page), `system`, `patient` or `group/ID`.

    `kinds` limits the resource types.
    """

    def __init__(self, server: FhirServer, *, kinds: tuple[str, ...] = (), export: str = "") -> None:
        self._server, self._kinds, self._export = server, kinds, export

    @property
    def target(self) -> str:
        """The base address."""
        return self._server.base.rstrip("/")

    @property
    def whole(self) -> bool:
        """Whether every type is looked at."""
        return not self._kinds and self._export in ("", "system")

    def flows(self, seed: int) -> tuple[list[Flow], list[str]]:  # noqa: ARG002 (a server gives its own order)
        """A flow for each resource type; one for a whole export, in which types may come mixed."""
        if self._export:
            return [Flow(label="bulk export", read=self._read_export)], []
        kinds = list(self._kinds) or self._server.kinds()
        return [
            Flow(label=kind, read=partial(self._read, kind), keys=(key_of(kind, self.target),)) for kind in kinds
        ], []

    def _read(self, kind: str, limit: int, notes: list[str]) -> Iterator[Batch]:
        yield from batches(self._server.resources(kind, limit, notes), self.target, limit)

    def _read_export(self, limit: int, notes: list[str]) -> Iterator[Batch]:
        resources = self._server.exported(self._export, notes)
        if self._kinds:
            resources = (each for each in resources if each.get("resourceType") in self._kinds)
        yield from batches(resources, self.target, limit)


def _port(parts: Any) -> int:
    return int(parts.port or (443 if parts.scheme == "https" else 80))


def _decoded(data: bytes, *, lenient: bool = False) -> Any:
    try:
        if len(data) > MOST_PAGE:
            raise ValueError
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        if lenient:
            return None
        raise Unavailable("the FHIR server's answer is no JSON, or too large.", remedy="Check the address.") from None
