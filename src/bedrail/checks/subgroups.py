"""How every measure does within every group and intersection."""

from __future__ import annotations

import numpy as np

from bedrail.checks.bootstrap import confusion, confusion_rate
from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.discrimination import auroc
from bedrail.checks.equity.tallies import Pairs
from bedrail.checks.groups import NO_GROUPS, Cell, cell_codes, cells, families, told, too_few
from bedrail.checks.intervals import dense, exact_limits, power_factor
from bedrail.checks.question import against, check
from bedrail.checks.thresholds import RATES, bounds, rate_of
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

SPREADS = ("sensitivity", "specificity", "ppv")


Scored = tuple[Floats, Floats, Ints | None]
"""Outcome, score and patients of a group's rows."""
FEWEST = 10
"""DeLong's normal approximation needs that many patients of each kind before an interval of an AUROC can be trusted."""


@check("subgroups", "Does every measure hold in every group and intersection?", ruling=told)
def subgroups(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`subgroups.auroc`, rates at the threshold and `subgroups.observed-to-expected` in every group.

    Intervals are printed at the stated confidence; a fail is given at the confidence that shares `group_alpha` over
    all groups and bounds (Bonferroni), with limits that are exact so far out, so that many groups do not make a false
    alarm likely. AUROC fails when that interval lies below `min_group_auroc`; a rate when it lies beyond its bound
    (none by default); O/E when it excludes 1 and the estimate is outside `group_observed_to_expected`.
    `subgroups.sensitivity-spread` and its like: see `spreads`. Too wide an interval is missing; so is a group under
    `min_group` patients.
    """
    every = cells(cohort)
    if not every:
        return (Finding(check="subgroups", verdict=Verdict.MISSING, n=cohort.n, reason=NO_GROUPS),)
    bounded = 2 + sum(bounds(metric, requirements) != (None, None) for metric in RATES)
    strict = 1 - requirements.group_alpha / (bounded * len(every))
    findings: list[Finding] = []
    alert = cohort.alert
    for cell in every:
        clusters = None if cohort.clusters is None else dense(cohort.clusters[cell.rows])[1]
        rows = cohort.outcome[cell.rows], alert[cell.rows], clusters
        score = cohort.score[cell.rows]
        findings.append(_auroc((rows[0], score, clusters), requirements, cell, strict))
        for metric in RATES:
            name = f"subgroups.{metric}"
            guarded = too_few(cell, name, requirements)
            findings.append(guarded or rate_of(name, cell.name, metric, rows, cohort.cut, requirements, strict))
        findings.append(_ratio((rows[0], score, clusters), requirements, cell, strict))
    return (*findings, *spreads(cohort, requirements, rng))


def _auroc(scored: Scored, requirements: Requirements, cell: Cell, strict: float) -> Finding:
    name = "subgroups.auroc"
    if guarded := too_few(cell, name, requirements):
        return guarded
    n, area = len(scored[0]), auroc(*scored)
    if area is None or min(area.positives, area.negatives) < FEWEST:
        reason = f"{cell.name} holds too few patients with, or without, the outcome."
        return Finding(check=name, group=cell.name, verdict=Verdict.MISSING, n=n, reason=reason)
    low, high = area.interval(requirements.confidence)
    bound = requirements.min_group_auroc
    verdict = against(low, high, bound)
    if verdict is Verdict.FAIL and area.interval(strict)[1] >= bound:
        verdict = Verdict.MISSING
    words = {
        Verdict.FAIL: f"In {cell.name} the AUROC {area.estimate:.3f} lies below the required {bound:.2f}.",
        Verdict.PASS: f"AUROC {area.estimate:.3f}.",
        Verdict.MISSING: f"Not enough patients in {cell.name} to tell whether AUROC reaches {bound:.2f}.",
    }
    gap = power_factor(1 - requirements.confidence) * area.error
    return Finding(
        check=name,
        group=cell.name,
        verdict=verdict,
        estimate=area.estimate,
        low=low,
        high=high,
        n=n,
        smallest_gap=gap,
        reason=words[verdict],
    )


def _ratio(scored: Scored, requirements: Requirements, cell: Cell, strict: float) -> Finding:
    name = "subgroups.observed-to-expected"
    if guarded := too_few(cell, name, requirements):
        return guarded
    outcome, score, clusters = scored
    found = observed_to_expected(outcome, score, clusters, requirements.confidence)
    n = len(outcome)
    if found is None:
        reason = f"No outcomes are expected in {cell.name}."
        return Finding(check=name, group=cell.name, verdict=Verdict.MISSING, n=n, reason=reason)
    sure = observed_to_expected(outcome, score, clusters, strict, exact_limits)
    assert sure is not None
    low, high = requirements.group_observed_to_expected
    gap = power_factor(1 - requirements.confidence) * found.error
    outside = not low <= found.estimate <= high
    figures = f"in {cell.name}: mean predicted {score.mean():.1%}, observed {outcome.mean():.1%}"
    if outside and (sure.high < 1 or sure.low > 1):
        verdict = Verdict.FAIL
        reason = f"The score {'over' if found.estimate < 1 else 'under'}-predicts {figures}."
    elif not outside and gap <= requirements.detectable_calibration_gap:
        verdict, reason = Verdict.PASS, f"Risks agree with outcomes within the tolerance {figures}."
    else:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell whether risks agree {figures}."
    return Finding(
        check=name,
        group=cell.name,
        verdict=verdict,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        n=n,
        smallest_gap=gap,
        reason=reason,
    )


def spreads(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Largest minus smallest rate among the groups of each column and intersection, group `column=*`.

    Groups with fewer than `min_group` rows to take the rate of are left out. Chance alone spreads rates, so the
    bootstrap interval (over patients) is moved down by the bootstrap's own bias. Fails when that whole interval lies
    above `max_spread`; without such a bound, or below it, passes; missing with fewer than two groups to compare.
    """
    findings: list[Finding] = []
    for columns in families(cohort):
        codes, names = cell_codes(cohort, columns)
        counts, drawn = confusion(
            cohort.outcome, cohort.alert, codes, len(names), cohort.clusters, requirements.draws, rng
        )
        group = " & ".join(f"{column}=*" for column in columns)
        sizes = _patients(cohort, codes, len(names))
        findings += [_spread(metric, group, counts, drawn, sizes, requirements) for metric in SPREADS]
    return tuple(findings)


def _patients(cohort: Cohort, codes: Ints, groups: int) -> Ints:
    """(groups,) number of patients with a row in each."""
    if cohort.clusters is None:
        return np.bincount(codes, minlength=groups)
    return Pairs.of(codes, cohort, groups).patients(groups)


def _spread(metric: str, group: str, counts: Floats, drawn: Floats, sizes: Ints, requirements: Requirements) -> Finding:
    name = f"subgroups.{metric}-spread"
    among = {"sensitivity": counts[:, 2:].sum(axis=1), "specificity": counts[:, :2].sum(axis=1)}
    enough = among.get(metric, counts[:, 1] + counts[:, 3]) >= requirements.min_group
    enough &= sizes >= requirements.min_group
    if int(enough.sum()) < 2:
        reason = f"Fewer than two groups are large enough to compare their {metric}."
        return Finding(check=name, group=group, verdict=Verdict.MISSING, reason=reason)
    spread = float(np.ptp(confusion_rate(metric, counts[enough])))
    rates = confusion_rate(metric, drawn[:, enough])
    again = np.nanmax(rates, axis=1) - np.nanmin(rates, axis=1)
    moved = np.clip(again - (again.mean() - spread), 0.0, 1.0)
    tail = (1 - requirements.confidence) / 2
    low, high = (float(q) for q in np.quantile(moved, [tail, 1 - tail]))
    most = requirements.max_spread
    fail = most is not None and low > most
    reason = f"{metric} differs by {spread:.1%} between the best and the worst of {int(enough.sum())} groups."
    if most is not None:
        reason += f" At most {most:.1%} is allowed."
    n = int(counts[enough].sum())
    verdict = Verdict.FAIL if fail else Verdict.PASS
    return Finding(check=name, group=group, verdict=verdict, estimate=spread, low=low, high=high, n=n, reason=reason)
