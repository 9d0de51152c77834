"""What is asked of predictions of a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bedrail.checks.groups import told
from bedrail.checks.intervals import power_factor, rate_interval
from bedrail.checks.outcomes import regression as numbers
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.estimates import FEWEST, Pulled, at_least, banded, finding, mean_of, missing
from bedrail.checks.outcomes.grouping import Part, parts, small
from bedrail.checks.outcomes.requirements import RegressionRequirements
from bedrail.checks.outcomes.values import Bools, Floats, RegressionCohort
from bedrail.checks.words import number
from bedrail.core.values import Finding, Verdict

NOT_ENOUGH = "Not enough patients to tell"


@question("regression-accuracy", "How far is the prediction from what happened?")
def accuracy(
    cohort: RegressionCohort, requirements: RegressionRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """MAE, RMSE, median absolute error, R2, skill of the MAE against the median, the share within the accepted error.

    R2 and skill are held against `min_skill`; errors against `max_mae`, `max_rmse`, or, without a bound, pass when
    known to within `widest_relative_interval` of themselves. The share is asked when a tolerance is given.
    """
    del rng
    n, head = cohort.n, "regression-accuracy"
    if cohort.patients < FEWEST:
        return (missing(f"{head}.mae", f"Fewer than {FEWEST} patients: no interval can be trusted.", n=n),)
    error = cohort.score - cohort.outcome
    mae = mean_of(np.abs(error), cohort.clusters)
    rmse = numbers.root_mean_square(error, cohort.clusters)
    found = [
        _size(f"{head}.mae", mae, mae.tailed, requirements.max_mae, cohort, requirements),
        _size(f"{head}.rmse", rmse, rmse.root, requirements.max_rmse, cohort, requirements),
        _median(f"{head}.median-absolute-error", np.abs(error), cohort, requirements),
    ]
    centred = (cohort.outcome - cohort.outcome.mean()) ** 2
    typical = np.abs(cohort.outcome - np.median(cohort.outcome))
    found.append(_skill(f"{head}.r2", error**2, centred, "the mean", cohort, requirements))
    found.append(_skill(f"{head}.mae-skill", np.abs(error), typical, "the median", cohort, requirements))
    hits = within(cohort, requirements, error)
    if hits is not None:
        found.append(_within(f"{head}.within-tolerance", hits, cohort, requirements))
    return tuple(found)


def _size(
    name: str,
    found: Pulled,
    limits: Callable[[float], tuple[float, float]],
    most: float | None,
    cohort: RegressionCohort,
    requirements: RegressionRequirements,
) -> Finding:
    interval = limits(requirements.confidence)
    unit = f" {cohort.unit}" if cohort.unit else ""
    figure = f"{number(found.estimate)}{unit}"
    if most is None:
        known = interval[1] - interval[0] <= requirements.widest_relative_interval * found.estimate
        verdict = Verdict.PASS if known or found.estimate == 0 else Verdict.MISSING
        reason = f"{figure}; no bound was asked." if verdict is Verdict.PASS else f"{NOT_ENOUGH}: {figure}, too wide."
    else:
        low, high = interval
        verdict = Verdict.FAIL if low > most else Verdict.PASS if high <= most else Verdict.MISSING
        reason = {
            Verdict.PASS: f"{figure}, within the {most:g} allowed.",
            Verdict.FAIL: f"{figure}: the whole interval lies above the {most:g} allowed.",
            Verdict.MISSING: f"{NOT_ENOUGH} whether it keeps {most:g}: {figure}.",
        }[verdict]
    return finding(name, found, interval, verdict, reason, requirements.confidence, n=cohort.n)


def _median(name: str, size: Floats, cohort: RegressionCohort, requirements: RegressionRequirements) -> Finding:
    middle, low, high = numbers.median_interval(size, cohort.clusters, requirements.confidence)
    known = high - low <= requirements.widest_relative_interval * middle or middle == high == low
    return Finding(
        check=name,
        verdict=Verdict.PASS if known else Verdict.MISSING,
        estimate=middle,
        low=low,
        high=high,
        n=cohort.n,
        reason=f"Half of the errors are at most {number(middle)}." if known else f"{NOT_ENOUGH}: too wide an interval.",
    )


def _skill(
    name: str,
    loss: Floats,
    reference: Floats,
    what: str,
    cohort: RegressionCohort,
    requirements: RegressionRequirements,
) -> Finding:
    found = numbers.relative(loss, reference, cohort.clusters)
    if found is None:
        return missing(name, "All outcomes are equal.", n=cohort.n)
    interval = found.skill(requirements.confidence, tailed=True)
    bound = requirements.min_skill
    verdict = at_least(interval, interval, bound)
    words = {
        Verdict.PASS: f"{found.estimate:.3f}: nearer to the truth than saying {what} for everybody.",
        Verdict.FAIL: f"{found.estimate:.3f}: even the upper limit lies below {bound:g}, which saying {what} gives.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether it exceeds {bound:g}: {found.estimate:.3f}.",
    }
    return finding(name, found, interval, verdict, words[verdict], requirements.confidence, n=cohort.n)


def within(cohort: RegressionCohort, requirements: RegressionRequirements, error: Floats) -> Bools | None:
    """(n,) whether the error is clinically acceptable; None when no tolerance was asked."""
    limits = []
    if requirements.tolerance is not None:
        limits.append(np.full(cohort.n, requirements.tolerance))
    if requirements.tolerance_share is not None:
        limits.append(requirements.tolerance_share * np.abs(cohort.outcome))
    return np.asarray(np.abs(error) <= np.max(limits, axis=0)) if limits else None


def _within(name: str, hits: Bools, cohort: RegressionCohort, requirements: RegressionRequirements) -> Finding:
    rate, low, high = rate_interval(hits.astype(np.float64), cohort.clusters, requirements.confidence)
    bound = requirements.min_within_tolerance
    if bound is None:
        verdict = Verdict.PASS if high - low <= requirements.widest_rate_interval else Verdict.MISSING
    else:
        verdict = at_least((low, high), (low, high), bound)
    asked = "" if bound is None else f" At least {bound:.1%} is asked."
    return Finding(
        check=name,
        verdict=verdict,
        estimate=rate,
        low=low,
        high=high,
        n=cohort.n,
        reason=f"{rate:.1%} of predictions are within the accepted error.{asked}",
    )


@question("regression-calibration", "Are predictions right on average, at every level?")
def calibration(
    cohort: RegressionCohort, requirements: RegressionRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Bias (mean prediction less mean outcome), slope and intercept of outcome on prediction, bias by level.

    Bias is judged in standard deviations of the outcome (`max_bias`), the slope against `calibration_slope`; the
    intercept is shown with the slope that it belongs to and not judged. Levels are fifths of the prediction: by fifths
    of the outcome every sound prediction looks biased (regression to the mean).
    """
    del rng
    head = "regression-calibration"
    spread = float(cohort.outcome.std())
    if cohort.patients < FEWEST or spread == 0:
        reason = f"Fewer than {FEWEST} patients, or all outcomes are equal."
        return tuple(missing(f"{head}.{name}", reason, n=cohort.n) for name in ("bias", "slope"))
    error = cohort.score - cohort.outcome
    bias = mean_of(error, cohort.clusters)
    first = _bias(f"{head}.bias", bias, bias.plain(requirements.confidence), spread, cohort, requirements)
    line = numbers.recalibration_line(cohort.outcome, cohort.score, cohort.clusters)
    if line is None:
        second = [missing(f"{head}.slope", "All predictions are equal.", n=cohort.n)]
    else:
        second = _line(line, cohort, requirements)
    return (first, *second, *_levels(error, spread, cohort, requirements))


def _bias(
    name: str,
    bias: Pulled,
    sure: tuple[float, float],
    spread: float,
    cohort: RegressionCohort,
    requirements: RegressionRequirements,
) -> Finding:
    most, gap = requirements.max_bias * spread, bias.gap(requirements.confidence)
    verdict = banded(bias.estimate, sure, 0.0, (-most, most), gap, requirements.detectable_bias * spread)
    way = "high" if bias.estimate > 0 else "low"
    words = {
        Verdict.PASS: f"Mean error {number(bias.estimate)}, within {number(most)}.",
        Verdict.FAIL: f"Predictions are too {way}: by {number(abs(bias.estimate))} on average, {number(most)} allowed.",
        Verdict.MISSING: f"{NOT_ENOUGH}: mean error {number(bias.estimate)}.",
    }
    interval = bias.plain(requirements.confidence)
    return finding(name, bias, interval, verdict, words[verdict], requirements.confidence, n=cohort.n)


def _line(line: numbers.Line, cohort: RegressionCohort, requirements: RegressionRequirements) -> list[Finding]:
    slope, level = line.slope, line.intercept
    interval = slope.plain(requirements.confidence)
    verdict = banded(
        slope.estimate,
        interval,
        1.0,
        requirements.calibration_slope,
        slope.gap(requirements.confidence),
        requirements.detectable_slope,
    )
    words = {
        Verdict.PASS: f"Slope {slope.estimate:.2f}.",
        Verdict.FAIL: f"Predictions are too {'extreme' if slope.estimate < 1 else 'timid'}: "
        f"slope {slope.estimate:.2f}, right is 1.",
        Verdict.MISSING: f"{NOT_ENOUGH}: slope {slope.estimate:.2f}.",
    }
    head = "regression-calibration"
    first = finding(f"{head}.slope", slope, interval, verdict, words[verdict], requirements.confidence, n=cohort.n)
    second = finding(
        f"{head}.intercept",
        level,
        level.plain(requirements.confidence),
        Verdict.PASS,
        f"Outcome = {number(level.estimate)} + {slope.estimate:.2f} x prediction. Judged by bias and slope.",
        requirements.confidence,
        n=cohort.n,
    )
    return [first, second]


def _levels(
    error: Floats, spread: float, cohort: RegressionCohort, requirements: RegressionRequirements
) -> list[Finding]:
    """Bias and MAE by fifths of the prediction, MAE by fifths of the outcome; Bonferroni over the fifths for a fail."""
    found: list[Finding] = []
    bands = numbers.fifths(cohort.score)
    strict = 1 - (1 - requirements.confidence) / len(bands)
    most = requirements.max_level_bias * spread
    for rows in bands:
        group = _band("prediction", cohort.score[rows])
        names = ("regression-calibration.bias-by-level", "regression-calibration.mae-by-level")
        if numbers.patients(rows, cohort.clusters) < max(FEWEST, requirements.min_group):
            found += [missing(name, "Too few patients at this level.", group=group) for name in names]
            continue
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        bias, n = mean_of(error[rows], clusters), int(rows.sum())
        gap = bias.gap(requirements.confidence)
        verdict = banded(
            bias.estimate,
            bias.plain(strict),
            0.0,
            (-most, most),
            gap,
            max(requirements.detectable_bias, requirements.max_level_bias) * spread,
        )
        interval = bias.plain(requirements.confidence)
        reason = f"At this level predictions are off by {number(bias.estimate)} on average; {number(most)} is allowed."
        found.append(finding(names[0], bias, interval, verdict, reason, requirements.confidence, n=n, group=group))
        found.append(_shown(names[1], np.abs(error[rows]), clusters, group, requirements))
    for rows in numbers.fifths(cohort.outcome):
        group, name = _band("outcome", cohort.outcome[rows]), "regression-calibration.mae-by-outcome"
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        if numbers.patients(rows, cohort.clusters) < max(FEWEST, requirements.min_group):
            found.append(missing(name, "Too few patients at this level.", group=group))
        else:
            found.append(_shown(name, np.abs(error[rows]), clusters, group, requirements))
    return found


def _shown(
    name: str, size: Floats, clusters: np.ndarray | None, group: str, requirements: RegressionRequirements
) -> Finding:
    """An error that is shown and not judged."""
    mae = mean_of(size, clusters)
    interval = mae.ratio(requirements.confidence)
    reason = "Shown, not judged: errors may differ by level."
    level = requirements.confidence
    return finding(name, mae, interval, Verdict.PASS, reason, level, n=len(size), group=group, judged=False)


def _band(what: str, values: Floats) -> str:
    low, high = (number(float(v)) for v in (values.min(), values.max()))
    return f"{what}={low}" if low == high else f"{what}={low} to {high}"


@question("regression-ranking", "Has the patient with the greater outcome the greater prediction?")
def ranking(
    cohort: RegressionCohort, requirements: RegressionRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Concordance, held against `min_concordance`."""
    del rng
    name = "regression-ranking.concordance"
    found = numbers.concordance(cohort.outcome, cohort.score, cohort.clusters)
    if found is None or cohort.patients < FEWEST:
        return (missing(name, f"Fewer than {FEWEST} patients, or all outcomes are equal.", n=cohort.n),)
    interval, bound = found.logit(requirements.confidence), requirements.min_concordance
    verdict = at_least(interval, interval, bound)
    words = {
        Verdict.PASS: f"{found.estimate:.3f}; the whole interval reaches the required {bound:.2f}.",
        Verdict.FAIL: f"Even the upper limit {interval[1]:.3f} lies below the required {bound:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether it reaches {bound:.2f}: {found.estimate:.3f}.",
    }
    return (finding(name, found, interval, verdict, words[verdict], requirements.confidence, n=cohort.n),)


@question("regression-intervals", "Do prediction intervals hold the outcome as often as they promise?")
def intervals(
    cohort: RegressionCohort, requirements: RegressionRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Coverage overall, by fifths of the prediction and by group, mean width, and outcomes below and above.

    Coverage fails when its interval (stricter for parts) lies below what was promised and the estimate more than
    `coverage_tolerance` below it. Missing when no intervals were given.
    """
    del rng
    head = "regression-intervals"
    if cohort.interval is None:
        return (missing(f"{head}.coverage", "No prediction intervals were given.", n=cohort.n),)
    low, high = cohort.interval[:, 0], cohort.interval[:, 1]
    inside = ((cohort.outcome >= low) & (cohort.outcome <= high)).astype(np.float64)
    bands = [(_band("prediction", cohort.score[rows]), rows) for rows in numbers.fifths(cohort.score)]
    groups = [(part.name, part.rows) for part in parts(cohort)]
    strict = 1 - (1 - requirements.confidence) / max(1, len(bands) + len(groups))
    everybody = np.ones(cohort.n, dtype=np.bool_)
    found = [_coverage(cohort, requirements, inside, everybody, "overall", requirements.confidence)]
    width = mean_of(high - low, cohort.clusters)
    found.append(
        finding(
            f"{head}.mean-width",
            width,
            width.plain(requirements.confidence),
            Verdict.PASS,
            f"{number(width.estimate)} wide on average; shown, not judged.",
            requirements.confidence,
            n=cohort.n,
            judged=False,
        )
    )
    for name, out in (("outcome-below", cohort.outcome < low), ("outcome-above", cohort.outcome > high)):
        rate, least, most = rate_interval(out.astype(np.float64), cohort.clusters, requirements.confidence)
        reason = f"{rate:.1%} of outcomes; half of {1 - cohort.nominal:.1%} each would be even. Shown, not judged."
        found.append(
            Finding(
                check=f"{head}.{name}",
                verdict=Verdict.PASS,
                estimate=rate,
                low=least,
                high=most,
                n=cohort.n,
                judged=False,
                reason=reason,
            )
        )
    found += [_coverage(cohort, requirements, inside, rows, name, strict) for name, rows in (*bands, *groups)]
    return tuple(found)


def _coverage(
    cohort: RegressionCohort,
    requirements: RegressionRequirements,
    inside: Floats,
    rows: Bools,
    group: str,
    strict: float,
) -> Finding:
    name = "regression-intervals.coverage"
    if numbers.patients(rows, cohort.clusters) < requirements.min_group:
        if group == "overall":
            return missing(name, f"Fewer than {requirements.min_group} patients.")
        return missing(name, f"Fewer than {requirements.min_group} patients: not shown.", group=group)
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    rate, low, high = rate_interval(inside[rows], clusters, requirements.confidence)
    sure = rate_interval(inside[rows], clusters, strict)[2]
    least = cohort.nominal - requirements.coverage_tolerance
    if sure < cohort.nominal and rate < least:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.PASS if rate >= least else Verdict.MISSING
    words = {
        Verdict.PASS: f"{rate:.1%} of outcomes lie inside; {cohort.nominal:.1%} was promised.",
        Verdict.FAIL: f"Only {rate:.1%} of outcomes lie inside; {cohort.nominal:.1%} was promised.",
        Verdict.MISSING: f"{NOT_ENOUGH}: {rate:.1%} of outcomes lie inside; {cohort.nominal:.1%} was promised.",
    }
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=rate,
        low=low,
        high=high,
        n=int(rows.sum()),
        smallest_gap=power_factor(1 - requirements.confidence) * mean_of(inside[rows], clusters).error,
        reason=words[verdict],
    )


@question("regression-subgroups", "Is it as near to the truth, and as unbiased, in every group?", ruling=told)
def subgroups(
    cohort: RegressionCohort, requirements: RegressionRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Bias and MAE in every group; the MAE also as a multiple of everyone's.

    Bias fails beyond `max_group_bias` standard deviations, the multiple above `max_group_error_ratio`, both at the
    confidence that shares `group_alpha` over all groups and measures.
    """
    del rng
    every = parts(cohort)
    if not every:
        return (missing("regression-subgroups", "No groups were given, so nothing can be said about any of them."),)
    strict = 1 - requirements.group_alpha / (2 * len(every))
    names = [f"regression-subgroups.{name}" for name in ("bias", "mae", "mae-ratio")]
    found: list[Finding] = []
    for part in every:
        found += small(part, names, requirements.min_group) or _part(cohort, requirements, part, strict, names)
    return tuple(found)


def _part(
    cohort: RegressionCohort, requirements: RegressionRequirements, part: Part, strict: float, names: list[str]
) -> list[Finding]:
    rows, confidence = part.rows, requirements.confidence
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    error, n = (cohort.score - cohort.outcome)[rows], int(rows.sum())
    bias, mae = mean_of(error, clusters), mean_of(np.abs(error), clusters)
    most = requirements.max_group_bias * float(cohort.outcome.std())
    verdict = banded(
        bias.estimate,
        bias.plain(strict),
        0.0,
        (-most, most),
        bias.gap(confidence),
        max(requirements.detectable_bias * float(cohort.outcome.std()), most),
    )
    reason = f"In {part.name} predictions are off by {number(bias.estimate)} on average; {number(most)} is allowed."
    first = finding(names[0], bias, bias.plain(confidence), verdict, reason, confidence, n=n, group=part.name)
    second = finding(
        names[1],
        mae,
        mae.ratio(confidence),
        Verdict.PASS,
        f"Mean absolute error {number(mae.estimate)}; judged by the ratio.",
        confidence,
        n=n,
        group=part.name,
    )
    return [first, second, _error_ratio(cohort, requirements, part, strict, names[2])]


def _error_ratio(
    cohort: RegressionCohort, requirements: RegressionRequirements, part: Part, strict: float, name: str
) -> Finding:
    """MAE of the group over MAE of everyone: one ratio of sums with everyone's rows, so that overlap is counted."""
    size = np.abs(cohort.score - cohort.outcome)
    whole = float(size.mean())
    if whole == 0:
        return missing(name, "There are no errors at all.", group=part.name)
    inside = part.rows.astype(np.float64)
    own = float(size[part.rows].mean())
    ratio = own / whole
    pulls = inside * (size - own) / (inside.sum() * whole) - ratio * (size - whole) / (len(size) * whole)
    found = Pulled(ratio, pulls, cohort.clusters)
    most, confidence = requirements.max_group_error_ratio, requirements.confidence
    low, high = found.ratio(confidence)
    beyond = found.ratio(strict)[0] > most
    verdict = Verdict.FAIL if beyond else Verdict.PASS if high <= most else Verdict.MISSING
    reason = f"In {part.name} errors are {ratio:.2f} times everyone's; at most {most:g} is allowed."
    return finding(name, found, (low, high), verdict, reason, confidence, n=int(part.rows.sum()), group=part.name)
