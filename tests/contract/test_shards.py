"""Shards on every tape: one commit between two names, one tree, and links of which none can be swapped or left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psycopg
import pytest

from bedrail.core.errors import Corrupt, Refused, Unavailable
from bedrail.core.events import decode
from bedrail.core.events.shards import LedgerBegun, LedgerSealed
from bedrail.core.ports import Draft, Head
from bedrail.keys import verify_ed25519
from bedrail.ledger import Checkpoint, Ledger, VerificationReport, open_checkpoint, sign_checkpoint, verify_ledger
from bedrail.ledger.merkle import root_of
from bedrail.ledger.receipts import hold, parse_receipts
from bedrail.ledger.shards import Shard, ShardTape, shards_of
from bedrail.stores import FileAnchor, PostgresStore, SqliteStore
from ledger_parts import ORIGIN, draft, fell_back, person, signer
from memory_tape import MemoryTape
from postgres_server import server

AnyTape = SqliteStore | PostgresStore | MemoryTape
NEXT = "hospital.example/ledger-2027"
THIRD = "hospital.example/ledger-2028"
KEY = signer().public_key


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def tape(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyTape]:
    made: AnyTape
    if request.param == "postgres":
        made = PostgresStore(server().schema())
    else:
        made = SqliteStore(tmp_path / "ledger.db") if request.param == "sqlite" else MemoryTape()
    yield made
    made.close()


def _ledger(tape: AnyTape, folder: Path) -> Ledger:
    return Ledger(tape, signer(), ORIGIN, FileAnchor(folder / "anchor"), anchor_seconds=0)


def _turn(
    ledger: Ledger, successor: str, *, carried: Callable[[bytes], bytes] = bytes, previous: str = "", named: str = ""
) -> None:
    """Begin a shard; `carried`, `previous` and `named` tell lies about the link."""
    head, before = ledger.head(), ledger.origin
    sealed = draft(LedgerSealed(origin=before, successor=named or successor), head.size)

    def first(final: bytes) -> Draft:
        fact = LedgerBegun(checkpoint=carried(final).decode(), origin=successor, previous=previous or before)
        return draft(fact, head.size + 1)

    ledger.begin_shard(sealed, successor, first, known=head.size)


def _verified(tape: AnyTape, folder: Path) -> VerificationReport:
    return verify_ledger(tape, FileAnchor(folder / "anchor"), ORIGIN, KEY, verify_ed25519)


def _kinds(report: VerificationReport) -> set[tuple[str, str]]:
    return {(each.kind, each.where) for each in report.differences}


def _three(tape: AnyTape, folder: Path) -> Ledger:
    """Three shards: entries 0 to 5, 6 to 10, 11 and on."""
    ledger = _ledger(tape, folder)
    ledger.append([fell_back(number) for number in range(5)])
    _turn(ledger, NEXT)
    ledger.append([fell_back(number) for number in range(5, 8)])
    _turn(ledger, THIRD)
    ledger.append([fell_back(8)])
    return ledger


def test_two_facts_in_one_commit_and_the_first_carries_the_final_checkpoint(tape: AnyTape, tmp_path: Path) -> None:
    """The last entry seals; the next one holds exactly what the old name signed over all before it."""
    ledger = _ledger(tape, tmp_path)
    ledger.append([fell_back(number) for number in range(5)])
    commits = tape.commits if isinstance(tape, MemoryTape) else 0
    _turn(ledger, NEXT)
    assert not isinstance(tape, MemoryTape) or tape.commits == commits + 1
    sealed, begun = (decode(data).fact for _, data in tape.entries(5))
    assert isinstance(sealed, LedgerSealed)
    assert isinstance(begun, LedgerBegun)
    final = open_checkpoint(begun.checkpoint.encode(), ORIGIN, KEY, verify_ed25519)
    assert (final.size, final.root) == (6, root_of(tape.leaves(0, 6)))
    head = open_checkpoint(tape.head().checkpoint, NEXT, KEY, verify_ed25519)
    assert (head.size, head.root) == (7, root_of(tape.leaves()))
    assert ledger.origin == NEXT
    assert (FileAnchor(tmp_path / "anchor").read() or b"").startswith(f"{NEXT}\n7\n".encode())


def test_three_shards_verify_and_are_told(tape: AnyTape, tmp_path: Path) -> None:
    """From either end of the chain of names; not under a stranger's."""
    _three(tape, tmp_path)
    assert _verified(tape, tmp_path).differences == ()
    assert verify_ledger(tape, None, THIRD, KEY, verify_ed25519).ok
    strange = verify_ledger(tape, None, "other.example/ledger", KEY, verify_ed25519)
    assert _kinds(strange) == {("shard", f"shard {THIRD}")}
    told = shards_of(tape, tape.head(), ORIGIN)
    assert [(each.origin, each.start, each.size) for each in told] == [(ORIGIN, 0, 6), (NEXT, 6, 11), (THIRD, 11, 13)]
    assert told[2] == Shard(origin=THIRD, start=11, size=13)


def test_a_sealed_shard_verifies_by_itself(tape: AnyTape, tmp_path: Path) -> None:
    """As the ledger that ended there, under its final checkpoint."""
    _three(tape, tmp_path)
    for shard, origin in zip(shards_of(tape, tape.head(), ORIGIN)[:2], (ORIGIN, NEXT), strict=True):
        alone = ShardTape(tape, shard)
        assert open_checkpoint(alone.head().checkpoint, origin, KEY, verify_ed25519).size == shard.size
        kinds = {each.kind for each in verify_ledger(alone, None, origin, KEY, verify_ed25519).differences}
        assert kinds == {"bad-head"}  # it has no peaks, and is not appended to: nothing else differs


def test_another_process_goes_on_in_the_new_shard(tape: AnyTape, tmp_path: Path) -> None:
    """It had the ledger open under the old name; its next append stands under the new one."""
    ours, theirs = _ledger(tape, tmp_path), _ledger(tape, tmp_path)
    theirs.append([fell_back(0)])
    _turn(ours, NEXT)
    (receipt,) = theirs.append([fell_back(1)])
    assert receipt.checkpoint.startswith(f"{NEXT}\n4\n")
    ours.append([fell_back(2)])
    assert _verified(tape, tmp_path).ok
    assert _ledger(tape, tmp_path).origin == NEXT


def test_a_head_under_another_name_by_another_key_is_not_gone_on_with(tape: AnyTape, tmp_path: Path) -> None:
    """A name alone moves nobody."""
    ours = _ledger(tape, tmp_path)
    ours.append([fell_back(0)])
    head = tape.head()
    there = Checkpoint(origin=NEXT, size=1, root=root_of(tape.leaves()))
    renamed = head.checkpoint.replace(ORIGIN.encode(), NEXT.encode())
    for forged in (renamed, sign_checkpoint(there, signer(8, NEXT))):
        with tape.transaction() as transaction:
            transaction.append(head.size, (), (), Head(size=head.size, peaks=head.peaks, checkpoint=forged))
        with pytest.raises(Corrupt, match="not signed by this key"):
            ours.append([fell_back(1)])


def test_what_was_recorded_meanwhile_refuses_the_turn(tape: AnyTape, tmp_path: Path) -> None:
    """One of two who seal at once is told to look again; there is one new shard, not two."""
    ours, theirs = _ledger(tape, tmp_path), _ledger(tape, tmp_path)
    seen = ours.head().size
    theirs.append([person()])
    sealed = draft(LedgerSealed(origin=ORIGIN, successor=NEXT))
    with pytest.raises(Refused, match="Something else was recorded"):
        ours.begin_shard(sealed, NEXT, lambda _: sealed, known=seen)
    assert (ours.origin, ours.head().size) == (ORIGIN, 1)


def test_a_commit_that_fails_leaves_one_shard(tmp_path: Path) -> None:
    """Neither of the two facts is there, and the ledger goes on under its name."""
    tape = MemoryTape()
    ledger = _ledger(tape, tmp_path)
    ledger.append([fell_back(0)])
    tape.broken = OSError("no space")
    with pytest.raises(Unavailable):
        _turn(ledger, NEXT)
    tape.broken = None
    assert (ledger.origin, ledger.head().size) == (ORIGIN, 1)
    ledger.append([fell_back(1)])
    assert _verified(tape, tmp_path).ok


def test_an_anchor_left_behind_in_the_old_shard_is_gone_on_from(tape: AnyTape, tmp_path: Path) -> None:
    """A process killed between commit and anchor: the next one opens, and moves the anchor on."""
    ledger = _ledger(tape, tmp_path)
    ledger.append([fell_back(0)])
    left = (tmp_path / "anchor").read_bytes()
    _turn(ledger, NEXT)
    (tmp_path / "anchor").write_bytes(left)
    again = _ledger(tape, tmp_path)
    again.append([fell_back(1)])
    assert again.origin == NEXT
    assert _verified(tape, tmp_path).ok


def test_a_database_put_back_over_the_border_is_refused(tmp_path: Path) -> None:
    """To before the seal, or to the seal itself: the anchor says more."""
    for kept in ("before", "after"):
        folder = tmp_path / kept
        folder.mkdir()
        store = SqliteStore(folder / "ledger.db")
        ledger = _ledger(store, folder)
        ledger.append([fell_back(0)])
        if kept == "after":
            _turn(ledger, NEXT)
        with closing(sqlite3.connect(folder / "ledger.db")) as source, closing(sqlite3.connect(folder / "old")) as to:
            source.backup(to)
        _turn(ledger, THIRD)
        store.close()
        for path in folder.glob("ledger.db*"):
            path.unlink()
        (folder / "old").rename(folder / "ledger.db")
        store = SqliteStore(folder / "ledger.db")
        with pytest.raises(Corrupt, match="Rollback detected"):
            _ledger(store, folder)
        assert "deleted-tail" in {each.kind for each in _verified(store, folder).differences}
        store.close()


def test_receipts_of_an_old_shard_hold_in_the_new_one(tape: AnyTape, tmp_path: Path) -> None:
    """Index, leaf and root are those of one tree; another history under the old name is still a fork."""
    ledger = _ledger(tape, tmp_path)
    old = ledger.append([fell_back(number) for number in range(3)])
    _turn(ledger, NEXT)
    new = ledger.append([fell_back(3)])
    fork = Ledger(MemoryTape(), signer(), ORIGIN, FileAnchor(tmp_path / "other")).append([fell_back(9)])
    promises = parse_receipts([msgspec.json.encode(each) for each in (*old, *new, *fork)])
    found = hold(promises, _Seen(tape.head().checkpoint, tape), NEXT, KEY, verify_ed25519)
    assert found.kept == 4
    assert [(each.line, each.kind) for each in found.broken] == [(5, "fork")]


@dataclass
class _Seen:
    """What a monitor sees of a tape."""

    checkpoint: bytes
    tape: AnyTape

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Leaf hashes."""
        return self.tape.leaves(start, stop)


def test_every_false_link_that_the_key_signed_is_named(tape: AnyTape, tmp_path: Path) -> None:
    """Another checkpoint than the final one, another predecessor, a seal for another successor."""
    ledger = _ledger(tape, tmp_path)
    ledger.append([fell_back(0)])
    earlier = tape.head().checkpoint
    _turn(ledger, NEXT, carried=lambda _: earlier)
    _turn(ledger, THIRD, previous=ORIGIN)
    _turn(ledger, "a.example/4", named="a.example/5")
    _turn(ledger, "a.example/6", carried=lambda final: final.replace(b"a.example/4", b"a.example/9"))
    report = _verified(tape, tmp_path)
    assert _kinds(report) >= {("shard", f"shard {each}") for each in (ORIGIN, NEXT, THIRD, "a.example/4")}
    assert {each.kind for each in report.differences} == {"shard"}
    assert report.level == "L2"


def test_a_missing_shard_is_named(tape: AnyTape, tmp_path: Path) -> None:
    """A seal that nothing follows, under a signed head."""
    ledger = _ledger(tape, tmp_path)
    ledger.append([draft(LedgerSealed(origin=ORIGIN, successor=NEXT))])
    assert _kinds(_verified(tape, tmp_path)) == {("shard", f"shard {NEXT}")}
    ledger.append([fell_back(0)])
    assert _kinds(_verified(tape, tmp_path)) == {("shard", f"shard {NEXT}")}


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_an_old_shard_is_guarded_as_the_present_one(store: str, tmp_path: Path) -> None:
    """An edited entry by its index, also with its leaf; the links swapped; the first shard taken away."""
    address = server().schema() if store == "postgres" else ""

    def change(*statements: str) -> None:
        if address:
            with psycopg.connect(address, autocommit=True) as other:
                for each in statements:
                    other.execute(each)
            return
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other_:
            for each in statements:
                other_.execute(each)

    tape: AnyTape = PostgresStore(address) if address else SqliteStore(tmp_path / "ledger.db")
    _three(tape, tmp_path)
    change("CREATE TABLE kept AS SELECT * FROM tape")
    back = ("DELETE FROM tape", "INSERT INTO tape SELECT * FROM kept")
    change("UPDATE tape SET entry = (SELECT entry FROM kept WHERE seq = 1) WHERE seq = 2")
    assert _kinds(_verified(tape, tmp_path)) == {("edited-entry", "entry 2")}
    change("UPDATE tape SET leaf = (SELECT leaf FROM kept WHERE seq = 1) WHERE seq = 2")
    report = _verified(tape, tmp_path)
    assert {each.kind for each in report.differences} == {"rewritten"}
    assert f"shard {ORIGIN}" in report.differences[0].what
    one = "(SELECT {0} FROM kept WHERE seq = {1})"
    swap = f"UPDATE tape SET entry = {one.format('entry', '{0}')}, leaf = {one.format('leaf', '{0}')}"
    change(*back, f"{swap.format(11)} WHERE seq = 6", f"{swap.format(6)} WHERE seq = 11")
    links = {("shard", f"shard {NEXT}"), ("shard", f"shard {THIRD}"), ("rewritten", "entries 0 to 10")}
    assert links <= _kinds(_verified(tape, tmp_path))
    change(*back, "DELETE FROM tape WHERE seq < 6")
    kinds = _kinds(_verified(tape, tmp_path))
    assert ("missing-entry", "entry 0") in kinds
    assert ("shard", f"shard {ORIGIN}") in kinds
    tape.close()
