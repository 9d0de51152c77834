"""Random histories of people, candidates, deployments, tokens, emergencies, reviews and findings on real homes.

    python bench/soak_histories.py [--count 10000] [--chosen 2000] [--seconds 0] [--seed 1]

Everybody tries everything in any order, through the journeys that the doors use; an observer that knows only the
written rules reads each fact from the ledger and names every one that should not be there. `--count` histories are
drawn by seed, thirty tries each; in `--chosen` more, Hypothesis chooses the steps and would shrink what it finds. Exit
code 1 when anything is illegal. The same harnesses, in small numbers, are `tests/journeys/test_histories.py` and
`tests/property/test_stages_machine.py`.

Every history is played on a real home: keys, signatures, SQLite, artifacts. The homes lie in memory (/dev/shm) where
there is some, since what a disk loses is the subject of other soaks.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from histories import Scenery, Stage
from stages_machine import machine

A_HOME = 5
"""Histories on most homes: a ledger that grows is read again at every approval."""

LONG = 50
"""Histories on every hundredth home, where people, findings and reviews have a longer past."""

STEPS = 30
BATCH = 250
"""Steps of a history that Hypothesis chooses, and such histories between two looks at the clock."""

MEMORY = Path("/dev/shm")


@dataclass
class Played:
    """What came of all histories."""

    histories: int = 0
    homes: int = 0
    wrong: list[str] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)


def drawn(scenery: Scenery, count: int, seed: int, progress: Progress, played: Played) -> None:
    """Histories by seed, a few on each home."""
    while played.histories < count and not progress.over:
        place = scenery.folder.parent / "played"
        played.homes += 1
        with closing(Stage(scenery, place)) as stage:
            for _ in range(min(LONG if played.homes % 100 == 50 else A_HOME, count - played.histories)):
                stage.history(seed * 1_000_000 + played.histories)
                played.histories += 1
                progress.step()
                if progress.over:
                    break
        shutil.rmtree(place)
        played.wrong += stage.observer.wrong
        played.tried.update(stage.tried)
        played.facts.update(stage.observer.seen)


def chosen(scenery: Scenery, count: int, seed: int, progress: Progress, played: Played) -> None:
    """Histories whose steps Hypothesis chooses, in batches, each on a home of its own."""
    for batch in range(0, count, BATCH):
        if progress.over:
            break
        histories = hypothesis.seed(seed + batch)(machine(scenery))
        asked = min(BATCH, count - batch)
        settings = hypothesis.settings(
            max_examples=asked, stateful_step_count=STEPS, deadline=None, database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        try:
            run_state_machine_as_test(histories, settings=settings)
        except AssertionError as error:
            played.wrong.append("\n".join([str(error), *getattr(error, "__notes__", ())]))
        played.histories += histories.played
        played.homes += histories.played
        played.tried.update(histories.tried)
        played.facts.update(histories.facts)
        progress.step(asked)


def main() -> int:
    """Play them all; one line of JSON."""
    given = options(__doc__, count=10_000, chosen=2_000)
    progress, played = Progress("histories", given.count + given.chosen, given.seconds), Played()
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        scenery = Scenery(Path(folder, "scenery"))
        drawn(scenery, given.count, given.seed, progress, played)
        by_seed = played.histories
        chosen(scenery, given.chosen, given.seed, progress, played)
    tried = sorted(played.tried.items())
    return report(
        "histories", not played.wrong, histories=played.histories, chosen_by_hypothesis=played.histories - by_seed,
        homes=played.homes, illegal=len(played.wrong), first=played.wrong[:5],
        done={name: count for name, count in tried if name.endswith(" done")},
        reached={name.removeprefix("reached "): count for name, count in tried if name.startswith("reached ")},
        refused=sum(count for name, count in tried if name.endswith(" refused")), facts=sum(played.facts.values()),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
