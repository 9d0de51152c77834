"""What is asked of predictions of a time until an event: discrimination, calibration, worth of acting."""

from __future__ import annotations

import numpy as np

from bedrail.checks.intervals import power_factor
from bedrail.checks.outcomes import survival as times
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.censoring import Censoring, Incidence, Weighted, incidence, weighted_at
from bedrail.checks.outcomes.estimates import Pulled, at_least, banded, finding, missing
from bedrail.checks.outcomes.requirements import SurvivalRequirements
from bedrail.checks.outcomes.survival_time import NOT_ENOUGH, at, rank_by, reported, shortfall, status_of, usable
from bedrail.checks.outcomes.values import EVENT, Floats, Ints, SurvivalCohort
from bedrail.core.values import Finding, Verdict


@question("survival-discrimination", "Do those with the event first have the higher score?")
def discrimination(
    cohort: SurvivalCohort, requirements: SurvivalRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Uno's C, Harrell's C, and the AUC at each horizon; all count censoring, and competing events where told.

    C counts events up to the last horizon that can be examined (else the last time with `min_at_risk` followed).
    Uno's C is held against `min_concordance`, AUCs against `min_auc`; Harrell's C is shown and not judged, since it
    moves with the censoring.
    """
    del rng
    event, head = status_of(cohort), "survival-discrimination"
    until = last_time(cohort, requirements)
    happened = int(((event == EVENT) & (cohort.time <= until)).sum())
    names = (f"{head}.uno-c", f"{head}.harrell-c")
    found: list[Finding] = []
    if happened < requirements.min_events:
        found += [missing(name, f"Fewer than {requirements.min_events} events.", n=cohort.n) for name in names]
    else:
        censoring = Censoring.of(cohort.time, event)
        for name, weights in zip(names, (censoring, None), strict=True):
            one = times.concordance(cohort.time, event, cohort.ranks, until, cohort.clusters, censoring=weights)
            found.append(_concordance(name, one, until, cohort, requirements))
    for k in reported(cohort):
        found.append(_auc(cohort, requirements, event, k))
    return tuple(found)


def last_time(cohort: SurvivalCohort, requirements: SurvivalRequirements) -> float:
    """The last horizon that can be examined; without horizons, the last time with enough patients still followed."""
    can = usable(cohort, requirements)
    if can:
        return cohort.horizons[can[-1]]
    ordered = np.sort(cohort.time)
    return float(ordered[max(0, cohort.n - requirements.min_at_risk)])


def _concordance(
    name: str, one: Pulled | None, until: float, cohort: SurvivalCohort, requirements: SurvivalRequirements
) -> Finding:
    if one is None:
        return missing(name, "No pair of patients can be ordered.", n=cohort.n)
    interval, bound = one.logit(requirements.confidence), requirements.min_concordance
    verdict = at_least(interval, interval, bound)
    judged = not name.endswith("harrell-c")
    if not judged:
        verdict = Verdict.PASS
    words = {
        Verdict.PASS: f"{one.estimate:.3f} for events up to {until:g}.",
        Verdict.FAIL: f"Even the upper limit {interval[1]:.3f} lies below the required {bound:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether it reaches {bound:.2f}: {one.estimate:.3f}.",
    }
    reason = words[verdict] + ("" if judged else " Shown, not judged.")
    return finding(name, one, interval, verdict, reason, requirements.confidence, n=cohort.n, judged=judged)


def _auc(cohort: SurvivalCohort, requirements: SurvivalRequirements, event: Ints, k: int) -> Finding:
    t = cohort.horizons[k]
    name = f"survival-discrimination.auc{at(t)}"
    lacking = shortfall(cohort.time, event, t, requirements)
    if lacking:
        return missing(name, lacking, n=cohort.n)
    one = times.auc_at(weighted_at(cohort.time, event, t), rank_by(cohort, k), cohort.clusters)
    if one is None:
        return missing(name, "Patients with and without the event are both needed.", n=cohort.n)
    interval, bound = one.logit(requirements.confidence), requirements.min_auc
    verdict = at_least(interval, interval, bound)
    words = {
        Verdict.PASS: f"{one.estimate:.3f}; the whole interval reaches the required {bound:.2f}.",
        Verdict.FAIL: f"Even the upper limit {interval[1]:.3f} lies below the required {bound:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether it reaches {bound:.2f}: {one.estimate:.3f}.",
    }
    return finding(name, one, interval, verdict, words[verdict], requirements.confidence, n=cohort.n)


@question("survival-calibration", "Do predicted risks agree with how many had the event in time?")
def calibration(
    cohort: SurvivalCohort, requirements: SurvivalRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """At each horizon O/E, slope and Brier skill, and the integrated Brier score with its skill.

    Observed is the cumulative incidence (Aalen-Johansen; Kaplan-Meier where nothing competes), so that censoring and
    competing events count. Skills are against giving everybody that incidence.
    """
    del rng
    head = "survival-calibration"
    if cohort.risks is None:
        reason = "Risks at horizons are needed; a score alone cannot be calibrated."
        return (missing(f"{head}.observed-to-expected", reason, n=cohort.n),)
    event, found = status_of(cohort), []
    for k in reported(cohort):
        found += _calibrated(cohort, requirements, event, k)
    return (*found, *_integrated(cohort, requirements, event))


def _calibrated(cohort: SurvivalCohort, requirements: SurvivalRequirements, event: Ints, k: int) -> list[Finding]:
    assert cohort.risks is not None
    t, risk, head = cohort.horizons[k], cohort.risks[:, k], "survival-calibration"
    names = [f"{head}.{name}{at(t)}" for name in ("observed-to-expected", "slope", "brier-skill")]
    lacking = shortfall(cohort.time, event, t, requirements)
    if lacking:
        return [missing(name, lacking, n=cohort.n) for name in names]
    (seen,) = incidence(cohort.time, event, [t], cohort.clusters)
    status = weighted_at(cohort.time, event, t)
    bands = (requirements.observed_to_expected, requirements.detectable_miscalibration)
    first = ratio_finding(names[0], "overall", seen, risk, cohort.n, requirements, bands, requirements.confidence)
    return [
        first,
        _slope(names[1], status, risk, cohort, requirements),
        _skill(names[2], status, risk, seen, cohort, requirements),
    ]


def ratio_finding(
    name: str,
    group: str,
    seen: Incidence,
    risk: Floats,
    n: int,
    requirements: SurvivalRequirements,
    bands: tuple[tuple[float, float], float],
    strict: float,
) -> Finding:
    """O/E of some patients, judged by a band and what the data could have shown."""
    found = times.observed_to_expected(seen, risk, requirements.confidence)
    sure = times.observed_to_expected(seen, risk, strict)
    if found is None or sure is None:
        return missing(name, "No risk is predicted.", n=n, group=group)
    one, low, high = found
    verdict = banded(one.estimate, sure[1:], 1.0, bands[0], one.gap(requirements.confidence), bands[1])
    figure = f"mean predicted {risk.mean():.1%}, observed {seen.share.estimate:.1%}"
    words = {
        Verdict.PASS: f"Risks agree with events: {figure}.",
        Verdict.FAIL: f"The score {'over' if one.estimate < 1 else 'under'}-predicts: {figure}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether risks agree with events: {figure}.",
    }
    return finding(name, one, (low, high), verdict, words[verdict], requirements.confidence, n=n, group=group)


def _slope(
    name: str, status: Weighted, risk: Floats, cohort: SurvivalCohort, requirements: SurvivalRequirements
) -> Finding:
    fits = times.slope_at(status, risk, cohort.clusters)
    if fits is None:
        return missing(name, "No slope: no spread of the risk, or it does not settle.", n=cohort.n)
    slope = fits[1]
    interval = slope.plain(requirements.confidence)
    gap = power_factor(1 - requirements.confidence) * slope.error
    verdict = banded(slope.estimate, interval, 1.0, requirements.calibration_slope, gap, requirements.detectable_slope)
    words = {
        Verdict.PASS: f"Slope {slope.estimate:.2f} (complementary log-log).",
        Verdict.FAIL: f"Risks are too {'extreme' if slope.estimate < 1 else 'timid'}: slope {slope.estimate:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH}: slope {slope.estimate:.2f}.",
    }
    return finding(name, slope, interval, verdict, words[verdict], requirements.confidence, n=cohort.n)


def _skill(
    name: str,
    status: Weighted,
    risk: Floats,
    seen: Incidence,
    cohort: SurvivalCohort,
    requirements: SurvivalRequirements,
) -> Finding:
    score = times.brier_at(status, risk, cohort.clusters)
    rate = seen.share.estimate
    everybody = times.brier_at(status, np.full(cohort.n, rate), cohort.clusters)
    one = times.skill_of(score, everybody)
    implied = 0.0 if one is None else times.implied_error([status], [risk], [rate], [1.0], one)
    return _skilled(name, one, implied, score, everybody, cohort, requirements, "Brier")


def _skilled(
    name: str,
    one: Pulled | None,
    implied: float,
    score: Pulled,
    everybody: Pulled,
    cohort: SurvivalCohort,
    requirements: SurvivalRequirements,
    what: str,
) -> Finding:
    """The skill `one` of `score` against everybody's incidence, with the error that the risks imply."""
    if one is None:
        return missing(name, "Patients with and without the event are both needed.", n=cohort.n)
    interval = times.skill_limits(one, implied, requirements.confidence)
    verdict = at_least(interval, interval, 0.0)
    words = {
        Verdict.PASS: "Nearer to the truth than giving everybody the observed incidence",
        Verdict.FAIL: "Further from the truth than giving everybody the observed incidence",
        Verdict.MISSING: f"{NOT_ENOUGH} whether it is nearer to the truth than the observed incidence",
    }
    low, high = score.ratio(requirements.confidence)
    reason = (
        f"{words[verdict]}: {what} {score.estimate:.4f} ({low:.4f} to {high:.4f}), theirs {everybody.estimate:.4f}."
    )
    return finding(name, one, interval, verdict, reason, requirements.confidence, n=cohort.n)


def _integrated(cohort: SurvivalCohort, requirements: SurvivalRequirements, event: Ints) -> list[Finding]:
    """Over the horizons that can be examined; asked from three on, since fewer say little of the time between."""
    assert cohort.risks is not None
    can = usable(cohort, requirements)
    if len(can) < 3:
        return []
    horizons = [cohort.horizons[k] for k in can]
    censoring = Censoring.of(cohort.time, event)
    seen = incidence(cohort.time, event, horizons, cohort.clusters)
    statuses = [weighted_at(cohort.time, event, t, censoring) for t in horizons]
    risks, rates = [cohort.risks[:, k] for k in can], [one.share.estimate for one in seen]
    own = [times.brier_at(status, risk, cohort.clusters) for status, risk in zip(statuses, risks, strict=True)]
    flat = [np.full(cohort.n, rate) for rate in rates]
    everybody = [times.brier_at(status, each, cohort.clusters) for status, each in zip(statuses, flat, strict=True)]
    name = "survival-calibration.integrated-brier-skill"
    what = f"integrated Brier from {horizons[0]:g} to {horizons[-1]:g}"
    mean, theirs = times.integrated(own, horizons), times.integrated(everybody, horizons)
    one = times.skill_of(mean, theirs)
    weights = [float(w) for w in times.horizon_weights(horizons)]
    implied = 0.0 if one is None else times.implied_error(statuses, risks, rates, weights, one)
    return [_skilled(name, one, implied, mean, theirs, cohort, requirements, what)]


@question("survival-net-benefit", "Is acting on the risk worth more than acting on everyone, or no one?")
def net_benefit(
    cohort: SurvivalCohort, requirements: SurvivalRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Net benefit at each horizon and the threshold (without one, the observed incidence), over none and over all."""
    del rng
    head = "survival-net-benefit"
    if cohort.risks is None:
        reason = "Risks at horizons are needed; a score alone has no threshold of risk."
        return (missing(f"{head}.over-none", reason, n=cohort.n),)
    event, found = status_of(cohort), []
    for k in reported(cohort):
        t = cohort.horizons[k]
        names = [f"{head}.{name}{at(t)}" for name in ("over-none", "over-all")]
        lacking = shortfall(cohort.time, event, t, requirements)
        threshold = cohort.threshold
        if threshold is None:
            threshold = incidence(cohort.time, event, [t])[0].share.estimate
        if lacking or not 0 < threshold < 1:
            found += [missing(name, lacking or "The incidence gives no threshold.", n=cohort.n) for name in names]
            continue
        status = weighted_at(cohort.time, event, t)
        gains = times.benefit_at(status, cohort.risks[:, k], threshold, cohort.clusters)
        for name, other, gain in zip(names, ("no one", "everyone"), gains, strict=True):
            found.append(_gain(name, other, gain, threshold, cohort, requirements))
    return tuple(found)


def _gain(
    name: str,
    other: str,
    gain: Pulled,
    threshold: float,
    cohort: SurvivalCohort,
    requirements: SurvivalRequirements,
) -> Finding:
    interval, bound = gain.plain(requirements.confidence), requirements.min_net_benefit_gain
    verdict = at_least(interval, interval, bound)
    figure = (
        f"{1000 * gain.estimate:+.1f} true positives per 1,000 patients against acting on {other}, at {threshold:.3g}"
    )
    if gain.error == 0:
        return missing(name, f"At {threshold:.3g} the risk never acts differently from acting on {other}.", n=cohort.n)
    words = {
        Verdict.FAIL: f"Acting on the risk does harm: {figure}.",
        Verdict.PASS: f"{figure}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether it is worth acting on: {figure}.",
    }
    return finding(name, gain, interval, verdict, words[verdict], requirements.confidence, n=cohort.n)
