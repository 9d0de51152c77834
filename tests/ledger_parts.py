"""Makers of ledger values for tests: entries, drafts, a signer from a fixed seed, a whole small home."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bedrail.core.events import Actor, Entry, Fact, encode
from bedrail.core.events.bedside import DecisionAnswered, DecisionFellBack, DecisionResponded, OutcomeObserved
from bedrail.core.events.governance import PersonAdded
from bedrail.core.ports import Draft, SealedRecord, Vault
from bedrail.keys import AesVault, Ed25519Signer, verify_ed25519
from bedrail.keys.signing import MlDsa44Signer
from bedrail.ledger import Ledger, VerificationReport, verify_ledger
from bedrail.ledger.publisher import Publisher
from bedrail.stores import FileAnchor, PostgresStore, SqliteStore

ORIGIN = "hospital.example/ledger"
USE_CASE = "readmission-30d"


def signer(seed: int = 7, name: str = ORIGIN) -> Ed25519Signer:
    """An Ed25519 key that is the same in every run."""
    return Ed25519Signer.from_seed(name, bytes([seed]) * 32)


def second(seed: int = 7, name: str = ORIGIN) -> MlDsa44Signer:
    """A post-quantum key that is the same in every run."""
    return MlDsa44Signer.from_seed(name, bytes([seed]) * 32)


def publisher(seed: int = 7) -> Publisher:
    """Signs with the first and the second key of that seed, at a time that never changes."""
    key = second(seed)
    return Publisher(signer(seed), lambda: key, lambda: 1_790_000_000)


def entry(number: int, fact: Fact) -> Entry:
    """An entry around a fact, with id and second from a number."""
    at = f"2026-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000000Z"
    actor = Actor(auth="token", id="ehr", kind="token")
    return Entry(actor=actor, at=at, fact=fact, id=f"E{number:025d}", node="node-1", purpose="care")


def draft(fact: Fact, number: int = 0, *records: SealedRecord) -> Draft:
    """A draft of a fact with its sealed records."""
    made = entry(number, fact)
    return Draft(entry=made, data=encode(made), records=records)


def person(number: int = 0) -> Draft:
    """A low-volume fact."""
    return draft(PersonAdded(person=f"p{number}", name=f"Person {number}", roles=("auditor",)), number)


def answered(
    number: int, vault: Vault, *, mode: str = "inform", shown: bool = True, use_case: str = USE_CASE, subjects: int = 10
) -> Draft:
    """A decision with its sealed record."""
    decision, subject = f"D{number:025d}", f"{number % subjects:032x}"
    record = vault.seal(
        record_id=decision, subject=subject, kind="decision", purpose="care", plaintext=b'{"age": 71}' * 40
    )
    fact = DecisionAnswered(
        decision=decision,
        use_case=use_case,
        candidate="c" * 64,
        stage="general",
        subject=subject,
        site="site-1",
        mode=mode,
        shown=shown,
        record=sha256(record.ciphertext).hexdigest(),
        policy="a" * 64,
    )
    return draft(fact, number, record)


def fell_back(number: int) -> Draft:
    """A fallback without a record."""
    fact = DecisionFellBack(
        decision=f"D{number:025d}",
        use_case=USE_CASE,
        candidate="c" * 64,
        stage="general",
        subject=f"{number:032x}",
        site="site-1",
        guard="inputs",
        reason="age is missing",
        record="",
        policy="a" * 64,
    )
    return draft(fact, number)


def responded(number: int, decision: int, response: str = "confirmed") -> Draft:
    """A person's response to a decision."""
    fact = DecisionResponded(
        decision=f"D{decision:025d}", use_case=USE_CASE, response=response, person="p1", reason="agrees"
    )
    return draft(fact, number)


def observed(number: int, decision: int, vault: Vault) -> Draft:
    """An outcome with its sealed record."""
    name, subject = f"D{decision:025d}", f"{decision % 10:032x}"
    record = vault.seal(
        record_id=f"{name}/outcome/{number}", subject=subject, kind="outcome", purpose="monitoring", plaintext=b"1"
    )
    digest = sha256(record.ciphertext).hexdigest()
    fact = OutcomeObserved(decision=name, use_case=USE_CASE, subject=subject, record=digest)
    return draft(fact, number, record)


@dataclass
class Home:
    """A store, its anchor, a vault and an open ledger in one folder."""

    folder: Path
    store: SqliteStore | PostgresStore
    anchor: FileAnchor
    vault: AesVault
    ledger: Ledger

    def verify(self, seed: int = 7) -> VerificationReport:
        """Verify the home's ledger under the key of that seed."""
        return verify_ledger(self.store, self.anchor, ORIGIN, signer(seed).public_key, verify_ed25519)

    def tamper(self, sql: str, values: tuple[object, ...] = ()) -> None:
        """Change the database behind the system's back; `?` stands for a value on either."""
        if isinstance(self.store, PostgresStore):
            import psycopg

            with psycopg.connect(self.store.address, autocommit=True) as other:
                assert other.execute(sql.replace("?", "%s"), values).rowcount != 0
            return
        with closing(sqlite3.connect(self.folder / "ledger.db", isolation_level=None)) as connection:
            assert connection.execute(sql, values).rowcount != 0

    def close(self) -> None:
        """Close ledger and store."""
        self.ledger.close()
        self.store.close()


def home(folder: Path, *, entries: int = 0, batch: int = 16, seed: int = 7, address: str = "") -> Home:
    """A home in an empty or existing folder, with so many decisions appended; on PostgreSQL when given an address."""
    store = PostgresStore(address) if address else SqliteStore(folder / "ledger.db")
    vault = AesVault(b"k" * 32, load=store.newest_key)
    anchor = FileAnchor(folder / "anchor")
    ledger = Ledger(store, signer(seed), ORIGIN, anchor, anchor_seconds=0)
    made = Home(folder, store, anchor, vault, ledger)
    for start in range(0, entries, batch):
        ledger.append([answered(number, vault) for number in range(start, min(start + batch, entries))])
    return made
