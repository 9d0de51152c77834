"""A mitigation applied: to what a recipe works on, or to a package whose model stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedrail.core.errors import Invalid
from bedrail.models.mitigation.mapping import map_by_group
from bedrail.models.mitigation.training import emphasis
from bedrail.models.mitigation.values import BEFORE, Mitigation
from bedrail.models.recipes import Material
from bedrail.models.scoring import open_scoring
from bedrail.models.values import Package

if TYPE_CHECKING:
    import pandas as pd


def codes_of(frame: pd.DataFrame, attribute: str) -> NDArray[np.int64]:
    """The group of each row (n,) as a code, -1 where it is not known; raises `Invalid` for no such column."""
    import pandas as pd

    return np.asarray(pd.factorize(_column(frame, attribute))[0], dtype=np.int64)


def emphasised(material: Material, mitigation: Mitigation, group: NDArray[np.int64]) -> Material:
    """The material with rows, labels and weights as the mitigation wants them."""
    found = emphasis(mitigation, material.X, material.y, group, material.seed)
    rows = found.rows
    return replace(
        material,
        X=material.X[rows],
        y=found.labels,
        patients=material.patients[rows],
        weights=None if np.allclose(found.weights, 1.0) else found.weights,
    )


def mitigated(
    package: Package,
    model: bytes,
    mitigation: Mitigation,
    X_cal: NDArray[np.float64],
    y_cal: ArrayLike,
    frame: pd.DataFrame,
) -> Package:
    """The package with the mitigation in its lineage and, for methods after training, its maps by group.

    `frame` are the calibration rows (n), encoded as `X_cal` (n, k), with outcomes `y_cal` (n,).
    """
    lineage = msgspec.structs.replace(package.lineage, mitigation=mitigation)
    package = msgspec.structs.replace(package, lineage=lineage)
    if mitigation.method in BEFORE:
        return package
    if package.kind == "remote":
        raise Invalid("a vendor's model is not answered by group here.", path="candidate", remedy="Ask the vendor.")
    scores = open_scoring(package.kind, model, np.array(package.background)).scores(X_cal)
    groups = _column(frame, mitigation.attribute).astype(str).to_numpy(dtype=np.str_)
    maps = map_by_group(package, mitigation, scores, np.asarray(y_cal, dtype=np.float64), groups)
    return msgspec.structs.replace(package, by_group=maps).check()


def _column(frame: pd.DataFrame, attribute: str) -> pd.Series:
    if attribute not in frame.columns:
        raise Invalid(
            f"the table has no column `{attribute}`.", path="--attribute", remedy="Name a group column of the use case."
        )
    return frame[attribute]
