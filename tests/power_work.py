"""What is done to a home while the power is cut: facts, anchors, artifacts, stops; and what must hold afterwards.

    python tests/power_work.py HOME SEED [NORMAL]

With a third word, SQLite syncs as weakly as that says: then promises must be found broken, or the search finds nothing.

Every line on standard output is a promise: `fact INDEX LEAF`, `artifact DIGEST`, `tree DIGEST`, `stop NAME`.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from ledger_load import ORIGIN, Home, decision, home

from bedrail.core.errors import BedrailError
from bedrail.core.ports import Stop
from bedrail.keys import verify_ed25519
from bedrail.ledger import verify_ledger
from bedrail.stores.artifacts import FileArtifacts
from bedrail.stores.stops import FileStops

SESSIONS, ROUNDS = 3, 12


def say(promise: str) -> None:
    """Tell the world; from now on it must be true whatever happens."""
    os.write(1, f"{promise}\n".encode())


def work(folder: Path, seed: int, synchronous: str = "FULL") -> None:
    """Several sessions of a process on one home, each opened, used and closed."""
    chance = random.Random(seed)
    home(folder).store.close()  # keys and schema: the making of a home promises nothing yet
    os.sync()
    for session in range(SESSIONS):
        made = home(folder)
        made.ledger._anchor_seconds = 0.0 if session != 1 else 3600.0
        made.store._connections.writer.execute("PRAGMA wal_autocheckpoint = 40").fetchall()
        made.store._connections.writer.execute(f"PRAGMA synchronous = {synchronous}").fetchall()
        for handle in _folders(folder):  # whoever set the home up synced it
            os.fsync(handle)
            os.close(handle)
        if session == 0:
            say("ready")
        for number in range(ROUNDS):
            _round(made, folder, chance, f"{seed}-{session}-{number}")
        made.ledger.close()
        made.store.close()


def _folders(folder: Path) -> list[int]:
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir() or path.is_file())]
    return [os.open(path, os.O_RDONLY) for path in places]


def _round(made: Home, folder: Path, chance: random.Random, name: str) -> None:
    drafts = [decision(f"{name}-{n}", chance.randrange(40), made.vault) for n in range(chance.choice((1, 1, 3, 20)))]
    for receipt in made.ledger.append(drafts):
        say(f"fact {receipt.index} {receipt.leaf}")
    artifacts = FileArtifacts(folder / "artifacts")
    if chance.random() < 0.3:
        say(f"artifact {artifacts.put(chance.randbytes(chance.choice((10, 700, 9000))))}")
    if chance.random() < 0.15:
        package = folder.parent / f"package-{name}"
        package.mkdir()
        (package / "model.json").write_bytes(chance.randbytes(3000))
        (package / "package.json").write_bytes(chance.randbytes(900))
        say(f"tree {artifacts.put_tree(package)}")
    if chance.random() < 0.15:
        stop = Stop(name=f"all@{name}", target="*", person="rob", reason="drill")
        FileStops(folder / "stops").put(stop)
        say(f"stop {stop.name}")


def wrong_after(folder: Path, promises: list[str]) -> list[str]:
    """What does not hold on the home found after a cut; empty when all does."""
    try:
        made = home(folder)  # compares head and anchor: an anchor ahead of the database does not open
    except BedrailError as error:
        return [f"it does not open: {error}"]
    try:
        leaves = made.store.leaves()
        wrong = [said for said in promises if not _kept(folder, leaves, said)]
        report = verify_ledger(made.store, made.anchor, ORIGIN, made.signer.public_key, verify_ed25519)
        wrong += [f"{each.kind} {each.where}: {each.what}" for each in report.differences]
        wrong += made.store.rebuild_differences() + made.store.record_differences()
        (receipt,) = made.ledger.append([decision("after-the-cut", 1, made.vault)])
        if receipt.index != len(leaves):
            wrong.append("the next fact is not the next")
        return wrong
    except BedrailError as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        made.store.close()


def _kept(folder: Path, leaves: list[bytes], said: str) -> bool:
    kind, _, what = said.partition(" ")
    try:
        if kind == "fact":
            index, leaf = what.split()
            return int(index) < len(leaves) and leaves[int(index)].hex() == leaf
        if kind == "artifact":
            return bool(FileArtifacts(folder / "artifacts").get(what))
        if kind == "tree":
            return bool(FileArtifacts(folder / "artifacts").read_tree(what))
        if kind == "stop":
            return what in FileStops(folder / "stops").targets()
    except BedrailError:
        return False
    return kind == "ready"


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
