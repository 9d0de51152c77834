"""Where things rest: tape, views and sealed records on SQLite or PostgreSQL, artifact files, the anchor."""

from bedrail.stores.anchor import FileAnchor
from bedrail.stores.artifacts import FileArtifacts
from bedrail.stores.postgres import PostgresStore
from bedrail.stores.sqlite import SqliteStore

__all__ = ["FileAnchor", "FileArtifacts", "PostgresStore", "SqliteStore"]
