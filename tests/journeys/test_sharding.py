"""A home in several shards: begun under load, killed in the middle, put back, backed up, watched, handed out."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from test_watched_over import add, made, put_back, watched

from bedrail.app import create_home, open_home, open_witness, restore_home
from bedrail.core.errors import Corrupt
from bedrail.core.events import decode
from bedrail.journeys import recovery, sharding, upkeep
from bedrail.keys import KeyFolder, verify_ed25519
from bedrail.ledger.guard import checkpoint_in
from bedrail.ledger.receipts import hold, parse_receipts
from bedrail.ledger.shards import ShardTape
from small_home import environment, told

FIRST, NEXT, THIRD = (f"h.example/ledger-{year}" for year in (2026, 2027, 2028))

APPENDER = """
import sys
from pathlib import Path
import msgspec
from bedrail.app import open_home
from bedrail.core.events.oversight import HeartBeat
from bedrail.journeys.context import SYSTEM
app = open_home(Path(sys.argv[1]), busy_seconds=30)
print("ready", flush=True)
sys.stdin.readline()
kept = []
while not Path(sys.argv[2]).exists():
    kept += app.context.append(SYSTEM, "safety", HeartBeat(size=len(kept)))
app.close()
print(msgspec.json.encode(kept).decode(), flush=True)
"""

KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from bedrail.app import open_home
from bedrail.journeys import sharding
app = open_home(Path(sys.argv[1]))
point, store, ledger = sys.argv[2], app.store, app.context.ledger
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
begin = store.transaction
@contextmanager
def transaction(**words):
    with begin(**words) as inside:
        if point == "begun": die()
        yield inside
        if point == "written": die()
    if point == "committed": die()
store.transaction = transaction
if point == "anchoring": ledger._anchor._anchor.swap = die
sharding.begin_shard(app.context, "olivia", sys.argv[3])
die()
"""


def _founded(home: Path) -> None:
    app = create_home(home, FIRST)
    upkeep.open_installation(app.context, FIRST, "olivia", app.public_names())
    upkeep.add_person(app.context, "olivia", "ada", "Ada", ("auditor",))
    upkeep.add_person(app.context, "olivia", "rob", "Rob", ("release-engineer",))
    app.close()


def _report(*words: str, home: Path | None = None) -> tuple[bool, str, list[dict[str, str]]]:
    found = json.loads(told("ledger", "verify", *words, "--json", home=home).out)
    return found["ok"], found["level"], found["differences"]


@pytest.mark.slow
def test_others_who_append_go_on_in_the_new_shards(tmp_path: Path) -> None:
    """Two processes append while a third begins two shards, one under a new key: every receipt holds, all verifies."""
    home = tmp_path / "home"
    _founded(home)
    old = KeyFolder(home / "keys").open().public_key("ledger")
    command = [sys.executable, "-c", APPENDER, str(home), str(tmp_path / "stop")]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        for _ in range(2)
    ]
    try:
        app = open_home(home, busy_seconds=30)
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline().strip() == "ready"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for origin in (NEXT, THIRD, ""):
            size = app.store.head().size
            while app.store.head().size < size + 40:
                assert all(worker.poll() is None for worker in workers)
                time.sleep(0.005)
            if origin:
                sharding.begin_shard(app.context, "olivia", origin, app.keys.add_ledger_key if origin == NEXT else None)
        (tmp_path / "stop").touch()
        receipts = [each for worker in workers for each in json.loads(worker.communicate(timeout=120)[0])]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    names = {each["checkpoint"].partition("\n")[0] for each in receipts}
    assert names == {FIRST, NEXT, THIRD}
    promises = parse_receipts([msgspec.json.encode(each) for each in receipts])
    shards = sharding.shards(app.context)
    head = ShardTape(app.store, msgspec.structs.replace(shards[2], final=app.store.head().checkpoint.decode()))

    class Seen:
        checkpoint = head.head().checkpoint
        leaves = staticmethod(app.store.leaves)

    kept = hold(promises, Seen(), THIRD, app.public_key, verify_ed25519, former=(old,))
    assert (kept.kept, kept.broken) == (len(receipts), ())
    assert hold(promises, Seen(), THIRD, app.public_key, verify_ed25519).broken[0].kind == "unsigned"
    app.close()
    assert _report(home=home) == (True, "L4", [])


@pytest.mark.slow
@pytest.mark.parametrize("point", ["begun", "written", "committed", "anchoring", "done"])
def test_killed_in_the_middle_there_is_one_shard_or_there_are_two(point: str, tmp_path: Path) -> None:
    """Never one fact without the other; the home opens, verifies and goes on, and the act can be done again."""
    home = tmp_path / "home"
    _founded(home)
    command = [sys.executable, "-c", KILLED, str(home), point, NEXT]
    assert subprocess.run(command, env=environment(), check=False).returncode == -signal.SIGKILL
    turned = point in ("committed", "anchoring", "done")
    app = open_home(home)
    origins = [shard.origin for shard in sharding.shards(app.context)]
    assert origins == ([FIRST, NEXT] if turned else [FIRST])
    facts = [type(decode(data).fact).__name__ for _, data in app.store.entries()]
    assert facts.count("LedgerSealed") == facts.count("LedgerBegun") == int(turned)
    upkeep.add_person(app.context, "olivia", "kim", "Kim", ("clinician",))
    sharding.begin_shard(app.context, "olivia", THIRD)
    app.close()
    assert _report(home=home) == (True, "L4", [])


def test_people_begin_list_and_hand_out_shards(tmp_path: Path) -> None:
    """Only the owner (who else tries is on record); no name twice or bad; each bundle verifies under either vkey."""
    home = tmp_path / "home"
    _founded(home)
    assert told("--as", "ada", "ledger", "shard", "--origin", NEXT, home=home).code == 1
    for name, code in ((FIRST, 1), ("a b", 2), ("a+b", 2), ("x" * 256, 2), ("", 2)):
        assert told("--as", "olivia", "ledger", "shard", "--origin", name, home=home).code == code
    keys = tmp_path / "old.vkeys"
    keys.write_text(told("ledger", "keys", home=home).out)
    done = told("--as", "olivia", "ledger", "shard", "--origin", NEXT, home=home)
    assert done.code == 0, done
    assert told("ledger", "keys", home=home).out.splitlines()[0] in done.out
    listed = json.loads(told("ledger", "shards", "--json", home=home).out)
    assert [(each["origin"], each["first"], each["last"]) for each in listed] == [(FIRST, 0, 6), (NEXT, 7, 7)]
    assert checkpoint_in(listed[0]["checkpoint"].encode()).root.hex() == listed[0]["root"]
    for words, folder in (((), "whole"), (("--shard", FIRST), "old")):
        assert told("--as", "ada", "ledger", "export", str(tmp_path / folder), *words, home=home).code == 0
        assert _report("--bundle", str(tmp_path / folder), "--key", str(keys)) == (True, "L4", [])
    assert (tmp_path / "old" / "checkpoint").read_text().startswith(f"{FIRST}\n7\n")
    for name, code in ((NEXT, 2), ("nothing", 2)):
        again = told("--as", "ada", "ledger", "export", str(tmp_path / "none"), "--shard", name, home=home)
        assert again.code == code, again
    found = told("--as", "ada", "ledger", "search", "--action", "ledger.begun", "--json", home=home)
    assert [each["index"] for each in json.loads(found.out)] == [7]


def test_a_home_of_several_shards_is_backed_up_and_restored(tmp_path: Path) -> None:
    """Also from a backup of before, when the loss is accepted: its anchor is of a shard that is lost."""
    home = tmp_path / "home"
    _founded(home)
    for name in (NEXT, THIRD):
        app = open_home(home)
        app.back_up("rob", tmp_path / f"before-{name[-4:]}", keys=True, told=lambda _: None)
        sharding.begin_shard(app.context, "olivia", name)
        app.close()
    anchor = home / "anchor" / "checkpoint"
    assert recovery.read_manifest(tmp_path / "before-2028").origin == FIRST
    put = restore_home(tmp_path / "before-2028", tmp_path / "new", anchor=anchor, accept_loss="drill")
    assert put.lost == f"entries {put.size} to {checkpoint_in(anchor.read_bytes()).size - 1}"
    app = open_home(tmp_path / "new")
    assert [shard.origin for shard in sharding.shards(app.context)] == [FIRST, NEXT]
    sharding.begin_shard(app.context, "olivia", "h.example/after-the-loss")
    app.close()
    assert _report(home=tmp_path / "new") == (True, "L4", [])


def test_a_shard_begins_under_a_new_key_and_the_old_one_can_be_destroyed(tmp_path: Path) -> None:
    """Bundles verify from either key and homes go on; a proof of before keeps its key; only the owner may."""
    home = tmp_path / "home"
    _founded(home)
    old = told("ledger", "keys", home=home).out.splitlines()[0]
    bundle = str(tmp_path / "before")
    assert told("--as", "ada", "ledger", "export", bundle, home=home).code == 0
    assert told("--as", "ada", "ledger", "shard", "--origin", NEXT, "--new-key", home=home).code == 1
    assert told("--as", "olivia", "ledger", "shard", "--origin", NEXT, "--destroy-old-keys", home=home).code == 2
    for name, words in ((NEXT, ("--new-key",)), (THIRD, ("--new-key", "--destroy-old-keys"))):
        done = told("--as", "olivia", "ledger", "shard", "--origin", name, *words, home=home)
        assert done.code == 0, done
    new = told("ledger", "keys", home=home).out.splitlines()[0]
    assert new.split("+")[2] != old.split("+")[2]
    assert new in done.out
    assert len(list((home / "keys").glob("ledger*.key"))) == 2  # the present one and the post-quantum one
    assert told("--as", "ada", "ledger", "export", str(tmp_path / "after"), home=home).code == 0
    for line in (old, new):
        assert _report("--bundle", str(tmp_path / "after"), "--key", line) == (True, "L4", [])
    assert _report("--bundle", bundle, "--key", old) == (True, "L4", [])
    assert _report(home=home) == (True, "L4", [])
    lost = told("--as", "ada", "ledger", "export", str(tmp_path / "first"), "--shard", FIRST, home=home)
    assert (lost.code, "destroyed" in lost.err) == (1, True)
    assert add(home, "lee") == 0


def test_after_a_change_of_key_an_older_backup_needs_the_older_key(tmp_path: Path) -> None:
    """With it the home goes on under it, once the loss is accepted; without it the restore is refused and says why."""
    home = tmp_path / "home"
    _founded(home)
    app = open_home(home)
    app.back_up("rob", tmp_path / "before", keys=False, told=lambda _: None)
    sharding.begin_shard(app.context, "olivia", NEXT, app.keys.add_ledger_key)
    app.back_up("rob", tmp_path / "after", keys=False, told=lambda _: None)
    app.close()
    shutil.copytree(home / "keys", tmp_path / "both")
    anchor = home / "anchor" / "checkpoint"
    restore_home(tmp_path / "before", tmp_path / "old", keys=tmp_path / "both", anchor=anchor, accept_loss="drill")
    assert add(tmp_path / "old", "lee") == 0
    assert _report(home=tmp_path / "old") == (True, "L4", [])
    app = open_home(home)
    assert app.keys.destroy_ledger_keys(app.public_key) == 1
    app.close()
    with pytest.raises(Corrupt, match="does not hold"):
        restore_home(tmp_path / "before", tmp_path / "no", keys=home / "keys", anchor=anchor, accept_loss="drill")
    restore_home(tmp_path / "after", tmp_path / "new", keys=home / "keys", anchor=anchor, accept_loss="drill")
    assert _report(home=tmp_path / "new") == (True, "L4", [])


@pytest.mark.slow
def test_for_witnesses_the_new_name_is_another_log_and_the_old_one_is_closed(tmp_path: Path) -> None:
    """They cosign the old one's end and the new one; a home put back to before, with its anchor, is told."""
    home = tmp_path / "home"
    made(home)
    with watched(home, tmp_path, 1):
        assert told("ledger", "publish", home=home).code == 0
        shutil.copytree(home, tmp_path / "older")
        assert told("--as", "olivia", "ledger", "shard", "--origin", NEXT, home=home).code == 0
        assert told("ledger", "publish", home=home).code == 1  # it does not know the name yet
        line = told("ledger", "keys", home=home).out.splitlines()[0]
        assert told("witness", "trust", str(tmp_path / "witness1"), "--log", line).code == 0
        assert add(home, "lee") == 0
        assert told("ledger", "publish", home=home).code == 0
        assert told("ledger", "witnesses", home=home).code == 0
        policy = str(tmp_path / "witnesses.policy")
        assert told("ledger", "verify", "--quorum", policy, home=home).code == 0
        witness = open_witness(tmp_path / "witness1")
        held = [checkpoint_in(witness.memory.latest(name) or b"").size for name in ("watched.example/log", NEXT)]
        witness.close()
        app = open_home(home)
        assert held == [sharding.shards(app.context)[0].size, app.store.head().size]
        app.close()
        put_back(home, tmp_path / "older")
        shutil.copy(tmp_path / "older" / "anchor" / "checkpoint", home / "anchor" / "checkpoint")
        found = told("ledger", "publish", home=home)
        assert found.code == 1
        assert "Rollback detected" in found.err
