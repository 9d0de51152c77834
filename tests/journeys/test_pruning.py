"""A shard whose retention is over loses its daily traffic, and nothing else: every root and proof holds as before."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bedrail.app import App, create_home, open_home
from bedrail.core.errors import Corrupt, NotFound, Refused
from bedrail.core.events.custody import HoldLifted, HoldPlaced
from bedrail.core.events.governance import PolicyAdopted
from bedrail.core.events.oversight import HeartBeat
from bedrail.core.ports import Pruned
from bedrail.journeys import delivery, sharding, upkeep
from bedrail.journeys.context import SYSTEM
from bedside_house import SmallHouse, served, small_house, usual
from small_home import CASE, climb, copied, opened, told

FIRST, NEXT = "h.example/ledger-2019", "h.example/ledger-2020"
BEATS = 300


class Later:
    """The clock of the house, seven years on."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now() + timedelta(days=7 * 365.25)

    def monotonic(self) -> float:
        return self._clock.monotonic()


def aged(app: App) -> App:
    """The home as it would be opened seven years later."""
    app.context.clock = Later(app.context.clock)
    return app


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A founded home with a sealed shard of some governance and much daily traffic, and a second one."""
    folder = tmp_path / "home"
    app = create_home(folder, FIRST)
    upkeep.open_installation(app.context, FIRST, "olivia", app.public_names())
    for person, role in (("ada", "auditor"), ("pia", "privacy-officer")):
        upkeep.add_person(app.context, "olivia", person, person.title(), (role,))
    app.context.append(SYSTEM, "safety", *(HeartBeat(size=size) for size in range(BEATS)))
    sharding.begin_shard(app.context, "olivia", NEXT)
    app.context.append(SYSTEM, "safety", *(HeartBeat(size=size) for size in range(40)))
    app.close()
    return folder


def report(*words: str, home: Path | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told("ledger", "verify", *words, "--json", home=home).out)
    return found


def test_the_daily_traffic_goes_and_the_ledger_verifies_as_before(home: Path, tmp_path: Path) -> None:
    """Same root, all levels, also from a bundle; who worked here is still known; a second call finds nothing to do."""
    before = report(home=home)
    app = aged(open_home(home))
    root = sharding.shards(app.context)[0].final
    assert sharding.prune_shard(app.context, "pia", FIRST, "retention is over") == Pruned(entries=BEATS, records=0)
    assert sharding.prune_shard(app.context, "pia", FIRST, "again") == Pruned(entries=0, records=0)
    assert list(sharding.pruned(app.context)) == [FIRST]
    assert sharding.shards(app.context)[0].final == root
    with pytest.raises(Refused, match="was pruned on"):
        sharding.export_shard(app.context, "ada", FIRST, tmp_path / "shard")
    app.close()
    after = report(home=home)
    assert (after["ok"], after["level"], after["differences"]) == (True, "L4", [])
    assert after["size"] == before["size"] + 1
    assert {"olivia", "ada", "pia"} <= set(told("people", "list", home=home).out.split())
    shards = json.loads(told("ledger", "shards", "--json", home=home).out)
    assert [bool(each["pruned_at"]) for each in shards] == [True, False]
    assert told("--as", "ada", "ledger", "export", str(tmp_path / "bundle"), home=home).code == 0
    bundled = report("--bundle", str(tmp_path / "bundle"))
    assert (bundled["ok"], bundled["level"], bundled["root"]) == (True, "L4", report(home=home)["root"])


def test_bytes_that_are_gone_without_a_pruning_on_record_are_found(home: Path) -> None:
    """Blanking an entry of a shard that was not pruned is an edit, whatever was pruned elsewhere."""
    app = aged(open_home(home))
    sharding.prune_shard(app.context, "pia", FIRST, "retention is over")
    last = app.store.head().size - 3
    app.close()
    with sqlite3.connect(home / "ledger.sqlite") as rows:
        rows.execute("UPDATE tape SET entry = x'' WHERE seq = ?", (last,))
    rows.close()
    found = report(home=home)
    assert not found["ok"]
    assert ("edited-entry", f"entry {last}") in {(each["kind"], each["where"]) for each in found["differences"]}


def test_a_fact_that_governs_cannot_be_passed_off_as_pruned(home: Path, tmp_path: Path) -> None:
    """Blanked, and its column says that it was daily traffic: the pruning tells what stays. In a bundle too."""
    app = aged(open_home(home))
    sharding.prune_shard(app.context, "pia", FIRST, "retention is over")
    app.close()
    with sqlite3.connect(home / "ledger.sqlite") as rows:
        ((seq,),) = rows.execute("SELECT max(seq) FROM tape WHERE action = 'person.added'").fetchall()
        rows.execute("UPDATE tape SET entry = x'', action = 'ledger.beat' WHERE seq = ?", (seq,))
    rows.close()
    told("--as", "ada", "ledger", "export", str(tmp_path / "bundle"), home=home)
    for found in (report(home=home), report("--bundle", str(tmp_path / "bundle"))):
        told_of = {(each["kind"], each["where"], each["what"]) for each in found["differences"]}
        assert ("shard", f"shard {FIRST}", "facts are gone that its pruning kept") in told_of


def test_what_was_blanked_before_is_not_pruned(home: Path) -> None:
    """A pruning on record would make it lawful: it is refused, and nothing is pruned or recorded."""
    app = aged(open_home(home))
    with sqlite3.connect(home / "ledger.sqlite") as rows:
        ((seq,),) = rows.execute("SELECT max(seq) FROM tape WHERE action = 'person.added'").fetchall()
        rows.execute("UPDATE tape SET entry = x'', action = 'ledger.beat' WHERE seq = ?", (seq,))
    rows.close()
    before = app.context.tape.head().size
    with pytest.raises(Corrupt, match="not those that were sealed"):
        sharding.prune_shard(app.context, "pia", FIRST, "retention is over")
    assert app.context.tape.head().size == before
    app.close()


def test_a_home_with_a_blanked_fact_is_corrupt_and_no_bug(home: Path) -> None:
    """It is not opened, which entry it is is said, and verification names it."""
    with sqlite3.connect(home / "ledger.sqlite") as rows:
        rows.execute("UPDATE tape SET entry = x'' WHERE seq = 1")
    rows.close()
    with pytest.raises(Corrupt, match="entry 1 of the ledger cannot be read"):
        open_home(home)
    assert told("people", "list", home=home).code == 3
    assert "entry 1" in {each["where"] for each in report(home=home)["differences"]}


def test_a_hash_changed_in_a_pruned_shard_is_found(home: Path) -> None:
    """Where only hashes are left, they still have to lead to every signed root."""
    app = aged(open_home(home))
    sharding.prune_shard(app.context, "pia", FIRST, "retention is over")
    app.close()
    with sqlite3.connect(home / "ledger.sqlite") as rows:
        rows.execute("UPDATE tape SET leaf = zeroblob(32) WHERE seq = 100")
    rows.close()
    found = report(home=home)
    assert "rewritten" in {each["kind"] for each in found["differences"]}


def test_who_may_not_or_too_early_is_refused(home: Path) -> None:
    """The owner has no right to prune, an officer none before the years are over, nobody one to what is written."""
    app = open_home(home)
    with pytest.raises(Refused, match="is kept until"):
        sharding.prune_shard(app.context, "pia", FIRST, "too early")
    aged(app)
    with pytest.raises(Refused):
        sharding.prune_shard(app.context, "olivia", FIRST, "not hers")
    with pytest.raises(Refused, match="still written"):
        sharding.prune_shard(app.context, "pia", NEXT, "open")
    with pytest.raises(NotFound):
        sharding.prune_shard(app.context, "pia", "h.example/none", "nowhere")
    assert sharding.pruned(app.context) == {}
    app.close()


@pytest.mark.slow
def test_a_pruned_home_goes_on_approving_deploying_and_rolling_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is amiss about daily traffic that went by the rules; an entry blanked against them stops all of it."""
    folder = copied(tmp_path_factory)
    with opened(folder) as app:
        ctx, clock = app.context, app.context.clock
        ctx.append(SYSTEM, "safety", *(HeartBeat(size=size) for size in range(BEATS)))
        sharding.begin_shard(ctx, "olivia", NEXT)
        aged(app)
        assert sharding.prune_shard(ctx, "priya", app.origin, "retention is over") == Pruned(entries=BEATS, records=0)
        ctx.clock = clock
    assert report(home=folder)["level"] == "L4"
    ran = told("gate", CASE, "--candidate", "baseline", "--to", "general", home=folder)
    assert (ran.code, "OPEN" in ran.out) == (0, True), ran.err
    with opened(folder) as app:
        climb(app, "boosted")
        baseline = app.context.use_case(CASE).candidate("baseline").candidate
        assert delivery.roll_back(app.context, "dr-adams", CASE, "worse").candidate == baseline
        last = app.store.head().size - 1
        app.context.append(SYSTEM, "safety", HeartBeat(size=last))
    with sqlite3.connect(folder / "ledger.sqlite") as rows:
        rows.execute("UPDATE tape SET entry = x'' WHERE seq = ?", (last + 1,))
    rows.close()
    assert told("gate", CASE, "--candidate", "baseline", "--to", "general", home=folder).code == 3


@pytest.fixture
def house(tmp_path: Path) -> SmallHouse:
    """A house that answered two patients, sealed that shard, and answered one more."""
    made = small_house(tmp_path)
    with served(made) as client:
        for patient in ("p1", "p2"):
            assert client.decide(usual() | {"subject": patient}).json["kind"] == "answer"
    made.app = open_home(made.app.home)
    shipped = (files("bedrail.governance") / "default_policy.toml").read_bytes()
    made.append(PolicyAdopted(policy=made.app.context.artifacts.put(shipped), name="bedrail-default"))
    upkeep.add_person(made.app.context, "dr-adams", "pia", "Pia", ("privacy-officer",))
    sharding.begin_shard(made.app.context, "dr-adams", NEXT)
    return made


def test_records_and_views_go_with_the_entries(house: SmallHouse) -> None:
    """Nothing of a pruned decision is left to read or to open, and the views are still what the facts say."""
    store, ctx = house.app.store, house.app.context
    (first, second) = store.decisions(house_case(house))
    assert len(list(store._rows("SELECT 1 FROM records"))) >= 2
    aged(house.app)
    went = sharding.prune_shard(ctx, "pia", sharding.shards(ctx)[0].origin, "retention is over")
    assert went.entries >= 2
    assert went.records >= 2
    assert store.decision(first.decision) is None
    assert store.decision(second.decision) is None
    assert list(store._rows("SELECT 1 FROM records")) == []
    assert store.rebuild_differences() == []
    assert store.record_differences() == []
    store.rebuild()
    assert store.rebuild_differences() == []


def test_a_legal_hold_keeps_the_whole_shard(house: SmallHouse) -> None:
    """One held patient in it, and nothing is pruned; lifted, it may be."""
    ctx = aged(house.app).context
    origin = sharding.shards(ctx)[0].origin
    held = house.app.store.decisions(house_case(house))[0].subject
    house.append(HoldPlaced(subject=held, dataset="", reason="case 12"))
    with pytest.raises(Refused, match="1 of the patients"):
        sharding.prune_shard(ctx, "pia", origin, "retention is over")
    house.append(HoldLifted(subject=held, dataset="", reason="settled"))
    assert sharding.prune_shard(ctx, "pia", origin, "retention is over").entries >= 2


def test_an_interrupted_pruning_is_named_nowhere_and_finished_by_the_next(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fact is there, records are gone, entries are not: everything verifies, and the same call does the rest."""
    store, ctx = house.app.store, aged(house.app).context
    origin = sharding.shards(ctx)[0].origin
    real = type(store)._prune_records

    def dies(self: Any, start: int, stop: int) -> int:
        real(self, start, stop)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "_prune_records", dies)
        with pytest.raises(KeyboardInterrupt):
            sharding.prune_shard(ctx, "pia", origin, "retention is over")
    assert store.record_differences() == []
    assert store.rebuild_differences() == []
    assert sharding.prune_shard(ctx, "pia", origin, "go on").entries >= 2
    assert len(sharding.pruned(ctx)) == 1


def house_case(house: SmallHouse) -> str:
    """The one use case that was asked."""
    return next(iter(house.app.context.refresh().use_cases))
