"""Whether probabilities of several classes hold in every group of patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.discrimination import auroc
from bedrail.checks.groups import told
from bedrail.checks.intervals import power_factor, rate_interval
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.estimates import FEWEST, Pulled, at_least, banded, finding, missing, stated
from bedrail.checks.outcomes.grouping import Part, parts, small
from bedrail.checks.outcomes.multiclass_questions import NOT_ENOUGH
from bedrail.checks.outcomes.requirements import MulticlassRequirements
from bedrail.checks.outcomes.values import MulticlassCohort
from bedrail.core.values import Finding, Verdict


@question("multiclass-subgroups", "Does it hold in every group of patients, for every class?", ruling=told)
def subgroups(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """In every group: accuracy, the AUROC and O/E of each class. A fail needs the confidence that shares `group_alpha`
    over all groups, classes and measures; groups under `min_group` patients are not shown.
    """
    del rng
    every = parts(cohort)
    if not every:
        return (missing("multiclass-subgroups", "No groups were given, so nothing can be said about any of them."),)
    K = len(cohort.classes)
    strict = 1 - requirements.group_alpha / (2 * K * len(every))
    found: list[Finding] = []
    for part in every:
        names = ["multiclass-subgroups.accuracy"]
        names += [f"multiclass-subgroups.{m} {c}" for c in cohort.classes for m in ("auroc", "observed-to-expected")]
        hidden = small(part, names, requirements.min_group)
        found += hidden or _one_part(cohort, requirements, part, strict)
    return tuple(found)


def _one_part(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, part: Part, strict: float
) -> list[Finding]:
    rows = part.rows
    n, clusters = int(rows.sum()), None if cohort.clusters is None else cohort.clusters[rows]
    right = (cohort.outcome[rows] == cohort.said[rows]).astype(np.float64)
    rate, low, high = rate_interval(right, clusters, requirements.confidence)
    known = high - low <= requirements.widest_rate_interval
    found = [
        stated(
            "multiclass-subgroups.accuracy",
            (rate, low, high),
            Verdict.PASS if known else Verdict.MISSING,
            f"{rate:.1%} right." if known else f"{NOT_ENOUGH}: too wide an interval.",
            n=n,
            group=part.name,
        )
    ]
    for k, name in enumerate(cohort.classes):
        one = _ClassInPart(
            (cohort.outcome[rows] == k).astype(np.float64), cohort.score[rows, k], clusters, name, part.name
        )
        found += [_part_area(one, requirements, strict), _part_ratio(one, requirements, strict)]
    return found


@dataclass(frozen=True, slots=True)
class _ClassInPart:
    """One class among the n patients of one group: `happened` (n,) 0 or 1, `score` (n,), `clusters` (n,) or None."""

    happened: np.ndarray
    score: np.ndarray
    clusters: np.ndarray | None
    name: str
    part: str


def _part_area(one: _ClassInPart, requirements: MulticlassRequirements, strict: float) -> Finding:
    part, name = one.part, one.name
    check, n = f"multiclass-subgroups.auroc {name}", len(one.happened)
    area = auroc(one.happened, one.score, one.clusters)
    if area is None or min(area.positives, area.negatives) < FEWEST:
        return missing(check, f"Too few patients in {part} with, or without, {name}.", n=n, group=part)
    pulled = Pulled(area.estimate, area.pulls, one.clusters)
    interval, bound = pulled.logit(requirements.confidence), requirements.min_group_auroc
    verdict = at_least(interval, pulled.logit(strict), bound)
    reason = f"In {part} the AUROC of {name} is {area.estimate:.3f}; {bound:.2f} is asked."
    return finding(check, pulled, interval, verdict, reason, requirements.confidence, n=n, group=part)


def _part_ratio(one: _ClassInPart, requirements: MulticlassRequirements, strict: float) -> Finding:
    part, name = one.part, one.name
    check, n = f"multiclass-subgroups.observed-to-expected {name}", len(one.happened)
    ratio = observed_to_expected(one.happened, one.score, one.clusters, requirements.confidence)
    sure = observed_to_expected(one.happened, one.score, one.clusters, strict)
    if ratio is None or sure is None:
        return missing(check, f"{name} is never expected in {part}.", n=n, group=part)
    gap = power_factor(1 - requirements.confidence) * ratio.error
    verdict = banded(
        ratio.estimate,
        (sure.low, sure.high),
        1.0,
        requirements.group_observed_to_expected,
        gap,
        requirements.detectable_calibration_gap,
    )
    reason = f"In {part} {name}: expected {one.score.mean():.1%}, observed {one.happened.mean():.1%}."
    return stated(check, (ratio.estimate, ratio.low, ratio.high), verdict, reason, n=n, group=part, gap=gap)
