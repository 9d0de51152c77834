"""Power of every check that has a verdict by group, beside how often it speaks up of an exactly fair model.

One simulated audit has six groups, of which b is the one harmed, of a chosen size; the others share the rest alike. The
score is the true risk. One of six harms is done to b, in several doses:

- `missed`: this share of its patients who would be found is scored as if healthy (sensitivity falls by that share)
- `false-alarms`: this share of its patients without the outcome, who had no alert, has the score of an alert
- `miscalibrated`: the odds of its outcomes are this many times what the score says
- `label`: at the same score its second outcome is this many standard deviations higher
- `proxy`: the mean of one input of ten (of noise) is this many standard deviations higher
- `score-proxy`: the margin of its true risk is this much higher, so that the score itself gives it away

A verdict counts as found when the finding on b fails (`parity`: on the column; `proxies`: when it is called more than
chance, since without a bound nothing fails; `proxies.input`: when the leaning input is named). Dose 0 is the fair
model: told is how often a finding on any group fails, of `proxies` how often one is called and how often any of ten
inputs of noise is named (`others-named`); in the other doses that is how often any of the nine others is.

    nice .venv/bin/python bench/equity_power.py [--audits 200] [--harm missed] [--size 1500] [--patients 7620]
        [--results bench/out/equity_power.jsonl]

Resumable: each finished audit is a line of the results file, and is not asked again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.intervals import wilson
from bedrail.core.values import Finding, Verdict

SETTINGS = {7_620: (-3.15, 0.08), 30_000: (-1.75, 0.2)}
"""Patients: intercept of the true risk, and threshold, which is near the outcome rate (8 % and 20 %)."""
SIZES = (300, 700, 1_500, 3_000)
DOSES: dict[str, tuple[float, ...]] = {
    "missed": (0.0, 0.2, 0.3, 0.4, 0.6),
    "false-alarms": (0.1, 0.2, 0.3),
    "miscalibrated": (1.25, 1.5, 2.0, 0.5),
    "label": (0.0, 0.15, 0.2, 0.3, 0.5),
    "proxy": (0.0, 0.1, 0.2, 0.3, 0.5),
    "score-proxy": (0.0, 0.2, 0.4, 0.7),
}
RATES = ("fairness", "parity", "subgroups", "trade-offs", "error-costs")
ASKED = {"missed": RATES, "false-alarms": RATES, "miscalibrated": RATES, "label": ("label-choice",),
         "proxy": ("proxies",), "score-proxy": ("proxies",)}  # fmt: skip
INPUTS = 10
PLANTED = "x3"
TARGET_SIZE, TARGET_DOSE, TARGET_POWER = 1_500, 0.4, 0.8


def cohort(rng: np.random.Generator, harm: str, dose: float, size: int, patients: int) -> Cohort:
    """One simulated audit with this much of a harm done to group b; 0 is none."""
    intercept, threshold = SETTINGS[patients]
    group = np.array(list("acdef"))[np.arange(patients) % 5]
    group[:size] = "b"
    b = group == "b"
    x = intercept + rng.normal(size=patients) + 0.7 * rng.normal(size=patients)
    if harm == "score-proxy":
        x = x + dose * b
    risk = 1 / (1 + np.exp(-x))
    odds = np.exp(x) * np.where(b, dose, 1.0) if harm == "miscalibrated" and dose else np.exp(x)
    outcome = rng.random(patients) < odds / (1 + odds)
    score = risk.copy()
    alert = risk >= threshold
    if harm in ("missed", "false-alarms"):
        lost = harm == "missed"
        able = np.flatnonzero(b & (outcome == lost) & (alert == lost))
        hit = able[rng.random(len(able)) < dose]
        like = np.flatnonzero(~outcome & (alert != lost))
        score[hit] = risk[rng.choice(like, len(hit))]
    other = None
    if harm == "label":
        need = 0.6 * x + rng.normal(size=patients)
        other = need + dose * float(need.std()) * b
    inputs = None
    if harm in ("proxy", "score-proxy"):
        drawn = rng.normal(size=(patients, INPUTS))
        drawn[:, 3] += dose * b * (harm == "proxy")
        inputs = pd.DataFrame(drawn, columns=[f"x{at}" for at in range(INPUTS)])
    return Cohort(outcome=outcome.astype(float), score=score, groups=pd.DataFrame({"group": group}),
                  threshold=threshold, other_outcome=other, inputs=inputs)  # fmt: skip


def spoken(harm: str, dose: float, findings: list[Finding]) -> list[str]:
    """The names of findings that speak up: on b when it is harmed, on anybody when nobody is."""
    told: set[str] = set()
    for one in findings:
        if one.check == "proxies.input":
            if one.estimate is not None:
                name = one.group.partition(" & ")[0].removeprefix("input=")
                told.add("proxies.input" if harm == "proxy" and dose and name == PLANTED else "proxies.others-named")
        elif one.check.startswith("proxies."):
            if one.estimate is not None and "chance gives" not in one.reason and (not dose or one.group == "group=b"):
                told.add(one.check)
        elif one.verdict is Verdict.FAIL and (not dose or one.check.startswith("parity.") or one.group == "group=b"):
            told |= {one.check, one.check.partition(".")[0]}
    return sorted(told)


def audit(harm: str, dose: float, size: int, patients: int, seed: int) -> list[str]:
    """What speaks up in one audit."""
    rng = np.random.default_rng([seed, size, patients, round(100 * dose), len(harm)])
    whole = cohort(rng, harm, dose, size, patients)
    findings = [f for one in examine(whole, Requirements(), checks=ASKED[harm], seed=seed) for f in one.findings]
    return spoken(harm, dose, findings)


def settings(options: argparse.Namespace) -> list[tuple[str, float, int, int]]:
    """(harm, dose, size, patients) of everything that is to be asked."""
    harms = [options.harm] if options.harm else list(DOSES)
    sizes = [options.size] if options.size else list(SIZES)
    every = product(sizes, [options.patients] if options.patients else list(SETTINGS), harms)
    return [(harm, dose, size, patients) for size, patients, harm in every for dose in DOSES[harm]
            if dose == options.dose or options.dose is None]  # fmt: skip


def main() -> int:
    """A line for each setting; exit 1 when 40 % of sensitivity lost in a group of 1,500 is found in under 80 %."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--harm", choices=DOSES)
    parser.add_argument("--dose", type=float)
    parser.add_argument("--size", type=int)
    parser.add_argument("--patients", type=int, choices=SETTINGS)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "out" / "equity_power.jsonl")
    options = parser.parse_args()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    done: dict[tuple[str, float, int, int], dict[int, list[str]]] = defaultdict(dict)
    if options.results.exists():
        for line in options.results.read_text().splitlines():
            harm, dose, size, patients, seed, told = json.loads(line)
            done[harm, dose, size, patients][seed] = told
    missed = False
    with options.results.open("a") as out:
        for setting in settings(options):
            harm, dose, size, patients = setting
            for seed in range(options.audits):
                if seed not in done[setting]:
                    done[setting][seed] = audit(*setting, seed)
                    out.write(json.dumps([*setting, seed, done[setting][seed]]) + "\n")
                    out.flush()
            n = options.audits
            counts = Counter(name for seed in range(n) for name in done[setting][seed])
            shares = []
            for name, found in sorted(counts.items()):
                low, high = wilson(found / n, n, 0.95)
                shares.append(f"{name} {found / n:.1%} ({low:.1%} to {high:.1%})")
            what = "fair" if not dose else f"{harm} {dose:g}"
            print(f"{patients:,} patients, {size:,} in the group, {what}, {n} audits: {'; '.join(shares) or 'nothing'}",
                  flush=True)  # fmt: skip
            if (harm, size, dose) == ("missed", TARGET_SIZE, TARGET_DOSE):
                missed |= counts["fairness.sensitivity"] < TARGET_POWER * n
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
