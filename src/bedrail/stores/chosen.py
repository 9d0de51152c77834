"""Which store a home has: SQLite in its folder, or the PostgreSQL database that its settings name."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bedrail.core.errors import Invalid, Refused
from bedrail.core.toml_lines import toml_tables
from bedrail.stores.durable import write_durably
from bedrail.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from bedrail.stores.postgres import PostgresStore

Store: TypeAlias = "SqliteStore | PostgresStore"
"""Told without loading the other one."""

LEDGER = "ledger.sqlite"
SETTINGS = "store.toml"


def is_home(folder: Path) -> bool:
    """Whether a store has been chosen for this folder."""
    return (folder / LEDGER).exists() or (folder / SETTINGS).exists()


def choose_store(home: Path, address: str) -> None:
    """Note the address of the home's PostgreSQL database; an empty one leaves the home on SQLite.

    Raises `Invalid` for an address that cannot be used, `Refused` when that database holds a ledger already, and
    `Unavailable` when it cannot be reached.
    """
    if not address:
        return
    from bedrail.stores.postgres import PostgresStore
    from bedrail.stores.postgres_connections import usable

    store = PostgresStore(usable(address))
    try:
        if store.head().size:
            raise Refused(
                "That database holds a ledger already.",
                remedy="Name another database, or another schema (?options=-csearch_path%3DSCHEMA).",
            )
    finally:
        store.close()
    write_durably(home / SETTINGS, settings_of(address))


def settings_of(address: str) -> bytes:
    """The settings file of a home whose database is at this address."""
    return f"address = {json.dumps(address)}\n".encode()


def open_store(home: Path, *, busy_seconds: float = 5.0) -> Store:
    """The home's store, made when missing; raises `Invalid` for settings that cannot be read, and as stores do."""
    address = chosen_address(home)
    if not address:
        return SqliteStore(home / LEDGER, busy_seconds=busy_seconds)
    from bedrail.stores.postgres import PostgresStore

    return PostgresStore(address, busy_seconds=busy_seconds)


def chosen_address(home: Path) -> str:
    """The address of the home's PostgreSQL database, or empty for SQLite; raises `Invalid`."""
    try:
        settings = toml_tables((home / SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid("cannot be read.", path=SETTINGS, remedy='It says: address = "postgresql://..."') from error
    address = settings.get("address")
    if set(settings) != {"address"} or not isinstance(address, str):
        raise Invalid("says something else.", path=SETTINGS, remedy='It says: address = "postgresql://..."')
    from bedrail.stores.postgres_connections import usable

    return usable(address)
