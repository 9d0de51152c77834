"""Trees as plain arrays: checked strictly, then laid out for prediction and exact Tree SHAP."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

MISSING_LEFT = 1
ZERO_IS_MISSING = 2
MOST_NODES = 5_000_000
NEAR_ZERO = float(np.float32(1e-35))
"""LightGBM's kZeroThreshold (include/LightGBM/meta.h): what `zero_as_missing` takes for zero."""
HUGE = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as columns over its nodes; node 0 is the root and every child stands after its parent.

    `feature` is -1 at leaves. A row goes left when `x <= threshold`; `rule` has `MISSING_LEFT` when NaN goes left and
    `ZERO_IS_MISSING` when values within 1e-35 of zero go the way of NaN. `value` counts at leaves only; `cover` is the
    training weight that reached the node.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    rule: Bytes
    value: Floats
    cover: Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """Inner nodes of many trees, tree after tree, parents first, with what Tree SHAP needs at each.

    Slots number inner nodes 0..M-1 and then leaves M..M+L-1. `share` is the part of a node's cover that goes left.
    For a node whose feature was already asked above it, `above` names that edge (2 * node + side, side 1 is right;
    -1 for none) and `reach` is the product of that feature's cover shares down to it (1 for none).
    """

    lanes: int
    starts: Ints
    feature: Ints
    threshold: Floats
    rule: Bytes
    left: Ints
    right: Ints
    share: Floats
    above: Ints
    reach: Floats
    depth: Ints
    leaves: Floats


def check_tree(tree: Tree, features: int, path: str) -> None:
    """Refuse (`Invalid`) anything but one finite, acyclic, complete binary tree over `features` columns."""
    size = tree.feature.shape[0]
    columns = (tree.threshold, tree.left, tree.right, tree.rule, tree.value, tree.cover)
    if size == 0 or size > MOST_NODES or any(c.shape != (size,) for c in columns):
        raise Invalid("a tree's columns must be equally long and not empty.", path=path)
    if tree.feature.min() < -1 or tree.feature.max() >= features:
        raise Invalid(f"a split asks a feature outside 0..{features - 1}.", path=f"{path}.feature")
    inner = tree.feature >= 0
    index = np.arange(size)
    for name, child in (("left", tree.left), ("right", tree.right)):
        if np.any(child[~inner] != -1):
            raise Invalid("a leaf must have no children (-1).", path=f"{path}.{name}")
        if np.any((child[inner] <= index[inner]) | (child[inner] >= size)):
            raise Invalid("a child must stand after its parent and inside the tree.", path=f"{path}.{name}")
    parents = np.bincount(np.concatenate([tree.left[inner], tree.right[inner]]), minlength=size)
    if np.any(parents[1:] != 1):
        raise Invalid("every node but the root must have exactly one parent.", path=path)
    for name, column in (("threshold", tree.threshold), ("value", tree.value), ("cover", tree.cover)):
        if not np.isfinite(column).all():
            raise Invalid("every number must be finite.", path=f"{path}.{name}")
    if tree.cover.min() < 0:
        raise Invalid("a cover cannot be negative.", path=f"{path}.cover")
    if tree.rule.max() > MISSING_LEFT | ZERO_IS_MISSING:
        raise Invalid("a missing rule is 0, 1, 2 or 3.", path=f"{path}.rule")


def lanes_for(distinct: int) -> int:
    """Quadrature nodes kept for paths of up to `distinct` features: ceil(distinct / 2), padded to the SIMD width."""
    needed = max(1, (distinct + 1) // 2)
    return 4 if needed <= 4 else -(-needed // 8) * 8


@cache
def quadrature(lanes: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on [0, 1]; `lanes` nodes integrate degree 2 * lanes - 1 exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(lanes)
    found = (nodes + 1) / 2, weights / 2
    for each in found:  # kept for all models
        each.flags.writeable = False
    return found


@dataclass(slots=True)
class _Walk:
    """One tree walked from the root: inner nodes level by level, each with the last split on its feature above it.

    Nodes whose children are both leaves stand last: the compiled kernel needs one pass over them only.
    """

    order: list[int]
    above: list[int]
    reach: list[float]
    depth: list[int]
    distinct: int

    def add(self, node: int, depth: int, edge: int, reach: float) -> None:
        self.order.append(node)
        self.depth.append(depth)
        self.above.append(edge)
        self.reach.append(reach)


def _walk(tree: Tree, share: Floats) -> _Walk:
    walk = _Walk([], [], [], [], 0)
    feature, left, right, part = (a.tolist() for a in (tree.feature, tree.left, tree.right, share))
    # The second item maps each feature asked so far on the path to (edge, reach of that edge).
    last: list[tuple[int, int, int, float]] = []
    waiting: deque[tuple[int, int, dict[int, tuple[int, float]]]] = deque([(0, 0, {})])
    while waiting:
        node, depth, asked = waiting.popleft()
        if feature[node] < 0:
            walk.distinct = max(walk.distinct, len(asked))
            continue
        edge, reach = asked.get(feature[node], (-1, 1.0))
        place = len(walk.order)
        if feature[left[node]] < 0 and feature[right[node]] < 0:
            last.append((node, depth, edge, reach))
        else:
            walk.add(node, depth, edge, reach)
        to_right = asked | {feature[node]: (2 * place + 1, reach * (1.0 - part[node]))}
        to_left = asked | {feature[node]: (2 * place, reach * part[node])}
        waiting.append((left[node], depth + 1, to_left))
        waiting.append((right[node], depth + 1, to_right))
    for entry in last:
        walk.add(*entry)
    return walk


def left_share(tree: Tree) -> Floats:
    """The part of each inner node's cover that goes left; one half where no training row came by; 0 at leaves."""
    share = np.zeros(tree.feature.shape[0])
    inner = tree.feature >= 0
    to_left, to_right = tree.cover[tree.left[inner]], tree.cover[tree.right[inner]]
    both = to_left + to_right
    share[inner] = np.divide(to_left, both, out=np.full_like(both, 0.5), where=both > 0)
    return share


def plans(trees: Sequence[Tree]) -> tuple[Plan | None, tuple[Plan, ...]]:
    """One plan of all trees in their order, for margins, and one per number of quadrature nodes needed, for SHAP.

    Trees that do not split are left out; where none does there is no plan.
    """
    groups: dict[int, list[tuple[Tree, Floats, _Walk]]] = {}
    everything = []
    for tree in trees:
        if tree.feature[0] < 0:
            continue
        share = left_share(tree)
        walk = _walk(tree, share)
        everything.append((tree, share, walk))
        groups.setdefault(lanes_for(walk.distinct), []).append(everything[-1])
    whole = _plan(0, everything) if everything else None
    return whole, tuple(_plan(lanes, group) for lanes, group in sorted(groups.items()))


def _plan(lanes: int, group: list[tuple[Tree, Floats, _Walk]]) -> Plan:
    starts = np.concatenate([[0], np.cumsum([len(walk.order) for _, _, walk in group])]).astype(np.int32)
    inner_total = int(starts[-1])
    leaf_start = inner_total
    columns: dict[str, list[npt.NDArray[np.generic]]] = {}
    for start, (tree, share, walk) in zip(starts[:-1], group, strict=True):
        order = np.array(walk.order)
        children = np.column_stack([tree.left[order], tree.right[order]]).ravel()
        leaf = children[tree.feature[children] < 0]  # in the order of their parents
        slot = np.empty(tree.feature.shape[0], dtype=np.int32)
        slot[order] = start + np.arange(order.shape[0])
        slot[leaf] = leaf_start + np.arange(leaf.shape[0])
        leaf_start += leaf.shape[0]
        above = np.array(walk.above)
        parts: dict[str, npt.NDArray[np.generic]] = {
            "feature": tree.feature[order],
            "threshold": tree.threshold[order],
            "rule": tree.rule[order],
            "left": slot[tree.left[order]],
            "right": slot[tree.right[order]],
            "share": share[order],
            "above": np.where(above < 0, -1, above + 2 * start).astype(np.int32),
            "reach": np.array(walk.reach),
            "depth": np.array(walk.depth, dtype=np.int32),
            "leaves": tree.value[leaf],
        }
        for name, part in parts.items():
            columns.setdefault(name, []).append(part)
    joined = {name: np.ascontiguousarray(np.concatenate(c)) for name, c in columns.items()}
    return Plan(lanes=lanes, starts=starts, **joined)
