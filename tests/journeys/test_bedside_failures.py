"""Whatever breaks at the bedside ends in the visible fallback, on record where it can be."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bedrail.core.errors import Corrupt, Unavailable
from bedrail.core.events import ConsentChanged, decode
from bedrail.core.values import NO_DECISION
from bedrail.decisions.values import Fallback
from bedrail.journeys.delivery import load_candidate
from bedrail.journeys.serving import LATE_SECONDS
from bedrail.models.package import write_package
from bedrail.web.server import Standing
from bedside_house import USE_CASE, Client, SmallHouse, eventually, linear_package, served, small_house, usual


@pytest.fixture
def house(tmp_path: Path) -> SmallHouse:
    """A house of one's own, to break."""
    return small_house(tmp_path)


def becomes(client: Client, guard: str, **changes: Any) -> bool:
    """Whether decisions soon fall back by this guard."""
    return eventually(lambda: client.decide(usual(**changes)).json.get("guard") == guard)


class Broken:
    """A loaded model with one part exchanged."""

    def __init__(self, model: Any, assess: Any) -> None:
        self.package = model.package
        self.encoder = model.encoder
        self.contributions = model.contributions
        self.assess = assess


def breaking(assess: Any):
    """An adjustment that breaks every model that is loaded."""

    def adjust(standing: Standing) -> None:
        load = standing.bedside.serving.load_model
        standing.bedside.serving.load_model = lambda candidate: Broken(load(candidate), assess)

    return adjust


def crash(_: Any) -> Any:
    """Fails with a patient's value in its message."""
    raise RuntimeError("age 67 of Anna is odd")


def test_a_crashing_model_is_a_recorded_fallback_without_its_message(house: SmallHouse):
    """The model's words may hold values, so none of them is repeated."""
    with served(house, breaking(crash)) as client:
        reply = client.decide(usual())
        assert (reply.status, reply.json["guard"], reply.json["message"]) == (200, "model", NO_DECISION)
        assert b"Anna" not in reply.body
        assert house.app.store.decision(reply.json["decision"]).kind == "fell-back"


def test_an_answer_that_is_no_probability_is_not_given(house: SmallHouse):
    """NaN is caught between model and card."""
    from bedrail.models.values import Assessment

    nan = float("nan")
    with served(house, breaking(lambda _: Assessment(nan, nan, nan, nan, (nan, nan), 0.0, False))) as client:
        assert client.decide(usual()).json["guard"] == "model"


def test_a_model_slower_than_its_budget_is_a_fallback(tmp_path: Path):
    """Late is the same as wrong at the bedside."""
    wait = threading.Event()

    def slowly(_: Any) -> Any:
        from bedrail.models.values import Assessment

        wait.wait(0.3)
        return Assessment(0.2, 0.2, 0.1, 0.3, (0.5, 0.5), 0.0, False)

    with served(small_house(tmp_path, budget=100), breaking(slowly)) as client:
        assert client.decide(usual()).json["guard"] == "budget"


def test_a_remote_model_answers_and_its_failures_fall_back(tmp_path: Path):
    """A vendor's probability goes through the same calibration; silence is a fallback within the budget."""
    made = linear_package("vendor", kind="remote", endpoint="http://127.0.0.1:9/score")
    house = small_house(tmp_path, made=made, budget=150)
    mood = {"say": 0.4}
    wait = threading.Event()

    def scorer(values: Any) -> float:
        assert set(values) == {"age", "stay", "sodium", "visits", "insulin", "source"}
        if mood["say"] == "slow":
            wait.wait(0.6)
        if mood["say"] == "out":
            raise Unavailable("no answer")
        return 0.4

    house.app.context.remote = lambda _: scorer
    with served(house) as client:
        answer = client.decide(usual()).json
        assert (answer["kind"], answer["reasons"]) == ("answer", [])
        for say, guard in (("out", "model"), ("slow", "budget")):
            mood["say"] = say
            assert client.decide(usual()).json["guard"] == guard
        mood["say"] = 0.4
        assert client.decide(usual()).json["kind"] == "answer"


def test_a_ledger_that_cannot_write_gives_503_with_the_fallback_and_recovers(house: SmallHouse):
    """No record, no answer; when the disk is back, answers are."""
    with served(house) as client:
        assert client.decide(usual()).json["kind"] == "answer"
        before = house.app.store.head().size
        ledger = house.app.context.ledger
        append, probe = ledger.append, ledger.probe

        def fails(*_: Any) -> Any:
            raise Unavailable("disk full")

        ledger.append, ledger.probe = fails, fails
        reply = client.decide(usual())
        assert (reply.status, reply.json["message"]) == (503, NO_DECISION)
        assert reply.json["fallback_plan"] == "Assess falls by clinical judgement."
        assert not {"risk", "card", "receipt"} & set(reply.json)
        assert client.decide(b"{").status == 503
        assert client.ask("GET", "/readyz").status == 503
        assert house.app.store.head().size == before
        ledger.append, ledger.probe = append, probe
        assert eventually(lambda: client.decide(usual()).status == 200)


def test_swapped_model_bytes_are_refused_and_the_refusal_is_on_record(house: SmallHouse, tmp_path: Path):
    """Loading checks every byte; what is not the approved file answers nothing."""
    folder = house.app.context.artifacts.open_tree(house.candidate)
    file = folder / "model.json"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"0.2", b"0.9"))
    with served(house) as client:
        reply = client.decide(usual()).json
        assert (reply["kind"], reply["guard"], reply["reason"]) == (
            "fallback",
            "model",
            "The stored model is not the approved one.",
        )
        facts = [decode(data).fact for _, data in house.app.store.registry_entries()]
        refused = [fact for fact in facts if type(fact).__name__ == "ArtifactRefused"]
        assert [fact.digest for fact in refused] == [house.candidate]


def test_a_candidate_that_is_not_the_approved_one_is_refused_to_every_reader_and_on_record_once(house: SmallHouse):
    """Pages, exports and lineage read it again and again: each is refused, and the record does not grow with them."""
    folder = house.app.context.artifacts.open_tree(house.candidate)
    file = folder / "model.json"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"0.2", b"0.9"))
    ctx, before = house.app.context, house.app.store.head().size
    for _ in range(3):
        with pytest.raises(Corrupt):
            load_candidate(ctx, house.candidate)
    assert house.app.store.head().size == before + 1
    file.unlink()
    with pytest.raises(Corrupt):
        load_candidate(ctx, house.candidate)
    assert house.app.store.head().size == before + 2


def test_the_bytes_that_were_checked_are_the_bytes_that_answer(house: SmallHouse, tmp_path: Path):
    """Whoever exchanges the files right after they were checked exchanges nothing."""
    write_package(tmp_path / "other", *linear_package("other", seed=3))
    artifacts = house.app.context.artifacts
    read, exchanged = artifacts.read_tree, []

    def then_exchange(digest: str) -> dict[str, bytes]:
        artifacts.read_tree = read
        files = read(digest)
        for path in artifacts.open_tree(digest).iterdir():
            path.chmod(0o644)
            path.write_bytes((tmp_path / "other" / path.name).read_bytes())
            exchanged.append(path.name)
        return files

    artifacts.read_tree = then_exchange
    with served(house) as client:
        assert client.decide(usual()).json["model"]["name"] == "falls-1"
    assert sorted(exchanged) == ["model.json", "package.json"]


def test_what_others_append_is_in_force_on_a_running_server_within_a_second(house: SmallHouse):
    """Halt, stage, approval, scope, share, tokens and terms, without a restart."""
    with served(house) as client:
        assert client.decide(usual()).json["kind"] == "answer"
        house.halt()
        assert becomes(client, "stopped")
        house.deploy(stage="shadow")
        assert eventually(lambda: client.decide(usual()).json["kind"] == "shadow")
        assert not {"risk", "card"} & set(client.decide(usual()).json)
        house.deploy(until="2026-01-01T00:00:00+00:00")
        assert becomes(client, "approval")
        house.deploy(sites=("south",))
        assert becomes(client, "scope")
        house.deploy(share=0)
        assert becomes(client, "scope")
        house.deploy()
        assert eventually(lambda: client.decide(usual()).json["kind"] == "answer")
        token = house.issue()
        assert eventually(lambda: client.decide(usual(), token=token).status == 200)
        house.revoke(token)
        assert eventually(lambda: client.decide(usual(), token=token).status == 401)


def test_another_candidate_takes_over_and_rollback_returns_on_a_running_server(house: SmallHouse, tmp_path: Path):
    """The new model is loaded off the loop; the request waits for it, or falls back, but is never wrong."""
    package, model = linear_package("falls-2", seed=3)
    second = house.admit(package, model, tmp_path / "second")
    with served(house) as client:
        house.deploy(second)
        assert eventually(lambda: client.decide(usual()).json.get("model", {}).get("name") == "falls-2")
        house.deploy()
        assert eventually(lambda: client.decide(usual()).json.get("model", {}).get("name") == "falls-1")


def test_shadow_answers_are_recorded_and_not_for_review(tmp_path: Path):
    """What nobody sees, nobody reviews."""
    house = small_house(tmp_path, deployed=False, width=0.0001)
    house.deploy(stage="shadow")
    with served(house) as client:
        shadow = client.decide(usual()).json
        assert shadow["kind"] == "shadow"
        assert not house.app.store.decision(shadow["decision"]).shown
        assert client.ask("GET", "/api/v1/use-cases/falls-7d/reviews").json == {"reviews": []}


def test_without_a_deployment_there_is_only_the_fallback(tmp_path: Path):
    """A use case without a model answers by its charter's plan."""
    house = small_house(tmp_path, deployed=False)
    with served(house) as client:
        assert client.decide(usual()).json["guard"] == "deployment"


ENDINGS: dict[str, Any] = {
    "stopped": lambda house, _: house.halt(),
    "expired": lambda house, _: house.deploy(until="2026-01-01T00:00:00+00:00"),
    "no longer serves": lambda house, other: house.deploy(other),
    "opted out": lambda house, _: house.append(
        ConsentChanged(
            subject=house.app.context.pseudonyms.pseudonym("patient-77881"), use_case=USE_CASE, opted_out=True
        )
    ),
}


@pytest.mark.parametrize("why", ENDINGS)
def test_a_held_answer_is_not_shown_once_it_could_not_be_given_any_more(tmp_path: Path, why: str):
    """Halted, expired, replaced, or not wanted by the patient: 409, and no reading is on record."""
    house = small_house(tmp_path, width=0.0001)
    package, model = linear_package("falls-2", seed=3)
    other = house.admit(package, model, tmp_path / "second")
    with served(house) as client:
        decision = client.decide(usual()).json["decision"]
        card = f"/api/v1/decisions/{decision}/card"
        assert client.ask("POST", card, {"person": "dr-lee"}).status == 200
        ENDINGS[why](house, other)
        assert eventually(lambda: client.ask("POST", card, {"person": "dr-lee"}).status == 409)
        before = house.app.store.head().size
        refused = client.ask("POST", card, {"person": "dr-lee"})
        assert why in refused.json["detail"]
        assert not {"risk", "card"} & set(refused.json)
        assert house.app.store.head().size == before


class Newer:
    """A tape on which somebody with a newer version wrote last, while `on`."""

    def __init__(self, tape: Any) -> None:
        self.tape = tape
        self.on = False

    def registry_entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        yield from self.tape.registry_entries(start)
        if self.on:
            yield 10**9, b'{"v":99}'


def test_a_fact_that_cannot_be_read_ends_answers_until_the_ledger_can_be_followed(house: SmallHouse):
    """Behind it may stand a halt: fallbacks on record, not ready; and answers again afterwards."""
    tape = Newer(house.app.context.tape)
    with served(house, lambda standing: setattr(standing.bedside.serving, "tape", tape)) as client:
        assert client.decide(usual()).json["kind"] == "answer"
        tape.on = True
        house.deploy(sites=("north",))
        assert becomes(client, "deployment")
        reply = client.decide(usual()).json
        assert (reply["kind"], reply["reason"]) == ("fallback", "The ledger cannot be followed.")
        assert house.app.store.decision(reply["decision"]).guard == "deployment"
        ready = client.ask("GET", "/readyz")
        assert (ready.status, ready.json["for"]) == (503, ["the ledger cannot be followed"])
        tape.on = False
        assert eventually(lambda: client.decide(usual()).json["kind"] == "answer")
        assert eventually(lambda: client.ask("GET", "/readyz").status == 200)


def test_a_server_that_only_was_busy_looks_once_more_before_it_answers(house: SmallHouse):
    """Without a look of its own for longer than allowed, a request looks itself: what it says is current, not false."""
    standing = Standing(house.app)
    serving, times = standing.bedside.serving, [0.0]
    serving.monotonic = lambda: times[0]

    async def guard_of_next() -> str:
        said = await standing.bedside.decide(house.token, USE_CASE, json.dumps(usual()).encode())
        return said.guard if isinstance(said, Fallback) else said.kind

    async def story() -> list[str]:
        await serving.settle()
        said = [await guard_of_next()]
        times[0] += 1.2 * LATE_SECONDS
        said.append(await guard_of_next())
        house.halt()
        times[0] += 1.2 * LATE_SECONDS
        said.append(await guard_of_next())
        await standing.group.close()
        return said

    assert asyncio.run(story()) == ["answer", "answer", "stopped"]
    house.app.store.close()
