"""Keys are rotated under traffic, kept by different hands and providers, and listed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from bedrail.app import open_home
from bedrail.core.errors import BedrailError, Refused
from bedrail.core.events import PersonAdded
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.custody import (
    check_providers,
    inventory,
    move_pseudonyms,
    rotate_kek,
)
from bedrail.journeys.disposal import complete, shred
from bedrail.keys.vault import AesVault
from bedside_house import SmallHouse, served, usual
from custody_house import PLAIN, SUBJECTS, custody_house, desk_of, readable_records, seal_some
from key_servers import PIN, TOKEN, TransitServer, softhsm


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    made = custody_house(tmp_path)
    yield made
    with suppress(BedrailError):
        made.app.close()


def test_a_rotation_changes_every_wrapped_key_and_no_record(house: SmallHouse) -> None:
    """The same ciphertext opens before and after, in this process and a new one; the ledger says who did it."""
    made = seal_some(house.app)
    before = {name: house.app.store.get(name) for name in made}
    done = rotate_kek(house.app.context, desk_of(house.app), "kim")
    assert (done.keys, done.resumed, done.provider) == (len(SUBJECTS), False, "file")
    assert house.app.store.count_keys() == {done.epoch: len(SUBJECTS)}
    for name in made:
        record, key = house.app.store.get(name) or pytest.fail(name)
        assert before[name] is not None
        assert record == before[name][0]
        assert key.wrapped != before[name][1].wrapped
    assert readable_records(house.app) == set(made)
    with closing(open_home(house.app.home)) as another:
        assert readable_records(another) == set(made)
    last = list(house.app.store.registry_entries(0))[-1][1]
    assert b'"key.rotated"' in last
    assert b'"kim"' in last


def test_a_server_goes_on_through_a_rotation_by_another_process(house: SmallHouse) -> None:
    """Decisions before, during and after it, for known and new patients; none falls back, every record opens."""
    with served(house) as client:
        replies = [client.decide(usual(subject=f"p{n}")).json for n in range(4)]
        with closing(open_home(house.app.home)) as another:
            for _ in range(2):
                rotate_kek(another.context, desk_of(another), "kim")
                replies += [client.decide(usual(subject=f"p{n}")).json for n in range(8)]
        assert {reply["kind"] for reply in replies} == {"answer"}
    with closing(open_home(house.app.home)) as another:
        ids = [reply["decision"] for reply in replies]
        assert len(list(another.context.opened("decision", ids))) == len(ids)
        assert len(another.store.count_keys()) == 1 or rotate_kek(another.context, desk_of(another), "kim").resumed


KILLED = """
import os, signal, sys
from pathlib import Path
from bedrail.app import open_home
from bedrail.journeys import custody
custody.BATCH = 50
app = open_home(Path(sys.argv[1]))
def told(done, total):
    if done >= 200:
        os.kill(os.getpid(), signal.SIGKILL)
custody.rotate_kek(app.context, app.key_desk(), "kim", told=told)
"""


@pytest.mark.slow
def test_a_rotation_that_was_killed_is_finished_by_the_next_and_readers_never_fail(house: SmallHouse) -> None:
    """SIGKILL in the middle of 600 data keys, while threads and another process read."""
    vault, store = house.app.context.vault, house.app.store
    assert isinstance(vault, AesVault)
    subjects = [f"{number:032x}" for number in range(1000, 1600)]
    for subject in subjects:
        unstored = vault.data_key(subject)[2]
        assert unstored is not None
        assert store.keep_key(unstored)
    seal_some(house.app)
    stop, failed, read = threading.Event(), [], []

    def keep_reading() -> None:
        with closing(open_home(house.app.home)) as own:
            while not stop.is_set():
                try:
                    read.append(len(readable_records(own)))
                except BedrailError as error:
                    failed.append(str(error))

    threads = [threading.Thread(target=keep_reading) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        killed = subprocess.run([sys.executable, "-c", KILLED, str(house.app.home)], check=False, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert len(store.count_keys()) == 2
        with closing(open_home(house.app.home)) as another:
            done = rotate_kek(another.context, desk_of(another), "kim")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert done.resumed
    assert 0 < done.keys < 600
    assert store.count_keys() == {done.epoch: 600 + len(SUBJECTS)}
    assert failed == []
    assert set(read) == {3 * len(SUBJECTS)}


def test_a_provider_without_a_key_says_what_makes_one_there(house: SmallHouse) -> None:
    """With its own name: rotating without one would make a key elsewhere."""
    (said,) = check_providers(house.app.context, desk_of(house.app), "kim")
    assert (said.provider, said.state) == ("file", "no key yet")
    assert "bedrail keys rotate kek --to file" in said.what


def test_who_keeps_data_keys_cannot_reidentify_and_who_runs_servers_keeps_neither(house: SmallHouse) -> None:
    """By the table, and nobody is given two of these roles."""
    from bedrail.governance.permissions import ACTIONS
    from bedrail.journeys.upkeep import add_person

    keeping = {action for action in ACTIONS if action.startswith("keys.")} - {"keys.read", "keys.check"}
    assert not any("release-engineer" in ACTIONS[action] for action in keeping)
    for action in ("pseudonym.find", "decision.read", "keys.move-pseudonyms"):
        assert "key-custodian" not in ACTIONS[action]
    assert "pseudonym-custodian" not in ACTIONS["keys.rotate"]
    for roles in (("key-custodian", "pseudonym-custodian"), ("key-custodian", "release-engineer")):
        with pytest.raises(Refused, match="apart"):
            add_person(house.app.context, "dr-adams", "eve", "Eve", roles)


@pytest.fixture
def hsm() -> str:
    return softhsm()


def write_settings(house: SmallHouse, monkeypatch: pytest.MonkeyPatch, module: str, address: str) -> None:
    monkeypatch.setenv("BEDRAIL_HSM_PIN", PIN)
    (house.app.home / "token").write_text(TOKEN)
    (house.app.home / "token").chmod(0o600)
    (house.app.home / "keys.toml").write_text(
        f'[providers.hsm]\nkind = "pkcs11"\nmodule = "{module}"\ntoken = "bedrail"\n'
        f'key = "{house.app.home.parents[1].name}-{house.app.home.parent.name}"\npin = "env:BEDRAIL_HSM_PIN"\n'
        f'[providers.bao]\nkind = "vault"\naddress = "{address}"\nkey = "bedrail-pseudonyms"\n'
        f'token = "file:{house.app.home}/token"\n'
    )


def test_data_keys_move_into_a_token_and_pseudonyms_to_a_key_server_of_their_own(
    house: SmallHouse, hsm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key that opens records or makes pseudonyms is left in the folder; both still work after a restart."""
    server = TransitServer()
    try:
        write_settings(house, monkeypatch, hsm, server.address)
        made, ctx = seal_some(house.app), house.app.context
        pseudonym = ctx.pseudonyms.pseudonym("MRN-1")
        rotate_kek(ctx, desk_of(house.app), "kim", to="hsm")
        with pytest.raises(Refused, match="data keys"):
            move_pseudonyms(ctx, desk_of(house.app), "pia", "hsm")
        with pytest.raises(Refused):
            move_pseudonyms(ctx, desk_of(house.app), "kim", "bao")
        move_pseudonyms(ctx, desk_of(house.app), "pia", "bao")
        with pytest.raises(Refused, match="pseudonyms"):
            rotate_kek(ctx, desk_of(house.app), "kim", to="bao")
        shred(ctx, desk_of(house.app), "petra", subject=SUBJECTS[0], reason="erasure asked for")
        (issued,) = complete(ctx, desk_of(house.app), "petra")
        assert set(issued.certificate.epochs_destroyed.values()) == {"destroyed"}
        names = {path.name for path in (house.app.home / "keys").rglob("*.key")}
        assert not names & {"kek.key", "pseudonym.key"}
        with closing(open_home(house.app.home)) as another:
            assert len(readable_records(another)) == len(made) - 3
            assert another.context.pseudonyms.pseudonym("MRN-1") == pseudonym
            lines = {line.key: line for line in inventory(another.context, another.key_desk(), "kim")}
            assert lines["pseudonym"].provider == "bao"
            assert [line.provider for line in lines.values() if line.purpose == "wraps data keys"] == ["hsm"]
            assert {h.provider: h.state for h in check_providers(another.context, another.key_desk(), "kim")} == {
                "file": "no key yet", "hsm": "ok", "bao": "ok",
            }  # fmt: skip
    finally:
        server.close()


def test_a_key_provider_that_is_out_is_a_recorded_fallback_and_nothing_for_who_was_served_before(
    house: SmallHouse, hsm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys in memory go on; a server started without its provider says no decision, on record, and recovers."""
    server = TransitServer()
    try:
        write_settings(house, monkeypatch, hsm, server.address)
        rotate_kek(house.app.context, desk_of(house.app), "kim", to="bao")
        with served(house) as client:
            assert client.decide(usual(subject="p1")).json["kind"] == "answer"
            server.sealed = True
            assert client.decide(usual(subject="p1")).json["kind"] == "answer"
            assert client.decide(usual(subject="p2")).json["kind"] == "answer"
        monkeypatch.setattr("bedrail.keys.epochs.RETRY_SECONDS", 0.0)
        another = SmallHouse(open_home(house.app.home), house.token, house.candidate)
        with served(another) as client:
            reply = client.decide(usual(subject="p3"))
            assert (reply.status, reply.json["kind"], reply.json["guard"]) == (200, "fallback", "unexpected")
            row = another.app.store.decision(reply.json["decision"])
            assert row is not None
            assert (row.kind, row.record) == ("fell-back", "")
            (house.app.home / "token").chmod(0o644)  # another kind of failure: our own refusal to use it
            assert client.decide(usual(subject="p3")).json["guard"] == "unexpected"
            (house.app.home / "token").chmod(0o600)
            server.sealed = False
            assert client.decide(usual(subject="p3")).json["kind"] == "answer"
    finally:
        server.close()


def test_a_wrong_keys_toml_is_named_with_its_place(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets do not stand in it, two purposes do not share a key, and unknown names are said."""
    hsm = '[providers.{name}]\nkind = "pkcs11"\nmodule = "/x.so"\ntoken = "t"\nkey = "k"\npin = "{pin}"\n'
    for text, said in (
        (hsm.format(name="hsm", pin="1234"), "a secret does not stand here"),
        (hsm.format(name="a", pin="env:X") + hsm.format(name="b", pin="env:X"), "same key"),
        ('[providers.a]\nkind = "safe"\n', "kind"),
        ('[providers.file]\nkind = "file"\nfolder = "/x"\n', "another name"),
        ("[providers\n", "keys.toml"),
        (
            '[providers.hsm]\nkind = "vault"\naddress = "http://127.0.0.1:9"\nkey = "k"\ntoken = "env:BEDRAIL_UNSET"\n',
            "BEDRAIL_UNSET is not set",
        ),
    ):
        (house.app.home / "keys.toml").write_text(text)
        with pytest.raises(BedrailError, match=said):
            rotate_kek(house.app.context, desk_of(house.app), "kim", to="hsm")


@pytest.mark.slow
def test_the_command_line_tells_it_all(house: SmallHouse, tmp_path: Path) -> None:
    """Rotate, list, hold, shred by a typed identifier, and check the certificate without the home."""
    from click.testing import CliRunner

    from bedrail.cli import cli

    home, ctx = house.app.home, house.app.context
    seal_some(house.app)
    subject = ctx.pseudonyms.pseudonym("MRN-77")
    record = ctx.vault.seal(record_id="m", subject=subject, kind="decision", purpose="care", plaintext=PLAIN)
    fact = PersonAdded(person="rob", name="Rob", roles=("release-engineer",))
    ctx.append(SYSTEM, "care", fact, records=(record,))
    house.app.close()

    def run(person: str, *words: str, typed: str = "") -> Any:
        done = CliRunner().invoke(cli, ["--home", str(home), "--as", person, "keys", *words], input=typed)
        assert done.exit_code == 0, (done.output, done.exception)
        assert "MRN-77" not in done.output
        return done

    assert json.loads(run("kim", "rotate", "kek", "--json").stdout)["keys"] == len(SUBJECTS) + 1
    listed = json.loads(run("kim", "list", "--json").stdout)
    assert [line["holds"] for line in listed if line["state"] == "in use" and line["holds"]] == [len(SUBJECTS) + 1]
    run("petra", "hold", "--subject", SUBJECTS[0], "--reason", "court order")
    run("petra", "shred", "--subject", "-", "--reason", "erasure asked for", "--later", typed="MRN-77\n")
    states = [row["state"] for row in json.loads(run("petra", "holds", "--json").stdout)]
    assert states == ["held", "disposal not complete"]
    papers = tmp_path / "papers"
    told = run("petra", "complete-disposal", "--folder", str(papers), "--json").stdout
    assert json.loads(told)[0]["subject"] == subject
    (paper,) = papers.glob("*.json")
    checked = CliRunner().invoke(cli, ["keys", "check-certificate", str(paper)])
    assert (checked.exit_code, subject in checked.output) == (0, True)
