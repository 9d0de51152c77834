"""What the ledger benches write: decisions of realistic size, each with its sealed record."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bedrail.core.events import Actor, Entry, encode
from bedrail.core.events.bedside import DecisionAnswered
from bedrail.core.ports import Draft
from bedrail.keys import AesVault, Ed25519Signer, KeyFolder
from bedrail.ledger import Ledger
from bedrail.stores import FileAnchor, SqliteStore

ORIGIN = "bench.example/ledger"
RECORD_BYTES = 800
SUBJECTS = 5000


@dataclass
class Home:
    """A home with nothing but keys, store and ledger."""

    keys: KeyFolder
    store: SqliteStore
    anchor: FileAnchor
    vault: AesVault
    ledger: Ledger

    @property
    def signer(self) -> Ed25519Signer:
        return self.keys.signer("ledger")


def home(folder: Path) -> Home:
    """Open the home in this folder, making it when there is none."""
    keys = KeyFolder(folder / "keys")
    keys = keys.open() if (folder / "keys" / "origin").exists() else keys.create(ORIGIN)
    store = SqliteStore(folder / "ledger.db")
    anchor = FileAnchor(folder / "anchor")
    vault = keys.vault(load=store.newest_key)
    return Home(keys, store, anchor, vault, Ledger(store, keys.signer("ledger"), ORIGIN, anchor))


def decision(number: int | str, subject: int, vault: AesVault) -> Draft:
    """One answered decision with a sealed record of about a kilobyte."""
    name = f"{number:0>26}"
    pseudonym = f"{subject % SUBJECTS:032x}"
    record = vault.seal(
        record_id=name, subject=pseudonym, kind="decision", purpose="care", plaintext=b"v" * RECORD_BYTES
    )
    fact = DecisionAnswered(
        decision=name,
        use_case="readmission-30d",
        candidate="c" * 64,
        stage="general",
        subject=pseudonym,
        site="site-1",
        mode="inform",
        shown=True,
        record=sha256(record.ciphertext).hexdigest(),
        policy="a" * 64,
    )
    entry = Entry(
        actor=Actor(auth="token", id="ehr-1", kind="token"),
        at="2026-01-01T00:00:00.000000Z",
        fact=fact,
        id=name,
        node="node-1",
        purpose="care",
    )
    return Draft(entry=entry, data=encode(entry), records=(record,))


def fdatasync_p50(folder: Path, times: int = 200) -> float:
    """Median seconds of appending 4 KiB and fdatasync on the same disk."""
    taken = []
    handle = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT, 0o600)
    for _ in range(times):
        os.write(handle, b"x" * 4096)
        start = time.perf_counter()
        os.fdatasync(handle)
        taken.append(time.perf_counter() - start)
    os.close(handle)
    return sorted(taken)[times // 2]
