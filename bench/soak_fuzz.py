"""Coverage-guided fuzzing (atheris) of every parser of outside bytes: declared errors only, no input over 50 ms of CPU.

    python bench/soak_fuzz.py [--count 10000000] [--seconds 0] [--seed 1] [--only NAME] [--corpus FOLDER]

`--count` executions of each target of `tests/fuzz_targets.py`, at most `--seconds` in all. Each target runs in a
process of its own from the seeds in `tests/data/fuzz`; with `--corpus` what was found is kept there, and a later run
goes on from it. An input that took more than 50 ms is run again without instrumentation, three times, before it
counts. Exit code 1 with the offending input (hex) when something else than a declared error came out.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from soaking import Progress, options, report

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

SLOW = 0.05
MOST = 65_536


def child(name: str, found: Path, arguments: list[str]) -> None:
    """Fuzz one target until it has had its executions; slow inputs are left in `found`."""
    import atheris

    with atheris.instrument_imports(include=["bedrail"]):
        import fuzz_targets

    slow = 0

    def once(data: bytes) -> None:
        nonlocal slow
        began = time.thread_time()
        fuzz_targets.survives(name, data)
        if time.thread_time() - began > SLOW and slow < 50:
            slow += 1
            (found / f"slow-{slow}").write_bytes(data)

    atheris.Setup([sys.argv[0], *arguments], once)
    atheris.Fuzz()


def fuzz(name: str, count: int, seconds: float, seed: int, corpus: Path) -> dict[str, object]:
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
        command = [sys.executable, __file__, "--child", name, str(found), *arguments]
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
        child(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
        return 0
    asked = options(__doc__, count=10_000_000, only="", corpus="")
    import fuzz_targets

    names = [name for name in fuzz_targets.TARGETS if asked.only in name]
    progress = Progress("fuzz", len(names), asked.seconds)
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(asked.corpus or place)
        for name in names:
            share = asked.seconds / len(names) if asked.seconds else 0.0
            results[name] = fuzz(name, asked.count, share, asked.seed, corpus)
            progress.step()
    wrong = {name: each["wrong"] for name, each in results.items() if each["wrong"]}
    runs = {name: each["runs"] for name, each in results.items()}
    right = not wrong and all(runs.values())
    slowest = {name: each["slowest_ms"] for name, each in results.items() if each["slowest_ms"]}
    return report("fuzz", right, targets=len(names), runs=runs, slowest_ms=slowest, wrong=json.loads(json.dumps(wrong)))


if __name__ == "__main__":
    raise SystemExit(main())
