"""What is asked of probabilities of several classes: does the score tell them apart, and is the predicted one right."""

from __future__ import annotations

import numpy as np

from bedrail.checks.estimates import precision
from bedrail.checks.intervals import power_factor, rate_interval
from bedrail.checks.outcomes import multiclass as kinds
from bedrail.checks.outcomes.asking import question
from bedrail.checks.outcomes.estimates import FEWEST, Pulled, at_least, finding, mean_of, missing, stated
from bedrail.checks.outcomes.requirements import MulticlassRequirements
from bedrail.checks.outcomes.values import MulticlassCohort
from bedrail.core.values import Finding, Verdict

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
    second = stated(names[1], (estimate, low, high), verdict, reason, n=cohort.n, group=group)
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
    gap = power_factor(1 - requirements.confidence) * mean_of(right, cohort.clusters).error
    return stated("multiclass-predictions.accuracy", (rate, low, high), verdict, reason, n=cohort.n, gap=gap)


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
        found.append(stated(check, (rate, low, high), verdict, words[verdict], n=n, group=group))
    return found
