"""Who pays for the score's errors?"""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np

from bedrail.checks.equity.notions import enough_of
from bedrail.checks.equity.tallies import Pairs, Tally, families, tally
from bedrail.checks.groups import NO_GROUPS
from bedrail.checks.intervals import power_factor, quantile
from bedrail.checks.question import check
from bedrail.checks.values import Cohort, Floats, Requirements
from bedrail.core.values import Finding, Verdict

PER = 1_000.0
COSTS = ("missed", "false-alerts", "total")


def price(cohort: Cohort, requirements: Requirements) -> float:
    """What a false alert costs, in missed cases: as required, else the odds of the threshold.

    Whoever alerts from a risk of t on holds a false alert to be t / (1 - t) as bad as a missed case (Vickers and
    Elkin 2006).
    """
    if requirements.false_alert_cost is not None:
        return requirements.false_alert_cost
    cut = min(max(cohort.cut, 1e-6), 1 - 1e-6)
    return cut / (1 - cut)


@check("error-costs", "Who pays for the score's errors?")
def error_costs(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`error-costs.missed`, `.false-alerts` (per 1,000 of the group's predictions), `.total` and `.burden`, by group.

    The total counts in missed cases: missed ones, and false alerts at `false_alert_cost` each (by default the odds of
    the threshold). The burden is the group's cost per prediction over that of the rest of its column: above 1 the group
    pays more than others. It fails when its lower limit, holding for all groups together (`side_alpha`), exceeds
    `max_cost_ratio`; without that bound it is information. Variances sum each patient's rows first.
    """
    del rng
    every = families(cohort)
    if not every:
        return (Finding(check="error-costs", verdict=Verdict.MISSING, n=cohort.n, reason=NO_GROUPS),)
    each = price(cohort, requirements)
    missed = cohort.outcome * ~cohort.alert
    alarms = (1 - cohort.outcome) * cohort.alert
    values = {"missed": missed, "false-alerts": alarms, "total": missed + each * alarms}
    findings: list[Finding] = []
    tallies = [tally(cohort, columns) for columns in every]
    groups = sum(int(enough_of(found, requirements).sum()) for found in tallies)
    for found in tallies:
        findings += _column(cohort, found, values, each, requirements, requirements.side_alpha / max(1, groups))
    return tuple(findings)


def _column(
    cohort: Cohort, found: Tally, values: dict[str, Floats], each: float, requirements: Requirements, alpha: float
) -> list[Finding]:
    g = len(found.names)
    rows = found.rows
    pairs = None if cohort.clusters is None else Pairs.of(found.codes, cohort, g)
    means, errors = {}, {}
    for what, value in values.items():
        total = np.bincount(found.codes, weights=value, minlength=g)
        means[what] = total / rows
        centred = value - means[what][found.codes]
        if pairs is None:
            squares = np.bincount(found.codes, weights=centred**2, minlength=g)
        else:
            squares = np.bincount(pairs.owner, weights=pairs.sums(centred) ** 2, minlength=g)
        k = np.maximum(found.patients, 2)
        errors[what] = np.sqrt(squares * k / (k - 1)) / rows
    findings: list[Finding] = []
    for at in np.flatnonzero(enough_of(found, requirements)):
        name, n = found.names[at], int(rows[at])
        findings += [_mean(name, n, what, means[what][at], errors[what][at], each, requirements) for what in COSTS]
        findings.append(_burden(name, int(at), n, rows, means["total"], errors["total"], requirements, alpha))
    return findings


WORDS = {
    "missed": "{x:.1f} of 1,000 had the outcome and no alert.",
    "false-alerts": "{x:.1f} of 1,000 had an alert and not the outcome.",
    "total": "Errors cost as much as {x:.1f} missed cases per 1,000, a false alert counting {c:.3g} of one.",
}


def _mean(name: str, n: int, what: str, mean: float, error: float, each: float, requirements: Requirements) -> Finding:
    half = quantile(requirements.confidence) * error
    if error == 0.0:
        # Nothing was seen to vary; the rule of three bounds what n rows could have hidden (Hanley 1983).
        half = 3 / n * (1.0 if what == "missed" else max(1.0, each))
    return Finding(
        check=f"error-costs.{what}",
        group=name,
        verdict=Verdict.PASS,
        estimate=mean * PER,
        low=max(0.0, mean - half) * PER,
        high=(mean + half) * PER,
        n=n,
        smallest_gap=power_factor(1 - requirements.confidence) * error * PER,
        reason=WORDS[what].format(x=mean * PER, c=each),
    )


def _burden(
    name: str,
    at: int,
    n: int,
    rows: Floats,
    means: Floats,
    errors: Floats,
    requirements: Requirements,
    alpha: float,
) -> Finding:
    """Cost per prediction over the rest's, on the log scale with the delta method."""
    outside = np.arange(len(rows)) != at
    others = float(rows[outside].sum())
    mean = float((means * rows)[outside].sum()) / others
    error = sqrt(float(((errors * rows)[outside] ** 2).sum())) / others
    check_name, most = "error-costs.burden", requirements.max_cost_ratio
    if means[at] <= 0 or mean <= 0:
        reason = "No error was seen in the group or in the rest, so that costs cannot be compared."
        return Finding(check=check_name, group=name, verdict=Verdict.MISSING, n=n, reason=reason)
    ratio = float(means[at]) / mean
    spread = sqrt((float(errors[at]) / float(means[at])) ** 2 + (error / mean) ** 2)
    half, sure = quantile(requirements.confidence) * spread, quantile(1 - alpha) * spread
    words = f"Per prediction, {name} bears {ratio:.2f} times the cost of errors that the rest bears."
    verdict = Verdict.PASS
    if most is None:
        words = f"For information: {words}"
    elif ratio * exp(-sure) > most:
        verdict, words = Verdict.FAIL, f"{words} At most {most:g} is tolerated."
    elif ratio * exp(half) > most and exp(power_factor(alpha) * spread) > most:
        verdict, words = Verdict.MISSING, f"Not enough patients to tell. {words}"
    return Finding(
        check=check_name,
        group=name,
        verdict=verdict,
        estimate=ratio,
        low=exp(log(ratio) - half),
        high=exp(log(ratio) + half),
        n=n,
        smallest_gap=exp(power_factor(alpha) * spread) - 1,
        reason=words,
        judged=most is not None,
    )
