"""Credentials, sessions and what limits guessing, in one SQLite file beside the ledger (`core.accounts.Desk`)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bedrail.core.accounts import CredentialRow, Kind, RefusedRow, SessionRow, TicketRow
from bedrail.core.ports import SealedRecord
from bedrail.stores.connections import statements, translated

_CREDENTIAL = "SELECT credential, person, kind, label, material, lookup, counter, made_at, used_at FROM credentials"
_SESSION = "SELECT digest, session, person, made_at, seen_at, device FROM sessions"
_TICKET = "digest, kind, person, data, expires"
_COUNT_REFUSED = (
    "INSERT INTO refused_acts VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, who, action, door, why) "
    "DO UPDATE SET count = count + excluded.count, until = max(until, excluded.until)"
)

REFUSALS_KEPT = 24 * 3600
"""Seconds; no limit looks back as far, and no session lasts as long."""
MOST_NAMED = 20
"""A report of refusals names as many people; the count tells of all."""


class SqliteAccounts:
    """Safe to share between threads, and between processes on one machine; the file is made at the first use.

    A commit that returned survives a power cut (WAL, synchronous=FULL). What must happen once (a ticket, a recovery
    code, a step of a one-time code) is one conditional statement, so it happens once in all processes.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 5.0) -> None:
        """Names the file; nothing is opened yet."""
        self._path = Path(path)
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def enrol(self, row: CredentialRow) -> None:
        """Add a credential."""
        values = (row.credential, row.person, row.kind, row.label, row.material, row.lookup, row.counter)
        self._do("INSERT INTO credentials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, row.made_at, row.used_at))

    def revoke(self, credential: str) -> None:
        """Delete a credential, material and all."""
        with self._writing() as connection:
            connection.execute("DELETE FROM credentials WHERE credential = ?", (credential,))
            connection.execute("DELETE FROM recovery_codes WHERE credential = ?", (credential,))

    def credentials(self, person: str, kind: Kind | None = None) -> list[CredentialRow]:
        """Those of a person, oldest first."""
        rows = self._rows(f"{_CREDENTIAL} WHERE person = ? ORDER BY made_at", (person,))
        return [_credential(row) for row in rows if kind is None or row[2] == kind]

    def found(self, kind: Kind, lookup: str) -> CredentialRow | None:
        """The newest credential of that kind under that lookup."""
        sql = f"{_CREDENTIAL} WHERE kind = ? AND lookup = ? ORDER BY made_at DESC LIMIT 1"
        return next((_credential(row) for row in self._rows(sql, (kind, lookup))), None)

    def advance(self, credential: str, counter: int, at: float) -> bool:
        """Move the counter up, and say whether it did."""
        sql = "UPDATE credentials SET counter = ?, used_at = ? WHERE credential = ? AND counter < ?"
        return self._do(sql, (counter, at, credential, counter)) == 1

    def touch_credential(self, credential: str, counter: int, at: float) -> None:
        """Note a use that does not have to move the counter."""
        self._do("UPDATE credentials SET counter = ?, used_at = ? WHERE credential = ?", (counter, at, credential))

    def add_codes(self, credential: str, digests: Sequence[str]) -> None:
        """The single codes of a set of recovery codes."""
        with self._writing() as connection:
            rows = [(digest, credential, 0.0) for digest in digests]
            connection.executemany("INSERT INTO recovery_codes VALUES (?, ?, ?)", rows)

    def spend(self, code: str, at: float) -> bool:
        """Use up a recovery code by its digest."""
        return self._do("UPDATE recovery_codes SET used_at = ? WHERE code = ? AND used_at = 0", (at, code)) == 1

    def codes_left(self, credential: str) -> int:
        """How many recovery codes of this set are not used yet."""
        sql = "SELECT count(*) FROM recovery_codes WHERE credential = ? AND used_at = 0"
        return int(self._rows(sql, (credential,))[0][0])

    def put_ticket(self, row: TicketRow) -> None:
        """Keep a ticket."""
        values = (row.digest, row.kind, row.person, row.data, row.expires)
        self._do("INSERT INTO tickets VALUES (?, ?, ?, ?, ?)", values)

    def take_ticket(self, digest: str, kind: str, now: float) -> TicketRow | None:
        """Use up a ticket."""
        sql = f"DELETE FROM tickets WHERE digest = ? AND kind = ? AND expires >= ? RETURNING {_TICKET}"
        with self._writing() as connection:
            return _ticket(connection.execute(sql, (digest, kind, now)).fetchall())

    def read_ticket(self, digest: str, kind: str, now: float) -> TicketRow | None:
        """Look at a ticket without using it up."""
        sql = f"SELECT {_TICKET} FROM tickets WHERE digest = ? AND kind = ? AND expires >= ?"
        return _ticket(self._rows(sql, (digest, kind, now)))

    def drop_tickets(self, person: str, kind: str) -> None:
        """Void every ticket of that kind of a person."""
        self._do("DELETE FROM tickets WHERE person = ? AND kind = ?", (person, kind))

    def seal(self, record: SealedRecord) -> None:
        """Keep a sealed secret by its record id; its data key rests in the store that rotates all data keys."""
        values = (record.record_id, record.subject, record.kind, record.purpose, record.ciphertext, record.key_id)
        self._do("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?, ?, ?)", values)

    def sealed(self, name: str) -> SealedRecord | None:
        """The sealed secret."""
        sql = "SELECT name, subject, kind, purpose, ciphertext, key_id FROM sealed WHERE name = ?"
        return next((_sealed(row) for row in self._rows(sql, (name,))), None)

    def unseal(self, name: str) -> None:
        """Delete the sealed secret."""
        self._do("DELETE FROM sealed WHERE name = ?", (name,))

    def run_out(self, kind: str, now: float) -> list[bytes]:
        """What tickets of that kind held that nobody used in time."""
        return [
            bytes(row[0]) for row in self._rows("SELECT data FROM tickets WHERE kind = ? AND expires < ?", (kind, now))
        ]

    def keep_keys(self, issuer: str, keys: bytes, at: float) -> None:
        """Pin a provider's public keys."""
        self._do("INSERT OR REPLACE INTO provider_keys VALUES (?, ?, ?)", (issuer, keys, at))

    def kept_keys(self, issuer: str) -> tuple[bytes, float] | None:
        """The pinned keys (JSON), and when they were pinned."""
        rows = self._rows("SELECT keys, at FROM provider_keys WHERE issuer = ?", (issuer,))
        return (bytes(rows[0][0]), rows[0][1]) if rows else None

    def open_session(self, row: SessionRow) -> None:
        """Add a session."""
        values = (row.digest, row.session, row.person, row.made_at, row.seen_at, row.device)
        self._do("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", values)

    def session_of(self, digest: str) -> SessionRow | None:
        """The session of a token's digest."""
        return next((_session(row) for row in self._rows(f"{_SESSION} WHERE digest = ?", (digest,))), None)

    def seen(self, digest: str, at: float) -> None:
        """It was used."""
        self._do("UPDATE sessions SET seen_at = ? WHERE digest = ? AND seen_at < ?", (at, digest, at))

    def sessions(self, person: str) -> list[SessionRow]:
        """Those of a person, oldest first."""
        return [_session(row) for row in self._rows(f"{_SESSION} WHERE person = ? ORDER BY made_at", (person,))]

    def end_sessions(self, sessions: Sequence[str]) -> None:
        """Delete sessions by public id."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM sessions WHERE session = ?", [(each,) for each in sessions])

    def refused_since(self, keys: Sequence[str], since: float) -> Mapping[str, tuple[int, float]]:
        """For each key: how many refusals since then, and when the last was."""
        sql = "SELECT count(*), max(at) FROM refusals WHERE name = ? AND at > ?"
        counted = {key: self._rows(sql, (key, since))[0] for key in keys}
        return {key: (int(count), last or 0.0) for key, (count, last) in counted.items()}

    def note_refusal(self, keys: Sequence[str], person: str, source: str, at: float, mark: str) -> None:
        """Count an attempt under these keys, and for the next report, until `mark` is withdrawn."""
        with self._writing() as connection:
            rows = [(key, person, source, at, mark) for key in ("", *keys)]
            connection.executemany("INSERT INTO refusals VALUES (?, ?, ?, ?, ?)", rows)

    def withdraw(self, mark: str) -> None:
        """The attempt was none to count."""
        self._do("DELETE FROM refusals WHERE mark = ?", (mark,))

    def forgive(self, key: str) -> int:
        """A success: forget the refusals under this key; how many there were."""
        return self._do("DELETE FROM refusals WHERE name = ?", (key,))

    def unreported(self) -> tuple[int, Sequence[str], int, float, float] | None:
        """(count, persons most tried first, sources, since, until) of refusals no fact tells of yet."""
        whole = "SELECT count(*), count(DISTINCT source), min(at), max(at) FROM refusals WHERE name = ''"
        count, sources, since, until = self._rows(whole)[0]
        if not count:
            return None
        named = (
            "SELECT person FROM refusals WHERE name = '' AND person <> '' "
            "GROUP BY person ORDER BY count(*) DESC, person LIMIT ?"
        )
        return int(count), [row[0] for row in self._rows(named, (MOST_NAMED,))], int(sources), since, until

    def reported(self, until: float) -> None:
        """A fact tells of the refusals up to then."""
        self._do("DELETE FROM refusals WHERE name = '' AND at <= ?", (until,))

    def count_refused(self, row: RefusedRow) -> None:
        """Add these refusals to what waits to be told."""
        self._do(_COUNT_REFUSED, (row.kind, row.who, row.action, row.door, row.why, row.count, row.since, row.until))

    def refused_waiting(self) -> list[RefusedRow]:
        """What no fact tells of yet."""
        rows = self._rows("SELECT kind, who, action, door, why, count, since, until FROM refused_acts ORDER BY since")
        return [RefusedRow(kind=k, who=w, action=a, door=d, why=y, count=c, since=s, until=u)
                for k, w, a, d, y, c, s, u in rows]  # fmt: skip

    def told_refused(self, rows: Sequence[RefusedRow]) -> None:
        """A fact tells of these; what was counted since waits on."""
        same = "kind = ? AND who = ? AND action = ? AND door = ? AND why = ?"
        with self._writing() as connection:
            for row in rows:
                key = (row.kind, row.who, row.action, row.door, row.why)
                sql = f"UPDATE refused_acts SET count = count - ?, since = ? WHERE {same}"
                connection.execute(sql, (row.count, row.until, *key))
            connection.execute("DELETE FROM refused_acts WHERE count <= 0")

    def tidy(self, now: float) -> None:
        """Delete what has run out; refusals that no fact tells of yet are kept."""
        with self._writing() as connection:
            connection.execute("DELETE FROM tickets WHERE expires < ?", (now,))
            connection.execute("DELETE FROM refusals WHERE name <> '' AND at < ?", (now - REFUSALS_KEPT,))
            connection.execute("DELETE FROM sessions WHERE made_at < ?", (now - REFUSALS_KEPT,))

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            fresh = not self._path.exists()
            connection = sqlite3.connect(
                self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
            )
            if fresh:
                self._path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            for statement in statements("accounts.sql"):
                connection.execute(statement)
            self._connection = connection
        return self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing."""
        with self._lock, translated():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _do(self, sql: str, values: Sequence[Any]) -> int:
        """One statement; how many rows it changed."""
        with self._writing() as connection:
            return connection.execute(sql, values).rowcount

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, translated():
            return self._open().execute(sql, values).fetchall()


def _credential(row: Any) -> CredentialRow:
    credential, person, kind, label, material, lookup, counter, made_at, used_at = row
    return CredentialRow(
        credential=credential,
        person=person,
        kind=kind,
        label=label,
        material=bytes(material),
        lookup=lookup,
        counter=counter,
        made_at=made_at,
        used_at=used_at,
    )


def _session(row: Any) -> SessionRow:
    digest, session, person, made_at, seen_at, device = row
    return SessionRow(digest=digest, session=session, person=person, made_at=made_at, seen_at=seen_at, device=device)


def _ticket(rows: list[Any]) -> TicketRow | None:
    if not rows:
        return None
    digest, kind, person, data, expires = rows[0]
    return TicketRow(digest=digest, kind=kind, person=person, data=bytes(data), expires=expires)


def _sealed(row: Any) -> SealedRecord:
    name, subject, kind, purpose, ciphertext, key_id = row
    return SealedRecord(
        record_id=name, subject=subject, kind=kind, purpose=purpose, key_id=key_id, ciphertext=bytes(ciphertext)
    )
