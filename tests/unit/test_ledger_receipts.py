"""A client's receipts alone: whatever is undone after an answer, is found by who got the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt, Invalid
from bedrail.keys import verify_ed25519
from bedrail.ledger import Ledger
from bedrail.ledger.append import Receipt
from bedrail.ledger.receipts import Kept, Promise, hold, parse_receipts, silences
from ledger_parts import ORIGIN, home, person, signer
from memory_tape import MemoryTape
from witness_parts import Log


class Shown:
    """A log as it is shown to somebody."""

    def __init__(self, log: Log, size: int) -> None:
        self._log, self.checkpoint = log, log.note(size)
        self._size = size

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        return self._log.leaves[start : min(stop, self._size)]


def promised(log: Log, index: int, size: int, **more: object) -> Promise:
    """The receipt that this log gave for an entry."""
    note = log.note(size).decode()
    receipt = {"index": index, "leaf": log.leaves[index].hex(), "size": size, "checkpoint": note}
    return parse_receipts([json.dumps({"receipt": receipt, **more}).encode()])[0]


def held(promises: Sequence[Promise], log: Log, size: int, **more: object) -> Kept:
    """Hold the log as shown to the promises."""
    return hold(promises, Shown(log, size), ORIGIN, signer().public_key, verify_ed25519, **more)  # type: ignore[arg-type]


LOG = Log().grow(600)
PLACES = ((0, 1), (3, 9), (255, 256), (256, 300), (511, 512), (580, 600))
PROMISES = [promised(LOG, index, size) for index, size in PLACES]


def test_a_ledger_that_kept_its_promises_is_found_so() -> None:
    """At the size of the last receipt, and later."""
    assert held(PROMISES, LOG, 600) == Kept(size=600, kept=6, pending=0, broken=())
    assert held(PROMISES[:3], LOG, 400).kept == 3


def test_a_ledger_cut_short_after_the_answer_is_found() -> None:
    """The entry is gone, and with it the commit that was signed."""
    found = held(PROMISES, LOG, 590)
    assert [each.kind for each in found.broken] == ["missing"]
    assert found.kept == 5


@pytest.mark.parametrize("at", [0, 3, 255, 256, 400, 511, 579, 580, 599])
def test_a_ledger_rewritten_after_the_answer_is_found(at: int) -> None:
    """From any entry on, under the right key and as long as before: every receipt from there on says so."""
    found = held(PROMISES, LOG.forked(at, "rewritten "), 600)
    later = [promise for promise in PROMISES if promise.size > at]
    assert [each.kind for each in found.broken] == ["fork"] * len(later)
    assert found.kept == len(PROMISES) - len(later)


def test_one_entry_replaced_behind_a_false_receipt_is_found() -> None:
    """A promise for another leaf than the one that stands there."""
    false = promised(LOG, 3, 9)
    other = Promise(line=7, index=4, leaf=false.leaf, size=9, checkpoint=false.checkpoint)
    assert [(each.line, each.kind) for each in held([other], LOG, 600).broken] == [(7, "changed")]


def test_a_promise_of_another_decision_is_found() -> None:
    """The entry is there, but it is somebody else's."""
    promise = promised(LOG, 3, 9, decision="D1")
    assert held([promise], LOG, 600, entry_id=lambda _: "D1").broken == ()
    assert [each.kind for each in held([promise], LOG, 600, entry_id=lambda _: "D2").broken] == ["stranger"]


def test_what_was_promised_a_moment_ago_may_still_come() -> None:
    """Within two seconds of the view, when both times are known; not later, and not without a time."""
    young = promised(LOG, 580, 600, received="2026-01-01T00:00:10+00:00")
    as_of = 1767225611.0  # 00:00:11
    assert held([young], LOG, 500, as_of=as_of).pending == 1
    assert held([young], LOG, 500, as_of=as_of + 1.5).broken[0].kind == "missing"
    assert held([young], LOG, 500).broken[0].kind == "missing"
    assert held([promised(LOG, 580, 600)], LOG, 500, as_of=as_of).broken[0].kind == "missing"


def test_a_receipt_that_the_ledgers_key_did_not_sign_is_named() -> None:
    """By its line; also one whose checkpoint does not cover its entry."""
    forged = promised(Log(seed=9).grow(9), 3, 9)
    beyond = Promise(line=2, index=9, leaf=bytes(32), size=9, checkpoint=LOG.note(9))
    assert [each.kind for each in held([forged, beyond], LOG, 600).broken] == ["unsigned", "impossible"]


def test_a_view_of_another_key_is_refused() -> None:
    """And one whose hashes do not give its root is named."""
    with pytest.raises(Corrupt):
        held(PROMISES, Log(seed=9).grow(600), 600)
    bent = Shown(LOG, 600)
    bent._log = LOG.forked(599, "x")
    found = hold([], bent, ORIGIN, signer().public_key, verify_ed25519)
    assert [(each.line, each.kind) for each in found.broken] == [(0, "fork")]


def test_receipts_are_read_line_by_line() -> None:
    """Bare ones, answers with one, empty lines; anything else is named by its line."""
    bare = {"index": 3, "leaf": "ab" * 32, "size": 9, "checkpoint": "note"}
    lines = [json.dumps(bare), "", json.dumps({"receipt": bare, "decision": "D", "risk": 0.3})]
    found = parse_receipts([line.encode() for line in lines])
    assert [(each.line, each.decision) for each in found] == [(1, ""), (3, "D")]
    for wrong in ("{", "[]", '{"index": 1}', json.dumps(bare | {"leaf": "ab"}), json.dumps(bare | {"index": -1})):
        with pytest.raises(Invalid) as caught:
            parse_receipts([json.dumps(bare).encode(), wrong.encode()], "kept")
        assert caught.value.path == "kept:2"


def test_silence_is_found() -> None:
    """Between entries, and after the last one until the view was taken."""
    moments = ["2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00+00:00", "2026-01-01T00:10:00+00:00"]
    assert len(silences(moments, 60)) == 1
    assert len(silences(moments, 60, as_of=1767226200.0 + 61)) == 2
    assert silences(moments, 600, as_of=1767226200.0) == []


def test_the_receipts_of_a_commit_share_its_checkpoint() -> None:
    """One signature for all of them: a promise costs nothing but its bytes."""
    tape = MemoryTape()
    ledger = Ledger(tape, signer(), ORIGIN, _Anchor())
    receipts = ledger.append([person(number) for number in range(20)])
    assert {each.checkpoint for each in receipts} == {tape.head().checkpoint.decode()}
    assert [each.index for each in receipts] == list(range(20))


def test_an_answer_undone_within_the_last_second_is_found_by_its_receipt(tmp_path: Path) -> None:
    """The anchor had not caught up when the machine died, and the database that was put back lacks the last entry."""
    import shutil

    house = home(tmp_path)
    ledger = Ledger(house.store, signer(), ORIGIN, house.anchor, monotonic=lambda: 100.0)
    ledger.append([person(1)])
    house.store.close()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "before.db")
    again = home(tmp_path)
    slow = Ledger(again.store, signer(), ORIGIN, again.anchor, monotonic=lambda: 100.0)
    slow._anchored_at = 100.0
    (answer,) = slow.append([person(2)])
    again.store.close()
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()
    shutil.copy(tmp_path / "before.db", tmp_path / "ledger.db")
    restored = home(tmp_path)  # the anchor cannot tell
    restored.ledger.append([person(3)])
    found = hold(parse_receipts([_told(answer)]), _Tape(restored.store), ORIGIN, signer().public_key, verify_ed25519)
    assert [each.kind for each in found.broken] == ["fork"]
    restored.close()


def _told(receipt: Receipt) -> bytes:
    import msgspec

    return msgspec.json.encode({"receipt": receipt})


class _Tape:
    """A store as a view."""

    def __init__(self, store: object) -> None:
        self._store = store
        self.checkpoint = store.head().checkpoint  # type: ignore[attr-defined]

    def leaves(self, start: int, stop: int) -> Sequence[bytes]:
        return self._store.leaves(start, stop)  # type: ignore[attr-defined, no-any-return]


class _Anchor:
    """An anchor that keeps nothing."""

    def read(self) -> None:
        return None

    def write(self, checkpoint: bytes) -> None:
        return None

    def swap(self, standing: bytes | None, checkpoint: bytes) -> bool:
        return True
