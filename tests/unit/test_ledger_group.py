"""Group commit: everything waiting shares a commit, a failure fails everything waiting, and nobody is left hanging."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bedrail.core.errors import Busy, Invalid, Unavailable
from bedrail.core.ports import Draft
from bedrail.keys import AesVault
from bedrail.ledger import GroupCommit, Ledger, Receipt
from bedrail.ledger.group import ENOUGH, MAX_BATCH
from bedrail.stores.sqlite import SqliteStore
from ledger_parts import ORIGIN, answered, home, person, signer
from memory_tape import MemoryTape, _Transaction


class NoAnchor:
    """An anchor that keeps nothing."""

    def read(self) -> None:
        return None

    def write(self, checkpoint: bytes) -> None:
        return None

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        return True


class SlowTape(MemoryTape):
    """A tape whose commit waits until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.go = threading.Event()

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[_Transaction]:
        with super().transaction() as transaction:
            yield transaction
            self.began.set()
            assert self.go.wait(10)


def _group(tape: MemoryTape, **more: float) -> GroupCommit:
    return GroupCommit(Ledger(tape, signer(), ORIGIN, NoAnchor()), **more)


async def _commit_all(group: GroupCommit, drafts: Sequence[Draft]) -> list[Receipt | BaseException]:
    return await asyncio.gather(*(group.commit(each) for each in drafts), return_exceptions=True)


def test_everything_waiting_shares_one_commit() -> None:
    """Sixty-four tasks that start together pay once."""
    tape = MemoryTape()

    async def run() -> list[Receipt | BaseException]:
        group = _group(tape)
        receipts = await _commit_all(group, [person(number) for number in range(64)])
        await group.close()
        return receipts

    receipts = asyncio.run(run())
    assert tape.commits == 1
    assert [each.index for each in receipts if isinstance(each, Receipt)] == list(range(64))


def test_writers_in_a_loop_keep_sharing() -> None:
    """Those just answered join the next commit, so that 64 writers of 10 drafts need 10 commits."""
    tape = MemoryTape()

    async def run() -> None:
        group = _group(tape)

        async def write(writer: int) -> None:
            for number in range(10):
                await group.commit(person(10 * writer + number))

        await asyncio.gather(*(write(number) for number in range(64)))
        await group.close()

    asyncio.run(run())
    assert len(tape.rows) == 640
    assert tape.commits == 10


@pytest.mark.parametrize("writers", [8, 3 * ENOUGH])
def test_drafts_that_are_being_made_join_up_to_enough(writers: int) -> None:
    """One draft more in each turn of the loop still makes one commit; but nobody waits for a crowd without end."""
    tape = MemoryTape()

    async def run() -> int:
        group = _group(tape, patience=60.0)
        coming = writers
        group.coming = lambda: coming

        async def make(number: int) -> None:
            nonlocal coming
            for _ in range(number):
                await asyncio.sleep(0)
            coming -= 1
            await group.commit(person(number))

        await asyncio.gather(*(make(number) for number in range(writers)))
        await group.close()
        return tape.commits

    commits = asyncio.run(run())
    assert len(tape.rows) == writers
    assert commits == 1 if writers < ENOUGH else commits > 1


def test_finished_drafts_wait_for_slow_ones_no_longer_than_patience() -> None:
    """However long further drafts are said to be coming, the first becomes durable."""
    tape = MemoryTape()

    async def run() -> None:
        group = _group(tape)
        group.coming = lambda: 1
        await asyncio.wait_for(group.commit(person(1)), 30)
        await group.close()

    asyncio.run(run())
    assert len(tape.rows) == 1


def test_what_arrives_during_a_commit_forms_the_next() -> None:
    """A lone first writer does not wait for company, and the company then shares."""
    tape = SlowTape()

    async def run() -> None:
        group = _group(tape)
        first = asyncio.ensure_future(group.commit(person(0)))
        await asyncio.to_thread(tape.began.wait, 10)
        others = [asyncio.ensure_future(group.commit(person(number))) for number in range(1, 20)]
        await asyncio.sleep(0)
        assert group.waiting == 19
        tape.go.set()
        await asyncio.gather(first, *others)
        await group.close()

    asyncio.run(run())
    assert tape.commits == 2
    assert len(tape.rows) == 20


def test_a_huge_crowd_is_written_in_bounded_batches() -> None:
    """More than a transaction should hold is split, and everyone is answered."""
    tape = MemoryTape()

    async def run() -> list[Receipt | BaseException]:
        group = _group(tape)
        receipts = await _commit_all(group, [person(number) for number in range(2 * MAX_BATCH + 5)])
        await group.close()
        return receipts

    receipts = asyncio.run(run())
    assert tape.commits == 3
    assert all(isinstance(each, Receipt) for each in receipts)


def test_a_failed_write_fails_everyone_waiting() -> None:
    """Those in the commit and those queued behind it get `Unavailable`, each an error of its own."""
    tape = SlowTape()
    tape.broken = OSError(28, "No space left on device")

    async def run() -> None:
        group = _group(tape, probe_seconds=60)
        first = [asyncio.ensure_future(group.commit(person(number))) for number in range(5)]
        await asyncio.to_thread(tape.began.wait, 10)
        queued = [asyncio.ensure_future(group.commit(person(number))) for number in range(5, 10)]
        await asyncio.sleep(0)
        tape.go.set()
        failed = await asyncio.gather(*first, *queued, return_exceptions=True)
        assert [type(each) for each in failed] == [Unavailable] * 10
        assert len({id(each) for each in failed}) == 10
        assert not group.healthy
        with pytest.raises(Unavailable):
            await group.commit(person(10))
        await group.close()

    asyncio.run(run())
    assert tape.rows == []


def test_health_returns_when_a_probe_becomes_durable() -> None:
    """By itself after a while, or when asked; then drafts are written again."""
    tape = MemoryTape()

    async def run() -> None:
        group = _group(tape, probe_seconds=0.01)
        await group.commit(person(0))
        tape.broken = OSError(5, "Input/output error")
        with pytest.raises(Unavailable):
            await group.commit(person(1))
        assert not await group.probe()
        await asyncio.sleep(0.05)
        assert not group.healthy
        tape.broken = None
        async with asyncio.timeout(5):
            while not group.healthy:
                await asyncio.sleep(0.01)
        assert (await group.commit(person(2))).index == 1
        assert await group.probe()
        await group.close()

    asyncio.run(run())


def test_an_invalid_draft_fails_alone() -> None:
    """The others of its batch are written, and the ledger stays healthy."""
    tape = MemoryTape()
    vault = AesVault(b"k" * 32)

    async def run() -> None:
        group = _group(tape)
        await group.commit(answered(0, vault))
        mixed = await _commit_all(group, [answered(1, vault), answered(0, vault), answered(2, vault)])
        assert [type(each) for each in mixed] == [Receipt, Invalid, Receipt]
        assert group.healthy
        await group.close()

    asyncio.run(run())
    assert len(tape.rows) == 3


def test_several_drafts_with_a_wrong_one_are_sorted_out_by_the_worker() -> None:
    """Trying them one by one may have to wait for others, which the loop must not: nothing is written there."""
    tape = MemoryTape()
    vault = AesVault(b"k" * 32)
    group = _group(tape)
    group._write([answered(0, vault)])
    with pytest.raises(Busy):
        group._write([answered(1, vault), answered(0, vault)], wait=False)
    assert tape.head().size == 1
    assert [type(each) for each in group._write([answered(1, vault), answered(0, vault)])] == [Receipt, Invalid]


def test_a_bug_in_the_tape_leaves_nobody_hanging() -> None:
    """An exception of any kind answers the waiting ones."""
    tape = MemoryTape()
    ledger = Ledger(tape, signer(), ORIGIN, NoAnchor())

    def wrong(drafts: Sequence[Draft]) -> list[Receipt]:
        raise RuntimeError("bug")

    ledger.append = wrong  # type: ignore[method-assign]

    async def run() -> None:
        group = GroupCommit(ledger, probe_seconds=60)
        async with asyncio.timeout(5):
            failed = await _commit_all(group, [person(0), person(1)])
        assert [type(each) for each in failed] == [Unavailable] * 2
        await group.close()

    asyncio.run(run())


def test_a_cancelled_writer_leaves_the_others_alone() -> None:
    """Its draft is dropped when it was still queued."""
    tape = SlowTape()

    async def run() -> None:
        group = _group(tape)
        first = asyncio.ensure_future(group.commit(person(0)))
        await asyncio.to_thread(tape.began.wait, 10)
        gone = asyncio.ensure_future(group.commit(person(1)))
        stays = asyncio.ensure_future(group.commit(person(2)))
        await asyncio.sleep(0)
        gone.cancel()
        tape.go.set()
        assert (await first).index == 0
        assert (await stays).index == 1
        await group.close()

    asyncio.run(run())
    assert len(tape.rows) == 2


def test_closing_writes_what_waits_and_refuses_the_rest() -> None:
    """Nothing accepted is lost at shutdown."""
    tape = SlowTape()

    async def run() -> None:
        group = _group(tape)
        accepted = [asyncio.ensure_future(group.commit(person(number))) for number in range(8)]
        await asyncio.to_thread(tape.began.wait, 10)
        accepted += [asyncio.ensure_future(group.commit(person(number))) for number in range(8, 12)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(group.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="closing"):
            await group.commit(person(99))
        tape.go.set()
        await closing
        assert [each.result().index for each in accepted] == list(range(12))

    asyncio.run(run())
    assert len(tape.rows) == 12


def test_closing_an_unused_group_is_quiet() -> None:
    """No worker was started, none is awaited."""
    asyncio.run(_group(MemoryTape()).close())


def test_sixty_four_writers_on_the_real_store(tmp_path: Path) -> None:
    """Every receipt is true of the ledger that is left, and the ledger verifies."""
    made = home(tmp_path)

    async def run() -> list[Receipt]:
        group = GroupCommit(made.ledger)
        receipts: list[Receipt] = []

        async def write(writer: int) -> None:
            for number in range(5):
                receipts.append(await group.commit(answered(5 * writer + number, made.vault)))

        await asyncio.gather(*(write(number) for number in range(64)))
        await group.close()
        return receipts

    receipts = asyncio.run(run())
    leaves = made.store.leaves()
    assert sorted(each.index for each in receipts) == list(range(320))
    assert all(leaves[each.index].hex() == each.leaf for each in receipts)
    assert made.verify().ok
    assert made.store.rebuild_differences() == made.store.record_differences() == []


def test_a_busy_writer_elsewhere_never_blocks_the_loop(tmp_path: Path) -> None:
    """While another process holds the write lock the loop goes on, and the draft is written when the lock is free."""
    store = SqliteStore(tmp_path / "ledger.sqlite")
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)

    async def play() -> tuple[int, int]:
        group = GroupCommit(Ledger(store, signer(), ORIGIN, NoAnchor()))
        for number in range(60):
            await group.commit(person(number))
        other.execute("BEGIN IMMEDIATE")
        late = asyncio.ensure_future(group.commit(person(60)))
        turns = 0
        for _ in range(20):
            await asyncio.sleep(0.005)
            turns += 1
        assert not late.done()
        other.execute("COMMIT")
        receipt = await late
        await group.close()
        return turns, receipt.index

    assert asyncio.run(play()) == (20, 60)
    other.close()
    store.close()
