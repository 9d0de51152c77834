"""How long before the event the first alert comes, and how many events are announced in time."""

from __future__ import annotations

import numpy as np

from bedrail.checks.intervals import distinct, rate_design_effect, rate_interval, wilson
from bedrail.checks.question import against, check
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements, Warnings
from bedrail.core.values import Finding, Verdict

NAME = "lead-time"
QUARTILES = {"lower-quartile": 0.25, "median": 0.5, "upper-quartile": 0.75}
UNASKED = "No time of an event is known, so nothing can be said about how early an alert comes."


@check(NAME, "How early does the alert come?")
def lead_time(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Lead time of the first alert before each event, and the share of events with an alert that early.

    An alert is a score at or above the threshold; all scores of the event's window count, whatever the unit of the
    examination. `lead-time.alerted` is the share of events with any alert; `lead-time.sensitivity` the share with one
    at least so long before (group `lead=6 h`); quartiles are of the events alerted, in hours, or in the clock's own
    unit. `lead-time.median` fails when its interval lies below `min_median_lead_hours`.
    """
    del rng
    told = cohort.warnings
    if told is None:
        return (Finding(check=NAME, verdict=Verdict.MISSING, n=cohort.n, reason=UNASKED),)
    earliest, subject = first_alerts(told, cohort.cut)
    events = len(earliest)
    if events < requirements.min_group:
        reason = f"Fewer than {requirements.min_group} events with a prediction before them: not shown."
        return (Finding(check=NAME, verdict=Verdict.MISSING, reason=reason),)
    alerted = ~np.isnan(earliest)
    findings = [_share(f"{NAME}.alerted", "overall", alerted, subject, requirements, "alerted before the event")]
    for asked in told.at:
        words = f"alerted at least {asked:g} {told.unit} before".replace("  ", " ")
        group = f"lead={asked:g} {told.unit}".strip()
        early = alerted & (np.nan_to_num(earliest, nan=-1.0) >= asked)
        findings.append(_share(f"{NAME}.sensitivity", group, early, subject, requirements, words))
    leads, patients = earliest[alerted], subject[alerted]
    return (*findings, *(_quantile(name, leads, patients, told.unit, requirements) for name in QUARTILES))


def first_alerts(told: Warnings, threshold: float) -> tuple[Floats, Ints]:
    """(lead of the first alert of each event, NaN without one; the patient of each event)."""
    events = int(told.event.max()) + 1 if len(told.event) else 0
    earliest, subject = np.full(events, -np.inf), np.zeros(events, dtype=np.int64)
    alert = told.score >= threshold
    np.maximum.at(earliest, told.event[alert], told.lead[alert])
    subject[told.event] = told.subject
    return np.where(np.isfinite(earliest), earliest, np.nan), subject


def _clusters(subject: Ints) -> Ints | None:
    return None if distinct(subject) == len(subject) else np.unique(subject, return_inverse=True)[1].astype(np.int64)


def _share(name: str, group: str, hits: Bools, subject: Ints, requirements: Requirements, words: str) -> Finding:
    rate, low, high = rate_interval(hits.astype(np.float64), _clusters(subject), requirements.confidence)
    wide = high - low > requirements.widest_rate_interval
    reason = f"{rate:.1%} of {len(hits):,} events {words}."
    return Finding(
        check=name,
        group=group,
        verdict=Verdict.MISSING if wide else Verdict.PASS,
        estimate=rate,
        low=low,
        high=high,
        n=len(hits),
        reason=f"Not enough events to tell: {reason}" if wide else reason,
    )


def quantile_interval(
    values: Floats, clusters: Ints | None, share: float, confidence: float
) -> tuple[float, float, float]:
    """(quantile, low, high) of `values` (n >= 1): quantiles at Wilson's limits of `share` (Woodruff 1952, JASA 47:635).

    Rows of one patient count by the design effect of lying below the quantile. No shape is assumed; the interval ends
    at observed values.
    """
    found = float(np.quantile(values, share))
    below = (values <= found).astype(np.float64)
    low, high = wilson(share, len(values) / rate_design_effect(below, clusters), confidence)
    ends = np.quantile(values, (low, high), method="inverted_cdf")
    return found, float(min(ends[0], found)), float(max(ends[1], found))


def _quantile(name: str, leads: Floats, subject: Ints, unit: str, requirements: Requirements) -> Finding:
    full, n = f"{NAME}.{name}", len(leads)
    if n < requirements.min_group:
        reason = f"Fewer than {requirements.min_group} events were alerted: no lead time is shown."
        return Finding(check=full, verdict=Verdict.MISSING, reason=reason)
    value, low, high = quantile_interval(leads, _clusters(subject), QUARTILES[name], requirements.confidence)
    verdict, reason = Verdict.PASS, f"{value:.3g} {unit} before the event, in {n:,} events alerted.".replace("  ", " ")
    least = requirements.min_median_lead_hours
    if name == "median" and least is not None:
        verdict = against(low, high, least) if unit == "h" else Verdict.MISSING
        reason += f" At least {least:g} h are required{'' if unit == 'h' else ', and this clock has no hours'}."
    return Finding(check=full, verdict=verdict, estimate=value, low=low, high=high, n=n, reason=reason)
