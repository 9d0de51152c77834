"""A home that is watched over: older databases, forks and undone answers, through the commands that people use."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from bedrail.app import App, create_witness, log_of, open_home
from bedrail.core.errors import Corrupt
from bedrail.core.events import PersonAdded
from bedrail.journeys.context import SYSTEM
from small_home import Server, serving, told
from witness_parts import WitnessProcess, running_witness


def made(home: Path, *words: str) -> None:
    """A home with an owner, a security officer and an auditor."""
    assert told("init", "--owner", "olivia", "--origin", "watched.example/log", *words, home=home).code == 0
    for person, role in (("sec", "security-officer"), ("aud", "auditor")):
        assert told("--as", "olivia", "people", "add", person, "--role", role, home=home).code == 0


def add(home: Path, person: str) -> int:
    """Record something; the exit code."""
    return told("--as", "olivia", "people", "add", person, "--role", "clinician", home=home).code


@contextmanager
def watched(home: Path, folder: Path, count: int = 2) -> Iterator[list[WitnessProcess]]:
    """So many running witnesses, adopted by the home, all of them asked for."""
    origin, key = log_of(home)
    lines, running = [], []
    with running_many(folder, origin, key, count) as witnesses:
        for number, (vkey, witness) in enumerate(witnesses):
            lines.append(f"witness w{number} {vkey} {witness.url}\n")
            running.append(witness)
        names = " ".join(f"w{number}" for number in range(count))
        policy = folder / "witnesses.policy"
        policy.write_text("".join(lines) + f"group both all {names}\nquorum both\n")
        adopted = told("--as", "sec", "ledger", "witnesses", "--policy", str(policy), home=home)
        assert adopted.code == 0, adopted.err
        yield running


@contextmanager
def running_many(folder: Path, origin: str, key: bytes, count: int) -> Iterator[list[tuple[str, WitnessProcess]]]:
    """Witness processes that trust this log."""
    if not count:
        yield []
        return
    place = folder / f"witness{count}"
    witness = create_witness(place, f"w{count}.example")
    witness.memory.trust(origin, key)
    (cosigner,) = witness.cosigners()
    witness.close()
    with running_witness(place) as running, running_many(folder, origin, key, count - 1) as others:
        yield [(cosigner.vkey(), running), *others]


def put_back(home: Path, copy: Path) -> None:
    """The older database in place of the newer one."""
    for file in home.glob("ledger.sqlite*"):
        file.unlink()
    for file in copy.glob("ledger.sqlite*"):
        shutil.copy(file, home)


def test_an_older_copy_of_the_database_does_not_open_and_says_what_to_do(tmp_path: Path) -> None:
    """Neither for a command that writes nor for the server; the anchor may lie on another disk."""
    home, apart = tmp_path / "home", tmp_path / "apart"
    apart.mkdir()
    made(home, "--anchor", str(apart / "anchor"))
    assert str(apart / "anchor") in told("ledger", "anchor", home=home).out
    shutil.copytree(home, tmp_path / "older")
    assert add(home, "lee") == 0
    put_back(home, tmp_path / "older")
    for words in (["--as", "olivia", "people", "add", "x", "--role", "clinician"], ["serve", "--port", "1"]):
        refused = told(*words, home=home)
        assert refused.code == 3
        assert "Rollback detected" in refused.err
        assert "bedrail restore" in refused.err
    verified = told("ledger", "verify", home=home)
    assert verified.code == 1
    assert "deleted-tail" in verified.out


def test_a_lost_anchor_is_renewed_only_when_all_else_holds_and_on_record(tmp_path: Path) -> None:
    """Without it the home does not open; beginning a new one needs the role, a reason and a sound ledger."""
    home = tmp_path / "home"
    made(home)
    assert told("--as", "sec", "ledger", "anchor", "--renew", "why not", home=home).code == 1
    (home / "anchor" / "checkpoint").unlink()
    assert add(home, "lee") == 3
    assert told("ledger", "anchor", home=home).code == 1
    assert told("--as", "aud", "ledger", "anchor", "--renew", "lost", home=home).code == 1
    assert add(home, "lee") == 3
    renewed = told("--as", "sec", "ledger", "anchor", "--renew", "the disk broke", home=home)
    assert renewed.code == 0, renewed.err
    assert add(home, "lee") == 0
    assert told("ledger", "verify", home=home).code == 0
    app = open_home(home)
    assert any(b"the disk broke" in data for _, data in app.store.entries())
    app.close()


@pytest.mark.slow
def test_of_two_histories_shown_to_two_readers_only_one_gets_the_quorum(tmp_path: Path) -> None:
    """Whoever has keys, database and anchor keeps two branches; witnesses cosign one, and the other stops itself."""
    home = tmp_path / "home"
    made(home)
    with watched(home, tmp_path):
        assert told("ledger", "publish", home=home).code == 0
        other = tmp_path / "other"
        shutil.copytree(home, other)
        assert add(home, "lee") == 0
        assert add(other, "kim") == 0
        assert told("ledger", "publish", home=home).code == 0
        # The other branch can show the quorum for nothing that only it holds.
        app = open_home(other)
        standing = app.publishing(lambda: app.context.refresh().continuity.witnesses).standing()
        app.close()
        assert standing is not None
        assert standing.size == standing.head - 1
        forked = told("ledger", "publish", home=other)
        assert forked.code == 1
        assert "Fork detected" in forked.err
        policy = str(tmp_path / "witnesses.policy")
        assert told("--as", "aud", "ledger", "export", str(tmp_path / "bundle-home"), home=home).code == 0
        assert told("ledger", "verify", "--quorum", policy, home=home).code == 0
        ours = told("ledger", "verify", "--bundle", str(tmp_path / "bundle-home"), "--quorum", policy)
        assert ours.code == 0, ours.out
        # What one command was shown, every later one knows.
        assert add(other, "lee") == 3
        with pytest.raises(Corrupt, match="Fork detected"):
            open_home(other)


@pytest.mark.slow
def test_a_home_put_back_with_its_anchor_is_told_by_its_witness(tmp_path: Path) -> None:
    """Database and anchor agree, the witness holds more, signed by our key: nothing is signed, and nobody opens it."""
    home = tmp_path / "home"
    made(home)
    with watched(home, tmp_path, 1):
        assert told("ledger", "publish", home=home).code == 0
        shutil.copytree(home, tmp_path / "older")
        assert add(home, "lee") == 0
        assert told("ledger", "publish", home=home).code == 0
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "older", home)
        found = told("ledger", "publish", home=home)
        assert found.code == 1
        assert "Rollback detected" in found.err
        refused = told("--as", "olivia", "people", "add", "kim", "--role", "clinician", home=home)
        assert refused.code == 3
        assert "Rollback detected" in refused.err


def metrics(server: Server) -> dict[str, float]:
    """What the server counts."""
    lines = server.ask("GET", "/metrics")[1].decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.partition(" ") for line in lines if not line.startswith("#"))
    }


def eventually(server: Server, name: str, at_least: float) -> float:
    """The metric, once it has come so far."""
    for _ in range(300):
        found = metrics(server).get(name, -1.0)
        if found >= at_least:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{name} stayed below {at_least}")


@pytest.mark.slow
def test_a_server_publishes_by_itself_and_goes_on_without_its_witnesses(tmp_path: Path) -> None:
    """Cosigned without anybody's doing; with the witness gone it stays ready, says so, and records go on."""
    home = tmp_path / "home"
    made(home)
    with watched(home, tmp_path, 1) as (witness,), serving(home, tmp_path / "log") as server:
        app = open_home(home)
        size = app.store.head().size
        assert eventually(server, "bedrail_ledger_witnessed_size", size) >= size
        witness.process.terminate()
        witness.process.wait()
        app.context.append(SYSTEM, "test", _fact("late"))
        assert eventually(server, "bedrail_ledger_witnesses_in_trouble", 1) == 1
        assert server.ask("GET", "/readyz")[0] == 200
        receipts = tmp_path / "receipts.jsonl"
        receipts.write_bytes(_receipt(app))
        key = log_of(home)[1]
        words = ["ledger", "monitor", "--receipts", str(receipts), "--key", key.hex()]
        kept = told(*words, "--url", f"http://127.0.0.1:{server.port}")
        assert kept.code == 0, kept.out + kept.err
        app.close()
    assert told("--as", "aud", "ledger", "export", str(tmp_path / "bundle"), home=home).code == 0
    kept = told(*words, "--bundle", str(tmp_path / "bundle"), "--json")
    assert kept.code == 0, kept.out + kept.err
    assert json.loads(kept.out)["kept"] == 1
    assert "own key" not in told(*words, "--bundle", str(tmp_path / "bundle")).out
    assert "own key was believed" in told(*words[:4], "--bundle", str(tmp_path / "bundle")).out


def _fact(person: str) -> PersonAdded:
    return PersonAdded(person=person, name=person, roles=("clinician",))


def _receipt(app: App) -> bytes:
    (receipt,) = app.context.append(SYSTEM, "test", _fact("later"))
    return msgspec.json.encode({"receipt": receipt})
