"""Verification speed: records a CPU second of `verify_ledger`, records a second on all cores (`--jobs`), and the slower
comparison of views and records.

python bench/verify_ledger.py [--records 1000000] [--batch 64] [--times 5] [--jobs CORES] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ledger_load import ORIGIN, decision, home

from bedrail.keys import verify_ed25519
from bedrail.ledger import verify_ledger
from bedrail.ledger.hashing import Parallel
from bedrail.stores.sqlite import SqliteStore


def _taken(clock: Callable[[], float], work: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        start = clock()
        work()
        taken.append(clock() - start)
    return sorted(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = home(Path(name))
        for start in range(0, options.records, options.batch):
            stop = min(start + options.batch, options.records)
            made.ledger.append([decision(number, number, made.vault) for number in range(start, stop)])
        made.ledger.close()

        def verify() -> None:
            report = verify_ledger(made.store, made.anchor, ORIGIN, made.signer.public_key, verify_ed25519)
            assert report.ok, report
            assert report.size == options.records

        def views() -> None:
            assert made.store.rebuild_differences() == []

        def records() -> None:
            assert made.store.record_differences() == []

        parallel = Parallel(partial(SqliteStore, made.store.path), options.jobs)

        def together() -> None:
            made_by = (made.store, made.anchor, ORIGIN, made.signer.public_key, verify_ed25519)
            assert verify_ledger(*made_by, parallel=parallel).ok

        wall = _taken(time.perf_counter, together, options.times)
        verified = _taken(time.process_time, verify, options.times)
        rebuilt, hashed = _taken(time.process_time, views, 1), _taken(time.process_time, records, 1)
        report = {
            "load": os.getloadavg()[0],
            "records": options.records,
            "checkpoints": sum(1 for _ in made.store.checkpoints()),
            "records_per_cpu_s_median": options.records / verified[len(verified) // 2],
            "jobs": options.jobs,
            "records_per_s_on_jobs_median": options.records / wall[len(wall) // 2],
            "records_per_cpu_s_best": options.records / verified[0],
            "view_rebuild_records_per_cpu_s": options.records / rebuilt[0],
            "sealed_record_hashing_records_per_cpu_s": options.records / hashed[0],
        }
        made.store.close()
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(f"load {report['load']:.1f}; {report['records']} records, {report['checkpoints']} kept checkpoints")
    print(f"verify_ledger    {report['records_per_cpu_s_median']:9.0f} records per CPU second (target 200000)")
    together = report["records_per_s_on_jobs_median"]
    print(f"on {report['jobs']} processes   {together:9.0f} records a second (target 200000)")
    print(f"view rebuild     {report['view_rebuild_records_per_cpu_s']:9.0f}")
    print(f"sealed records   {report['sealed_record_hashing_records_per_cpu_s']:9.0f}")


if __name__ == "__main__":
    main()
