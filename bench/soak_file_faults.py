"""A fault (EIO, ENOSPC, EINTR, kill) at every file call of append and publish: 0 inconsistent states.

    python bench/soak_file_faults.py [--count 0] [--seconds 0] [--seed 1]

`--count` takes so many of them at random (0: every one). After each: the home opens and verifies, no promise is broken,
nothing is half-visible, and later appends work, in the struck process and in the next. Exit code 1 otherwise.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import file_faults


def main() -> int:
    """Strike, look."""
    asked = options(__doc__, count=0)
    wrong: list[str] = []
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ready = file_faults.prepared(folder)
        strikes = list(file_faults.every(folder))
        found = len(strikes)
        if asked.count:
            strikes = random.Random(asked.seed).sample(strikes, min(asked.count, found))
        progress = Progress("file faults", len(strikes), asked.seconds)
        for call, number, fault in strikes:
            if progress.over:
                break
            kinds[fault] += 1
            wrong += [
                f"{fault} at {call} {number}: {each}" for each in file_faults.struck(folder, ready, call, number, fault)
            ]
            progress.step()
    return report(
        "file_faults",
        not wrong and progress.done > 0,
        places=found,
        strikes=progress.done,
        kinds=dict(kinds),
        wrong_count=len(wrong),
        wrong=wrong[:30],
    )


if __name__ == "__main__":
    raise SystemExit(main())
