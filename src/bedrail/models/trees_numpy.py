"""Tree margins and exact Tree SHAP in numpy: what serves where the compiled kernel is absent, and its test oracle.

Path-dependent Tree SHAP (Lundberg et al., "From local explanations to global understanding with explainable AI for
trees", Nature Machine Intelligence 2020, algorithm 1) asks, for every leaf, the Shapley values of the product game

    v(S) = value * prod_j (o_j if j in S else z_j)

where j runs over the distinct features of the leaf's path, o_j is 1 when the row passes all of the path's splits on j,
and z_j is the product of their cover shares. The multilinear extension of a game turns each Shapley value into an
integral (Owen, "Multilinear extensions of games", Management Science 1972):

    phi_i = value * (o_i - z_i) * integral over t in [0, 1] of prod_{j != i} ((1 - t) z_j + t o_j)

a polynomial of degree D - 1 in t, so Gauss-Legendre quadrature with ceil(D / 2) nodes is exact. Leaves share their
paths, so the sum over leaves is folded at the inner nodes. With P the product of factors from the root to a node, R
the value-weighted sum of products below it, c whether the row goes left, r the left share of cover, and, for a feature
asked before on this path, o', z' its state there and f' = (1 - t) z' + t o' (1, 1 and 1 for a new feature):

    g     = ((1 - t) z' r + t o' c) / f'                    factor of the left edge; 1 - g of the right one
    R     = R_right + g * (R_left - R_right)
    phi_i += integral of o' z' (c - r) / f'^2 * P * (R_left - R_right)

The last line is the difference that this split makes to feature i: the two children's terms are equal and opposite.
No factor is divided out, so covers of zero need no guard. One pass down, one up: O(nodes * D) a row.
"""

from __future__ import annotations

import numpy as np

from bedrail.models.tree_plan import MISSING_LEFT, NEAR_ZERO, ZERO_IS_MISSING, Floats, Plan, quadrature

_CHUNK_NUMBERS = 1 << 20


def goes_left(plan: Plan, X: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """(n, M): whether each row goes left at each inner node, were it to come there."""
    x = X[:, plan.feature]
    missing = np.isnan(x) | (((plan.rule & ZERO_IS_MISSING) > 0) & (np.abs(x) <= NEAR_ZERO))
    return np.where(missing, (plan.rule & MISSING_LEFT) > 0, x <= plan.threshold)


def leaf_values(plan: Plan, X: Floats) -> Floats:
    """(n, T): the value of the leaf that each row reaches in each tree."""
    inner = plan.feature.shape[0]
    left = goes_left(plan, X)
    at = np.broadcast_to(plan.starts[:-1], (X.shape[0], plan.starts.shape[0] - 1)).copy()
    rows = np.arange(X.shape[0])[:, None]
    while (walking := at < inner).any():
        here = np.where(walking, at, 0)
        step = np.where(left[rows, here], plan.left[here], plan.right[here])
        at = np.where(walking, step, at)
    reached: Floats = plan.leaves[at - inner]
    return reached


class Walker:
    """Margins of the trees of one plan: their leaf values added to the intercept, tree after tree."""

    def __init__(self, plan: Plan, intercept: float) -> None:
        self.plan = plan
        self.intercept = intercept

    def margin(self, row: Floats) -> float:
        """One (k,) row to its margin."""
        out = np.empty(1)
        self.margins(row[None, :], out)
        return float(out[0])

    def margins(self, rows: Floats, out: Floats) -> None:
        """Fill `out` (n,) with the margins of `rows` (n, k)."""
        values = leaf_values(self.plan, rows)
        values[:, 0] += self.intercept
        out[:] = np.cumsum(values, axis=1)[:, -1]  # in order, as the original libraries add


class Shap:
    """Exact Tree SHAP values of the trees of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def add(self, rows: Floats, out: Floats) -> None:
        """Add the SHAP values of `rows` (n, k), or of one row (k,), to `out` of the same shape."""
        plan, X, to = self.plan, np.atleast_2d(rows), np.atleast_2d(out)
        slots = plan.feature.shape[0] + plan.leaves.shape[0]
        step = max(1, _CHUNK_NUMBERS // (slots * plan.lanes))
        for start in range(0, X.shape[0], step):
            _add_chunk(plan, X[start : start + step], to[start : start + step])


def _add_chunk(plan: Plan, X: Floats, out: Floats) -> None:
    n, inner, lanes = X.shape[0], plan.feature.shape[0], plan.lanes
    t, w = quadrature(lanes)
    left = goes_left(plan, X)
    levels = [np.flatnonzero(plan.depth == d) for d in range(int(plan.depth.max()) + 1)]
    passed = np.ones((n, 2 * inner + 1), dtype=bool)  # the last column is the edge "none", index -1
    P = np.ones((n, inner + plan.leaves.shape[0], lanes))
    g = np.empty((n, inner, lanes))
    inverse = 1.0 / (plan.reach[:, None] * (1 - t) + t)
    for nodes in levels:
        alive = passed[:, plan.above[nodes]]
        goes = left[:, nodes]
        passed[:, 2 * nodes] = alive & goes
        passed[:, 2 * nodes + 1] = alive & ~goes
        share = plan.share[nodes]
        fresh = ((1 - t) * (plan.reach[nodes] * share)[:, None] + t * goes[:, :, None]) * inverse[nodes]
        g[:, nodes] = np.where(alive[:, :, None], fresh, share[:, None])
        P[:, plan.left[nodes]] = P[:, nodes] * g[:, nodes]
        P[:, plan.right[nodes]] = P[:, nodes] * (1 - g[:, nodes])
    R = np.empty_like(P)
    R[:, inner:] = plan.leaves[:, None]
    for nodes in reversed(levels):
        gap = R[:, plan.left[nodes]] - R[:, plan.right[nodes]]
        R[:, nodes] = R[:, plan.right[nodes]] + g[:, nodes] * gap
        change = np.where(passed[:, plan.above[nodes]], plan.reach[nodes] * (left[:, nodes] - plan.share[nodes]), 0.0)
        phi = change * ((P[:, nodes] * gap * inverse[nodes] ** 2) @ w)
        np.add.at(out.T, plan.feature[nodes], phi.T)
