"""Too fast at the decision API: 429 with the fallback sentence, and one fact for all of it."""

from __future__ import annotations

from pathlib import Path

from bedrail.core.events import decode
from bedrail.core.events.abuse import AbuseThrottled
from bedrail.core.values import NO_DECISION
from bedrail.decisions.pace import FOLLOWING
from bedrail.stores.sqlite import SqliteStore
from bedside_house import USE_CASE, served, small_house, usual

PACE = 6
"""A minute, and so many at once: no test is as slow as to earn another turn between two requests."""


def test_whoever_asks_too_fast_is_told_to_wait_and_to_use_judgement(tmp_path: Path) -> None:
    """Six answers, then 429 as a problem with Retry-After, the fallback sentence and the charter's plan."""
    house = small_house(tmp_path, pace=PACE)
    with served(house) as client:
        said = [client.decide(usual()) for _ in range(8)]
        metrics = client.ask("GET", "/metrics", token="").body.decode()
    assert [each.status for each in said] == [200] * PACE + [429] * 2
    held, problem = said[-1], said[-1].json
    assert held.headers["content-type"] == "application/problem+json"
    assert 1 <= int(held.headers["retry-after"]) <= 10
    assert (problem["kind"], problem["message"], problem["guard"]) == ("fallback", NO_DECISION, "rate")
    assert problem["fallback_plan"] == "Assess falls by clinical judgement."
    assert f"{held.headers['retry-after']} s" in problem["remedy"]
    assert f'bedrail_decisions_total{{use_case="{USE_CASE}",kind="throttled",guard="rate"}} 2' in metrics
    assert 'bedrail_responses_total{status="429"} 2' in metrics


def test_another_way_into_the_server_has_the_same_limit(tmp_path: Path) -> None:
    """Unread requests (too large, no JSON) and chunked ones, which take the framework's way, count and wait too."""
    house = small_house(tmp_path, pace=PACE)
    with served(house) as client:
        for _ in range(PACE):
            assert client.decide(b"x" * 70_000).status == 413
        assert client.decide(b"x" * 70_000).status == 429
        held = client.decide(usual(), headers={"Content-Encoding": "identity"})
    assert (held.status, int(held.headers["retry-after"]) >= 1, held.json["message"]) == (429, True, NO_DECISION)


def test_a_flood_is_one_fact_and_not_one_for_each_request(tmp_path: Path) -> None:
    """A hundred refused requests write nothing while they come in; one fact counts them when the server goes."""
    house = small_house(tmp_path, pace=PACE)
    with served(house) as client:
        for _ in range(PACE):
            client.decide(usual())
        before = house.app.context.tape.head().size
        refused = [client.decide(usual()).status for _ in range(50)] + [client.decide(b"{").status for _ in range(50)]
        assert set(refused) == {429}
        assert house.app.context.tape.head().size == before
    store = SqliteStore(tmp_path / "home" / "ledger.sqlite")
    facts = [decode(data).fact for _, data in store.entries(before)]
    store.close()
    assert [(f.token, f.refused) for f in facts if isinstance(f, AbuseThrottled)] == [("t0", 100)]


def test_what_follows_upon_decisions_has_a_pace_of_its_own(tmp_path: Path) -> None:
    """Four times that of decisions. Held up, nothing is written; decisions and objections go on. A flood: one fact."""
    house = small_house(tmp_path, pace=PACE)
    with served(house) as client:
        decision = client.decide(usual()).json["decision"]
        path = f"/api/v1/decisions/{decision}"
        said = [client.ask("GET", path).status for _ in range(PACE * FOLLOWING)]
        before = house.app.context.tape.head().size
        held = client.ask("POST", f"{path}/outcomes", {"value": 1})
        assert house.app.context.tape.head().size == before
        consent = client.ask("POST", f"/api/v1/use-cases/{USE_CASE}/consent", {"subject": "x", "opted_out": True})
        assert client.decide(usual()).status == 200
    assert set(said) == {200}
    assert (held.status, consent.status, held.headers["content-type"]) == (429, 201, "application/problem+json")
    assert f"{held.headers['retry-after']} s" in held.json["remedy"]
    assert 1 <= int(held.headers["retry-after"]) <= 10
