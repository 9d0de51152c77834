"""Sentinel inputs: stored questions whose answers a model, above all one we cannot see into, must keep giving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.monitoring.values import OVERALL, Alarm, Cause

TOLERANCE = 1e-9


class Sentinels(Value, frozen=True, kw_only=True):
    """Inputs in the order of `names` (None for missing) and the answers given when they were recorded."""

    names: tuple[str, ...]
    inputs: tuple[tuple[float | None, ...], ...]
    answers: tuple[float, ...]
    tolerance: float = TOLERANCE


class Comparison(Value, frozen=True, kw_only=True):
    """How present answers compare: `changed` of `count` differ by more than the tolerance, at most by `largest`.

    `unanswered` ones (NaN or no answer) are counted apart: a model out of reach is not another model. `positions` are
    the changed sentinels.
    """

    count: int
    changed: int
    unanswered: int
    largest: float
    mean: float
    positions: tuple[int, ...]

    @property
    def same(self) -> bool:
        """Whether every sentinel got its recorded answer."""
        return self.changed == 0 and self.unanswered == 0


def choose(X: NDArray[Any], risk: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers of up to `count` sentinels: spread evenly over the ranks of risk, then the farthest from the rest.

    Half cover the range of answers; half are picked one after the other as the row farthest from those chosen (greedy
    k-centre, Gonzalez 1985) in standardised inputs, so that rare corners, where a retrained model differs most, are
    asked too. Store synthetic or consented rows: sentinels are sent to the model again and again.
    """
    if count < 1 or len(X) == 0:
        raise Invalid("At least one sentinel and one row to choose from are needed.", path="count")
    rows = np.flatnonzero(np.isfinite(risk))
    rows = rows if len(rows) <= 20_000 else np.sort(rng.choice(rows, 20_000, replace=False))
    if len(rows) <= count:
        return rows
    order = rows[np.argsort(risk[rows], kind="stable")]
    even = np.unique(np.linspace(0, len(order) - 1, math.ceil(count / 2)).round().astype(int))
    chosen = list(order[even])
    Z = _standardised(X[rows])
    distance = np.min([((Z - Z[np.searchsorted(rows, i)]) ** 2).sum(axis=1) for i in chosen], axis=0)
    while len(chosen) < count and distance.max() > 0:
        farthest = int(np.argmax(distance))
        chosen.append(rows[farthest])
        distance = np.minimum(distance, ((Z - Z[farthest]) ** 2).sum(axis=1))
    return np.array(chosen, dtype=np.int64)


def record(names: Sequence[str], X: NDArray[Any], answers: NDArray[Any], tolerance: float = TOLERANCE) -> Sentinels:
    """The sentinels `X` (m, k) with their present answers (m,). Raises `Invalid` when an answer is not finite."""
    answers = np.asarray(answers, dtype=np.float64)
    if X.shape != (len(answers), len(names)) or not np.isfinite(answers).all() or not len(answers):
        raise Invalid("Every sentinel needs one finite answer.", path="answers", remedy="Ask the model again.")
    inputs = tuple(tuple(None if np.isnan(x) else float(x) for x in row) for row in np.asarray(X, dtype=np.float64))
    return Sentinels(names=tuple(names), inputs=inputs, answers=tuple(answers.tolist()), tolerance=tolerance)


def compare(sentinels: Sentinels, answers: Sequence[float | None] | NDArray[Any]) -> Comparison:
    """Present answers against the recorded ones. Raises `Invalid` when their number differs."""
    if len(answers) != len(sentinels.answers):
        raise Invalid(f"{len(answers)} answers for {len(sentinels.answers)} sentinels.", path="answers")
    now = np.array([np.nan if a is None else float(a) for a in answers])
    gap = np.abs(now - np.array(sentinels.answers))
    changed = gap > sentinels.tolerance
    known = gap[np.isfinite(gap)]
    return Comparison(
        count=len(now),
        changed=int(changed.sum()),
        unanswered=int((~np.isfinite(now)).sum()),
        largest=float(known.max()) if len(known) else 0.0,
        mean=float(known.mean()) if len(known) else 0.0,
        positions=tuple(int(i) for i in np.flatnonzero(changed)),
    )


def alarm(comparison: Comparison, look: int = 0) -> Alarm | None:
    """The `sentinels` alarm, or None when no answer changed; no chance is involved, hence no budget.

    Answers that did not come are an outage, which the bedside meets with its fallback, and no alarm.
    """
    if comparison.changed == 0:
        return None
    sentence = (
        f"{comparison.changed} of {comparison.count} sentinel answers changed, by at most {comparison.largest:.3g}"
        f"{f'; {comparison.unanswered} were not answered' if comparison.unanswered else ''}."
    )
    cause = Cause(
        kind="model-changed",
        subject="model",
        fit=1.0,
        sentence=f"The model behind the answers is not the approved one: {sentence}",
        evidence={
            "changed": float(comparison.changed),
            "count": float(comparison.count),
            "largest": comparison.largest,
            "unanswered": float(comparison.unanswered),
        },
        groups=(OVERALL,),
    )
    return Alarm(
        monitor="sentinels", look=look, streams=("model",), groups=(OVERALL,), causes=(cause,), detail=sentence,
        evidence=float(comparison.changed), limit=1.0,
    )  # fmt: skip


def _standardised(X: NDArray[Any]) -> NDArray[np.float64]:
    Z = np.asarray(X, dtype=np.float64)
    seen = np.isfinite(Z)
    middle = np.where(seen, Z, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    Z = np.where(seen, Z, middle) - middle
    return np.asarray(Z / np.maximum(Z.std(axis=0), 1e-12))
