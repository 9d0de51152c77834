"""Refused acts on record: who tried what, at which door, how often; no stranger and no flood fills the ledger."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_http_sign_in import Browser, serving, signed_in

from bedrail.app import create_home, open_home
from bedrail.core.accounts import RefusedRow
from bedrail.core.errors import Refused, Unavailable
from bedrail.core.events import decode
from bedrail.core.events.refused import ActsRefused, StrangersRefused
from bedrail.governance.permissions import ACTIONS
from bedrail.governance.refusals import MOST_ACTS, told_of
from bedrail.journeys import refusals, upkeep
from bedrail.journeys.strangers import Strangers
from bedrail.stores.sqlite import SqliteStore
from bedrail.web.server import Standing
from bedside_house import served, small_house, usual
from postgres_server import server
from reception_house import House, TurnableClock, house, refused
from small_home import told

REVIEWS = "/api/v1/use-cases/x/reviews"
TAG = ActsRefused.__struct_config__.tag


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """People sign in; the owner is signed in."""
    made = house(tmp_path)
    yield made
    made.app.close()


def said(home: House) -> list[tuple[str, list[tuple[str, str, str, int]]]]:
    """Each fact: of whom, and (action, door, why, count) of its acts."""
    facts = [entry.fact for entry in home.facts(str(TAG))]
    assert all(isinstance(fact, ActsRefused) for fact in facts)
    return [(f.who, [(a.action, a.door, a.why, a.count) for a in f.acts]) for f in facts]  # type: ignore[union-attr]


def test_the_first_refusal_is_on_record_at_once_and_a_flood_in_one_fact(home: House) -> None:
    """Thousands of refused acts of one person are two facts with every one of them counted, by act."""
    home.act_as(home.join("sam"))
    ctx = home.app.context
    refused(ctx.require, "sam", "policy.adopt")
    assert said(home) == [("sam", [("policy.adopt", "python", "permission", 1)])]
    size = ctx.tape.head().size
    for _ in range(40):
        refused(ctx.require, "sam", "policy.adopt")
    for action in sorted(set(ACTIONS) - {"policy.adopt"}):
        if "data-scientist" not in ACTIONS[action]:
            refused(ctx.require, "sam", action)
    assert ctx.tape.head().size == size, "the flood itself writes nothing"
    home.clock.turn(minutes=11)
    home.at.tend()
    home.at.tend()
    _, (who, acts) = said(home)
    assert (who, acts[0]) == ("sam", ("policy.adopt", "python", "permission", 40))
    assert len(acts) > 20
    assert all(count == 1 for _, _, _, count in acts[1:])
    assert not home.at.desk.refused_waiting()
    view = ctx.registry.refused.acts["person", "sam", "policy.adopt", "python", "permission"]
    assert view.count == 41


def test_a_mere_claim_writes_nothing(home: House) -> None:
    """Where people sign in, `--as somebody` without a session leaves no fact and no count, whoever is named."""
    home.act_as(None)
    size = home.app.context.tape.head().size
    for person in ("olivia", "sue", "sam", "dr-lee", "Jane Doe, born 1950"):
        refused(home.app.context.require, person, "policy.adopt")
    assert home.app.context.tape.head().size == size
    assert not home.at.desk.refused_waiting()


def test_whoever_acts_for_another_is_told_of_under_their_own_name(home: House) -> None:
    """The session says who it was; the other person is not blamed, and a name of nobody is not written down."""
    home.act_as(home.join("sam"))
    assert refused(home.app.context.require, "olivia", "policy.adopt") == "sign-in"
    home.clock.turn(minutes=11)
    refused(home.app.context.require, "Jane Doe, born 1950", "policy.adopt")
    assert [who for who, _ in said(home)] == ["sam", "sam"]
    assert {why for _, acts in said(home) for _, _, why, _ in acts} == {"another-person"}
    assert b"Jane" not in b"".join(data for _, data in home.app.context.tape.entries())


def test_a_stale_proof_and_a_missing_factor_are_told_as_such(home: House) -> None:
    """What a stolen session would run into is on record too."""
    home.clock.turn(minutes=6)
    assert refused(home.app.context.require, "olivia", "policy.adopt") == "step-up"
    assert said(home)[-1] == ("olivia", [("policy.adopt", "python", "step-up", 1)])


def test_a_refusal_stands_when_it_cannot_be_recorded(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ledger or disk out the answer is the same no; what was counted is told later."""
    home.act_as(home.join("sam"))
    ctx = home.app.context

    def out(*_: object, **__: object) -> None:
        raise Unavailable("the disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(type(ctx.ledger), "append", out)
        with pytest.raises(Refused, match="not permitted"):
            ctx.require("sam", "policy.adopt")
    assert not said(home)
    home.at.tend()
    assert said(home) == [("sam", [("policy.adopt", "python", "permission", 1)])]


def test_two_processes_tell_of_the_same_refusals_once(home: House) -> None:
    """Telling is conditional on what was known: of many at once one records, the others find it done."""
    home.act_as(home.join("sam"))
    ctx = home.app.context
    refusals.count(ctx, home.at.desk, "person", "sam", "policy.adopt", "cli", "permission", 7)
    threads = [threading.Thread(target=refusals.tell, args=(ctx, home.at.desk)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said(home) == [("sam", [("policy.adopt", "cli", "permission", 7)])]


@pytest.mark.slow
def test_nodes_of_one_postgresql_tell_each_what_it_refused_and_together_no_more_than_one(tmp_path: Path) -> None:
    """Each node counts on its own disk, and they tell on the shared ledger: a caller fills it through none of them."""
    home = tmp_path / "a"
    app = create_home(home, "nodes.hospital.example/bedrail", store=server().schema())
    upkeep.open_installation(app.context, app.origin, "olivia", app.public_names())
    upkeep.add_person(app.context, "olivia", "sam", "Sam", ("data-scientist",))
    app.close()
    shutil.copytree(home, tmp_path / "b")
    nodes, clock = [open_home(tmp_path / name) for name in "ab"], TurnableClock(datetime.now(UTC))
    for node in nodes:
        node.context.clock = clock
        for _ in range(20):
            refused(node.context.require, "sam", "policy.adopt")
        refused(node.context.require, "sam", "person.add")

    def told_of() -> list[tuple[str, list[tuple[str, int]]]]:
        facts = [decode(data).fact for _, data in nodes[0].context.tape.registry_entries(0)]
        return [(f.who, [(a.action, a.count) for a in f.acts]) for f in facts if isinstance(f, ActsRefused)]

    assert told_of() == [("sam", [("policy.adopt", 1)])]
    for _ in range(3):
        clock.turn(minutes=11)
        threads = [threading.Thread(target=refusals.tell, args=(n.context, n.desk)) for n in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rest = sorted(told_of()[1:], key=lambda each: each[1])
    assert rest == [
        ("sam", [("policy.adopt", 19), ("person.add", 1)]),
        ("sam", [("policy.adopt", 20), ("person.add", 1)]),
    ]
    assert nodes[1].context.refresh().refused.acts["person", "sam", "policy.adopt", "python", "permission"].count == 40
    assert nodes[0].context.tape.rebuild_differences() == []  # type: ignore[attr-defined]
    for node in nodes:
        node.close()


def test_a_fact_names_the_most_frequent_kinds_and_counts_the_rest() -> None:
    """However many kinds of act, door and reason there are, the fact stays short."""
    rows = [
        RefusedRow(kind="token", who="t", action=f"a{n}", door="api", why="scope", count=n + 1, since=n, until=n + 1.0)
        for n in range(MOST_ACTS + 30)
    ]
    fact = told_of(rows)
    assert (len(fact.acts), fact.acts[0].count) == (MOST_ACTS, MOST_ACTS + 30)
    assert fact.more == sum(range(1, 31))


def test_a_page_refused_to_a_signed_in_person_is_on_record_and_a_strangers_is_not(home: House) -> None:
    """At the web door; a stranger is shown the way in, and nothing is written."""
    upkeep.add_person(home.app.context, "olivia", "ada", "Ada", ("auditor",))
    for person in ("ada", "dr-lee"):
        home.join(person)
    with serving(home) as port:
        ada, lee = (signed_in(Browser(port), home, person) for person in ("ada", "dr-lee"))
        size = home.app.context.tape.head().size
        for _ in range(5):
            assert Browser(port).get("/emergency").status == 303
            assert Browser(port).post("/emergency/review", grant="x").status in (303, 403)
        assert home.app.context.tape.head().size == size
        form = ada.get("/account").field("form")
        assert ada.post("/emergency", role="owner", reason="no reason at all", form=form).status == 403
        assert lee.get("/emergency/nothing").status == 403
    assert said(home) == [
        ("ada", [("break-glass.open", "web", "permission", 1)]),
        ("dr-lee", [("access.read", "web", "permission", 1)]),
    ]


def test_a_token_refused_for_its_scope_is_told_and_made_up_ones_are_not(tmp_path: Path) -> None:
    """At the API, when the server goes; of made-up tokens nothing; whomever a token names, one fact about it."""
    made = small_house(tmp_path)
    made.open_case(use_case="sepsis-6h")
    with served(made) as client:
        answered = client.decide(usual()).json
        size = made.app.context.tape.head().size
        for n in range(50):
            assert client.decide(usual(), token=f"made-up-{n}").status == 401
            assert client.decide(usual(), "sepsis-6h").status == 403
        for person in ("auditor", "rob", "sam", "Jane Doe, born 1950", *(f"name-{n}" for n in range(30))):
            body = {"response": "confirmed", "person": person, "reason": "no-objection"}
            assert client.ask("POST", f"/api/v1/decisions/{answered['decision']}/responses", body).status == 403
        assert made.app.context.tape.head().size == size, "the flood itself writes nothing"
    store = SqliteStore(tmp_path / "home" / "ledger.sqlite")
    data = [data for _, data in store.entries(size)]
    store.close()
    facts = [fact for fact in (decode(each).fact for each in data) if isinstance(fact, ActsRefused)]
    found = {(f.kind, f.who): [(a.action, a.door, a.why, a.count) for a in f.acts] for f in facts}
    assert found == {
        ("token", "t0"): [("token:decide", "api", "scope", 50), ("decision.respond", "api", "permission", 34)],
    }
    assert b"Jane" not in b"".join(data)


def test_forged_forms_and_made_up_tokens_are_counted_and_an_hour_of_them_is_one_fact(home: House) -> None:
    """In the metrics at once; on record by number alone, however many there are, and nothing of what was sent."""
    home.join("sam")
    with serving(home) as port:
        mine = signed_in(Browser(port), home, "sam")
        size = home.app.context.tape.head().size
        for n in range(30):
            assert mine.post("/account/recovery-codes", form=f"guessed-{n}").status == 403
            assert Browser(port).post("/sign-in", headers={"origin": "https://evil.example"}, person="x").status == 403
            assert mine.go("GET", REVIEWS, authorization=f"Bearer made-up-{n}").status == 401
        assert mine.get(REVIEWS).status == 401, "no token at all is no attempt"
        assert home.app.context.tape.head().size == size, "the flood itself writes nothing"
        counted = mine.get("/metrics").text
        assert 'strangers_refused_total{attempt="form"} 60' in counted
        assert 'strangers_refused_total{attempt="token"} 30' in counted
    entries = home.facts("strangers.refused")
    assert [(e.fact.forms, e.fact.tokens) for e in entries] == [(60, 30)]  # type: ignore[union-attr]
    data = b"".join(data for _, data in home.app.context.tape.entries())
    assert not any(word in data for word in (b"made-up", b"guessed", b"evil"))


def test_what_strangers_do_is_told_once_an_hour_and_nothing_is_lost_in_between() -> None:
    """The first at once; what comes while a fact is being written waits for the next."""
    strangers, at = Strangers(), datetime(2026, 3, 1, tzinfo=UTC)
    assert strangers.due(0.0) is None
    strangers.count("form", at)
    first = strangers.due(0.0)
    assert first is not None
    strangers.count("token", at)
    strangers.count("form", at)
    strangers.told(first, 0.0)
    assert strangers.due(3599.0) is None
    later = strangers.due(3600.0)
    assert later is not None
    assert (first.forms, first.tokens, later.forms, later.tokens) == (1, 0, 1, 1)
    strangers.told(later, 3600.0)
    assert strangers.due(1e9, all_of_it=True) is None
    assert strangers.total == {"form": 2, "token": 1}


@pytest.mark.parametrize("given_up", ["in time", "at the end"])
def test_what_strangers_did_is_told_once_by_a_ledger_that_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_up: str
) -> None:
    """Longer than anything waits for its record, and when the server stops meanwhile: it may be recorded after that."""
    monkeypatch.setattr("bedrail.journeys.desk.APPEND_SECONDS", 0.05)
    made = small_house(tmp_path)
    size, file = made.app.context.tape.head().size, tmp_path / "home" / "ledger.sqlite"

    async def note() -> None:
        door = Standing(made.app)
        desk = door.bedside
        desk.stranger("token")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            noting = asyncio.create_task(desk.note_strangers())
            await asyncio.sleep(0.3)
            if given_up == "at the end":
                noting.cancel()
            desk.stranger("token")
            later = asyncio.create_task(desk.note_strangers(all_of_it=True))
            await asyncio.sleep(0.05)
            other.execute("ROLLBACK")
        await asyncio.gather(noting, later, return_exceptions=True)
        await desk.note_strangers(all_of_it=True)
        await door.group.close()
        desk.close()

    asyncio.run(note())
    store = SqliteStore(file)
    facts = [decode(data).fact for _, data in store.entries(size)]
    store.close()
    assert [fact.tokens for fact in facts if isinstance(fact, StrangersRefused)] == [1, 1]


def test_auditors_see_them_on_the_command_line(tmp_path: Path) -> None:
    """`bedrail access refused` as table and JSON; who may not look is refused, and that is on record as well."""
    made = small_house(tmp_path)
    made.app.close()
    home = made.app.home
    assert told("--as", "dr-lee", "policy", "adopt", str(tmp_path / "p.toml"), home=home).code == 1
    assert told("--as", "dr-lee", "access", "refused", home=home).code == 1
    ran = told("--as", "auditor", "access", "refused", "--json", home=home)
    answer = json.loads(ran.out)
    assert [(a["who"], a["action"], a["door"], a["why"], a["count"]) for a in answer["acts"]] == [
        ("dr-lee", "policy.adopt", "cli", "permission", 1)
    ]
    assert answer["waiting"] == 1, "the second waits ten minutes, counted"
    table = told("--as", "auditor", "access", "refused", "--of", "dr-lee", home=home)
    assert ("person dr-lee" in table.out, "policy.adopt" in table.out, "1 further" in table.out) == (True, True, True)
    assert "policy.adopt" not in told("--as", "auditor", "access", "refused", "--of", "rob", home=home).out
