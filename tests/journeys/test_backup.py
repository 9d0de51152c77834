"""Backup and restore: whole or refused, complete or accepted as not, from either store into either."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bedrail.app import App, create_home, open_home, renew_anchor, restore_home, verify_home
from bedrail.core.errors import Corrupt, Invalid, Refused
from bedrail.core.events import AnchorRenewed, BackupTaken, LedgerRestored, decode
from bedrail.governance.sessions import Principal
from bedrail.journeys import accounts, upkeep
from bedrail.journeys.recovery import Manifest, read_manifest
from ledger_parts import answered
from postgres_server import server

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from soak_restore import drill

ORIGIN = "hospital.example/ledger"


def _founded(home: Path, store: str = "", *, decisions: int = 40) -> App:
    app = create_home(home, ORIGIN, store=store)
    upkeep.open_installation(app.context, app.origin, "olivia", app.public_names())
    upkeep.add_person(app.context, "olivia", "rob", "Rob", ("release-engineer",))
    upkeep.add_person(app.context, "olivia", "dr-lee", "Lee", ("clinician",))
    app.context.ledger.append([answered(number, app.context.vault) for number in range(decisions)])  # type: ignore[arg-type]
    return app


def _taken(app: App, folder: Path, *, keys: bool = False, person: str = "rob") -> Manifest:
    return app.back_up(person, folder, keys=keys, told=lambda _: None)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A home of some forty decisions."""
    made = _founded(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def backup(app: App, tmp_path: Path) -> Path:
    """A backup of it, with keys; and nothing was recorded since."""
    _taken(app, tmp_path / "backup", keys=True)
    return tmp_path / "backup"


def _restored(backup: Path, home: Path, app: App, **more: Any) -> Any:
    return restore_home(backup, home, **({"person": "rob", "anchor": _anchor(app, home)} | more))


def _differences(home: Path) -> list[str]:
    """What `bedrail ledger verify` finds, but for the token and use case that these bare decisions never had."""
    report = verify_home(home, None)
    return [f"{each.kind} {each.where}: {each.what}" for each in report.differences if each.kind != "replay"]


def _anchor(app: App, home: Path) -> Path:
    """The newest checkpoint of the home, as a witness would hold it."""
    kept = home.with_name(f"{home.name}-newest")
    kept.write_bytes(app.store.head().checkpoint)
    return kept


@pytest.mark.parametrize("before", ["sqlite", "postgres"])
@pytest.mark.parametrize("after", ["sqlite", "postgres"])
@pytest.mark.slow
def test_a_restored_home_has_the_same_root_whatever_its_store(before: str, after: str, tmp_path: Path) -> None:
    """Entries, records, keys, views and artifacts are all there; that it was restored is on record; it goes on."""
    stores = {"sqlite": "", "postgres": server().schema()}
    first = _founded(tmp_path / "home", stores[before])
    manifest = _taken(first, tmp_path / "backup", keys=True)
    head = first.store.head()
    told = _restored(
        tmp_path / "backup", tmp_path / "again", first, store="" if after == "sqlite" else server().schema()
    )
    assert (told.size, told.root, told.lost) == (head.size, manifest.root, "")
    again = open_home(tmp_path / "again")
    assert list(again.store.entries(0, head.size)) == list(first.store.entries())
    assert isinstance(decode(next(iter(again.store.entries(head.size)))[1]).fact, LedgerRestored)
    found = again.store.get(f"D{7:025d}")
    assert found is not None
    assert again.context.vault.open(*found).startswith(b'{"age"')
    assert again.context.policy() == first.context.policy()
    upkeep.add_person(again.context, "olivia", "ann", "Ann", ("auditor",))
    again.close()
    assert _differences(tmp_path / "again") == []
    first.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_backup_is_one_moment_while_others_write(kind: str, tmp_path: Path) -> None:
    """Appends go on during the copy; what is copied verifies to its own checkpoint."""
    app = _founded(tmp_path / "home", "" if kind == "sqlite" else server().schema())
    other = open_home(tmp_path / "home")
    stop = threading.Event()

    def write() -> None:
        number = 1000
        while not stop.is_set():
            number += 8
            other.context.ledger.append([answered(number + each, other.context.vault) for each in range(8)])  # type: ignore[arg-type]

    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifests = [_taken(app, tmp_path / f"backup{number}", keys=True) for number in range(3)]
    finally:
        stop.set()
        writer.join()
    assert manifests[0].size < manifests[1].size < manifests[2].size < app.store.head().size
    told = _restored(tmp_path / "backup1", tmp_path / "again", app, accept_loss="a drill")
    assert told.root == manifests[1].root
    assert _differences(tmp_path / "again") == []
    other.close()
    app.close()


def test_taking_a_backup_is_on_record_and_asked_of_roles(app: App, tmp_path: Path) -> None:
    """Who took it, and whether keys went along; a clinician may not, and nothing is written then."""
    with pytest.raises(Refused, match="not permitted"):
        _taken(app, tmp_path / "no", person="dr-lee")
    assert not (tmp_path / "no").exists()
    _taken(app, tmp_path / "yes")
    entry = decode(list(app.store.entries())[-1][1])
    assert (entry.actor.id, entry.fact) == ("rob", BackupTaken(size=entry.fact.size, keys=False))  # type: ignore[union-attr]
    with pytest.raises(Refused, match="not empty"):
        _taken(app, tmp_path / "yes")


def test_keys_stay_at_home_unless_asked_for(app: App, tmp_path: Path) -> None:
    """No file of the backup holds a key; without a copy of them it cannot be restored, with one it can."""
    _taken(app, tmp_path / "backup")
    secrets = [file.read_bytes().strip() for file in (app.home / "keys").glob("*.key")]
    for file in (tmp_path / "backup").rglob("*"):
        assert file.is_dir() or not any(secret in file.read_bytes() for secret in secrets), file
    with pytest.raises(Invalid, match="holds no keys"):
        _restored(tmp_path / "backup", tmp_path / "again", app)
    assert _restored(tmp_path / "backup", tmp_path / "again", app, keys=app.home / "keys").lost == ""


def test_the_folder_of_a_backup_is_its_owners_alone(backup: Path) -> None:
    """Mode 0700; the copied ledger 0600."""
    assert backup.stat().st_mode & 0o777 == 0o700
    assert (backup / "ledger.sqlite").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["ledger.sqlite", "manifest.json", "manifest.sig", "keys/kek.key", "artifacts"])
def test_a_backup_of_which_a_byte_was_changed_is_refused(what: str, backup: Path, app: App, tmp_path: Path) -> None:
    """Every file, the manifest and its signature; and no home is made."""
    file = backup / what
    if file.is_dir():
        file = next(path for path in sorted(file.rglob("*")) if path.is_file())
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)
    with pytest.raises(Corrupt):
        _restored(backup, tmp_path / "again", app)
    with pytest.raises(Invalid, match="no Bedrail home"):
        open_home(tmp_path / "again")


def test_a_file_too_many_or_too_few_is_named(backup: Path) -> None:
    """By its path."""
    (backup / "extra").write_text("x")
    with pytest.raises(Corrupt, match="extra is not in the manifest"):
        read_manifest(backup)
    (backup / "extra").unlink()
    (backup / "ledger.sqlite").unlink()
    with pytest.raises(Corrupt, match=r"ledger\.sqlite is missing"):
        read_manifest(backup)


@pytest.mark.parametrize("option", ["keys", "anchor"])
def test_what_is_named_and_absent_is_said(option: str, backup: Path, app: App, tmp_path: Path) -> None:
    """A mistyped path is no reason to go on without."""
    with pytest.raises(Invalid, match="is not there") as told:
        _restored(backup, tmp_path / "again", app, **{option: tmp_path / "absent"})
    assert told.value.path == f"--{option}"


def test_nothing_is_restored_over_a_home(backup: Path, app: App, tmp_path: Path) -> None:
    """Neither over the one it came from, nor over a database that holds a ledger."""
    with pytest.raises(Refused, match="is a home already"):
        restore_home(backup, app.home, person="rob")
    address = server().schema()
    _restored(backup, tmp_path / "one", app, store=address)
    with pytest.raises(Refused, match="holds a ledger"):
        _restored(backup, tmp_path / "two", app, store=address)


def test_missing_signed_entries_are_named_and_only_accepted_with_a_reason(
    backup: Path, app: App, tmp_path: Path
) -> None:
    """The range that is lost, from the newest checkpoint outside; accepted, it is on record with the reason."""
    size = app.store.head().size
    app.context.ledger.append([answered(number, app.context.vault) for number in range(50, 53)])  # type: ignore[arg-type]
    home = tmp_path / "again"
    with pytest.raises(Refused, match=f"3 signed entries are missing: {size} to {size + 2}"):
        _restored(backup, home, app)
    assert not (home / "ledger.sqlite").exists()
    told = _restored(backup, home, app, accept_loss="the disk burned")
    assert told.lost == f"entries {size} to {size + 2}"
    again = open_home(home)
    entry = decode(list(again.store.entries())[-1][1])
    assert isinstance(entry.fact, LedgerRestored)
    assert (entry.actor.id, entry.fact.size, entry.fact.newest) == ("rob", size, size + 3)
    assert entry.fact.reason == "the disk burned"
    again.close()
    assert _differences(home) == []


def test_the_homes_own_anchor_speaks_when_it_survived(backup: Path, app: App, tmp_path: Path) -> None:
    """A home whose database alone was lost: its anchor says what is missing, and is kept beside the new one."""
    home = tmp_path / "again"
    app.context.ledger.append([answered(60, app.context.vault)])  # type: ignore[arg-type]
    app.context.ledger.close()
    shutil.copytree(app.home / "anchor", home / "anchor")
    former = (home / "anchor" / "checkpoint").read_bytes()
    with pytest.raises(Refused, match="1 signed entries are missing"):
        restore_home(backup, home, person="rob")
    restore_home(backup, home, person="rob", accept_loss="only a drill")
    assert (home / "anchor" / "checkpoint.before-restore").read_bytes() == former
    open_home(home).close()


def test_without_any_outside_checkpoint_completeness_is_not_claimed(backup: Path, tmp_path: Path) -> None:
    """It cannot be told, so it has to be accepted."""
    with pytest.raises(Refused, match="cannot be told"):
        restore_home(backup, tmp_path / "again", person="rob")
    assert "unknown" in restore_home(backup, tmp_path / "again", person="rob", accept_loss="all else burned").lost


def test_a_backup_of_another_history_is_refused(backup: Path, app: App, tmp_path: Path) -> None:
    """The same keys signed two ledgers that part: neither is taken silently for the other."""
    _restored(backup, tmp_path / "fork", app)
    fork = open_home(tmp_path / "fork")
    _taken(fork, tmp_path / "forked", keys=True)
    app.context.ledger.append([answered(61, app.context.vault)])  # type: ignore[arg-type]
    with pytest.raises(Corrupt, match="different histories"):
        _restored(tmp_path / "forked", tmp_path / "again", app)
    fork.close()


def test_a_person_without_the_right_restores_nothing(backup: Path, app: App, tmp_path: Path) -> None:
    """The restored registry is asked before the folder is a home: somebody who may can restore into it afterwards."""
    with pytest.raises(Refused, match="not permitted"):
        _restored(backup, tmp_path / "again", app, person="dr-lee")
    with pytest.raises(Invalid, match="no Bedrail home"):
        open_home(tmp_path / "again")
    assert _restored(backup, tmp_path / "again", app).lost == ""


def test_a_home_whose_database_is_gone_is_not_made_anew_and_can_be_restored(backup: Path, app: App) -> None:
    """Keys and anchor are still there: neither open nor init calls it no home, and a backup goes into that folder."""
    home = app.home
    app.close()
    for file in home.glob("ledger.sqlite*"):
        file.unlink()
    for attempt in (lambda: open_home(home), lambda: create_home(home, ORIGIN), lambda: verify_home(home, None)):
        with pytest.raises(Corrupt, match="has lost its ledger"):
            attempt()
    assert restore_home(backup, home, person="rob").lost == ""
    open_home(home).close()


def test_keys_of_another_home_are_refused_and_not_kept(backup: Path, app: App, tmp_path: Path) -> None:
    """Whoever named the wrong folder names the right one next, and that one counts."""
    create_home(tmp_path / "other", ORIGIN).close()
    with pytest.raises(Corrupt, match="not made by the home of these keys"):
        _restored(backup, tmp_path / "again", app, keys=tmp_path / "other" / "keys")
    with pytest.raises(Invalid, match="no folder of keys"):
        _restored(backup, tmp_path / "again", app, keys=tmp_path)
    assert not (tmp_path / "again").exists()
    shutil.copytree(tmp_path / "other" / "keys", tmp_path / "again" / "keys")
    with pytest.raises(Refused, match="with other keys"):
        _restored(backup, tmp_path / "again", app, keys=app.home / "keys")
    shutil.rmtree(tmp_path / "again")
    shutil.copytree(app.home / "keys", tmp_path / "again" / "keys")  # as a restore that was killed leaves it
    assert _restored(backup, tmp_path / "again", app, keys=app.home / "keys").lost == ""


def test_a_home_whose_people_sign_in_can_be_restored_and_its_anchor_renewed(tmp_path: Path) -> None:
    """Nobody signs in to a home that does not open: role and name count, and the record says `local`."""
    app = _founded(tmp_path / "home", decisions=0)
    accounts.open_account(app.reception(), "olivia", "olivia")
    now = app.context.clock.now().timestamp()
    app.context.principal = Principal(person="rob", auth="passkey", auth_time=now, mfa=True, session="s")
    _taken(app, tmp_path / "backup", keys=True)
    app.context.principal = None
    with pytest.raises(Refused, match="must sign in"):
        _taken(app, tmp_path / "another")
    again = tmp_path / "again"
    assert _restored(tmp_path / "backup", again, app).lost == ""
    app.close()
    (again / "anchor" / "checkpoint").unlink()
    with pytest.raises(Refused, match="not permitted"):
        renew_anchor(again, "rob", "the disk of the anchor broke")
    assert renew_anchor(again, "olivia", "the disk of the anchor broke") > 0
    opened = open_home(again)
    done = [decode(data) for _, data in opened.store.entries(opened.store.head().size - 2)]
    assert [(each.actor.id, each.actor.auth, type(each.fact)) for each in done] == [
        ("rob", "local", LedgerRestored),
        ("olivia", "local", AnchorRenewed),
    ]
    opened.close()
    assert _differences(again) == []


@pytest.mark.slow
def test_the_drill_of_a_long_ledger_on_a_short_one(tmp_path: Path) -> None:
    """What `make soak` times over a million entries: filled, backed up, restored into both stores, flipped, refused."""
    figures = drill(tmp_path, 3000, server().schema())
    assert figures["right"], figures
    assert figures["entries"] == 3004
    assert figures["extrapolated"]


def test_a_restore_that_fails_leaves_other_tables_of_the_database_alone(backup: Path, app: App, tmp_path: Path) -> None:
    """And none of its own rows: the next try finds the database empty."""
    address = server().schema()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs AS SELECT 1 AS one")
        app.context.ledger.append([answered(70, app.context.vault)])  # type: ignore[arg-type]
        with pytest.raises(Refused, match="1 signed entries are missing"):
            _restored(backup, tmp_path / "again", app, store=address)
        assert connection.execute("SELECT count(*) FROM theirs").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM tape").fetchone() == (0,)
    assert _restored(backup, tmp_path / "again", app, store=address, accept_loss="a drill").size > 40


def test_two_machines_on_one_database_follow_each_other(tmp_path: Path) -> None:
    """Each with a copy of the home: both append in turn, see what the other did, and verify; each anchor holds."""
    one = _founded(tmp_path / "one", server().schema())
    one.context.ledger.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    two = open_home(tmp_path / "two")
    for number in range(3):
        seen = two.store.data_version()
        upkeep.add_person(one.context, "olivia", f"p{number}", "P", ("auditor",))
        assert two.store.data_version() != seen
        assert f"p{number}" in two.context.refresh().people
        upkeep.add_person(two.context, "olivia", f"q{number}", "Q", ("auditor",))
        assert f"q{number}" in one.context.refresh().people
    assert one.store.head() == two.store.head()
    one.close()
    two.close()
    for name in ("one", "two"):
        assert _differences(tmp_path / name) == []
        open_home(tmp_path / name).close()
