"""What happens at the alert threshold: who is found, who is spared, how many alerts, how many in vain."""

from __future__ import annotations

from math import sqrt

import numpy as np

from bedrail.checks.intervals import exact_limits, near_edges, power_factor, rate_design_effect
from bedrail.checks.question import check
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

RATES = ("sensitivity", "specificity", "ppv", "npv", "alert-rate")
AMONG = {
    "sensitivity": "patients with the outcome",
    "specificity": "patients without the outcome",
    "ppv": "alerts",
    "npv": "patients without an alert",
    "alert-rate": "patients",
}


def part(metric: str, outcome: Floats, alert: Bools) -> tuple[Bools, Floats]:
    """(rows that `metric` is a share of, (n,) 0/1 whether a row counts as a hit); one of `RATES`."""
    happened = outcome == 1
    table = {
        "sensitivity": (happened, alert),
        "specificity": (~happened, ~alert),
        "ppv": (alert, happened),
        "npv": (~alert, ~happened),
        "alert-rate": (np.ones(len(outcome), dtype=np.bool_), alert),
    }
    rows, hits = table[metric]
    return rows, hits.astype(np.float64)


def bounds(metric: str, requirements: Requirements) -> tuple[float | None, float | None]:
    """(least, most) that the requirements allow for `metric`."""
    least = {
        "sensitivity": requirements.min_sensitivity,
        "specificity": requirements.min_specificity,
        "ppv": requirements.min_ppv,
        "npv": requirements.min_npv,
    }.get(metric)
    return least, requirements.max_alert_rate if metric == "alert-rate" else None


def rate_finding(
    name: str, group: str, metric: str, cohort: Cohort, rows: Bools, requirements: Requirements, strict: float
) -> Finding:
    """One rate among `rows`, held against its bound.

    Fails when the interval at confidence `strict` lies wholly beyond the bound; passes when the printed interval
    is no wider than `widest_rate_interval` and does not; missing otherwise. Under `min_group` rows to take a share
    of, nothing is printed.
    """
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    return rate_of(
        name, group, metric, (cohort.outcome[rows], cohort.alert[rows], clusters), cohort.cut, requirements, strict
    )


Rows = tuple[Floats, Bools, Ints | None]
"""Outcome, alert and patients of some rows."""


def rate_of(
    name: str, group: str, metric: str, rows: Rows, cut: float, requirements: Requirements, strict: float
) -> Finding:
    """`rate_finding` of rows that were taken out already; `cut` is the threshold of their alerts."""
    outcome, alert, clusters = rows
    chosen, hits = part(metric, outcome, alert)
    n = int(chosen.sum())
    if n < requirements.min_group:
        reason = f"Fewer than {requirements.min_group} {AMONG[metric]} in {group}: not shown."
        return Finding(check=name, group=group, verdict=Verdict.MISSING, reason=reason)
    values = hits[chosen]
    rate = float(values.mean())
    effective = n / rate_design_effect(values, None if clusters is None else clusters[chosen])
    low, high = near_edges(rate, effective, requirements.confidence)
    sure = exact_limits if strict > requirements.confidence else near_edges
    sure_low, sure_high = sure(rate, effective, strict)
    least, most = bounds(metric, requirements)
    shown = f"{rate:.1%} of {n:,} {AMONG[metric]} at threshold {cut:.3g}"
    if least is not None and sure_high < least:
        verdict, reason = Verdict.FAIL, f"{metric} is too low in {group}: {shown}; at least {least:.1%} is required."
    elif most is not None and sure_low > most:
        verdict, reason = Verdict.FAIL, f"{metric} is too high in {group}: {shown}; at most {most:.1%} is allowed."
    elif high - low > requirements.widest_rate_interval:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell: {shown}."
    elif (least is not None and rate < least) or (most is not None and rate > most):
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell whether {metric} keeps its bound: {shown}."
    else:
        unbound = " No bound is required; it is known closely enough." if least is None and most is None else ""
        verdict, reason = Verdict.PASS, f"{shown}.{unbound}"
    gap = min(1.0, power_factor(1 - requirements.confidence) * sqrt(max(rate * (1 - rate), 0.0475) / effective))
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=rate,
        low=low,
        high=high,
        n=n,
        smallest_gap=gap,
        reason=reason,
    )


@check("thresholds", "What happens at the alert threshold?")
def thresholds(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Sensitivity, specificity, PPV, NPV, alert rate and number needed to evaluate (alerts per true one), overall.

    Each fails when its whole interval lies beyond the bound that the requirements set (none by default), passes when
    it is known to within `widest_rate_interval`, and is missing otherwise. The number needed to evaluate is 1 / PPV.
    """
    del rng
    everyone = np.ones(cohort.n, dtype=np.bool_)
    findings = tuple(
        rate_finding(f"thresholds.{m}", "overall", m, cohort, everyone, requirements, requirements.confidence)
        for m in RATES
    )
    return (*findings, _number_needed(findings[RATES.index("ppv")], requirements))


def _number_needed(ppv: Finding, requirements: Requirements) -> Finding:
    name = "thresholds.number-needed-to-evaluate"
    if not ppv.estimate or ppv.high is None or ppv.low is None:
        return Finding(
            check=name, verdict=Verdict.MISSING, n=ppv.n, reason="No alert was a true one, or too few alerts."
        )
    low, high = 1 / ppv.high, 1 / max(ppv.low, 1e-9)
    most = requirements.max_number_needed
    verdict = ppv.verdict
    reason = f"{1 / ppv.estimate:.1f} alerts to find one patient with the outcome."
    if most is not None:
        verdict = Verdict.FAIL if low > most else Verdict.PASS if 1 / ppv.estimate <= most else Verdict.MISSING
        reason += f" At most {most:g} are allowed."
    return Finding(check=name, verdict=verdict, estimate=1 / ppv.estimate, low=low, high=high, n=ppv.n, reason=reason)
