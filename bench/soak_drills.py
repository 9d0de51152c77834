"""Drills of the kill switch on a busy node of two workers: the database well, or held by somebody; or a bare file.

    python bench/soak_drills.py [--count 100] [--seconds 0] [--seed 1]

Two real servers on one home answer without a pause. Each drill stops them in one of four ways (`halt CASE`, `halt
--all`, `halt` while another process holds the database, `touch HOME/stops/all` while it is held); every tenth one ends
and restarts a worker while the stop stands. A request sent later than a second after the command ended must get no
answer, and the halt must come on record. Exit code 1 otherwise.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bedrail.core.events import DeploymentHalted, PersonAdded, decode
from bedside_house import USE_CASE, SmallHouse, eventually, small_house, usual
from small_home import Server, bedrail, serving

WAYS = ("halt", "halt --all", "halt, database held", "touch, database held")
GRACE = 1.0
SHOWN = {"answer", "review", "shadow"}


class Asking:
    """Clients of every worker that ask without a pause, and note when each answer's request was sent."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers, self.last, self.asked, self.failed = servers, 0.0, Counter[str](), 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(2 * len(servers))]

    def __enter__(self) -> Asking:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, number: int) -> None:
        while not self._over.is_set():
            server = self.servers[number % len(self.servers)]
            sent = time.monotonic()
            try:
                kind = server.decide(usual(subject=f"patient-{number}")).get("kind", "?")
            except Exception:  # a worker that is being restarted
                self.failed += 1
                time.sleep(0.05)
                continue
            self.asked[kind] += 1
            if kind in SHOWN:
                self.last = max(self.last, sent)


@contextmanager
def held(path: Path, yes: bool) -> Iterator[None]:
    """Another process' hand on the database."""
    if not yes:
        yield
        return
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA busy_timeout = 5000")
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def halted(house: SmallHouse) -> int:
    """How many halts are on record."""
    return sum(isinstance(decode(data).fact, DeploymentHalted) for _, data in house.app.store.registry_entries())


def stop(house: SmallHouse, way: str) -> str:
    """One act of one person; what went wrong, if anything."""
    if way.startswith("touch"):
        (house.app.home / "stops").mkdir(exist_ok=True)
        (house.app.home / "stops" / "all").touch()
        return ""
    target = "--all" if "--all" in way else USE_CASE
    ran = bedrail("--as", "rob", "halt", target, "--reason", "drill", home=house.app.home)
    return ran.err if ran.code else ""


def drill(house: SmallHouse, asking: Asking, way: str, restart: ExitStack | None) -> tuple[float, list[str]]:
    """Seconds from the end of the act to the last request that still got an answer, and what was wrong."""
    before, wrong = halted(house), []
    with held(house.app.store.path, "held" in way):
        said = stop(house, way)
        ended = time.monotonic()
        if said:
            wrong.append(said)
        time.sleep(GRACE + 0.5)
    if restart is not None:
        restart.close()
    if not eventually(lambda: halted(house) > before and not list((house.app.home / "stops").glob("[!.]*")), 15):
        wrong.append("not on record")
    time.sleep(0.2)
    late = asking.last - ended
    if late > GRACE:
        wrong.append(f"an answer to a request sent {late:.2f} s after")
    return late, wrong


def main() -> int:
    """Run the drills."""
    asked = options(__doc__, count=100)
    chance, progress = random.Random(asked.seed), Progress("drills", asked.count, asked.seconds)
    wrong: list[str] = []
    late: list[float] = []
    ways: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        house = small_house(folder)
        house.append(PersonAdded(person="rob", name="Rob", roles=("release-engineer",)))
        house.open_case(USE_CASE, budget=5000)

        def worker(number: int) -> tuple[Server, ExitStack]:
            own = ExitStack()
            stack.callback(own.close)
            log = folder / f"log-{number}"
            return own.enter_context(serving(house.app.home, log, token=house.token, use_case=USE_CASE)), own

        workers = [worker(number) for number in range(2)]
        with Asking([server for server, _ in workers]) as asking:
            while progress.done < asked.count and not progress.over:
                house.deploy()
                marks = asking.asked["answer"]
                if not eventually(lambda m=marks: asking.asked["answer"] > m + 10, 20):
                    wrong.append("no answers before the drill")
                way = chance.choice(WAYS)
                ways[way] += 1
                restarting = progress.done % 10 == 9
                seconds, said = drill(house, asking, way, workers[1][1] if restarting else None)
                if restarting:
                    workers[1] = worker(1)
                    asking.servers[1] = workers[1][0]
                late.append(seconds)
                wrong += [f"drill {progress.done}, {way}: {each}" for each in said]
                progress.step()
        house.app.close()
    figures = {"drills": progress.done, "ways": dict(ways), "latest_answer_ms": round(max(late, default=0) * 1000)}
    return report("drills", not wrong and progress.done > 0, **figures, replies=dict(asking.asked), wrong=wrong[:20])


if __name__ == "__main__":
    raise SystemExit(main())
