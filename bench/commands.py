"""Seconds that quick commands take, each a process of its own, on a home with a long ledger; and of importing the app.

    python bench/commands.py [--entries 100000] [--times 7] [--source src] [--json]

Wall clock and processor seconds of the middle run, from starting Python to its end. `--source` measures another copy
of the sources on the same home.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ledger_load import decision

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bedrail.core.ports import Draft
from bedrail.governance.policy import default_policy_text
from bedrail.journeys.upkeep import adopt_policy
from bedside_house import USE_CASE, small_house

SOURCE = Path(__file__).resolve().parents[1] / "src"
TARGET_S = 1.0
"""For the evidence pack of one decision."""


def long_home(folder: Path, entries: int) -> tuple[Path, str]:
    """A home of people, policy, candidate and so many decisions; with the id of one in the middle."""
    app = small_house(folder).app
    vault = app.context.vault
    try:
        adopt_policy(app.context, "dr-adams", default_policy_text())
        for start in range(0, entries, 1_000):
            drafts = [decision(number, number, vault) for number in range(start, min(start + 1_000, entries))]
            app.context.ledger.append([Draft(entry=each.entry, data=each.data) for each in drafts])
    finally:
        app.close()
    return folder / "home", f"{entries // 2:0>26}"


def measured(arguments: list[str], source: Path, times: int, bytecode: Path, clear: Path) -> dict[str, float]:
    """The middle of so many runs; the folder `clear` is gone before each."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as where it is installed: sources are compiled once
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    taken = []
    for _ in range(times + 1):
        shutil.rmtree(clear, ignore_errors=True)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode > 1:  # a gate that is closed is an answer
            raise SystemExit(f"{arguments} failed")
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    taken = taken[1:]  # the first writes the byte code
    walls, processor = sorted(each[0] for each in taken), sorted(each[1] for each in taken)
    return {"wall_s": round(walls[times // 2], 3), "cpu_s": round(processor[times // 2], 3)}


def main() -> None:
    """Measure them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--source", type=Path, default=SOURCE)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, Any] = {"load": round(os.getloadavg()[0], 1), "entries": options.entries}
    with tempfile.TemporaryDirectory() as folder:
        home, which = long_home(Path(folder), options.entries)
        pack = Path(folder, "pack")
        command = ["-m", "bedrail", "--home", str(home), "--as", "auditor"]
        runs: dict[str, list[str]] = {
            "python": ["-c", "pass"],
            "import bedrail.app": ["-c", "import bedrail.app"],
            "status": [*command, "status"],
            "gate": [*command[:-1], "dr-lee", "gate", USE_CASE, "--to", "shadow"],
            "ledger pack": [*command, "ledger", "pack", which, "--out", str(pack)],
        }
        for name, arguments in runs.items():
            figures[name] = measured(arguments, options.source.resolve(), options.times, Path(folder, "bytecode"), pack)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"load {figures['load']}; {options.entries:,} entries; an evidence pack is to take under {TARGET_S:g} s")
    for name in runs:
        print(f"{name:20s} {figures[name]['wall_s']:.2f} s, of them processor {figures[name]['cpu_s']:.2f} s")


if __name__ == "__main__":
    main()
