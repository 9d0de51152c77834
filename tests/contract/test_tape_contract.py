"""Every tape keeps the same promises: on SQLite, on PostgreSQL, and the one in memory that other tests lean on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from bedrail.core.errors import Invalid, Unavailable
from bedrail.core.ports import Head
from bedrail.keys import AesVault, verify_ed25519
from bedrail.ledger import Ledger, open_checkpoint, verify_ledger
from bedrail.ledger.merkle import CompactRange, leaf_hash, root_of
from bedrail.stores import FileAnchor, PostgresStore, SqliteStore
from ledger_parts import ORIGIN, answered, fell_back, observed, person, responded, signer
from memory_tape import MemoryTape
from postgres_server import server

AnyTape = SqliteStore | PostgresStore | MemoryTape


def _tape(kind: str, folder: Path) -> AnyTape:
    if kind == "postgres":
        return PostgresStore(server().schema())
    return SqliteStore(folder / "ledger.db") if kind == "sqlite" else MemoryTape()


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def tape(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyTape]:
    made = _tape(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def vault() -> AesVault:
    return AesVault(b"k" * 32)


@pytest.fixture
def ledger(tape: AnyTape, tmp_path: Path) -> Ledger:
    return Ledger(tape, signer(), ORIGIN, FileAnchor(tmp_path / "anchor"))


def test_a_new_tape_is_empty(tape: AnyTape) -> None:
    """No entries, no checkpoint."""
    assert tape.head() == Head(size=0, peaks=(), checkpoint=b"")
    assert list(tape.entries()) == list(tape.checkpoints()) == list(tape.sealed_pages()) == tape.leaves() == []


def test_entries_come_back_in_order_and_byte_for_byte(tape: AnyTape, ledger: Ledger, vault: AesVault) -> None:
    """Whatever the batches, whole and in slices."""
    drafts = [answered(number, vault) for number in range(700)]
    for start, stop in ((0, 1), (1, 3), (3, 130), (130, 700)):
        ledger.append(drafts[start:stop])
    wanted = [(index, each.data) for index, each in enumerate(drafts)]
    assert list(tape.entries()) == wanted
    assert list(tape.entries(5, 9)) == wanted[5:9]
    assert list(tape.entries(690)) == wanted[690:]
    assert list(tape.entries(700)) == []
    assert tape.leaves() == [leaf_hash(each.data) for each in drafts]
    assert tape.leaves(3, 5) == [leaf_hash(each.data) for each in drafts[3:5]]
    pages = [row for page in tape.sealed_pages(2, 600) for row in page]
    assert pages == [(index, leaf_hash(data), data) for index, data in wanted[2:600]]


def test_the_head_is_the_signed_tree_over_all_entries(tape: AnyTape, ledger: Ledger) -> None:
    """Size, peaks and checkpoint agree with the entries after every commit."""
    for number in range(20):
        receipts = ledger.append([person(3 * number + each) for each in range(number % 3 + 1)])
        head = tape.head()
        assert head.size == receipts[-1].size == len(tape.leaves())
        root = root_of(tape.leaves())
        assert CompactRange(head.size, head.peaks).root() == root
        checkpoint = open_checkpoint(head.checkpoint, ORIGIN, signer().public_key, verify_ed25519)
        assert (checkpoint.size, checkpoint.root) == (head.size, root)


def test_receipts_name_index_and_leaf(tape: AnyTape, ledger: Ledger) -> None:
    """In the order of the drafts, all under the checkpoint of their commit."""
    ledger.append([person(0)])
    receipts = ledger.append([person(1), person(2)])
    assert [receipt.index for receipt in receipts] == [1, 2]
    assert [bytes.fromhex(receipt.leaf) for receipt in receipts] == tape.leaves(1)
    assert {receipt.checkpoint.encode() for receipt in receipts} == {tape.head().checkpoint}


def test_nothing_of_a_failed_transaction_is_seen(tape: AnyTape, ledger: Ledger, vault: AesVault) -> None:
    """An error inside rolls back entries, head and records together."""
    ledger.append([person(0)])
    before = tape.head()
    made = answered(1, vault)

    def interrupted() -> None:
        with tape.transaction() as transaction:
            transaction.append(1, [made], [leaf_hash(made.data)], Head(size=2, peaks=(b"p" * 32,), checkpoint=b"c"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert tape.head() == before
    assert len(tape.leaves()) == 1
    assert tape.get(made.records[0].record_id) is None
    ledger.append([made])
    assert tape.get(made.records[0].record_id) is not None


def test_registry_entries_leave_out_what_there_is_too_much_of(tape: AnyTape, ledger: Ledger, vault: AesVault) -> None:
    """Decisions, fallbacks, responses and outcomes are not low-volume facts."""
    ledger.append([person(0), answered(1, vault), fell_back(2), person(3), responded(4, 1), observed(5, 1, vault)])
    ledger.append([person(6)])
    assert [index for index, _ in tape.registry_entries()] == [0, 3, 6]
    assert [index for index, _ in tape.registry_entries(1)] == [3, 6]
    assert list(tape.registry_entries(7)) == []


def test_checkpoints_are_kept_at_least_every_256_entries(tape: AnyTape, ledger: Ledger) -> None:
    """One at the first commit past each multiple, in order, each opening under the key."""
    for start in range(0, 1000, 100):
        ledger.append([person(number) for number in range(start, start + 100)])
    kept = list(tape.checkpoints())
    assert [size for size, _ in kept] == [300, 600, 800]
    for size, note in kept:
        assert open_checkpoint(note, ORIGIN, signer().public_key, verify_ed25519).size == size


def test_records_open_with_the_key_stored_beside_them(tape: AnyTape, ledger: Ledger, vault: AesVault) -> None:
    """A second record of a subject finds the key that the first one brought."""
    first, second = answered(0, vault, subjects=1), answered(1, vault, subjects=1)
    ledger.append([first, second])
    for made in (first, second):
        found = tape.get(made.records[0].record_id)
        assert found is not None
        assert found[0].key is None
        assert vault.open(*found).startswith(b'{"age"')


def test_records_of_a_kind_keep_the_order_asked_for(tape: AnyTape, ledger: Ledger, vault: AesVault) -> None:
    """Absent ids and other kinds are passed over."""
    drafts = [answered(number, vault) for number in range(1200)]
    outcome = observed(1200, 3, vault)
    ledger.append([*drafts, outcome])
    ids = [each.records[0].record_id for each in reversed(drafts)]
    asked = ["absent", *ids, outcome.records[0].record_id]
    assert [record.record_id for record, _ in tape.of_kind("decision", asked)] == ids
    assert list(tape.of_kind("decision", [])) == []


def test_a_record_id_taken_twice_is_refused_with_its_whole_batch(
    tape: AnyTape, ledger: Ledger, vault: AesVault
) -> None:
    """The caller's mistake, and no half of it is written."""
    ledger.append([answered(0, vault)])
    with pytest.raises(Invalid):
        ledger.append([person(1), answered(0, vault)])
    assert tape.head().size == 1


def test_a_closed_tape_is_unavailable(tape: AnyTape, ledger: Ledger) -> None:
    """Appending after closing fails as the disk would."""
    ledger.append([person(0)])
    tape.close()
    with pytest.raises(Unavailable):
        ledger.append([person(1)])


def test_threads_take_turns(tape: AnyTape, ledger: Ledger, tmp_path: Path) -> None:
    """Appends from several threads all arrive, each once, and the ledger verifies."""

    def write(thread: int) -> None:
        for number in range(20):
            ledger.append([person(100 * thread + number)])
            assert tape.head().size > 0

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    report = verify_ledger(tape, FileAnchor(tmp_path / "anchor"), ORIGIN, signer().public_key, verify_ed25519)
    assert report.ok, report
    assert report.size == 80
    assert len({data for _, data in tape.entries()}) == 80
