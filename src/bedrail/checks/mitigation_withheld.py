"""What a comparison of two versions may not tell of a group, so that nobody counts few patients from its lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bedrail.checks.equity.suppression import protect
from bedrail.checks.values import Bools, Floats, Ints

OF_ALERTS = ("alert-rate",)
"""Measures that tell of alerts alone. Every other one tells of cases too: rates, numbers of rows, or their cost."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """(groups + 1,) each group and, last, everybody: of whom nothing is told, and of whom nothing that tells of cases.

    `unlisted` are groups under `least` patients. What is hidden of alerts is hidden of cases, too.
    """

    unlisted: Bools
    everything: Bools
    cases: Bools

    def hides(self, measure: str, at: int) -> bool:
        """Whether this measure of group `at` (-1: everybody) is withheld."""
        return bool(self.everything[at] or (measure not in OF_ALERTS and self.cases[at]))


def withheld(
    outcome: Floats, before: Bools, after: Bools, group: Ints, clusters: Ints | None, groups: int, least: int
) -> Withheld:
    """Which figures of which of `groups` would count fewer than `least` patients with something, or without it.

    Rate times number gives a count, so a group with few (or all but few) alerts of a version tells nothing, and one
    with few cases or controls only its alerts. Groups add up to everybody: where one is withheld, or some that are
    together too few, the next smallest is withheld with them (complementary suppression, Cox 1980; `protect`). Rows
    without a group (`group` < 0) are one more part of that sum. Bounds are not audited.
    """
    place = np.where(group < 0, groups, group)
    everyone = np.ones(len(outcome), dtype=bool)
    sizes = _people(everyone, place, clusters, groups)
    alerts = np.min([_people(side, place, clusters, groups) for each in (before, after) for side in (each, ~each)], 0)
    cases = np.min([_people(side, place, clusters, groups) for side in (outcome > 0, outcome <= 0)], 0)
    parts = tuple(range(groups)) + ((groups,) if (group < 0).any() else ())
    sums = ((parts, -1),)
    few = sizes < least
    hide_all = few
    told = []
    for values in (sizes, alerts, cases):
        hide_all = hide_all | (values < least)
        hidden = protect(sums, values[:-1], hide_all[:-1], least)
        hide_all = np.append(hidden, hide_all[-1])
        told.append(_without_unknown(hide_all))
    return Withheld(_without_unknown(few), told[1], told[2])


def _without_unknown(cells: Bools) -> Bools:
    """(groups + 1,) of (groups + 2,): rows without a group have no line."""
    return np.delete(cells, -2)


def _people(rows: Bools, place: Ints, clusters: Ints | None, groups: int) -> Floats:
    """(groups + 2,) patients with such a row: in each group, without a group, and in all."""
    if clusters is None:
        counts = np.bincount(place[rows], minlength=groups + 1)
        return np.append(counts, counts.sum()).astype(np.float64)
    pairs = np.unique(np.column_stack((place[rows], clusters[rows])), axis=0)
    counts = np.bincount(pairs[:, 0], minlength=groups + 1)
    return np.append(counts, len(np.unique(clusters[rows]))).astype(np.float64)
