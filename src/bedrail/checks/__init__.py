"""Pre-deployment questions: one decorated function is one piece of evidence about a cohort of predictions."""

from bedrail.checks.catalogue import CHECKS, Check, check
from bedrail.checks.examine import examine
from bedrail.checks.values import Cohort, Probe, Requirements

__all__ = ["CHECKS", "Check", "Cohort", "Probe", "Requirements", "check", "examine"]
