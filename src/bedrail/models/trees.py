"""Tree ensembles that we can read, check, predict with and explain exactly, whoever trained them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, Self

import msgspec
import numpy as np
import numpy.typing as npt

from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.core.values import Value
from bedrail.models import trees_numpy
from bedrail.models.link import Link, probabilities, probability
from bedrail.models.tree_plan import Bytes, Floats, Ints, Plan, Tree, check_tree, left_share, plans, quadrature

try:
    from bedrail.models import _trees
except ImportError:  # no C compiler where this was installed: the numpy versions serve
    _trees = None  # type: ignore[assignment]

COMPILED = _trees is not None
"""Whether the compiled kernel is installed."""

FORMAT: Literal["bedrail-trees/1"] = "bedrail-trees/1"
MOST_TREES = 100_000
MOST_FEATURES = 1_000_000


class StoredTree(Value, frozen=True, kw_only=True):
    """One tree of the file format; the columns mean what they mean in `tree_plan.Tree`."""

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    rule: list[int]
    value: list[float]
    cover: list[float]


class StoredTrees(Value, frozen=True, kw_only=True):
    """The file format `bedrail-trees/1`: JSON without code, numbers written so that they read back to the same bits."""

    format: Literal["bedrail-trees/1"]
    features: int
    link: Link
    intercept: float
    trees: list[StoredTree]


class TreeEnsemble:
    """A sum of trees over `features` numeric columns, on the scale of `link`: log-odds, or the probability itself.

    `margins` equals the original library's raw score. `shap` gives exact path-dependent Tree SHAP values, so that
    `base + shap(X).sum(axis=1) == margins(X)`, where `base` is the mean margin by the training covers.
    Rows are float64 and finite, or NaN for missing. Raises `Invalid` for trees that are not trees. `compiled=False`
    asks for numpy even where the compiled kernel is installed. Not for sharing between threads without the GIL.
    """

    __slots__ = ("_shap", "_walker", "base", "features", "intercept", "link", "trees")

    def __init__(
        self,
        trees: Sequence[Tree],
        *,
        features: int,
        link: Link = "logit",
        intercept: float = 0.0,
        compiled: bool = COMPILED,
    ) -> None:
        if not 0 < features <= MOST_FEATURES:
            raise Invalid("the number of features is out of range.", path="features")
        if not 0 < len(trees) <= MOST_TREES:
            raise Invalid("an ensemble has at least one tree.", path="trees")
        if not np.isfinite(intercept):
            raise Invalid("the intercept must be finite.", path="intercept")
        for i, tree in enumerate(trees):
            check_tree(tree, features, f"trees[{i}]")
        self.trees = tuple(trees)
        self.features = features
        self.link: Link = link
        self.intercept = float(intercept)
        self.base = self.intercept + sum(_mean_value(tree) for tree in self.trees)
        constant = self.intercept + sum(float(tree.value[0]) for tree in self.trees if tree.feature[0] < 0)
        whole, groups = plans(self.trees)
        self._walker = _walker(whole, constant, features, compiled) if whole else _Constant(constant)
        self._shap = tuple(_shap(plan, features, compiled) for plan in groups)

    def margins(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n,) margins."""
        rows = self._rows(X)
        out = np.empty(rows.shape[0])
        self._walker.margins(rows, out)
        return out

    def margin(self, x: npt.ArrayLike) -> float:
        """One row (k,) to its margin."""
        return self._walker.margin(self._row(x))

    def shap(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n, k) SHAP values on the margin's scale, around `base`."""
        rows = self._rows(X)
        out = np.zeros(rows.shape)
        for part in self._shap:
            part.add(rows, out)
        return out

    def shap_row(self, x: npt.ArrayLike) -> Floats:
        """One row (k,) to its (k,) SHAP values."""
        row = self._row(x)
        out = np.zeros(self.features)
        for part in self._shap:
            part.add(row, out)
        return out

    def scores(self, X: npt.ArrayLike) -> Floats:
        """(n, k) rows to (n,) probabilities of the outcome."""
        return probabilities(self.margins(X), self.link)

    def score(self, x: npt.ArrayLike) -> float:
        """One row (k,) to the probability of the outcome."""
        return probability(self.margin(x), self.link)

    def to_bytes(self) -> bytes:
        """The ensemble as `bedrail-trees/1`; the same ensemble gives the same bytes."""
        stored = [
            StoredTree(
                feature=tree.feature.tolist(),
                threshold=tree.threshold.tolist(),
                left=tree.left.tolist(),
                right=tree.right.tolist(),
                rule=tree.rule.tolist(),
                value=tree.value.tolist(),
                cover=tree.cover.tolist(),
            )
            for tree in self.trees
        ]
        return msgspec.json.encode(
            StoredTrees(format=FORMAT, features=self.features, link=self.link, intercept=self.intercept, trees=stored)
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read `bedrail-trees/1`; raises `Invalid` with the path to whatever is not a finite, acyclic tree."""
        try:
            stored = msgspec.json.decode(data, type=StoredTrees)
        except NOT_JSON as error:
            raise Invalid(f"not a {FORMAT} file: {error}.", path="model", remedy="Import the model again.") from error
        return cls(
            [_from_stored(tree, f"trees[{i}]") for i, tree in enumerate(stored.trees)],
            features=stored.features,
            link=stored.link,
            intercept=stored.intercept,
        )

    @classmethod
    def from_lightgbm_text(cls, text: str) -> Self:
        """Read LightGBM's own text (`Booster.model_to_string()`): binary objective, numeric splits."""
        from bedrail.models.tree_formats import read_lightgbm

        return cls(**read_lightgbm(text))

    @classmethod
    def from_xgboost_json(cls, data: bytes) -> Self:
        """Read XGBoost's JSON or UBJSON (`Booster.save_raw`): gbtree, logistic objective, numeric splits."""
        from bedrail.models.tree_formats import read_xgboost

        return cls(**read_xgboost(data))

    def _row(self, x: npt.ArrayLike) -> Floats:
        row = np.ascontiguousarray(x, dtype=np.float64)
        if row.shape != (self.features,):
            raise Invalid(f"a row must have {self.features} columns.", path="x")
        return row

    def _rows(self, X: npt.ArrayLike) -> Floats:
        rows = np.ascontiguousarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.features:
            raise Invalid(f"rows must have {self.features} columns.", path="X")
        return rows


class _Walks(Protocol):
    def margin(self, row: Floats, /) -> float: ...
    def margins(self, rows: Floats, out: Floats, /) -> None: ...


class _Explains(Protocol):
    def add(self, rows: Floats, out: Floats, /) -> None: ...


class _Constant:
    """Margins where no tree splits."""

    def __init__(self, value: float) -> None:
        self.value = value

    def margin(self, row: Floats, /) -> float:  # noqa: ARG002 (every row has the same margin)
        return self.value

    def margins(self, rows: Floats, out: Floats, /) -> None:  # noqa: ARG002 (every row has the same margin)
        out[:] = self.value


def _walker(plan: Plan, intercept: float, features: int, compiled: bool) -> _Walks:
    if not compiled or _trees is None:
        return trees_numpy.Walker(plan, intercept)
    return _trees.Walker(features, intercept, *_splits(plan))


def _shap(plan: Plan, features: int, compiled: bool) -> _Explains:
    if not compiled or _trees is None:
        return trees_numpy.Shap(plan)
    return _trees.Shap(
        features, plan.lanes, *_splits(plan), plan.share, plan.above, plan.reach, *quadrature(plan.lanes)
    )


_Splits = tuple[Ints, Ints, Floats, Bytes, Ints, Ints, Floats]


def _splits(plan: Plan) -> _Splits:
    return plan.starts, plan.feature, plan.threshold, plan.rule, plan.left, plan.right, plan.leaves


def _from_stored(tree: StoredTree, path: str) -> Tree:
    try:
        return Tree(
            feature=np.array(tree.feature, dtype=np.int32),
            threshold=np.array(tree.threshold, dtype=np.float64),
            left=np.array(tree.left, dtype=np.int32),
            right=np.array(tree.right, dtype=np.int32),
            rule=np.array(tree.rule, dtype=np.uint8),
            value=np.array(tree.value, dtype=np.float64),
            cover=np.array(tree.cover, dtype=np.float64),
        )
    except OverflowError as error:
        raise Invalid("a whole number is out of range.", path=path) from error


def _mean_value(tree: Tree) -> float:
    """The tree's mean leaf value, each split weighted by its children's covers."""
    mean, share = tree.value.copy(), left_share(tree)
    for node in range(tree.feature.shape[0] - 1, -1, -1):  # children stand after their parents
        if tree.feature[node] >= 0:
            mean[node] = share[node] * mean[tree.left[node]] + (1 - share[node]) * mean[tree.right[node]]
    return float(mean[0])
