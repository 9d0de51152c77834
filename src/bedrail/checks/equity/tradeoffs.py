"""Can the fairness that is asked for be had with this cohort's outcome rates?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.equity.notions import enough_of
from bedrail.checks.equity.tallies import Tally, families, split, tally
from bedrail.checks.groups import NO_GROUPS
from bedrail.checks.question import check
from bedrail.checks.values import Cohort, Floats, Requirements
from bedrail.core.values import Finding, Verdict

DRAWS = 4_000
THREE = ("sensitivity", "specificity", "ppv")


@dataclass(frozen=True, slots=True)
class Point:
    """What the trade-offs follow from, each (draws,) or a number: outcome rates of a group and of the rest, and the
    whole cohort's sensitivity, false-alarm rate and mean risk of patients without the outcome."""

    group: Floats
    rest: Floats
    sensitivity: Floats
    false_alarms: Floats
    low_risk: Floats

    @property
    def overall(self) -> tuple[Floats, Floats]:
        """(PPV in the group, PPV in the rest) at the common sensitivity and false-alarm rate."""
        return (
            ppv(self.group, self.sensitivity, self.false_alarms),
            ppv(self.rest, self.sensitivity, self.false_alarms),
        )


def ppv(prevalence: Floats, sensitivity: Floats, false_alarms: Floats) -> Floats:
    """Bayes: the share of alerts that are true, p t / (p t + (1 - p) f)."""
    hits = prevalence * sensitivity
    return np.asarray(hits / np.maximum(hits + (1 - prevalence) * false_alarms, 1e-12))


def sensitivity_needed(prevalence: Floats, false_alarms: Floats, value: Floats) -> Floats:
    """Chouldechova (2017), equation 2.6 solved for sensitivity: (1 - p) / p * PPV / (1 - PPV) * FPR; may exceed 1."""
    return np.asarray((1 - prevalence) / prevalence * value / np.maximum(1 - value, 1e-12) * false_alarms)


def false_alarms_needed(prevalence: Floats, sensitivity: Floats, value: Floats) -> Floats:
    """Chouldechova (2017), equation 2.6: FPR = p / (1 - p) * (1 - PPV) / PPV * (1 - FNR); may exceed 1."""
    return np.asarray(prevalence / (1 - prevalence) * (1 - value) / np.maximum(value, 1e-12) * sensitivity)


def forced(point: Point) -> dict[str, Floats]:
    """Group less rest, of what must differ when the other two are equal; and of mean risks, when risks are true.

    `balance-if-calibrated` (Kleinberg, Mullainathan and Raghavan 2017): risks that are true in each group have
    p = p h + (1 - p) l with h, l the mean risk of those with and without the outcome; with l equal, h = 1 - l (1 - p)/p
    differs wherever p does.
    """
    in_group, in_rest = point.overall
    value = ppv((point.group + point.rest) / 2, point.sensitivity, point.false_alarms)
    return {
        "ppv-if-error-rates-equal": in_group - in_rest,
        "sensitivity-if-ppv-and-specificity-equal": sensitivity_needed(point.group, point.false_alarms, value)
        - sensitivity_needed(point.rest, point.false_alarms, value),
        "specificity-if-ppv-and-sensitivity-equal": false_alarms_needed(point.rest, point.sensitivity, value)
        - false_alarms_needed(point.group, point.sensitivity, value),
        "balance-if-calibrated": point.low_risk * ((1 - point.rest) / point.rest - (1 - point.group) / point.group),
    }


def left_over(point: Point, sensitivity_gap: float, specificity_gap: float) -> Floats:
    """The PPV gap that stays when sensitivity and specificity may differ by as much as is tolerated, in its favour."""
    higher = point.group >= point.rest
    t, f = sensitivity_gap / 2, specificity_gap / 2
    up, down = np.where(higher, point.group, point.rest), np.where(higher, point.rest, point.group)
    best = ppv(up, np.clip(point.sensitivity - t, 0, 1), np.clip(point.false_alarms + f, 0, 1)) - ppv(
        down, np.clip(point.sensitivity + t, 0, 1), np.clip(point.false_alarms - f, 0, 1)
    )
    return np.asarray(np.maximum(best, 0.0))


@check("trade-offs", "Can the fairness that is asked for be had with these outcome rates?")
def trade_offs(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """What must differ between a group and the rest, given how common the outcome is in each.

    Kleinberg, Mullainathan and Raghavan (2017) and Chouldechova (2017): unless the outcome is equally common or the
    score perfect, equal PPV, sensitivity and specificity cannot hold together, nor can true risks in every group and
    equal mean risks of those with, and of those without, the outcome. Each finding takes all but one as equal, at the
    cohort's own level, and says by how much the last must then differ, with an interval from the uncertainty of the
    rates (Jeffreys posteriors on effective rows). These are no properties of the model. `trade-offs.demand` is: it
    fails when the tolerances for sensitivity, specificity and PPV (`fairness_metrics`) cannot be kept together by any
    score that works at this level, even if the first two are used up; then the policy has to choose.
    """
    columns = families(cohort, intersections=False)
    if not columns:
        return (Finding(check="trade-offs", verdict=Verdict.MISSING, n=cohort.n, reason=NO_GROUPS),)
    tallies = [tally(cohort, each) for each in columns]
    asked = sum(int(enough_of(found, requirements).sum()) for found in tallies)
    alpha = requirements.group_alpha / max(1, asked)
    findings: list[Finding] = []
    for found in tallies:
        findings += _column(cohort, found, requirements, alpha, rng)
    return tuple(findings)


def _column(
    cohort: Cohort, found: Tally, requirements: Requirements, alpha: float, rng: np.random.Generator
) -> list[Finding]:
    drawn = _common(cohort, found, rng)
    prevalence, rest = found.rates("prevalence"), found.rest("prevalence")
    findings: list[Finding] = []
    for at in np.flatnonzero(enough_of(found, requirements)):
        mine = prevalence.rate[at], prevalence.size[at]
        others = rest.rate[at], rest.size[at]
        if drawn is None or min(mine[0], others[0]) <= 0 or max(mine[0], others[0]) >= 1:
            reason = "Patients with and without the outcome, alerts among both, are needed in the group and outside it."
            findings.append(
                Finding(check="trade-offs.demand", group=found.names[at], verdict=Verdict.MISSING, reason=reason)
            )
            continue
        centre, clouds = drawn
        point = Point(np.asarray(mine[0]), np.asarray(others[0]), *(np.asarray(value) for value in centre))
        cloud = Point(_jeffreys(*mine, rng), _jeffreys(*others, rng), *clouds)
        findings += _told(found.names[at], int(prevalence.n[at]), point, cloud, requirements, alpha)
    return findings


def _common(
    cohort: Cohort, found: Tally, rng: np.random.Generator
) -> tuple[tuple[float, ...], tuple[Floats, ...]] | None:
    """The whole cohort's sensitivity, false-alarm rate and mean risk without the outcome, and draws of each."""
    total = found.counts.sum(axis=0)
    values, clouds = [], []
    for metric, turn in (("sensitivity", False), ("specificity", True)):
        hit, among = (float(x) for x in split(metric, total))
        if hit <= 0 or hit >= among:
            return None
        effect = float(np.average(found.effects[metric], weights=np.maximum(split(metric, found.counts)[1], 1e-9)))
        rate = 1 - hit / among if turn else hit / among
        values.append(rate)
        clouds.append(_jeffreys(rate, among / effect, rng))
    spared = cohort.score[cohort.outcome == 0]
    mean, error = float(spared.mean()), float(spared.std()) / max(1.0, len(spared) ** 0.5)
    return (*values, mean), (*clouds, np.clip(rng.normal(mean, error, DRAWS), 0, 1))


def _jeffreys(rate: float, size: float, rng: np.random.Generator) -> Floats:
    return np.clip(rng.beta(rate * size + 0.5, (1 - rate) * size + 0.5, DRAWS), 1e-9, 1 - 1e-9)


SENTENCES: dict[str, str] = {
    "ppv-if-error-rates-equal": "If {g} and the rest had the same sensitivity and specificity, their PPV would differ "
    "by {x} of 100 alerts ({a:.1%} of alerts true against {b:.1%}), since the outcome happens to {p:.1%} and {q:.1%}.",
    "sensitivity-if-ppv-and-specificity-equal": "If PPV and specificity were the same, the share of cases found would "
    "differ by {x} of 100.",
    "specificity-if-ppv-and-sensitivity-equal": "If PPV and sensitivity were the same, the share of patients without "
    "the outcome who are spared an alert would differ by {x} of 100.",
    "balance-if-calibrated": "If risks were true in both and patients without the outcome had the same mean risk, the "
    "mean risk of those with it would differ by {x} points of 100.",
}


def _told(name: str, n: int, point: Point, cloud: Point, requirements: Requirements, alpha: float) -> list[Finding]:
    tail = (1 - requirements.confidence) / 2
    values, clouds = forced(point), forced(cloud)
    in_group, in_rest = (float(x) for x in point.overall)
    findings = []
    for what, value in values.items():
        low, high = np.quantile(clouds[what], [tail, 1 - tail])
        estimate = float(value)
        words = SENTENCES[what].format(
            g=name, x=f"{estimate * 100:+.1f}", a=in_group, b=in_rest, p=float(point.group), q=float(point.rest)
        )
        if "needed" in what or what.startswith("sensitivity"):
            words += _beyond(point)
        findings.append(
            Finding(
                check=f"trade-offs.{what}",
                group=name,
                verdict=Verdict.PASS,
                estimate=estimate,
                low=min(float(low), estimate),
                high=max(float(high), estimate),
                n=n,
                reason=words,
                judged=False,  # what outcome rates force, whoever made the score
            )
        )
    findings.append(_demand(name, n, point, cloud, requirements, alpha))
    return findings


def _beyond(point: Point) -> str:
    value = ppv((point.group + point.rest) / 2, point.sensitivity, point.false_alarms)
    needed = max(float(sensitivity_needed(p, point.false_alarms, value)) for p in (point.group, point.rest))
    return " No score can do it: more than every case would have to be found." if needed > 1 else ""


def _demand(name: str, n: int, point: Point, cloud: Point, requirements: Requirements, alpha: float) -> Finding:
    gaps = requirements.max_sensitivity_gap, requirements.max_specificity_gap
    estimate, drawn = float(left_over(point, *gaps)), left_over(cloud, *gaps)
    tail = (1 - requirements.confidence) / 2
    low, high = (float(q) for q in np.quantile(drawn, [tail, 1 - tail]))
    most = requirements.max_ppv_gap
    columns = {part.partition("=")[0] for part in name.split(" & ")}
    named = requirements.error_rate_columns
    asked = set(THREE) <= set(requirements.fairness_metrics) and (not named or columns <= set(named))
    words = (
        f"With sensitivity and specificity each {gaps[0]:g} and {gaps[1]:g} apart in its favour, PPV in {name} and the "
        f"rest would still differ by {estimate:.3f}"
    )
    if not asked:
        verdict, reason = (
            Verdict.PASS,
            f"For information, since the policy does not ask for all three: {words[:1].lower()}{words[1:]}.",
        )
    elif float(np.quantile(drawn, max(alpha / 2, 1 / DRAWS))) > most:
        verdict = Verdict.FAIL
        reason = (
            f"The policy asks for what no score that works at this level can give: {words}, and {most:g} is tolerated. "
            "Choose which of the three binds (fairness_metrics)."
        )
    elif low <= most < high:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell whether the three can hold together: {words}."
    else:
        verdict, reason = Verdict.PASS, f"{words}; {most:g} is tolerated."
    return Finding(
        check="trade-offs.demand",
        group=name,
        verdict=verdict,
        estimate=estimate,
        low=min(low, estimate),
        high=max(high, estimate),
        n=n,
        reason=reason,
        judged=asked,
    )
