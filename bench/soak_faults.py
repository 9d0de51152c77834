"""Every kind of failure against every endpoint of the bedside, again and again, with the time that each reply took.

    python bench/soak_faults.py [--count 10] [--seconds 0] [--only WORD]

`--count` rounds over the whole table of `tests/fault_kinds.py`, at most `--seconds` if not 0. Exit code 1 when a reply
is not what the table says, a score has no ledger entry, or a reply took longer than its time.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from soaking import Progress, options, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fault_kinds import FAULTS
from fault_matrix import BUDGET_MS, examine

DECISION_SECONDS = BUDGET_MS / 1000 + 0.25 + 0.35
"""Budget, record, and a third of a second for two busy cores, on which client and server run together."""

FOLLOW_UP_SECONDS = 2.0 + 0.35


def main() -> int:
    """Run the rounds."""
    asked = options(__doc__, count=10, only="")
    chosen = [fault for fault in FAULTS if asked.only in fault.name]
    progress = Progress("faults", asked.count * len(chosen), asked.seconds)
    wrong: list[str] = []
    late: list[str] = []
    slowest, replies = 0.0, 0
    for _ in range(asked.count):
        for fault in chosen:
            if progress.over:
                break
            with tempfile.TemporaryDirectory() as folder:
                for seen in examine(fault, Path(folder)):
                    replies += 1
                    if seen.wrong:
                        wrong.append(f"{seen.fault} / {seen.endpoint}: {seen.wrong}")
                    if seen.endpoint == "decisions" and not fault.during:
                        slowest = max(slowest, seen.seconds)
                    if seen.seconds > (DECISION_SECONDS if seen.endpoint == "decisions" else FOLLOW_UP_SECONDS):
                        late.append(f"{seen.fault} / {seen.endpoint}: {seen.seconds:.2f} s")
            progress.step()
    return report(
        "faults",
        not wrong and not late and replies > 0,
        kinds=len(chosen),
        injected=progress.done,
        replies=replies,
        slowest_decision_ms=round(slowest * 1000),
        wrong=wrong[:20],
        late=late[:20],
    )


if __name__ == "__main__":
    raise SystemExit(main())
