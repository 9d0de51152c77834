"""A simple model taught by a black box's answers: it can be read, and what it says of a patient is exact for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.models.contract import Contract
from bedrail.models.explain.lime import log_odds, weighted_r2
from bedrail.models.linear import LinearModel
from bedrail.models.scoring import Scoring, open_scoring

Matrix = NDArray[np.float64]
Form = Literal["linear", "tree", "additive"]
FORMS: tuple[Form, ...] = ("linear", "tree", "additive")
FEWEST = 200


class Surrogate(Value, frozen=True, kw_only=True):
    """A surrogate at rest: `form`, its model bytes (Bedrail's own JSON), the background it counts from.

    `fidelity` is R2 of log-odds on rows that it was not taught with; `others` the same for the forms not chosen.
    """

    form: Form
    model: bytes
    background: tuple[float, ...]
    rows: int
    fidelity: float
    others: dict[str, float]

    def scoring(self) -> Scoring:
        """The surrogate ready to answer, with exact parts."""
        kind: Literal["linear", "trees"] = "linear" if self.form == "linear" else "trees"
        return open_scoring(kind, self.model, np.array(self.background, dtype=np.float64))


def distil(
    contract: Contract,
    X: Matrix,
    answers: Matrix,
    rng: np.random.Generator,
    *,
    forms: tuple[Form, ...] = FORMS,
    directions: Mapping[str, Literal[-1, 1]] | None = None,
) -> Surrogate:
    """Teach each form by the answers (n,), probabilities, to encoded rows (n, k); the most faithful is kept.

    `linear`: ridge on log-odds; `tree`: one regression tree of at most 16 leaves; `additive`: boosted trees that each
    ask one column (no interactions). `directions` force an additive or tree surrogate to rise (1) or fall (-1)
    with a numeric feature. Half of the rows teach, a quarter chooses, a quarter measures `fidelity`, so that choosing
    does not flatter. Craven and Shavlik, "Extracting tree-structured representations of trained networks" (NIPS 1995);
    Tan et al., "Distill-and-compare" (AIES 2018). Raises `Invalid` for fewer than 200 rows or an unknown direction.
    """
    if len(X) < FEWEST:
        raise Invalid(f"a surrogate needs at least {FEWEST} rows.", path="rows", remedy="Give more rows.")
    signs = _signs(contract, directions or {})
    target = log_odds(answers)
    order = rng.permutation(len(X))
    half, three = len(X) // 2, 3 * len(X) // 4
    teach, choose, measure = order[:half], order[half:three], order[three:]
    background = X.mean(axis=0)
    made = {form: _fit(form, X[teach], target[teach], signs) for form in forms}
    scores = {
        form: weighted_r2(target[choose], _said(form, data, X[choose], background)) for form, data in made.items()
    }
    best = max(scores, key=scores.__getitem__)
    return Surrogate(
        form=best,
        model=made[best],
        background=tuple(background.tolist()),
        rows=len(X),
        fidelity=weighted_r2(target[measure], _said(best, made[best], X[measure], background)),
        others={form: score for form, score in scores.items() if form != best},
    )


def _said(form: Form, data: bytes, X: Matrix, background: Matrix) -> Matrix:
    return log_odds(open_scoring("linear" if form == "linear" else "trees", data, background).scores(X))


def _signs(contract: Contract, directions: Mapping[str, Literal[-1, 1]]) -> NDArray[np.int8]:
    signs = np.zeros(len(contract.columns), dtype=np.int8)
    for name, sign in directions.items():
        feature = contract.feature(name)
        if feature.kind != "numeric" or sign not in (-1, 1):
            raise Invalid("a direction is 1 or -1, of a number.", path=f"directions.{name}")
        signs[contract.spans[contract.names.index(name)][0]] = sign
    return signs


def _fit(form: Form, X: Matrix, target: Matrix, signs: NDArray[np.int8]) -> bytes:
    if form == "linear":
        return _line(X, target).to_bytes()
    from bedrail.models.tree_sklearn import trees_from_regressor

    if form == "tree":
        from sklearn.tree import DecisionTreeRegressor

        tree = DecisionTreeRegressor(
            max_leaf_nodes=16, min_samples_leaf=max(10, len(X) // 100), monotonic_cst=signs if signs.any() else None,
            random_state=0,
        )  # fmt: skip
        return trees_from_regressor(tree.fit(X, target)).to_bytes()
    from sklearn.ensemble import HistGradientBoostingRegressor

    additive = HistGradientBoostingRegressor(
        interaction_cst="no_interactions", monotonic_cst=signs if signs.any() else None, max_iter=200,
        max_leaf_nodes=6, learning_rate=0.1, min_samples_leaf=max(10, len(X) // 200), early_stopping=False,
        random_state=0,
    )  # fmt: skip
    return trees_from_regressor(additive.fit(X, target)).to_bytes()


def _line(X: Matrix, target: Matrix) -> LinearModel:
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    Z = (X - mean) / scale
    level = float(target.mean())
    coefficients = np.linalg.solve(Z.T @ Z + 1e-3 * len(Z) * np.eye(Z.shape[1]), Z.T @ (target - level)) / scale
    return LinearModel(coefficients, level - float(coefficients @ mean))
