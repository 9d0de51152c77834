"""Where things rest: tape, views and sealed records on SQLite or PostgreSQL, artifact files, the anchor."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrail.stores.anchor import FileAnchor
    from bedrail.stores.artifacts import FileArtifacts
    from bedrail.stores.postgres import PostgresStore
    from bedrail.stores.sqlite import SqliteStore

_FACE = {"FileAnchor": "anchor", "FileArtifacts": "artifacts", "PostgresStore": "postgres", "SqliteStore": "sqlite"}

__all__ = ["FileAnchor", "FileArtifacts", "PostgresStore", "SqliteStore"]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: a home has one store."""
    if name not in _FACE:
        raise AttributeError(name)
    return getattr(import_module(f"bedrail.stores.{_FACE[name]}"), name)
