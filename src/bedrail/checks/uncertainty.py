"""Are the model's own statements of uncertainty true?"""

from __future__ import annotations

import numpy as np

from bedrail.checks.groups import cells, too_few
from bedrail.checks.intervals import exact_limits, power_factor, quantile, rate_design_effect, rate_interval
from bedrail.checks.question import check
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict
from bedrail.models.mondrian import answers

ANSWERED_ERROR = "error-among-answered"
CLASSES = ((1.0, "positive", "patients with the outcome"), (0.0, "negative", "patients without the outcome"))


def covered(outcome: Floats, p_values: Floats, alpha: float) -> Bools:
    """(n,) whether the prediction set {y: p_y > alpha} holds the true outcome (Vovk, Gammerman and Shafer 2005)."""
    own = np.where(outcome == 1, p_values[:, 1], p_values[:, 0])
    return np.asarray(own > alpha)


@check("uncertainty", "Are the model's own statements of uncertainty true?")
def uncertainty(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Coverage of conformal sets by outcome class, overall and by group, and sanity of risk intervals.

    `uncertainty.coverage-positive` and `-negative` are the shares of patients of that class whose set at
    `conformal_alpha` holds the truth. They fail when the whole interval, at the confidence that shares `coverage_alpha`
    over both classes of all patients and of every group and the interval's rate, lies below 1 - alpha and the estimate
    more than `coverage_tolerance` below it; they pass when the estimate is within the tolerance and the interval no
    wider than `widest_rate_interval`.
    `uncertainty.answered` is the share of patients whose set holds one outcome only, `uncertainty.error-among-answered`
    the share of these for whom it is the wrong one, for all and by group: it fails when its whole interval lies above
    `max_answered_error` (in groups at the shared confidence) and is missing when the estimate alone does; without that
    bound both are told. Neither is asked where fewer than `min_group` are answered.
    `uncertainty.interval-order` fails when any interval is not within [0, 1] or does not hold its own risk.
    `uncertainty.interval-rate` fails when the observed outcome rate, with its interval at the same shared confidence,
    lies wholly outside the mean interval of the risk; it passes when it meets it.
    """
    del rng
    findings: list[Finding] = []
    if cohort.n == 0 or (cohort.p_values is None and cohort.interval is None):
        reason = "The model gave neither prediction sets nor risk intervals."
        return (Finding(check="uncertainty", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    if cohort.p_values is not None:
        findings += _coverage(cohort, requirements, cohort.p_values)
        findings += _abstention(cohort, requirements, cohort.p_values)
    if cohort.interval is not None:
        findings += [_order(cohort, cohort.interval), _rate(cohort, requirements, cohort.interval)]
    return tuple(findings)


def _coverage(cohort: Cohort, requirements: Requirements, p_values: Floats) -> list[Finding]:
    hits = covered(cohort.outcome, p_values, requirements.conformal_alpha).astype(np.float64)
    bad = ~((p_values >= 0) & (p_values <= 1)).all(axis=1)
    if bad.any():
        reason = f"{int(bad.sum())} of {cohort.n} rows have p-values that are not between 0 and 1."
        return [Finding(check="uncertainty.coverage", verdict=Verdict.FAIL, n=cohort.n, reason=reason)]
    every = cells(cohort, intersections=False)
    strict = _shared(requirements, len(every))
    findings = []
    for label, word, people in CLASSES:
        name = f"uncertainty.coverage-{word}"
        rows = cohort.outcome == label
        findings.append(_share(cohort, requirements, name, "overall", people, hits, rows, strict))
        for cell in every:
            guarded = too_few(cell, name, requirements)
            findings.append(
                guarded or _share(cohort, requirements, name, cell.name, people, hits, rows & cell.rows, strict)
            )
    return findings


def _shared(requirements: Requirements, groups: int) -> float:
    """The confidence that shares `coverage_alpha` over both classes of everybody and of each group, and the rate."""
    return 1 - requirements.coverage_alpha / (2 * (1 + groups) + 1)


def _sure(hits: Floats, clusters: Ints | None, strict: float) -> tuple[float, float]:
    """Limits at the shared confidence, exact because it is far out."""
    return exact_limits(float(hits.mean()), len(hits) / rate_design_effect(hits, clusters), strict)


def _abstention(cohort: Cohort, requirements: Requirements, p_values: Floats) -> list[Finding]:
    """How many are answered, and how many of the answers are wrong; conformal coverage alone promises neither."""
    told = answers(p_values, requirements.conformal_alpha)
    given = told >= 0
    if not np.isfinite(p_values).all() or int(given.sum()) < requirements.min_group:
        return []
    every = cells(cohort, intersections=False)
    strict = _shared(requirements, len(every))
    everyone = np.ones(cohort.n, dtype=np.bool_)
    findings = [_told_share(cohort, requirements, "answered", "overall", given, everyone, requirements.confidence)]
    wrong = given & (told != cohort.outcome)
    findings.append(_told_share(cohort, requirements, ANSWERED_ERROR, "overall", wrong, given, requirements.confidence))
    for cell in every:
        for word, hits, rows in (("answered", given, cell.rows), (ANSWERED_ERROR, wrong, given & cell.rows)):
            guarded = too_few(cell, f"uncertainty.{word}", requirements)
            findings.append(guarded or _told_share(cohort, requirements, word, cell.name, hits, rows, strict))
    return findings


def _told_share(
    cohort: Cohort, requirements: Requirements, word: str, group: str, hits: Bools, rows: Bools, strict: float
) -> Finding:
    name, n = f"uncertainty.{word}", int(rows.sum())
    if n < requirements.min_group:
        reason = f"Fewer than {requirements.min_group} answered patients in {group}: not shown."
        return Finding(check=name, group=group, verdict=Verdict.MISSING, reason=reason)
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    values = hits[rows].astype(np.float64)
    rate, low, high = rate_interval(values, clusters, requirements.confidence)
    most = requirements.max_answered_error if word == ANSWERED_ERROR else None
    verdict, what = Verdict.PASS, "answered" if word == "answered" else "of the answers wrong"
    reason = f"{rate:.1%} {what} among {n:,} in {group}."
    if most is not None and rate > most:
        sure_low = low if group == "overall" else _sure(values, clusters, strict)[0]
        verdict = Verdict.FAIL if sure_low > most else Verdict.MISSING
        start = "Too many answers are wrong" if verdict is Verdict.FAIL else "Not enough patients to tell"
        reason = f"{start} (at most {most:.1%} is promised): {reason}"
    gap = power_factor(1 - requirements.confidence) * (high - low) / 2 / quantile(requirements.confidence)
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


def _share(
    cohort: Cohort,
    requirements: Requirements,
    name: str,
    group: str,
    people: str,
    hits: Floats,
    rows: Bools,
    strict: float,
) -> Finding:
    n, wanted = int(rows.sum()), 1 - requirements.conformal_alpha
    if n < requirements.min_group:
        reason = f"Fewer than {requirements.min_group} {people} in {group}: not shown."
        return Finding(check=name, group=group, verdict=Verdict.MISSING, reason=reason)
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    rate, low, high = rate_interval(hits[rows], clusters, requirements.confidence)
    sure_high = _sure(hits[rows], clusters, strict)[1]
    near = rate >= wanted - requirements.coverage_tolerance
    figure = f"The sets hold the truth for {rate:.1%} of {n:,} {people} in {group}; {wanted:.0%} is promised"
    if sure_high < wanted and not near:
        verdict, reason = Verdict.FAIL, f"{figure}: too sure of itself."
    elif near and high - low <= requirements.widest_rate_interval:
        verdict, reason = Verdict.PASS, f"{figure}."
    else:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell. {figure}."
    gap = power_factor(1 - requirements.confidence) * (high - low) / 2 / quantile(requirements.confidence)
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


def _order(cohort: Cohort, interval: Floats) -> Finding:
    low, high = interval[:, 0], interval[:, 1]
    good = (low >= 0) & (high <= 1) & (low <= cohort.score + 1e-9) & (cohort.score <= high + 1e-9)
    bad = int((~good).sum())
    verdict = Verdict.FAIL if bad else Verdict.PASS
    reason = (
        f"{bad} of {cohort.n} risk intervals leave [0, 1] or do not hold their own risk."
        if bad
        else (f"All {cohort.n} risk intervals hold their own risk; mean width {float((high - low).mean()):.3f}.")
    )
    share = bad / cohort.n
    return Finding(check="uncertainty.interval-order", verdict=verdict, estimate=share, n=cohort.n, reason=reason)


def _rate(cohort: Cohort, requirements: Requirements, interval: Floats) -> Finding:
    name = "uncertainty.interval-rate"
    bounds = interval.mean(axis=0)
    if not np.isfinite(bounds).all():
        return Finding(check=name, verdict=Verdict.FAIL, n=cohort.n, reason="Some risk intervals are not numbers.")
    rate, low, high = rate_interval(cohort.outcome, cohort.clusters, requirements.confidence)
    strict = _shared(requirements, len(cells(cohort, intersections=False)))
    sure_low, sure_high = _sure(cohort.outcome, cohort.clusters, strict)
    figure = f"observed rate {rate:.1%}, mean interval of the risk {bounds[0]:.1%} to {bounds[1]:.1%}"
    if sure_high < bounds[0] or sure_low > bounds[1]:
        verdict, reason = Verdict.FAIL, f"The outcome rate lies outside what the intervals allow: {figure}."
    elif high - low > requirements.widest_rate_interval:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell: {figure}."
    elif high < bounds[0] or low > bounds[1]:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell whether chance is the cause: {figure}."
    else:
        verdict, reason = Verdict.PASS, f"The intervals allow for what happened: {figure}."
    return Finding(check=name, verdict=verdict, estimate=rate, low=low, high=high, n=cohort.n, reason=reason)
