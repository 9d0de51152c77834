"""A shard under another key, on every tape: the old key vouches for the new one, and nobody else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt
from bedrail.core.events.shards import LedgerBegun, LedgerSealed
from bedrail.core.ports import Signer
from bedrail.keys import verify_ed25519
from bedrail.ledger import Ledger, verify_ledger
from bedrail.ledger.shards import shards_of
from bedrail.stores import FileAnchor, PostgresStore, SqliteStore
from ledger_parts import ORIGIN, draft, fell_back, signer
from memory_tape import MemoryTape
from postgres_server import server

AnyTape = SqliteStore | PostgresStore | MemoryTape
NEXT, THIRD = "hospital.example/ledger-2027", "hospital.example/ledger-2028"
OLD, NEW, NEWEST, STRANGE = (signer(seed) for seed in (1, 21, 22, 23))


class House:
    """A key ring; the newest key first."""

    verify = staticmethod(verify_ed25519)

    def __init__(self, *held: Signer) -> None:
        self.held = list(held or (OLD,))

    def signers(self) -> Sequence[Signer]:
        return tuple(self.held)


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def tape(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyTape]:
    made: AnyTape
    if request.param == "postgres":
        made = PostgresStore(server().schema())
    else:
        made = SqliteStore(tmp_path / "ledger.db") if request.param == "sqlite" else MemoryTape()
    yield made
    made.close()


def _ledger(tape: AnyTape, folder: Path, house: House) -> Ledger:
    anchor = FileAnchor(folder / "anchor")
    return Ledger(tape, house.signers()[0], ORIGIN, anchor, keyring=house, anchor_seconds=0)


def _turn(
    ledger: Ledger, successor: str, old: Signer, new: Signer, *, named: Signer | None = None, said: Signer | None = None
) -> None:
    """Begin a shard under `new`; `named` is whom the seal names instead, `said` whom the first entry does."""
    head, before = ledger.head(), ledger.origin
    key = (named or new).public_key.hex()
    sealed = draft(LedgerSealed(key=key, origin=before, successor=successor), head.size)

    def first(final: bytes) -> LedgerBegun:
        return LedgerBegun(
            checkpoint=final.decode(),
            key=(said or new).public_key.hex(),
            origin=successor,
            previous=before,
            previous_key=old.public_key.hex(),
        )

    ledger.begin_shard(sealed, successor, lambda final: draft(first(final), head.size + 1), known=head.size, signer=new)


def _three(tape: AnyTape, folder: Path, house: House) -> Ledger:
    ledger = _ledger(tape, folder, house)
    ledger.append([fell_back(number) for number in range(5)])
    for origin, old, new in ((NEXT, OLD, NEW), (THIRD, NEW, NEWEST)):
        house.held.insert(0, new)
        _turn(ledger, origin, old, new)
        ledger.append([fell_back(len(house.held) + 4)])
    return ledger


def _wrong(tape: AnyTape, folder: Path, pinned: Signer) -> set[str]:
    report = verify_ledger(tape, FileAnchor(folder / "anchor"), ORIGIN, pinned.public_key, verify_ed25519)
    return {each.kind for each in report.differences}


def test_whoever_trusts_one_of_the_keys_can_verify_all(tape: AnyTape, tmp_path: Path) -> None:
    """The first, the middle and the newest key; not a stranger's. Each shard is told with its key."""
    ledger = _three(tape, tmp_path, House())
    assert ledger.public_key == NEWEST.public_key
    told = [(each.origin, each.key) for each in shards_of(tape, tape.head(), ORIGIN)]
    names = zip((ORIGIN, NEXT, THIRD), (OLD, NEW, NEWEST), strict=True)
    assert told == [(origin, key.public_key.hex()) for origin, key in names]
    for pinned in (OLD, NEW, NEWEST):
        assert _wrong(tape, tmp_path, pinned) == set()
    assert "foreign-key" in _wrong(tape, tmp_path, STRANGE)


def test_others_go_on_under_the_new_key_and_a_start_finds_it(tape: AnyTape, tmp_path: Path) -> None:
    """A process with the old key in hand, and one that opens with keys of which the newest was never used."""
    house = House()
    first = _ledger(tape, tmp_path, house)
    first.append([fell_back(0)])
    other = _ledger(tape, tmp_path, house)
    house.held.insert(0, NEW)
    _turn(first, NEXT, OLD, NEW)
    (receipt,) = other.append([fell_back(1)])
    assert receipt.checkpoint.startswith(NEXT)
    house.held.insert(0, NEWEST)
    again = _ledger(tape, tmp_path, house)
    assert again.public_key == NEW.public_key
    again.append([fell_back(2)])
    assert _wrong(tape, tmp_path, NEW) == set()


def test_a_former_key_signs_nothing_any_more(tape: AnyTape, tmp_path: Path) -> None:
    """Whoever still has it and the database is refused, by processes that run and at every start; verified, named."""
    house = House()
    ledger = _ledger(tape, tmp_path, house)
    ledger.append([fell_back(0)])
    house.held.insert(0, NEW)
    _turn(ledger, NEXT, OLD, NEW)
    thief = Ledger(tape, NEW, ORIGIN, FileAnchor(tmp_path / "anchor"), keyring=house, anchor_seconds=0)
    thief._signer = OLD
    thief._trusted = _blind  # type: ignore[method-assign]
    thief.append([fell_back(1)])
    for use in (lambda: ledger.append([fell_back(2)]), lambda: _ledger(tape, tmp_path, house)):
        with pytest.raises(Corrupt):
            use()
    assert _wrong(tape, tmp_path, NEW)


def _blind(head: object) -> object:
    from bedrail.ledger.merkle import CompactRange

    return CompactRange(head.size, head.peaks)  # type: ignore[attr-defined]


@pytest.mark.parametrize("lie", ["named", "said", "old"])
def test_a_key_that_the_seal_does_not_name_is_named(lie: str, tmp_path: Path) -> None:
    """Another key in the seal, in the first entry, or for the shard before: from every pinned key."""
    tape: AnyTape = MemoryTape()
    house = House(NEW, OLD)
    ledger = Ledger(tape, OLD, ORIGIN, FileAnchor(tmp_path / "anchor"), keyring=house, anchor_seconds=0)
    ledger.append([fell_back(0)])
    lies: dict[str, Callable[[], None]] = {
        "named": lambda: _turn(ledger, NEXT, OLD, NEW, named=STRANGE),
        "said": lambda: _turn(ledger, NEXT, OLD, NEW, said=STRANGE),
        "old": lambda: _turn(ledger, NEXT, STRANGE, NEW),
    }
    lies[lie]()
    for pinned in (OLD, NEW):
        assert _wrong(tape, tmp_path, pinned)
