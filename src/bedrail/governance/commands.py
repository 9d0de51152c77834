"""The commands that reasons and remedies name, in one place, so that they stay what the command line offers."""

from __future__ import annotations


def open_use_case() -> str:
    """Open a use case from its folder."""
    return "bedrail use-case open FOLDER"


def adopt_policy() -> str:
    """Adopt a policy file."""
    return "bedrail policy adopt FILE"


def admit_data(use_case: str) -> str:
    """Admit the data that the charter names."""
    return f"bedrail data admit {use_case} --folder FOLDER"


def show_deidentification(dataset: str) -> str:
    """Which condition of a dataset's de-identification fails, or could not be told."""
    return f"bedrail deid evidence show {dataset[:12]}"


def train(use_case: str) -> str:
    """Train a candidate by recipe."""
    return f"bedrail train {use_case} --recipe boosting"


def examine(use_case: str, candidate: str) -> str:
    """Answer every check about a candidate."""
    return f"bedrail examine {use_case} --candidate {candidate}"


def approve(use_case: str, candidate: str, role: str, stage: str, person: str) -> str:
    """Approve a candidate in a role."""
    return f"bedrail approve {use_case} --candidate {candidate} --to {stage} --role {role} --as {person}"


def add_person(role: str) -> str:
    """Give a role to somebody."""
    return f"bedrail people add PERSON --role {role}"


def deploy(use_case: str, candidate: str, stage: str) -> str:
    """Move a candidate to a stage."""
    return f"bedrail deploy {use_case} --candidate {candidate} --to {stage}"


def watch(use_case: str) -> str:
    """Let the monitors look at the decisions so far."""
    return f"bedrail watch {use_case}"


def answer_finding(finding: str, person: str) -> str:
    """Answer an auditor's finding."""
    return f"bedrail findings answer {finding} --answer WHAT --as {person}"


def close_finding(finding: str) -> str:
    """Accept the answer to a finding."""
    return f"bedrail findings close {finding} --remark WHY"
