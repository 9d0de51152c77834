"""Shadow models: the same recipe on random halves of the patients, each patient in exactly half of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.privacy.attacks.lira import Shadows

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TrainAndScore = Callable[[Ints, int], Floats]
"""(rows (m,) to train on, seed) -> the trained model's probability of the outcome for every row, (n,)."""

FEWEST = 8


def draw_memberships(patients: int, shadows: int, rng: np.random.Generator) -> Bools:
    """(shadows, patients) who is in which shadow's training data: every patient in exactly half of them, at random.

    Carlini et al. (2022), section V: drawing so gives each patient as many models that saw them as models that did not.
    Raises `Invalid` for fewer than 8 or an odd number of shadows.
    """
    if shadows < FEWEST or shadows % 2:
        raise Invalid(f"must be even and at least {FEWEST}.", path="shadows", remedy="64 are usual.")
    order = rng.random((shadows, patients)).argsort(axis=0)
    return np.asarray(order < shadows // 2, dtype=np.bool_)


def train_shadows(
    train: TrainAndScore,
    outcome: Floats,
    patient: Ints,
    members: Bools,
    *,
    known: Mapping[int, Floats] | None = None,
    keep: Callable[[int, Floats], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
) -> Shadows:
    """Train one model for each row of `members` (shadows, patients) and ask it about every row.

    `patient` (n,) numbers the patient of each row from 0; a patient's rows are all in or all out. `known` holds scores
    of shadows that an earlier run trained; `keep(number, scores)` is called after each one trained now, so that a
    stopped run can go on. `progress(done, total)`. Raises `Invalid` when the model's answers are no probabilities.
    """
    scores = np.empty((len(members), len(outcome)))
    for number, chosen in enumerate(members):
        if progress is not None:
            progress(number, len(members))
        if known is not None and number in known:
            scores[number] = known[number]
            continue
        rows = np.flatnonzero(chosen[patient])
        found = np.asarray(train(rows, seed + number), dtype=np.float64)
        if found.shape != outcome.shape or not ((found >= 0) & (found <= 1)).all():
            raise Invalid("a shadow model gave no probability for every row.", path="train")
        scores[number] = found
        if keep is not None:
            keep(number, found)
    if progress is not None:
        progress(len(members), len(members))
    return Shadows(scores=scores, members=members, outcome=outcome, patient=patient)
