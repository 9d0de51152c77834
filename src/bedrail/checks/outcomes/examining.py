"""From a cohort of another outcome to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bedrail.checks.outcomes.asking import Progress, examine_outcome
from bedrail.checks.outcomes.catalogue import known_type
from bedrail.checks.outcomes.reporting import counted, outcome_context
from bedrail.checks.outcomes.values import OutcomeCohort, RegressionCohort
from bedrail.core.errors import Invalid

if TYPE_CHECKING:
    from bedrail.checks.report import Report
    from bedrail.core.values import Evidence

NO_TOLERANCE = "No acceptable error was named (`tolerance`, `tolerance_share`), so no share within it is told."


def required_numbers(cohort: OutcomeCohort, given: Any) -> Any:
    """Requirements of the cohort's type from none, from themselves, or from a mapping of single numbers."""
    kind = known_type(cohort).requirements
    if given is None:
        return kind()
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise Invalid(
            f"are {type(given).__name__}.", path="requirements", remedy=f"Give {kind.__name__} or single numbers."
        )
    try:
        return msgspec.convert(dict(given), kind)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        known = ", ".join(kind.__struct_fields__)
        raise Invalid(f"{error}.", path="requirements", remedy=f"Known numbers: {known}.") from None


def outcome_report(
    cohort: OutcomeCohort,
    requirements: Any = None,
    *,
    checks: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    evidence_of: Any = None,
    **more: Any,
) -> Report:
    """Ask everything that the type asks, and give the report; without `checks`, what the data can answer counts.

    `evidence_of` may bind each `Evidence` to digests; `more` are fields of `Context`. Raises `Invalid`.
    """
    from bedrail.checks.report import Report

    asked = required_numbers(cohort, requirements)
    evidence: tuple[Evidence, ...] = examine_outcome(cohort, asked, checks=checks, seed=seed, progress=progress)
    if evidence_of is not None:
        evidence = tuple(evidence_of(one) for one in evidence)
    given: tuple[str, ...] = ()
    notes = tuple(more.pop("notes", ()))
    if isinstance(cohort, RegressionCohort):
        given = ("regression-intervals",) if cohort.interval is not None else ()
        if asked.tolerance is None and asked.tolerance_share is None:
            notes = (*notes, NO_TOLERANCE)
    known = known_type(cohort)
    grouped = cohort.groups is not None
    counts = tuple(checks) if checks is not None else counted(evidence, known, grouped=grouped, more=given)
    return Report(evidence, outcome_context(cohort, asked, required=counts, notes=notes, **more))
