"""Does the score serve every group as it serves the others?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bedrail.checks.contrasts import METRICS, Contrast, contrast, gap_interval
from bedrail.checks.groups import NO_GROUPS, Cell, cells, told, too_few
from bedrail.checks.intervals import power_factor
from bedrail.checks.question import check
from bedrail.checks.sides import Shared
from bedrail.checks.thresholds import AMONG
from bedrail.checks.values import Cohort, Requirements
from bedrail.core.errors import Invalid
from bedrail.core.values import Finding, Verdict

Contrasts = dict[tuple[str, str], Contrast]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the family-wise error under any dependence (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    running = 0.0
    for place, at in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - place) * p_values[at]))
        adjusted[at] = running
    return [float(value) for value in adjusted]


@check("fairness", "Does the score serve every group as it serves the others?", ruling=told)
def fairness(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Sensitivity (equal opportunity), specificity (false alarms), PPV and O/E of each group against its column's rest.

    The estimate is the gap, group minus rest. All groups times all measures are one family: Holm's step-down on
    exact p-values (Fisher's for rates, the conditional binomial for O/E) keeps the chance that an exactly fair model is
    failed anywhere at or below `family_alpha`. Rows of one patient are deflated by their design effect.
    A finding fails when its adjusted p-value is at most `family_alpha` and the gap is larger than the tolerance
    (`max_sensitivity_gap`, ...), in either direction: a group served better is a rest served worse. It passes when it
    does not fail and the smallest gap the data could have shown (80 % power at the family's adjusted alpha) is at most
    `detectable_gap`; otherwise it is missing: not enough patients to tell. Intervals of gaps hold for the whole family
    at once. Equal PPV, equal O/E and equal error rates cannot all hold when groups differ in their outcome rate
    (Chouldechova 2017); `fairness_metrics` chooses which of them bind, and `error_rate_columns` by which attributes
    error rates are judged: a hospital may ask calibration, not equal error rates, where an attribute such as age is
    itself a reason for higher risk.
    """
    del rng
    metrics = _metrics(requirements)
    every = cells(cohort, intersections=requirements.fairness_intersections)
    if not every:
        return (Finding(check="fairness", verdict=Verdict.MISSING, n=cohort.n, reason=NO_GROUPS),)
    found: Contrasts = {}
    shared = Shared(cohort)
    asked = [(cell, metric) for cell in every for metric in metrics if _binds(cell, metric, requirements)]
    for cell, metric in asked:
        one = None if cell.patients < requirements.min_group else contrast(cohort, cell, metric, requirements, shared)
        if one is not None:
            found[cell.name, metric] = one
    adjusted, family = _adjust(found, every)
    return tuple(
        _finding(cohort, requirements, found[cell.name, metric], adjusted[cell.name, metric], family)
        if (cell.name, metric) in found
        else _untold(cell, metric, requirements)
        for cell, metric in asked
    )


def _binds(cell: Cell, metric: str, requirements: Requirements) -> bool:
    """Calibration binds everywhere; error rates by the columns that the policy names, or by all."""
    named = requirements.error_rate_columns
    return metric == "calibration" or not named or set(cell.columns) <= set(named)


def _metrics(requirements: Requirements) -> tuple[str, ...]:
    for metric in requirements.fairness_metrics:
        if metric not in METRICS:
            path, remedy = "requirements.fairness_metrics", f"Choose from: {', '.join(METRICS)}."
            raise Invalid(f"names {metric!r}.", path=path, remedy=remedy)
    return tuple(dict.fromkeys(requirements.fairness_metrics))


def _adjust(found: Contrasts, every: Sequence[Cell]) -> tuple[dict[tuple[str, str], float], int]:
    """Adjusted p-values and the size of the family; the second of just two levels shares the first one's test."""
    twin_of: dict[str, str] = {}
    for family in dict.fromkeys(cell.columns for cell in every):
        levels = [cell.name for cell in every if cell.columns == family]
        if len(levels) == 2:
            twin_of[levels[1]] = levels[0]
    first = {(g, m): (twin_of.get(g, g), m) if (twin_of.get(g, g), m) in found else (g, m) for g, m in found}
    tested = list(dict.fromkeys(first.values()))
    values = dict(zip(tested, holm([found[key].p_value for key in tested]), strict=True))
    return {key: values[first[key]] for key in found}, len(tested)


def _tolerance(metric: str, requirements: Requirements) -> tuple[float, float]:
    """(largest gap tolerated, gap that the data must be able to show)."""
    detectable = requirements.detectable_calibration_gap if metric == "calibration" else requirements.detectable_gap
    return {
        "sensitivity": requirements.max_sensitivity_gap,
        "specificity": requirements.max_specificity_gap,
        "ppv": requirements.max_ppv_gap,
        "calibration": requirements.max_calibration_gap,
    }[metric], detectable


def _finding(cohort: Cohort, requirements: Requirements, found: Contrast, p_value: float, family: int) -> Finding:
    alpha = requirements.family_alpha / family
    tolerance, detectable = _tolerance(found.metric, requirements)
    low, high = gap_interval(cohort, found, 1 - alpha)
    smallest = power_factor(alpha) * found.error
    if found.metric != "calibration":
        smallest = min(1.0, smallest)
    sentence = _sentence(found)
    if p_value <= requirements.family_alpha and abs(found.gap) > tolerance:
        verdict, reason = Verdict.FAIL, f"{sentence} Chance is an unlikely cause (adjusted p = {p_value:.2g})."
    elif smallest <= detectable:
        verdict = Verdict.PASS
        reason = f"{sentence} No gap beyond {tolerance:g} is shown; one of {smallest:.2g} would have been."
    else:
        verdict = Verdict.MISSING
        reason = f"Not enough patients to tell: only a gap of {smallest:.2g} or more would have been shown. {sentence}"
    return Finding(
        check=f"fairness.{found.metric}",
        group=found.cell.name,
        verdict=verdict,
        estimate=found.gap,
        low=low,
        high=high,
        n=found.n,
        smallest_gap=smallest,
        reason=reason,
    )


def _sentence(found: Contrast) -> str:
    name, inside, outside = found.cell.name, found.inside, found.outside
    if found.metric == "calibration":
        return f"Observed over expected is {inside:.2f} in {name} and {outside:.2f} in the rest."
    if found.metric == "sensitivity":
        return f"The score finds {inside:.1%} of the patients with the outcome in {name} and {outside:.1%} in the rest."
    if found.metric == "specificity":
        return f"No alert for {inside:.1%} of the patients without the outcome in {name} and {outside:.1%} in the rest."
    return f"{inside:.1%} of the alerts are true ones in {name} and {outside:.1%} in the rest."


def _untold(cell: Cell, metric: str, requirements: Requirements) -> Finding:
    name = f"fairness.{metric}"
    if guarded := too_few(cell, name, requirements):
        return guarded
    among = "outcomes" if metric == "calibration" else AMONG[metric]
    reason = f"Not enough patients to tell: too few {among} in {cell.name}, or nobody to compare it with."
    return Finding(check=name, group=cell.name, verdict=Verdict.MISSING, reason=reason)
