"""Small cells are not shown, nor can they be worked out from what is: complementary suppression of findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from bedrail.checks.equity.tallies import Pairs, families, levels_of
from bedrail.checks.values import Bools, Cohort, Floats, Ints, Requirements
from bedrail.core.values import Finding

SIDES: dict[str, str] = {
    "sensitivity": "outcome",
    "specificity": "outcome",
    "observed-to-expected": "outcome",
    "calibration": "outcome",
    "prevalence": "outcome",
    "missed": "outcome",
    "ppv": "alert",
    "npv": "alert",
    "alert-rate": "alert",
    "false-alerts": "alert",
    "total": "alert",
}
"""Which division of a group a measure tells of: with and without the outcome, or with and without an alert.

What is not listed tells only how large a group is."""
WITHHELD = (
    "The figures are withheld, so that a smaller group cannot be worked out from them; the verdict was reached "
    "with them."
)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Names of groups whose size, division by outcome, or division by alert may not be told."""

    sizes: frozenset[str]
    outcome: frozenset[str]
    alert: frozenset[str]
    columns: frozenset[str]

    def covers(self, finding: Finding) -> bool:
        """Whether the figures of this finding would tell what may not be told."""
        if finding.group in self.sizes:
            return True
        side = SIDES.get(finding.check.rpartition(".")[2])
        return side is not None and finding.group in (self.outcome if side == "outcome" else self.alert)


@dataclass(frozen=True, slots=True)
class Layout:
    """All groups of all columns and intersections as cells of one system of sums.

    `names` (cells,), `patients` (cells,), `counts` (cells, 4) as in `Tally`; `sums` are (members, whole): the cells
    `members` add up to cell `whole`, or to the cohort's own total where it is -1.
    """

    names: tuple[str, ...]
    patients: Floats
    counts: Floats
    sums: tuple[tuple[tuple[int, ...], int], ...]


def layout(cohort: Cohort) -> Layout:
    """Count every group and say which groups add up to which."""
    names: list[str] = []
    patients, counts = [], []
    sums: list[tuple[tuple[int, ...], int]] = []
    start: dict[tuple[str, ...], int] = {}
    digits: dict[tuple[str, ...], Ints] = {}
    state = 2 * cohort.outcome.astype(np.int64) + cohort.alert
    for columns in sorted(families(cohort), key=len):
        found = levels_of(cohort, columns)
        g = len(found.names)
        start[columns], digits[columns] = len(names), found.digits
        names += found.names
        table = np.bincount(found.codes * 4 + state, minlength=4 * g).reshape(g, 4).astype(np.float64)
        counts.append(table)
        here = table.sum(axis=1)
        if cohort.clusters is not None:
            here = Pairs.of(found.codes, cohort, g).patients(g).astype(np.float64)
        patients.append(here)
        sums.append((tuple(range(start[columns], len(names))), -1))
        for inner in start:
            if inner != columns and set(inner) < set(columns):
                sums += _margins(columns, inner, start, digits)
    if not names:
        return Layout((), np.zeros(0), np.zeros((0, 4)), ())
    return Layout(tuple(names), np.concatenate(patients), np.concatenate(counts), tuple(sums))


def _margins(
    columns: tuple[str, ...],
    inner: tuple[str, ...],
    start: dict[tuple[str, ...], int],
    digits: dict[tuple[str, ...], Ints],
) -> list[tuple[tuple[int, ...], int]]:
    """Cells of `columns` that add up to each cell of the columns `inner` among them."""
    places = [columns.index(column) for column in inner]
    whole_of = {tuple(row): start[inner] + at for at, row in enumerate(digits[inner].tolist())}
    members: dict[int, list[int]] = {}
    for at, row in enumerate(digits[columns].tolist()):
        members.setdefault(whole_of[tuple(row[place] for place in places)], []).append(start[columns] + at)
    return [(tuple(cells), whole) for whole, cells in members.items()]


def hidden(cohort: Cohort, requirements: Requirements) -> Hidden:
    """What may not be told: groups under `min_group`, and as many more as keep anybody from working them out.

    A sum of which one part is hidden gives that part away, and so do parts that together are under `min_group`; the
    next smallest part is then hidden too (complementary suppression, Cox 1980). What is left is audited: no hidden
    count may be determined by the published ones, as a linear system (its null space must move every hidden count).
    Bounds are not audited: a hidden count may still be known to lie between limits.
    """
    cells, least = layout(cohort), requirements.min_group
    if not cells.names:
        return Hidden(frozenset(), frozenset(), frozenset(), frozenset())
    sizes = protect(cells.sums, cells.patients, cells.patients < least, least)
    with_outcome, alerts = cells.counts[:, 2:].sum(axis=1), cells.counts[:, 1] + cells.counts[:, 3]
    rows = cells.counts.sum(axis=1)
    told: list[frozenset[str]] = [_named(cells, sizes)]
    for part in (with_outcome, alerts):
        smaller = np.minimum(part, rows - part)
        told.append(_named(cells, protect(cells.sums, smaller, sizes | (smaller < least), least)))
    columns = frozenset(_column(name) for names in told for name in names)
    return Hidden(sizes=told[0], outcome=told[1], alert=told[2], columns=columns)


def _named(cells: Layout, which: Bools) -> frozenset[str]:
    return frozenset(name for name, yes in zip(cells.names, which, strict=True) if yes)


def _column(name: str) -> str:
    return " & ".join(part.partition("=")[0] + "=*" for part in name.split(" & "))


Sums = tuple[tuple[tuple[int, ...], int], ...]
"""(members, whole) as in `Layout`."""


def protect(sums: Sums, values: Floats, primary: Bools, least: int) -> Bools:
    """(cells,) the primary suppressions and their complements: what else is not told, so that `sums` give none away.

    `values` (cells,) are what the hidden cells of a sum must together have `least` of.
    """
    hide = primary.copy()
    while True:
        more = _lonely(sums, values, hide, least) or _derivable(sums, values, hide)
        if not more:
            return hide
        hide[list(more)] = True


def _lonely(sums: Sums, values: Floats, hide: Bools, least: int) -> set[int]:
    """Cells to hide so that no sum has a single unknown, nor unknowns that together are too few."""
    more: set[int] = set()
    for members, whole in sums:
        unknown = [at for at in members if hide[at]]
        if not unknown:
            if whole >= 0 and hide[whole]:
                more |= _next(members, values, hide)
            continue
        alone = whole < 0 or not hide[whole]
        if alone and (len(unknown) == 1 or values[unknown].sum() < least):
            more |= _next(members, values, hide)
    return more


def _next(members: tuple[int, ...], values: Floats, hide: Bools) -> set[int]:
    """The smallest cell of a sum that is still shown, if any."""
    left = [at for at in members if not hide[at]]
    return {min(left, key=lambda at: values[at])} if left else set()


def _derivable(sums: Sums, values: Floats, hide: Bools) -> set[int]:
    """Cells to hide since a hidden count is determined by the system of all sums together."""
    unknown = np.flatnonzero(hide)
    if not len(unknown):
        return set()
    place = {int(at): k for k, at in enumerate(unknown)}
    touched = [(m, w) for m, w in sums if (w >= 0 and hide[w]) or any(hide[at] for at in m)]
    system = np.zeros((len(touched), len(unknown)))
    for k, (members, whole) in enumerate(touched):
        for at in members:
            if hide[at]:
                system[k, place[at]] = 1.0
        if whole >= 0 and hide[whole]:
            system[k, place[whole]] = -1.0
    _, strength, right = np.linalg.svd(system, full_matrices=True)
    free = right[int((strength > 1e-9).sum()) :]
    known = {int(at) for at, moves in zip(unknown, np.abs(free).sum(axis=0), strict=True) if moves < 1e-9}
    more: set[int] = set()
    for members, _ in touched:
        if known & set(members):
            more |= _next(members, values, hide)
    return more


def withhold(findings: Sequence[Finding], told: Hidden) -> tuple[Finding, ...]:
    """The findings without figures that would tell what may not be told; verdicts stay, in words without numbers."""
    return tuple(_without(finding) if _covered(finding, told) else finding for finding in findings)


def _covered(finding: Finding, told: Hidden) -> bool:
    if finding.estimate is None and finding.n is None:
        return False
    return told.covers(finding) or (finding.group in told.columns and finding.n is not None)


def _without(finding: Finding) -> Finding:
    if finding.group.endswith("=*"):
        return msgspec.structs.replace(finding, n=None)
    return msgspec.structs.replace(
        finding, estimate=None, low=None, high=None, n=None, smallest_gap=None, reason=WITHHELD
    )
