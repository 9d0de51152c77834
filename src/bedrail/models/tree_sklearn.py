"""Read fitted scikit-learn tree classifiers from their public arrays; the estimator's own code is not needed later."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid
from bedrail.models.tree_formats import Parts
from bedrail.models.tree_nodes import float32_cut, in_order
from bedrail.models.tree_plan import MISSING_LEFT, Tree
from bedrail.models.trees import TreeEnsemble

_ONE_HOT = "Train on one-hot columns instead of categorical features."


def trees_from_sklearn(estimator: Any) -> TreeEnsemble:
    """The ensemble of a fitted binary decision tree, random forest, extra trees or (histogram) gradient boosting.

    The outcome is the second of `classes_`. Forests and single trees average probabilities (link identity); boosting
    sums log-odds (link logit). Raises `Invalid` for other estimators, more than two classes or outputs, and
    categorical splits.
    """
    classes = getattr(estimator, "classes_", None)
    if classes is None or len(classes) != 2 or getattr(estimator, "n_outputs_", 1) != 1:
        raise Invalid("the estimator is not a fitted classifier of two classes.", path="estimator")
    return TreeEnsemble(**_parts(estimator))


def trees_from_regressor(estimator: Any) -> TreeEnsemble:
    """The ensemble of a fitted regression of log-odds by one tree or by histogram gradient boosting, link logit.

    Raises `Invalid` for other estimators and for categorical splits.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.tree import DecisionTreeRegressor

    if isinstance(estimator, HistGradientBoostingRegressor):
        return TreeEnsemble(**_histogram_boosting(estimator))
    if isinstance(estimator, DecisionTreeRegressor):
        table = estimator.tree_
        tree = _tree(table, table.value[:, 0, 0], "trees[0]")
        return TreeEnsemble([tree], features=int(estimator.n_features_in_), link="logit")
    raise Invalid(f"{type(estimator).__name__} is no regression by trees that Bedrail can read.", path="estimator")


def _parts(estimator: Any) -> Parts:
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.tree import DecisionTreeClassifier

    if isinstance(estimator, HistGradientBoostingClassifier):
        return _histogram_boosting(estimator)
    if isinstance(estimator, GradientBoostingClassifier):
        return _boosting(estimator)
    if isinstance(estimator, RandomForestClassifier | ExtraTreesClassifier):
        return _average(estimator, [tree.tree_ for tree in estimator.estimators_])
    if isinstance(estimator, DecisionTreeClassifier):
        return _average(estimator, [estimator.tree_])
    raise Invalid(
        f"{type(estimator).__name__} is not a tree classifier that Bedrail can read.",
        path="estimator",
        remedy="Export it to ONNX and import that.",
    )


def _histogram_boosting(estimator: Any) -> Parts:
    if getattr(estimator, "_preprocessor", None) is not None:
        raise Invalid("the model has categorical features.", path="estimator", remedy=_ONE_HOT)
    trees = []
    for i, (predictor,) in enumerate(estimator._predictors):
        nodes = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        if np.any(nodes["is_categorical"][~leaf]):
            raise Invalid("the tree has categorical splits.", path=f"trees[{i}]", remedy=_ONE_HOT)
        trees.append(
            in_order(
                feature=nodes["feature_idx"],
                threshold=nodes["num_threshold"],
                left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
                right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
                rule=np.where(nodes["missing_go_to_left"].astype(bool), MISSING_LEFT, 0),
                value=nodes["value"],
                cover=nodes["count"],
                path=f"trees[{i}]",
            )
        )
    intercept = float(np.ravel(estimator._baseline_prediction)[0])
    return Parts(trees=trees, features=int(estimator.n_features_in_), link="logit", intercept=intercept)


def _boosting(estimator: Any) -> Parts:
    from sklearn.dummy import DummyClassifier

    first = estimator.init_
    if not (isinstance(first, str) and first == "zero") and not isinstance(first, DummyClassifier):
        raise Invalid("the boosting starts from another model.", path="estimator.init", remedy="Fit with init=None.")
    # The exponential loss estimates half the log-odds (Friedman, Hastie, Tibshirani, Annals of Statistics 2000).
    # The start, a log-odds already, is halved and doubled again.
    scale = 2.0 if estimator.loss == "exponential" else 1.0
    width = int(estimator.n_features_in_)
    start = 0.0 if isinstance(first, str) else _dummy_margin(first, width)
    stages = [stage.tree_ for stage in np.ravel(estimator.estimators_)]
    trees = [
        _tree(tree, tree.value[:, 0, 0] * estimator.learning_rate * scale, f"trees[{i}]")
        for i, tree in enumerate(stages)
    ]
    return Parts(trees=trees, features=width, link="logit", intercept=start)


def _dummy_margin(dummy: Any, width: int) -> float:
    chance = float(dummy.predict_proba(np.zeros((1, width)))[0, 1])
    edge = float(np.finfo(np.float32).eps)  # as GradientBoostingClassifier clips its start
    chance = min(max(chance, edge), 1 - edge)
    return float(np.log(chance / (1 - chance)))


def _average(estimator: Any, tables: list[Any]) -> Parts:
    trees = []
    for i, table in enumerate(tables):
        weights = table.value[:, 0, :]
        trees.append(_tree(table, weights[:, 1] / weights.sum(axis=1) / len(tables), f"trees[{i}]"))
    return Parts(trees=trees, features=int(estimator.n_features_in_), link="identity", intercept=0.0)


def _tree(table: Any, value: npt.NDArray[np.float64], path: str) -> Tree:
    return in_order(
        feature=table.feature,
        threshold=float32_cut(table.threshold, strict=False),
        left=table.children_left,
        right=table.children_right,
        rule=np.where(np.asarray(table.missing_go_to_left, dtype=bool), MISSING_LEFT, 0),
        value=value,
        cover=table.weighted_n_node_samples,
        path=path,
    )
