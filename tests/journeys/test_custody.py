"""Keys are rotated under traffic, kept by different hands, and destroyed so that no backup opens what they sealed."""

from __future__ import annotations

import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.app import App, open_home
from bedrail.core.custody import owner_of
from bedrail.core.errors import BedrailError, Corrupt, NotFound, Refused, Unavailable
from bedrail.core.events import BackupTaken, DatasetAdmitted, PersonAdded
from bedrail.core.ports import WrappedKey
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.custody import (
    KeyDesk,
    check_providers,
    inventory,
    lift_hold,
    move_pseudonyms,
    place_hold,
    rotate_kek,
)
from bedrail.journeys.disposal import complete, readable, shred, verify_certificate
from bedrail.keys import verify_ed25519
from bedrail.keys.vault import AesVault
from bedrail.stores import SqliteStore
from bedside_house import USE_CASE, SmallHouse, served, small_house, usual
from key_servers import PIN, TOKEN, TransitServer, softhsm

SUBJECTS = tuple(f"{number:032x}" for number in range(8))
PLAIN = b"creatinine 171 umol/L"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    made = small_house(tmp_path)
    made.append(
        PersonAdded(person="kim", name="Kim", roles=("key-custodian",)),
        PersonAdded(person="pia", name="Pia", roles=("pseudonym-custodian",)),
        PersonAdded(person="petra", name="Petra", roles=("privacy-officer",)),
        PersonAdded(person="rob", name="Rob", roles=("release-engineer",)),
    )
    yield made
    with suppress(BedrailError):
        made.app.close()


def desk_of(app: App, waited: list[float] | None = None) -> KeyDesk:
    desk = app.key_desk()
    waits = waited if waited is not None else []
    return KeyDesk(desk.epochs, desk.rows, desk.pseudonym, desk.providers, desk.provider, waits.append)


def seal_some(app: App, count: int = 3) -> dict[str, str]:
    """Records of each subject, stored with a fact each; returns subject by record id."""
    made = {}
    for subject in SUBJECTS:
        for number in range(count):
            name = f"{subject[-4:]}-{number}"
            record = app.context.vault.seal(
                record_id=name, subject=subject, kind="decision", purpose="care", plaintext=PLAIN
            )
            fact = PersonAdded(person="rob", name="Rob", roles=("release-engineer",))
            app.context.append(SYSTEM, "care", fact, records=(record,))
            made[name] = subject
    return made


def readable_records(app: App) -> set[str]:
    ids = [f"{subject[-4:]}-{number}" for subject in SUBJECTS for number in range(3)]
    return {name for name, data in app.context.opened("decision", ids) if data == PLAIN}


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


def opened_with_everything(home: Path, database: Path) -> dict[str, list[str]]:
    """Records by subject of a database that open with all keys that a home still has, whatever key wraps them."""
    from bedrail.app import key_providers
    from bedrail.keys.files import KeyFolder

    keys, store = KeyFolder(home / "keys").open(), SqliteStore(database)
    vault = AesVault(keys.epochs(key_providers(home).find), load=store.newest_key, find=store.find_key)
    opened: dict[str, list[str]] = {}
    try:
        ids = [name for (name,) in store._rows("SELECT record_id FROM records")]
        for record, key in store.of_kind("decision", ids):
            with suppress(Corrupt):
                vault.open(record, key)
                opened.setdefault(record.subject, []).append(record.record_id)
    finally:
        store.close()
    return opened


def test_a_shredded_patient_opens_from_no_backup_either(house: SmallHouse, tmp_path: Path) -> None:
    """A copy of database and artifacts from before, with every key that the home still has: zero fields."""
    seal_some(house.app)
    wrapped = house.app.store.newest_key(SUBJECTS[3])
    assert wrapped is not None
    rotate_kek(house.app.context, desk_of(house.app), "kim")  # the former key is still there: both must go
    again = house.app.store.newest_key(SUBJECTS[3])
    assert again is not None
    house.app.store.purge_log()
    backup = shutil.copy(house.app.home / "ledger.sqlite", tmp_path / "backup.sqlite")
    assert len(opened_with_everything(house.app.home, Path(backup))[SUBJECTS[3]]) == 3

    desk = desk_of(house.app)
    shred(house.app.context, desk, "petra", subject=SUBJECTS[3], reason="erasure asked for")
    assert readable_records(house.app) == {
        f"{subject[-4:]}-{n}" for subject in SUBJECTS if subject != SUBJECTS[3] for n in range(3)
    }
    (issued,) = complete(house.app.context, desk, "kim")

    shutil.copy(house.app.home / "ledger.sqlite", tmp_path / "after.sqlite")
    assert opened_with_everything(house.app.home, Path(backup)) == {}
    now = opened_with_everything(house.app.home, tmp_path / "after.sqlite")
    assert set(now) == set(SUBJECTS) - {SUBJECTS[3]}
    for path in house.app.home.rglob("*"):
        if path.is_file():
            assert wrapped.wrapped not in path.read_bytes(), path
            assert again.wrapped not in path.read_bytes(), path
    certificate = issued.certificate
    assert certificate.records == {"decision": 3}
    assert certificate.data_keys_destroyed == 1
    assert certificate.log_purged
    assert len(certificate.epochs_destroyed) == 2
    assert set(certificate.epochs_destroyed.values()) == {"destroyed"}
    assert house.app.context.registry.custody.ordered == {}


def test_a_patient_who_comes_back_gets_a_new_key_which_a_late_completion_leaves_alone(house: SmallHouse) -> None:
    """New care is recorded again; only what the order named is gone."""
    seal_some(house.app)
    desk = desk_of(house.app)
    shred(house.app.context, desk, "petra", subject=SUBJECTS[0], reason="erasure asked for")
    record = house.app.context.vault.seal(
        record_id="new", subject=SUBJECTS[0], kind="decision", purpose="care", plaintext=PLAIN
    )
    fact = PersonAdded(person="rob", name="Rob", roles=("release-engineer",))
    house.app.context.append(SYSTEM, "care", fact, records=(record,))
    (issued,) = complete(house.app.context, desk, "petra")
    assert issued.certificate.records == {"decision": 3}
    assert dict(house.app.context.opened("decision", ["new"])) == {"new": PLAIN}
    assert readable_records(house.app) & {f"{SUBJECTS[0][-4:]}-{n}" for n in range(3)} == set()


def test_a_running_server_forgets_what_another_process_shredded(house: SmallHouse) -> None:
    """And goes on deciding for the same patient, under a new key."""
    with served(house) as client:
        first = client.decide(usual(subject="p1")).json
        subject = house.app.context.pseudonyms.pseudonym("p1")
        with closing(open_home(house.app.home)) as another:
            shred(another.context, desk_of(another), "petra", subject=subject, reason="erasure asked for")
            complete(another.context, desk_of(another), "petra")
            second = client.decide(usual(subject="p1")).json
            assert (first["kind"], second["kind"]) == ("answer", "answer")
            ids = [first["decision"], second["decision"]]
            assert [name for name, _ in another.context.opened("decision", ids)] == ids[1:]


def test_a_certificate_shows_each_change_to_it(house: SmallHouse) -> None:
    """Signed as a whole; it names nobody, and says which backups only their owner can destroy."""
    seal_some(house.app)
    house.append(BackupTaken(size=1, keys=True), BackupTaken(size=2, keys=False))
    shred(house.app.context, desk_of(house.app), "petra", subject=SUBJECTS[1], reason="erasure asked for")
    (issued,) = complete(house.app.context, desk_of(house.app), "petra")
    key = house.app.keys.public_key("evidence")
    assert verify_certificate(issued.data, verify_ed25519, key) == issued.certificate
    assert verify_certificate(house.app.context.artifacts.get(issued.digest), verify_ed25519) == issued.certificate
    text = readable(issued.certificate)
    assert SUBJECTS[1] in text
    assert text.count("destroy this backup") == 1
    changed = issued.data.replace(b'"decision":3', b'"decision":4')
    assert changed != issued.data
    for wrong in (changed, b"{}", b"", issued.data.replace(b"certificate", b"certificatf", 1)):
        with pytest.raises(Corrupt):
            verify_certificate(wrong, verify_ed25519)
    with pytest.raises(Corrupt, match="another key"):
        verify_certificate(issued.data, verify_ed25519, house.app.public_key)


def test_a_hold_keeps_what_is_held(house: SmallHouse) -> None:
    """Until it is lifted; only who answers for privacy places, lifts and shreds."""
    seal_some(house.app)
    ctx, desk = house.app.context, desk_of(house.app)
    place_hold(ctx, "petra", subject=SUBJECTS[2], reason="court order 12/2026")
    with pytest.raises(Refused, match="hold") as caught:
        shred(ctx, desk, "petra", subject=SUBJECTS[2], reason="erasure asked for")
    assert caught.value.reasons == ("court order 12/2026",)
    lift_hold(ctx, "petra", subject=SUBJECTS[2], reason="case closed")
    for person in ("kim", "pia", "rob", "dr-adams"):
        with pytest.raises(Refused):
            shred(ctx, desk, person, subject=SUBJECTS[2], reason="erasure asked for")
    shred(ctx, desk, "petra", subject=SUBJECTS[2], reason="erasure asked for")
    with pytest.raises(NotFound):
        shred(ctx, desk, "petra", subject="f" * 32, reason="erasure asked for")


def test_a_completion_cut_short_is_finished_by_the_next(house: SmallHouse, tmp_path: Path) -> None:
    """After the new epoch was made and before the former one was destroyed."""
    seal_some(house.app)
    ctx, desk = house.app.context, desk_of(house.app)
    shred(ctx, desk, "petra", subject=SUBJECTS[4], reason="erasure asked for")

    def cut(_: float) -> None:
        raise KeyboardInterrupt

    broken = KeyDesk(desk.epochs, desk.rows, desk.pseudonym, desk.providers, desk.provider, cut)
    with pytest.raises(KeyboardInterrupt):
        complete(ctx, broken, "petra")
    epochs = len(desk.epochs.listed())
    (issued,) = complete(ctx, desk, "petra")
    assert len(desk.epochs.listed()) == epochs
    assert issued.certificate.epochs_destroyed == {"kek-1": "destroyed"}
    assert len(readable_records(house.app)) == 3 * (len(SUBJECTS) - 1)


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


def test_an_admitted_table_rests_sealed_and_is_shredded_with_its_key(house: SmallHouse) -> None:
    """Its rows are nowhere in the home; afterwards nothing reads it, and the digests of facts still hold."""
    ctx, desk = house.app.context, desk_of(house.app)
    out = io.BytesIO()
    pd.DataFrame({"patient": SUBJECTS, "note": ["rare-value-QX7"] * 8}).to_parquet(out, index=False, compression=None)
    dataset = "a" * 64
    artifact = ctx.put_sealed(out.getvalue(), dataset=dataset, kind="table")
    house.append(
        DatasetAdmitted(
            dataset=dataset, use_case=USE_CASE, source="x.csv", rows=8, columns=2,
            profile=ctx.artifacts.put(b"{}"), verdict="pass", artifact=artifact,
        )
    )  # fmt: skip
    for path in house.app.home.rglob("*"):
        assert not path.is_file() or b"rare-value-QX7" not in path.read_bytes()
    rotate_kek(ctx, desk, "kim")
    assert len(pd.read_parquet(io.BytesIO(ctx.get_sealed(artifact)))) == 8
    shred(ctx, desk, "petra", dataset=dataset, reason="study ended")
    (issued,) = complete(ctx, desk, "petra")
    assert (issued.certificate.sealed_files, issued.certificate.data_keys_destroyed) == (1, 1)
    assert house.app.store.newest_key(owner_of(dataset)) is None
    with pytest.raises(NotFound, match="destroyed"):
        ctx.get_sealed(artifact)
    assert ctx.artifacts.get(artifact)


def test_a_table_that_an_earlier_version_left_unsealed_is_read_and_removed_when_shredded(house: SmallHouse) -> None:
    """Homes of before stay readable; disposal reaches them too, and says how."""
    ctx, desk, dataset = house.app.context, desk_of(house.app), "b" * 64
    artifact = ctx.artifacts.put(b"PAR1 rare-value-QX8")
    house.append(
        DatasetAdmitted(
            dataset=dataset, use_case=USE_CASE, source="x.csv", rows=8, columns=2,
            profile=ctx.artifacts.put(b"{}"), verdict="pass", artifact=artifact,
        )
    )  # fmt: skip
    assert ctx.get_sealed(artifact) == b"PAR1 rare-value-QX8"
    shred(ctx, desk, "petra", dataset=dataset, reason="study ended")
    (issued,) = complete(ctx, desk, "petra")
    assert (issued.certificate.plain_files_removed, issued.certificate.sealed_files) == (1, 0)
    for path in house.app.home.rglob("*"):
        assert not path.is_file() or b"rare-value-QX8" not in path.read_bytes()


@pytest.fixture(scope="session")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> str:
    return softhsm(tmp_path_factory.mktemp("softhsm-custody"), token="custody")


def write_settings(house: SmallHouse, monkeypatch: pytest.MonkeyPatch, module: str, address: str) -> None:
    monkeypatch.setenv("BEDRAIL_HSM_PIN", PIN)
    (house.app.home / "token").write_text(TOKEN)
    (house.app.home / "token").chmod(0o600)
    (house.app.home / "keys.toml").write_text(
        f'[providers.hsm]\nkind = "pkcs11"\nmodule = "{module}"\ntoken = "custody"\n'
        f'key = "{house.app.home.parent.name}"\npin = "env:BEDRAIL_HSM_PIN"\n'
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


def test_a_data_key_wrapped_under_a_retired_key_is_not_taken(house: SmallHouse) -> None:
    """Whoever wrapped one just before a disposal must do it again: it could never be opened later."""
    app = house.app
    late = app.context.vault.seal(record_id="late", subject="e" * 32, kind="decision", purpose="care", plaintext=PLAIN)
    assert isinstance(late.key, WrappedKey)
    seal_some(app)
    shred(app.context, desk_of(app), "petra", subject=SUBJECTS[0], reason="erasure asked for")
    complete(app.context, desk_of(app), "petra")
    fact = PersonAdded(person="rob", name="Rob", roles=("release-engineer",))
    with pytest.raises(BedrailError, match="destroyed"):
        app.context.append(SYSTEM, "care", fact, records=(late,))
    assert not app.store.keep_key(late.key)
    again = app.context.vault.seal(record_id="late", subject="e" * 32, kind="decision", purpose="care", plaintext=PLAIN)
    app.context.append(SYSTEM, "care", fact, records=(again,))
    assert dict(app.context.opened("decision", ["late"])) == {"late": PLAIN}


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


def test_no_backup_of_a_database_holds_a_key_in_plain(house: SmallHouse) -> None:
    """Every data key that is stored is wrapped, in the format that binds its place."""
    seal_some(house.app)
    house.app.store.purge_log()
    with closing(sqlite3.connect(house.app.home / "ledger.sqlite")) as connection:
        rows = connection.execute("SELECT wrapped FROM subject_keys").fetchall()
    assert {(len(wrapped), wrapped[:1]) for (wrapped,) in rows} == {(61, b"\x02")}


def test_unavailable_is_said_when_a_former_key_stays_in_use(house: SmallHouse) -> None:
    """A disposal is not certified while some process goes on wrapping under what is to be destroyed."""
    seal_some(house.app)
    ctx, desk = house.app.context, desk_of(house.app)
    shred(ctx, desk, "petra", subject=SUBJECTS[0], reason="erasure asked for")
    rows = house.app.store

    class Stubborn:
        def __getattr__(self, name: str) -> Any:
            return getattr(rows, name)

        def retire_kek(self, kek: str) -> bool:
            return False

    stuck = KeyDesk(desk.epochs, Stubborn(), desk.pseudonym, desk.providers, desk.provider, desk.pause)
    with pytest.raises(Unavailable, match="former key"):
        complete(ctx, stuck, "petra")
    assert ctx.registry.custody.ordered
