"""Where things rest: the SQLite store of tape, views and sealed records, artifact files, the anchor."""

from bedrail.stores.anchor import FileAnchor
from bedrail.stores.artifacts import FileArtifacts
from bedrail.stores.sqlite import SqliteStore

__all__ = ["FileAnchor", "FileArtifacts", "SqliteStore"]
