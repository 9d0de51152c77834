"""Tables fit for release: Safe Harbor columns, re-identification risk, optimal generalisation."""

from bedrail.privacy.release.measures import Measures, measure
from bedrail.privacy.release.policy_file import parse_policy, read_policy
from bedrail.privacy.release.release import Released, deidentify_csv, deidentify_frame
from bedrail.privacy.release.safe_harbor import safe_harbor
from bedrail.privacy.release.values import Column, Policy, Proof, Targets

__all__ = [
    "Column", "Measures", "Policy", "Proof", "Released", "Targets", "deidentify_csv", "deidentify_frame", "measure",
    "parse_policy", "read_policy", "safe_harbor",
]  # fmt: skip
