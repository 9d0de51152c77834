"""Kill -9 under load, again and again on one home: no acknowledged fact may be lost, and the ledger must verify.

    python bench/crash.py [--kills 100] [--seed 1] [--longest 0.4] [--json]

A child process appends decisions from 64 asyncio tasks through group commit, and writes one line for each receipt
to a pipe after it was acknowledged. The parent kills it at a random moment, reads what was acknowledged, and checks
that each of these entries stands at its index with its leaf; that the ledger verifies against its anchor; that views
and sealed records are what the facts say. Exit code 1 when anything is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ledger_load import ORIGIN, decision, home

from bedrail.keys import verify_ed25519
from bedrail.ledger import GroupCommit, verify_ledger

WRITERS = 64


async def child(folder: Path, run: int) -> None:
    """Append for ever; one `index leaf` line for each acknowledged fact, in one write each, unbuffered."""
    made = home(folder)
    group = GroupCommit(made.ledger)

    async def write(writer: int) -> None:
        number = 0
        while True:
            number += 1
            receipt = await group.commit(decision(f"{run}-{writer}-{number}", writer * 97 + number, made.vault))
            os.write(1, f"{receipt.index} {receipt.leaf}\n".encode())

    os.write(1, b"ready\n")
    await asyncio.gather(*(write(number) for number in range(WRITERS)))


def kill_once(folder: Path, run: int, after: float) -> dict[int, str]:
    """Start a child, kill it so many seconds after it is ready, and return what it had acknowledged."""
    command = [sys.executable, __file__, "--child", str(folder), str(run)]
    with tempfile.TemporaryFile() as heard, subprocess.Popen(command, stdout=heard) as process:
        deadline = time.monotonic() + 60
        while not heard.seek(0, os.SEEK_END):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the child did not start")
            time.sleep(0.005)
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait()
        heard.seek(0)
        lines = heard.read().decode().split("\n")[1:-1]
    return {int(index): leaf for index, leaf in (line.split() for line in lines)}


def check(folder: Path, acknowledged: dict[int, str]) -> list[str]:
    """What is wrong with the home after a crash; empty when nothing is."""
    made = home(folder)  # opening alone already compares head and anchor
    try:
        leaves = made.store.leaves()
        wrong = [
            f"acknowledged entry {index} is lost"
            for index, leaf in acknowledged.items()
            if index >= len(leaves) or leaves[index].hex() != leaf
        ]
        report = verify_ledger(made.store, made.anchor, ORIGIN, made.signer.public_key, verify_ed25519)
        wrong += [f"{each.kind} {each.where}: {each.what}" for each in report.differences]
        return wrong + made.store.rebuild_differences() + made.store.record_differences()
    finally:
        made.store.close()


def crash(kills: int, seed: int, longest: float) -> dict[str, object]:
    """Kill, check, go on with the same home."""
    moments = random.Random(seed)
    acknowledged: dict[int, str] = {}
    wrong: list[str] = []
    idle = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home(folder).store.close()
        for run in range(kills):
            heard = kill_once(folder, run, moments.uniform(0, longest))
            idle += not heard
            acknowledged |= heard
            wrong += [f"after kill {run}: {each}" for each in check(folder, acknowledged)]
        size = home(folder).store.head().size
    return {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "entries": size,
        "kills_before_the_first_receipt": idle,
        "wrong": wrong,
    }


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        asyncio.run(child(Path(sys.argv[2]), int(sys.argv[3])))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=0.4, help="seconds under load before a kill, at most")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = crash(options.kills, options.seed, options.longest)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print(f"{report['kills']} kills, {report['acknowledged']} acknowledged facts of {report['entries']} entries")
        print("\n".join(report["wrong"]) or "none lost; ledger, views and records verified after every kill")
    return 1 if report["wrong"] or not report["acknowledged"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
