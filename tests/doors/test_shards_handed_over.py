"""A decision of an old shard, and ledgers in several shards, as auditors get them: checked by Python and by Go."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bedrail.core.events.shards import LedgerBegun, LedgerPruned, LedgerSealed
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger import Ledger
from bedrail.ledger.bundle import export_bundle, verify_bundle
from bedrail.ledger.publisher import Publisher
from bedrail.stores import FileAnchor
from ledger_parts import ORIGIN, draft, fell_back, publisher, signer
from memory_tape import MemoryTape
from small_home import CASE, copied, issue, opened, played, request_of, serving, told

pytestmark = pytest.mark.slow

TOOL = Path(__file__).parents[2] / "tools" / "ledger-verify"
NEXT = "hospital.example/ledger-2027"

Go = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Go:
    """The Go program, built from its source with nothing downloaded; runs it."""
    compiler, folder = shutil.which("go") or "/usr/lib/go/bin/go", tmp_path_factory.mktemp("go")
    environment = {
        "HOME": str(folder), "PATH": "/usr/bin:/bin", "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"),
        "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
    }  # fmt: skip
    built = [compiler, "build", "-o", str(folder / "ledger-verify"), "."]
    subprocess.run(built, cwd=TOOL, env=environment, check=True, capture_output=True, text=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(folder / "ledger-verify"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("words", [(), ("--new-key",)], ids=["key stays", "new key"])
def test_a_decision_of_an_old_shard_is_traced_proven_and_handed_out(
    words: tuple[str, ...], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, go: Go
) -> None:
    """A server decides, the shard ends under it, also its key, it decides on; the old decision's papers hold."""
    home = copied(tmp_path_factory, "sharded")
    table = pd.read_parquet(played(tmp_path_factory) / "table.parquet")
    old = told("ledger", "keys", home=home).out.splitlines()[0]
    with opened(home) as app:
        features, token, key = app.context.charter(CASE).contract().names, issue(app), app.public_key
        first = app.context.ledger.origin
    with serving(home, tmp_path / "log", token=token) as server:
        decided = [server.decide(request_of(row, features)) for _, row in table.head(6).iterrows()]
        done = told("--as", "olivia", "ledger", "shard", "--origin", NEXT, *words, home=home)
        assert done.code == 0, done
        decided.append(server.decide(request_of(table.iloc[7], features)))
    receipts = [each["receipt"]["checkpoint"].partition("\n")[0] for each in decided]
    assert (set(receipts[:6]), receipts[6]) == ({first}, NEXT)
    (tmp_path / "keys").write_text(told("ledger", "keys", home=home).out)
    as_ada, keys = ("--as", "ada", "ledger"), str(tmp_path / "keys")
    with opened(home) as app:
        assert (app.public_key == key) == (not words)
        now = app.public_key.hex()
    decision = next(each["decision"] for each in decided if each["kind"] == "answer")
    assert told("--as", "ada", "trace", decision, home=home).code == 0
    for arguments in (
        ("proof", decision, "--out", str(tmp_path / "proof")), ("pack", decision, "--out", str(tmp_path / "pack")),
        ("export", str(tmp_path / "whole")), ("export", str(tmp_path / "old"), "--shard", first),
    ):  # fmt: skip
        done = told(*as_ada, *arguments, home=home)
        assert done.code == 0, done
    for words in (("proof", "--check", str(tmp_path / "proof")), ("pack", "--check", str(tmp_path / "pack"))):
        assert told("ledger", *words, "--key", keys).code == 0
    for folder, pinned in (("whole", keys), ("whole", old), ("old", old)):
        assert told("ledger", "verify", "--bundle", str(tmp_path / folder), "--key", pinned).code == 0
    assert told("ledger", "verify", home=home).code == 0
    papers = (("proof", "proof", now), ("pack", "pack", now), ("bundle", "whole", now), ("bundle", "whole", old),
              ("bundle", "old", key.hex()))  # fmt: skip
    for kind, name, pinned in papers:
        checked = go(kind, str(tmp_path / name), pinned)
        assert checked.returncode == 0, checked.stdout
    stranger = go("bundle", str(tmp_path / "whole"), signer(99).public_key.hex())
    assert stranger.returncode == 1, stranger.stdout


@pytest.mark.parametrize("lie", ["", "checkpoint", "previous", "successor", "missing"])
def test_go_names_a_false_link_that_the_key_signed(lie: str, tmp_path: Path, go: Go) -> None:
    """Another checkpoint than the final one, another predecessor or successor, a shard left out; the true one holds."""
    tape = MemoryTape()
    ledger = Ledger(tape, signer(), ORIGIN, FileAnchor(tmp_path / "anchor"))
    ledger.append([fell_back(0)])
    earlier = tape.head().checkpoint.decode()
    sealed = draft(LedgerSealed(origin=ORIGIN, successor="another" if lie == "successor" else NEXT))
    if lie == "missing":
        ledger.append([sealed, fell_back(1)])
    else:
        previous = "another" if lie == "previous" else ORIGIN
        ledger.begin_shard(
            sealed, NEXT, known=0,
            first=lambda final: draft(LedgerBegun(
                checkpoint=earlier if lie == "checkpoint" else final.decode(), origin=NEXT, previous=previous
            )),
        )  # fmt: skip
    export_bundle(tape, tmp_path / "bundle", ledger.origin, signer().public_key, publisher())
    found = go("bundle", str(tmp_path / "bundle"), signer().public_key.hex())
    assert found.returncode == (1 if lie else 0), found.stdout
    assert not lie or "shard" in found.stdout


@pytest.mark.parametrize("lie", ["", "seal", "first", "former"])
def test_go_names_a_key_that_the_seal_does_not_hand_over_to(lie: str, tmp_path: Path, go: Go) -> None:
    """Under either key; not when seal and first entry name different keys, or another key as the one before."""
    tape, new, strange = MemoryTape(), signer(21), signer(22).public_key.hex()
    ledger = Ledger(tape, signer(), ORIGIN, FileAnchor(tmp_path / "anchor"))
    ledger.append([fell_back(0)])
    key, former = new.public_key.hex(), signer().public_key.hex()
    ledger.begin_shard(
        draft(LedgerSealed(key=strange if lie == "seal" else key, origin=ORIGIN, successor=NEXT)), NEXT, known=0,
        first=lambda final: draft(LedgerBegun(
            checkpoint=final.decode(), key=strange if lie == "first" else key, origin=NEXT, previous=ORIGIN,
            previous_key=strange if lie == "former" else former,
        )),
        signer=new,
    )  # fmt: skip
    writes = Publisher(new, lambda: None, lambda: 0)
    export_bundle(tape, tmp_path / "bundle", ledger.origin, new.public_key, writes)
    for pinned in (key, former):
        found = go("bundle", str(tmp_path / "bundle"), pinned)
        assert found.returncode == (1 if lie else 0), found.stdout
        assert verify_bundle(tmp_path / "bundle", VERIFIERS, key=bytes.fromhex(pinned)).ok == (not lie)


@pytest.mark.parametrize("lie", ["", "gone elsewhere", "half a shard", "another hash"])
def test_go_lets_a_hash_stand_for_bytes_only_in_a_shard_whose_pruning_is_on_record(
    lie: str, tmp_path: Path, go: Go
) -> None:
    """It verifies a pruned ledger; not bytes gone elsewhere, a part of a shard, or a hash that leads elsewhere."""
    tape = MemoryTape()
    ledger = Ledger(tape, signer(), ORIGIN, FileAnchor(tmp_path / "anchor"))
    ledger.append([fell_back(number) for number in range(5)])
    ledger.begin_shard(
        draft(LedgerSealed(origin=ORIGIN, successor=NEXT)), NEXT, known=0,
        first=lambda final: draft(LedgerBegun(checkpoint=final.decode(), origin=NEXT, previous=ORIGIN)),
    )  # fmt: skip
    size = 3 if lie == "half a shard" else 6
    fact = LedgerPruned(origin=ORIGIN, reason="over", sealed_at="2019-12-31", size=size, start=0, years=6)
    ledger.append([draft(fact), fell_back(9)])
    assert tape.prune(0, size).entries == min(size, 5)
    if lie == "gone elsewhere":
        tape.rows[-1] = (tape.rows[-1][0], b"")
    if lie == "another hash":
        tape.rows[1] = (bytes(32), b"")
    export_bundle(tape, tmp_path / "bundle", ledger.origin, signer().public_key, publisher())
    found = go("bundle", str(tmp_path / "bundle"), signer().public_key.hex())
    assert found.returncode == (1 if lie else 0), found.stdout
    report = verify_bundle(tmp_path / "bundle", VERIFIERS)
    assert report.ok == (not lie)
