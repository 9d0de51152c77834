"""An auditor's day: proof file, evidence pack and bundle of a real home, checked by Python and by the Go program."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.core.events import DecisionAnswered, DeploymentMoved, Entry, decode, encode
from bedrail.core.ports import Draft
from bedrail.journeys.upkeep import add_person
from small_home import CASE, copied, issue, opened, played, request_of, serving, told

pytestmark = pytest.mark.slow

TOOL = Path(__file__).parents[2] / "tools" / "ledger-verify"


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The Go program, built from its source with nothing downloaded; runs it."""
    compiler = shutil.which("go") or "/usr/lib/go/bin/go"
    folder = tmp_path_factory.mktemp("go")
    environment = {
        "HOME": str(folder), "PATH": "/usr/bin:/bin", "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"),
        "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
    }  # fmt: skip
    for task in (["vet", "."], ["build", "-o", str(folder / "ledger-verify"), "."]):
        subprocess.run([compiler, *task], cwd=TOOL, env=environment, check=True, capture_output=True, text=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(folder / "ledger-verify"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A served home with decisions and responses; its decision, key, proof, pack and bundle."""
    home, folder = copied(tmp_path_factory, "proofs"), tmp_path_factory.mktemp("handed")
    table = pd.read_parquet(played(tmp_path_factory) / "table.parquet")
    with opened(home) as app:
        features = app.context.charter(CASE).contract().names
        token = issue(app)
        key = app.public_key.hex()
    with serving(home, folder / "log", token=token) as server:
        decisions = [server.decide(request_of(row, features)) for _, row in table.head(40).iterrows()]
        decision = next(each["decision"] for each in decisions if each["kind"] == "answer")
        body = {"response": "confirmed", "person": "dr-lee", "reason": "no-objection"}
        status, said, _ = server.ask("POST", f"/api/v1/decisions/{decision}/responses", body)
        assert status in (200, 201), said
    as_ada = ("--as", "ada", "ledger")
    for arguments in (
        ("proof", decision, "--out", str(folder / "one.tlog-proof")),
        ("pack", decision, "--out", str(folder / "pack")),
        ("export", str(folder / "bundle")),
    ):
        done = told(*as_ada, *arguments, home=home)
        assert done.code == 0, done
    keys = told("ledger", "keys", home=home).out
    (folder / "ledger.vkeys").write_text(keys)
    return {"home": home, "folder": folder, "decision": decision, "key": key}


def test_the_whole_story_verifies_to_the_highest_level(made: dict[str, Any]) -> None:
    """Home and bundle reach L4: approvals, gates, decisions and responses stand as the rules say."""
    for arguments in (("verify",), ("verify", "--bundle", str(made["folder"] / "bundle"), "--key", made["key"])):
        done = told("ledger", *arguments, "--json", home=made["home"])
        report = json.loads(done.out)
        assert (report["ok"], report["level"], report["differences"]) == (True, "L4", []), report


def test_python_and_go_agree_on_what_was_handed_over(made: dict[str, Any], go: Any) -> None:
    """Proof, pack and bundle hold under the ledger's key in both, the proof shows the decision."""
    folder, key = made["folder"], made["key"]
    vkeys = str(folder / "ledger.vkeys")
    for arguments in (
        ("proof", "--check", str(folder / "one.tlog-proof"), "--key", vkeys),
        ("pack", "--check", str(folder / "pack"), "--key", vkeys),
        ("verify", "--bundle", str(folder / "bundle"), "--key", vkeys),
    ):
        done = told("ledger", *arguments)
        assert done.code == 0, done
    for kind, name in (("proof", "one.tlog-proof"), ("pack", "pack"), ("bundle", "bundle")):
        for given in (key, vkeys):
            done = go(kind, str(folder / name), given)
            assert done.returncode == 0, done
    assert made["decision"] in go("proof", str(folder / "one.tlog-proof"), key).stdout


def test_neither_accepts_another_key(made: dict[str, Any], go: Any) -> None:
    """Whole in itself is not enough."""
    folder, other = made["folder"], "11" * 32
    for kind, name in (("proof", "one.tlog-proof"), ("pack", "pack"), ("bundle", "bundle")):
        assert go(kind, str(folder / name), other).returncode == 1
    assert told("ledger", "proof", "--check", str(folder / "one.tlog-proof"), "--key", other).code == 3
    assert told("ledger", "pack", "--check", str(folder / "pack"), "--key", other).code == 3
    assert told("ledger", "verify", "--bundle", str(folder / "bundle"), "--key", other).code == 1


def _changed(data: bytes) -> list[bytes]:
    """A bit flipped at the start, in the middle, at the end; a byte more, a byte less."""
    flips = []
    for at in (0, len(data) // 2, len(data) - 1):
        flipped = bytearray(data)
        flipped[at] ^= 1
        flips.append(bytes(flipped))
    return [*flips, data + b"\n", data[:-1]]


@pytest.mark.parametrize("name", ["bundle", "pack"])
def test_go_names_every_file_that_was_changed_taken_away_or_added(
    made: dict[str, Any], go: Any, tmp_path: Path, name: str
) -> None:
    """Each file of bundle and pack in turn; the copy verifies again once the file is back."""
    folder = tmp_path / name
    shutil.copytree(made["folder"] / name, folder)
    key = made["key"]
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        whole = path.read_bytes()
        for data in _changed(whole):
            path.write_bytes(data)
            done = go(name, str(folder), key)
            assert done.returncode == 1, (path, data[:50])
        path.unlink()
        assert go(name, str(folder), key).returncode == 1, path
        path.write_bytes(whole)
    (folder / "more").write_text("x")
    assert go(name, str(folder), key).returncode == 1
    (folder / "more").unlink()
    assert go(name, str(folder), key).returncode == 0


def test_a_changed_proof_file_is_refused_by_both(made: dict[str, Any], go: Any, tmp_path: Path) -> None:
    """One bit in every line: header, entry, index, path, checkpoint, signature. The second signature Python reads."""
    whole = (made["folder"] / "one.tlog-proof").read_bytes()
    vkeys, path, at = str(made["folder"] / "ledger.vkeys"), tmp_path / "changed.tlog-proof", 0
    lines = whole.splitlines(keepends=True)
    for number, line in enumerate(lines):
        flipped = bytearray(whole)
        flipped[at + len(line) // 2] ^= 1
        path.write_bytes(flipped)
        assert told("ledger", "proof", "--check", str(path), "--key", vkeys).code == 3, line
        if number < len(lines) - 1:
            assert go("proof", str(path), made["key"]).returncode == 1, line
        at += len(line)


def test_what_could_not_have_happened_is_named_though_the_ledger_is_whole(made: dict[str, Any], tmp_path: Path) -> None:
    """Whoever holds the key writes a decision of a version that never stood, and a deployment no gate opened."""
    home = tmp_path / "home"
    shutil.copytree(made["home"], home)
    with opened(home) as app:
        ctx = app.context
        rows = [decode(data) for _, data in app.store.entries()]
        answered = next(entry for entry in rows if isinstance(entry.fact, DecisionAnswered))
        moved = [entry for entry in rows if isinstance(entry.fact, DeploymentMoved)][-1]

        def forged(like: Entry, **changes: Any) -> Draft:
            fact = type(like.fact)(**{**{n: getattr(like.fact, n) for n in like.fact.__struct_fields__}, **changes})
            at = ctx.clock.now().isoformat(timespec="microseconds")
            entry = Entry(actor=like.actor, at=at, fact=fact, id=ctx.ids.new(), node=like.node, purpose=like.purpose)
            return Draft(entry=entry, data=encode(entry))

        other = next(c for c in ctx.refresh().use_case(CASE).candidates if c != moved.fact.candidate)  # type: ignore[attr-defined]
        size = ctx.ledger.head().size
        ctx.ledger.append([forged(answered, decision=ctx.ids.new(), candidate=other, record="")])
        ctx.ledger.append([forged(moved, candidate=other, from_stage="canary", to_stage="general")])
    report = json.loads(told("ledger", "verify", "--json", home=home).out)
    named = {(each["kind"], each["where"]) for each in report["differences"]}
    assert {("replay", f"entry {size}"), ("replay", f"entry {size + 1}")} <= named
    assert report["level"] == "L3"
    assert "L4 does not hold" in report["why"]


def test_whoever_works_at_another_site_gets_no_proof_and_no_pack(made: dict[str, Any], tmp_path: Path) -> None:
    """Both show the decision's entry, so both are for those who may see decisions of its site."""
    with opened(made["home"]) as app:
        add_person(app.context, "olivia", "sid", "Sid", ("clinician",), ("elsewhere",))
    for words in (("proof", made["decision"], "--out", str(tmp_path / "p")), ("pack", made["decision"], "--out")):
        done = told(
            "--as", "sid", "ledger", *words, *([str(tmp_path / "k")] * (words[-1] == "--out")), home=made["home"]
        )
        assert (done.code, "another site" in done.err) == (1, True), done
    assert not list(tmp_path.iterdir())
