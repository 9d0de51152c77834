"""Random histories of people, candidates, deployments, tokens, emergencies, reviews and findings on real homes.

    python bench/soak_histories.py [--count 10000] [--seconds 0] [--seed 1]

Everybody tries everything in any order, through the journeys that the doors use; an observer that knows only the
written rules reads each fact from the ledger and names every one that should not be there. Exit code 1 otherwise. The
same harness, in small numbers, is `tests/journeys/test_histories.py`; `tests/property/test_stages_machine.py` lets
Hypothesis choose the steps.

Every history is played on a real home: keys, signatures, SQLite, artifacts. The homes lie in memory (/dev/shm) where
there is some, since what a disk loses is the subject of other soaks.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from histories import Scenery, Stage

A_HOME = 5
"""Histories on most homes: a ledger that grows is read again at every approval."""

LONG = 50
"""Histories on every hundredth home, where people, findings and reviews have a longer past."""

MEMORY = Path("/dev/shm")


def main() -> int:
    """Play them all; one line of JSON."""
    given = options(__doc__, count=10_000)
    progress = Progress("histories", given.count, given.seconds)
    wrong: list[str] = []
    tried, facts, homes = Counter[str](), Counter[str](), 0
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        scenery = Scenery(Path(folder, "scenery"))
        while progress.done < given.count and not progress.over:
            place = Path(folder, "played")
            stage = Stage(scenery, place)
            homes += 1
            try:
                for _ in range(min(LONG if homes % 100 == 50 else A_HOME, given.count - progress.done)):
                    stage.history(given.seed * 1_000_000 + progress.done)
                    progress.step()
                    if progress.over:
                        break
            finally:
                stage.close()
            shutil.rmtree(place)
            wrong += stage.observer.wrong
            tried.update(stage.tried)
            facts.update(stage.observer.seen)
    done = {name: count for name, count in sorted(tried.items()) if name.endswith(" done")}
    refused = sum(count for name, count in tried.items() if name.endswith(" refused"))
    return report(
        "histories", not wrong, histories=progress.done, homes=homes, illegal=len(wrong), first=wrong[:5], done=done,
        refused=refused, facts=sum(facts.values()),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
