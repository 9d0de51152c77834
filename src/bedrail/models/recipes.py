"""Recipes: how each kind of model is trained from encoded rows, deterministic by its seed, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid, Unavailable
from bedrail.models.contract import Contract
from bedrail.models.linear import LinearModel
from bedrail.models.values import Kind, Setting

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
Progress = Callable[[str, float], None]
"""(what is being done, share done from 0 to 1)."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a recipe works on: rows (n, k), outcomes (n,), the patient of each row, the seed and the settings.

    `weights` (n,) is what each row counts, 1 for all when None.
    """

    contract: Contract
    X: Matrix
    y: Labels
    patients: NDArray[np.int64]
    seed: int
    settings: Mapping[str, Setting]
    progress: Progress
    weights: Matrix | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of training: `fit` gives the kind and the model bytes from the material; deterministic by its seed."""

    name: str
    title: str
    libraries: tuple[str, ...]
    settings: Mapping[str, Setting]
    fit: Callable[[Material], tuple[Kind, bytes, dict[str, Setting]]]


RECIPES: dict[str, Recipe] = {}


def recipe(
    name: str, title: str, libraries: tuple[str, ...], **settings: Setting
) -> Callable[[Callable[[Material], tuple[Kind, bytes, dict[str, Setting]]]], Recipe]:
    """Enter a function into the catalogue of recipes, with its default settings."""

    def enter(fit: Callable[[Material], tuple[Kind, bytes, dict[str, Setting]]]) -> Recipe:
        RECIPES[name] = Recipe(name, title, libraries, settings, fit)
        return RECIPES[name]

    return enter


@recipe("logistic", "Logistic regression on standardised inputs", ("scikit-learn", "scipy"), C=1.0, max_iter=2000)
def logistic(material: Material) -> tuple[Kind, bytes, dict[str, Setting]]:
    """L2-penalised logistic regression, fitted on standardised columns and folded back to the raw ones."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = material.X.mean(axis=0), material.X.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    material.progress("fitting the logistic regression", 0.1)
    model = LogisticRegression(C=float(material.settings["C"]), max_iter=int(material.settings["max_iter"]))
    model.fit((material.X - mean) / scale, material.y, sample_weight=material.weights)
    weights = model.coef_[0] / scale
    folded = LinearModel(weights, float(model.intercept_[0] - weights @ mean))
    return "linear", folded.to_bytes(), {"iterations": int(model.n_iter_[0])}


@recipe(
    "boosting",
    "Gradient-boosted trees, stopped early on patients set aside",
    ("lightgbm",),
    num_leaves=15,
    learning_rate=0.05,
    min_data_in_leaf=100,
    feature_fraction=0.8,
    bagging_fraction=0.8,
    lambda_l2=5.0,
    rounds=400,
    patience=30,
    inner_share=0.2,
)
def boosting(material: Material) -> tuple[Kind, bytes, dict[str, Setting]]:
    """LightGBM on one thread; the number of trees is where the log loss on the inner patients is lowest."""
    import lightgbm as lgb

    settings = dict(material.settings)
    rounds, patience = int(settings.pop("rounds")), int(settings.pop("patience"))
    inner = _inner(material, float(settings.pop("inner_share")))
    fixed = {
        "objective": "binary",
        "metric": "binary_logloss",
        "bagging_freq": 1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": material.seed,
        "verbosity": -1,
    }
    names = [f"c{i}" for i in range(material.X.shape[1])]
    params: dict[str, Any] = {**settings, **fixed}
    counts = None if material.weights is None else material.weights[~inner]
    counts_inner = None if material.weights is None else material.weights[inner]
    fitting = lgb.Dataset(material.X[~inner], material.y[~inner], weight=counts, feature_name=names, params=params)
    stopping = lgb.Dataset(
        material.X[inner], material.y[inner], fitting, weight=counts_inner, feature_name=names, params=params
    )

    def report(env: Any) -> None:
        if env.iteration % 20 == 0:
            material.progress(f"tree {env.iteration + 1}", 0.1 + 0.7 * env.iteration / rounds)

    booster = lgb.train(
        params,
        fitting,
        num_boost_round=rounds,
        valid_sets=[stopping],
        callbacks=[lgb.early_stopping(patience, verbose=False), report],
    )
    trees = max(1, booster.best_iteration)
    return "trees", booster.model_to_string(num_iteration=trees).encode(), {"trees": trees}


@recipe(
    "ebm",
    "Explainable boosting machine: additive curves and the strongest pairs",
    ("interpret-core",),
    outer_bags=8,
    interactions=10,
    learning_rate=0.02,
    max_bins=256,
    max_rounds=5000,
    min_samples_leaf=20,
    inner_share=0.15,
)
def ebm(material: Material) -> tuple[Kind, bytes, dict[str, Setting]]:
    """An EBM of `interpret`; each of its bags is stopped early on whole patients, drawn by the seed."""
    try:
        from interpret.glassbox import ExplainableBoostingClassifier
    except ImportError as error:
        raise Unavailable("interpret-core is not installed.", remedy="pip install 'bedrail[ebm]'") from error
    from bedrail.models.decoding import frame_of
    from bedrail.models.importers import import_ebm

    settings = dict(material.settings)
    share, bags = float(settings.pop("inner_share")), int(settings.pop("outer_bags"))
    drawn = [_inner(material, share, draw) for draw in range(bags)]
    material.progress(f"boosting {bags} times over", 0.1)
    kinds = ["continuous" if feature.kind == "numeric" else "nominal" for feature in material.contract.features]
    machine = ExplainableBoostingClassifier(
        **settings, outer_bags=bags, random_state=material.seed, n_jobs=1, feature_types=kinds
    )
    bagged = np.where(np.stack(drawn, axis=1), -1, 1).astype(np.int8)  # interpret's own signs: 1 trains, -1 stops early
    machine.fit(frame_of(material.contract, material.X), material.y, sample_weight=material.weights, bags=bagged)
    material.progress("comparing our reading with the original", 0.8)
    kind, model = import_ebm(machine, material.contract)
    return kind, model, {"terms": len(machine.term_features_)}


def _inner(material: Material, share: float, draw: int = 0) -> NDArray[np.bool_]:
    """Rows of a share of the patients, drawn by the seed; both parts must hold both outcomes."""
    patients = np.unique(material.patients)
    rng = np.random.default_rng([material.seed, draw] if draw else material.seed)
    drawn = rng.permutation(patients)[: round(share * len(patients))]
    inner = np.isin(material.patients, drawn)
    if min((len(np.unique(material.y[part])) for part in (inner, ~inner)), default=0) < 2:
        raise Invalid("there are too few patients to stop early.", path="outcome", remedy="Give more training rows.")
    return inner
