"""Group commit against one commit per record: 64 asyncio writers on SQLite, alternating rounds of one run.

    python bench/group_commit.py [--rounds 5] [--records 12800] [--single 640] [--json]

Both sides append the same decisions with sealed records, Merkle leaves, views and a signed checkpoint in every
commit; "single" is the same ledger with one draft in a commit. Reports records per second by wall and by CPU, the
ack latency, the ratio per round with its median, and the raw fdatasync median of the same disk before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from ledger_load import decision, fdatasync_p50, home

from bedrail.core.ports import Draft
from bedrail.ledger import GroupCommit, Ledger, Receipt

WRITERS = 64


class OneByOne:
    """The same 64 tasks taking turns at a worker thread that commits each record by itself."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turn = asyncio.Lock()

    async def commit(self, draft: Draft) -> Receipt:
        async with self._turn:
            return (await asyncio.to_thread(self._ledger.append, (draft,)))[0]


async def _run(ledger: GroupCommit | OneByOne, drafts: list[Draft]) -> dict[str, float]:
    latencies: list[float] = []
    left = iter(drafts)

    async def write() -> None:
        for draft in left:
            start = time.perf_counter()
            await ledger.commit(draft)
            latencies.append(time.perf_counter() - start)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    latencies.sort()
    count = len(drafts)
    return {
        "records_per_s": count / wall,
        "cpu_us_per_record": cpu / count * 1e6,
        "p50_ms": latencies[count // 2] * 1e3,
        "p99_ms": latencies[int(count * 0.99)] * 1e3,
    }


async def measure(folder: Path, rounds: int, records: int, single: int) -> list[dict[str, dict[str, float]]]:
    """Alternating rounds; drafts are sealed beforehand, so that only the ledger is measured."""
    made = home(folder)
    group, one = GroupCommit(made.ledger), OneByOne(made.ledger)
    number = 0

    def drafts(count: int) -> list[Draft]:
        nonlocal number
        number += count
        return [decision(each, each, made.vault) for each in range(number - count, number)]

    await _run(group, drafts(6400))  # every subject's key is stored and statements are prepared
    results = []
    for _ in range(rounds):
        results.append({"single": await _run(one, drafts(single)), "group": await _run(group, drafts(records))})
    await group.close()
    sizes = made.store.head().size
    assert sizes == number, (sizes, number)
    made.store.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=12_800)
    parser.add_argument("--single", type=int, default=640)
    parser.add_argument("--folder", default=None, help="on the disk to be measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        before = fdatasync_p50(folder)
        rounds = asyncio.run(measure(folder, options.rounds, options.records, options.single))
        after = fdatasync_p50(folder)
    ratios = [each["group"]["records_per_s"] / each["single"]["records_per_s"] for each in rounds]
    report = {
        "load": os.getloadavg()[0],
        "raw_fdatasync_p50_us": [before * 1e6, after * 1e6],
        "rounds": rounds,
        "ratio_median": statistics.median(ratios),
        "ratios": ratios,
        "group_cpu_us_per_record": statistics.median(each["group"]["cpu_us_per_record"] for each in rounds),
    }
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(f"load {report['load']:.1f}, raw fdatasync p50 {before * 1e6:.0f} us before, {after * 1e6:.0f} us after")
    for each in rounds:
        for side in ("single", "group"):
            values = each[side]
            print(
                f"  {side:6} {values['records_per_s']:9.0f} records/s  {values['cpu_us_per_record']:6.1f} CPU us/record"
                f"  ack p50 {values['p50_ms']:7.2f} ms  p99 {values['p99_ms']:7.2f} ms"
            )
    print(f"group / single: {report['ratio_median']:.1f}x (median of {len(ratios)} rounds; target 15x)")


if __name__ == "__main__":
    main()
