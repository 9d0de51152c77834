"""Databases of others, looked through for the catalogue: SQLite files and PostgreSQL, read only, sampled when large."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from bedrail.core.errors import Invalid, Unavailable
from bedrail.data.catalogue import Kind
from bedrail.data.sampling import SAMPLED, AssetKey, Batch, Flow
from bedrail.stores.postgres_connections import usable

AT_ONCE = 5_000
BLOCKS = 200
"""Places in a large SQLite table at which rows are read."""

SECONDS = 600
"""One statement on a database of others takes no longer."""

_TABLES = """
    SELECT n.nspname, c.relname, c.reltuples::bigint, c.relkind::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_%%'
      AND (%s = '' OR n.nspname = %s)
      AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1, 2
"""


class SqliteSource:
    """A SQLite file; opened so that it cannot be written."""

    whole = True

    def __init__(self, path: Path, kind: Kind = "ehr-table") -> None:
        """Raises `Invalid` for what is no SQLite database."""
        self._path, self._kind = path.resolve(), kind
        with self._path.open("rb") as file:
            if file.read(16) != b"SQLite format 3\x00":
                raise Invalid("this is no SQLite database.", path=str(path), remedy="Name the database file.")

    @property
    def target(self) -> str:
        """The file."""
        return str(self._path)

    def flows(self, seed: int) -> tuple[list[Flow], list[str]]:
        """A flow for each table."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY 1"
            ).fetchall()
        found = []
        for (name,) in rows:
            key = AssetKey(name=str(name), kind=self._kind, location=f"{self._path}#{name}")
            found.append(Flow(label=str(name), read=partial(self._read, key, seed), keys=(key,)))
        return found, []

    def _read(self, key: AssetKey, seed: int, limit: int, notes: list[str]) -> Iterator[Batch]:
        name = _quoted(key.name)
        with self._open() as connection:
            try:
                span = connection.execute(f"SELECT min(rowid), max(rowid) FROM {name}").fetchone()
            except sqlite3.OperationalError:  # a table without row ids, or with a column of that name
                span = (None, None)
            low, high = span if isinstance(span[0], int) and isinstance(span[1], int) else (0, 0)
            if high - low < limit:
                yield from _batches(key, connection.execute(f"SELECT * FROM {name} LIMIT ?", (limit,)))
                return
            notes.append(SAMPLED)
            import numpy as np

            starts = np.random.default_rng(seed).integers(low, high, size=BLOCKS, endpoint=True)
            for start in sorted({int(each) for each in starts}):
                rows = connection.execute(
                    f"SELECT * FROM {name} WHERE rowid >= ? LIMIT ?", (start, max(1, limit // BLOCKS))
                )
                yield from _batches(key, rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=10)) as connection:
                connection.text_factory = lambda data: data.decode("utf-8", "replace")
                connection.execute("PRAGMA query_only = ON")
                yield connection
        except sqlite3.Error as error:
            raise Unavailable(
                f"the SQLite database cannot be read ({type(error).__name__}).",
                remedy="Check that it is whole, and that nobody holds it.",
            ) from None


class PostgresSource:
    """A PostgreSQL database; the session is read only. `schema` limits it to one."""

    whole = True

    def __init__(self, address: str, *, password: str = "", schema: str = "", kind: Kind = "ehr-table") -> None:
        """The address has no password: it comes from `password`, PGPASSWORD, PGPASSFILE or ~/.pgpass."""
        self._address, self._password, self._schema, self._kind = usable(address, path="target"), password, schema, kind

    @property
    def target(self) -> str:
        """The address without user, options and whatever else lets somebody in."""
        parts = urlsplit(self._address)
        where = f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
        return f"postgresql://{where}{parts.path}" + (f"#{self._schema}" if self._schema else "")

    def flows(self, seed: int) -> tuple[list[Flow], list[str]]:
        """A flow for each table, partitioned table, materialised view and foreign table that may be read."""
        with self._open() as connection:
            rows = connection.execute(_TABLES, (self._schema, self._schema)).fetchall()
        base = self.target.partition("#")[0]
        found = []
        for schema, name, about, relkind in rows:
            key = AssetKey(name=f"{schema}.{name}", kind=self._kind, location=f"{base}#{schema}.{name}")
            sampled = relkind in ("r", "p", "m") and about is not None
            read = partial(self._read, key, (schema, name), max(int(about), 0) if sampled else 0, seed)
            found.append(Flow(label=key.name, read=read, keys=(key,)))
        if not found:
            raise Invalid(
                "no table here may be read.", path=self.target, remedy="Check the schema, and what the role may SELECT."
            )
        return found, []

    def _read(
        self, key: AssetKey, table: tuple[str, str], about: int, seed: int, limit: int, notes: list[str]
    ) -> Iterator[Batch]:
        from psycopg import sql

        statement = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table))
        if about > limit:
            share = max(0.01, min(100.0, 120.0 * limit / about))
            statement += sql.SQL(" TABLESAMPLE SYSTEM ({}) REPEATABLE ({})").format(
                sql.Literal(share), sql.Literal(seed)
            )
            notes.append(SAMPLED)
        statement += sql.SQL(" LIMIT {}").format(sql.Literal(limit))
        with self._open() as connection, connection.cursor(name="bedrail_scan") as cursor:
            cursor.itersize = AT_ONCE
            cursor.execute(statement)
            while rows := cursor.fetchmany(AT_ONCE):
                names = [column.name for column in cursor.description or ()]
                yield _batch(key, names, rows)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            import psycopg
        except ImportError as error:
            raise Unavailable("psycopg is not installed.", remedy="pip install 'bedrail[postgres]'") from error
        secret = {"password": self._password} if self._password else {}
        options: dict[str, Any] = {"application_name": "bedrail catalogue", "connect_timeout": 10, **secret}
        try:
            with psycopg.connect(self._address, **options) as connection:
                connection.read_only = True
                connection.execute(f"SET statement_timeout = '{SECONDS}s'")
                yield connection
        except psycopg.Error as error:  # its words may repeat values
            raise Unavailable(
                f"the database cannot be read ({error.sqlstate or type(error).__name__}).",
                remedy="Check the address, the role and its password (PGPASSWORD, ~/.pgpass or --secret-file).",
            ) from None


def _batches(key: AssetKey, rows: sqlite3.Cursor) -> Iterator[Batch]:
    names = [str(column[0]) for column in rows.description or ()]
    while chunk := rows.fetchmany(AT_ONCE):
        yield _batch(key, names, chunk)


def _batch(key: AssetKey, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Batch:
    columns = {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}
    return Batch(asset=key, rows=len(rows), columns=columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
