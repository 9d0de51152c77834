"""A hundred at once: whoever approves one thing, however many times and from wherever, approves it once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from bedrail.core.errors import Refused
from bedrail.core.events import Approved, decode
from bedrail.journeys.delivery import approve
from small_home import CASE, copied, environment, opened

THREADS, PROCESSES, EACH = 12, 2, 44

WORKER = """
import sys
from pathlib import Path
from bedrail.app import open_home
from bedrail.core.errors import Refused
from bedrail.journeys.delivery import approve
app = open_home(Path(sys.argv[1]))
done = 0
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    try:
        approve(app.context, "dr-adams", "readmission-30d", role="clinical-lead", stage="general", candidate="spare")
        done += 1
    except Refused as refused:
        assert "already" in refused.message, refused
app.close()
print(done, flush=True)
"""


def approvals(home: Path, candidate: str) -> list[Approved]:
    """Every approval of the candidate on record."""
    with opened(home) as app:
        facts = [decode(data).fact for _, data in app.context.tape.entries()]
    return [fact for fact in facts if isinstance(fact, Approved) and fact.candidate == candidate]


@pytest.mark.slow
def test_a_hundred_concurrent_approvals_of_one_thing_have_one_effect(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Twelve threads and two more processes, each with the home opened for itself; one fact, and 99 refusals."""
    home = copied(tmp_path_factory, "many")
    with opened(home) as app:
        spare = app.context.use_case(CASE).candidate("spare").candidate
    assert approvals(home, spare) == []
    start, told = threading.Event(), Counter[str]()

    def once() -> None:
        with opened(home) as mine:
            start.wait(60)
            try:
                approve(mine.context, "dr-adams", CASE, role="clinical-lead", stage="general", candidate="spare")
                told["approved"] += 1
            except Refused as refused:
                told["already" if "already" in refused.message else refused.message] += 1

    threads = [threading.Thread(target=once) for _ in range(THREADS)]
    command = [sys.executable, "-c", WORKER, str(home), str(EACH)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        for _ in range(PROCESSES)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline().strip() == "ready"
        for thread in threads:
            thread.start()
        start.set()
        counts = [int(worker.communicate("go\n", timeout=120)[0]) for worker in workers]
        for thread in threads:
            thread.join(120)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert sum(told.values()) == THREADS
    assert set(told) <= {"approved", "already"}
    assert told["approved"] + sum(counts) == 1
    assert THREADS + PROCESSES * EACH == 100
    assert len(approvals(home, spare)) == 1
