"""Weighted counts of ordered pairs in O(n log^2 n), the work behind every concordance."""

from __future__ import annotations

import numpy as np

from bedrail.checks.columns import Floats, Ints


def ordered_pairs(first: Floats, score: Floats, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Pairs (i, j) with `first[i] < first[j]` strictly, weighed by u[i] * v[j], that `score` ranks i above j.

    Equal scores count half. Returns (ahead (n,), behind (n,)): `ahead[i]` is the sum over j of v[j] h(i, j),
    `behind[j]` the sum over i of u[i] h(i, j). So sum(u * ahead) = sum(v * behind) is the weighted
    number of concordant pairs, with higher scores for those who come first.
    """
    n = len(first)
    rank = np.unique(score, return_inverse=True)[1].astype(np.int64)
    # Within equal `first` lower scores stand left, so that a left row is never strictly above a right one of its tie.
    order = np.lexsort((rank, first))
    placed, left, right = rank[order], u[order], v[order]
    ahead, behind = np.zeros(n), np.zeros(n)
    width = int(rank.max(initial=0)) + 1
    place = np.arange(n)
    size = 1
    while size < n:
        block = place // (2 * size)
        is_right = (place // size) % 2 == 1
        key = block * width + placed
        lower, upper = np.flatnonzero(~is_right), np.flatnonzero(is_right)
        lower = lower[np.argsort(key[lower], kind="stable")]
        upper = upper[np.argsort(key[upper], kind="stable")]
        sums = np.concatenate(([0.0], np.cumsum(right[upper])))
        start = np.searchsorted(key[upper], block[lower] * width, side="left")
        below = np.searchsorted(key[upper], key[lower], side="left")
        ahead[order[lower]] += sums[below] - sums[start]
        sums = np.concatenate(([0.0], np.cumsum(left[lower])))
        stop = np.searchsorted(key[lower], (block[upper] + 1) * width, side="left")
        above = np.searchsorted(key[lower], key[upper], side="right")
        behind[order[upper]] += sums[stop] - sums[above]
        size *= 2
    tied_ahead, tied_behind = _tied(first, rank, u, v)
    return ahead + tied_ahead / 2, behind + tied_behind / 2


def _tied(first: Floats, rank: Ints, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """For equal scores: (sum of v over those later, sum of u over those earlier), strictly in `first`."""
    when = np.unique(first, return_inverse=True)[1].astype(np.int64)
    return later(rank, when, v), earlier(rank, when, u)


def later(group: Ints, when: Ints, weight: Floats) -> Floats:
    """(n,) sums of `weight` over rows of the same `group` whose `when` is strictly greater."""
    width = int(when.max(initial=0)) + 1
    key = group * width + when
    order = np.argsort(key, kind="stable")
    sums = np.concatenate(([0.0], np.cumsum(weight[order])))
    ordered = key[order]
    stop = np.searchsorted(ordered, (group + 1) * width, side="left")
    mine = np.searchsorted(ordered, key, side="right")
    return np.asarray(sums[stop] - sums[mine])


def earlier(group: Ints, when: Ints, weight: Floats) -> Floats:
    """(n,) sums of `weight` over rows of the same `group` whose `when` is strictly smaller."""
    return later(group, when.max(initial=0) - when, weight)


def pair_weights(first: Floats, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """As `ordered_pairs` with every pair counting one: (sum of v over those later, sum of u over those earlier)."""
    when = np.unique(first, return_inverse=True)[1].astype(np.int64)
    nobody = np.zeros(len(first), dtype=np.int64)
    return later(nobody, when, v), earlier(nobody, when, u)
