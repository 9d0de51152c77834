"""Conformal prediction for outcomes of two classes, valid for all, within classes, within groups, or within both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedrail.core.errors import Invalid
from bedrail.models.calibrate import checked

Vector = NDArray[np.float64]
Key = tuple[str, int]
EVERYONE = ""
BOTH = -1


@dataclass(frozen=True, slots=True)
class Mondrian:
    """How strange each outcome would be, by category: ascending strangeness (m,) of the calibration patients of each.

    A category is (group, class); `EVERYONE` stands for all groups, `BOTH` for both classes. Built by `fit_mondrian`.
    """

    strangeness: Mapping[Key, Vector]
    by_group: bool
    by_class: bool

    def calibrated(self, group: str = EVERYONE, outcome: int = BOTH) -> int:
        """Calibration patients of the category that rules this group and class."""
        return len(self.strangeness.get(self._key(group, outcome), ()))

    def p_values(self, scores: ArrayLike, groups: ArrayLike | None = None) -> Vector:
        """(n, 2) p-values of outcome 0 and 1: (1 + calibration patients at least as strange) / (1 + all of them).

        Vovk (2012, ACML): p <= alpha for the true outcome in at most alpha of the patients of each category. A group
        that calibration never saw gets 1 for both: nothing can be ruled out.
        """
        s = np.asarray(scores, dtype=np.float64)
        words = _words(groups, len(s), self.by_group)
        out = np.ones((len(s), 2))
        for group in np.unique(words):
            rows = words == group
            for outcome in (0, 1):
                seen = self.strangeness.get(self._key(str(group), outcome))
                if seen is not None:
                    at_least = len(seen) - np.searchsorted(seen, strange(s[rows], outcome), side="left")
                    out[rows, outcome] = (1 + at_least) / (1 + len(seen))
        return out

    def _key(self, group: str, outcome: int) -> Key:
        return group if self.by_group else EVERYONE, outcome if self.by_class else BOTH


def strange(scores: Vector, outcome: int) -> Vector:
    """How strange an outcome is at a score: one less its risk."""
    return 1 - scores if outcome == 1 else scores


def fit_mondrian(
    scores: ArrayLike, outcomes: ArrayLike, groups: ArrayLike | None = None, *, by_class: bool = False
) -> Mondrian:
    """Split conformal prediction (Papadopoulos et al. 2002; Vovk, Gammerman and Shafer 2005), by category when asked.

    Scores in [0, 1] and outcomes 0/1 of n calibration patients that the model was not fitted on, one row a patient.
    With `groups` (n,) coverage holds within each group, with `by_class` within each outcome class, with both within
    each pair. Raises `Invalid` as `calibrate.checked` does, and for groups of another length.
    """
    s, y = checked(scores, outcomes)
    words = _words(groups, len(s), groups is not None)
    found: dict[Key, Vector] = {}
    own = np.where(y == 1, strange(s, 1), strange(s, 0))
    for group in np.unique(words):
        for outcome in (0, 1) if by_class else (BOTH,):
            rows = (words == group) & ((y == outcome) | (outcome == BOTH))
            if rows.any():
                found[str(group), outcome] = np.sort(own[rows])
    return Mondrian(strangeness=found, by_group=groups is not None, by_class=by_class)


def coverage_band(calibrated: int, tested: int, alpha: float, confidence: float) -> tuple[float, float]:
    """Where the share of `tested` patients whose set holds the truth should lie, of exchangeable ones without ties.

    Given the calibration patients coverage is Beta(k, m + 1 - k) with k = m + 1 - floor(alpha (m + 1)) (Vovk 2012), so
    the count in the test is beta-binomial (Angelopoulos and Bates 2023, section 3.2). (1, 1) when k = m + 1: too few
    calibration patients to rule anything out.
    """
    from scipy.stats import betabinom

    out = floor(alpha * (calibrated + 1) + 1e-9)
    if out == 0 or tested == 0:
        return 1.0, 1.0
    below = np.cumsum(betabinom.pmf(np.arange(tested + 1), tested, calibrated + 1 - out, out))
    tail = (1 - confidence) / 2
    low, high = np.searchsorted(below, (tail, 1 - tail))
    return float(low) / tested, float(min(high, tested)) / tested


@dataclass(frozen=True, slots=True)
class Abstention:
    """Answer where exactly one outcome cannot be ruled out at level `alpha`; at most `max_error` of answers are wrong.

    The promise holds with `confidence` over calibrations; `answered` is the share answered when it was chosen.
    """

    alpha: float
    max_error: float
    confidence: float
    answered: float

    def answers(self, p_values: Vector) -> NDArray[np.int64]:
        """(n,) 0 or 1 where the model answers, -1 where it abstains."""
        return answers(p_values, self.alpha)


def answers(p_values: Vector, alpha: float) -> NDArray[np.int64]:
    """(n,) the only outcome of the set {y: p_y > alpha}, or -1 where the set is empty or holds both."""
    kept = p_values > alpha
    return np.where(kept.sum(axis=1) == 1, kept[:, 1], -1).astype(np.int64)


LEVELS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def promise_abstention(
    p_values: Vector, outcomes: ArrayLike, *, max_error: float, confidence: float = 0.95
) -> Abstention | None:
    """The level that answers most among those whose error among answers is shown to be at most `max_error`.

    `p_values` (n, 2) and outcomes are of patients that neither model nor p-values were fitted on, one row a patient.
    Each of ten levels is tested by the exact binomial at (1 - confidence)/10 (Learn then Test, Angelopoulos et al.
    2021). None when no level can be shown to keep it: then nothing should be promised.
    """
    from scipy.stats import binom

    if not 0 < max_error < 1:
        raise Invalid("the error must lie between 0 and 1.", path="max_error", remedy="Use 0.05 for one in twenty.")
    y = np.asarray(outcomes)
    best: Abstention | None = None
    for alpha in LEVELS:
        told = answers(p_values, alpha)
        given = told >= 0
        wrong = int((told[given] != y[given]).sum())
        if not given.any() or binom.cdf(wrong, int(given.sum()), max_error) > (1 - confidence) / len(LEVELS):
            continue
        if best is None or given.mean() > best.answered:
            best = Abstention(alpha, max_error, confidence, float(given.mean()))
    return best


def _words(groups: ArrayLike | None, n: int, wanted: bool) -> NDArray[np.str_]:
    if not wanted:
        return np.full(n, EVERYONE, dtype=np.str_)
    if groups is None or np.shape(groups) != (n,):
        raise Invalid("groups must have one label a row.", path="groups", remedy="Give as many labels as scores.")
    return np.asarray(groups).astype(np.str_)
