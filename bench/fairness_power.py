"""How often an exactly fair model is failed, and how often real harm is found.

Simulates audits of 7,620 patients in 6 groups with an 8 % outcome rate (the score is the true risk, groups have
nothing to do with it), and the same audits with 40 % of the found patients of one group of 1,500 lost. Says how often
`fairness` fails, in the first case at most in 5 % of audits, in the second for that group in at least 80 %. The same
for 30,000 patients with a rate of 20 %. `--curves` prints power beside: how often a loss of 10 to 60 % is found.

    nice python bench/fairness_power.py [--audits 400] [--seed 1] [--quick] [--size 30000] [--curves]
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import product

import numpy as np
import pandas as pd

from bedrail.checks import Cohort, Requirements, examine
from bedrail.core.values import Verdict

PATIENTS, LOST = 7_620, 0.4
SETTINGS = {7_620: (-3.15, 0.08), 30_000: (-1.75, 0.2)}
"""Patients: intercept of the true risk, and threshold, which is near the outcome rate."""
LOSSES = (0.1, 0.2, 0.3, 0.4, 0.6)
SIZES = {"even": (1_270,) * 6, "uneven": (3_800, 1_500, 1_200, 700, 300, 120)}


def cohort(
    rng: np.random.Generator, layout: str, rows_per_patient: int, harm: float, patients: int = PATIENTS
) -> Cohort:
    """One simulated audit; a share `harm` of those of group b who would be found is scored as if healthy."""
    sizes = (1_524, 1_500, 1_200, 1_200, 1_200, 996) if harm and layout == "even" else SIZES[layout]
    group = np.repeat(list("abcdef"), sizes)
    assert len(group) == PATIENTS
    group = np.repeat(group, 4)[:patients] if patients > PATIENTS else group
    intercept, threshold = SETTINGS[patients]
    lean = rng.normal(size=patients)
    group, lean = np.repeat(group, rows_per_patient), np.repeat(lean, rows_per_patient)
    x = intercept + 1.0 * lean + 0.7 * rng.normal(size=len(lean))
    risk = 1 / (1 + np.exp(-x))
    outcome = rng.random(len(risk)) < risk
    score = risk.copy()
    if harm:
        hit = np.flatnonzero((group == "b") & outcome & (score >= threshold))
        lost = hit[rng.random(len(hit)) < harm]
        healthy = np.flatnonzero(~outcome & (score < threshold))
        score[lost] = score[rng.choice(healthy, len(lost))]
    subject = np.repeat(np.arange(patients), rows_per_patient) if rows_per_patient > 1 else None
    return Cohort(
        outcome=outcome.astype(float),
        score=score,
        groups=pd.DataFrame({"group": group}),
        subject=subject,
        threshold=threshold,
    )


def run(
    audits: int, seed: int, layout: str, rows: int, harm: float, check: str = "fairness", patients: int = PATIENTS
) -> tuple[int, int]:
    """(audits with any failed finding, audits where the sensitivity of group b fails)."""
    flagged = found = 0
    for audit in range(audits):
        rng = np.random.default_rng([seed, audit, rows, int(100 * harm), layout == "even", patients])
        (evidence,) = examine(cohort(rng, layout, rows, harm, patients), Requirements(), checks=[check])
        failed = [f for f in evidence.findings if f.verdict is Verdict.FAIL]
        flagged += bool(failed)
        found += any(f.check == "fairness.sensitivity" and f.group == "group=b" for f in failed)
    return flagged, found


def main() -> int:
    """Print one line per setting; exit 1 when a figure misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audits", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="40 audits, no verdict")
    parser.add_argument("--size", type=int, choices=SETTINGS, help="patients; both sizes without it")
    parser.add_argument("--curves", action="store_true", help="power by the share of sensitivity lost")
    options = parser.parse_args()
    audits = 40 if options.quick else options.audits
    missed = False
    start = time.perf_counter()
    sizes = (options.size,) if options.size else tuple(SETTINGS)
    for patients, layout, rows in product(sizes, ("even", "uneven"), (1, 3)):
        if patients != PATIENTS and rows != 1:
            continue
        where = f"{patients:,} patients, {layout} groups, {rows} row(s) a patient"
        for check in ("fairness", "subgroups"):
            flagged, _ = run(audits, options.seed, layout, rows, 0.0, check, patients)
            share = flagged / audits
            missed |= share > 0.05
            print(f"exactly fair, {where}, {check}: {share:.1%} of {audits} flagged", flush=True)
        for loss in LOSSES if options.curves else (LOST,):
            _, found = run(audits, options.seed, layout, rows, loss, "fairness", patients)
            missed |= loss == LOST and found / audits < 0.8
            print(
                f"  {loss:.0%} of sensitivity lost in group b: {found}/{audits} = {found / audits:.1%} found",
                flush=True,
            )
    print(f"{time.perf_counter() - start:.0f} s")
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
