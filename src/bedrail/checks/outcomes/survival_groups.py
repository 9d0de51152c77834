"""Whether a prediction of time holds in every group of patients."""

from __future__ import annotations

import numpy as np

from bedrail.checks.groups import told
from bedrail.checks.outcomes import survival as times
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.censoring import incidence, weighted_at
from bedrail.checks.outcomes.estimates import at_least, finding, missing
from bedrail.checks.outcomes.grouping import Part, parts, small
from bedrail.checks.outcomes.requirements import SurvivalRequirements
from bedrail.checks.outcomes.survival_questions import ratio_finding
from bedrail.checks.outcomes.survival_time import at, rank_by, shortfall, status_of, usable
from bedrail.checks.outcomes.values import Ints, SurvivalCohort
from bedrail.core.values import Finding, Verdict


@question("survival-subgroups", "Does it hold in every group of patients?", ruling=told)
def subgroups(
    cohort: SurvivalCohort, requirements: SurvivalRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """AUC and O/E of every group at the last horizon that can be examined.

    Censoring is weighed within each group, since groups may be followed differently. A fail needs the confidence that
    shares `group_alpha` over all groups and both measures; groups under `min_group` patients are not shown.
    """
    del rng
    head, every, can = "survival-subgroups", parts(cohort), usable(cohort, requirements)
    if not every:
        return (missing(head, "No groups were given, so nothing can be said about any of them."),)
    if not can:
        return (missing(head, "No horizon can be examined, so neither can a group."),)
    k, strict = can[-1], 1 - requirements.group_alpha / (2 * len(every))
    t = cohort.horizons[k]
    names = [f"{head}.{name}{at(t)}" for name in ("auc", "observed-to-expected")]
    event = status_of(cohort)
    found: list[Finding] = []
    for part in every:
        hidden = small(part, names, requirements.min_group)
        found += hidden or _part(cohort, requirements, event, part, k, strict, names)
    return tuple(found)


def _part(
    cohort: SurvivalCohort,
    requirements: SurvivalRequirements,
    event: Ints,
    part: Part,
    k: int,
    strict: float,
    names: list[str],
) -> list[Finding]:
    rows, t = part.rows, cohort.horizons[k]
    time, status, n = cohort.time[rows], event[rows], int(rows.sum())
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    lacking = shortfall(time, status, t, requirements)
    if lacking:
        return [missing(name, f"{part.name}: {lacking}", n=n, group=part.name) for name in names]
    found = [_area(cohort, requirements, event, part, k, strict, names[0])]
    if cohort.risks is None:
        return [*found, missing(names[1], "Risks at horizons are needed.", n=n, group=part.name)]
    (seen,) = incidence(time, status, [t], clusters)
    bands = (requirements.group_observed_to_expected, requirements.detectable_calibration_gap)
    risk = cohort.risks[rows, k]
    return [*found, ratio_finding(names[1], part.name, seen, risk, n, requirements, bands, strict)]


def _area(
    cohort: SurvivalCohort,
    requirements: SurvivalRequirements,
    event: Ints,
    part: Part,
    k: int,
    strict: float,
    name: str,
) -> Finding:
    rows, t = part.rows, cohort.horizons[k]
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    one = times.auc_at(weighted_at(cohort.time[rows], event[rows], t), rank_by(cohort, k)[rows], clusters)
    n = int(rows.sum())
    if one is None:
        return missing(name, "Patients with and without the event are both needed.", n=n, group=part.name)
    interval, bound = one.logit(requirements.confidence), requirements.min_group_auc
    verdict = at_least(interval, one.logit(strict), bound)
    words = {
        Verdict.PASS: f"In {part.name} the AUC by {t:g} is {one.estimate:.3f}.",
        Verdict.FAIL: f"In {part.name} the AUC by {t:g}, {one.estimate:.3f}, lies below the required {bound:.2f}.",
        Verdict.MISSING: f"Not enough patients in {part.name} to tell whether the AUC reaches {bound:.2f}.",
    }
    return finding(name, one, interval, verdict, words[verdict], requirements.confidence, n=n, group=part.name)
