"""Comparing what is stored with what the facts say: views folded again from nothing, records hashed again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from bedrail.core.events import Entry, action_of, decode
from bedrail.stores.connections import statements
from bedrail.stores.views import VIEWS, Table, apply, fold_into

PAGE = 4096
MOST_NAMED = 1000
"""Differences named one by one in each table."""


def rebuild_views(connection: sqlite3.Connection) -> None:
    """Empty the views and fold every fact of the tape into them, inside the caller's transaction."""
    for view in VIEWS:
        connection.execute(f"DELETE FROM {view.name}")
    for page in _pages(connection, "tape"):
        fold_into(connection, [(seq, decode(entry)) for seq, _, entry in page])


def rebuild_differences(path: Path) -> list[str]:
    """Fold the whole tape into a scratch database and name each row and column in which the views differ."""
    with _snapshot(path) as connection:
        differences = _fold_scratch(connection)
        for view in VIEWS:
            try:
                differences += _compare(connection, view)
            except sqlite3.OperationalError as error:
                differences.append(f"view table {view.name}: cannot be read ({error})")
        return differences


def record_differences(path: Path) -> list[str]:
    """Hash every sealed record again and compare it with the digest in its fact."""
    differences: list[str] = []
    with _snapshot(path) as connection:
        # The live table has no index by entry: only this comparison would use it, and every append would pay for it.
        connection.execute("CREATE TABLE placed AS SELECT seq, id FROM live.records")
        connection.execute("CREATE INDEX placed_seq ON placed (seq)")
        for page in _pages(connection, "live.tape"):
            expected = {seq: digest for seq, _, entry in page if (digest := _named_record(entry))}
            differences += _compare_records(connection, page[0][0], page[-1][0], expected)
        orphans = connection.execute(
            "SELECT record_id FROM live.records r WHERE NOT EXISTS (SELECT 1 FROM live.tape t WHERE t.seq = r.seq)"
        )
        differences += [f"records, row {record_id}: belongs to no ledger entry" for (record_id,) in orphans]
        keyless = connection.execute(
            "SELECT record_id FROM live.records r WHERE NOT EXISTS (SELECT 1 FROM live.subject_keys k "
            "WHERE k.subject = r.subject AND k.key_id = r.key_id) "
            "AND NOT EXISTS (SELECT 1 FROM live.destroyed_keys x WHERE x.key_id = r.key_id)"
        )
        differences += [f"records, row {record_id}: its data key is missing" for (record_id,) in keyless]
    return differences


@contextmanager
def _snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """A scratch database on disk with the live one attached read-only, as it is at one moment."""
    with closing(sqlite3.connect("", uri=True, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS live", (f"{path.absolute().as_uri()}?mode=ro",))
        for statement in statements("views.sql"):
            connection.execute(statement)
        connection.execute("BEGIN")
        yield connection


def _pages(connection: sqlite3.Connection, tape: str) -> Iterator[list[tuple[int, str, bytes]]]:
    start = 0
    sql = f"SELECT seq, action, CAST(entry AS BLOB) FROM {tape} WHERE seq >= ? ORDER BY seq LIMIT {PAGE}"
    while page := connection.execute(sql, (start,)).fetchall():
        yield page
        start = page[-1][0] + 1


def _fold_scratch(connection: sqlite3.Connection) -> list[str]:
    differences: list[str] = []
    for page in _pages(connection, "live.tape"):
        entries: list[tuple[int, Entry]] = []
        for seq, action, data in page:
            try:
                entry = decode(data)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                differences.append(f"tape, row {seq}: the entry cannot be read")
                continue
            entries.append((seq, entry))
            if action != action_of(entry):
                differences.append(f"tape, row {seq}, column action: differs from the fact")
        differences += _fold_page(connection, entries)
    return differences


def _fold_page(connection: sqlite3.Connection, entries: list[tuple[int, Entry]]) -> list[str]:
    """Fold a page at once; only a tape that was tampered with needs the slow way, entry by entry."""
    connection.execute("SAVEPOINT page")
    try:
        fold_into(connection, entries)
        connection.execute("RELEASE page")
        return []
    except sqlite3.IntegrityError:
        connection.execute("ROLLBACK TO page")
        connection.execute("RELEASE page")
    differences = []
    for seq, entry in entries:
        for sql, row in apply(seq, entry):
            try:
                connection.execute(sql, row)
            except sqlite3.IntegrityError:
                differences.append(f"tape, row {seq}: repeats an id that an earlier fact already has")
    return differences


def _compare(connection: sqlite3.Connection, view: Table) -> list[str]:
    name, key = view.name, view.key
    differences = [
        f"view table {name}, row {row}: is missing"
        for (row,) in connection.execute(
            f"SELECT {key} FROM main.{name} f WHERE NOT EXISTS "
            f"(SELECT 1 FROM live.{name} l WHERE l.{key} = f.{key}) LIMIT {MOST_NAMED}"
        )
    ]
    differences += [
        f"view table {name}, row {row}: has no fact behind it"
        for (row,) in connection.execute(
            f"SELECT {key} FROM live.{name} l WHERE NOT EXISTS "
            f"(SELECT 1 FROM main.{name} f WHERE f.{key} = l.{key}) LIMIT {MOST_NAMED}"
        )
    ]
    others = [column for column in view.columns if column != key]
    unequal = [f"f.{column} IS NOT l.{column}" for column in others]
    for row in connection.execute(
        f"SELECT f.{key}, {', '.join(unequal)} FROM main.{name} f JOIN live.{name} l ON l.{key} = f.{key} "
        f"WHERE {' OR '.join(unequal)} LIMIT {MOST_NAMED}"
    ):
        changed = [column for column, differs in zip(others, row[1:], strict=True) if differs]
        differences += [
            f"view table {name}, row {row[0]}, column {column}: differs from the facts" for column in changed
        ]
    return differences


def _named_record(data: bytes) -> str:
    try:
        return str(getattr(decode(data).fact, "record", ""))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""  # named by the comparison of views and by the hashes


def _compare_records(connection: sqlite3.Connection, first: int, last: int, expected: dict[int, str]) -> list[str]:
    stored: dict[int, dict[str, str]] = {}
    sql = (
        "SELECT p.seq, r.record_id, CAST(r.ciphertext AS BLOB) FROM placed p JOIN live.records r ON r.id = p.id "
        "WHERE p.seq BETWEEN ? AND ?"
    )
    for seq, record_id, ciphertext in connection.execute(sql, (first, last)):
        stored.setdefault(seq, {})[sha256(ciphertext).hexdigest()] = record_id
    differences = []
    for seq, digest in expected.items():
        found = stored.get(seq, {})
        if not found:
            differences.append(f"records: the record of ledger entry {seq} is missing")
        elif digest not in found:
            rows = ", ".join(sorted(found.values()))
            differences.append(f"records, row {rows}, column ciphertext: is not what ledger entry {seq} recorded")
    for seq, found in stored.items():
        if seq not in expected or expected[seq] in found:
            surplus = sorted(row for digest, row in found.items() if digest != expected.get(seq))
            differences += [f"records, row {row}: is not named by ledger entry {seq}" for row in surplus]
    return differences
