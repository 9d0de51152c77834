"""An insider with the files in hand but without the keys. For demonstrations on copies: `python tamper.py HOME DEED`.

Deeds: entry (edit one), tail (delete the newest), chain (recompute everything, signed with another key), view (change a
row of a derived table), model CANDIDATE (flip a byte of a stored model file), mend CANDIDATE (flip it back).
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedrail.keys.signing import Ed25519Signer
from bedrail.ledger.checkpoint import Checkpoint, sign_checkpoint
from bedrail.ledger.merkle import CompactRange, leaf_hash


def edited(db: sqlite3.Connection) -> tuple[int, bytes]:
    """An old entry, with another name for who approved."""
    seq, data = db.execute("SELECT seq, entry FROM tape WHERE action = 'approval.given' LIMIT 1").fetchone()
    return seq, bytes(data).replace(b"dr-adams", b"dr-evils")


def entry(db: sqlite3.Connection, home: Path) -> str:
    """Change one word of an old entry."""
    seq, data = edited(db)
    db.execute("UPDATE tape SET entry = ? WHERE seq = ?", (data, seq))
    return f"who approved, in entry {seq}"


def tail(db: sqlite3.Connection, home: Path) -> str:
    """Delete the newest twenty entries and every trace of them, and set the head back to an older checkpoint."""
    size = db.execute("SELECT size FROM head").fetchone()[0]
    cut, note = db.execute(
        "SELECT size, note FROM checkpoints WHERE size <= ? ORDER BY size DESC", (size - 20,)
    ).fetchone()
    for table in ("tape", "decisions", "responses", "outcomes", "records"):
        db.execute(f"DELETE FROM {table} WHERE seq >= ?", (cut,))
    db.execute("DELETE FROM checkpoints WHERE size > ?", (cut,))
    tree = CompactRange()
    tree.extend([bytes(leaf) for (leaf,) in db.execute("SELECT leaf FROM tape ORDER BY seq")])
    db.execute("UPDATE head SET size = ?, peaks = ?, checkpoint = ?", (cut, b"".join(tree.peaks), note))
    return f"entries {cut} to {size - 1}"


def chain(db: sqlite3.Connection, home: Path) -> str:
    """Edit an entry, then recompute every leaf, root and checkpoint, signed with a key of the insider's own."""
    seq, data = edited(db)
    db.execute("UPDATE tape SET entry = ?, leaf = ? WHERE seq = ?", (data, leaf_hash(data), seq))
    origin = bytes(db.execute("SELECT checkpoint FROM head").fetchone()[0]).split(b"\n")[0].decode()
    signer = Ed25519Signer(origin, Ed25519PrivateKey.generate())
    tree = CompactRange()
    tree.extend([bytes(leaf) for (leaf,) in db.execute("SELECT leaf FROM tape ORDER BY seq")])
    note = sign_checkpoint(Checkpoint(origin=origin, size=tree.size, root=tree.root()), signer)
    db.execute("DELETE FROM checkpoints")
    db.execute("INSERT INTO checkpoints VALUES (?, ?)", (tree.size, note))
    db.execute("UPDATE head SET size = ?, peaks = ?, checkpoint = ?", (tree.size, b"".join(tree.peaks), note))
    (home / "anchor" / "checkpoint").write_bytes(note)
    return f"all {tree.size} entries, with a new key, anchor included"


def view(db: sqlite3.Connection, home: Path) -> str:
    """Make an override look like a confirmation in the table that people look at."""
    db.execute("UPDATE responses SET response = 'confirmed' WHERE response = 'overridden'")
    return "an override that now reads as a confirmation"


def flip(home: Path, candidate: str) -> str:
    """Flip one bit in the middle of the candidate's model file."""
    file = next((home / "artifacts" / "trees" / candidate / "files").glob("model*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(bytes(data))
    return f"one bit of {file.name}"


if __name__ == "__main__":
    place, deed = Path(sys.argv[1]), sys.argv[2]
    if deed in ("model", "mend"):
        print(flip(place, sys.argv[3]))
    else:
        with sqlite3.connect(place / "ledger.sqlite") as database:
            print({"entry": entry, "tail": tail, "chain": chain, "view": view}[deed](database, place))
        database.close()
