"""How often an exactly fair model is failed, and how often real harm is found.

Simulates audits of 7,620 patients in 6 groups with an 8 % outcome rate (the score is the true risk, groups have
nothing to do with it), and the same audits with 40 % of the found patients of one group of 1,500 lost. Says how often
`fairness` fails, in the first case at most in 5 % of audits, in the second for that group in at least 80 %.

    nice python bench/fairness_power.py [--audits 400] [--seed 1] [--quick]
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import pandas as pd

from bedrail.checks import Cohort, Requirements, examine
from bedrail.core.values import Verdict

PATIENTS, LOST = 7_620, 0.4
SIZES = {"even": (1_270,) * 6, "uneven": (3_800, 1_500, 1_200, 700, 300, 120)}


def cohort(rng: np.random.Generator, layout: str, rows_per_patient: int, harm: bool) -> Cohort:
    """One simulated audit; with `harm`, 40 % of the patients of group b who would be found are scored as if healthy."""
    sizes = (1_524, 1_500, 1_200, 1_200, 1_200, 996) if harm and layout == "even" else SIZES[layout]
    group = np.repeat(list("abcdef"), sizes)
    assert len(group) == PATIENTS
    lean = rng.normal(size=PATIENTS)
    group, lean = np.repeat(group, rows_per_patient), np.repeat(lean, rows_per_patient)
    x = -3.15 + 1.0 * lean + 0.7 * rng.normal(size=len(lean))
    risk = 1 / (1 + np.exp(-x))
    outcome = rng.random(len(risk)) < risk
    score, threshold = risk.copy(), 0.08
    if harm:
        hit = np.flatnonzero((group == "b") & outcome & (score >= threshold))
        lost = hit[rng.random(len(hit)) < LOST]
        healthy = np.flatnonzero(~outcome & (score < threshold))
        score[lost] = score[rng.choice(healthy, len(lost))]
    subject = np.repeat(np.arange(PATIENTS), rows_per_patient) if rows_per_patient > 1 else None
    return Cohort(
        outcome=outcome.astype(float),
        score=score,
        groups=pd.DataFrame({"group": group}),
        subject=subject,
        threshold=threshold,
    )


def run(audits: int, seed: int, layout: str, rows: int, harm: bool, check: str = "fairness") -> tuple[int, int]:
    """(audits with any failed finding, audits where the sensitivity of group b fails)."""
    flagged = found = 0
    for audit in range(audits):
        rng = np.random.default_rng([seed, audit, rows, harm, layout == "even"])
        (evidence,) = examine(cohort(rng, layout, rows, harm), Requirements(), checks=[check])
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
    options = parser.parse_args()
    audits = 40 if options.quick else options.audits
    missed = False
    start = time.perf_counter()
    for layout, rows in (("even", 1), ("uneven", 1), ("even", 3), ("uneven", 3)):
        for check in ("fairness", "subgroups"):
            flagged, _ = run(audits, options.seed, layout, rows, harm=False, check=check)
            share = flagged / audits
            missed |= share > 0.05
            print(f"exactly fair, {layout} groups, {rows} row(s) a patient, {check}: {share:.1%} of {audits} flagged")
        _, found = run(audits, options.seed, layout, rows, harm=True)
        missed |= found / audits < 0.8
        print(
            f"40 % of sensitivity lost in 1,500, {layout}, {rows} row(s): {found}/{audits} = {found / audits:.1%} found"
        )
    print(f"{time.perf_counter() - start:.0f} s")
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
