"""Simulated power cuts: 0 lost acknowledgements, 0 corrupt databases, no anchor ahead of what is durable.

    python bench/soak_power_cuts.py [--count 10000] [--seconds 0] [--seed 1] [--each 250]

A real process works on a home under strace; each run of it is cut `--each` times at random moments, with random parts
of what was not synced (see `tests/power_cuts.py`). After each cut the home is opened by the real store, every promise
is looked up, ledger, views, records and artifacts are verified, and one more fact is appended. Exit code 1 otherwise.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import power_cuts


def main() -> int:
    """Record, cut, look."""
    asked = options(__doc__, count=10_000, each=250)
    progress = Progress("power cuts", asked.count, asked.seconds)
    wrong: list[str] = []
    seed, calls = asked.seed, 0
    while progress.done < asked.count and not progress.over:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            recorded = power_cuts.record(folder, seed)
            calls += len(recorded)
            many = min(asked.each, asked.count - progress.done)
            for number, said in power_cuts.cuts(recorded, str(folder / "home"), many, seed, folder):
                wrong += [f"seed {seed}, call {number}: {each}" for each in said]
                progress.step()
                if progress.over:
                    break
        seed += 1
    return report(
        "power_cuts",
        not wrong and progress.done > 0,
        cuts=progress.done,
        runs=seed - asked.seed,
        calls=calls,
        wrong_count=len(wrong),
        wrong=wrong[:20],
    )


if __name__ == "__main__":
    raise SystemExit(main())
