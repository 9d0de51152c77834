"""Comparing what is stored with what the facts say: views folded again from nothing, records hashed again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from bedrail.core.errors import NOT_JSON
from bedrail.core.events import Entry, action_of, decode
from bedrail.core.events.shards import LedgerPruned
from bedrail.stores.connections import statements
from bedrail.stores.views import VIEWS, Row, Table, folded, insert

PAGE = 4096
MOST_NAMED = 1000
"""Differences named one by one in each table."""


class Found(Protocol):
    """What a statement found, row by row."""

    def __iter__(self) -> Iterator[Any]:
        """The rows."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows at once."""
        ...


@dataclass(frozen=True)
class Scratch:
    """A connection with empty views of its own (`main`) beside the store at one moment (`live`), which it only reads.

    `clash` is raised by `insert` for an id taken twice, `unreadable` by `execute` for a table that is not there.
    """

    execute: Callable[..., Found]
    insert: Callable[[Table, Sequence[Row]], None]
    clash: type[Exception]
    unreadable: type[Exception]


def scratch_of(connection: sqlite3.Connection) -> Scratch:
    """Over one SQLite connection."""
    return Scratch(connection.execute, partial(insert, connection), sqlite3.IntegrityError, sqlite3.OperationalError)


def rebuild_views(scratch: Scratch) -> None:
    """Empty the views and fold every fact of the tape into them, inside the caller's transaction."""
    for view in VIEWS:
        scratch.execute(f"DELETE FROM {view.name}")
    for page in _pages(scratch, "tape"):
        for table, rows in folded([(seq, decode(entry)) for seq, _, entry in page if entry]):
            scratch.insert(table, rows)


def view_differences(scratch: Scratch) -> list[str]:
    """Fold the whole tape into the scratch views and name each row and column in which the live ones differ."""
    differences = _fold_scratch(scratch)
    for view in VIEWS:
        scratch.execute("SAVEPOINT view")
        try:
            differences += _compare(scratch, view)
        except scratch.unreadable as error:
            scratch.execute("ROLLBACK TO SAVEPOINT view")
            differences.append(f"view table {view.name}: cannot be read ({str(error).splitlines()[0]})")
        scratch.execute("RELEASE SAVEPOINT view")
    return differences


def record_differences(scratch: Scratch) -> list[str]:
    """Hash every sealed record again and compare it with the digest in its fact."""
    differences: list[str] = []
    # The live table has no index by entry: only this comparison would use it, and every append would pay for it.
    scratch.execute("CREATE TABLE placed AS SELECT seq, id FROM live.records")
    scratch.execute("CREATE INDEX placed_seq ON placed (seq)")
    going = _pruned(scratch)
    for page in _pages(scratch, "live.tape"):
        expected = {seq: digest for seq, _, entry in page if (digest := _named_record(entry))}
        differences += _compare_records(scratch, page[0][0], page[-1][0], expected, going)
    orphans = scratch.execute(
        "SELECT record_id FROM live.records r WHERE NOT EXISTS (SELECT 1 FROM live.tape t WHERE t.seq = r.seq)"
    )
    differences += [f"records, row {record_id}: belongs to no ledger entry" for (record_id,) in orphans]
    keyless = scratch.execute(
        "SELECT record_id FROM live.records r WHERE NOT EXISTS (SELECT 1 FROM live.subject_keys k "
        "WHERE k.subject = r.subject AND k.key_id = r.key_id) "
        "AND NOT EXISTS (SELECT 1 FROM live.destroyed_keys x WHERE x.key_id = r.key_id)"
    )
    differences += [f"records, row {record_id}: its data key is missing" for (record_id,) in keyless]
    return differences


@contextmanager
def sqlite_snapshot(path: Path) -> Iterator[Scratch]:
    """A scratch database on disk with the live one attached read-only, as it is at one moment."""
    with closing(sqlite3.connect("", uri=True, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS live", (f"{path.absolute().as_uri()}?mode=ro",))
        for statement in statements("views.sql"):
            connection.execute(statement)
        connection.execute("BEGIN")
        yield scratch_of(connection)


def _pages(scratch: Scratch, tape: str) -> Iterator[list[tuple[int, str, bytes]]]:
    start = 0
    sql = f"SELECT seq, action, CAST(entry AS BLOB) FROM {tape} WHERE seq >= ? ORDER BY seq LIMIT {PAGE}"
    while page := scratch.execute(sql, (start,)).fetchall():
        yield page
        start = page[-1][0] + 1


def _fold_scratch(scratch: Scratch) -> list[str]:
    differences: list[str] = []
    for page in _pages(scratch, "live.tape"):
        entries: list[tuple[int, Entry]] = []
        for seq, action, data in page:
            if not data:
                continue  # pruned; whether it may be is for the verification of hashes to say
            try:
                entry = decode(data)
            except NOT_JSON:
                differences.append(f"tape, row {seq}: the entry cannot be read")
                continue
            entries.append((seq, entry))
            if action != action_of(entry):
                differences.append(f"tape, row {seq}, column action: differs from the fact")
        differences += _fold_page(scratch, entries)
    return differences


def _fold_page(scratch: Scratch, entries: list[tuple[int, Entry]]) -> list[str]:
    """Fold a page at once; only a tape that was tampered with needs the slow way, entry by entry."""
    if _folds(scratch, entries):
        return []
    return [
        f"tape, row {seq}: repeats an id that an earlier fact already has"
        for seq, entry in entries
        if not _folds(scratch, [(seq, entry)])
    ]


def _folds(scratch: Scratch, entries: list[tuple[int, Entry]]) -> bool:
    scratch.execute("SAVEPOINT page")
    try:
        for table, rows in folded(entries):
            scratch.insert(table, rows)
    except scratch.clash:
        scratch.execute("ROLLBACK TO SAVEPOINT page")
        scratch.execute("RELEASE SAVEPOINT page")
        return False
    scratch.execute("RELEASE SAVEPOINT page")
    return True


def _compare(scratch: Scratch, view: Table) -> list[str]:
    name, key = view.name, view.key
    differences = [
        f"view table {name}, row {row}: is missing"
        for (row,) in scratch.execute(
            f"SELECT {key} FROM main.{name} f WHERE NOT EXISTS "
            f"(SELECT 1 FROM live.{name} l WHERE l.{key} = f.{key}) LIMIT {MOST_NAMED}"
        )
    ]
    differences += [
        f"view table {name}, row {row}: has no fact behind it"
        for (row,) in scratch.execute(
            f"SELECT {key} FROM live.{name} l WHERE NOT EXISTS "
            f"(SELECT 1 FROM main.{name} f WHERE f.{key} = l.{key}) LIMIT {MOST_NAMED}"
        )
    ]
    others = [column for column in view.columns if column != key]
    unequal = [f"f.{column} IS NOT l.{column}" for column in others]
    for row in scratch.execute(
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
    except NOT_JSON:
        return ""  # named by the comparison of views and by the hashes


def _pruned(scratch: Scratch) -> list[range]:
    """The ranges whose pruning is on record: it may be going on, or have been interrupted."""
    found = scratch.execute("SELECT CAST(entry AS BLOB) FROM live.tape WHERE action = 'ledger.pruned'").fetchall()
    facts = [decode(data).fact for (data,) in found if data]
    return [range(fact.start, fact.size) for fact in facts if isinstance(fact, LedgerPruned)]


def _compare_records(
    scratch: Scratch, first: int, last: int, expected: dict[int, str], going: Sequence[range]
) -> list[str]:
    stored: dict[int, dict[str, str]] = {}
    sql = (
        "SELECT p.seq, r.record_id, CAST(r.ciphertext AS BLOB) FROM placed p JOIN live.records r ON r.id = p.id "
        "WHERE p.seq BETWEEN ? AND ?"
    )
    for seq, record_id, ciphertext in scratch.execute(sql, (first, last)):
        stored.setdefault(seq, {})[sha256(ciphertext).hexdigest()] = record_id
    differences = []
    for seq, digest in expected.items():
        found = stored.get(seq, {})
        if not found:
            if not any(seq in one for one in going):
                differences.append(f"records: the record of ledger entry {seq} is missing")
        elif digest not in found:
            rows = ", ".join(sorted(found.values()))
            differences.append(f"records, row {rows}, column ciphertext: is not what ledger entry {seq} recorded")
    for seq, found in stored.items():
        if seq not in expected or expected[seq] in found:
            surplus = sorted(row for digest, row in found.items() if digest != expected.get(seq))
            differences += [f"records, row {row}: is not named by ledger entry {seq}" for row in surplus]
    return differences
