"""Ask a cohort of any outcome its questions, and give the evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec
import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.values import Evidence, Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.outcomes.values import OutcomeCohort

Ask = Callable[[Any, Any, np.random.Generator], tuple[Finding, ...]]
Progress = Callable[[str, int, int], None]
Ruling = Callable[[Any, Any, tuple[Finding, ...]], tuple[Verdict, str]]


def ruled(cohort: Any, requirements: Any, findings: tuple[Finding, ...]) -> tuple[Verdict, str]:
    """As for yes-or-no outcomes: any fail fails; a missing finding about all patients is missing."""
    from bedrail.checks.question import rule

    return rule(cohort, requirements, findings)


@dataclass(frozen=True, slots=True)
class Question:
    """A check of one type of outcome: its name, its title for people, how to ask it, how findings make a verdict."""

    name: str
    title: str
    ask: Ask
    ruling: Ruling = ruled


def question(name: str, title: str, ruling: Ruling = ruled) -> Callable[[Ask], Question]:
    """Make a function of (cohort, requirements, rng) into a `Question`; it is listed in `catalogue.py`."""

    def made(ask: Ask) -> Question:
        return Question(name=name, title=title, ask=ask, ruling=ruling)

    return made


def examine_outcome(
    cohort: OutcomeCohort,
    requirements: Any = None,
    *,
    checks: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Evidence, ...]:
    """One `Evidence` per check of this type of outcome; the same seed gives the same numbers whichever are asked.

    Without `requirements`, those of the type with their defaults. Figures of groups from which the size of a small one
    could be worked out are withheld (`equity.suppression.hidden`). Raises `Invalid` for a check that the type does not
    have, or for requirements of another type.
    """
    from bedrail.checks.equity.suppression import withhold
    from bedrail.checks.outcomes.catalogue import known_type
    from bedrail.checks.outcomes.grouping import untold_groups

    known = known_type(cohort)
    requirements = known.requirements() if requirements is None else requirements
    if not isinstance(requirements, known.requirements):
        raise Invalid(
            f"are of {type(requirements).__name__}.",
            path="requirements",
            remedy=f"For this outcome give {known.requirements.__name__}.",
        )
    for name in checks or ():
        if name not in known.questions:
            remedy = f"Choose from: {', '.join(known.questions)}."
            raise Invalid(f"There is no check {name!r} for {known.name} outcomes.", path="checks", remedy=remedy)
    asked = [one for name, one in known.questions.items() if checks is None or name in checks]
    untold = untold_groups(cohort, requirements.min_group)
    evidence = []
    for done, one in enumerate(asked):
        if progress is not None:
            progress(one.title, done, len(asked))
        findings = one.ask(cohort, requirements, np.random.default_rng([seed, crc32(one.name.encode())]))
        findings = withhold([_finite(finding) for finding in findings], untold)
        verdict, reason = one.ruling(cohort, requirements, findings)
        evidence.append(Evidence(check=one.name, verdict=verdict, reason=reason, findings=findings))
    if progress is not None:
        progress("", len(asked), len(asked))
    return tuple(evidence)


def _finite(finding: Finding) -> Finding:
    """Limits that do not exist are None, not infinite."""
    values = {name: getattr(finding, name) for name in ("estimate", "low", "high", "smallest_gap")}
    absent = {name: None for name, value in values.items() if value is not None and not isfinite(value)}
    return msgspec.structs.replace(finding, **absent) if absent else finding
