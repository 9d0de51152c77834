"""Which notions of fairness hold, and by how much do the others miss?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from bedrail.checks.equity.tallies import Tally, families, shown, tally, wilson_many
from bedrail.checks.groups import MOST_NAMED, NO_GROUPS, untold_words
from bedrail.checks.intervals import power_factor, quantile
from bedrail.checks.question import check, first_reason
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding, Verdict

NOTIONS: dict[str, tuple[str, ...]] = {
    "equal-opportunity": ("sensitivity",),
    "predictive-equality": ("specificity",),
    "equalised-odds": ("sensitivity", "specificity"),
    "predictive-parity": ("ppv",),
    "calibration-within-groups": ("calibration",),
    "demographic-parity": ("alert-rate",),
}
"""Each notion and the rates that it wants equal in all groups."""
BOUND_BY: dict[str, str] = {
    "sensitivity": "max_sensitivity_gap",
    "specificity": "max_specificity_gap",
    "ppv": "max_ppv_gap",
    "calibration": "max_calibration_gap",
    "alert-rate": "max_alert_rate_gap",
}
FEWEST_EXPECTED = 5.0
"""Outcomes expected, below which a group's O/E is left out of the comparison."""


@dataclass(frozen=True, slots=True)
class Range:
    """Largest less smallest value among `groups` groups, simultaneous limits, `n` rows, smallest range to be seen.

    `left_out` are the groups too small to be compared, `share` what the compared ones hold of all rows.
    """

    estimate: float
    low: float
    high: float
    n: int
    groups: int
    most: str
    least: str
    smallest: float
    left_out: tuple[str, ...]
    share: float


def settled(cohort: Cohort, requirements: Requirements, findings: tuple[Finding, ...]) -> tuple[Verdict, str]:
    """Any fail fails; a pass needs every notion that binds to be told of every column by itself, as in `fairness`.

    Intersections can fail, but being small does not hold a model back; nor does what no bound judges.
    """
    del cohort, requirements
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    if failed:
        return Verdict.FAIL, first_reason(failed)
    missing = [f for f in findings if f.verdict is Verdict.MISSING]
    alone = [f for f in missing if " & " not in f.group]
    if alone:
        return Verdict.MISSING, first_reason(alone)
    passed = sum(f.verdict is Verdict.PASS and f.judged for f in findings)
    if not passed:
        return Verdict.MISSING, missing[0].reason if missing else "No notion is judged: no bound is set."
    rest = f" {untold_words(missing)}" if missing else ""
    return Verdict.PASS, f"{passed} findings within the requirements.{rest}"


@check("parity", "Which notions of fairness hold, and by how much do the others miss?", ruling=settled)
def parity(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """`parity.NOTION` by column: the largest less the smallest rate among its groups, with simultaneous limits.

    Equal opportunity (sensitivity), predictive equality (specificity), equalised odds (both; Hardt, Price and Srebro
    2016), predictive parity (PPV; Chouldechova 2017), calibration within groups (O/E), demographic parity (alert
    rate). The limits hold for all pairs of groups, and for each group against all others, at once (Newcombe's interval
    of each, Bonferroni, half of the error for either): if every one is covered, the true range lies between the largest
    lower and the largest upper limit, since the others' rate is a mean of theirs. A notion fails when the lower limit
    that holds for all columns and notions that bind together (`side_alpha`) exceeds its tolerance
    (`max_sensitivity_gap` ...; demographic parity is information unless `max_alert_rate_gap` is set). It passes when a
    range of `detectable_gap` could have been seen among groups that hold `min_told_share` of the patients, and is
    missing otherwise. What binds is chosen by `fairness_metrics` and `error_rate_columns`, as in `fairness`; what does
    not is shown and not judged. The check passes when all that binds is told by each column (see `settled`).
    """
    del rng
    every = families(cohort)
    if not every:
        return (Finding(check="parity", verdict=Verdict.MISSING, n=cohort.n, reason=NO_GROUPS),)
    tallies = [tally(cohort, columns) for columns in every]
    tests = max(1, sum(_binds(found, metric, requirements) for found in tallies for metric in BOUND_BY))
    findings: list[Finding] = []
    for found in tallies:
        ranges: dict[str, Range | None] = {}
        strict: dict[str, Range | None] = {}
        for metric in BOUND_BY:
            ranges[metric] = spread(found, metric, requirements, requirements.confidence)
            strict[metric] = spread(found, metric, requirements, 1 - requirements.side_alpha / tests)
        findings += [
            _finding(found, notion, [(m, ranges[m], strict[m]) for m in metrics], requirements)
            for notion, metrics in NOTIONS.items()
        ]
    return tuple(findings)


def spread(found: Tally, metric: str, requirements: Requirements, confidence: float) -> Range | None:
    """The range of a rate (or of O/E, `calibration`) among groups large enough; None with fewer than two of them."""
    if metric == "calibration":
        return _ratio_range(found, requirements, confidence)
    rates = found.rates(metric)
    enough = np.flatnonzero(shown(found, requirements) & (rates.n >= requirements.min_group))
    if len(enough) < 2:
        return None
    sure = Sureness.of(len(enough), confidence)
    rate, size, n = rates.rate[enough], rates.size[enough], rates.n[enough]
    spread_of = n**2 / size  # the others' rate is weighted by rows: its variance is that of their rates so weighted
    others_size = (n.sum() - n) ** 2 / (spread_of.sum() - spread_of)
    others = (float(np.dot(rate, n)) - rate * n) / (n.sum() - n), others_size
    pooled = float(np.average(rate, weights=n))
    spreads = max(pooled * (1 - pooled), 0.0475)
    error = sqrt(spreads * float(np.sum(np.sort(1 / size)[-2:])))
    smallest = min(1.0, power_factor(1 - sure.pair) * error)
    beside = Side(rate, *wilson_many(rate, size, sure.rest)), Side(others[0], *wilson_many(*others, sure.rest))
    return _range(found, enough, Side(rate, *wilson_many(rate, size, sure.pair)), beside, int(n.sum()), smallest)


def _ratio_range(found: Tally, requirements: Requirements, confidence: float) -> Range | None:
    """The range of O/E; limits on the log scale from the (patient-clustered) variance of O - r E."""
    enough = np.flatnonzero(
        shown(found, requirements) & (found.expected >= FEWEST_EXPECTED) & (found.observed > 0) & (found.residual > 0)
    )
    if len(enough) < 2:
        return None
    sure = Sureness.of(len(enough), confidence)
    observed, expected, residual = found.observed[enough], found.expected[enough], found.residual[enough]
    mine = observed / expected, np.sqrt(residual) / observed
    left = observed.sum() - observed
    others = left / (expected.sum() - expected), np.sqrt(residual.sum() - residual) / left
    two = float(np.sqrt(np.sum(np.sort(mine[1] * mine[0])[-2:] ** 2)))
    smallest = power_factor(1 - sure.pair) * two
    beside = _ratio_side(*mine, sure.rest), _ratio_side(*others, sure.rest)
    return _range(found, enough, _ratio_side(*mine, sure.pair), beside, int(found.rows[enough].sum()), smallest)


@dataclass(frozen=True, slots=True)
class Sureness:
    """The confidence of each pair of groups, and of each group against the others, that hold together.

    Half of the error is for the pairs, of which the widest shows a range that no single group makes, and half for one
    group that is unlike all others, which is seen more sharply against them together. Two groups are one pair.
    """

    pair: float
    rest: float

    @classmethod
    def of(cls, groups: int, confidence: float) -> Sureness:
        error = (1 - confidence) / (1 if groups == 2 else 2)
        return cls(pair=1 - error / (groups * (groups - 1) // 2), rest=1 - error / (1 if groups == 2 else groups))


@dataclass(frozen=True, slots=True)
class Side:
    """(g,) rates, or O/E, of one side of comparisons, and the limits of each."""

    value: Floats
    low: Floats
    high: Floats

    def less(self, other: Side) -> tuple[Floats, Floats, Floats]:
        """This less the other, and its limits: Newcombe's hybrid of both sides' limits (1998, method 10)."""
        gap = self.value - other.value
        below = gap - np.sqrt((self.value - self.low) ** 2 + (other.high - other.value) ** 2)
        return gap, below, gap + np.sqrt((self.high - self.value) ** 2 + (other.value - other.low) ** 2)

    def __getitem__(self, at: tuple[slice | None, slice | None]) -> Side:
        return Side(self.value[at], self.low[at], self.high[at])


def _ratio_side(ratio: Floats, error: Floats, confidence: float) -> Side:
    z = quantile(confidence)
    return Side(ratio, ratio * np.exp(-z * error), ratio * np.exp(z * error))


def _range(found: Tally, enough: Ints, each: Side, beside: tuple[Side, Side], n: int, smallest: float) -> Range:
    """The largest lower limit of all ordered pairs and of all groups against the others, the largest upper of pairs."""
    _, below, above = each[:, None].less(each[None, :])
    np.fill_diagonal(below, 0.0)
    np.fill_diagonal(above, -np.inf)
    mine, others = beside
    apart = max(float(mine.less(others)[1].max()), float(others.less(mine)[1].max()))
    value = each.value
    most, least = int(value.argmax()), int(value.argmin())
    return Range(
        estimate=float(value[most] - value[least]),
        low=max(0.0, float(below.max()), apart),
        high=float(above.max()),
        n=n,
        groups=len(value),
        most=found.names[int(enough[most])],
        least=found.names[int(enough[least])],
        smallest=smallest,
        left_out=tuple(found.names[at] for at in np.setdiff1d(np.arange(len(found.names)), enough)),
        share=float(found.rows[enough].sum() / max(1.0, found.rows.sum())),
    )


def _binds(found: Tally, metric: str, requirements: Requirements) -> bool:
    if getattr(requirements, BOUND_BY[metric]) is None:
        return False
    if metric == "alert-rate":
        return True
    if metric not in requirements.fairness_metrics:
        return False
    named = requirements.error_rate_columns
    return metric == "calibration" or not named or set(found.columns) <= set(named)


Asked = Sequence[tuple[str, Range | None, Range | None]]


def _finding(found: Tally, notion: str, asked: Asked, requirements: Requirements) -> Finding:
    name = f"parity.{notion}"
    told = [(metric, shown_, sure) for metric, shown_, sure in asked if shown_ is not None and sure is not None]
    binds = any(_binds(found, metric, requirements) for metric, *_ in asked)
    if len(told) < len(asked):
        reason = f"Fewer than two groups of {found.family} are large enough to compare."
        if not binds:
            reason = f"For information: {reason}"
        verdict = Verdict.MISSING if binds else Verdict.PASS
        return Finding(check=name, group=found.everyone, verdict=verdict, reason=reason, judged=binds)
    widest = max((each for _, each, _ in told), key=lambda each: each.estimate)
    smallest = max(each.smallest for _, each, _ in told)
    verdict, words = _verdict(found, told, requirements, smallest)
    if notion == "demographic-parity":
        words += " Equal alert rates are no aim by themselves where the outcome is not equally common."
    return Finding(
        check=name,
        group=found.everyone,
        verdict=verdict,
        estimate=widest.estimate,
        low=max(each.low for _, each, _ in told),
        high=max(each.high for _, each, _ in told),
        n=max(each.n for _, each, _ in told),
        smallest_gap=smallest,
        reason=words,
        judged=binds,
    )


def _verdict(
    found: Tally, told: Sequence[tuple[str, Range, Range]], requirements: Requirements, smallest: float
) -> tuple[Verdict, str]:
    words = "; ".join(
        f"{metric} differs by {each.estimate:.3f} between {each.most} and {each.least}" for metric, each, _ in told
    )
    bound = [(metric, sure) for metric, _, sure in told if _binds(found, metric, requirements)]
    for metric, sure in bound:
        most = getattr(requirements, BOUND_BY[metric])
        if sure.low > most:
            return Verdict.FAIL, f"Unequal {metric}, beyond the {most:g} that is tolerated: {words}."
    if not bound:
        return Verdict.PASS, f"For information, no bound is set: {words}."
    left_out = list(dict.fromkeys(name for _, each, _ in told for name in each.left_out))
    without = f" Too small to be compared: {_named(left_out)}." if left_out else ""
    detectable = requirements.detectable_calibration_gap if told[0][0] == "calibration" else requirements.detectable_gap
    if smallest > detectable:
        shown_ = f"only a range of {smallest:.2g} or more would have been shown by {found.family}"
        return Verdict.MISSING, f"Not enough patients to tell: {shown_}; {words}.{without}"
    share = min(each.share for _, each, _ in told)
    if share < requirements.min_told_share:
        asked = f"{share:.0%} of the patients (at least {requirements.min_told_share:.0%} are asked)"
        return Verdict.MISSING, f"Not enough patients to tell: by {found.family}, groups of only {asked}.{without}"
    return Verdict.PASS, f"No inequality beyond the tolerance is shown: {words}.{without}"


def _named(groups: Sequence[str]) -> str:
    more = f" and {len(groups) - MOST_NAMED} more" if len(groups) > MOST_NAMED else ""
    return ", ".join(groups[:MOST_NAMED]) + more


def enough_of(found: Tally, requirements: Requirements) -> Bools:
    """(g,) groups with enough patients, and enough others beside them."""
    return np.asarray(shown(found, requirements) & (found.patients.sum() - found.patients >= requirements.min_group))
