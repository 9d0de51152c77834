"""Training: a table, a contract, a recipe and a seed become a package, the same bytes each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.models.calibrate import Method
from bedrail.models.contract import Contract
from bedrail.models.environment import code_now, machine_now, one_thread, versions_of
from bedrail.models.mitigation.candidates import codes_of, emphasised, mitigated
from bedrail.models.mitigation.values import BEFORE, Mitigation
from bedrail.models.ood import QUANTILE
from bedrail.models.recipes import RECIPES, Labels, Material, Progress, Recipe
from bedrail.models.values import Lineage, Package, Setting
from bedrail.models.wrap import wrap

if TYPE_CHECKING:
    import pandas as pd


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
    mitigation: Mitigation | None = None,
    progress: Progress | None = None,
) -> tuple[Package, bytes]:
    """Train by `recipe`, calibrate and bound on `frame_cal`: the package and the bytes of its model file.

    The frames have a column per feature and the 0/1 column `outcome`; their patients must differ. With `subject` an
    inner split keeps each patient's rows together. `lineage` brings the digests; recipe, settings, seed and library
    versions are added here. With `mitigation` the frames hold its attribute too, and what it asks for before, within or
    after training is done. The same inputs and versions give the same bytes. Raises `Invalid`.
    """
    chosen = _recipe(recipe)
    report = progress or _silent
    merged = _merged(chosen, settings or {})
    report("encoding the tables", 0.0)
    encoder = contract.encoder()
    X_train, y_train = encoder.table(frame_train), _labels(frame_train, outcome)
    X_cal, y_cal = encoder.table(frame_cal), _labels(frame_cal, outcome)
    material = Material(contract, X_train, y_train, _patients(frame_train, frame_cal, subject), seed, merged, report)
    with one_thread():
        if mitigation is not None and mitigation.method in BEFORE:
            report("working out what each row counts", 0.05)
            material = emphasised(material, mitigation, codes_of(frame_train, mitigation.attribute))
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
    if mitigation is not None:
        package = mitigated(package, model, mitigation, X_cal, y_cal, frame_cal)
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


def _lineage(given: Lineage | None, chosen: Recipe, parameters: dict[str, Setting], seed: int) -> Lineage:
    start = given or Lineage(origin="trained")
    return msgspec.structs.replace(
        start,
        origin="trained",
        recipe=chosen.name,
        parameters=parameters,
        seed=seed,
        code=start.code or code_now(),
        libraries=versions_of(("numpy", *chosen.libraries)),
        machine=machine_now(),
    )
