"""How often each check of groups, proxies, labels, sites and populations speaks up: when there is something, and not.

Every check is asked of simulated cohorts with nothing wrong (a fair score, groups of equal outcome rate, noise as
inputs, alike sites, an unbiased second outcome, data like the population), and of the same with one planted fault. A
last line gives the CPU time of the counting checks at 1,000,000 rows, 6 columns and all their pairs.

    nice python bench/equity_rates.py [--trials 200] [--patients 7620] [--prevalence 0.08] [--rows 1000000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.external.population import read_population
from bedrail.checks.external.served import representativeness
from bedrail.core.values import Evidence, Verdict

SIZES = (0.42, 0.2, 0.16, 0.12, 0.06, 0.04)
Make = Callable[[np.random.Generator, bool, int, float], Evidence]


def fair(rng: np.random.Generator, n: int, prevalence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(group, true margin, outcome, true risk) with groups that have nothing to do with either."""
    group = rng.choice(list("abcdef"), n, p=SIZES)
    x = np.log(prevalence / (1 - prevalence)) - 0.6 + 1.2 * rng.normal(size=n)
    risk = 1 / (1 + np.exp(-x))
    return group, x, (rng.random(n) < risk).astype(float), risk


def asked(check: str, **values: object) -> Evidence:
    """One check of one cohort."""
    numbers = values.pop("requirements", None) or Requirements()
    return examine(Cohort(**values), numbers, checks=[check])[0]  # type: ignore[arg-type]


def parity(rng: np.random.Generator, planted: bool, n: int, p: float) -> Evidence:
    """Planted: 40 % of the cases of group b that would be found are scored as if healthy."""
    group, _, y, score = fair(rng, n, p)
    if planted:
        lost = (group == "b") & (y == 1) & (rng.random(n) < 0.4)
        score = np.where(lost, p / 4, score)
    return asked("parity", outcome=y, score=score, groups=pd.DataFrame({"g": group}), threshold=p)


def trade_offs(rng: np.random.Generator, planted: bool, n: int, p: float) -> Evidence:
    """Planted: the outcome is three times as common in group b."""
    group, x, y, score = fair(rng, n, p)
    if planted:
        score = 1 / (1 + np.exp(-x - 1.2 * (group == "b")))
        y = (rng.random(n) < score).astype(float)
    return asked("trade-offs", outcome=y, score=score, groups=pd.DataFrame({"g": group}), threshold=p)


def costs(rng: np.random.Generator, planted: bool, n: int, p: float) -> Evidence:
    """A burden of at most 1.25 is tolerated; planted: risks of group b are so low that its cases are missed."""
    group, x, y, score = fair(rng, n, p)
    if planted:
        score = np.where(group == "b", 1 / (1 + np.exp(-x + 3.0)), score)
    numbers = Requirements(max_cost_ratio=1.25)
    return asked(
        "error-costs", outcome=y, score=score, groups=pd.DataFrame({"g": group}), threshold=p, requirements=numbers
    )


def labels(rng: np.random.Generator, planted: bool, n: int, p: float) -> Evidence:
    """Illness beside cost; planted: group b costs less at the same illness, and the score has learnt cost."""
    group, x, _, _ = fair(rng, n, p)
    seen = x - 0.7 * (group == "b") * planted
    score = 1 / (1 + np.exp(-seen))
    y = (rng.random(n) < score).astype(float)
    return asked("label-choice", outcome=y, score=score, groups=pd.DataFrame({"g": group}), threshold=p,
                 other_outcome=rng.poisson(np.exp(0.6 * x + 2)))  # fmt: skip


def proxies(rng: np.random.Generator, planted: bool, n: int, p: float) -> Evidence:
    """Ten inputs of noise; planted: one of them leans to group b. `fail` here means: called more than chance."""
    group, _, y, score = fair(rng, n, p)
    inputs = pd.DataFrame(rng.normal(size=(n, 10)), columns=[f"x{at}" for at in range(10)])
    if planted:
        inputs["x3"] += 0.4 * (group == "b")
    told = asked("proxies", outcome=y, score=score, groups=pd.DataFrame({"g": group}), threshold=p, inputs=inputs)
    named = [f for f in told.findings if f.check in ("proxies.inputs", "proxies.input", "proxies.score")]
    loud = any(f.estimate is not None and "chance gives" not in f.reason for f in named)
    return Evidence(check="proxies", verdict=Verdict.FAIL if loud else Verdict.PASS, reason="", findings=())


def sites(rng: np.random.Generator, planted: bool, n: int, p: float) -> Evidence:
    """Sixty sites; planted: each site's odds are off by its own factor (standard deviation 0.6 on the log scale)."""
    _, x, y, score = fair(rng, n, p)
    site = rng.integers(0, 60, n)
    if planted:
        y = (rng.random(n) < 1 / (1 + np.exp(-x - 0.6 * rng.normal(size=60)[site]))).astype(float)
    return asked("sites", outcome=y, score=score, site=site.astype(str))


def population(rng: np.random.Generator, planted: bool, n: int, p: float) -> Evidence:
    """Shares as in the population; planted: group b, a fifth of those to be served, is a twentieth of the data."""
    shares = np.array(SIZES)
    drawn = np.array([0.57, 0.05, *SIZES[2:]]) if planted else shares
    group = rng.choice(list("abcdef"), n, p=drawn / drawn.sum())
    table = pd.DataFrame({"g": list("abcdef"), "share": shares})
    del p
    return representativeness(pd.DataFrame({"g": group}), read_population(table), Requirements())


CASES: dict[str, Make] = {
    "parity": parity, "trade-offs": trade_offs, "error-costs": costs, "label-choice": labels, "proxies": proxies,
    "sites": sites, "representativeness": population,
}  # fmt: skip


def large(rows: int) -> None:
    """CPU time of each check that is asked of every examination, at many rows."""
    rng = np.random.default_rng(5)
    names = [f"g{at}" for at in range(6)]
    groups = pd.DataFrame(
        {name: pd.Categorical.from_codes(rng.integers(0, k, rows), [f"l{at}" for at in range(k)])
         for name, k in zip(names, (5, 3, 8, 4, 6, 20), strict=True)}
    )  # fmt: skip
    risk = rng.beta(1, 9, rows)
    for what, subject in (("each row its own patient", None), ("3 rows a patient", rng.integers(0, rows // 3, rows))):
        cohort = Cohort(
            outcome=(rng.random(rows) < risk).astype(float),
            score=risk,
            groups=groups,
            intersections=tuple(combinations(names, 2)),
            subject=subject,
            threshold=0.1,
            site=rng.integers(0, 300, rows).astype(str),
        )
        for check in ("parity", "trade-offs", "error-costs", "proxies", "sites"):
            start = time.process_time()
            examine(cohort, checks=[check])
            spent = time.process_time() - start
            print(f"{rows:,} rows, 6 columns, 15 intersections, {what}: {check} {spent:.1f} s of CPU", flush=True)


def main() -> int:
    """A line for each check; exit 1 when more than 5 % fail with nothing wrong, or under 80 % with a planted fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--patients", type=int, default=7_620)
    parser.add_argument("--prevalence", type=float, default=0.08)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    missed = False
    for name in [word for word in options.only.split(",") if word] or list(CASES):
        shares = []
        for planted in (False, True):
            failed = 0
            for trial in range(options.trials):
                rng = np.random.default_rng([trial, planted])
                told = CASES[name](rng, planted, options.patients, options.prevalence)
                failed += told.verdict is Verdict.FAIL
            shares.append(failed / options.trials)
        missed |= shares[0] > 0.05 or shares[1] < 0.8
        print(f"{name}: {shares[0]:.1%} of {options.trials} with nothing wrong, {shares[1]:.1%} planted", flush=True)
    if options.rows:
        large(options.rows)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
