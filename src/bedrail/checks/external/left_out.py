"""What a score does on sites, or in periods, that it was not made on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log

import numpy as np

from bedrail.checks.calibration import observed_to_expected
from bedrail.checks.comparison import auroc_difference
from bedrail.checks.discrimination import auroc
from bedrail.checks.equity.suppression import Hidden, hidden, withhold
from bedrail.checks.external.pooling import Pooled, pooled, pooled_ratios
from bedrail.checks.external.sites import FEWEST, FEWEST_SITES
from bedrail.checks.groups import untold_words
from bedrail.checks.intervals import mean_interval, power_factor, quantile, sum_variance
from bedrail.checks.question import first_reason
from bedrail.checks.utility import benefits
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements
from bedrail.core.values import Evidence, Finding, Verdict

NAME = "external-validation"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions for rows of parts that the model of that part was not made on.

    `part` (n,) codes into `names` (sites, or periods in order); `kind` is the word for them. `others` are comparators'
    risks (n,) by name: an existing score, a simple one. `finer` (n,) are the sites where several of them make a part.
    """

    outcome: Floats
    score: Floats
    part: Ints
    names: tuple[str, ...]
    kind: str = "site"
    subject: Ints | None = None
    others: Mapping[str, Floats] = field(default_factory=dict)
    finer: Ints | None = None
    threshold: float | None = None


def external_validation(given: LeftOut, requirements: Requirements, beside: Sequence[Finding] = ()) -> Evidence:
    """Evidence `external-validation`: each part with intervals, parts pooled, a new one, comparators, no model, drift.

    `beside` are findings of who asks, such as whether patients were met before. See `checks/external/methods.py` for
    what is computed, when a finding fails, and `settled` for the verdict.
    """
    cohort = Cohort(
        outcome=given.outcome,
        score=given.score,
        subject=given.subject,
        threshold=given.threshold,
    )
    if not 0 < given.outcome.sum() < cohort.n:
        reason = "Patients with and without the outcome are both needed."
        return Evidence(check=NAME, verdict=Verdict.MISSING, reason=reason, findings=tuple(beside))
    findings: list[Finding] = [*beside]
    findings += _areas(cohort, given, requirements)
    findings += _ratios(cohort, given, requirements)
    for name, score in given.others.items():
        findings += _against(cohort, given, name, score, requirements)
    findings += _no_model(cohort, requirements)
    if given.kind == "period":
        findings += _drift(cohort, given, requirements)
    findings = [*withhold(findings, _untold(cohort, given, requirements))]
    verdict, reason = settled(given, requirements, findings)
    return Evidence(check=NAME, verdict=verdict, reason=reason, findings=tuple(findings))


def settled(given: LeftOut, requirements: Requirements, findings: Sequence[Finding]) -> tuple[Verdict, str]:
    """Any fail fails. A pass needs what is asked of all rows, what is pooled, drift, and by AUROC and by O/E parts that
    pass to hold `min_told_share` of the rows, as `fairness` needs of groups. What to expect at a next part is said, and
    does not hold back: few sites never tell it."""
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    if failed:
        return Verdict.FAIL, first_reason(failed)
    whole = [f for f in findings if f.verdict is Verdict.MISSING and "-at-a-new-" not in f.check]
    for finding in whole:
        pooled_one = finding.check.endswith("-pooled") and len(given.names) < 2
        if finding.group == "overall" or (finding.group.endswith("=*") and not pooled_one):
            return Verdict.MISSING, _unsure(finding)
    rows = np.bincount(given.part, minlength=len(given.names))
    parts = {f"{given.kind}={label}": int(count) for label, count in zip(given.names, rows, strict=True)}
    for measure in ("auroc", "observed-to-expected"):
        asked = [f for f in findings if f.check == f"{NAME}.{measure}"]
        held = sum(parts[f.group] for f in asked if f.verdict is Verdict.PASS) / max(1, len(given.part))
        if held < requirements.min_told_share:
            share = f"{held:.0%} of the rows (at least {requirements.min_told_share:.0%} are asked)"
            words = f"Not enough patients to tell: by {given.kind}, {measure} is settled for only {share}."
            return Verdict.MISSING, f"{words} {untold_words(asked)}"
    told = sum(f.verdict is Verdict.PASS for f in findings)
    small = untold_words(f for f in findings if f.check in (f"{NAME}.auroc", f"{NAME}.observed-to-expected"))
    ahead = [f for f in findings if f.verdict is Verdict.MISSING and "-at-a-new-" in f.check]
    next_one = f"What to expect at a next {given.kind} is not told." if ahead else ""
    return Verdict.PASS, " ".join(x for x in (f"{told} findings within the requirements.", small, next_one) if x)


def _unsure(finding: Finding) -> str:
    """Why a finding about all rows holds the evidence back, with the interval that could not tell."""
    if finding.low is None or finding.high is None:
        return finding.reason
    return f"Not enough patients to tell, from {finding.low:.3g} to {finding.high:.3g}: {finding.reason}"


def _untold(cohort: Cohort, given: LeftOut, requirements: Requirements) -> Hidden:
    """Parts under the smallest size, and those from which they could be worked out."""
    import pandas as pd

    parts = pd.DataFrame({given.kind: np.array(given.names, dtype=object)[given.part]})
    grouped = Cohort(
        outcome=cohort.outcome, score=cohort.score, groups=parts, subject=given.subject, threshold=given.threshold
    )
    return hidden(grouped, requirements)


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def _clusters(cohort: Cohort, rows: Bools) -> Ints | None:
    return None if cohort.clusters is None else cohort.clusters[rows]


def _few(name: str, group: str, rows: Bools, requirements: Requirements) -> Finding | None:
    if int(rows.sum()) >= requirements.min_group:
        return None
    reason = f"Fewer than {requirements.min_group} predictions: not shown."
    return Finding(check=name, group=group, verdict=Verdict.MISSING, reason=reason)


def _areas(cohort: Cohort, given: LeftOut, requirements: Requirements) -> list[Finding]:
    name, bound = f"{NAME}.auroc", requirements.min_group_auroc
    findings, effects, variances = [], [], []
    for at, label in enumerate(given.names):
        rows, group = given.part == at, f"{given.kind}={label}"
        if few := _few(name, group, rows, requirements):
            findings.append(few)
            continue
        found = auroc(cohort.outcome[rows], cohort.score[rows], _clusters(cohort, rows))
        if found is None or min(found.positives, found.negatives) < FEWEST:
            reason = f"Fewer than {FEWEST} patients with, or without, the outcome."
            findings.append(Finding(check=name, group=group, verdict=Verdict.MISSING, n=int(rows.sum()), reason=reason))
            continue
        low, high = found.interval(requirements.confidence)
        verdict = Verdict.FAIL if high < bound else Verdict.PASS if low >= bound else Verdict.MISSING
        words = f"AUROC {found.estimate:.3f} at {label}, where the model had not been; {bound:.2f} is required."
        findings.append(
            _told(name, group, verdict, (found.estimate, low, high), int(rows.sum()), words,
                  power_factor(1 - requirements.confidence) * found.error)
        )  # fmt: skip
        if 0 < found.estimate < 1 and found.error > 0:
            effects.append(log(found.estimate / (1 - found.estimate)))
            variances.append((found.error / (found.estimate * (1 - found.estimate))) ** 2)
    together = pooled(np.array(effects), np.array(variances), requirements.confidence)
    return [*findings, *_pooled_areas(together, given, cohort.n, requirements)]


def _told(
    name: str,
    group: str,
    verdict: Verdict,
    figures: tuple[float, float, float],
    n: int,
    words: str,
    smallest: float | None = None,
) -> Finding:
    estimate, low, high = figures
    return Finding(
        check=name,
        group=group,
        verdict=verdict,
        estimate=estimate,
        low=low,
        high=high,
        n=n,
        smallest_gap=smallest,
        reason=words,
    )


def _pooled_areas(together: Pooled | None, given: LeftOut, n: int, requirements: Requirements) -> list[Finding]:
    name, group, bound = f"{NAME}.auroc", f"{given.kind}=*", requirements.min_auroc
    if together is None:
        reason = f"Fewer than two of the {given.kind}s have enough patients of each kind to be pooled."
        return [Finding(check=f"{name}-pooled", group=group, verdict=Verdict.MISSING, reason=reason)]
    mean, low, high = (_expit(x) for x in (together.mean, together.low, together.high))
    verdict = Verdict.FAIL if high < bound else Verdict.PASS if low >= bound else Verdict.MISSING
    words = (
        f"Pooled over {together.k} {given.kind}s by random effects; I2 {together.i2:.0%} "
        f"({together.i2_limits[0]:.0%} to {together.i2_limits[1]:.0%}), tau2 {together.tau2:.3g} "
        f"({together.tau2_limits[0]:.3g} to {together.tau2_limits[1]:.3g}) on the logit scale."
    )
    findings = [_told(f"{name}-pooled", group, verdict, (mean, low, high), n, words)]
    if together.new is not None:
        below, above = (_expit(x) for x in together.new)
        least = requirements.min_group_auroc
        verdict = Verdict.FAIL if above < least else Verdict.PASS if below >= least else Verdict.MISSING
        words = f"At a new {given.kind} an AUROC from {below:.3f} to {above:.3f} is to be expected."
        if together.k < FEWEST_SITES:
            verdict, words = Verdict.MISSING, f"{words} {together.k} are too few to conclude from."
        findings.append(_told(f"{name}-at-a-new-{given.kind}", group, verdict, (mean, below, above), n, words))
    return findings


def _ratios(cohort: Cohort, given: LeftOut, requirements: Requirements) -> list[Finding]:
    """O/E of each part, and pooled over the finest parts there are."""
    name, band = f"{NAME}.observed-to-expected", requirements.group_observed_to_expected
    findings = []
    strict = 1 - requirements.group_alpha / max(1, len(given.names))
    for at, label in enumerate(given.names):
        rows, group = given.part == at, f"{given.kind}={label}"
        if few := _few(name, group, rows, requirements):
            findings.append(few)
            continue
        y, s = cohort.outcome[rows], cohort.score[rows]
        found = observed_to_expected(y, s, _clusters(cohort, rows), requirements.confidence)
        sure = observed_to_expected(y, s, _clusters(cohort, rows), strict)
        if found is None or sure is None:
            reason = "No outcomes are expected there."
            findings.append(Finding(check=name, group=group, verdict=Verdict.MISSING, n=int(rows.sum()), reason=reason))
            continue
        smallest = power_factor(1 - requirements.confidence) * found.error
        outside = not band[0] <= found.estimate <= band[1]
        verdict = Verdict.MISSING
        if outside and (sure.high < 1 or sure.low > 1):
            verdict = Verdict.FAIL
        elif band[0] <= found.low and found.high <= band[1]:
            verdict = Verdict.PASS
        words = f"At {label} {y.mean():.1%} had the outcome, {s.mean():.1%} were predicted."
        figures = found.estimate, found.low, found.high
        findings.append(_told(name, group, verdict, figures, int(rows.sum()), words, smallest))
    finest = given.part if given.finer is None else given.finer
    k = int(finest.max()) + 1
    observed = np.bincount(finest, weights=cohort.outcome, minlength=k).astype(np.float64)
    expected = np.bincount(finest, weights=cohort.score, minlength=k).astype(np.float64)
    plain = np.bincount(finest, weights=cohort.score * (1 - cohort.score), minlength=k).astype(np.float64)
    told = pooled_ratios(observed, expected, plain, requirements.confidence)
    group = f"{given.kind}=*"
    if told is None:
        return findings
    inside = band[0] <= told.low and told.high <= band[1]
    beyond = told.high < band[0] or told.low > band[1]
    verdict = Verdict.FAIL if beyond else Verdict.PASS if inside else Verdict.MISSING
    words = (
        f"Pooled over {told.k} {given.kind}s, of which O/E varies by {told.spread:.0%} of itself "
        f"({told.spread_limits[0]:.0%} to {told.spread_limits[1]:.0%}); no difference: p = {told.p_value:.2g}."
    )
    findings.append(_told(f"{name}-pooled", group, verdict, (told.ratio, told.low, told.high), cohort.n, words))
    below, above = told.new
    verdict = Verdict.PASS if band[0] <= below and above <= band[1] else Verdict.MISSING
    if verdict is Verdict.MISSING and told.p_value <= requirements.group_alpha and told.spread_limits[0] > 0:
        verdict = Verdict.FAIL
    words = f"At a new {given.kind} O/E from {below:.2f} to {above:.2f} is to be expected: recalibrate there first."
    if verdict is Verdict.PASS:
        words = f"At a new {given.kind} O/E from {below:.2f} to {above:.2f} is to be expected."
    if told.k < FEWEST_SITES:
        verdict = Verdict.MISSING
    findings.append(_told(f"{name}-at-a-new-{given.kind}", group, verdict, (told.ratio, below, above), cohort.n, words))
    return findings


def _against(cohort: Cohort, given: LeftOut, label: str, other: Floats, requirements: Requirements) -> list[Finding]:
    """Candidate less comparator on the same rows: AUROC by part and pooled, net benefit over all rows."""
    name = f"{NAME}.auroc-over-{label}"
    margin = requirements.baseline_margin
    findings, gaps, variances = [], [], []
    for at, part in enumerate(given.names):
        rows, group = given.part == at, f"{given.kind}={part}"
        y = cohort.outcome[rows]
        if int(rows.sum()) < requirements.min_group or min(y.sum(), len(y) - y.sum()) < FEWEST:
            continue
        found = auroc_difference(y, cohort.score[rows], other[rows], _clusters(cohort, rows), requirements.confidence)
        if found is None:
            continue
        gap, low, high, error = found
        words = f"AUROC {gap:+.3f} against {label}."
        findings.append(_told(name, group, _beside(low, high, margin), (gap, low, high), int(rows.sum()), words))
        if error > 0:
            gaps.append(gap)
            variances.append(error**2)
    whole = pooled(np.array(gaps), np.array(variances), requirements.confidence)
    if whole is not None:
        words = f"AUROC {whole.mean:+.3f} against {label}, pooled over {whole.k} {given.kind}s."
        figures = whole.mean, whole.low, whole.high
        verdict = _beside(whole.low, whole.high, margin)
        findings.append(_told(f"{name}-pooled", f"{given.kind}=*", verdict, figures, cohort.n, words))
    mine = benefits(cohort.outcome, cohort.alert, cohort.cut)
    theirs = benefits(cohort.outcome, np.asarray(other >= cohort.cut), cohort.cut)
    found_mean = mean_interval(mine - theirs, cohort.clusters, requirements.confidence)
    words = f"Net benefit {found_mean[0]:+.4f} against {label} at a threshold of {cohort.cut:.1%}."
    verdict = _beside(found_mean[1], found_mean[2], requirements.baseline_net_benefit_margin)
    findings.append(_told(f"{NAME}.net-benefit-over-{label}", "overall", verdict, found_mean, cohort.n, words))
    return findings


def _beside(low: float, high: float, margin: float) -> Verdict:
    return Verdict.FAIL if high < -margin else Verdict.PASS if low >= -margin else Verdict.MISSING


def _no_model(cohort: Cohort, requirements: Requirements) -> list[Finding]:
    """Net benefit over alerting nobody, and over alerting everybody (Vickers and Elkin 2006)."""
    mine = benefits(cohort.outcome, cohort.alert, cohort.cut)
    everyone = benefits(cohort.outcome, np.ones(cohort.n, dtype=np.bool_), cohort.cut)
    findings = []
    for label, other in (("no-model", np.zeros(cohort.n)), ("alerting-everyone", everyone)):
        found = mean_interval(mine - other, cohort.clusters, requirements.confidence)
        verdict = Verdict.FAIL if found[2] < 0 else Verdict.PASS if found[1] >= 0 else Verdict.MISSING
        words = f"Net benefit {found[0]:+.4f} over {label.replace('-', ' ')} at a threshold of {cohort.cut:.1%}."
        findings.append(_told(f"{NAME}.net-benefit-over-{label}", "overall", verdict, found, cohort.n, words))
    return findings


def _drift(cohort: Cohort, given: LeftOut, requirements: Requirements) -> list[Finding]:
    """The change from period to period of log O/E and of logit AUROC: weighted least squares on the period's number."""
    findings = []
    for measure in ("auroc", "observed-to-expected"):
        points = []
        for at in range(len(given.names)):
            rows = given.part == at
            y, s = cohort.outcome[rows], cohort.score[rows]
            if measure == "auroc":
                found = auroc(y, s, _clusters(cohort, rows)) if len(y) else None
                if found is None or not 0 < found.estimate < 1 or found.error <= 0:
                    continue
                a = found.estimate
                points.append((float(at), log(a / (1 - a)), (found.error / (a * (1 - a))) ** 2))
            elif y.sum() > 0 and s.sum() > 0:
                ratio = float(y.sum() / s.sum())
                points.append(
                    (float(at), log(ratio), sum_variance(y - ratio * s, _clusters(cohort, rows)) / y.sum() ** 2)
                )
        findings.append(_slope(measure, points, cohort.n, requirements))
    return findings


def _slope(measure: str, points: list[tuple[float, float, float]], n: int, requirements: Requirements) -> Finding:
    name = f"{NAME}.{measure}-drift"
    points = [point for point in points if point[2] > 0]
    if len(points) < 3:
        reason = "Fewer than three periods can be compared."
        return Finding(check=name, group="period=*", verdict=Verdict.MISSING, reason=reason)
    x, y, v = (np.array(column) for column in zip(*points, strict=True))
    weight = 1 / v
    centre = float(np.sum(weight * x) / weight.sum())
    square = float(np.sum(weight * (x - centre) ** 2))
    slope = float(np.sum(weight * (x - centre) * y)) / square
    error = square**-0.5
    half, sure = quantile(requirements.confidence) * error, quantile(1 - requirements.group_alpha) * error
    low, high = slope - half, slope + half
    what = "log O/E" if measure == "observed-to-expected" else "logit AUROC"
    words = f"{what} moves by {slope:+.3f} from period to period."
    large = abs(slope) * (len(points) - 1) > log(1.25)
    verdict = Verdict.FAIL if large and abs(slope) > sure else Verdict.PASS
    if verdict is Verdict.PASS and max(abs(low), abs(high)) * (len(points) - 1) > 2 * log(1.25):
        verdict, words = Verdict.MISSING, f"Not enough patients to tell of drift. {words}"
    return _told(name, "period=*", verdict, (slope, low, high), n, words)
