"""Copies of a store as it is at one moment, while others go on writing: always one SQLite file, from either store.

A copy can be loaded into either store again, so it is also the way from SQLite to PostgreSQL and back.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.core.errors import Refused
from bedrail.stores.chosen import LEDGER, SETTINGS, Store, settings_of
from bedrail.stores.connections import translated as sqlite_translated
from bedrail.stores.durable import sync_folder, write_durably
from bedrail.stores.postgres import PostgresStore, write
from bedrail.stores.postgres_connections import translated as postgres_translated
from bedrail.stores.reading import HEAD, head_of
from bedrail.stores.sqlite import SqliteStore
from bedrail.stores.views import Row, Table

if TYPE_CHECKING:
    from bedrail.stores.postgres_connections import Connection

PAGE = 4096


def copy_store(store: Store, target: Path) -> None:
    """Write all that the store holds into a new SQLite file (mode 0600), durably; raises `Unavailable`."""
    if isinstance(store, SqliteStore):
        copy_database(store.path, target)
        return
    SqliteStore(target).close()  # makes the tables
    with closing(sqlite3.connect(target, isolation_level=None)) as copy, postgres_translated():
        with closing(store.snapshot()) as connection:
            _pour_out(connection, copy)
        _finish(copy, target)


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite file while it is in use, by SQLite's own backup: one moment of it, and no `-wal` beside it."""
    target.touch(mode=0o600, exist_ok=False)
    with (
        sqlite_translated(),
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        live.backup(copy)
        _finish(copy, target)


def load_store(store: PostgresStore, source: Path) -> None:
    """Fill an empty PostgreSQL store from a copy, in one transaction; raises `Refused` when it is not empty."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as copy,
        store.transaction() as transaction,
    ):
        if transaction.head().size:
            raise Refused("That database holds a ledger already.", remedy="Name another database, or another schema.")
        for table in _tables(copy):
            for page in _pages(copy, table):
                write(transaction.connection, table, page)


def _tables(copy: sqlite3.Connection) -> list[Table]:
    """Every table with its columns; a row number that SQLite gives by itself (`id`) is given anew."""
    names = copy.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    tables = []
    for (name,) in names.fetchall():
        columns = tuple(row[1] for row in copy.execute(f"PRAGMA table_info({name})") if row[1] != "id")
        tables.append(Table(name, columns[0], columns))
    return tables


def _pages(copy: sqlite3.Connection, table: Table) -> Iterator[list[Row]]:
    cursor = copy.execute(f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY 1")
    while page := cursor.fetchmany(PAGE):
        yield page


def _pour_out(connection: Connection, copy: sqlite3.Connection) -> None:
    copy.execute("BEGIN")
    for table in _tables(copy):
        marks = ", ".join("?" * len(table.columns))
        with connection.cursor(name=table.name, binary=True) as cursor:
            cursor.execute(f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY 1")
            while page := cursor.fetchmany(PAGE):
                copy.executemany(
                    f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})",
                    page,
                )
    copy.execute("COMMIT")


def _finish(copy: sqlite3.Connection, target: Path) -> None:
    """One file without a log beside it, durable."""
    copy.execute("PRAGMA journal_mode = DELETE").fetchall()
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(target.parent)


def copied_head(copy: Path) -> bytes:
    """The signed checkpoint in a copy; empty when its ledger is."""
    with sqlite_translated(), closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return head_of(connection.execute(HEAD).fetchall()).checkpoint


@contextmanager
def arriving(source: Path, home: Path, address: str) -> Iterator[Store]:
    """The store of a home that is being restored, filled from a copy; it is the home's only when the block ends well.

    Until then the folder is no home, and when the block fails nothing of the ledger stays.
    """
    if address:
        with _arriving_in_postgres(source, address) as store:
            yield store
        write_durably(home / SETTINGS, settings_of(address))
        return
    staged = home / ".restoring-ledger.sqlite"
    for file in home.glob(f"{staged.name}*"):
        file.unlink()
    try:
        copy_database(source, staged)
        with closing(SqliteStore(staged)) as arrived:
            yield arrived
        staged.rename(home / LEDGER)
        sync_folder(home)
    finally:
        for file in home.glob(f"{staged.name}*"):
            file.unlink()


@contextmanager
def _arriving_in_postgres(source: Path, address: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(address)) as store:
        load_store(store, source)
        try:
            yield store
        except BaseException:
            store.clear()
            raise
