"""Whether care between prediction and event could have changed the outcome that the score is judged by."""

from __future__ import annotations

import numpy as np

from bedrail.checks.intervals import rate_interval
from bedrail.checks.question import check
from bedrail.checks.values import Bools, Cohort, Requirements
from bedrail.core.values import Finding, Verdict

NAME = "interventions"
FEW = 0.05
"""Up to this share of predictions with an intervention in between, it can hardly move a rate that matters."""


@check(NAME, "Was the outcome left to itself after the prediction?")
def interventions(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Share of predictions followed by each named intervention before the event or the window's end.

    `interventions.NAME` has a finding for all rows, for alerts and for the others (groups `alert=yes`, `alert=no`).
    A false alarm that was treated may be a true one (Lenert, Matheny and Walsh 2019): above 5 % nobody can tell from
    these data, and the verdict is missing. Not asked when no intervention is named.
    """
    del rng
    told = cohort.interventions
    if not told:
        reason = "No intervention was named, so it is not known whether care changed the outcomes."
        return (Finding(check=NAME, verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    parts = (("overall", np.ones(cohort.n, dtype=np.bool_)), ("alert=yes", cohort.alert), ("alert=no", ~cohort.alert))
    return tuple(
        _finding(cohort, requirements, name, group, rows, treated)
        for name, treated in told.items()
        for group, rows in parts
    )


def _finding(cohort: Cohort, requirements: Requirements, name: str, group: str, rows: Bools, treated: Bools) -> Finding:
    check_name, n = f"{NAME}.{name}", int(rows.sum())
    if n < requirements.min_group:
        reason = f"Fewer than {requirements.min_group} predictions: not shown."
        return Finding(check=check_name, group=group, verdict=Verdict.MISSING, reason=reason)
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    share, low, high = rate_interval(treated[rows].astype(np.float64), clusters, requirements.confidence)
    reason = f"{share:.1%} of {n:,} predictions are followed by {name} before the event or the end of the window."
    verdict = Verdict.PASS
    if high > FEW:
        verdict = Verdict.MISSING
        reason += " Without it more might have had the event: sensitivity, PPV and calibration speak of care as given."
    return Finding(
        check=check_name, group=group, verdict=verdict, estimate=share, low=low, high=high, n=n, reason=reason
    )
