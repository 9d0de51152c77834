"""Model registries elsewhere: how a model is named in one, what it answers, and where a model came from."""

from __future__ import annotations

import re
from typing import Protocol

from bedrail.core.errors import Invalid
from bedrail.core.values import Value

_URI = re.compile(
    r"^models:/(?P<model>m-[0-9a-f]{32})$"
    r"|^models:/(?P<name>[^/@:]{1,250})(?:/(?P<version>[0-9]{1,9})|@(?P<alias>[A-Za-z0-9_.-]{1,250}))$"
    r"|^runs:/(?P<run>[0-9a-f]{32})/(?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)$"
)


class ModelUri(Value, frozen=True, kw_only=True):
    """A model's name in an MLflow registry: a version, an alias, a run's model, or a logged model by its id."""

    text: str
    name: str = ""
    version: str = ""
    alias: str = ""
    run: str = ""
    path: str = ""
    model: str = ""


def parse_uri(text: str) -> ModelUri:
    """`models:/NAME/VERSION`, `models:/NAME@ALIAS`, `models:/m-ID` or `runs:/RUN/PATH`; raises `Invalid` for others."""
    match = _URI.match(text)
    if match is None or ".." in (match["path"] or "").split("/"):
        raise Invalid(
            "this is no model in an MLflow registry.",
            path=text[:200],
            remedy="Give models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-ID or runs:/RUN/PATH; stages and `latest` "
            "name another model tomorrow and are not read.",
        )
    return ModelUri(text=text, **{key: found for key, found in match.groupdict().items() if found})


class Registered(Value, frozen=True, kw_only=True):
    """Where an imported model stood: the registry's address, the URI asked for, what that was then, and the file.

    `sha256` is of the file as fetched, `mlmodel_sha256` of the MLmodel file beside it.
    """

    address: str
    uri: str
    name: str = ""
    version: str = ""
    location: str
    file: str
    sha256: str
    mlmodel_sha256: str


class Found(Value, frozen=True, kw_only=True):
    """What a URI stands for now: name and version where it has them, and the place of its files."""

    name: str = ""
    version: str = ""
    location: str


class ModelRegistry(Protocol):
    """A registry of models elsewhere, read over the network. All raise `Unavailable` when it does not answer."""

    @property
    def address(self) -> str:
        """Where it is, without credentials."""
        ...

    def find(self, uri: ModelUri) -> Found:
        """What the URI stands for now; raises `NotFound`."""
        ...

    def files(self, found: Found) -> tuple[str, ...]:
        """The names of the files that lie there, folders left out."""
        ...

    def read(self, found: Found, file: str) -> bytes:
        """One of them, whole; raises `NotFound`, and `Invalid` for a file larger than a model may be."""
        ...
