"""Membership inference by likelihood ratio: is this answer likelier from models that saw the patient?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENOUGH = 32
"""Models on either side from which each row gets a variance of its own; below, all rows share one (Carlini, V-C)."""

CLIPS = (1e-9, 1e-3, 1e-2)
"""How far from 0 and 1 probabilities may be kept: forests answer a plain 0 or 1, whose log-odds fit no normal curve."""

_TRIED = 8


@dataclass(frozen=True, slots=True)
class Shadows:
    """What shadow models say: `scores` (shadows, n) probabilities of the outcome, `members` (shadows, patients).

    `outcome` (n,) of 0/1 and `patient` (n,) from 0 belong to the rows.
    """

    scores: Floats
    members: Bools
    outcome: Floats
    patient: Ints

    @property
    def patients(self) -> int:
        """How many patients there are."""
        return int(self.members.shape[1])


def true_class_logit(scores: Floats, outcome: Floats, clip: float = CLIPS[0]) -> Floats:
    """(..., n) log-odds that the model gives to what really happened: large where it is confident and right.

    Carlini et al. (2022), section V-B; probabilities are kept `clip` away from 0 and 1.
    """
    p = np.clip(scores, clip, 1 - clip)
    logit = np.log(p) - np.log1p(-p)
    return np.asarray(np.where(outcome > 0.5, logit, -logit), dtype=np.float64)


def strongest_clip(shadows: Shadows) -> float:
    """The clip of `CLIPS` with which the first eight shadows are told best: a choice that an attacker can make too."""
    from scipy.stats import rankdata

    def area(clip: float) -> float:
        found = []
        for target in range(min(_TRIED, len(shadows.members))):
            ranks = rankdata(likelihood_ratios(shadows, left_out=target, clip=clip))
            inside = shadows.members[target]
            m, n = int(inside.sum()), int((~inside).sum())
            found.append((float(ranks[inside].sum()) - m * (m + 1) / 2) / max(1, m * n))
        return float(np.mean(found))

    return max(CLIPS, key=area)


def likelihood_ratios(
    shadows: Shadows, target: Floats | None = None, *, left_out: int | None = None, clip: float = CLIPS[0]
) -> Floats:
    """(patients,) log-likelihood ratio that the patient was in the target's training data; online LiRA.

    For each row the log-odds of the true class follow one normal distribution among shadow models that saw the row and
    another among those that did not; the ratio is that of the target's own value, and a patient's rows are added up.
    `target` (n,) holds the target's scores; or `left_out` names the shadow that plays the target, left out of
    both distributions. Source: Carlini et al., "Membership Inference Attacks From First Principles" (IEEE S&P 2022),
    algorithm 1.
    """
    phi = true_class_logit(shadows.scores, shadows.outcome, clip)
    seen = shadows.members[:, shadows.patient]
    if left_out is not None:
        value = phi[left_out]
        rest = np.arange(len(phi)) != left_out
        phi, seen = phi[rest], seen[rest]
    else:
        assert target is not None
        value = true_class_logit(target, shadows.outcome, clip)
    inside = _normal(phi, seen, value)
    outside = _normal(phi, ~seen, value)
    total = np.bincount(shadows.patient, weights=inside - outside, minlength=shadows.patients)
    return np.asarray(total, dtype=np.float64)


def loss_scores(scores: Floats, outcome: Floats, patient: Ints, patients: int) -> Floats:
    """(patients,) minus the mean loss of the patient's rows: the plain attack, which knows no shadow models.

    Yeom et al. (2018), "Privacy risk in machine learning", IEEE CSF.
    """
    p = np.clip(np.where(outcome > 0.5, scores, 1 - scores), CLIPS[0], 1.0)
    total = np.bincount(patient, weights=np.log(p), minlength=patients)
    return np.asarray(total / np.maximum(1, np.bincount(patient, minlength=patients)), dtype=np.float64)


def _normal(phi: Floats, chosen: Bools, value: Floats) -> Floats:
    """(n,) log density of `value` under each row's normal distribution over the chosen models."""
    count = chosen.sum(axis=0)
    mean = np.divide((phi * chosen).sum(axis=0), count, out=np.zeros(phi.shape[1]), where=count > 0)
    square = (((phi - mean) ** 2) * chosen).sum(axis=0)
    if count.min() >= ENOUGH - 1:
        variance = square / np.maximum(1, count - 1)
    else:
        variance = np.full(phi.shape[1], square.sum() / max(1.0, float((count - 1).clip(0).sum())))
    # Models that never move on a row would divide by zero; the floor is far below any real spread.
    variance = variance + 1e-12
    density = -0.5 * np.log(variance) - 0.5 * (value - mean) ** 2 / variance
    return np.asarray(np.where(count > 0, density, 0.0), dtype=np.float64)
