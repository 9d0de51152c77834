"""Two versions of a model on the same patients: who gains by the change, and who pays for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.bootstrap import Tally
from bedrail.checks.values import Bools, Floats, Ints
from bedrail.core.values import Evidence, Finding, Verdict

MEASURES = ("sensitivity", "specificity", "ppv", "alert-rate", "missed", "false-alerts", "cost")
"""Rates, and per 1,000 patients: missed cases, false alerts, and both in missed cases at the odds of the threshold."""

PER = 1_000.0
FEWEST_DRAWN = 5
"""Different values among the draws that an interval needs."""
NOT_ENOUGH = "Not enough patients to tell"


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
    """One measure in one group: before, after, and their difference with its interval; None where it cannot be told."""

    group: str
    measure: str
    n: int
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None

    @property
    def told(self) -> bool:
        """Whether the interval leaves out nothing having changed."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def changes(
    versions: Versions, *, min_group: int, confidence: float, draws: int, rng: np.random.Generator
) -> tuple[Change, ...]:
    """Every measure, overall and in every group of at least `min_group` patients, with paired percentile intervals.

    Rows are counted by outcome, alert before and alert after; patients are drawn with replacement (`Tally`), so both
    versions meet the same patients in each draw (Efron 1979; Field and Welsh 2007). Intervals of groups are widened for
    their number (Bonferroni), so that the chance of calling any unchanged group changed stays 1 - `confidence`.
    """
    counted, drawn = _counts(versions, draws, rng)
    shown = [at for at in range(len(versions.names)) if _patients(versions, at) >= min_group]
    found = [
        _change("overall", measure, counted.sum(axis=0), drawn.sum(axis=1), versions, confidence)
        for measure in MEASURES
    ]
    alone = 1 - (1 - confidence) / max(1, len(shown))
    for at in shown:
        name = versions.names[at]
        small = _too_small(counted[at], min_group)
        found += [
            Change(name, measure, 0, None, None, None, None, None)
            if measure in small
            else _change(name, measure, counted[at], drawn[:, at], versions, alone)
            for measure in MEASURES
        ]
    return tuple(found)


def _too_small(counts: Floats, min_group: int) -> frozenset[str]:
    """The measures that would speak of fewer than `min_group` cases, controls or alerts: they say nothing, and would
    tell of single patients. With few cases, specificity and false alerts go too: its rows would tell how few."""
    small = {each for each in ("sensitivity", "specificity", "ppv") if _rows_of(each, counts) < min_group}
    if small & {"sensitivity", "specificity"}:
        small |= {"sensitivity", "specificity", "ppv", "missed", "false-alerts"}
    return frozenset(small)


def gap(
    versions: Versions, measure: str, *, min_group: int, confidence: float, draws: int, rng: np.random.Generator
) -> Change:
    """The largest difference of a measure between two groups, before and after; the interval is of the change.

    Only groups that have `min_group` rows of those whom the measure speaks of: a rate of two cases is no gap.
    """
    counted, drawn = _counts(versions, draws, rng)
    shown = [
        at
        for at in range(len(versions.names))
        if min(_patients(versions, at), _rows_of(measure, counted[at])) >= min_group
    ]

    def spread(counts: Floats, version: int) -> Floats:
        rates = np.stack([_measure(measure, counts[..., at, :], version, versions.threshold) for at in shown], axis=-1)
        return np.asarray(rates.max(axis=-1) - rates.min(axis=-1))

    n = sum(_rows_of(measure, counted[at]) for at in shown)
    if len(shown) < 2:
        return Change("between groups", measure, n, None, None, None, None, None)
    before, after = (float(spread(counted, version)) for version in (0, 1))
    apart = spread(drawn, 1) - spread(drawn, 0)
    return Change("between groups", measure, n, before, after, after - before, *_limits(apart, confidence))


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
    if spread.difference is None:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH}: fewer than two groups are large enough."
    elif payers:
        verdict, reason = Verdict.FAIL, f"Errors cost more than before in: {', '.join(payers)}."
    elif spread.told:
        closer = spread.difference < 0
        verdict = Verdict.PASS if closer else Verdict.FAIL
        reason = f"Groups came {'closer' if closer else 'further apart'} in {notion}: {_told(spread)}"
    else:
        verdict, reason = Verdict.MISSING, f"{NOT_ENOUGH} whether groups came closer in {notion}: {_told(spread)}"
    return Evidence(check="mitigation", verdict=verdict, reason=reason, findings=tuple(findings))


def word_of(change: Change) -> str:
    """What a change of the cost of errors is to a group: gains, pays, or nobody can tell."""
    return "cannot tell" if not change.told else "pays" if _pays(change) else "gains"


def _pays(change: Change) -> bool:
    return change.low is not None and change.low > 0


def _verdict(change: Change) -> Verdict:
    if change.difference is None:
        return Verdict.MISSING
    return Verdict.FAIL if change.measure == "cost" and _pays(change) else Verdict.PASS


def _told(change: Change) -> str:
    if change.before is None or change.after is None or change.low is None or change.high is None:
        return "It cannot be told here."
    limits = f"{change.low:+.3g} to {change.high:+.3g}"
    return f"from {change.before:.3g} to {change.after:.3g} (change {change.difference:+.3g}, {limits})."


def _patients(versions: Versions, at: int) -> int:
    here = versions.group == at
    return int(here.sum()) if versions.clusters is None else len(np.unique(versions.clusters[here]))


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
    return Change(group, measure, n, before, after, after - before, *_limits(apart, confidence))


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
