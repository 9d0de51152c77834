"""Full examine of 1,000,000 predictions with 6 group columns and their intersections: CPU seconds and memory; peers.

    nice python bench/examine_scale.py [--rows 1000000] [--peer /tmp/peers-day/fair/bin/python]

Each measurement runs in a process of its own, so that its peak memory is its own. Targets: under 60 CPU seconds, under
4 GiB. The peer is whatever of Fairlearn and seismometer its Python can import; each does only a part of the work (said
on its line), on the same rows:

    python3.11 -m venv /tmp/peers-fair && /tmp/peers-fair/bin/pip install fairlearn seismometer
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SECONDS, GIB = 60.0, 4.0
LEVELS = {"race": 6, "ethnicity": 3, "sex": 2, "age_band": 8, "language": 5, "payer": 6}
PAIRS = (("race", "sex"), ("race", "age_band"), ("ethnicity", "sex"), ("language", "payer"), ("sex", "age_band"))


def columns(rows: int, repeats: float = 1.0) -> dict[str, Any]:
    """Outcome, score, six columns of 30 levels and patients with `repeats` rows each on average; seeded."""
    rng = np.random.default_rng(1)
    patients = int(rows / repeats)
    subject = np.arange(rows) if repeats <= 1 else np.sort(rng.integers(0, patients, rows))
    lean = rng.normal(size=rows)
    score = 1 / (1 + np.exp(2.4 - lean))
    made: dict[str, Any] = {"subject": subject, "score": score, "outcome": (rng.random(rows) < score).astype(float)}
    for name, k in LEVELS.items():
        weights = 1 / np.arange(1, k + 1)
        made[name] = rng.choice(k, max(patients, rows), p=weights / weights.sum())[subject]
    return made


def ours(rows: int, repeats: float) -> None:
    """Every check of the catalogue on one cohort, and each check's share of the time."""
    import pandas as pd

    from bedrail.checks import CHECKS, Cohort, Requirements, examine

    made = columns(rows, repeats)
    groups = pd.DataFrame({name: np.char.add(f"{name} ", made[name].astype(str)) for name in LEVELS})
    subject = made["subject"] if repeats > 1 else None
    start = time.process_time()
    cohort = Cohort(
        outcome=made["outcome"],
        score=made["score"],
        groups=groups,
        intersections=PAIRS,
        subject=subject,
        threshold=0.15,
    )
    marks = [("cohort", start, time.process_time())]

    def progress(title: str, done: int, total: int) -> None:
        name = "suppression" if not done else list(CHECKS)[done - 1]
        marks.append((name, marks[-1][2], time.process_time()))

    evidence = examine(cohort, Requirements(fairness_intersections=True), progress=progress)
    findings = sum(len(one.findings) for one in evidence)
    told = [f"{name} {end - begin:.1f}" for name, begin, end in marks]
    print(f"{findings} findings; CPU s: {', '.join(told)}")
    finish(start)


def fairlearn(rows: int, repeats: float) -> None:
    """MetricFrame: three rates over race x sex, with 50 of our 1,000 draws."""
    del repeats
    import pandas as pd
    from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate
    from sklearn.metrics import precision_score

    made = columns(rows)
    sensitive = pd.DataFrame({name: made[name] for name in ("race", "sex")})
    start = time.process_time()
    MetricFrame(
        metrics={"tpr": true_positive_rate, "fpr": false_positive_rate, "ppv": precision_score},
        y_true=made["outcome"],
        y_pred=(made["score"] >= 0.15).astype(float),
        sensitive_features=sensitive,
        n_boot=5,
        ci_quantiles=[0.025, 0.975],
        random_state=1,
    )
    print("three rates x 12 cells of race x sex, 5 draws (ours: 1,000)")
    finish(start)


def seismometer(rows: int, repeats: float) -> None:
    """Its binary metrics over thresholds within the levels of each of the six columns; no intervals."""
    del repeats
    import pandas as pd
    from seismometer.data.performance import calculate_bin_stats

    made = columns(rows)
    start = time.process_time()
    for name in LEVELS:
        for level in np.unique(made[name]):
            rows_in = made[name] == level
            calculate_bin_stats(pd.Series(made["outcome"][rows_in]), pd.Series(made["score"][rows_in]))
    print("rates over 100 thresholds within 30 levels; no intervals, no test, no intersections")
    finish(start)


def finish(start: float) -> None:
    """CPU seconds since `start` and the peak of memory, as the last line for the parent."""
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{time.process_time() - start:.2f} {gib:.2f}")


PARTS = {"ours": ours, "fairlearn": fairlearn, "seismometer": seismometer}


def child(python: str, part: str, rows: int, repeats: float) -> tuple[float, float] | None:
    """(CPU seconds, GiB at most) of one part in its own process; None when it cannot run there."""
    command = [python, str(Path(__file__)), "--part", part, "--rows", str(rows), "--repeats", str(repeats)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=one_thread)
    if done.returncode:
        print(f"{part}: cannot run: {done.stderr.strip().splitlines()[-1]}")
        return None
    *told, last = done.stdout.strip().splitlines()
    seconds, gib = (float(each) for each in last.split())
    print(f"{part:12s} {seconds:7.1f} CPU-s {gib:5.2f} GiB  {' '.join(told)}", flush=True)
    return seconds, gib


def main() -> int:
    """Exit 1 when ours misses a target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=float, default=1.0)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--peer", default="", help="A Python with Fairlearn and seismometer.")
    options = parser.parse_args()
    if options.part:
        PARTS[options.part](options.rows, options.repeats)
        return 0
    missed = False
    for repeats in (1.0, 1.4):
        print(f"{options.rows:,} predictions, {repeats:g} a patient")
        found = child(sys.executable, "ours", options.rows, repeats)
        missed |= found is None or found[0] >= SECONDS or found[1] >= GIB
        if options.peer and repeats == 1.0 and found is not None:
            for part in ("fairlearn", "seismometer"):
                peer = child(options.peer, part, options.rows, 1.0)
                if peer is not None:
                    print(f"  {part} takes {peer[0] / found[0]:.2f}x our CPU for that part of the work")
    print(f"target: under {SECONDS:g} CPU-s and {GIB:g} GiB: {'MISSED' if missed else 'met'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
