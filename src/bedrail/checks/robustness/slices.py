"""Which patients, that nobody named, does the model fail? Found in one half of them, confirmed in the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from bedrail.checks.calibration import observed_to_expected, recalibration
from bedrail.checks.columns import Bools, Floats, Ints
from bedrail.checks.intervals import POWER, design_effect, distinct
from bedrail.checks.question import check
from bedrail.checks.robustness.rules import atoms
from bedrail.checks.robustness.search import WORTH, Least, Signal, search
from bedrail.checks.robustness.tails import as_z, odds, upper_tail
from bedrail.checks.values import Cohort, Requirements
from bedrail.core.values import Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 40_000
"""Rows (of whole patients, drawn) that are looked at: half of them are searched, the other half confirms."""
FEWEST_OUTCOMES = 5.0
"""Outcomes that a slice must be expected to hold in each half before anything is said about it."""
SMALLEST_SHARE, LARGEST_SHARE = 0.02, 0.5
SEARCHED = 5_000
SAME = 0.5
"""A rule of which that share lies within slices that were confirmed tells of the same patients."""
ORDINARY_SHARE = 0.05
"""The share of patients for which the smallest effect that could have been found is told."""


@dataclass(frozen=True, slots=True)
class Half:
    """Rows of one half of the patients, with risks recalibrated as a whole: only slices may stand out."""

    outcome: Floats
    risk: Floats
    alert: Bools
    clusters: Ints | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of failing; `sign` says which way outcomes exceed risks, `missed` looks only at rows without an alert.

    `ranked` weighs outcome minus risk by the log-odds below the mean: its sum is the log loss beyond what the risks
    themselves expect, which grows where the score orders patients worse than it claims.
    """

    name: str
    words: str
    sign: float = 1.0
    missed: bool = False
    ranked: bool = False

    def weights(self, half: Half) -> Floats:
        """(n,) what one unit of outcome minus risk counts."""
        if self.ranked:
            return np.asarray(odds(np.full(1, half.risk.mean())) - odds(half.risk))
        return np.full(len(half.risk), self.sign)

    def live(self, half: Half) -> Bools:
        """(n,) the rows that it looks at."""
        return ~half.alert if self.missed else np.ones(len(half.risk), dtype=bool)


FAULTS = (
    Fault("under-predicted", "more outcomes than predicted"),
    Fault("over-predicted", "fewer outcomes than predicted", sign=-1.0),
    Fault("missed-cases", "more cases without an alert than predicted", missed=True),
    Fault("misranked", "risks that order patients less well than promised (slope 1 is right)", ranked=True),
)


@dataclass(frozen=True, slots=True)
class Slice:
    """A candidate of the first half, judged on the second: `rows` (n,) of the cohort, one-sided `p`, and the effect.

    `estimate`, `low`, `high`: observed over expected outcomes in the slice (without an alert, for missed cases), or the
    calibration slope; 1 is right. `n` are the confirming rows, `second` (n,) those of the half that it was judged by.
    """

    fault: Fault
    text: str
    rows: Bools
    p: float
    estimate: float
    low: float
    high: float
    n: int
    second: Bools


def discover(
    cohort: Cohort, requirements: Requirements, rng: np.random.Generator, *, frame: pd.DataFrame | None = None
) -> tuple[Slice, ...]:
    """Candidate slices, each with a p-value from patients that took no part in finding it; not yet corrected for their
    number (see `confirmed`).

    As in the search, a candidate is judged without the rows of those of its kind before it: it has to stand alone.

    `frame` (n rows) holds what rules may speak of; by default inputs and groups. Empty when there is too little.
    """
    frame = spoken_of(cohort) if frame is None else frame
    if frame is None or cohort.n < 2 * requirements.min_group:
        return ()
    first, second = halves(cohort, rng)
    found = _found(cohort, requirements, frame, first)
    judged: list[Slice | None] = []
    before = {fault.name: np.zeros(cohort.n, dtype=bool) for fault in FAULTS}
    for fault, text, rows in found:
        left = second & ~before[fault.name]
        judged.append(_judged(cohort, requirements, left, fault, text, rows))
        before[fault.name] |= rows
    return tuple(each for each in judged if each is not None)


def spoken_of(cohort: Cohort) -> pd.DataFrame | None:
    """Inputs and groups side by side; a column that is both stands once."""
    import pandas as pd

    parts = [part.reset_index(drop=True) for part in (cohort.inputs, cohort.groups) if part is not None]
    if not parts:
        return None
    both = pd.concat(parts, axis=1)
    return both.loc[:, ~both.columns.duplicated()]


def halves(cohort: Cohort, rng: np.random.Generator) -> tuple[Bools, Bools]:
    """Two disjoint sets of rows, of different patients; together some 40,000 rows at most."""
    who = np.arange(cohort.n) if cohort.clusters is None else cohort.clusters
    drawn = rng.random(int(who.max()) + 1)[who]
    share = min(1.0, MOST_ROWS / cohort.n) / 2
    return drawn < share, (drawn >= share) & (drawn < 2 * share)


def _half(cohort: Cohort, rows: Bools, recalibrated_by: Bools) -> tuple[Half, Floats] | None:
    """The rows with risks recalibrated by other (or the same) rows, and the covariance (2, 2) of that fit."""
    outcome, x = cohort.outcome[recalibrated_by], odds(cohort.score[recalibrated_by])
    if recalibration(outcome, cohort.score[recalibrated_by], None, 0.95) is None:
        return None
    beta, cover = _logistic(outcome, x)
    if cohort.clusters is not None:
        fitted = 1 / (1 + np.exp(-np.clip(beta[0] + beta[1] * x, -35, 35)))
        cover = cover * design_effect(outcome - fitted, cohort.clusters[recalibrated_by])
    risk = 1 / (1 + np.exp(-np.clip(beta[0] + beta[1] * odds(cohort.score[rows]), -13, 13)))
    clusters = None if cohort.clusters is None else cohort.clusters[rows]
    return Half(cohort.outcome[rows], np.asarray(risk), cohort.alert[rows], clusters), cover


def _logistic(outcome: Floats, x: Floats) -> tuple[Floats, Floats]:
    """(intercept and slope, their covariance) of logistic recalibration, by Newton's method."""
    X, beta = np.column_stack((np.ones_like(x), x)), np.array([0.0, 1.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(X @ beta, -35, 35)))
        bread = X.T @ (X * (p * (1 - p))[:, None])
        step = np.linalg.solve(bread, X.T @ (outcome - p))
        beta = beta + step * min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-9:
            break
    return beta, np.linalg.inv(bread)


def _found(
    cohort: Cohort, requirements: Requirements, frame: pd.DataFrame, first: Bools
) -> Iterator[tuple[Fault, str, Bools]]:
    made = _half(cohort, first, first) if first.any() else None
    if made is None:
        return
    half = made[0]
    size = int(first.sum())
    least = Least(max(requirements.min_group, int(SMALLEST_SHARE * size)), int(LARGEST_SHARE * size), FEWEST_OUTCOMES)
    said = atoms(frame, least.rows, look=first)
    for fault in FAULTS:
        weights = fault.weights(half)
        signal = Signal(weights * (half.outcome - half.risk), weights**2 * half.risk * (1 - half.risk), half.risk)
        for one in search(said, signal, least, fault.live(half)):
            yield fault, said.words(one.rule), said.rows(one.rule)


def _judged(
    cohort: Cohort, requirements: Requirements, second: Bools, fault: Fault, text: str, rows: Bools
) -> Slice | None:
    """The slice on patients of the other half, without those of earlier candidates, against risks recalibrated by all
    others that are left."""
    outside = second & ~rows
    made = _half(cohort, second & rows, outside) if outside.sum() > 2 and (second & rows).any() else None
    if made is None:
        return None
    half, cover = made
    live = fault.live(half)
    outcome, risk, weights = half.outcome[live], half.risk[live], fault.weights(half)[live]
    clusters = None if half.clusters is None else half.clusters[live]
    if float(risk.sum()) < FEWEST_OUTCOMES or len(risk) < requirements.min_group:
        return None
    p = p_value(outcome, risk, weights, clusters, cover)
    effect = _effect(fault, outcome, risk, clusters, requirements.confidence)
    return None if effect is None else Slice(fault, text, rows, p, *effect, len(risk), second)


def p_value(outcome: Floats, risk: Floats, weights: Floats, clusters: Ints | None, cover: Floats) -> float:
    """One-sided: the sum of weighted excess against independent outcomes of these risks, widened for repeated
    patients and for the risks being recalibrated by a fit with covariance `cover` (delta method)."""
    if weights[0] < 0 and np.ptp(weights) == 0:
        outcome, risk, weights = 1 - outcome, 1 - risk, -weights
        tail = upper_tail(risk, weights, outcome)
    else:
        tail = upper_tail(risk, weights, outcome)
    spread = risk * (1 - risk)
    own = float(np.dot(weights**2, spread))
    slope = np.array([np.dot(weights, spread), np.dot(weights, spread * odds(risk))])
    fit = float(slope @ cover @ slope)
    excess = weights * (outcome - risk)
    factor = design_effect(excess - excess.mean(), clusters) + (fit / own if own > 0 else 0.0)
    return float(norm.sf(as_z(tail) / sqrt(factor)))


def _effect(
    fault: Fault, outcome: Floats, risk: Floats, clusters: Ints | None, confidence: float
) -> tuple[float, float, float] | None:
    if fault.ranked:
        fits = recalibration(outcome, risk, clusters, confidence)
        return None if fits is None else (fits[1].estimate, fits[1].low, fits[1].high)
    ratio = observed_to_expected(outcome, risk, clusters, confidence)
    return None if ratio is None else (ratio.estimate, ratio.low, ratio.high)


def holm(p_values: list[float], alpha: float) -> list[bool]:
    """Which hypotheses fall, with at most `alpha` chance that any true one does (Holm 1979)."""
    fallen = [False] * len(p_values)
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[at] > alpha / (len(p_values) - rank):
            break
        fallen[at] = True
    return fallen


def confirmed(cohort: Cohort, requirements: Requirements, candidates: tuple[Slice, ...]) -> tuple[Slice, ...]:
    """Those of `discover` that stand at `slice_alpha` over all candidates (Holm), and tell of patients of their own.

    A failing slice shifts the risks of all who are compared with it, so that wide rules about others, or about few of
    its patients and many more, can be confirmed in its wake. In the order of their evidence, a rule of which less than
    half lies among the patients of those that stand is therefore judged again without them, against others without
    them, at its share of `slice_alpha` (Bonferroni), and its figures are of that. This only takes rules away.
    """
    sure = holm([each.p for each in candidates], requirements.slice_alpha)
    stand: list[Slice] = []
    taken = np.zeros(cohort.n, dtype=bool)
    for each in sorted((one for one, yes in zip(candidates, sure, strict=True) if yes), key=lambda one: one.p):
        again: Slice | None = each
        if taken.any() and float(taken[each.rows].mean()) < SAME:
            again = _judged(cohort, requirements, each.second & ~taken, each.fault, each.text, each.rows)
        if again is not None and again.p <= requirements.slice_alpha / (1 if again is each else len(candidates)):
            stand.append(again)
            taken |= each.rows if fails(again, requirements) else False
    return tuple(stand)


def fails(found: Slice, requirements: Requirements) -> bool:
    """Whether its effect leaves what is tolerated."""
    low, high = requirements.group_observed_to_expected
    return (
        found.estimate < requirements.calibration_slope[0] if found.fault.ranked else not low <= found.estimate <= high
    )


@check("slices", "Are there patients, that nobody named, whom the model fails?")
def slices(cohort: Cohort, requirements: Requirements, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Rules of at most three statements on inputs and groups; see `discover`.

    A slice fails when the other half of the patients confirms it (see `confirmed`) and its
    effect leaves `group_observed_to_expected`, or for ranking falls below the lower `calibration_slope`. Confirmed but
    smaller slices pass with their figures. `overall` says how many were tried and the smallest excess that would have
    been seen in a slice of 5 % of the patients; beyond `detectable_slice` that is missing, not passed, and the smallest
    slice that could have shown it is told.
    """
    frame = spoken_of(cohort)
    if frame is None or not len(frame.columns):
        reason = "Neither inputs nor groups were given: there is nothing by which patients could be told apart."
        return (Finding(check="slices", verdict=Verdict.MISSING, n=cohort.n, reason=reason),)
    found = discover(cohort, requirements, rng, frame=frame)
    told = [_finding(each, requirements) for each in confirmed(cohort, requirements, found)]
    return (_overall(cohort, requirements, len(found), told), *told)


def _finding(found: Slice, requirements: Requirements) -> Finding:
    failing = fails(found, requirements)
    figure = f"{'slope' if found.fault.ranked else 'observed over expected'} {found.estimate:.2f}"
    share = f"{found.rows.mean():.1%} of the rows"
    reason = f"Where {found.text} ({share}): {found.fault.words}, {figure}."
    return Finding(
        check=f"slices.{found.fault.name}",
        group=found.text,
        verdict=Verdict.FAIL if failing else Verdict.PASS,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        n=found.n,
        reason=reason if failing else f"{reason} That is within the tolerance.",
    )


def _overall(cohort: Cohort, requirements: Requirements, tried: int, told: list[Finding]) -> Finding:
    gap = smallest_excess(cohort, requirements, max(1, tried))
    failing = sum(each.verdict is Verdict.FAIL for each in told)
    looked = f"{tried} candidates of one half of the patients were put to the other half"
    if failing:
        verdict, reason = Verdict.PASS, f"{looked}; {failing} fail."
    elif gap is None or gap > requirements.detectable_slice:
        verdict, reason = Verdict.MISSING, f"Not enough patients to tell: {_could(cohort, requirements, tried, gap)}"
    else:
        verdict = Verdict.PASS
        reason = f"{looked}; none fails. An excess of {gap:.0%} in {ORDINARY_SHARE:.0%} of the patients would be seen."
    return Finding(check="slices", verdict=verdict, n=cohort.n, smallest_gap=gap, reason=reason)


def _could(cohort: Cohort, requirements: Requirements, tried: int, gap: float | None) -> str:
    """What the data could have shown instead: the smallest excess in 5 % of the patients, the smallest slice."""
    excess = f"{requirements.detectable_slice:.0%}"
    share = smallest_support(cohort, requirements, max(1, tried))
    ordinary = f"in {ORDINARY_SHARE:.0%} of them "
    ordinary += (
        "too few outcomes are expected to show anything" if gap is None else f"only an excess of {gap:.0%} shows"
    )
    if share is None:
        return f"{ordinary}, and one of {excess} in no slice of up to {LARGEST_SHARE:.0%} of them."
    return f"{ordinary}, and one of {excess} only in slices of {share:.1%} of them or more."


def smallest_support(cohort: Cohort, requirements: Requirements, tried: int) -> float | None:
    """The smallest share of the patients in which an excess of `detectable_slice` is found and confirmed with 80 %
    power, as in `smallest_excess`; None beyond the half of them that the search stops at."""
    whole = _expected(cohort)
    if whole <= 0 or requirements.detectable_slice <= 0:
        return None
    need = max(FEWEST_OUTCOMES, (_effort(requirements, tried) / requirements.detectable_slice) ** 2)
    share = max(SMALLEST_SHARE, need / whole)
    return share if share <= LARGEST_SHARE else None


def smallest_excess(cohort: Cohort, requirements: Requirements, tried: int) -> float | None:
    """The relative excess of outcomes in 5 % of the patients that both halves show with 80 % power: one notices it
    among some 5,000 rules, the other confirms it."""
    expected = ORDINARY_SHARE * _expected(cohort)
    return None if expected < FEWEST_OUTCOMES else _effort(requirements, tried) / sqrt(expected)


def _expected(cohort: Cohort) -> float:
    """Outcomes of the patients of one half."""
    patients = cohort.n if cohort.clusters is None else distinct(cohort.clusters)
    share = min(1.0, MOST_ROWS / max(1, cohort.n)) / 2
    return share * patients * float(cohort.outcome.mean()) if cohort.n else 0.0


def _effort(requirements: Requirements, tried: int) -> float:
    """How many standard errors an excess has to be."""
    noticed = sqrt(2 * (log(SEARCHED) + WORTH))
    confirmed = float(norm.isf(requirements.slice_alpha / tried))
    return max(noticed, confirmed) + float(norm.ppf(sqrt(POWER)))
