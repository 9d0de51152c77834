"""Random histories of people, candidates, deployments, tokens, emergencies, reviews and findings on real homes.

    python bench/soak_histories.py [--count 10000] [--seconds 0] [--seed 1]

Everybody tries everything in any order, through the journeys that the doors use; an observer that knows only the
written rules reads each fact from the ledger and names every one that should not be there. Exit code 1 otherwise. The
same harness, in small numbers, is `tests/journeys/test_histories.py`.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from histories import Stage

A_HOME = 50
"""Histories on one home; then a fresh one, since a ledger that grows is read again at every approval."""


def main() -> int:
    """Play them all; one line of JSON."""
    given = options(__doc__, count=10_000)
    progress = Progress("histories", given.count, given.seconds)
    wrong: list[str] = []
    tried, facts = Counter[str](), Counter[str]()
    while progress.done < given.count and not progress.over:
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(Path(folder))
            try:
                for _ in range(min(A_HOME, given.count - progress.done)):
                    stage.history(given.seed * 1_000_000 + progress.done)
                    progress.step()
                    if progress.over:
                        break
            finally:
                stage.close()
            wrong += stage.observer.wrong
            tried.update(stage.tried)
            facts.update(stage.observer.seen)
    done = {name: count for name, count in sorted(tried.items()) if name.endswith(" done")}
    refused = sum(count for name, count in tried.items() if name.endswith(" refused"))
    return report(
        "histories", not wrong, histories=progress.done, illegal=len(wrong), first=wrong[:5], done=done,
        refused=refused, facts=sum(facts.values()),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
