"""Fuzzing (atheris) of every parser of outside bytes: declared errors only, no input over 50 ms of CPU.

    python bench/soak_fuzz.py [--count 10000000] [--seconds 0] [--seed 1] [--only NAME,NAME]
                               [--corpus FOLDER] [--fresh 1]

`--count` executions of each target of `tests/fuzz_targets.py`, at most `--seconds` in all. Each target runs in
processes of its own, from the seeds in `tests/data/fuzz`: first a tenth guided by coverage, which finds a corpus, then
the rest as mutations of that corpus without instrumentation, several times as quick. What was done is added to
`bench/fuzz_record.json` as they go, and a later run goes on from there (`--fresh 1`: from nothing); with `--corpus` the
inputs found are kept too. An input that took more than 50 ms is run again, three times, before it counts. Exit code 1
with the offending input (hex) when something else than a declared error came out, or executions are still owed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from soaking import Progress, options, report

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

RECORD = Path(__file__).with_name("fuzz_record.json")
SLOW = 0.05
MOST = 65_536
GUIDED = 10
"""One execution in so many is guided by coverage."""
STRETCH = {"guided": 200_000, "bare": 1_000_000}
"""Executions of one process: the record follows each, and a guided one, which grows, ends before it is big."""


def child(name: str, found: Path, guided: bool, arguments: list[str]) -> None:
    """Fuzz one target until it has had its executions; slow inputs are left in `found`."""
    import atheris

    tempfile.tempdir = str(found)  # deleted with it: atheris ends without cleaning up
    with atheris.instrument_imports(include=["bedrail"]) if guided else nullcontext():
        import fuzz_targets

    slow = 0
    survives, clock = fuzz_targets.survives, time.thread_time

    def once(data: bytes) -> None:
        nonlocal slow
        began = clock()
        survives(name, data)
        if clock() - began > SLOW and slow < 50:
            slow += 1
            (found / f"slow-{slow}").write_bytes(data)

    atheris.Setup([sys.argv[0], *arguments], once)
    atheris.Fuzz()


def fuzz(name: str, count: int, seconds: float, seed: int, corpus: Path, *, guided: bool) -> dict[str, Any]:
    """Run one target in a process of its own: executions, and what was wrong."""
    import fuzz_targets

    with tempfile.TemporaryDirectory() as place:
        found = Path(place)
        (corpus / name).mkdir(parents=True, exist_ok=True)
        seeds = fuzz_targets.SEEDS / name
        arguments = [f"-runs={count}", f"-seed={seed}", f"-max_len={MOST}", "-timeout=20", "-print_final_stats=1"]
        arguments += ["-rss_limit_mb=3000", f"-artifact_prefix={found}/crash-", str(corpus / name), str(seeds)]
        if seconds:
            arguments.insert(0, f"-max_total_time={max(1, int(seconds))}")
        command = [sys.executable, __file__, "--child", name, str(found), "guided" if guided else "bare", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
        stats = re.search(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
        wrong = [f"{each.name}: {each.read_bytes()[:2000].hex()}" for each in sorted(found.glob("crash-*"))]
        if done.returncode and not wrong:
            wrong.append(done.stderr[-500:])
        if wrong:
            traces = [line for line in done.stderr.splitlines() if re.match(r"\s*(\w+Error|\w+Exception|File)", line)]
            wrong.append(" / ".join(traces[-4:]))
        slowest = 0.0
        for each in sorted(found.glob("slow-*")):
            taken = _plain_seconds(name, each.read_bytes())
            slowest = max(slowest, taken)
            if taken > SLOW:
                wrong.append(f"{taken * 1000:.0f} ms: {each.read_bytes()[:400].hex()}")
        return {"runs": int(stats[1]) if stats else 0, "slowest_ms": round(slowest * 1000, 1), "wrong": wrong[:5]}


def pursue(name: str, count: int, seconds: float, seed: int, corpus: Path, record: dict[str, Any]) -> list[str]:
    """Bring one target to its executions, or as near as the time lets; `record` follows, what was wrong comes back."""
    known = record.setdefault(name, {"guided": 0, "bare": 0, "slowest_ms": 0.0})
    until = time.monotonic() + seconds if seconds else float("inf")
    wrong: list[str] = []
    for kind, wanted in (("guided", count // GUIDED), ("bare", count - count // GUIDED)):
        stop = until if until == float("inf") or kind == "bare" else (time.monotonic() + until) / 2
        while (owed := wanted - known[kind]) > 0 and (left := stop - time.monotonic()) > 0 and not wrong:
            runs, share = min(owed, STRETCH[kind]), 0.0 if left == float("inf") else left
            told = fuzz(name, runs, share, seed + known[kind], corpus, guided=kind == "guided")
            known[kind] += told["runs"]
            known["slowest_ms"] = max(known["slowest_ms"], told["slowest_ms"])
            RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
            wrong += told["wrong"] or ([] if told["runs"] else ["a process that executed nothing"])
    return wrong


def _plain_seconds(name: str, data: bytes) -> float:
    """The least CPU seconds of three runs without instrumentation."""
    import fuzz_targets

    taken = []
    for _ in range(3):
        began = time.thread_time()
        fuzz_targets.survives(name, data)
        taken.append(time.thread_time() - began)
    return min(taken)


def main() -> int:
    """Fuzz every target."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), sys.argv[4] == "guided", sys.argv[5:])
        return 0
    asked = options(__doc__, count=10_000_000, only="", corpus="", fresh=0)
    import fuzz_targets

    names = [name for name in fuzz_targets.TARGETS if not asked.only or name in asked.only.split(",")]
    record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() and not asked.fresh else {}
    progress = Progress("fuzz", len(names), asked.seconds)
    wrong: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(asked.corpus or place)
        for name in names:
            share = asked.seconds / len(names) if asked.seconds else 0.0
            if found := pursue(name, asked.count, share, asked.seed, corpus, record):
                wrong[name] = found
            progress.step()
    runs = {name: record[name]["guided"] + record[name]["bare"] for name in names}
    owed = {name: asked.count - done for name, done in runs.items() if done < asked.count}
    slowest = {name: record[name]["slowest_ms"] for name in names if record[name]["slowest_ms"]}
    right = not wrong and not owed
    return report("fuzz", right, targets=len(names), runs=runs, owed=owed, slowest_ms=slowest, wrong=wrong)


if __name__ == "__main__":
    raise SystemExit(main())
