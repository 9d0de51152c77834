"""Append before answer: what was acknowledged survives kill -9 under load, on either store."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from bedrail.core.events import OutcomeObserved
from bedrail.journeys.context import SYSTEM
from postgres_server import own_server
from small_home import CASE, copied, opened, played

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from soak_nemesis import Act, History, haunt, prepared
from soaking import Progress


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(
    store: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Kills of the server, of PostgreSQL and of its backends; decisions, responses, outcomes; verified each time."""
    with ExitStack() as stack:
        database = stack.enter_context(own_server()) if store == "postgres" else None
        stage = prepared(played(tmp_path_factory), tmp_path, database)
        told = haunt(stage, Progress(store, 6), seed=3, rotate=3)
    assert told["wrong"] == []
    assert (told["kills"], told["lost"], told["duplicates"]) == (6, 0, 0)
    assert told["right"], told
    if database is not None:
        assert set(told["killed"]) == {"server", "database", "backend"}


def test_the_checker_finds_what_is_lost_doubled_or_promised_wrongly(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Receipts that the ledger does not bear out, one kind of lie at a time; and one thing written twice."""
    home = copied(tmp_path_factory, "checked")
    history = History(home)
    assert history.check([]) == (0, 0, [])
    sent = _observed(home)
    assert _found(history, sent) == (0, 0, [])
    assert sent.receipt is not None
    short = sent.receipt | {"size": sent.receipt["size"] - 1}
    assert "no prefix" in _found(history, Act("outcome", sent.decision, short))[2][0]
    for lie in ({"index": sent.receipt["index"] - 1}, {"leaf": "00" * 32}):
        lost, _, wrong = _found(history, Act("outcome", sent.decision, sent.receipt | lie))
        assert lost == 1
        assert "is not at index" in wrong[0]
    assert _found(history, Act("outcome", "01ABSENT", sent.receipt))[0] == 1
    _observed(home)
    assert _found(history, Act("outcome", sent.decision))[1] == 1
    fresh = History(home)
    fresh.check([])
    _observed(home, "unasked")
    assert "1 outcomes stand in the ledger, 0 were asked for" in fresh.check([])[2]


def _found(history: History, act: Act) -> tuple[int, int, list[str]]:
    """What the checker says, but for the replay's remark that these outcomes have no decision."""
    lost, doubled, wrong = history.check([act])
    return lost, doubled, [each for each in wrong if not each.startswith("replay ")]


def _observed(home: Path, decision: str = "01M80J5CD9JJ5YPBQ2EB0F432V") -> Act:
    fact = OutcomeObserved(decision=decision, use_case=CASE, subject="0" * 32, record="")
    with opened(home) as app:
        receipt = app.context.append(SYSTEM, "monitoring", fact)[0]
    return Act("outcome", decision, msgspec.to_builtins(receipt))
