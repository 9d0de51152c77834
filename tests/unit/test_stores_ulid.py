"""Identifiers: well-formed ULIDs, sortable by time, never the same twice."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from bedrail.stores.ulid import ALPHABET, UlidMaker


def test_a_ulid_holds_its_time_and_eighty_random_bits() -> None:
    """The first ten letters are the milliseconds of making, in Crockford's base 32; the rest differ each time."""
    before = int(datetime.now(UTC).timestamp() * 1000)
    made = [UlidMaker().new() for _ in range(50)]
    after = int(datetime.now(UTC).timestamp() * 1000)
    for ulid in made:
        assert len(ulid) == 26
        assert set(ulid) <= set(ALPHABET)
        milliseconds = 0
        for letter in ulid[:10]:
            milliseconds = milliseconds * 32 + ALPHABET.index(letter)
        assert before <= milliseconds <= after
    assert len({ulid[10:] for ulid in made}) == 50


def test_a_hundred_thousand_never_repeat_and_use_every_letter_everywhere() -> None:
    """All 16 random places take all 32 letters, and no identifier comes twice."""
    maker = UlidMaker()
    made = [maker.new() for _ in range(100_000)]
    assert len(set(made)) == len(made)
    assert all(len({ulid[place] for ulid in made[:20_000]}) == 32 for place in range(10, 26))


def test_later_ones_sort_later() -> None:
    """Identifiers of different milliseconds sort by time."""
    maker = UlidMaker()
    first = maker.new()
    time.sleep(0.003)
    assert first < maker.new()
