"""False alarms of 200 stable deployment-years against the budget, and the delay until real faults are found.

Run: OMP_NUM_THREADS=1 .venv/bin/python bench/alarm_budget.py [--years 200] [--looks 52] [--json FILE]

A deployment-year is a synthetic hospital: correlated counts, measurements and codes, groups, sites, patients who
return (one in five rows, with a lasting propensity), a calibrated risk and outcomes, watched every week in windows of
500 by all monitors together. `stable` repeats the reference's world exactly; `at the edge` lets every share and rate
sit at the edge of what is tolerated, where the bound of the budget is nearest. Exits 1 when a rate breaks the budget.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from bedrail.monitoring import Budget, ReferenceWindow, Watch, Window

NAMES = ("stay_days", "lab_tests", "drugs", "visits", "diagnoses", "sodium", "source", "insulin")
LEVELS = {"source": ("emergency", "referral", "transfer"), "insulin": ("no", "steady", "up", "down")}
ROWS = 500


def hospital(rng: np.random.Generator, n: int, *, outcome_odds: float = 1.0, group_odds: float = 1.0) -> dict:
    """Rows of one world: raw inputs, risk, outcome, groups, sites and subjects."""
    subject = rng.integers(0, 10**9, n)
    back = rng.random(n) < 0.2
    subject[back] = subject[rng.integers(0, n, back.sum())]
    frailty = np.random.default_rng(0).normal(size=4096)[subject % 4096] * 0.7
    X = np.column_stack([
        1 + rng.poisson(np.exp(1.1 + 0.4 * frailty)).clip(0, 13),
        rng.normal(43 + 5 * frailty, 19).clip(1, 120).round(),
        rng.gamma(4 + frailty.clip(-2, 2), 4).round() + 1,
        rng.poisson(0.3 * np.exp(frailty)),
        rng.binomial(9, 0.75, n),
        rng.normal(138, 4, n).round(1),
        rng.choice(3, n, p=[0.6, 0.3, 0.1]),
        rng.choice(4, n, p=[0.45, 0.3, 0.12, 0.13]),
    ]).astype(float)  # fmt: skip
    X[rng.random(n) < 0.05, 5] = np.nan
    logit = -2.6 + 0.06 * (X[:, 0] - 4) + 0.35 * X[:, 3] + 0.02 * (X[:, 2] - 16)
    risk = 1 / (1 + np.exp(-logit))
    groups = pd.DataFrame({
        "race": rng.choice(["Caucasian", "AfricanAmerican", "Other"], n, p=[0.75, 0.17, 0.08]),
        "gender": rng.choice(["Female", "Male"], n),
        "age_band": rng.choice(["18-44", "45-64", "65-79", "80+"], n, p=[0.1, 0.3, 0.37, 0.23]),
    })  # fmt: skip
    odds = outcome_odds * np.where(groups["race"] == "AfricanAmerican", group_odds, 1.0)
    chance = odds * risk / (1 - risk + odds * risk)
    outcome = (rng.random(n) < chance).astype(float)
    site = rng.choice(np.array(["A", "B", "C", "D"]), n)
    return {"X": X, "risk": risk, "outcome": outcome, "groups": groups, "site": site, "subject": subject.astype(str)}


def window(rows: dict) -> Window:
    return Window(names=NAMES, **rows)


def begin(rng: np.random.Generator, budget: Budget) -> Watch:
    return Watch.start(ReferenceWindow(window=window(hospital(rng, 20_000)), threshold=0.15, levels=LEVELS), budget)


def stable(seed: int, looks: int, budget: Budget) -> int:
    """False alarms in one year of the reference's own world."""
    rng = np.random.default_rng([1, seed])
    watch = begin(rng, budget)
    return sum(len(watch.look(window(hospital(rng, ROWS)))) for _ in range(looks))


def at_the_edge(seed: int, looks: int, budget: Budget) -> int:
    """False alarms in one year with every rate exactly at the upper edge of its band: the worst that is tolerated."""
    from bedrail.monitoring.alarms import Detectors, share_evidence

    rng = np.random.default_rng([2, seed])
    watch = begin(rng, budget)
    alarms = 0
    for monitor in ("input-drift", "missingness", "units", "output-drift", "outcome-rate"):
        streams = [stream for stream in watch.streams if stream.monitor == monitor]
        weights, sizes = [s.weight for s in streams], [len(s.low) for s in streams]
        detectors = Detectors(monitor, budget.limit(monitor), weights, sizes)
        for _ in range(looks):
            for i, stream in enumerate(streams):
                low, high = np.array(stream.low), np.array(stream.high)
                detectors.gather(i, share_evidence(rng.binomial(ROWS, high).astype(float), ROWS, low, high))
            if detectors.crossed():
                alarms += 1
                detectors.restart()
    return alarms


FAULTS = {
    "stay in hours (x24)": lambda rows: rows["X"].__setitem__((slice(None), 0), rows["X"][:, 0] * 24),
    "lab tests x10 at one site": lambda rows: rows["X"].__setitem__(
        (rows["site"] == "B", 1), rows["X"][rows["site"] == "B", 1] * 10
    ),
    "sodium missing in 15 %": lambda rows: rows["X"].__setitem__((np.arange(ROWS) % 7 == 0, 5), np.nan),
    "drugs +60 %": lambda rows: rows["X"].__setitem__((slice(None), 2), (rows["X"][:, 2] * 1.6).round()),
}
WORLDS = {
    "outcome odds +30 % for all": {"outcome_odds": 1.3},
    "outcome odds +60 % for all": {"outcome_odds": 1.6},
    "outcome rate +60 % in one group of 17 %": {"group_odds": 1.75},
    "outcome rate +100 % in one group of 17 %": {"group_odds": 2.35},
}


def delay(fault: str, seed: int, looks: int, budget: Budget) -> tuple[int | None, str]:
    """(looks from the fault to the first alarm, first cause); the fault begins after ten good windows."""
    rng = np.random.default_rng([3, seed])
    watch = begin(rng, budget)
    for _ in range(10):
        watch.look(window(hospital(rng, ROWS)))
    for look in range(1, looks + 1):
        rows = hospital(rng, ROWS, **WORLDS.get(fault, {}))
        FAULTS.get(fault, lambda _: None)(rows)
        alarms = watch.look(window(rows))
        if alarms:
            cause = alarms[0].causes[0]
            return look, f"{cause.kind} {cause.subject}"
    return None, ""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=int, default=200)
    parser.add_argument("--looks", type=int, default=52)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    budget = Budget(looks_per_year=args.looks)
    start = time.process_time()
    out: dict = {"years": args.years, "budget_per_year": budget.false_alarms_per_year}
    print(f"budget: {budget.false_alarms_per_year} false alarms a year over all monitors, {args.looks} looks a year")
    for name, simulate in (("stable", stable), ("at the edge", at_the_edge)):
        counts = np.array([simulate(seed, args.looks, budget) for seed in range(args.years)])
        rate, error = counts.mean(), counts.std(ddof=1) / np.sqrt(len(counts)) if len(counts) > 1 else 0.0
        years = int((counts > 0).sum())
        out[name] = {"rate": float(rate), "standard_error": float(error), "years_with_an_alarm": years}
        print(f"{name:12s} {rate:.3f} false alarms a year (standard error {error:.3f}; {args.years} years, "
              f"{years} with one)")  # fmt: skip
    for fault in (*FAULTS, *WORLDS):
        got = [delay(fault, seed, args.looks, budget) for seed in range(args.repeats)]
        waits = [wait for wait, _ in got if wait is not None]
        causes = pd.Series([cause for _, cause in got if cause]).value_counts()
        line = {"found": len(waits), "of": len(got), "median_looks": float(np.median(waits)) if waits else None,
                "worst_looks": max(waits, default=None),
                "first_cause": causes.index[0] if len(causes) else ""}  # fmt: skip
        out[fault] = line
        print(f"{fault:42s} found {line['found']}/{line['of']}, median {line['median_looks']} looks, worst "
              f"{line['worst_looks']}; first cause {line['first_cause']}")  # fmt: skip
    out["cpu_seconds"] = round(time.process_time() - start, 1)
    print(f"CPU {out['cpu_seconds']} s")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(out, indent=2))
    limit = budget.false_alarms_per_year
    kept = all(out[name]["rate"] - 2 * out[name]["standard_error"] <= limit for name in ("stable", "at the edge"))
    print("the budget is kept" if kept else "THE BUDGET IS BROKEN")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
