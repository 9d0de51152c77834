"""Read other libraries' own safe model files: LightGBM text, XGBoost JSON and UBJSON. No library code is run."""

from __future__ import annotations

import math
from typing import Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt

from bedrail.core.errors import NOT_JSON, Invalid
from bedrail.models.link import Link
from bedrail.models.tree_nodes import float32_cut, in_order
from bedrail.models.tree_plan import MISSING_LEFT, NEAR_ZERO, ZERO_IS_MISSING, Floats, Tree
from bedrail.models.ubjson import read_ubjson


class Parts(TypedDict):
    """What a `TreeEnsemble` is made of."""

    trees: list[Tree]
    features: int
    link: Link
    intercept: float


# ---------------------------------------------------------------------------------------------------- LightGBM text

MOST_FEATURES = 1_000_000
_MOST_INDEX = 2**31
_BINARY = {"binary", "cross_entropy", "xentropy"}
_ONE_HOT = "Train on one-hot columns instead of categorical splits; a contract's `columns` are already one-hot."


def read_lightgbm(text: str) -> Parts:
    """Read `Booster.model_to_string()`; `Invalid` for multiclass, categorical, linear-leaf or non-binary models.

    Decision types as in LightGBM's include/LightGBM/tree.h: bit 0 categorical, bit 1 default left, bits 2-3 the kind
    of missing value (none, zero, NaN). With kind none a NaN is compared as 0.
    """
    head, *sections = text.replace("\r\n", "\n").split("\nTree=")
    fields = _fields(head)
    if not head.lstrip().startswith("tree") or "max_feature_idx" not in fields or not sections:
        raise Invalid("not a LightGBM model file.", path="model", remedy="Save it with Booster.model_to_string().")
    scale = _lightgbm_scale(fields)
    if fields.get("average_output") is not None:
        scale /= len(sections)
    trees = [_lightgbm_tree(_fields(section), scale, f"Tree={i}") for i, section in enumerate(sections)]
    features = _count(fields["max_feature_idx"], "max_feature_idx") + 1
    return Parts(trees=trees, features=features, link="logit", intercept=0.0)


def _fields(section: str) -> dict[str, str]:
    block = section.split("\nend of trees", 1)[0]
    pairs = (line.partition("=") for line in block.splitlines() if line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _lightgbm_scale(fields: dict[str, str]) -> float:
    """Factor from raw scores to log-odds: the `sigmoid` parameter of the binary objective."""
    if fields.get("num_class", "1") != "1" or fields.get("num_tree_per_iteration", "1") != "1":
        raise Invalid("the model has more than two classes.", path="num_class", remedy="Train on a binary outcome.")
    kind, *options = fields.get("objective", "").split() or [""]
    if kind not in _BINARY:
        raise Invalid(f"objective {kind or 'unknown'!r} does not give a risk.", path="objective", remedy="Use binary.")
    for option in options:
        name, _, value = option.partition(":")
        if name == "sigmoid":
            return _number(value, "objective")
    return 1.0


def _lightgbm_tree(fields: dict[str, str], scale: float, path: str) -> Tree:
    if fields.get("num_cat", "0") != "0":
        raise Invalid("the tree has categorical splits.", path=f"{path}.num_cat", remedy=_ONE_HOT)
    if fields.get("is_linear", "0") != "0":
        raise Invalid("the tree has linear leaves.", path=f"{path}.is_linear", remedy="Train with linear_tree=false.")
    value = np.array(_numbers(fields, "leaf_value", path)) * scale
    leaves = value.shape[0]
    if leaves == 1:
        return _stump(float(value[0]), _numbers(fields, "leaf_count", path) if fields.get("leaf_count") else [1.0])
    cut = np.array(_numbers(fields, "threshold", path))
    feature, decision = (_whole(fields, k, path) for k in ("split_feature", "decision_type"))
    inner = feature.shape[0]
    children = [_whole(fields, k, path) for k in ("left_child", "right_child")]
    counts = [np.array(_numbers(fields, k, path)) for k in ("internal_count", "leaf_count")]
    if inner != leaves - 1 or any(c.shape[0] != inner for c in (cut, decision, *children, counts[0])):
        raise Invalid("the tree's columns differ in length.", path=path)
    bits = decision
    if np.any(bits & 1):
        raise Invalid("the tree has categorical splits.", path=f"{path}.decision_type", remedy=_ONE_HOT)
    kind, default_left = (bits >> 2) & 3, (bits & 2) > 0
    nan_left = np.where(kind == 0, cut >= 0.0, default_left)
    rule = np.where(nan_left, MISSING_LEFT, 0) | np.where(kind == 1, ZERO_IS_MISSING, 0)
    nothing = np.zeros(leaves)
    # Leaves are written as ~leaf (negative): they follow the inner nodes here, at inner + leaf.
    left, right = (np.where(c >= 0, c, inner + ~c) for c in children)
    return in_order(
        feature=np.concatenate([feature, nothing]),
        threshold=np.concatenate([_around_zero(cut), nothing]),
        left=np.concatenate([left, nothing - 1]),
        right=np.concatenate([right, nothing - 1]),
        rule=np.concatenate([rule, nothing]),
        value=np.concatenate([np.zeros(inner), value]),
        cover=np.concatenate(counts),
        path=path,
    )


def _around_zero(cut: Floats) -> Floats:
    """LightGBM reads row values within 1e-35 of zero as 0.0 (c_api.cpp, rows of a dense matrix): so do these cuts."""
    folded: Floats = np.where(cut >= 0, NEAR_ZERO, np.nextafter(-NEAR_ZERO, -np.inf))
    return np.where(np.abs(cut) <= NEAR_ZERO, folded, cut)


def _stump(value: float, cover: list[float]) -> Tree:
    return in_order(
        feature=[-1], threshold=[0.0], left=[-1], right=[-1], rule=[0], value=[value], cover=cover[:1], path="tree"
    )


def _whole(fields: dict[str, str], name: str, path: str) -> npt.NDArray[np.int64]:
    numbers = np.array(_numbers(fields, name, path))
    if np.any(np.abs(numbers) > _MOST_INDEX):
        raise Invalid("an index is out of range.", path=f"{path}.{name}")
    return numbers.astype(np.int64)


def _numbers(fields: dict[str, str], name: str, path: str) -> list[float]:
    if name not in fields:
        raise Invalid(f"the field {name} is missing.", path=f"{path}.{name}")
    return [_number(word, f"{path}.{name}") for word in fields[name].split()]


def _count(word: Any, path: str) -> int:
    number = _number(word, path)
    if not 0 <= number <= MOST_FEATURES:
        raise Invalid("not a number of columns.", path=path, remedy=f"A model takes at most {MOST_FEATURES}.")
    return int(number)


def _number(word: Any, path: str) -> float:
    try:
        number = float(word)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise Invalid("not a number.", path=path)
    return number


# -------------------------------------------------------------------------------------------- XGBoost JSON and UBJSON

_LOGISTIC = {"binary:logistic", "reg:logistic"}


def read_xgboost(data: bytes) -> Parts:
    """Read `Booster.save_raw('json')` or `('ubj')`; `Invalid` for DART, linear, multiclass and others.

    Rows are rounded to float32 and go left when below the threshold. `base_score` is a probability, since XGBoost 3.1
    written as a list such as `[5E-1]`.
    """
    learner = _member(_document(data), "learner", "model")
    booster = _member(learner, "gradient_booster", "learner")
    name = booster.get("name")
    if name != "gbtree":
        raise Invalid(
            f"booster {name!r} is not supported.",
            path="learner.gradient_booster.name",
            remedy="Retrain with booster='gbtree'; DART drops trees at random and its weights are not plain sums.",
        )
    objective = _member(learner, "objective", "learner").get("name")
    if objective not in _LOGISTIC:
        raise Invalid(
            f"objective {objective!r} does not give a risk.", path="learner.objective.name", remedy="binary:logistic"
        )
    shape = _member(learner, "learner_model_param", "learner")
    if _number(shape.get("num_class", 0), "num_class") > 1 or _number(shape.get("num_target", 1), "num_target") > 1:
        raise Invalid("the model has more than two classes.", path="learner.learner_model_param.num_class")
    trees = _member(_member(booster, "model", "gradient_booster"), "trees", "model", list)
    return Parts(
        trees=[_xgboost_tree(tree, f"trees[{i}]") for i, tree in enumerate(trees)],
        features=_count(shape.get("num_feature"), "num_feature"),
        link="logit",
        intercept=_base_margin(shape.get("base_score")),
    )


def _document(data: bytes) -> dict[str, Any]:
    try:
        # Both formats open with "{"; in UBJSON the next byte is a type or a length marker, in JSON a quote or a space.
        text = data[:1] == b"{" and data[1:2] in b'" \n\r\t'
        document = msgspec.json.decode(data) if text else read_ubjson(data)
    except NOT_JSON as error:
        raise Invalid(f"not an XGBoost model file: {error}.", path="model") from error
    if not isinstance(document, dict):
        raise Invalid("not an XGBoost model file.", path="model", remedy="Save it with Booster.save_raw('json').")
    return document


def _member(parent: dict[str, Any], name: str, path: str, kind: type = dict) -> Any:
    child = parent.get(name)
    if not isinstance(child, kind):
        raise Invalid(f"the field {name} is missing or of the wrong kind.", path=f"{path}.{name}")
    return child


def _base_margin(base_score: Any) -> float:
    word = base_score.strip("[] ") if isinstance(base_score, str) else base_score
    chance = float(np.float32(_number(word, "base_score")))
    if not 0.0 < chance < 1.0:
        raise Invalid("base_score must be a probability.", path="learner.learner_model_param.base_score")
    return math.log(chance / (1.0 - chance))


_COLUMNS = ("split_indices", "split_conditions", "left_children", "right_children", "default_left", "sum_hessian")


def _xgboost_tree(tree: Any, path: str) -> Tree:
    if not isinstance(tree, dict):
        raise Invalid("a tree must be an object.", path=path)
    if any(_column(tree, "split_type", path)) or tree.get("categories_nodes"):
        raise Invalid("the tree has categorical splits.", path=f"{path}.split_type", remedy=_ONE_HOT)
    feature, condition, left, right, default_left, hessian = (_column(tree, name, path) for name in _COLUMNS)
    # A leaf keeps its value where an inner node keeps its threshold.
    value = np.array(condition, dtype=np.float32).astype(np.float64)
    return in_order(
        feature=feature,
        threshold=float32_cut(value, strict=True),
        left=left,
        right=right,
        rule=np.where(np.array(default_left, dtype=bool), MISSING_LEFT, 0),
        value=value,
        cover=np.array(hessian, dtype=np.float32),
        path=path,
    )


def _column(tree: dict[str, Any], name: str, path: str) -> list[float]:
    values = tree.get(name)
    if not isinstance(values, list) or not all(isinstance(v, int | float) and abs(v) <= _MOST for v in values):
        raise Invalid("a list of finite numbers is missing here.", path=f"{path}.{name}")
    return values


_MOST = float(np.finfo(np.float32).max)
