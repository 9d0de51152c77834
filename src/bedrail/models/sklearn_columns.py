"""Read what stands before a scikit-learn classifier: each column that it sees, in terms of the contract's columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.models.contract import Contract
from bedrail.models.linear import LinearModel
from bedrail.models.linear_sklearn import linear_weights
from bedrail.models.probes import Floats
from bedrail.models.tree_plan import HUGE, Tree
from bedrail.models.tree_sklearn import trees_from_sklearn
from bedrail.models.trees import TreeEnsemble

_REMEDY = "Do that step before Bedrail's contract, or export the whole pipeline to ONNX."


@dataclass(frozen=True, slots=True)
class Step:
    """`(x - shift) / scale`, or `x * scale + shift` where `times`, as scikit-learn computes it."""

    shift: float
    scale: float
    times: bool = False

    def __call__(self, x: Floats) -> Floats:
        """The step on numbers, in the same order of operations."""
        return x * self.scale + self.shift if self.times else (x - self.shift) / self.scale


@dataclass(frozen=True, slots=True)
class Column:
    """One column on its way to the classifier: the contract's columns summed, then steps; or a category not yet coded.

    `feature` is the contract's feature that it comes from, `levels` its levels while it is still words.
    """

    feature: str
    sources: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    levels: tuple[str, ...] = ()


def is_pipeline(estimator: Any) -> bool:
    """Whether it takes a table apart by its columns before the classifier."""
    steps = [step for _, step in getattr(estimator, "steps", ())]
    return any(hasattr(step, "transformers_") for step in steps)


def read_pipeline(estimator: Any, contract: Contract) -> LinearModel | TreeEnsemble:
    """A fitted pipeline of column transformers, scalers, imputers, one-hot encoders and selectors before a classifier.

    Scalers are folded into weights, or into thresholds such that every finite number goes the same way as before. An
    imputer leaves complete rows as they are, and a gap is what the contract says. Raises `Invalid` for other steps.
    """
    named = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    if named and named != list(contract.names):
        raise Invalid(
            f"the pipeline takes {', '.join(named)}, and the contract has {', '.join(contract.names)}.",
            path="contract.features",
            remedy="Declare the pipeline's columns in its order.",
        )
    columns = [
        Column(feature.name, tuple(range(*span)), levels=feature.levels)
        for feature, span in zip(contract.features, contract.spans, strict=True)
    ]
    *before, last = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    for step in before:
        columns = _through(step, columns)
    if any(column.levels for column in columns):
        raise Invalid("a category reaches the classifier without a code.", path="estimator", remedy=_REMEDY)
    width = len(contract.columns)
    return _fold_linear(last, columns, width) if hasattr(last, "coef_") else _fold_trees(last, columns, width)


def _through(step: Any, columns: list[Column]) -> list[Column]:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    if step is None or step == "passthrough" or getattr(step, "func", "") is None:  # a transformer of no function
        return columns
    if hasattr(step, "steps"):
        for _, inner in step.steps:
            columns = _through(inner, columns)
        return columns
    if isinstance(step, SimpleImputer):
        gone = [value for value in step.statistics_ if isinstance(value, float) and np.isnan(value)]
        return _cannot(step) if step.add_indicator or gone else columns
    if isinstance(step, OneHotEncoder):
        return [coded for i, column in enumerate(columns) for coded in _coded(step, i, column)]
    return _taken_apart(step, columns) if hasattr(step, "transformers_") else _rescaled(step, columns)


def _rescaled(step: Any, columns: list[Column]) -> list[Column]:
    if hasattr(step, "get_support"):
        return [column for column, kept in zip(columns, step.get_support(), strict=True) if kept]
    if any(column.levels for column in columns):
        return _cannot(step)
    return [replace(c, steps=(*c.steps, one)) for c, one in zip(columns, _scaled(step, len(columns)), strict=True)]


def _taken_apart(step: Any, columns: list[Column]) -> list[Column]:
    names = [column.feature for column in columns]
    found: list[Column] = []
    for _, inner, chosen in step.transformers_:
        if isinstance(inner, str) and inner == "drop":
            continue
        found += _through(inner, [columns[i] for i in _places(chosen, names)])
    return found


def _places(chosen: Any, names: Sequence[str]) -> list[int]:
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            raise Invalid("a slice by names is not read.", path="estimator", remedy="List the columns.")
        return list(range(len(names)))[chosen]
    listed = [chosen] if isinstance(chosen, str | int) else list(chosen)
    if listed and all(isinstance(each, bool | np.bool_) for each in listed):
        return [i for i, kept in enumerate(listed) if kept]
    return [names.index(each) if isinstance(each, str) else int(each) for each in listed]


def _coded(encoder: Any, i: int, column: Column) -> list[Column]:
    if not column.levels:
        raise Invalid(
            f"`{column.feature}` is coded as a category and is a number in the contract.",
            path=f"contract.features.{column.feature}",
            remedy="Declare it categorical, with the levels of the encoder.",
        )
    words = [str(word) for word in encoder.categories_[i]]
    unknown = [level for level in column.levels if level not in words]
    lacking = [word for word in words if word not in column.levels]
    rare = getattr(encoder, "infrequent_categories_", None)
    if lacking or (unknown and encoder.handle_unknown == "error") or (rare is not None and rare[i] is not None):
        differing = ", ".join((lacking or unknown)[:5]) or "it puts rare ones together"
        raise Invalid(
            f"the levels of `{column.feature}` are not those of the encoder: {differing}.",
            path=f"contract.features.{column.feature}.levels",
            remedy="Declare the encoder's categories as levels, and put rare ones together before.",
        )
    dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[i]
    kept = [word for place, word in enumerate(words) if place != dropped]
    return [Column(column.feature, (column.sources[column.levels.index(word)],)) for word in kept]


def _scaled(step: Any, width: int) -> list[Step]:
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    zeros, ones = np.zeros(width), np.ones(width)
    times = False
    if isinstance(step, StandardScaler):
        shift, scale = (step.mean_ if step.with_mean else zeros), (step.scale_ if step.with_std else ones)
    elif isinstance(step, RobustScaler):
        shift, scale = (step.center_ if step.with_centering else zeros), (step.scale_ if step.with_scaling else ones)
    elif isinstance(step, MaxAbsScaler):
        shift, scale = zeros, step.scale_
    elif isinstance(step, MinMaxScaler) and not step.clip:
        shift, scale, times = step.min_, step.scale_, True
    else:
        return _cannot(step)
    return [Step(float(a), float(b), times) for a, b in zip(shift, scale, strict=True)]


def _fold_linear(classifier: Any, columns: list[Column], width: int) -> LinearModel:
    weights, intercept = linear_weights(classifier)
    coef = np.zeros(width)
    for weight, column in zip(weights, columns, strict=True):
        slope, shift = float(weight), 0.0
        for step in reversed(column.steps):
            factor = step.scale if step.times else 1 / step.scale
            shift += slope * (step.shift if step.times else -step.shift * factor)
            slope *= factor
        intercept += shift
        coef[list(column.sources)] += slope
    return LinearModel(coef, intercept)


def _fold_trees(classifier: Any, columns: list[Column], width: int) -> TreeEnsemble:
    read = trees_from_sklearn(classifier)
    if read.features != len(columns):
        raise Invalid("the classifier takes other columns than come to it.", path="estimator", remedy=_REMEDY)
    places = np.array([column.sources[0] for column in columns], dtype=np.int32)
    trees = [_moved(tree, columns, places) for tree in read.trees]
    return TreeEnsemble(trees, features=width, link=read.link, intercept=read.intercept)


def _moved(tree: Tree, columns: list[Column], places: Any) -> Tree:
    inner = tree.feature >= 0
    threshold = tree.threshold.copy()
    for i in np.unique(tree.feature[inner]).tolist():
        here = inner & (tree.feature == i)
        if columns[i].steps:
            threshold[here] = last_below(columns[i].steps, tree.threshold[here])
    feature = np.where(inner, places[np.where(inner, tree.feature, 0)], -1).astype(np.int32)
    return replace(tree, feature=feature, threshold=threshold)


def last_below(steps: Sequence[Callable[[Floats], Floats]], threshold: Floats) -> Floats:
    """The largest float64 x with `steps(x) <= threshold`, for steps that never fall: found by halving the floats.

    Rounding is monotone (IEEE 754-2019, 4.3), so a chain of shifts and positive scales is; between two neighbouring
    floats it then crosses the threshold once, and `x <= cut` goes where the scaled comparison went, for every float.
    """
    smallest = np.int64(-(2**63))

    def number(place: Any) -> Floats:
        found: Floats = np.where(place >= 0, place, smallest - place).view(np.float64)
        return found

    high = np.full(threshold.shape, np.float64(HUGE).view(np.int64))
    low = -high
    for _ in range(64):
        middle = (low >> 1) + (high >> 1) + (low & high & 1) + ((low ^ high) & 1)  # rounded up
        x = number(middle)
        with np.errstate(over="ignore"):
            for step in steps:
                x = step(x)
        below = x <= threshold
        low, high = np.where(below, middle, low), np.where(below, high, middle - 1)
        high = np.maximum(high, low)
    return number(low)


def _cannot(step: Any) -> NoReturn:
    raise Invalid(f"the step {type(step).__name__} cannot be read exactly.", path="estimator", remedy=_REMEDY)
