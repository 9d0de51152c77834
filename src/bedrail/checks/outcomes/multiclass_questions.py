"""What is asked of probabilities of several classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bedrail.checks.binning import calibration_error
from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.discrimination import auroc
from bedrail.checks.estimates import precision
from bedrail.checks.estimates.recalibrated import intercept_and_slope
from bedrail.checks.groups import told
from bedrail.checks.intervals import power_factor, rate_interval
from bedrail.checks.outcomes import multiclass as kinds
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.estimates import FEWEST, Pulled, at_least, banded, finding, mean_of, missing
from bedrail.checks.outcomes.grouping import Part, parts, small
from bedrail.checks.outcomes.requirements import MulticlassRequirements
from bedrail.checks.outcomes.values import MulticlassCohort
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    from bedrail.checks.intervals import Measured

NOT_ENOUGH = "Not enough patients to tell"


def shared(requirements: MulticlassRequirements, among: int) -> float:
    """The confidence that a failure needs when `among` classes are judged at once (Bonferroni; Dunn 1961)."""
    return 1 - (1 - requirements.confidence) / max(1, among)


def of_class(cohort: MulticlassCohort, k: int) -> str:
    """How a finding names a class."""
    return f"outcome={cohort.classes[k]}"


@question("multiclass-discrimination", "Does the score tell the classes apart?")
def discrimination(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Macro, weighted and pairwise AUROC over all classes; one-vs-rest AUROC and average precision of each.

    The three summaries fail when their interval lies below `min_macro_auroc`, pass when it reaches it, else missing; a
    class is held against `min_class_auroc`, its average precision against its share, at the shared confidence.
    """
    del rng
    n, K = cohort.n, len(cohort.classes)
    areas = kinds.one_against_rest(cohort.outcome, cohort.score, K, cohort.clusters)
    head = "multiclass-discrimination"
    names = ("macro-auroc", "weighted-auroc", "pairwise-auroc")
    pairwise = kinds.pairwise_auroc(cohort.outcome, cohort.score, K, cohort.clusters)
    if not areas or pairwise is None:
        reason = "At least two classes must occur among the outcomes."
        return tuple(missing(f"{head}.{name}", reason, n=n) for name in names)
    every = (
        kinds.macro_auroc(areas, cohort.outcome, cohort.clusters),
        kinds.macro_auroc(areas, cohort.outcome, cohort.clusters, weighted=True),
        pairwise,
    )
    absent = [cohort.classes[k] for k in range(K) if k not in areas]
    note = f" Left out, since nobody had it: {', '.join(absent)}." if absent else ""
    rarest = min(int((cohort.outcome == k).sum()) for k in areas)
    found = [
        _area(f"{head}.{name}", one, rarest, requirements, n, note) for name, one in zip(names, every, strict=True)
    ]
    for k in range(K):
        found += _one_class(cohort, requirements, k, areas.get(k), shared(requirements, K))
    return tuple(found)


def _area(name: str, found: Pulled, rarest: int, requirements: MulticlassRequirements, n: int, note: str) -> Finding:
    bound = requirements.min_macro_auroc
    interval = found.logit(requirements.confidence)
    if rarest < FEWEST:
        return missing(name, f"The rarest class has fewer than {FEWEST} rows: no interval can be trusted.{note}", n=n)
    verdict = at_least(interval, interval, bound)
    words = {
        Verdict.PASS: f"{found.estimate:.3f}; the whole interval reaches the required {bound:.2f}.",
        Verdict.FAIL: f"Even the upper limit {interval[1]:.3f} lies below the required {bound:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether it reaches {bound:.2f}.",
    }
    return finding(name, found, interval, verdict, words[verdict] + note, requirements.confidence, n=n)


def _one_class(
    cohort: MulticlassCohort,
    requirements: MulticlassRequirements,
    k: int,
    area: Pulled | None,
    strict: float,
) -> list[Finding]:
    group, happened = of_class(cohort, k), (cohort.outcome == k).astype(np.float64)
    names = ("multiclass-discrimination.auroc", "multiclass-discrimination.auprc")
    rows = int(happened.sum())
    if area is None or min(rows, cohort.n - rows) < FEWEST:
        reason = f"Fewer than {FEWEST} rows with, or without, the class."
        return [missing(name, reason, group=group) for name in names]
    bound, interval = requirements.min_class_auroc, area.logit(requirements.confidence)
    verdict = at_least(interval, area.logit(strict), bound)
    words = {
        Verdict.PASS: f"AUROC {area.estimate:.3f} against all other classes.",
        Verdict.FAIL: f"The AUROC of this class, {area.estimate:.3f}, lies below the required {bound:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether the AUROC of this class reaches {bound:.2f}.",
    }
    first = finding(names[0], area, interval, verdict, words[verdict], requirements.confidence, n=cohort.n, group=group)
    average = precision.average_precision(happened, cohort.score[:, k], cohort.clusters, requirements.confidence)
    if average is None:
        reason = f"Fewer than {precision.FEWEST} patients with, or without, the class: average precision is not told."
        return [first, missing(names[1], reason, n=cohort.n, group=group)]
    estimate, low, high, share = average.estimate, average.low, average.high, rows / cohort.n
    verdict = Verdict.PASS if low > share else Verdict.FAIL if high < share else Verdict.MISSING
    reason = f"Average precision {estimate:.3f}; chance gives the share of the class, {share:.3f}."
    second = Finding(
        check=names[1], group=group, verdict=verdict, estimate=estimate, low=low, high=high, n=cohort.n, reason=reason
    )
    return [first, second]


@question("multiclass-predictions", "How often is the predicted class the right one?")
def predictions(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Accuracy, balanced accuracy, macro F1, kappa (quadratic weights when ordinal); sensitivity and PPV of each class.

    Accuracy is held against `min_accuracy` or, without it, against always saying the commonest class. Kappa fails when
    its interval lies below `min_kappa`. Rates without a bound pass when known to within `widest_rate_interval`.
    """
    del rng
    K, head = len(cohort.classes), "multiclass-predictions"
    right = (cohort.outcome == cohort.said).astype(np.float64)
    found = [_accuracy(cohort, requirements, right)]
    for name, each in (
        ("balanced-accuracy", kinds.balanced_accuracy(cohort.outcome, cohort.said, K, cohort.clusters)),
        ("macro-f1", kinds.macro_f1(cohort.outcome, cohort.said, K, cohort.clusters)),
    ):
        interval = each.logit(requirements.confidence)
        known = interval[1] - interval[0] <= requirements.widest_rate_interval
        verdict = Verdict.PASS if known else Verdict.MISSING
        reason = f"{each.estimate:.3f}, each class counting alike." if known else f"{NOT_ENOUGH}: too wide an interval."
        found.append(finding(f"{head}.{name}", each, interval, verdict, reason, requirements.confidence, n=cohort.n))
    found.append(_kappa(cohort, requirements))
    for k in range(K):
        found += _rates(cohort, requirements, k)
    return tuple(found)


def _accuracy(cohort: MulticlassCohort, requirements: MulticlassRequirements, right: np.ndarray) -> Finding:
    rate, low, high = rate_interval(right, cohort.clusters, requirements.confidence)
    commonest = float(np.bincount(cohort.outcome).max()) / cohort.n
    bound = requirements.min_accuracy if requirements.min_accuracy is not None else commonest
    verdict = at_least((low, high), (low, high), bound)
    what = "the required" if requirements.min_accuracy is not None else "always saying the commonest class,"
    reason = f"{rate:.1%} right; {what} {bound:.1%}."
    if verdict is Verdict.MISSING:
        reason = f"{NOT_ENOUGH} whether accuracy reaches {bound:.1%} ({what.rstrip(',')}): {rate:.1%}."
    return Finding(
        check="multiclass-predictions.accuracy",
        verdict=verdict,
        estimate=rate,
        low=low,
        high=high,
        n=cohort.n,
        smallest_gap=power_factor(1 - requirements.confidence) * mean_of(right, cohort.clusters).error,
        reason=reason,
    )


def _kappa(cohort: MulticlassCohort, requirements: MulticlassRequirements) -> Finding:
    name = "multiclass-predictions." + ("quadratic-kappa" if cohort.ordinal else "kappa")
    found = kinds.kappa(cohort.outcome, cohort.said, len(cohort.classes), cohort.clusters, quadratic=cohort.ordinal)
    if found is None or found.error == 0:
        return missing(name, "Prediction and outcome hold one class only.", n=cohort.n)
    interval = found.fisher(requirements.confidence)
    bound = requirements.min_kappa
    verdict = at_least(interval, interval, bound)
    words = {
        Verdict.PASS: f"Agreement beyond chance {found.estimate:.3f}.",
        Verdict.FAIL: f"Agreement beyond chance {found.estimate:.3f} lies below {bound:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH} whether agreement beyond chance exceeds {bound:.2f}.",
    }
    return finding(name, found, interval, verdict, words[verdict], requirements.confidence, n=cohort.n)


def _rates(cohort: MulticlassCohort, requirements: MulticlassRequirements, k: int) -> list[Finding]:
    found, group = [], of_class(cohort, k)
    strict = shared(requirements, len(cohort.classes))
    for name, rows, hits, bound in (
        ("sensitivity", cohort.outcome == k, cohort.said == k, requirements.min_class_sensitivity),
        ("ppv", cohort.said == k, cohort.outcome == k, requirements.min_class_ppv),
    ):
        check = f"multiclass-predictions.{name}"
        n = int(rows.sum())
        if n < requirements.min_group:
            what = "have" if name == "sensitivity" else "are given"
            found.append(missing(check, f"Fewer than {requirements.min_group} rows {what} this class.", group=group))
            continue
        clusters = None if cohort.clusters is None else cohort.clusters[rows]
        values = hits[rows].astype(np.float64)
        rate, low, high = rate_interval(values, clusters, requirements.confidence)
        if bound is None:
            verdict = Verdict.PASS if high - low <= requirements.widest_rate_interval else Verdict.MISSING
        else:
            verdict = at_least((low, high), rate_interval(values, clusters, strict)[1:], bound)
        words = {
            Verdict.PASS: f"{rate:.1%} of {n:,}.",
            Verdict.FAIL: f"{rate:.1%} of {n:,} lies below the required {bound or 0:.1%}.",
            Verdict.MISSING: f"{NOT_ENOUGH}: {rate:.1%} of {n:,}.",
        }
        found.append(
            Finding(
                check=check,
                group=group,
                verdict=verdict,
                estimate=rate,
                low=low,
                high=high,
                n=n,
                reason=words[verdict],
            )
        )
    return found


@question("multiclass-calibration", "Do the probabilities of the classes agree with how often they happen?")
def calibration(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Brier and log-loss skill; top-label calibration; O/E, slope and expected calibration error of each class.

    Skills fail when their interval lies below 0, which is giving everybody the class shares. Top label: the mean
    probability of the class that was said against how often it was right. O/E and slopes as for yes-or-no outcomes, at
    the confidence shared by the classes.
    """
    K, head = len(cohort.classes), "multiclass-calibration"
    brier, logloss = kinds.brier_rows(cohort.outcome, cohort.score), kinds.log_loss_rows(cohort.outcome, cohort.score)
    impossible = int((cohort.score[np.arange(cohort.n), cohort.outcome] <= 0).sum())
    note = f" {impossible:,} outcomes had been given probability 0: the loss is cut there." if impossible else ""
    found = []
    losses = zip(
        ("brier-skill", "log-loss-skill"), (brier, logloss), kinds.share_losses(cohort.outcome, K), strict=True
    )
    for name, loss, reference in losses:
        one = kinds.skill(loss, reference, cohort.clusters)
        if one is None or one.error == 0:
            found.append(missing(f"{head}.{name}", "At least two classes must occur.", n=cohort.n))
            continue
        interval = one.skill(requirements.confidence)
        verdict = at_least(interval, interval, 0.0)
        words = {
            Verdict.PASS: "Nearer to the truth than giving everybody the class shares",
            Verdict.FAIL: "Further from the truth than giving everybody the class shares",
            Verdict.MISSING: f"{NOT_ENOUGH} whether it is nearer to the truth than the class shares",
        }
        reason = f"{words[verdict]}: mean loss {loss.mean():.4f} against {reference.mean():.4f}.{note}"
        found.append(finding(f"{head}.{name}", one, interval, verdict, reason, requirements.confidence, n=cohort.n))
    found += _top_label(cohort, requirements, rng)
    for k in range(K):
        found += _class_calibration(cohort, requirements, rng, k)
    return tuple(found)


def _top_label(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator
) -> list[Finding]:
    """Guo et al. (2017) ask of the highest probability; a class said for other reasons is held to its own."""
    right = (cohort.outcome == cohort.said).astype(np.float64)
    sure = cohort.score[np.arange(cohort.n), cohort.said]
    name = "multiclass-calibration.top-label-observed-to-expected"
    ratio = observed_to_expected(right, sure, cohort.clusters, requirements.confidence)
    found = []
    if ratio is None:
        found.append(missing(name, "Nothing is said with any probability.", n=cohort.n))
    else:
        found.append(_ratio(name, "overall", ratio, (ratio.low, ratio.high), cohort.n, requirements))
    return [*found, _error("multiclass-calibration.top-label-error", "overall", right, sure, cohort, requirements, rng)]


def _ratio(
    name: str,
    group: str,
    ratio: Measured,
    sure: tuple[float, float],
    n: int,
    requirements: MulticlassRequirements,
) -> Finding:
    gap = power_factor(1 - requirements.confidence) * ratio.error
    detectable = requirements.detectable_miscalibration
    verdict = banded(ratio.estimate, sure, 1.0, requirements.observed_to_expected, gap, detectable)
    words = {
        Verdict.PASS: f"Observed over expected {ratio.estimate:.2f}.",
        Verdict.FAIL: f"{'Over' if ratio.estimate < 1 else 'Under'}-predicted: observed over expected "
        f"{ratio.estimate:.2f}.",
        Verdict.MISSING: f"{NOT_ENOUGH}: observed over expected {ratio.estimate:.2f}.",
    }
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        n=n,
        smallest_gap=gap,
        reason=words[verdict],
    )


def _error(
    name: str,
    group: str,
    happened: np.ndarray,
    score: np.ndarray,
    cohort: MulticlassCohort,
    requirements: MulticlassRequirements,
    rng: np.random.Generator,
) -> Finding:
    found = calibration_error(happened, score, cohort.clusters, requirements.draws, requirements.confidence, rng)
    most = requirements.max_calibration_error
    figure = f"ECE {found.measured:.3f}, of which chance alone gives {found.by_chance:.3f}"
    if found.low > most and found.measured > found.chance_limit:
        verdict, reason = Verdict.FAIL, f"{figure}; at most {most:g} is allowed."
    elif found.measured <= most:
        verdict, reason = Verdict.PASS, f"{figure}."
    else:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH} whether ECE keeps {most:g}: {figure}."
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=found.measured,
        low=found.low,
        high=found.high,
        n=cohort.n,
        smallest_gap=found.chance_limit,
        reason=reason,
    )


def _class_calibration(
    cohort: MulticlassCohort, requirements: MulticlassRequirements, rng: np.random.Generator, k: int
) -> list[Finding]:
    group, head = of_class(cohort, k), "multiclass-calibration"
    happened, score = (cohort.outcome == k).astype(np.float64), cohort.score[:, k]
    strict = shared(requirements, len(cohort.classes))
    names = [f"{head}.{name}" for name in ("observed-to-expected", "slope", "expected-error")]
    ratio = observed_to_expected(happened, score, cohort.clusters, requirements.confidence)
    sure = observed_to_expected(happened, score, cohort.clusters, strict)
    found = []
    if ratio is None or sure is None:
        found.append(missing(names[0], "The class is never expected.", group=group))
    else:
        found.append(_ratio(names[0], group, ratio, (sure.low, sure.high), cohort.n, requirements))
    fits = intercept_and_slope(happened, score, cohort.clusters, requirements.confidence)
    stricter = intercept_and_slope(happened, score, cohort.clusters, strict)
    if fits is None or stricter is None:
        found.append(
            missing(names[1], "No slope: under two rows of a class, no spread, or perfect separation.", group=group)
        )
    else:
        found.append(_slope(names[1], group, fits[1], stricter[1], cohort.n, requirements))
    return [*found, _error(names[2], group, happened, score, cohort, requirements, rng)]


def _slope(
    name: str, group: str, slope: Measured, sure: Measured, n: int, requirements: MulticlassRequirements
) -> Finding:
    gap = power_factor(1 - requirements.confidence) * slope.error
    verdict = banded(
        slope.estimate, (sure.low, sure.high), 1.0, requirements.calibration_slope, gap, requirements.detectable_slope
    )
    words = {
        Verdict.PASS: f"Slope {slope.estimate:.2f}.",
        Verdict.FAIL: f"Too {'extreme' if slope.estimate < 1 else 'timid'}: slope {slope.estimate:.2f}, right is 1.",
        Verdict.MISSING: f"{NOT_ENOUGH}: slope {slope.estimate:.2f}.",
    }
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=slope.estimate,
        low=slope.low,
        high=slope.high,
        n=n,
        smallest_gap=gap,
        reason=words[verdict],
    )


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
        Finding(
            check="multiclass-subgroups.accuracy",
            group=part.name,
            verdict=Verdict.PASS if known else Verdict.MISSING,
            estimate=rate,
            low=low,
            high=high,
            n=n,
            reason=f"{rate:.1%} right." if known else f"{NOT_ENOUGH}: too wide an interval.",
        )
    ]
    for k, name in enumerate(cohort.classes):
        happened, score = (cohort.outcome[rows] == k).astype(np.float64), cohort.score[rows, k]
        found.append(_part_area(happened, score, clusters, name, part, requirements, strict))
        found.append(_part_ratio(happened, score, clusters, name, part, requirements, strict))
    return found


def _part_area(
    happened: np.ndarray,
    score: np.ndarray,
    clusters: np.ndarray | None,
    name: str,
    part: Part,
    requirements: MulticlassRequirements,
    strict: float,
) -> Finding:
    check, n = f"multiclass-subgroups.auroc {name}", len(happened)
    area = auroc(happened, score, clusters)
    if area is None or min(area.positives, area.negatives) < FEWEST:
        return missing(check, f"Too few patients in {part.name} with, or without, {name}.", n=n, group=part.name)
    one = Pulled(area.estimate, area.pulls, clusters)
    interval, bound = one.logit(requirements.confidence), requirements.min_group_auroc
    verdict = at_least(interval, one.logit(strict), bound)
    reason = f"In {part.name} the AUROC of {name} is {area.estimate:.3f}; {bound:.2f} is asked."
    return finding(check, one, interval, verdict, reason, requirements.confidence, n=n, group=part.name)


def _part_ratio(
    happened: np.ndarray,
    score: np.ndarray,
    clusters: np.ndarray | None,
    name: str,
    part: Part,
    requirements: MulticlassRequirements,
    strict: float,
) -> Finding:
    check, n = f"multiclass-subgroups.observed-to-expected {name}", len(happened)
    ratio = observed_to_expected(happened, score, clusters, requirements.confidence)
    sure = observed_to_expected(happened, score, clusters, strict)
    if ratio is None or sure is None:
        return missing(check, f"{name} is never expected in {part.name}.", n=n, group=part.name)
    gap = power_factor(1 - requirements.confidence) * ratio.error
    verdict = banded(
        ratio.estimate,
        (sure.low, sure.high),
        1.0,
        requirements.group_observed_to_expected,
        gap,
        requirements.detectable_calibration_gap,
    )
    reason = f"In {part.name} {name}: expected {score.mean():.1%}, observed {happened.mean():.1%}."
    return Finding(
        check=check,
        group=part.name,
        verdict=verdict,
        estimate=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        n=n,
        smallest_gap=gap,
        reason=reason,
    )
