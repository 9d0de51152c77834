"""Linear models: a weighted sum on the log-odds scale, explained exactly."""

from __future__ import annotations

from typing import Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt

from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.core.values import Value
from bedrail.models.link import Link, probabilities, probability

Floats = npt.NDArray[np.float64]

FORMAT: Literal["bedrail-linear/1"] = "bedrail-linear/1"


class StoredLinear(Value, frozen=True, kw_only=True):
    """The file format `bedrail-linear/1`."""

    format: Literal["bedrail-linear/1"]
    link: Link
    intercept: float
    coef: list[float]


class LinearModel:
    """`margin = intercept + coef @ x` over (k,) float64 columns; the probability is its logistic, or itself (identity).

    Raises `Invalid` for weights that are not finite and for rows of another width.
    """

    __slots__ = ("coef", "features", "intercept", "link")

    def __init__(self, coef: npt.ArrayLike, intercept: float, *, link: Link = "logit") -> None:
        self.coef: Floats = np.array(coef, dtype=np.float64)
        self.intercept = float(intercept)
        self.link: Link = link
        if self.coef.ndim != 1 or self.coef.shape[0] == 0 or not np.isfinite(self.coef).all():
            raise Invalid("the weights must be one finite number per column.", path="coef")
        if not np.isfinite(self.intercept):
            raise Invalid("the intercept must be finite.", path="intercept")
        self.features = int(self.coef.shape[0])

    def margin(self, x: npt.ArrayLike) -> float:
        """One row (k,) to its margin."""
        row = np.asarray(x, dtype=np.float64)
        if row.shape != self.coef.shape:
            raise Invalid(f"a row must have {self.features} columns.", path="x")
        return float(row @ self.coef) + self.intercept

    def margins(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n,) margins."""
        total: Floats = self._rows(X) @ self.coef + self.intercept
        return total

    def scores(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n,) probabilities of the outcome."""
        return probabilities(self.margins(X), self.link)

    def score(self, x: npt.ArrayLike) -> float:
        """One row (k,) to the probability of the outcome."""
        return probability(self.margin(x), self.link)

    def base(self, mean: npt.ArrayLike) -> float:
        """The margin of the background's mean row (k,): what the contributions are counted from."""
        return self.margin(mean)

    def contributions(self, X: npt.ArrayLike, mean: npt.ArrayLike) -> Floats:
        """(n, k) rows (or one row (k,)) to `coef * (x - mean)`, which sum to `margin - base(mean)`.

        These are the exact Shapley values of a linear model over independent features with that background mean
        (Strumbelj and Kononenko, "Explaining prediction models and individual predictions with feature
        contributions", Knowledge and Information Systems 2014).
        """
        rows = np.asarray(X, dtype=np.float64)
        middle = np.asarray(mean, dtype=np.float64)
        if rows.ndim not in (1, 2) or rows.shape[-1] != self.features or middle.shape != self.coef.shape:
            raise Invalid(f"rows and the mean must have {self.features} columns.", path="X")
        parts: Floats = self.coef * (rows - middle)
        return parts

    def to_bytes(self) -> bytes:
        """The model as `bedrail-linear/1` JSON; numbers read back to the same bits."""
        return msgspec.json.encode(
            StoredLinear(format=FORMAT, link=self.link, intercept=self.intercept, coef=self.coef.tolist())
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read `bedrail-linear/1`; raises `Invalid` for anything else."""
        try:
            stored = msgspec.json.decode(data, type=StoredLinear)
        except NOT_JSON as error:
            raise Invalid(f"not a {FORMAT} file: {error}.", path="model", remedy="Import the model again.") from error
        return cls(stored.coef, stored.intercept, link=stored.link)

    def _rows(self, X: npt.ArrayLike) -> Floats:
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.features:
            raise Invalid(f"rows must have {self.features} columns.", path="X")
        return rows
