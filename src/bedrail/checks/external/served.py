"""Are the data like the population to be served, and what would the score do there?"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.equity.suppression import hidden, withhold
from bedrail.checks.external.population import Margin, Placed, effective_share, place, rows_of, weights_for
from bedrail.checks.groups import patients_in
from bedrail.checks.intervals import quantile, rate_interval, sum_variance
from bedrail.checks.question import rule
from bedrail.checks.values import Cohort, Floats, Ints, Requirements
from bedrail.core.values import Evidence, Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

NAME = "representativeness"


def representativeness(
    trained: pd.DataFrame,
    margins: Sequence[Margin],
    requirements: Requirements,
    *,
    subject: object = None,
    examined: Cohort | None = None,
) -> Evidence:
    """Evidence `representativeness`: the data against the population, and the score's figures weighed to it.

    `trained` has the attributes of the data that a model was made from, `subject` their patients; `examined` is the
    cohort it was examined on. See `checks/external/methods.py` for what is computed, and when a finding fails.
    """
    n = len(trained)
    made = Cohort(
        outcome=np.zeros(n),
        score=np.zeros(n),
        groups=trained,
        intersections=tuple(margin.columns for margin in margins if len(margin.columns) > 1),
        subject=None if subject is None else np.asarray(subject),
        threshold=0.5,
    )
    assert made.groups is not None
    placed = place(made.groups, margins)
    findings: list[Finding] = []
    for one in placed:
        findings += _composition(made, one, requirements)
        findings.append(_uncovered(made, one, requirements))
    told = hidden(made, requirements)
    findings = [*withhold(findings, told), *_weighing(made, placed, requirements)]
    if examined is not None:
        assert examined.groups is not None
        findings += _performance(examined, place(examined.groups, margins), requirements)
    verdict, reason = rule(made, requirements, tuple(findings))
    return Evidence(check=NAME, verdict=verdict, reason=reason, findings=tuple(findings))


def standardised_difference(rate: float, share: float) -> float:
    """(p - q) over the root of the mean of the two variances (Austin 2009); 0 where neither varies."""
    spread = sqrt((rate * (1 - rate) + share * (1 - share)) / 2)
    return (rate - share) / spread if spread > 0 else 0.0


def _composition(made: Cohort, one: Placed, requirements: Requirements) -> list[Finding]:
    findings = []
    most = requirements.max_standardised_difference
    known = one.cell >= 0
    clusters = None if made.clusters is None else made.clusters[known]
    strict = 1 - (1 - requirements.confidence) / len(one.levels)
    for at, levels in enumerate(one.levels):
        name = one.margin.name(levels)
        rows = rows_of(one, at)
        if patients_in(made, rows) < requirements.min_group:
            reason = (
                f"Fewer than {requirements.min_group} patients of {name}, {one.share[at]:.1%} of those to be served."
            )
            findings.append(Finding(check=f"{NAME}.share", group=name, verdict=Verdict.MISSING, reason=reason))
            continue
        rate, low, high = rate_interval(rows[known].astype(np.float64), clusters, strict)
        share = float(one.share[at])
        gap, below, above = (standardised_difference(value, share) for value in (rate, low, high))
        words = f"{name} is {rate:.1%} of the data and {share:.1%} of those to be served (standardised {gap:+.2f})."
        nearest = min(abs(below), abs(above)) if below * above > 0 else 0.0
        verdict = Verdict.PASS
        if nearest > most:
            verdict, words = Verdict.FAIL, f"{words} At most {most:g} is tolerated."
        elif max(abs(below), abs(above)) > most:
            verdict, words = Verdict.MISSING, f"{words} Whether it stays within {most:g} cannot be told."
        findings.append(
            Finding(
                check=f"{NAME}.share",
                group=name,
                verdict=verdict,
                estimate=gap,
                low=below,
                high=above,
                n=int(rows.sum()),
                reason=words,
            )
        )
    return findings


def _uncovered(made: Cohort, one: Placed, requirements: Requirements) -> Finding:
    few = [
        at
        for at in range(len(one.levels))
        if one.share[at] > 0 and patients_in(made, rows_of(one, at)) < requirements.min_group
    ]
    share, most = float(one.share[few].sum()), requirements.max_uncovered_share
    group = " & ".join(f"{column}=*" for column in one.margin.columns)
    names = ", ".join(one.margin.name(one.levels[at]) for at in few[:8])
    words = f"{share:.1%} of those to be served are of groups with fewer than {requirements.min_group} patients here"
    words += f": {names}." if few else "."
    verdict = Verdict.FAIL if share > most else Verdict.PASS
    if verdict is Verdict.FAIL:
        words += f" At most {most:.0%} is tolerated: nothing can be said of them."
    return Finding(check=f"{NAME}.uncovered", group=group, verdict=verdict, estimate=share, reason=words)


def _weighing(made: Cohort, placed: Sequence[Placed], requirements: Requirements) -> list[Finding]:
    weights = weights_for(placed, made.n)
    share = effective_share(weights, made.clusters)
    least = requirements.min_effective_share
    words = (
        f"Weighed to those to be served, {made.patients:,} patients tell as much as {share * made.patients:,.0f} drawn "
        f"from them; the largest weight is {weights.max():.1f} times the mean."
    )
    return [
        Finding(
            check=f"{NAME}.effective-share",
            verdict=Verdict.PASS if share >= least else Verdict.FAIL,
            estimate=share,
            n=made.n,
            reason=words if share >= least else f"{words} At least {least:.0%} is asked.",
        )
    ]


def weighted_auroc(outcome: Floats, score: Floats, weights: Floats) -> tuple[float, Floats] | None:
    """(area, pulls (n,)) of the AUROC in which each pair counts the product of its weights; None without both classes.

    The pulls are DeLong's placements with weights; their (patient-summed) squares add up to the variance.
    """
    order = np.argsort(score, kind="stable")
    s, y, w = score[order], outcome[order], weights[order]
    ends = np.append(np.flatnonzero(np.diff(s)), len(s) - 1) if len(s) else np.zeros(0, dtype=np.int64)
    block = np.searchsorted(ends, np.arange(len(s)))
    placement = np.empty(len(s))
    totals = {value: float(w[y == value].sum()) for value in (0.0, 1.0)}
    if min(totals.values()) <= 0:
        return None
    for value in (1.0, 0.0):
        against = np.where(y == 1 - value, w, 0.0)
        running = np.cumsum(against)
        upto = running[ends][block]
        before = np.concatenate(([0.0], running[ends][:-1]))[block]
        lower = (upto + before) / 2 / totals[1 - value]
        mine = y == value
        placement[mine] = lower[mine] if value == 1.0 else 1 - lower[mine]
    area = float(np.sum(w[y == 1] * placement[y == 1]) / totals[1.0])
    pulls = w * (placement - area) / np.where(y == 1, totals[1.0], totals[0.0])
    back = np.empty(len(s))
    back[order] = pulls
    return area, back


def weighted_ratio(top: Floats, bottom: Floats, weights: Floats, clusters: Ints | None) -> tuple[float, float] | None:
    """(ratio of weighted sums, its standard error by linearisation over patients); None when the bottom is 0."""
    whole = float(np.sum(weights * bottom))
    if whole <= 0:
        return None
    ratio = float(np.sum(weights * top)) / whole
    return ratio, sqrt(sum_variance(weights * (top - ratio * bottom) / whole, clusters))


def _performance(cohort: Cohort, placed: Sequence[Placed], requirements: Requirements) -> list[Finding]:
    """The score's figures as if the examined patients had the population's shares; weights are taken as known."""
    weights = weights_for(placed, cohort.n)
    plain = np.ones(cohort.n)
    y, alert = cohort.outcome, cohort.alert.astype(np.float64)
    findings = []
    sides = {
        "observed-to-expected": (y, cohort.score),
        "sensitivity": (y * alert, y),
        "specificity": ((1 - y) * (1 - alert), 1 - y),
        "ppv": (y * alert, alert),
        "alert-rate": (alert, np.ones(cohort.n)),
    }
    areas = weighted_auroc(y, cohort.score, weights), weighted_auroc(y, cohort.score, plain)
    told: dict[str, tuple[float, float, float] | None] = {"auroc": None}
    if areas[0] is not None and areas[1] is not None:
        told["auroc"] = areas[0][0], sqrt(sum_variance(areas[0][1], cohort.clusters)), areas[1][0]
    for measure, (top, bottom) in sides.items():
        there, here = (weighted_ratio(top, bottom, each, cohort.clusters) for each in (weights, plain))
        told[measure] = None if there is None or here is None else (*there, here[0])
    for measure, figures in told.items():
        findings.append(_weighed(measure, figures, cohort, requirements))
    return findings


def _weighed(
    measure: str, figures: tuple[float, float, float] | None, cohort: Cohort, requirements: Requirements
) -> Finding:
    name = f"{NAME}.{measure}-there"
    if figures is None:
        reason = "Patients with and without the outcome, and alerts, are needed."
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    value, error, here = figures
    half = quantile(requirements.confidence) * error
    low, high = max(0.0, value - half), value + half
    if measure != "observed-to-expected":
        high = min(1.0, high)
    words = f"Among those to be served {measure} would be {value:.3f}; as examined it is {here:.3f}."
    verdict = Verdict.PASS
    least, most = {
        "auroc": (requirements.min_auroc, None),
        "observed-to-expected": requirements.observed_to_expected,
        "sensitivity": (requirements.min_sensitivity, None),
        "specificity": (requirements.min_specificity, None),
        "ppv": (requirements.min_ppv, None),
        "alert-rate": (None, requirements.max_alert_rate),
    }[measure]
    if (least is not None and high < least) or (most is not None and low > most):
        verdict, words = Verdict.FAIL, f"{words} That is outside what is required."
    elif (least is not None and value < least) or (most is not None and value > most):
        verdict, words = Verdict.MISSING, f"Not enough patients to tell whether the requirement is kept. {words}"
    return Finding(check=name, verdict=verdict, estimate=value, low=low, high=high, n=cohort.n, reason=words)
