"""Searching slices: every statement and pair, and triples grown from the best pairs, by one score statistic each."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from bedrail.checks.columns import Bools, Floats
from bedrail.checks.robustness.rules import Atoms, Matrix

BEAM = 60
MOST_FOUND = 4
WORTH = -4.0
"""Candidates whose evidence does not pay for the search by so many nats are not carried over to the other half."""


@dataclass(frozen=True, slots=True)
class Found:
    """A rule (places of its statements among the atoms), its standardised excess and what is left of it after the
    price of having searched: z^2/2 - log(number of rules of that depth)."""

    rule: tuple[int, ...]
    z: float
    worth: float


@dataclass(frozen=True, slots=True)
class Signal:
    """By row (n,): the `excess`, of mean zero where nothing is wrong, its `variance`, and the `expected` outcomes."""

    excess: Floats
    variance: Floats
    expected: Floats

    def among(self, rows: Bools) -> Signal:
        """The same of some rows."""
        return Signal(self.excess[rows], self.variance[rows], self.expected[rows])


@dataclass(frozen=True, slots=True)
class Least:
    """What must support a rule: so many rows (and at most so many: a slice is a minority), and so many outcomes
    expected among them."""

    rows: int
    most: int
    outcomes: float


def search(atoms: Atoms, signal: Signal, least: Least, live: Bools) -> list[Found]:
    """At most four rules of depth one to three, among the rows `live` (n,), with the largest excess.

    A rule's statistic is the sum of its excess over the root of the sum of its variances. Rows of a rule that was
    found are taken out before the next is sought, so that its neighbours do not follow.
    """
    live = live.copy()
    found: list[Found] = []
    while len(found) < MOST_FOUND and int(live.sum()) >= least.rows and atoms.said:
        best = _best(atoms.held[live], signal.among(live), least)
        if best is None or best.worth < WORTH:
            break
        found.append(best)
        live &= ~atoms.inside(best.rule)
    return found


def _best(held: Matrix, signal: Signal, least: Least) -> Found | None:
    a = held.shape[1]
    pairs = a * (a - 1) / 2
    single = _z(np.ones((len(held), 1), dtype=np.float32), held, signal, least)[0]
    double = _z(held, held, signal, least)
    double[np.tril_indices(a)] = -np.inf
    candidates = [_priced((int(np.argmax(single)),), float(single.max()), a)]
    order = np.argsort(double, axis=None)[::-1][:BEAM]
    best = [(int(at // a), int(at % a)) for at in order if np.isfinite(double.flat[at])]
    if best:
        candidates.append(_priced(best[0], float(double[best[0]]), pairs))
        triple = _z(np.column_stack([held[:, i] * held[:, j] for i, j in best]), held, signal, least)
        for at, (i, j) in enumerate(best):
            triple[at, [i, j]] = -np.inf
        at, third = (int(k) for k in np.unravel_index(int(np.argmax(triple)), triple.shape))
        candidates.append(_priced((*best[at], third), float(triple[at, third]), pairs * max(1, a - 2) / 3))
    return max((each for each in candidates if each is not None), key=lambda each: each.worth, default=None)


def _z(left: Matrix, right: Matrix, signal: Signal, least: Least) -> Floats:
    """(l, r) the statistic of every conjunction of a column of `left` (n, l) and one of `right` (n, r)."""
    total, variance, expected = (
        (left.T @ (right * each.astype(np.float32)[:, None])).astype(np.float64)
        for each in (signal.excess, signal.variance, signal.expected)
    )
    z = np.full(total.shape, -np.inf)
    support = left.T @ right
    enough = (support >= least.rows) & (support <= least.most) & (expected >= least.outcomes) & (variance > 0)
    z[enough] = total[enough] / np.sqrt(variance[enough])
    return z


def _priced(rule: tuple[int, ...], z: float, tried: float) -> Found | None:
    if not np.isfinite(z) or z <= 0:
        return None
    return Found(rule, z, z * z / 2 - log(max(1.0, tried)))
