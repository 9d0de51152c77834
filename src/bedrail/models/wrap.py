"""Any model, trained here, imported or a vendor's, becomes a package with the same calibration and uncertainty."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedrail.core.errors import Invalid
from bedrail.models.calibrate import Method, fit_calibration
from bedrail.models.conformal import fit_uncertainty
from bedrail.models.contract import Contract
from bedrail.models.ood import QUANTILE, fit_distance
from bedrail.models.scoring import LIGHTGBM_START, open_scoring
from bedrail.models.values import MODEL_FILES, Kind, Lineage, Package

Matrix = NDArray[np.float64]


def wrap(
    kind: Kind,
    model: bytes,
    contract: Contract,
    X_cal: Matrix,
    y_cal: ArrayLike,
    X_train: Matrix,
    *,
    name: str,
    lineage: Lineage,
    endpoint: str = "",
    scores_cal: ArrayLike | None = None,
    calibration: Method = "venn-abers",
    confidence: float = 0.95,
    ood_quantile: float = QUANTILE,
) -> Package:
    """Fit calibration and uncertainty on calibration rows (n, k) with outcomes 0/1, and the distance on training rows.

    The calibration rows must be of patients whom the model was not trained on. A remote model needs `scores_cal`, its
    answers for these rows, and `endpoint`; the others are asked. Raises `Invalid` for parts that do not fit and
    `Corrupt` for bytes that are no model of that kind.
    """
    contract.check()
    width = len(contract.columns)
    X_cal, X_train = _rows(X_cal, width, "X_cal"), _rows(X_train, width, "X_train")
    background = X_train.mean(axis=0)
    if scores_cal is None:
        if kind == "remote":
            raise Invalid("a remote model needs its answers.", path="scores_cal", remedy="Ask it for every row first.")
        scores_cal = open_scoring(kind, model, background).scores(X_cal)
    file = model_file_of(kind, model)
    return Package(
        name=name,
        kind=kind,
        contract=contract,
        calibration=fit_calibration(scores_cal, y_cal, calibration),
        uncertainty=fit_uncertainty(scores_cal, y_cal, confidence=confidence),
        ood=fit_distance(X_train, contract, quantile=ood_quantile),
        background=tuple(background.tolist()),
        lineage=lineage,
        model_file=file,
        model_sha256=hashlib.sha256(model).hexdigest() if file else "",
        endpoint=endpoint,
    ).check()


def model_file_of(kind: Kind, model: bytes) -> str:
    """The name of the model file: LightGBM's text ends in .txt, our own JSON in .json, a remote model has none."""
    names = MODEL_FILES[kind] or ("",)
    return "model.txt" if kind == "trees" and model.startswith(LIGHTGBM_START) else names[0]


def _rows(X: Matrix, width: int, path: str) -> Matrix:
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != width or not np.isfinite(rows).all():
        raise Invalid(
            f"rows of {width} finite columns are needed.", path=path, remedy="Encode the table with the contract."
        )
    return rows
