"""How each kind of model answers encoded rows, with one face: raw probabilities and exact parts."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Corrupt, Invalid
from bedrail.models.calibrate import sigmoid, sigmoids
from bedrail.models.ebm import AdditiveModel
from bedrail.models.linear import LinearModel
from bedrail.models.onnx import OnnxModel
from bedrail.models.trees import TreeEnsemble
from bedrail.models.values import Kind

Matrix = NDArray[np.float64]

LIGHTGBM_START = b"tree\n"
"""How LightGBM's own text begins; anything else that calls itself trees must be `bedrail-trees/1`."""


class Scoring(Protocol):
    """What each kind of model can do with encoded rows; `base` and the parts are None for a black box."""

    scale: str
    base: float | None

    def score(self, x: Matrix) -> float:
        """One row (k,) to its raw probability."""
        ...

    def scores(self, X: Matrix) -> Matrix:
        """(n, k) rows to (n,) raw probabilities."""
        ...

    def parts(self, X: Matrix) -> Matrix | None:
        """Rows (n, k), or one row (k,), to the exact contribution of each column."""
        ...


def open_scoring(kind: Kind, data: bytes, background: Matrix) -> Scoring:
    """The bare scoring part of a local model that takes as many columns as `background` (k,) has; as `open_model`."""
    try:
        scoring, features = _read(kind, data, background)
    except Invalid as error:
        raise Corrupt(f"the model file cannot be read: {error}", remedy="Import or train the model again.") from error
    if features not in (0, len(background)):
        raise Corrupt(
            f"the model takes {features} columns and the contract has {len(background)}.",
            remedy="Import the model with the contract that it was trained with.",
        )
    return scoring


def _read(kind: Kind, data: bytes, background: Matrix) -> tuple[Scoring, int]:
    if kind == "linear":
        linear = LinearModel.from_bytes(data)
        if linear.features != len(background):
            background = np.zeros(linear.features)
        return _LinearScoring(linear, background), linear.features
    if kind == "trees":
        text = data.startswith(LIGHTGBM_START)
        trees = TreeEnsemble.from_lightgbm_text(_utf8(data)) if text else TreeEnsemble.from_bytes(data)
        return _TreeScoring(trees), trees.features
    if kind == "ebm":
        additive = AdditiveModel.from_bytes(data)
        return AdditiveScoring(additive), additive.features
    if kind == "onnx":
        onnx = OnnxModel(data)
        return _OnnxScoring(onnx), onnx.features
    raise Invalid("a remote model has no weights here.", path="kind", remedy="Use RemoteModel.")


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("the text is not UTF-8.", path="model") from error


class _Margins(Protocol):
    """A model that gives margins, which its link turns into probabilities."""

    def margin(self, x: Matrix) -> float: ...

    def margins(self, X: Matrix) -> Matrix: ...


class _MarginScoring:
    """What every model with margins has in common; the parts are its own."""

    def __init__(self, margins: _Margins, link: str, base: float) -> None:
        self._margins = margins
        self.logit = link == "logit"
        self.scale = "log-odds" if self.logit else "probability"
        self.base: float | None = base

    def score(self, x: Matrix) -> float:
        """One row (k,) to its raw probability."""
        margin = self._margins.margin(x)
        return sigmoid(margin) if self.logit else min(max(margin, 0.0), 1.0)

    def scores(self, X: Matrix) -> Matrix:
        """(n, k) rows to (n,) raw probabilities."""
        margins = self._margins.margins(X)
        return sigmoids(margins) if self.logit else np.clip(margins, 0.0, 1.0)


class _TreeScoring(_MarginScoring):
    def __init__(self, model: TreeEnsemble) -> None:
        super().__init__(model, model.link, model.base)
        self.model = model

    def parts(self, X: Matrix) -> Matrix | None:
        return self.model.shap_row(X) if X.ndim == 1 else self.model.shap(X)


class _LinearScoring(_MarginScoring):
    def __init__(self, model: LinearModel, background: Matrix) -> None:
        super().__init__(model, model.link, model.base(background))
        self.model = model
        self.background = background

    def parts(self, X: Matrix) -> Matrix | None:
        return self.model.contributions(X, self.background)


class AdditiveScoring(_MarginScoring):
    """An additive model, with its terms at hand."""

    def __init__(self, model: AdditiveModel) -> None:
        super().__init__(model, model.link, model.base)
        self.model = model

    def parts(self, X: Matrix) -> Matrix | None:
        """The exact contribution of each column."""
        return self.model.contributions(X)


class _OnnxScoring:
    scale = "probability"
    base: float | None = None

    def __init__(self, model: OnnxModel) -> None:
        self.model = model

    def score(self, x: Matrix) -> float:
        return self.model.score(x)

    def scores(self, X: Matrix) -> Matrix:
        return self.model.scores(X)

    def parts(self, X: Matrix) -> Matrix | None:  # noqa: ARG002 (a black box has none)
        return None
