"""Verification names what was changed: where, and how one can tell."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt, Invalid, NotFound
from bedrail.keys import verify_ed25519
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger import Ledger, VerificationReport, export_bundle, hashing, verify_bundle, verify_ledger
from bedrail.ledger.merkle import leaf_hash, root_of
from bedrail.stores.sqlite import SqliteStore
from ledger_parts import ORIGIN, Home, answered, home, person, publisher, signer

KEY = signer().public_key


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 decisions in commits of 16; closed."""
    folder = tmp_path_factory.mktemp("master")
    home(folder, entries=600).close()
    return folder


@pytest.fixture
def made(master: Path, tmp_path: Path) -> Home:
    """A copy to tamper with."""
    shutil.copytree(master, tmp_path, dirs_exist_ok=True)
    return home(tmp_path)


def _kinds(report: VerificationReport) -> list[tuple[str, str]]:
    assert report.ok is not bool(report.differences)
    return [(each.kind, each.where) for each in report.differences]


def _entry(made: Home, index: int) -> bytes:
    found = made.store.entry(index)
    assert found is not None
    return found.replace(b'"site-1"', b'"site-2"')


def test_an_untouched_ledger_verifies(made: Home) -> None:
    """Size and root are those of the entries."""
    report = made.verify()
    assert (report.ok, report.size, report.root) == (True, 600, root_of(made.store.leaves()).hex())
    assert report.level == "L3"


def test_an_empty_ledger_verifies(tmp_path: Path) -> None:
    """Nothing was promised yet."""
    report = home(tmp_path).verify()
    assert (report.ok, report.size) == (True, 0)


@pytest.mark.parametrize("index", [0, 255, 256, 300, 599])
def test_an_edited_entry_is_named_by_its_index(made: Home, index: int) -> None:
    """Its bytes no longer hash to the sealed leaf."""
    made.tamper("UPDATE tape SET entry = ? WHERE seq = ?", (_entry(made, index), index))
    assert _kinds(made.verify()) == [("edited-entry", f"entry {index}")]


def test_several_edited_entries_are_each_named(made: Home) -> None:
    """Up to a hundred, the rest as a range."""
    made.tamper("UPDATE tape SET entry = x'7b7d' WHERE seq % 4 = 1")
    kinds = _kinds(made.verify())
    assert kinds[:2] == [("edited-entry", "entry 1"), ("edited-entry", "entry 5")]
    assert kinds[-1] == ("edited-entry", "entries 401 to 597")


def test_a_changed_leaf_hash_is_told_apart_from_an_edited_entry(made: Home) -> None:
    """The entries still lead to the signed roots."""
    made.tamper("UPDATE tape SET leaf = zeroblob(32) WHERE seq = 17")
    assert _kinds(made.verify()) == [("changed-leaf", "entry 17")]


def test_an_entry_edited_together_with_its_leaf_hash_is_found_between_two_checkpoints(made: Home) -> None:
    """Kept checkpoints bound the place."""
    edited = _entry(made, 300)
    made.tamper("UPDATE tape SET entry = ?, leaf = ? WHERE seq = 300", (edited, leaf_hash(edited)))
    assert _kinds(made.verify()) == [("rewritten", "entries 256 to 511")]


def test_an_edit_is_still_named_beside_a_hidden_one(made: Home) -> None:
    """Entry 5 by index, entry 300 by its range."""
    edited = _entry(made, 300)
    made.tamper("UPDATE tape SET entry = ?, leaf = ? WHERE seq = 300", (edited, leaf_hash(edited)))
    made.tamper("UPDATE tape SET entry = x'7b7d' WHERE seq = 5")
    assert _kinds(made.verify()) == [("edited-entry", "entry 5"), ("rewritten", "entries 256 to 511")]


def test_a_deleted_tail_is_found_by_the_head(made: Home) -> None:
    """The signed head says 600."""
    made.tamper("DELETE FROM tape WHERE seq >= 590")
    assert _kinds(made.verify()) == [("deleted-tail", "entries 590 to 599")]


def test_a_tail_deleted_with_its_head_is_found_by_the_anchor(made: Home) -> None:
    """An older signed head put back, later checkpoints removed: the anchor still says 600."""
    (size, note), *_ = made.store.checkpoints()
    from bedrail.ledger.merkle import CompactRange

    tree = CompactRange()
    tree.extend(made.store.leaves(0, size))
    made.tamper("DELETE FROM tape WHERE seq >= ?", (size,))
    made.tamper("DELETE FROM checkpoints WHERE size > ?", (size,))
    made.tamper("UPDATE head SET size = ?, peaks = ?, checkpoint = ?", (size, b"".join(tree.peaks), note))
    report = made.verify()
    assert _kinds(report) == [("deleted-tail", f"entries {size} to 599")]
    assert "anchor says 600" in report.differences[0].what
    with pytest.raises(Corrupt, match="anchor"):
        Ledger(made.store, signer(), ORIGIN, made.anchor)


def test_everything_deleted_is_a_deleted_tail(made: Home) -> None:
    """Even without any row."""
    for table in ("tape", "head", "checkpoints"):
        made.tamper(f"DELETE FROM {table}")
    assert ("deleted-tail", "entries 0 to 599") in _kinds(made.verify())


def test_an_entry_deleted_in_the_middle_is_named(made: Home) -> None:
    """By the index that is not there."""
    made.tamper("DELETE FROM tape WHERE seq BETWEEN 200 AND 201")
    report = made.verify()
    assert _kinds(report) == [("missing-entry", "entry 200")]
    assert report.differences[0].what == "2 missing here"


def test_an_entry_appended_without_a_seal_is_named(made: Home) -> None:
    """Nobody signed for it."""
    made.tamper("INSERT INTO tape VALUES (600, 'person.added', ?, ?)", (leaf_hash(b"{}"), b"{}"))
    assert _kinds(made.verify()) == [("unsealed-entries", "entries 600 to 600")]


def test_a_ledger_rebuilt_with_another_key_is_named_as_such(made: Home, tmp_path: Path) -> None:
    """All checkpoints bear a foreign key, and the anchor keeps the true root."""
    rebuilt = home(tmp_path / "rebuilt", entries=0, seed=9) if (tmp_path / "rebuilt").mkdir() is None else made
    rebuilt.ledger.append([person(number) for number in range(600)])
    report = verify_ledger(rebuilt.store, made.anchor, ORIGIN, KEY, verify_ed25519)
    kinds = _kinds(report)
    assert ("foreign-key", "head") in kinds
    assert ("rewritten", "entries 0 to 599") in kinds
    assert not any(kind == "edited-entry" for kind, _ in kinds)
    assert "another key" in report.differences[0].what


def test_a_ledger_rebuilt_with_the_stolen_key_disagrees_with_the_anchor(made: Home, tmp_path: Path) -> None:
    """Every signature is good; history is not the one that was anchored."""
    (tmp_path / "rebuilt").mkdir()
    rebuilt = home(tmp_path / "rebuilt")
    rebuilt.ledger.append([person(number) for number in range(700)])
    report = verify_ledger(rebuilt.store, made.anchor, ORIGIN, KEY, verify_ed25519)
    assert _kinds(report) == [("rewritten", "entries 0 to 599")]
    assert "anchor" in report.differences[0].what


def test_a_changed_checkpoint_is_named(made: Home) -> None:
    """A kept one by its size, and the head's."""
    made.tamper("UPDATE checkpoints SET note = replace(note, char(10), char(10) || ' ') WHERE size = 256")
    made.tamper("UPDATE head SET checkpoint = x''")
    assert _kinds(made.verify()) == [("bad-checkpoint", "checkpoint 256"), ("bad-checkpoint", "head")]


@pytest.mark.parametrize(
    "sql", ["UPDATE head SET size = 'many'", "UPDATE head SET size = -1", "UPDATE head SET peaks = 'x'"]
)
def test_an_unreadable_head_is_a_difference_and_no_crash(made: Home, sql: str) -> None:
    """Whatever was written into it."""
    made.tamper(sql)
    assert "head" in [where for _, where in _kinds(made.verify())]


def test_an_entry_edited_as_text_is_named(made: Home) -> None:
    """SQL functions turn bytes into text; that changes nothing about the finding."""
    made.tamper("UPDATE tape SET entry = replace(CAST(entry AS TEXT), 'site-1', 'site-2') WHERE seq = 44")
    assert _kinds(made.verify()) == [("edited-entry", "entry 44")]


def test_a_checkpoint_moved_to_another_size_is_named(made: Home) -> None:
    """The note says for which size it was signed."""
    made.tamper("UPDATE checkpoints SET size = 257 WHERE size = 256")
    assert _kinds(made.verify()) == [("bad-checkpoint", "checkpoint 257")]


def test_changed_tree_state_is_named(made: Home) -> None:
    """The next append would build on it."""
    made.tamper("UPDATE head SET peaks = zeroblob(length(peaks))")
    assert _kinds(made.verify()) == [("bad-head", "head")]


def test_a_lost_head_leaves_entries_unsealed(made: Home) -> None:
    """And the anchor complains as well."""
    made.tamper("DELETE FROM head")
    assert {kind for kind, _ in _kinds(made.verify())} & {"unsealed-entries", "deleted-tail"}


def test_a_broken_anchor_is_named(made: Home) -> None:
    """Its signature counts like any other."""
    note = made.anchor.read()
    assert note is not None
    made.anchor.write(note.replace(b"\n600\n", b"\n601\n"))
    assert _kinds(made.verify()) == [("bad-checkpoint", "anchor")]


def test_differences_of_views_join_the_report(made: Home) -> None:
    """One report for ledger, views and records."""
    made.tamper("UPDATE decisions SET shown = 0 WHERE seq = 3")
    report = made.verify().joined("view", made.store.rebuild_differences())
    assert _kinds(report) == [("view", f"view table decisions, row D{3:025d}, column shown")]
    assert made.verify().joined("view", []).ok


def test_the_ledger_may_grow_while_it_is_verified(made: Home) -> None:
    """What was committed when the head was read is verified; what comes later is no difference."""

    class Growing:
        def __init__(self) -> None:
            self.number = 600

        def __getattr__(self, name: str) -> object:
            made.ledger.append([answered(self.number, made.vault)])
            self.number += 1
            return getattr(made.store, name)

    report = verify_ledger(Growing(), made.anchor, ORIGIN, KEY, verify_ed25519)  # type: ignore[arg-type]
    assert report.ok, report
    assert report.size > 600


def test_a_bundle_verifies_from_its_folder_alone(made: Home, tmp_path: Path) -> None:
    """Same size and root as the home; with and without a pinned key."""
    artifact = b"evidence"
    from hashlib import sha256

    folder = export_bundle(
        made.store, tmp_path / "bundle", ORIGIN, KEY, publisher(), {sha256(artifact).hexdigest(): artifact}
    )
    report = made.verify()
    made.close()
    moved = folder.rename(tmp_path / "elsewhere")
    assert verify_bundle(moved, VERIFIERS) == report
    assert verify_bundle(moved, VERIFIERS, key=KEY) == report


@pytest.mark.parametrize(
    "file, change, kind, where",
    [
        ("tile/entries/001", lambda data: data.replace(b"site-1", b"site-2", 1), "edited-entry", "entry 256"),
        ("tile/0/000", lambda data: b"\0" + data[1:], "changed-leaf", "entry 0"),
        ("tile/1/000.p/2", lambda data: b"\0" * 64, "tile", "tile/1/000.p/2"),
        ("tile/entries/002.p/88", None, "deleted-tail", "entries 512 to 599"),
        ("tile/0/001", None, "tile", "tile/0/001"),
        ("checkpoints/256", lambda data: data.replace(b"256", b"255"), "bad-checkpoint", "checkpoint 256"),
        ("checkpoint", lambda data: data[:-6] + b"AAA=\n", "bad-checkpoint", "bundle"),
        ("checkpoint", lambda data: data.replace(b"\n600\n", b"\n599\n"), "bad-checkpoint", "head"),
        ("tile/entries/001", lambda data: data[:-1], "bad-checkpoint", "bundle"),
    ],
)
def test_a_changed_bundle_is_named(
    made: Home, tmp_path: Path, file: str, change: object, kind: str, where: str
) -> None:
    """File by file."""
    folder = export_bundle(made.store, tmp_path / "bundle", ORIGIN, KEY, publisher())
    path = folder / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    assert (kind, where) in _kinds(verify_bundle(folder, VERIFIERS))


def test_additions_to_a_bundle_are_named(made: Home, tmp_path: Path) -> None:
    """A tile too many, an artifact that is not its digest."""
    folder = export_bundle(made.store, tmp_path / "bundle", ORIGIN, KEY, publisher())
    (folder / "tile" / "0" / "099").write_bytes(b"x")
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / ("0" * 64)).write_bytes(b"x")
    kinds = _kinds(verify_bundle(folder, VERIFIERS))
    for kind, file in (("tile", "tile/0/099"), ("artifact", f"artifacts/{'0' * 64}")):
        assert (kind, file) in kinds
        assert ("manifest", file) in kinds
    assert len(kinds) == 4


def test_a_bundle_of_another_key_is_not_the_pinned_ones(made: Home, tmp_path: Path) -> None:
    """Whole in itself, and not ours."""
    (tmp_path / "other").mkdir()
    other = home(tmp_path / "other", entries=5, seed=9)
    folder = export_bundle(other.store, tmp_path / "bundle", ORIGIN, signer(9).public_key, publisher(9))
    assert verify_bundle(folder, VERIFIERS).ok
    assert ("foreign-key", "key.vkey") in _kinds(verify_bundle(folder, VERIFIERS, key=KEY))


def test_no_bundle_where_something_else_is(made: Home, tmp_path: Path) -> None:
    """An occupied folder, an empty ledger, a wrong digest; and no bundle at all."""
    with pytest.raises(Invalid, match="not empty"):
        export_bundle(made.store, tmp_path, ORIGIN, KEY, publisher())
    with pytest.raises(Invalid, match="digest"):
        export_bundle(made.store, tmp_path / "b", ORIGIN, KEY, publisher(), {"0" * 64: b"x"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(Invalid, match="ledger is empty"):
        export_bundle(home(tmp_path / "empty").store, tmp_path / "b", ORIGIN, KEY, publisher())
    with pytest.raises(NotFound):
        verify_bundle(tmp_path / "empty", VERIFIERS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE head SET size = 600",
        "UPDATE tape SET entry = x'7b7d' WHERE seq IN (5, 64, 599)",
        "DELETE FROM tape WHERE seq BETWEEN 200 AND 201",
        "DELETE FROM tape WHERE seq BETWEEN 255 AND 513",
        "DELETE FROM tape WHERE seq >= 590",
    ],
    ids=["untouched", "edited", "gap within a range", "gap over whole ranges", "tail"],
)
def test_several_processes_find_what_one_finds(made: Home, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """Range by range, in order, also where a range is empty."""
    made.tamper(sql)
    alone = made.verify()
    monkeypatch.setattr(hashing, "LONG", 1)
    monkeypatch.setattr(hashing, "RANGE", 64)
    reopen = partial(SqliteStore, made.store.path)
    parallel = hashing.Parallel(reopen, jobs=2)
    together = verify_ledger(made.store, made.anchor, ORIGIN, KEY, verify_ed25519, parallel=parallel)
    assert together == alone
