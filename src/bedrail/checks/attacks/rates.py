"""True-positive rates at very low false-positive rates, with intervals that know how few patients stand behind them."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from bedrail.checks.values import Bools, Floats


@dataclass(frozen=True, slots=True)
class TailRate:
    """Share of members above the threshold that `fpr` of non-members pass.

    `measurable` is False when there are too few non-members to know that threshold at all: then `low` is 0.
    """

    fpr: float
    estimate: float
    low: float
    high: float
    members: int
    others: int
    measurable: bool


def fewest_others(fpr: float, confidence: float) -> int:
    """How many non-members are needed before a threshold is known to let at most `fpr` of them pass."""
    return int(np.ceil(np.log((1 - confidence) / 4) / np.log1p(-fpr)))


def tail_rate(members: Floats, others: Floats, fpr: float, confidence: float) -> TailRate:
    """The true-positive rate at a true false-positive rate of `fpr`, with an exact, conservative interval.

    Both the threshold and the rate above it are estimated, so both can be wrong. Order statistics of the others bound
    the threshold (the share beyond the k-th largest of n follows Beta(k, n - k + 1)), and Clopper and Pearson (1934)
    bound the rate of members above either bound; a quarter of the error goes to each of the four statements
    (Bonferroni), so the interval covers for every sample size and distribution. `members` (m,) and `others` (n,) are
    scores of independent patients, larger meaning more likely a member.
    """
    from scipy.stats import beta, binom

    ordered = np.sort(others)[::-1]
    m, n = len(members), len(others)
    allowed = floor(fpr * n)
    estimate = float((members > ordered[allowed]).mean()) if m and n > allowed else 0.0
    error = (1 - confidence) / 4
    # The share beyond the k-th largest exceeds fpr as often as a binomial count of n stays below k.
    strict, loose = int(binom.ppf(error, n, fpr)), int(binom.isf(error, n, fpr)) + 1
    low, high = 0.0, 1.0
    if strict >= 1 and m:
        hits = int((members > ordered[strict - 1]).sum())
        low = float(beta.ppf(error, hits, m - hits + 1)) if hits else 0.0
    if loose <= n and m:
        hits = int((members >= ordered[loose - 1]).sum())
        high = float(beta.ppf(1 - error, hits + 1, m - hits)) if hits < m else 1.0
    return TailRate(fpr, estimate, min(low, estimate), max(high, estimate), m, n, strict >= 1)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Rates over many targets: `tails` by false-positive rate as (estimate, low, high), and the AUROC likewise."""

    tails: dict[float, tuple[float, float, float]]
    auc: tuple[float, float, float]


def pooled_rates(
    scores: Floats, members: Bools, fprs: tuple[float, ...], confidence: float, draws: int, rng: np.random.Generator
) -> Pooled:
    """Rates of an attack on many targets: `scores` and `members` are (targets, patients).

    Every patient is attacked in every target, so neither cells nor targets are independent: the interval is the
    percentile bootstrap that draws targets and patients, both with replacement, and multiplies their counts (the
    pigeonhole bootstrap of Owen 2007, Annals of Applied Statistics 1:386, which is conservative).
    """
    targets, patients = scores.shape
    flat = scores.ravel()
    order = np.argsort(-flat, kind="stable")
    # Ends of runs of equal scores: a threshold cannot part what is equal.
    last = np.append(np.flatnonzero(np.diff(flat[order])), len(flat) - 1)
    inside = members.ravel()[order]
    target, patient = np.divmod(order, patients)

    def rates(weight: Floats) -> NDArray[np.float64]:
        hits = np.cumsum(np.where(inside, weight, 0.0))[last]
        false = np.cumsum(np.where(inside, 0.0, weight))[last]
        if hits[-1] == 0 or false[-1] == 0:
            return np.full(len(fprs) + 1, np.nan)
        hits, false = hits / hits[-1], false / false[-1]
        found = [float(hits[at - 1]) if (at := int(np.searchsorted(false, fpr, side="right"))) else 0.0 for fpr in fprs]
        area = float(np.sum(np.diff(false, prepend=0.0) * (hits + np.concatenate(([0.0], hits[:-1]))) / 2))
        return np.array([*found, area])

    estimate = rates(np.ones(len(flat)))
    drawn = np.array(
        [
            rates(
                rng.multinomial(targets, np.full(targets, 1 / targets)).astype(np.float64)[target]
                * rng.multinomial(patients, np.full(patients, 1 / patients)).astype(np.float64)[patient]
            )
            for _ in range(draws)
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    found = [(float(e), float(min(a, e)), float(max(b, e))) for e, a, b in zip(estimate, low, high, strict=True)]
    return Pooled(tails=dict(zip(fprs, found[:-1], strict=True)), auc=found[-1])
