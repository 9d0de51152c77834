"""The shape of a check: one question, asked of a cohort under requirements, answered with findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bedrail.checks.values import Cohort, Requirements
from bedrail.core.values import Finding, Verdict

Ask = Callable[[Cohort, Requirements, np.random.Generator], tuple[Finding, ...]]
Ruling = Callable[[Cohort, Requirements, tuple[Finding, ...]], tuple[Verdict, str]]


def rule(cohort: Cohort, requirements: Requirements, findings: tuple[Finding, ...]) -> tuple[Verdict, str]:
    """Any fail fails; a missing overall finding is missing; a group too small to tell is counted, not fatal."""
    del cohort, requirements
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    if failed:
        return Verdict.FAIL, first_reason(failed)
    missing = [f for f in findings if f.verdict is Verdict.MISSING]
    for finding in missing:
        if finding.group == "overall":
            return Verdict.MISSING, finding.reason
    if len(missing) == len(findings):
        return Verdict.MISSING, findings[0].reason if findings else "Nothing could be examined."
    told = f"{len(findings) - len(missing)} findings within the requirements"
    return Verdict.PASS, f"{told}; {len(missing)} could not be told." if missing else f"{told}."


def first_reason(findings: Sequence[Finding]) -> str:
    """The reason of the first, and how many more there are."""
    return findings[0].reason + (f" (and {len(findings) - 1} more)" if len(findings) > 1 else "")


@dataclass(frozen=True, slots=True)
class Check:
    """One question: its catalogue name, its title for people, how to ask it, how its findings make a verdict."""

    name: str
    title: str
    ask: Ask
    ruling: Ruling = rule


def check(name: str, title: str, ruling: Ruling = rule) -> Callable[[Ask], Check]:
    """Make a function of (cohort, requirements, rng) into a `Check`; listing it in the catalogue is a second step."""

    def made(ask: Ask) -> Check:
        return Check(name=name, title=title, ask=ask, ruling=ruling)

    return made


def against(low: float, high: float, bound: float) -> Verdict:
    """Fail when the whole interval lies below `bound`, pass when the whole interval reaches it, missing in between."""
    return Verdict.FAIL if high < bound else Verdict.PASS if low >= bound else Verdict.MISSING
