"""The kill switch: one person, one command; in force on every worker, with or without the database, after restarts."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bedrail.app import ALL, stop_without_ledger
from bedrail.core.errors import Refused, Unavailable
from bedrail.core.events import PersonAdded, decode
from bedrail.core.events.delivery import DeploymentHalted
from bedrail.journeys import delivery, stopping
from bedrail.journeys.watchman import BY_FILE
from bedrail.stores.stops import FileStops
from bedside_house import USE_CASE, SmallHouse, eventually, served, small_house, usual
from small_home import bedrail


@pytest.fixture
def house(tmp_path: Path) -> SmallHouse:
    """A house of one's own, with somebody who may stop and somebody who may not."""
    made = small_house(tmp_path)
    made.append(PersonAdded(person="rob", name="Rob", roles=("release-engineer",)))
    return made


def stops(house: SmallHouse) -> FileStops:
    """The house's standing stops."""
    return FileStops(house.app.home / "stops")


def halts(house: SmallHouse) -> list[Any]:
    """The entries that record a halt."""
    entries = [decode(data) for _, data in house.app.store.registry_entries()]
    return [entry for entry in entries if isinstance(entry.fact, DeploymentHalted)]


@contextmanager
def locked(house: SmallHouse) -> Iterator[None]:
    """Somebody holds the database and does not let go."""
    holder = sqlite3.connect(house.app.store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_a_stop_is_on_record_and_leaves_no_file(house: SmallHouse):
    """With the ledger well, the ledger alone remembers."""
    assert stopping.stop(house.app.context, "rob", USE_CASE, "drill")
    assert [(entry.actor.id, entry.fact.reason) for entry in halts(house)] == [("rob", "drill")]
    assert stops(house).targets() == {}


def test_only_who_may_stop_can_while_permissions_can_be_looked_up(house: SmallHouse):
    """An auditor changes nothing; nobody's stop is left standing."""
    with pytest.raises(Refused):
        stopping.stop(house.app.context, "auditor", ALL, "because")
    assert stops(house).targets() == {}


@pytest.mark.slow
def test_a_stop_without_the_database_is_in_force_everywhere_and_comes_on_record(house: SmallHouse):
    """Two workers over a locked database: no answer, and the halt is recorded, once it can be, as that person's."""
    with served(house) as client:
        assert client.decide(usual()).json["kind"] == "answer"
        with locked(house):
            done = bedrail("--as", "rob", "halt", USE_CASE, "--reason", "drill", "--json", home=house.app.home)
            assert (done.code, json.loads(done.out)) == (0, {"halted": USE_CASE, "recorded": False})
            assert list(stops(house).targets().values()) == [USE_CASE]
            deployment = house_deployment(client, house)
            assert deployment
        assert eventually(lambda: client.decide(usual()).json.get("guard") == "stopped")
        assert eventually(lambda: len(halts(house)) == 1 and not stops(house).targets(), seconds=10)
        assert (halts(house)[0].actor.id, halts(house)[0].fact.reason) == ("rob", "drill")
        assert client.decide(usual()).json["guard"] == "stopped"


def house_deployment(client: Any, house: SmallHouse) -> bool:
    """Whether no request gets an answer while the database is held."""
    return eventually(lambda: client.decide(usual()).status == 503)


@pytest.mark.parametrize("name", ["all", "falls-7d", "no-such-case"])
def test_a_touched_file_is_a_stop_too(house: SmallHouse, name: str):
    """Without any command; a name that means nothing stops everything."""
    with served(house) as client:
        assert client.decide(usual()).json["kind"] == "answer"
        (house.app.home / "stops").mkdir(exist_ok=True)
        (house.app.home / "stops" / name).touch()
        assert eventually(lambda: client.decide(usual()).json.get("guard") == "stopped")
        assert eventually(lambda: [each.fact.reason for each in halts(house)] == [BY_FILE])


def test_a_stop_survives_a_restart(house: SmallHouse):
    """A server that starts where a stop stands gives no answer at all, from the first request on."""
    stop_without_ledger(house.app.home, "rob", ALL, "drill")
    with served(house) as client:
        assert client.decide(usual()).json["guard"] == "stopped"


def test_what_cannot_be_looked_at_stops_everything(house: SmallHouse):
    """A folder that is no folder says nothing, and unknown means closed."""
    (house.app.home / "stops").write_text("")
    assert stops(house).targets() == {"": ALL}
    with served(house) as client:
        assert client.decide(usual()).json["guard"] == "stopped"


@pytest.mark.parametrize("broken", ["deleted", "garbage", "unreadable"])
def test_one_command_stops_a_home_whose_database_is_gone(house: SmallHouse, broken: str):
    """Whoever can write into the home may stop it; the file says who."""
    house.app.store.close()
    ledger = house.app.home / "ledger.sqlite"
    if broken == "unreadable":
        ledger.unlink()
        ledger.mkdir()
    elif broken == "garbage":
        ledger.write_bytes(os.urandom(8192))
    else:
        ledger.unlink()
    done = bedrail("--as", "rob", "halt", "--all", "--reason", "no database", home=house.app.home)
    assert done.code == 0, done.err
    assert "stands without it" in done.out
    (name,) = stops(house).targets()
    said = stops(house).read(name)
    assert (said.target, said.person, said.reason, said.verified) == (ALL, "rob", "no database", False)


def test_nothing_starts_again_while_a_stop_stands(house: SmallHouse, monkeypatch: pytest.MonkeyPatch):
    """Deploying and rolling back bring the stop on record first; one that cannot be lifted refuses them."""
    ctx = house.app.context
    stop_without_ledger(house.app.home, "", USE_CASE, "")
    with pytest.raises(Refused):
        delivery.roll_back(ctx, "rob", USE_CASE, "try")
    assert len(halts(house)) == 1
    assert ctx.use_case(USE_CASE).deployment.halted
    stop_without_ledger(house.app.home, "", USE_CASE, "")

    def stuck(*_: Any) -> None:
        raise Unavailable("read-only")

    monkeypatch.setattr(FileStops, "lift", stuck)
    with pytest.raises(Refused, match="emergency stop stands"):
        delivery.deploy(ctx, "rob", USE_CASE, "shadow")


def test_a_full_disk_still_has_room_for_a_stop(house: SmallHouse, monkeypatch: pytest.MonkeyPatch):
    """No byte can be written, and the name alone stops."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    (house.app.home / "stops").mkdir()
    monkeypatch.setattr("bedrail.stores.stops.write_durably", full)
    stop_without_ledger(house.app.home, "rob", USE_CASE, "full")
    assert list(stops(house).targets().values()) == [USE_CASE]


def test_a_half_written_stop_stops_nothing(house: SmallHouse):
    """What a cut left behind under a hidden name is no stop."""
    (house.app.home / "stops").mkdir()
    (house.app.home / "stops" / ".writing-x").write_text("{")
    assert stops(house).targets() == {}


def test_a_new_deployment_does_not_lift_a_stop(house: SmallHouse, monkeypatch: pytest.MonkeyPatch):
    """A move recorded by another process while a stop cannot be recorded changes nothing on this worker."""
    monkeypatch.setattr("bedrail.journeys.watchman.Watchman.start_recording", lambda *_: None)
    with served(house) as client:
        stop_without_ledger(house.app.home, "rob", USE_CASE, "drill")
        assert eventually(lambda: client.decide(usual()).json.get("guard") == "stopped")
        seen = house.app.store.head().size
        house.deploy()
        for _ in range(20):
            assert client.decide(usual()).json["guard"] == "stopped"
        assert house.app.store.head().size > seen
