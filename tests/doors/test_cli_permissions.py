"""Looking and taking away ask for permission too, and leave a fact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bedrail.core.events import DataRead, decode
from bedrail.core.events.governance import PersonAdded
from bedside_house import USE_CASE, SmallHouse, small_house
from small_home import opened, told


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    """A deployed use case, a data scientist beside the clinician and the auditor."""
    made = small_house(tmp_path)
    made.append(PersonAdded(person="sam", name="Sam", roles=("data-scientist",)))
    yield made
    made.app.close()


@pytest.mark.parametrize("words", [("watch", USE_CASE), ("sentinels", "check", USE_CASE)])
@pytest.mark.parametrize("person", ["dr-lee", "auditor", "nobody"])
def test_watching_is_not_for_everybody(house: SmallHouse, words: tuple[str, ...], person: str) -> None:
    """It acts on alarms, so a role that permits `monitoring.look` is asked for."""
    ran = told("--as", person, *words, home=house.app.home)
    assert ran.code == 1
    assert "not permitted" in ran.err or "works here" in ran.err


def test_those_who_may_look_are_let_through(house: SmallHouse) -> None:
    """What stops them here is that no sentinels are on record, not a missing role."""
    ran = told("--as", "sam", "sentinels", "check", USE_CASE, home=house.app.home)
    assert (ran.code, "no sentinels on record" in ran.err) == (2, True)


def test_an_export_is_on_record_in_the_bundle_itself(house: SmallHouse, tmp_path: Path) -> None:
    """Who took the whole ledger away, and how much of it; the bundle verifies with that fact inside."""
    size = house.app.context.ledger.head().size
    ran = told("--as", "auditor", "ledger", "export", str(tmp_path / "bundle"), home=house.app.home)
    assert ran.code == 0, ran.err
    with opened(house.app.home) as app:
        _, last = list(app.context.tape.registry_entries(size))[-1]
    entry = decode(last)
    assert isinstance(entry.fact, DataRead)
    assert (entry.actor.id, entry.fact.kind, entry.fact.count) == ("auditor", "bundle", size)
    # The small house was furnished without its people, which a replay of the facts (L4) would name.
    ran = told("ledger", "verify", "--bundle", str(tmp_path / "bundle"), "--level", "L3")
    assert f"Verified: {size + 1} entries" in ran.out
    ran = told("--as", "dr-lee", "ledger", "export", str(tmp_path / "other"), home=house.app.home)
    assert ran.code == 1
