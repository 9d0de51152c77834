"""Groups of patients for every type of outcome, with the guard for small ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from bedrail.checks.equity.suppression import Hidden, hidden
from bedrail.checks.groups import Cell as Part
from bedrail.checks.groups import cells
from bedrail.checks.values import Cohort, Requirements
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.outcomes.values import OutcomeCohort

__all__ = ["Part", "parts", "small", "untold_groups"]


def parts(cohort: OutcomeCohort) -> tuple[Part, ...]:
    """Every group and intersection that has a row: all cohorts name groups, clusters and intersections alike."""
    return cells(cast("Cohort", cohort))


def small(part: Part, names: Sequence[str], least: int) -> list[Finding]:
    """For a group under `least` patients, its findings without estimate or count; else nothing (CMS cell rule)."""
    if part.patients >= least:
        return []
    reason = f"Fewer than {least} patients in {part.name}: not shown."
    return [Finding(check=name, group=part.name, verdict=Verdict.MISSING, reason=reason) for name in names]


def untold_groups(cohort: OutcomeCohort, least: int) -> Hidden:
    """The groups whose size may not be told, lest that of one under `least` patients could be worked out."""
    nothing = np.zeros(cohort.n)
    sizes = Cohort(
        outcome=nothing,
        score=nothing,
        groups=cohort.groups,
        intersections=cohort.intersections,
        subject=cohort.subject,
        threshold=0.5,
    )
    found = hidden(sizes, Requirements(min_group=least))
    return Hidden(sizes=found.sizes, outcome=frozenset(), alert=frozenset(), columns=found.columns)
