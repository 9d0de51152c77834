"""Every benchmark in turn, each in a process of its own, so that one may fail and the others still speak.

make bench                                   # all, about an hour on 2 cores
.venv/bin/python bench/run.py --only serving,tree_shap
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHES: dict[str, tuple[str, ...]] = {
    "tree_shap": (),
    "models_hot_path": (),
    "group_commit": ("--rounds", "5"),
    "postgres": ("--rounds", "5"),
    "verify_ledger": ("--records", "200000"),
    "proofs": ("--entries", "1000000"),
    "soak_nemesis": ("--count", "100"),
    "serving": ("--rounds", "5"),
    "drift": (),
    "fairness_bootstrap": (),
    "examine": (),
    "examine_scale": (),
    "fairness_power": ("--audits", "400", "--curves"),
    "alarm_budget": (),
}
"""Script and arguments, the quick ones first."""


def main() -> None:
    """Run what was asked for, print a line each, and exit 1 when one missed its target or failed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", default="", help="Comma-separated names.")
    wanted = [name for name in options.parse_args().only.split(",") if name] or list(BENCHES)
    (HERE / "out").mkdir(exist_ok=True)
    missed = []
    for name in wanted:
        start = time.monotonic()
        with (HERE / "out" / f"{name}.log").open("w") as log:
            command = [sys.executable, str(HERE / f"{name}.py"), *BENCHES[name]]
            done = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
            )
        load = os.getloadavg()[0]
        print(
            f"{name}: exit {done.returncode}, {time.monotonic() - start:.0f} s, load {load:.1f}, see out/{name}.log",
            flush=True,
        )
        if done.returncode:
            missed.append(name)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
