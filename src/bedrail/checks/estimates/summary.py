"""What do the summary scores say: proper scores of the risks, and summaries of the alert?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.estimates.measures import MEASURES
from bedrail.checks.intervals import Measured, power_factor
from bedrail.checks.question import against, check
from bedrail.checks.values import Cohort, Requirements
from bedrail.core.values import Finding, Verdict

NAME = "summary-scores"
ALERTS = ("f1", "balanced-accuracy", "mcc")
SCORES = ("brier", "reliability", "resolution", "uncertainty", "log-loss")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most that the requirements allow; None where nothing is asked."""

    least: float | None = None
    most: float | None = None

    def verdict(self, found: Measured) -> Verdict:
        """Fail when the whole interval lies beyond a bound, missing when the estimate alone does, else pass."""
        if self.least is not None and found.estimate < self.least:
            return Verdict.FAIL if found.high < self.least else Verdict.MISSING
        if self.most is not None and found.estimate > self.most:
            return Verdict.FAIL if found.low > self.most else Verdict.MISSING
        return Verdict.PASS


@check(NAME, "What do the summary scores say of risks and alerts?")
def summary_scores(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """F1, balanced accuracy and Matthews' correlation of the alert; Brier score with its parts, log loss and log skill.

    Measures of the alert pass when their interval is no wider than `widest_rate_interval`. Where a bound is asked
    (`min_f1`, `min_balanced_accuracy`, `min_mcc`, `max_brier`, `max_log_loss`) a measure fails when its whole interval
    lies beyond it and is missing when the estimate alone does. `summary-scores.log-skill` is 1 - log loss / entropy of
    the outcome rate: it fails when its whole interval lies below 0 (worse than giving everybody that), passes above.
    """
    bounds = {
        "f1": Bounds(least=requirements.min_f1),
        "balanced-accuracy": Bounds(least=requirements.min_balanced_accuracy),
        "mcc": Bounds(least=requirements.min_mcc),
        "brier": Bounds(most=requirements.max_brier),
        "log-loss": Bounds(most=requirements.max_log_loss),
    }
    findings = []
    for measure in (*ALERTS, *SCORES, "log-skill"):
        found = MEASURES[measure](cohort, requirements.confidence, rng) if cohort.n else None
        findings.append(_finding(cohort, requirements, measure, found, bounds.get(measure, Bounds())))
    return tuple(findings)


def _finding(
    cohort: Cohort, requirements: Requirements, measure: str, found: Measured | None, bounds: Bounds
) -> Finding:
    name = f"{NAME}.{measure}"
    if found is None:
        reason = "Too few patients with or without the outcome or an alert."
        return Finding(check=name, verdict=Verdict.MISSING, n=cohort.n, reason=reason)
    told = f"{measure.replace('-', ' ')} {found.estimate:.3f} ({found.low:.3f} to {found.high:.3f})"
    verdict, reason = bounds.verdict(found), f"{told}."
    if measure == "log-skill":
        verdict = against(found.low, found.high, 0.0)
    if verdict is Verdict.PASS and measure in ALERTS and found.high - found.low > requirements.widest_rate_interval:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell: {told}."
    elif verdict is not Verdict.PASS:
        reason = f"{'Beyond' if verdict is Verdict.FAIL else 'Not enough patients to tell against'} its bound: {told}."
    return Finding(
        check=name,
        verdict=verdict,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        n=cohort.n,
        smallest_gap=power_factor(1 - requirements.confidence) * found.error,
        reason=reason,
    )
