"""Recipes: a table, a contract and a seed become a package, the same bytes each time."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.models.calibrate import Method
from bedrail.models.contract import Contract
from bedrail.models.linear import LinearModel
from bedrail.models.ood import QUANTILE
from bedrail.models.values import Kind, Lineage, Package, Setting
from bedrail.models.wrap import wrap

if TYPE_CHECKING:
    import pandas as pd

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
Progress = Callable[[str, float], None]
"""(what is being done, share done from 0 to 1)."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a recipe works on: rows (n, k), outcomes (n,), the patient of each row, the seed and the settings."""

    X: Matrix
    y: Labels
    patients: NDArray[np.int64]
    seed: int
    settings: Mapping[str, Setting]
    progress: Progress


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
    model.fit((material.X - mean) / scale, material.y)
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
    fitting = lgb.Dataset(material.X[~inner], material.y[~inner], feature_name=names, params=params)
    stopping = lgb.Dataset(material.X[inner], material.y[inner], reference=fitting, feature_name=names, params=params)

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


def train(
    recipe: str,
    frame_train: pd.DataFrame,
    frame_cal: pd.DataFrame,
    contract: Contract,
    outcome: str,
    *,
    seed: int = 0,
    lineage: Lineage | None = None,
    name: str = "",
    subject: str = "",
    settings: Mapping[str, Setting] | None = None,
    calibration: Method = "venn-abers",
    confidence: float = 0.95,
    ood_quantile: float = QUANTILE,
    progress: Progress | None = None,
) -> tuple[Package, bytes]:
    """Train by `recipe`, calibrate and bound on `frame_cal`: the package and the bytes of its model file.

    The frames have a column per feature and the 0/1 column `outcome`; their patients must differ. With `subject` an
    inner split keeps each patient's rows together. `lineage` brings the digests; recipe, settings, seed and library
    versions are added here. The same inputs and versions give the same bytes. Raises `Invalid`.
    """
    chosen = _recipe(recipe)
    report = progress or _silent
    merged = _merged(chosen, settings or {})
    report("encoding the tables", 0.0)
    encoder = contract.encoder()
    X_train, y_train = encoder.table(frame_train), _labels(frame_train, outcome)
    X_cal, y_cal = encoder.table(frame_cal), _labels(frame_cal, outcome)
    material = Material(X_train, y_train, _patients(frame_train, frame_cal, subject), seed, merged, report)
    kind, model, found = chosen.fit(material)
    report("calibrating and bounding", 0.85)
    package = wrap(
        kind,
        model,
        contract,
        X_cal,
        y_cal,
        X_train,
        name=name or recipe,
        lineage=_lineage(lineage, chosen, {**merged, **found}, seed),
        calibration=calibration,
        confidence=confidence,
        ood_quantile=ood_quantile,
    )
    report("done", 1.0)
    return package, model


def _silent(what: str, share: float) -> None:  # noqa: ARG001 (nobody asked to be told)
    return


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise Invalid(f"there is no recipe `{name}`.", path="recipe", remedy=f"Use one of: {', '.join(RECIPES)}.")
    return RECIPES[name]


def _merged(chosen: Recipe, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    for name in settings:
        if name not in chosen.settings:
            raise Invalid(
                f"the recipe `{chosen.name}` has no setting `{name}`.",
                path=f"settings.{name}",
                remedy=f"It has: {', '.join(chosen.settings)}.",
            )
    return {**chosen.settings, **settings}


def _labels(frame: pd.DataFrame, outcome: str) -> Labels:
    if outcome not in frame.columns:
        raise Invalid(f"the table has no column `{outcome}`.", path=outcome, remedy="Name the outcome's column.")
    values = frame[outcome].to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isin(values, (0.0, 1.0)).all():
        raise Invalid(
            "the outcome is not 0 or 1 everywhere.", path=outcome, remedy="Leave out rows whose outcome is unknown."
        )
    if len(np.unique(values)) < 2:
        raise Invalid("the outcome is the same in every row.", path=outcome, remedy="Give rows with and without it.")
    return values.astype(np.int64)


def _patients(frame: pd.DataFrame, frame_cal: pd.DataFrame, subject: str) -> NDArray[np.int64]:
    import pandas as pd

    if not subject:
        return np.arange(len(frame))
    for table in (frame, frame_cal):
        if subject not in table.columns:
            raise Invalid(f"the table has no column `{subject}`.", path=subject, remedy="Name the patient's column.")
    shared = np.intersect1d(frame[subject].to_numpy(), frame_cal[subject].to_numpy())
    if len(shared):
        raise Invalid(
            f"{len(shared)} patients are both in the training and in the calibration table.",
            path=subject,
            remedy="Split by patient.",
        )
    return np.asarray(pd.factorize(frame[subject])[0], dtype=np.int64)


def _inner(material: Material, share: float) -> NDArray[np.bool_]:
    """Rows of a share of the patients, drawn by the seed; both parts must hold both outcomes."""
    patients = np.unique(material.patients)
    drawn = np.random.default_rng(material.seed).permutation(patients)[: round(share * len(patients))]
    inner = np.isin(material.patients, drawn)
    if min((len(np.unique(material.y[part])) for part in (inner, ~inner)), default=0) < 2:
        raise Invalid("there are too few patients to stop early.", path="outcome", remedy="Give more training rows.")
    return inner


def _lineage(given: Lineage | None, chosen: Recipe, parameters: dict[str, Setting], seed: int) -> Lineage:
    libraries = {name: version(name) for name in ("numpy", *chosen.libraries)}
    start = given or Lineage(origin="trained")
    return msgspec.structs.replace(
        start,
        origin="trained",
        recipe=chosen.name,
        parameters=parameters,
        seed=seed,
        code=start.code or version("bedrail"),
        libraries={"python": platform.python_version(), **libraries},
    )
