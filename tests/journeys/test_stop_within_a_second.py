"""Halt and rollback, said in another process, are in force on a loaded server one second after the command ended."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bedrail.journeys.examination import examine_candidates
from small_home import CASE, Server, approve_both, bedrail, climb, copied, issue, opened, played, request_of, serving

CLIENTS = 8


@dataclass
class Load:
    """Eight clients that ask without a pause until told to stop, and note when each reply came and what it was."""

    server: Server
    requests: list[dict[str, Any]]
    heard: list[tuple[float, str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._ask, args=(start,)) for start in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, at: int) -> None:
        try:
            while not self._over.is_set():
                asked = time.monotonic()
                reply = self.server.decide(self.requests[at % len(self.requests)])
                self.heard.append((asked, reply.get("kind", "?"), reply.get("model", {}).get("candidate", "")))
                at += CLIENTS
        except Exception as error:
            self.wrong.append(repr(error))
        finally:
            self.server.hang_up()

    def until(self, true: Callable[[], bool], seconds: float = 10) -> None:
        """Wait for something under load."""
        end = time.monotonic() + seconds
        while not true() and time.monotonic() < end:
            time.sleep(0.02)
        assert true(), self.wrong

    def asked_after(self, moment: float) -> Counter[tuple[str, str]]:
        """Replies to requests sent after a moment, by kind and candidate."""
        return Counter((kind, candidate) for asked, kind, candidate in self.heard if asked >= moment)

    def last(self, wanted: Callable[[str, str], bool]) -> float:
        """When the last request was sent whose reply was wanted no more."""
        return max((asked for asked, kind, candidate in self.heard if wanted(kind, candidate)), default=0.0)


def loaded(tmp_path_factory: pytest.TempPathFactory, home: Path) -> tuple[str, list[dict[str, Any]]]:
    """A token and four hundred requests."""
    table = pd.read_parquet(played(tmp_path_factory) / "table.parquet").tail(400)
    with opened(home) as app:
        names = app.context.charter(CASE).contract().names
        token = issue(app)
    return token, [request_of(row, names) for _, row in table.iterrows()]


def commanded(load: Load, *words: str) -> float:
    """Run a command in a process of its own; returns the moment at which it had ended."""
    ran = bedrail(*words, home=load_home(load))
    ended = time.monotonic()
    assert ran.code == 0, ran.err
    return ended


def load_home(load: Load) -> Path:
    """The home on which the server stands (its log lies beside it)."""
    return load.server.log.parent / "home"


@pytest.mark.slow
def test_a_halt_stops_every_answer_within_a_second(tmp_path_factory: pytest.TempPathFactory) -> None:
    """From one second after `bedrail halt` ended no request gets an answer, a shadow or a review: only fallbacks."""
    home = copied(tmp_path_factory, "halt")
    token, requests = loaded(tmp_path_factory, home)
    with serving(home, home.parent / "log", token=token) as server, Load(server, requests) as load:
        load.until(lambda: sum(kind == "answer" for _, kind, _ in load.heard) >= 200)
        ended = commanded(load, "--as", "rob", "halt", CASE, "--reason", "drill")
        time.sleep(2.0)
    after = load.asked_after(ended + 1.0)
    late = load.last(lambda kind, _: kind in {"answer", "review", "shadow"}) - ended
    print(
        f"halt: last answer to a request sent {late * 1000:+.0f} ms from the command's end; {len(load.heard)} replies"
    )
    assert not load.wrong
    assert sum(after.values()) >= 50
    assert {kind for kind, _ in after} == {"fallback"}
    with opened(home) as app:
        rows = app.context.views.decisions(CASE, limit=100_000)
        assert len(rows) >= len(load.heard)
        assert {row.guard for row in rows[-50:]} == {"stopped"}


@pytest.mark.slow
def test_a_rollback_changes_who_answers_within_a_second(tmp_path_factory: pytest.TempPathFactory) -> None:
    """From one second after `bedrail rollback` ended every answer is the earlier version's, and answers go on."""
    home = copied(tmp_path_factory, "rollback")
    with opened(home) as app:
        examine_candidates(app.context, "sam", CASE, ["boosted"])
        approve_both(app, "boosted")
        climb(app, "boosted")
        view = app.context.use_case(CASE)
        boosted, baseline = view.candidate("boosted").candidate, view.candidate("baseline").candidate
    token, requests = loaded(tmp_path_factory, home)
    with serving(home, home.parent / "log", token=token) as server, Load(server, requests) as load:
        load.until(lambda: sum(c == boosted for _, _, c in load.heard) >= 200)
        ended = commanded(load, "--as", "rob", "rollback", CASE, "--reason", "drill")
        load.until(lambda: any(k == "answer" for k, _ in load.asked_after(ended + 1.0)))
        time.sleep(1.0)
    after = load.asked_after(ended + 1.0)
    late = load.last(lambda _, candidate: candidate == boosted) - ended
    print(f"rollback: last word of the later version {late * 1000:+.0f} ms from the command's end; {dict(after)}")
    assert not load.wrong
    assert ("answer", baseline) in after
    assert not [pair for pair in after if pair[1] == boosted]
    assert boosted in {candidate for _, _, candidate in load.heard}
