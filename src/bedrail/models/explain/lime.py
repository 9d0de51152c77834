"""LIME for tables: a weighted line through the answers of a black box around one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.models.contract import Contract

Matrix = NDArray[np.float64]
Ask = Callable[[Matrix], Matrix]
"""Encoded rows (n, k) to probabilities (n,)."""

BINS = 4
SAMPLES = 2_000
RIDGE = 1.0
_CLIP = 1e-6


@dataclass(frozen=True, slots=True)
class Local:
    """A line around one row: `contributions` (features,) in log-odds, from `base`; `fidelity` its weighted R2.

    `base + contributions.sum()` is what the line says about the row, `answer` what the model says; both log-odds.
    """

    contributions: Matrix
    base: float
    answer: float
    fidelity: float


def log_odds(p: Matrix) -> Matrix:
    """(n,) probabilities to log-odds, kept 1e-6 away from 0 and 1."""
    q = np.clip(np.asarray(p, dtype=np.float64), _CLIP, 1 - _CLIP)
    return np.asarray(np.log(q) - np.log1p(-q), dtype=np.float64)


class Lime:
    """LIME (Ribeiro, Singh and Guestrin, "Why should I trust you?", KDD 2016) over a contract's features.

    Neighbours draw each feature from `background` rows (n, k), independently; a feature counts as kept when its value
    falls into the same quarter of the background (numbers) or is the same level. A ridge line over these flags, weighed
    by exp(-d2 / width2) with d2 the number of features not kept and width2 = 0.75^2 * features (the defaults of the
    authors' package), is the explanation. Contributions count from the neighbours' mean, so that they compare
    with Shapley values. Correlated inputs are drawn apart, so the model is asked about unlikely patients: that is a
    property of LIME. Raises `Invalid` for a background of fewer than 20 rows.
    """

    def __init__(self, ask: Ask, contract: Contract, background: Matrix) -> None:
        if len(background) < 20:
            raise Invalid("too few rows to draw neighbours from.", path="background", remedy="Give at least 20.")
        self._ask, self._background = ask, background
        self._spans = contract.spans
        self._cuts = [
            np.unique(np.quantile(background[:, start], np.linspace(0, 1, BINS + 1)[1:-1]))
            if feature.kind == "numeric"
            else None
            for feature, (start, _) in zip(contract.features, self._spans, strict=True)
        ]

    def explain(self, row: Matrix, rng: np.random.Generator, *, samples: int = SAMPLES) -> Local:
        """The line around one encoded row (k,); asks the model `samples` + 1 questions."""
        around = np.empty((samples + 1, len(row)))
        around[0] = row
        for start, stop in self._spans:
            drawn = rng.integers(0, len(self._background), samples)
            around[1:, start:stop] = self._background[drawn, start:stop]
        kept = self._kept(around, row)
        answers = log_odds(self._ask(around))
        features = len(self._spans)
        weights = np.exp(-(features - kept.sum(axis=1)) / (0.75**2 * features))
        coefficients, intercept = _ridge(kept, answers, weights)
        said = kept @ coefficients + intercept
        mean = kept[1:].mean(axis=0)
        return Local(
            contributions=coefficients * (1 - mean),
            base=float(intercept + coefficients @ mean),
            answer=float(answers[0]),
            fidelity=weighted_r2(answers, said, weights),
        )

    def _kept(self, around: Matrix, row: Matrix) -> Matrix:
        flags = np.empty((len(around), len(self._spans)))
        for j, ((start, stop), cuts) in enumerate(zip(self._spans, self._cuts, strict=True)):
            if cuts is None:
                flags[:, j] = (around[:, start:stop] == row[start:stop]).all(axis=1)
            else:
                flags[:, j] = np.searchsorted(cuts, around[:, start]) == np.searchsorted(cuts, row[start])
        return flags


def weighted_r2(truth: Matrix, said: Matrix, weights: Matrix | None = None) -> float:
    """Share of the (weighted) variance of `truth` (n,) that `said` explains; 1 when neither varies, never below -1."""
    w = np.ones(len(truth)) if weights is None else weights
    spread = float(w @ (truth - np.average(truth, weights=w)) ** 2)
    missed = float(w @ (truth - said) ** 2)
    if spread <= 1e-18 * max(1.0, float(w.sum())):
        return 1.0 if missed <= 1e-12 else -1.0
    return max(-1.0, 1 - missed / spread)


def _ridge(X: Matrix, y: Matrix, weights: Matrix) -> tuple[Matrix, float]:
    """Weighted ridge regression with an unpenalised intercept: (coefficients (k,), intercept)."""
    total = weights.sum()
    middle, level = weights @ X / total, float(weights @ y / total)
    centred, target = X - middle, y - level
    gram = centred.T @ (centred * weights[:, None]) + RIDGE * np.eye(X.shape[1])
    coefficients = np.linalg.solve(gram, centred.T @ (weights * target))
    return np.asarray(coefficients, dtype=np.float64), level - float(coefficients @ middle)
