"""From another library's node tables to ours: same answers, our numbering and our one comparison."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid
from bedrail.models.tree_plan import HUGE, Floats, Tree


def in_order(
    *,
    feature: npt.ArrayLike,
    threshold: npt.ArrayLike,
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    rule: npt.ArrayLike,
    value: npt.ArrayLike,
    cover: npt.ArrayLike,
    path: str,
) -> Tree:
    """The nodes reachable from node 0, renumbered so that parents stand first; leaves are nodes with left < 0.

    Nodes that nothing points to (pruned ones) are dropped. Thresholds of plus or minus infinity become the largest
    finite numbers: the same for every finite row. Raises `Invalid` for cycles, shared children and wild indices.
    """
    lefts, rights = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
    columns = [np.asarray(c) for c in (feature, threshold, rule, value, cover)]
    size = lefts.shape[0]
    if size == 0 or rights.shape != (size,) or any(c.shape != (size,) for c in columns):
        raise Invalid("a tree's columns must be equally long and not empty.", path=path)
    order = _preorder(lefts.tolist(), rights.tolist(), path)
    place = np.full(size + 1, -1, dtype=np.int32)
    place[order] = np.arange(len(order))
    leaf = lefts[order] < 0
    asked, cut, rules, values, covers = (c[order] for c in columns)
    return Tree(
        feature=np.where(leaf, -1, asked).astype(np.int32),
        threshold=np.clip(np.where(leaf, 0.0, cut), -HUGE, HUGE),
        left=np.where(leaf, -1, place[np.where(leaf, size, lefts[order])]).astype(np.int32),
        right=np.where(leaf, -1, place[np.where(leaf, size, rights[order])]).astype(np.int32),
        rule=np.where(leaf, 0, rules).astype(np.uint8),
        value=np.where(leaf, values, 0.0).astype(np.float64),
        cover=covers.astype(np.float64),
    )


def _preorder(left: list[int], right: list[int], path: str) -> list[int]:
    order: list[int] = []
    seen = bytearray(len(left))
    stack = [0]
    while stack:
        node = stack.pop()
        if not 0 <= node < len(left) or seen[node]:
            raise Invalid("the children do not form a tree.", path=path)
        seen[node] = 1
        order.append(node)
        if left[node] >= 0:
            stack += (right[node], left[node])
    return order


def float32_cut(threshold: npt.ArrayLike, *, strict: bool) -> Floats:
    """Thresholds t' such that `x <= t'` in float64 answers as `float32(x) < t` (strict) or `float32(x) <= t` does.

    XGBoost and scikit-learn's trees round rows to float32 before comparing. Rounding is monotone, so a float32
    comparison is a float64 one at the middle between two neighbouring float32 numbers; a row exactly in the middle
    rounds to the neighbour with an even last bit (IEEE 754-2019, 4.3.1).
    """
    cut = np.asarray(threshold, dtype=np.float64)
    near = np.clip(cut, -np.finfo(np.float32).max, np.finfo(np.float32).max).astype(np.float32)
    too_high = (near >= cut) if strict else (near > cut)
    with np.errstate(over="ignore"):  # the neighbours of the largest float32 numbers are the infinities
        below = np.where(too_high, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
        above = np.nextafter(below, np.float32(np.inf))
    # For rounding, infinity stands where the next number would: at 2 ** 128.
    low, high = (np.clip(side.astype(np.float64), -(2.0**128), 2.0**128) for side in (below, above))
    middle = (low + high) / 2
    even = (below.view(np.uint32) & 1) == 0
    moved: Floats = np.where(even, middle, np.nextafter(middle, -np.inf))
    return np.where(np.isinf(cut), cut, moved)
