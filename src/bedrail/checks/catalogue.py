"""The checks there are, in the order they are asked and read."""

from __future__ import annotations

from bedrail.checks.calibration import calibration
from bedrail.checks.comparison import comparison
from bedrail.checks.discrimination import discrimination
from bedrail.checks.equity.costs import error_costs
from bedrail.checks.equity.labels import label_choice
from bedrail.checks.equity.notions import parity
from bedrail.checks.equity.proxies import proxies
from bedrail.checks.equity.tradeoffs import trade_offs
from bedrail.checks.estimates.summary import summary_scores
from bedrail.checks.external.sites import across_sites
from bedrail.checks.fairness import fairness
from bedrail.checks.joining.interventions import interventions
from bedrail.checks.joining.lead_time import lead_time
from bedrail.checks.leakage import leakage
from bedrail.checks.missing_inputs import missing_inputs
from bedrail.checks.question import Check, check
from bedrail.checks.robustness.probing import robustness
from bedrail.checks.robustness.shift import shift
from bedrail.checks.robustness.slices import slices
from bedrail.checks.subgroups import subgroups
from bedrail.checks.thresholds import thresholds
from bedrail.checks.uncertainty import uncertainty
from bedrail.checks.utility import utility

__all__ = ["CHECKS", "OF_THE_DEMAND", "Check", "check"]

CHECKS: dict[str, Check] = {
    found.name: found
    for found in (
        discrimination,
        calibration,
        thresholds,
        utility,
        summary_scores,
        subgroups,
        fairness,
        parity,
        trade_offs,
        error_costs,
        label_choice,
        proxies,
        across_sites,
        uncertainty,
        comparison,
        lead_time,
        interventions,
        leakage,
        missing_inputs,
        robustness,
        shift,
        slices,
    )
}

OF_THE_DEMAND = ("trade-offs",)
"""Checks that speak of what is demanded and not of the model: no model fails by them unless a policy requires them."""
