"""What a class of rows gives away about a sensitive column: every l, t and their kin, for all classes at once.

The input is sparse: for each class only the sensitive values that occur in it, so a million rows of any number of
values cost a few passes. Formulas: l-diversity (distinct, entropy, recursive) Machanavajjhala et al. 2007; (alpha,
k)-anonymity Wong et al. 2006; t-closeness (equal, ordered and hierarchical distance) Li, Li and Venkatasubramanian
2007; delta-disclosure Brickell and Shmatikov 2008; basic and enhanced beta-likeness Cao and Karras 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedrail.privacy.release.tally import Floats, Ints, starts


@dataclass(frozen=True, slots=True)
class Inside:
    """Classes and the sensitive values in them: entry i says that class `owner[i]` has `counts[i]` rows of `value[i]`.

    Entries are in order of owner, then value, and none repeats. `first` is where each class begins; `share` each
    entry's part of its class, `whole` each value's part of the table (all rows, by value).
    """

    owner: Ints
    value: Ints
    counts: Ints
    first: Ints
    sizes: Ints
    share: Floats
    whole: Floats


def inside(owner: Ints, value: Ints, counts: Ints, whole: Floats) -> Inside:
    """Entries (owner ascending, 0.. without gaps) as `Inside`; entries of one class and value are joined."""
    keys = owner * len(whole) + value
    if (keys[1:] <= keys[:-1]).any():
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        at = starts(keys)
        counts = np.add.reduceat(counts, at)
        owner, value = np.divmod(keys[at], len(whole))
    first = starts(owner)
    sizes = np.add.reduceat(counts, first) if len(first) else counts
    share = counts / sizes[owner] if len(owner) else counts.astype(float)
    return Inside(owner=owner, value=value, counts=counts, first=first, sizes=sizes, share=share, whole=whole)


def _sum(within: Inside, entries: Floats) -> Floats:
    return np.add.reduceat(entries, within.first) if len(within.first) else np.zeros(0)


def distinct(within: Inside) -> Ints:
    """How many different values each class holds."""
    return np.diff(within.first, append=len(within.owner))


def entropy(within: Inside) -> Floats:
    """The effective number of values of each class: exp of the entropy; entropy l-diversity asks for at least l."""
    return np.exp(-_sum(within, within.share * np.log(within.share)))


def most_common(within: Inside) -> Floats:
    """The share of the commonest value in each class: the alpha of (alpha, k)-anonymity; 1 gives everybody away."""
    return np.maximum.reduceat(within.share, within.first) if len(within.first) else np.zeros(0)


def recursive(within: Inside, level: int) -> Floats:
    """The smallest c for which each class is recursively (c, l)-diverse is just above this: r1 / (r_l + ... + r_m).

    Infinite for a class of fewer than l values.
    """
    order = np.lexsort((-within.counts, within.owner))
    ranked = within.counts[order].astype(float)
    rank = np.arange(len(ranked)) - within.first[within.owner]
    tail = _sum(within, np.where(rank >= level - 1, ranked, 0.0))
    top = ranked[within.first] if len(within.first) else np.zeros(0)
    with np.errstate(divide="ignore"):
        return np.where(tail > 0, top / np.where(tail > 0, tail, 1.0), np.inf)


def closeness_equal(within: Inside) -> Floats:
    """The variational distance of each class from the table: every value as far from every other."""
    expected = within.whole[within.value]
    return 0.5 * (_sum(within, np.abs(within.share - expected) - expected) + 1.0)


def closeness_ordered(within: Inside) -> Floats:
    """The earth mover's distance of each class from the table when values are places 0 .. m-1 on a line of length 1."""
    values = len(within.whole)
    if values < 2:
        return np.zeros(len(within.first))
    table = np.cumsum(within.whole)
    table[-1] = 1.0
    sums = np.concatenate(([0.0], np.cumsum(table)))
    upto = np.cumsum(within.share)
    before = np.concatenate(([0.0], upto))[within.first]
    upto = np.clip(upto - before[within.owner], 0.0, 1.0)
    following = np.append(within.value[1:], values)
    last = np.append(within.first[1:], len(within.owner)) - 1
    following[last] = values
    upto[last] = 1.0
    moved = _gap(table, sums, upto, within.value, following)
    ahead = np.asarray(sums[within.value[within.first]])  # before its first value a class has moved nothing
    return np.asarray((_sum(within, moved) + ahead) / (values - 1))


def _gap(table: Floats, sums: Floats, height: Floats, low: Ints, high: Ints) -> Floats:
    """Sum of |height - table[i]| over low <= i < high; the table ascends, so it crosses a height once."""
    cross = np.clip(np.searchsorted(table, height), low, high)
    under = height * (cross - low) - (sums[cross] - sums[low])
    over = (sums[high] - sums[cross]) - height * (high - cross)
    return np.asarray(under + over)


def closeness_tree(within: Inside, groups: Sequence[Ints]) -> Floats:
    """The hierarchical earth mover's distance: groups[level] maps values to the nodes of a tree, from leaves to root.

    The cost of moving between two values is the height of their lowest common ancestor over the height of the tree.
    """
    height = len(groups) - 1
    total = np.zeros(len(within.first))
    if height < 1:
        return total
    owner, node = within.owner, groups[0][within.value]
    share, expected = within.share, np.bincount(groups[0], within.whole)
    for level in range(1, height + 1):
        extra = share - expected[node]
        up = np.zeros(int(groups[level - 1].max()) + 1, dtype=np.int64)
        up[groups[level - 1]] = groups[level]
        parent = up[node]
        order = np.lexsort((parent, owner))
        owner, parent, extra, share = owner[order], parent[order], extra[order], share[order]
        at = starts(owner * (int(parent.max()) + 1) + parent)
        gained = np.add.reduceat(np.maximum(extra, 0.0), at)
        expected = np.bincount(groups[level], within.whole)
        share = np.add.reduceat(share, at)
        owner, node = owner[at], parent[at]
        lost = gained - (share - expected[node])  # children without rows only lack
        total += np.bincount(owner, np.minimum(gained, lost), minlength=len(total)) * (level / height)
    return total


def likeness(within: Inside) -> Floats:
    """Basic beta: by how much, relative to the table, a value is more likely in each class, at most."""
    expected = within.whole[within.value]
    gain = np.maximum((within.share - expected) / expected, 0.0)
    return np.maximum.reduceat(gain, within.first) if len(within.first) else np.zeros(0)


def enhanced_likeness(within: Inside) -> Floats:
    """Enhanced beta of each class: the basic gain of each value, but never above -ln of its share of the table."""
    expected = within.whole[within.value]
    gain = np.minimum(np.maximum((within.share - expected) / expected, 0.0), -np.log(expected))
    return np.maximum.reduceat(gain, within.first) if len(within.first) else np.zeros(0)


def disclosure(within: Inside, values: int) -> Floats:
    """Delta-disclosure of each class: the largest |ln(share in the class / share in the table)|; infinite when a value
    of the table is absent."""
    ratio = np.abs(np.log(within.share / within.whole[within.value]))
    worst = np.maximum.reduceat(ratio, within.first) if len(within.first) else np.zeros(0)
    return np.where(distinct(within) < values, np.inf, worst)
