"""A candidate's recipe again, on other rows: how shadow models and randomised models are made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.models.recipes import RECIPES, Material
from bedrail.models.scoring import Scoring, open_scoring
from bedrail.models.values import Package

Matrix = NDArray[np.float64]
Ints = NDArray[np.int64]


def retrainable(package: Package) -> str:
    """Why this package cannot be trained again here; empty when it can."""
    recipe = package.lineage.recipe
    if not recipe:
        return "It was not trained here: there is no recipe to train it by again."
    return "" if recipe in RECIPES else f"Its recipe `{recipe}` is not known here."


def retrain(package: Package, X: Matrix, y: Matrix, patient: Ints, seed: int) -> Scoring:
    """A model by the package's recipe and settings on rows (n, k) with outcomes 0/1 (n,) and patients (n,).

    Neither calibrated nor packaged: only its raw scores are of use. Raises `Invalid` for a package without a recipe,
    and for rows that the recipe cannot learn from.
    """
    if why := retrainable(package):
        raise Invalid(why, path="recipe", remedy="Train it by recipe: bedrail train.")
    chosen = RECIPES[package.lineage.recipe]
    told = package.lineage.parameters
    settings = {name: told.get(name, default) for name, default in chosen.settings.items()}
    labels = np.asarray(y, dtype=np.int64)
    kind, model, _ = chosen.fit(Material(package.contract, X, labels, patient, seed, settings, _silent))
    return open_scoring(kind, model, X.mean(axis=0))


def trainer(package: Package, X: Matrix, y: Matrix, patient: Ints) -> Callable[[Ints, int], Matrix]:
    """(rows (m,) to train on, seed) -> probabilities of all n rows, by `retrain`."""

    def train_and_score(rows: Ints, seed: int) -> Matrix:
        return retrain(package, X[rows], y[rows], patient[rows], seed).scores(X)

    return train_and_score


def _silent(what: str, share: float) -> None:  # noqa: ARG001 (progress is told by whoever asks for many models)
    return
