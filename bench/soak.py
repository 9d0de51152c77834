"""Every proof that is too long for the tests, one after another; results in bench/soak_results.json and as a table.

    python bench/soak.py [--only NAME,NAME] [--quick] [--resume]

Runs each `bench/soak_*.py` as it stands; `--quick` gives each `--seconds 30`, which shows that they run and proves
little. `--resume` leaves out what stands in the results as right and complete already. Exit code 1 when one is wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "soak_results.json"
OWN = {"soak", "right", "minutes", "at", "quick"}
QUICK = ("--seconds", "30")


def scripts() -> dict[str, Path]:
    """Each proof by name."""
    return {path.stem.removeprefix("soak_"): path for path in sorted(HERE.glob("soak_*.py"))}


def run(path: Path, arguments: tuple[str, ...]) -> dict[str, Any]:
    """One proof: its own result, how long it took, and when it ran."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, str(path), *arguments], stdout=subprocess.PIPE, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    try:
        said: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        said = {"wrong": [f"no result; exit code {done.returncode}"]}
    right = done.returncode == 0 and said.get("right") is not False
    return {
        **said,
        "right": right,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results for people."""
    rows = [f"{'proof':<14} {'right':<6} {'minutes':>7}  figures"]
    for name, result in results.items():
        figures = {
            key: value for key, value in result.items() if key not in {"soak", "right", "minutes", "at", "quick"}
        }
        short = ", ".join(f"{key} {value}" for key, value in figures.items() if value not in ([], {}))
        word = "yes" if result["right"] else "NO"
        rows.append(
            f"{name:<14} {word:<6} {result['minutes']:>7}  {short[:150]}{'  (quick)' if result['quick'] else ''}"
        )
    return "\n".join(rows)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names, with commas")
    parser.add_argument("--quick", action="store_true", help="half a minute each")
    parser.add_argument("--resume", action="store_true", help="leave out what is right already")
    asked = parser.parse_args()
    there = scripts()
    chosen = [name for name in asked.only.split(",") if name] or list(there)
    if strange := sorted(set(chosen) - set(there)):
        parser.error(f"there is no {strange[0]}; there are: {', '.join(there)}")
    results: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen:
        known = results.get(name, {})
        if asked.resume and known.get("right") and (asked.quick or not known.get("quick")):
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = run(there[name], QUICK if asked.quick else ()) | {"quick": asked.quick}
        RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    print(table({name: results[name] for name in chosen}))
    return 0 if all(results[name]["right"] for name in chosen) else 1


if __name__ == "__main__":
    raise SystemExit(main())
