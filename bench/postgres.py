"""Group commit on PostgreSQL against one commit per record, and beside SQLite: 64 writers, alternating rounds.

    python bench/postgres.py [--rounds 5] [--records 12800] [--single 640] [--address postgresql://...] [--json]

The same drafts, ledger and measures as `group_commit.py`; the database is a throw-away server with fsync and
synchronous_commit on, on the same disk, unless `--address` names another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from group_commit import OneByOne, _run
from ledger_load import ORIGIN, decision, fdatasync_p50, home

from bedrail.core.ports import Draft
from bedrail.keys import KeyFolder
from bedrail.ledger import GroupCommit, Ledger
from bedrail.stores import FileAnchor, PostgresStore

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

WARM = 3200


async def measure(
    folder: Path, address: str, rounds: int, records: int, single: int
) -> list[dict[str, dict[str, float]]]:
    """Alternating rounds: one by one and grouped on PostgreSQL, grouped on SQLite."""
    embedded = home(folder)
    keys = KeyFolder(folder / "keys").open()
    store = PostgresStore(address)
    vault = keys.vault(load=store.newest_key)
    ledger = Ledger(store, keys.signer("ledger"), ORIGIN, FileAnchor(folder / "postgres-anchor"))
    sides = {
        "postgres-single": (OneByOne(ledger), vault, single),
        "postgres-group": (GroupCommit(ledger), vault, records),
        "sqlite-group": (GroupCommit(embedded.ledger), embedded.vault, records),
    }
    number = 0

    def drafts(count: int, sealing: object) -> list[Draft]:
        nonlocal number
        number += count
        return [decision(each, each, sealing) for each in range(number - count, number)]  # type: ignore[arg-type]

    for name in ("postgres-group", "sqlite-group"):
        await _run(sides[name][0], drafts(WARM, sides[name][1]))
    results = []
    for _ in range(rounds):
        results.append({name: await _run(side, drafts(count, vault)) for name, (side, vault, count) in sides.items()})
    for side, _, _ in sides.values():
        if isinstance(side, GroupCommit):
            await side.close()
    assert store.head().size == WARM + rounds * (records + single)
    store.close()
    embedded.store.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=12_800)
    parser.add_argument("--single", type=int, default=640)
    parser.add_argument("--address", default="", help="an empty database or schema of a server of one's own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from postgres_server import own_server

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = options.address or stack.enter_context(own_server(shared_buffers="256MB")).address()
        sync = fdatasync_p50(folder)
        rounds = asyncio.run(measure(folder, address, options.rounds, options.records, options.single))
    medians = {
        name: {key: statistics.median(each[name][key] for each in rounds) for key in rounds[0][name]}
        for name in rounds[0]
    }
    ratios = [each["postgres-group"]["records_per_s"] / each["postgres-single"]["records_per_s"] for each in rounds]
    if options.json:
        print(
            json.dumps(
                {"load": os.getloadavg()[0], "fdatasync_p50_us": sync * 1e6, "medians": medians, "ratios": ratios}
            )
        )
        return
    print(f"load {os.getloadavg()[0]:.1f}, raw fdatasync p50 {sync * 1e6:.0f} us; medians of {len(rounds)} rounds")
    for name, values in medians.items():
        print(
            f"  {name:15} {values['records_per_s']:9.0f} records/s  {values['cpu_us_per_record']:6.1f} CPU us/record"
            f" (this process)  ack p50 {values['p50_ms']:7.2f} ms  p99 {values['p99_ms']:7.2f} ms"
        )
    print(f"group / single on PostgreSQL: {statistics.median(ratios):.1f}x")


if __name__ == "__main__":
    main()
