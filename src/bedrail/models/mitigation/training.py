"""Before and within training: what each training row counts, so that groups and outcomes no longer hang together."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid, Unavailable
from bedrail.models.mitigation.values import Mitigation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST = 20
"""Training rows that a group needs of either outcome; smaller ones keep the weight that all have."""


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Which rows (m,) are trained on, the labels (m,) they are given, and what each counts (m,), 1 on average."""

    rows: Ints
    labels: Ints
    weights: Floats


def emphasis(mitigation: Mitigation, X: Floats, y: Ints, group: Ints, seed: int) -> Emphasis:
    """What `mitigation` makes of training rows (n, k) with outcomes 0/1 (n,) and group codes (n,), -1 for unknown.

    Raises `Invalid` when fewer than two groups have enough rows of either outcome, `Unavailable` without the extra
    that `reductions` needs.
    """
    weighed = reweighing(y, group)
    weights = 1.0 + mitigation.strength * (weighed - 1.0)
    rows = np.arange(len(y))
    if mitigation.method == "reweigh":
        return Emphasis(rows, y, weights / weights.mean())
    if mitigation.method == "resample":
        drawn = np.sort(np.random.default_rng([seed, 4]).choice(len(y), size=len(y), p=weights / weights.sum()))
        return Emphasis(drawn, y[drawn], np.ones(len(drawn)))
    return _reduced(mitigation, X, y, group, seed)


def reweighing(y: Ints, group: Ints) -> Floats:
    """(n,) weights P(group) P(outcome) / P(group, outcome), under which group and outcome are independent.

    Kamiran and Calders (2012), Knowledge and Information Systems 33:1, section 4.2. Rows of unknown or too small
    groups keep 1. Raises `Invalid` when fewer than two groups are large enough.
    """
    known = large(y, group)
    weights = np.ones(len(y))
    inside = np.isin(group, known)
    n = int(inside.sum())
    for each in known:
        for outcome in (0, 1):
            cell = (group == each) & (y == outcome)
            expected = (group == each).sum() / n * (y[inside] == outcome).sum()
            weights[cell] = expected / cell.sum()
    return weights


def large(y: Ints, group: Ints) -> list[int]:
    """Codes of the groups with enough rows of either outcome; raises `Invalid` for fewer than two."""
    codes = [int(code) for code in np.unique(group[group >= 0])]
    found = [c for c in codes if min(int(((group == c) & (y == outcome)).sum()) for outcome in (0, 1)) >= FEWEST]
    if len(found) < 2:
        raise Invalid(
            f"fewer than two groups have {FEWEST} training rows with and without the outcome.",
            path="--attribute",
            remedy="Choose another attribute, or band its values.",
        )
    return found


def _reduced(mitigation: Mitigation, X: Floats, y: Ints, group: Ints, seed: int) -> Emphasis:
    """Relabelled and weighted rows at the saddle point of accuracy and constraint.

    Agarwal et al. (2018), ICML, algorithm 1, with a logistic regression as the quick learner. Its randomised
    classifier is not what a bedside can use (two answers for one patient): the average multipliers say what each row
    costs, and the candidate's own recipe is trained once under these costs. Misses cost what they are worth at the
    threshold, else the majority class wins at low prevalence.
    """
    try:
        from fairlearn.reductions import (
            DemographicParity,
            EqualizedOdds,
            ErrorRate,
            ExponentiatedGradient,
            TruePositiveRateParity,
        )
    except ImportError as error:
        raise Unavailable("fairlearn is not installed.", remedy="pip install 'bedrail[mitigation]'") from error
    from sklearn.linear_model import LogisticRegression

    del seed  # nothing is drawn
    inside = np.isin(group, large(y, group))
    rows = np.flatnonzero(inside)
    scaled = (X[rows] - X[rows].mean(axis=0)) / np.where(X[rows].std(axis=0) > 0, X[rows].std(axis=0), 1.0)
    cut = min(max(mitigation.threshold, 0.01), 0.99)
    bound = 0.02 + 0.2 * (1.0 - mitigation.strength)
    constraints = {
        "equal-opportunity": TruePositiveRateParity,
        "equalised-odds": EqualizedOdds,
        "alert-parity": DemographicParity,
    }[mitigation.notion](difference_bound=bound)
    objective = ErrorRate(costs={"fp": cut, "fn": 1.0 - cut})
    learner = ExponentiatedGradient(
        LogisticRegression(max_iter=500), constraints, objective=objective, eps=bound, max_iter=20
    )
    with warnings.catch_warnings():  # fairlearn's own use of pandas
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        learner.fit(scaled, y[rows], sensitive_features=group[rows])
    multipliers = learner.lambda_vecs_EG_.mean(axis=1)
    return _costs(objective, learner.constraints_, multipliers, y, rows)


def _costs(objective: Any, constraints: Any, multipliers: Any, y: Ints, rows: Ints) -> Emphasis:
    """Signed costs of a missed and a false alert at the multipliers; rows outside keep label and the mean cost."""
    signed = np.asarray(objective.signed_weights() + constraints.signed_weights(multipliers), dtype=np.float64)
    weights, labels = np.ones(len(y)), y.copy()
    scale = float(np.abs(signed).mean()) or 1.0
    weights[rows] = np.abs(signed) / scale
    labels[rows] = (signed > 0).astype(np.int64)
    kept = weights > 1e-9
    return Emphasis(np.flatnonzero(kept), labels[kept], weights[kept] / weights[kept].mean())
