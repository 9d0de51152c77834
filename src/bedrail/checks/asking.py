"""Ask a cohort every question and give the evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from zlib import crc32

import msgspec
import numpy as np

from bedrail.checks.budget import budget
from bedrail.checks.catalogue import CHECKS
from bedrail.checks.equity.suppression import hidden, withhold
from bedrail.checks.question import Check
from bedrail.checks.values import Cohort, Requirements
from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Finding, Verdict

Progress = Callable[[str, int, int], None]


def examine(
    cohort: Cohort,
    requirements: Requirements | None = None,
    *,
    checks: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Evidence, ...]:
    """One `Evidence` per check, in the catalogue's order; the same seed gives the same numbers whichever are asked.

    Figures of groups under `min_group`, and those from which they could be worked out, are withheld (see
    `equity.suppression.hidden`); verdicts are not.

    `checks` names catalogue entries (all by default). `progress(title, done, total)` is called before each check
    and once at the end. Raises `Invalid` for a name that the catalogue does not hold.
    """
    asked = _asked(checks)
    requirements = requirements or Requirements()
    untold = hidden(cohort, requirements)
    evidence = []
    for done, one in enumerate(asked):
        if progress is not None:
            progress(one.title, done, len(asked))
        findings = one.ask(cohort, requirements, np.random.default_rng([seed, crc32(one.name.encode())]))
        findings = withhold([_finite(finding) for finding in findings], untold)
        if not findings:
            nothing = "Not enough patients: there is nothing to tell of anybody."
            findings = (Finding(check=one.name, verdict=Verdict.MISSING, n=cohort.n, reason=nothing),)
        verdict, reason = one.ruling(cohort, requirements, findings)
        spent = budget(requirements, [one.name]) or None
        evidence.append(Evidence(check=one.name, verdict=verdict, reason=reason, findings=findings, spent=spent))
    if progress is not None:
        progress("", len(asked), len(asked))
    return tuple(evidence)


def _finite(finding: Finding) -> Finding:
    """Limits that do not exist (one patient has no spread) are None, not infinite; numbers are plain floats."""
    values = {name: getattr(finding, name) for name in ("estimate", "low", "high", "smallest_gap")}
    odd = {
        name: float(value) if isfinite(value) else None
        for name, value in values.items()
        if value is not None and (type(value) is not float or not isfinite(value))
    }
    return msgspec.structs.replace(finding, **odd) if odd else finding


def _asked(names: Sequence[str] | None) -> tuple[Check, ...]:
    for name in names or ():
        if name not in CHECKS:
            raise Invalid(f"There is no check {name!r}.", path="checks", remedy=f"Choose from: {', '.join(CHECKS)}.")
    return tuple(found for name, found in CHECKS.items() if names is None or name in names)
