"""Two versions of a model on the same patients: who gains by the change, and who pays for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.bootstrap import Tally
from bedrail.checks.mitigation_withheld import Withheld, withheld
from bedrail.checks.values import Bools, Floats, Ints
from bedrail.core.values import Evidence, Finding, Verdict

MEASURES = ("sensitivity", "specificity", "ppv", "alert-rate", "missed", "false-alerts", "cost")
"""Rates, and per 1,000 patients: missed cases, false alerts, and both in missed cases at the odds of the threshold."""

PER = 1_000.0
FEWEST_DRAWN = 5
"""Different values among the draws that an interval needs."""
NOT_ENOUGH = "Not enough patients to tell"
WITHHELD = (
    "The figures are withheld: they would count few patients, here or in another group; the verdict was reached with "
    "them."
)


@dataclass(frozen=True, slots=True)
class Versions:
    """The same n rows under both: `outcome` (n,) of 0/1, alerts before and after (n,), groups (n,), patients (n,)."""

    outcome: Floats
    before: Bools
    after: Bools
    group: Ints
    names: tuple[str, ...]
    clusters: Ints | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Change:
    """One measure in one group: before, after, and their difference with its interval; None where it cannot be told.

    `direction` is 1 or -1 where the whole interval says that it rose or fell, also where figures are `withheld`.
    """

    group: str
    measure: str
    n: int
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    direction: int = 0
    withheld: bool = False

    @property
    def told(self) -> bool:
        """Whether the interval leaves out nothing having changed."""
        return self.direction != 0

    def without_figures(self) -> Change:
        """What is left to tell where the figures may not be."""
        return Change(self.group, self.measure, 0, None, None, None, None, None, self.direction, True)


def changes(
    versions: Versions, *, min_group: int, confidence: float, draws: int, rng: np.random.Generator
) -> tuple[Change, ...]:
    """Every measure, overall and in every group of at least `min_group` patients, with paired percentile intervals.

    Rows are counted by outcome, alert before and alert after; patients are drawn with replacement (`Tally`), so both
    versions meet the same patients in each draw (Efron 1979; Field and Welsh 2007). Intervals of groups are widened for
    their number (Bonferroni), so that the chance of calling any unchanged group changed stays 1 - `confidence`.
    """
    counted, drawn = _counts(versions, draws, rng)
    hidden = _withheld(versions, min_group)
    shown = [at for at in range(len(versions.names)) if not hidden.unlisted[at]]
    alone = 1 - (1 - confidence) / max(1, len(shown))
    everybody = ("overall", -1, counted.sum(axis=0), drawn.sum(axis=1), confidence)
    found = []
    for name, at, counts, draw, sure in (
        everybody,
        *((versions.names[at], at, counted[at], drawn[:, at], alone) for at in shown),
    ):
        for measure in MEASURES:
            change = _change(name, measure, counts, draw, versions, sure)
            found.append(change.without_figures() if hidden.hides(measure, at) else change)
    return tuple(found)


def _withheld(versions: Versions, least: int) -> Withheld:
    return withheld(
        versions.outcome,
        versions.before,
        versions.after,
        versions.group,
        versions.clusters,
        len(versions.names),
        least,
    )


def gap(
    versions: Versions, measure: str, *, min_group: int, confidence: float, draws: int, rng: np.random.Generator
) -> Change:
    """The largest difference of a measure between two groups, before and after; the interval is of the change.

    Only groups that have `min_group` rows of those whom the measure speaks of: a rate of two cases is no gap. Figures
    are withheld where one of these groups' are: a rate and its distance give the other rate.
    """
    counted, drawn = _counts(versions, draws, rng)
    hidden = _withheld(versions, min_group)
    shown = [
        at
        for at in range(len(versions.names))
        if not hidden.unlisted[at] and _rows_of(measure, counted[at]) >= min_group
    ]

    def spread(counts: Floats, version: int) -> Floats:
        rates = np.stack([_measure(measure, counts[..., at, :], version, versions.threshold) for at in shown], axis=-1)
        return np.asarray(rates.max(axis=-1) - rates.min(axis=-1))

    if len(shown) < 2:
        return Change("between groups", measure, 0, None, None, None, None, None)
    n = sum(_rows_of(measure, counted[at]) for at in shown)
    before, after = (float(spread(counted, version)) for version in (0, 1))
    apart = spread(drawn, 1) - spread(drawn, 0)
    limits = _limits(apart, confidence)
    change = Change("between groups", measure, n, before, after, after - before, *limits, _direction(*limits))
    return change.without_figures() if any(hidden.hides(measure, at) for at in shown) else change


def evidence_of(found: tuple[Change, ...], spread: Change, *, notion: str) -> Evidence:
    """Evidence `mitigation`: pass when groups came closer and nobody pays, fail when they drifted apart or some pay.

    Who pays are groups whose cost of errors rose with its whole interval; a group that gains has one that fell.
    """
    findings = [
        Finding(
            check=f"mitigation.{each.measure}",
            group=each.group,
            verdict=_verdict(each),
            estimate=each.difference,
            low=each.low,
            high=each.high,
            n=each.n or None,
            reason=_told(each),
        )
        for each in (*found, spread)
    ]
    payers = [each.group for each in found if each.measure == "cost" and each.group != "overall" and _pays(each)]
    stop = "." if spread.withheld else ":"
    if spread.difference is None and not spread.withheld:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH}: fewer than two groups are large enough."
    elif payers:
        verdict, reason = Verdict.FAIL, f"Errors cost more than before in: {', '.join(payers)}."
    elif spread.told:
        closer = spread.direction < 0
        verdict = Verdict.PASS if closer else Verdict.FAIL
        reason = f"Groups came {'closer' if closer else 'further apart'} in {notion}{stop} {_told(spread)}"
    else:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH} whether groups came closer in {notion}{stop} {_told(spread)}"
    return Evidence(check="mitigation", verdict=verdict, reason=reason, findings=tuple(findings))


def word_of(change: Change) -> str:
    """What a change of the cost of errors is to a group: gains, pays, or nobody can tell."""
    return "cannot tell" if not change.told else "pays" if _pays(change) else "gains"


def _pays(change: Change) -> bool:
    return change.direction > 0


def _verdict(change: Change) -> Verdict:
    if change.measure == "cost" and _pays(change):
        return Verdict.FAIL
    return Verdict.MISSING if change.difference is None else Verdict.PASS


def _told(change: Change) -> str:
    if change.withheld:
        return WITHHELD
    if change.before is None or change.after is None or change.low is None or change.high is None:
        return "It cannot be told here."
    limits = f"{change.low:+.3g} to {change.high:+.3g}"
    return f"from {change.before:.3g} to {change.after:.3g} (change {change.difference:+.3g}, {limits})."


def _counts(versions: Versions, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(groups, 8) and (draws, groups, 8) rows by 4 x outcome + 2 x alert before + alert after."""
    groups = len(versions.names)
    state = 4 * versions.outcome.astype(np.int64) + 2 * versions.before + versions.after
    known = versions.group >= 0
    cell = np.where(known, versions.group, groups) * 8 + state
    tally = Tally.of(cell, 8 * (groups + 1), versions.clusters)
    return tally.counts.reshape(groups + 1, 8), tally.draw(draws, rng).reshape(draws, groups + 1, 8)


def _measure(measure: str, counts: Floats, version: int, threshold: float) -> Floats:
    """One measure of counts (..., 8), before (0) or after (1)."""
    alerted = np.array([(state >> (1 - version)) & 1 for state in range(8)], dtype=bool)
    case = np.arange(8) >= 4
    parts = {
        "tp": counts[..., case & alerted].sum(axis=-1),
        "fn": counts[..., case & ~alerted].sum(axis=-1),
        "fp": counts[..., ~case & alerted].sum(axis=-1),
        "tn": counts[..., ~case & ~alerted].sum(axis=-1),
    }
    n = counts.sum(axis=-1)
    price = threshold / (1 - threshold)
    top, bottom = {
        "sensitivity": (parts["tp"], parts["tp"] + parts["fn"]),
        "specificity": (parts["tn"], parts["tn"] + parts["fp"]),
        "ppv": (parts["tp"], parts["tp"] + parts["fp"]),
        "alert-rate": (parts["tp"] + parts["fp"], n),
        "missed": (PER * parts["fn"], n),
        "false-alerts": (PER * parts["fp"], n),
        "cost": (PER * (parts["fn"] + price * parts["fp"]), n),
    }[measure]
    found = np.full(np.shape(top), np.nan)
    np.divide(top, bottom, out=found, where=bottom > 0)
    return found


def _change(group: str, measure: str, counts: Floats, drawn: Floats, versions: Versions, confidence: float) -> Change:
    before, after = (float(_measure(measure, counts, version, versions.threshold)) for version in (0, 1))
    n = _rows_of(measure, counts)
    if np.isnan(before) or np.isnan(after):
        return Change(group, measure, n, None, None, None, None, None)
    apart = _measure(measure, drawn, 1, versions.threshold) - _measure(measure, drawn, 0, versions.threshold)
    limits = _limits(apart, confidence)
    return Change(group, measure, n, before, after, after - before, *limits, _direction(*limits))


def _direction(low: float | None, high: float | None) -> int:
    if low is None or high is None:
        return 0
    return 1 if low > 0 else -1 if high < 0 else 0


def _rows_of(measure: str, counts: Floats) -> int:
    """The rows that a measure speaks of: cases, controls, alerts under either version, or all."""
    state = np.arange(8)
    among = {"sensitivity": state >= 4, "specificity": state < 4, "ppv": (state & 3) > 0}.get(measure, state >= 0)
    return int(counts[among].sum())


def _limits(drawn: Floats, confidence: float) -> tuple[float | None, float | None]:
    sure = drawn[~np.isnan(drawn)]
    if len(sure) < 0.9 * len(drawn) or len(np.unique(sure)) < FEWEST_DRAWN:
        return None, None  # too few rows changed for the draws to say anything about those who did not
    tail = (1 - confidence) / 2
    low, high = np.quantile(sure, [tail, 1 - tail])
    return float(low), float(high)
