"""Both SQL stores keep wrapped data keys alike: found, rewrapped, retired, destroyed for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bedrail.core.errors import Invalid
from bedrail.core.ports import WrappedKey
from bedrail.stores import SqliteStore
from bedrail.stores.chosen import Store
from bedrail.stores.postgres import PostgresStore
from ledger_parts import answered, home
from postgres_server import server


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = (
        PostgresStore(server().schema()) if request.param == "postgres" else SqliteStore(tmp_path / "ledger.db")
    )
    yield made
    made.close()


def key(number: int, kek: str = "kek-1") -> WrappedKey:
    return WrappedKey(key_id=f"k{number:03d}", subject=f"s{number // 2:03d}", kek=kek, wrapped=bytes([number]) * 61)


def test_what_was_kept_is_found(store: Store) -> None:
    """By subject, by id, as often as it is kept."""
    for number in (0, 1, 2, 0):
        assert store.keep_key(key(number))
    assert store.newest_key("s000") == key(0)
    assert store.find_key("s000", "k001") == key(1)
    assert store.find_key("s001", "k001") is None
    assert store.key_ids("s000") == ["k000", "k001"]
    assert store.count_keys() == {"kek-1": 3}


def test_keys_outside_come_in_order_and_in_pages(store: Store) -> None:
    """By subject and id, from behind the last; those under the new key are passed over."""
    for number in range(10):
        store.keep_key(key(number, "kek-2" if number == 4 else "kek-1"))
    after, found = ("", ""), []
    while page := store.keys_outside("kek-2", after, 3):
        found += page
        after = (page[-1].subject, page[-1].key_id)
    assert found == [key(number) for number in range(10) if number != 4]


def test_only_a_key_that_is_as_it_was_is_rewrapped(store: Store) -> None:
    """One that another process rewrapped or destroyed meanwhile stays what that made of it."""
    for number in range(3):
        store.keep_key(key(number))
    pairs = [(key(number), msgspec.structs.replace(key(number), kek="kek-2", wrapped=b"n" * 61)) for number in range(3)]
    elsewhere = msgspec.structs.replace(key(1), kek="kek-3", wrapped=b"e" * 61)
    assert store.rewrap_keys([(key(1), elsewhere)]) == 1
    store.destroy_keys("s001")
    assert store.rewrap_keys(pairs) == 1
    assert store.find_key("s000", "k000") == pairs[0][1]
    assert store.find_key("s000", "k001") == elsewhere
    assert store.key_ids("s001") == []


def test_a_wrapping_key_is_retired_when_it_wraps_nothing_and_then_for_good(store: Store) -> None:
    """No data key comes back under it, nor one that was destroyed."""
    store.keep_key(key(0))
    assert not store.retire_kek("kek-1")
    assert store.keep_key(key(2))
    assert store.rewrap_keys([(key(n), msgspec.structs.replace(key(n), kek="kek-2")) for n in (0, 2)]) == 2
    assert store.retire_kek("kek-1")
    assert store.retire_kek("kek-1")
    assert not store.keep_key(key(8))
    assert store.destroy_keys("s001") == 1
    assert not store.keep_key(key(2, "kek-2"))
    assert store.keep_key(key(8, "kek-2"))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_decision_under_a_retired_key_is_not_written(tmp_path: Path, kind: str) -> None:
    """Neither its fact nor its record: they go together."""
    made = home(tmp_path, address=server().schema() if kind == "postgres" else "")
    try:
        assert made.store.retire_kek("kek-1")
        with pytest.raises(Invalid, match="destroyed"):
            made.ledger.append([answered(1, made.vault)])
        assert made.store.head().size == 0
    finally:
        made.close()


def test_holdings_count_records_by_kind_under_the_named_keys(tmp_path: Path) -> None:
    """Also after the keys were destroyed."""
    made = home(tmp_path, entries=30)
    try:
        subject = f"{3:032x}"
        ids = made.store.key_ids(subject)
        assert made.store.holdings(subject, ids) == {"decision": 3}
        made.store.destroy_keys(subject)
        assert made.store.holdings(subject, ids) == {"decision": 3}
        assert made.store.holdings(subject, ["other"]) == made.store.holdings(subject, []) == {}
        assert made.store.purge_log()
    finally:
        made.close()
