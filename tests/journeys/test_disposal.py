"""Keys are destroyed so that no backup opens what they sealed, and a certificate says so."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.app import open_home
from bedrail.core.custody import owner_of
from bedrail.core.errors import BedrailError, Corrupt, NotFound, Refused, Unavailable
from bedrail.core.events import BackupTaken, DatasetAdmitted, PersonAdded
from bedrail.core.ports import WrappedKey
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.custody import (
    KeyDesk,
    lift_hold,
    place_hold,
    rotate_kek,
)
from bedrail.journeys.disposal import complete, readable, shred, verify_certificate
from bedrail.keys import verify_ed25519
from bedrail.keys.vault import AesVault
from bedrail.stores import SqliteStore
from bedside_house import USE_CASE, SmallHouse, served, usual
from custody_house import PLAIN, SUBJECTS, custody_house, desk_of, readable_records, seal_some


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    made = custody_house(tmp_path)
    yield made
    with suppress(BedrailError):
        made.app.close()


def opened_with_everything(home: Path, database: Path) -> dict[str, list[str]]:
    """Records by subject of a database that open with all keys that a home still has, whatever key wraps them."""
    from bedrail.keys.files import KeyFolder
    from bedrail.wiring.custody import key_providers

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
