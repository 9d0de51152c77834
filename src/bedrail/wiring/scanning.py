"""Which source a target is: a folder or file, a database, a FHIR server, an HL7 v2 feed, or this home itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bedrail.core.errors import Invalid
from bedrail.data.catalogue import KINDS, Kind
from bedrail.data.sampling import Flow
from bedrail.data.sources.folder import folder_flows
from bedrail.keys.private_files import read_private

if TYPE_CHECKING:
    from bedrail.journeys.cataloguing import Source

FORMS = "a file or folder, postgresql://USER@HOST/DATABASE, https://FHIR-SERVER/BASE, mllp://127.0.0.1:PORT"


@dataclass(slots=True, kw_only=True)
class Asked:
    """What was said about the target on the command line. `secret` is the file with its password or token, `token` a
    token of the environment."""

    kind: str = ""
    secret: Path | None = None
    schema: str = ""
    types: tuple[str, ...] = ()
    export: str = ""
    seconds: float = 60.0
    messages: int = 10_000
    token: str = ""


class FolderSource:
    """A file or a folder."""

    whole = True

    def __init__(self, path: Path, kind: Kind | None) -> None:
        self._path, self._kind = path, kind

    @property
    def target(self) -> str:
        """Its whole path."""
        return str(self._path.resolve())

    def flows(self, seed: int) -> tuple[list[Flow], list[str]]:
        """What lies in it."""
        return folder_flows(self._path, seed=seed, kind=self._kind)


def source_of(target: str, asked: Asked) -> Source:
    """The source behind a target; raises `Invalid`, `Refused`, `Unavailable`.

    Passwords and tokens come from `asked` or PGPASSWORD and its kin, never from the target.
    """
    kind = next((each for each in KINDS if each == asked.kind), None)
    if asked.kind and kind is None:
        raise Invalid("there is no such kind.", path="--kind", remedy=f"One of: {', '.join(KINDS)}.")
    scheme = target.partition("://")[0].lower() if "://" in target else ""
    if scheme in ("postgresql", "postgres"):
        from bedrail.stores.outside_sql import PostgresSource

        return PostgresSource(target, password=_secret(asked), schema=asked.schema, kind=kind or "ehr-table")
    if scheme in ("http", "https"):
        from bedrail.wire.fhir_source import FhirServer, FhirSource

        token = _secret(asked) or asked.token
        return FhirSource(FhirServer(target, token=token, pause=time.sleep), kinds=asked.types, export=asked.export)
    if scheme == "mllp":
        return _feed(target, asked)
    if scheme and scheme != "file":
        raise Invalid("this kind of address is not known.", path="target", remedy=f"Give {FORMS}.")
    path = Path(target.removeprefix("file://"))
    if path.is_file() and _is_sqlite(path):
        from bedrail.stores.outside_sql import SqliteSource

        return SqliteSource(path, kind or "ehr-table")
    return FolderSource(path, kind)


def _feed(target: str, asked: Asked) -> Source:
    from bedrail.wire.mllp import Feed

    try:
        parts = urlsplit(target)
        host, port = parts.hostname or "127.0.0.1", parts.port or 2575
    except ValueError:
        raise Invalid("this is no port.", path="target", remedy="mllp://127.0.0.1:2575") from None
    return Feed(host, port, seconds=asked.seconds, messages=asked.messages, now=time.monotonic)


def _secret(asked: Asked) -> str:
    return read_private(asked.secret).decode().strip() if asked.secret is not None else ""


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"
