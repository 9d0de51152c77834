r"""Reference values for other outcomes from programs that share no code with ours, frozen into tests/data/outcomes.

Draws two small made-up tables (no patients), then asks R (survival, riskRegression, prodlim, cmprsk, psych, pROC) and
scikit-survival for the same figures and writes them as reference.csv. The programs are GPL and only asked, never
imported by Bedrail:

    apt-get install r-base-core r-cran-survival r-cran-riskregression \
        r-cran-prodlim r-cran-cmprsk r-cran-psych r-cran-proc
    python -m venv /tmp/peers-outcomes && /tmp/peers-outcomes/bin/pip install scikit-survival pandas
    /tmp/peers-outcomes/bin/python bench/references/outcomes.py
"""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "tests" / "data" / "outcomes"


def tables() -> None:
    """300 rows each; times are rounded to tenths, so that events and censorings tie."""
    rng = np.random.default_rng(20_261_122)
    n = 300
    x = rng.normal(size=n)
    first, other = rng.exponential(8 * np.exp(-0.8 * x)), rng.exponential(15, n)
    until = rng.uniform(2, 25, n)
    time = np.maximum(0.1, np.round(np.minimum(np.minimum(first, other), until), 1))
    event = np.where((first <= other) & (first <= until), 1, np.where(other <= until, 2, 0))
    hazard = np.exp(0.9 * x) / 8
    risks = {f"risk{t}": 1 - np.exp(-hazard * t * 0.8) for t in (4, 8)}
    score = np.round(x, 1)
    pd.DataFrame({"time": time, "event": event, "score": score, **risks}).round(6).to_csv(
        DATA / "survival.csv", index=False
    )
    logits = np.column_stack((np.zeros(n), x, 1.5 * x - 0.5)) + 0.3 * rng.normal(size=(n, 3))
    score = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    outcome = np.array([rng.choice(3, p=p) for p in score])
    pd.DataFrame({"outcome": outcome, "p0": score[:, 0], "p1": score[:, 1], "p2": score[:, 2]}).round(6).to_csv(
        DATA / "multiclass.csv", index=False
    )


def scikit_survival() -> list[tuple[str, str, float]]:
    """Without competing events: Harrell, Uno, cumulative/dynamic AUC, Brier, integrated Brier."""
    from sksurv.metrics import (
        brier_score,
        concordance_index_censored,
        concordance_index_ipcw,
        cumulative_dynamic_auc,
        integrated_brier_score,
    )
    from sksurv.util import Surv

    table = pd.read_csv(DATA / "survival.csv")
    # scikit-survival takes G at a time and not just before it, so ties are broken: events a little earlier.
    time = table.time - 0.001 * (table.event == 1) + 1e-6 * np.arange(len(table))
    told = Surv.from_arrays(table.event == 1, time)
    found = [("harrell", concordance_index_censored(table.event == 1, table.time, table.score)[0])]
    found.append(("untied-uno-8", concordance_index_ipcw(told, told, table.score, tau=8.0)[0]))
    auc, _ = cumulative_dynamic_auc(told, told, table[["risk4", "risk8"]].to_numpy(), [4.0, 8.0])
    found += [("untied-auc-4", auc[0]), ("untied-auc-8", auc[1])]
    grid = [2.0, 4.0, 6.0, 8.0]
    curve = np.column_stack([1 - (1 - table.risk8) ** (t / 8) for t in grid])
    found += [
        (f"untied-brier-{t:g}", b) for t, b in zip(grid, brier_score(told, told, 1 - curve, grid)[1], strict=True)
    ]
    found.append(("untied-integrated-brier", integrated_brier_score(told, told, 1 - curve, grid)))
    return [("scikit-survival", name, float(value)) for name, value in found]


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    tables()
    rows = scikit_survival()
    said = subprocess.run(
        ["Rscript", "--vanilla", HERE / "outcomes.R", DATA], capture_output=True, text=True, check=True
    ).stdout
    rows += [(a, b, float(c)) for a, b, c in (line.split(",") for line in said.splitlines() if line.count(",") == 2)]
    with (DATA / "reference.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("program", "figure", "value"))
        writer.writerows((a, b, f"{c:.10g}") for a, b, c in rows)
    print(f"{len(rows)} figures")


if __name__ == "__main__":
    main()
