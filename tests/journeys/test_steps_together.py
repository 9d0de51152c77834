"""Requests in hand take each step together, share one commit, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bedrail.decisions.values import Answer, Fallback
from bedrail.journeys.bedside import NotUnderstood
from bedrail.web.server import Standing
from bedside_house import USE_CASE, SmallHouse, small_house, usual

MANY = 5


class Noting:
    """Something whose named method says what it is before it does its work; all else is as it was."""

    def __init__(self, real: Any, method: str, said: Callable[[Any], None]) -> None:
        self._real, self._method, self._said = real, method, said

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name != self._method:
            return found

        def noted(*args: Any, **named: Any) -> Any:
            self._said(args)
            return found(*args, **named)

        return noted


def _play(house: SmallHouse, bodies: list[bytes], while_scoring: Callable[[], None] = lambda: None) -> Any:
    """The replies, the order in which things were done, and how many stand in line afterwards."""
    done: list[str] = []

    def scored(_: Any) -> None:
        done.append("score")
        while_scoring()
        standing.bedside.serving.refresh()

    async def play() -> list[Any]:
        await bedside.serving.settle()
        place = bedside.serving.ready(house.candidate)
        place.model = Noting(place.model, "assess", scored)  # type: ignore[assignment]
        bedside.vault = Noting(bedside.vault, "seal", lambda _: done.append("seal"))  # type: ignore[assignment]
        ledger = standing.group._ledger
        standing.group._ledger = Noting(ledger, "append", lambda args: done.append(f"commit {len(args[0])}"))  # type: ignore[assignment]
        replies = await asyncio.gather(*(bedside.decide(house.token, USE_CASE, body) for body in bodies))
        await standing.group.close()
        return list(replies)

    standing = Standing(house.app)
    bedside = standing.bedside
    replies = asyncio.run(play())
    assert bedside.coming() == 0
    house.app.close()
    return replies, done


def test_each_step_is_done_for_all_in_hand_before_the_next(tmp_path: Path) -> None:
    """All are scored, then all are sealed, then one commit makes them durable; an unreadable one is among them."""
    bodies = [msgspec.json.encode(usual(encounter=f"e{number}")) for number in range(MANY)]
    replies, done = _play(small_house(tmp_path), [*bodies[:3], b'{"subject": 7}', *bodies[3:]])
    assert [type(each) for each in replies] == [Answer] * 3 + [NotUnderstood] + [Answer] * 2
    assert done == ["score"] * MANY + ["seal"] * MANY + [f"commit {MANY + 1}"]


def test_a_halt_that_falls_between_two_steps_takes_back_every_answer(tmp_path: Path) -> None:
    """Those already scored and those not yet: whatever was in hand ends in the fallback, on record."""
    house = small_house(tmp_path)
    halted: list[bool] = []

    def halt_once() -> None:
        if not halted:
            halted.append(True)
            house.halt()

    bodies = [msgspec.json.encode(usual(encounter=f"e{number}")) for number in range(MANY)]
    replies, done = _play(house, bodies, halt_once)
    assert [type(each) for each in replies] == [Fallback] * MANY
    assert {each.guard for each in replies} == {"stopped"}
    assert "score" in done


def test_a_lone_request_is_answered_alone(tmp_path: Path) -> None:
    """Nobody waits for company that is not there."""
    replies, done = _play(small_house(tmp_path), [msgspec.json.encode(usual())])
    assert [type(each) for each in replies] == [Answer]
    assert done == ["score", "seal", "commit 1"]
