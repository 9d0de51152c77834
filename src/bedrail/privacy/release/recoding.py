"""From targets to a recoding: the level of each quasi-identifier, or the cells, and the rows that are left out."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import msgspec
import numpy as np

from bedrail.core.errors import Invalid, Refused
from bedrail.core.values import Value
from bedrail.privacy.release import diversity, hierarchies
from bedrail.privacy.release.coding import Coded
from bedrail.privacy.release.hierarchies import Hierarchy
from bedrail.privacy.release.lattice import MOST_NODES, Classes, Failing, Lattice
from bedrail.privacy.release.loss import losses
from bedrail.privacy.release.measures import ranks
from bedrail.privacy.release.mondrian import Blocks, mondrian
from bedrail.privacy.release.optimum import Found, search
from bedrail.privacy.release.tally import Bools, Ints
from bedrail.privacy.release.top_down import climb
from bedrail.privacy.release.values import Column, Policy, Targets
from bedrail.privacy.release.work import Recoding


class Solution(Value, frozen=True, kw_only=True):
    """How the targets were reached. `loss` is 0 (nothing lost) to 1 (nothing left) by the measure asked for.

    `certified`: no other full-domain generalisation within the given hierarchies and suppression limit loses less.
    `levels` says for each quasi-identifier its level (of how many); empty for Mondrian, which has none.
    """

    method: str
    certified: bool
    measure: str
    loss: float
    rows: int
    suppressed: int
    levels: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    checked: int = 0
    nodes: int = 0


def smallest_class(targets: Targets) -> int:
    """The class size that k and the bounds of each record's risk ask for.

    Prosecutor: 1 / size. Journalist, from the sampling fraction: a class of the population is size / sampling.
    """
    return max(
        targets.k,
        ceil(1.0 / targets.prosecutor - 1e-9),
        ceil(targets.sampling / targets.journalist - 1e-9),
    )


def hierarchy_of(name: str, column: Column, values: Sequence[str], *, strict_zip: bool = True) -> Hierarchy:
    """The hierarchy that a policy gives a column, over its distinct values; raises `Invalid` naming the column."""
    kind = column.hierarchy or {"date": "date", "zip": "zip", "age": "intervals"}.get(column.part)
    if column.treatment not in ("generalise",):  # its own method has said what it may look like
        return hierarchies.suppressing(name, values).between(0, 0)
    built: Hierarchy
    match kind:
        case "intervals":
            built = hierarchies.intervals(
                name,
                values,
                widths=column.widths or (5, 10, 20),
                origin=column.origin,
                top=column.top,
                bottom=column.bottom,
            )
        case "mask":
            built = hierarchies.masking(name, values, steps=column.steps)
        case "zip":
            built = hierarchies.zip_codes(name, values, strict=strict_zip)
        case "date":
            built = hierarchies.dates(name, values, levels=column.levels or hierarchies.DATE_LEVELS[1:4])
        case "tree":
            built = hierarchies.tree(name, values, column.groups)
        case "file":
            built = hierarchies.from_file(name, values, Path(column.file))
        case _:
            built = hierarchies.suppressing(name, values)
    return built.between(column.lowest, column.highest)


def recode(
    policy: Policy, quasi: Sequence[Coded], sensitive: Sequence[Coded], places: Sequence[int]
) -> tuple[Recoding, Solution]:
    """Reach the policy's targets on a table; `places` are the quasi-identifiers' places in the input.

    Raises `Refused` when no generalisation within the hierarchies reaches them, with what could be relaxed.
    """
    targets = policy.targets or Targets()
    rows = len(quasi[0].codes)
    if not rows:
        raise Invalid("the table has no rows.", path="targets", remedy="Give one with rows.")
    k, most = smallest_class(targets), int(targets.suppression * rows)
    trees = [hierarchy_of(c.name, policy.columns[c.name], c.values, strict_zip=policy.strict_zip) for c in quasi]
    failing = _failing(policy, sensitive, targets)
    k = max(k, *(policy.columns[each.name].l for each in sensitive)) if sensitive else k
    if targets.search.startswith("mondrian"):
        return _blocks(policy, quasi, sensitive, trees, k, failing, targets, places)
    counts = [np.bincount(each.codes, minlength=len(each.values)) for each in quasi]
    cost = losses(targets.loss, trees, counts, [policy.columns[each.name].weight for each in quasi])
    lattice = Lattice([each.codes for each in quasi], trees, [each.codes for each in sensitive] if failing else [])
    nodes = int(np.prod([float(n) for n in lattice.shape]))
    exact = targets.search == "optimal" or (targets.search == "auto" and nodes <= MOST_NODES)
    if targets.search == "optimal" and nodes > MOST_NODES:
        remedy = 'Use search = "auto", fewer columns or fewer levels.'
        raise Invalid(
            f"the lattice has {nodes} nodes, more than an exact search bears.", path="targets.search", remedy=remedy
        )
    find = search if exact else climb
    found = find(lattice, cost, k=k, most_suppressed=most, failing=failing)
    if found is None:
        raise Refused(
            "No generalisation within the hierarchies reaches the targets.",
            remedy="Allow more suppression, higher levels (highest), fewer quasi-identifiers, or a lower k, l or t.",
        )
    solution = Solution(
        method="optimal full-domain generalisation" if exact else "top-down full-domain generalisation (heuristic)",
        certified=found.certified, measure=targets.loss, loss=found.loss, rows=rows, suppressed=found.suppressed,
        levels={
            each.name: (policy.columns[each.name].lowest + level if tree.height > 1 else 0, tree.height)
            for each, level, tree in zip(quasi, found.levels, trees, strict=True)
        },
        checked=found.checked, nodes=found.nodes,
    )  # fmt: skip
    return _full_domain(lattice, found, quasi, trees, k, failing, places), solution


def _full_domain(
    lattice: Lattice, found: Found, quasi: Sequence[Coded], trees: Sequence[Hierarchy], k: int, failing: Failing | None,
    places: Sequence[int],
) -> Recoding:  # fmt: skip
    labels = tuple(
        {value: tree.labels[level][int(group)] for value, group in zip(each.values, tree.groups[level], strict=True)}
        for each, tree, level in zip(quasi, trees, found.levels, strict=True)
    )
    classes = lattice.classes(found.levels)
    assert classes is not None
    out = classes.sizes < k
    if failing is not None:
        out = out | failing(classes)
    named = [
        [tree.labels[level][int(digit)] for digit in digits]
        for tree, level, digits in zip(trees, found.levels, lattice.digits(classes, out), strict=True)
    ]
    return Recoding(columns=tuple(places), labels=labels, suppressed=frozenset(zip(*named, strict=True)))


def _failing(policy: Policy, sensitive: Sequence[Coded], targets: Targets) -> Failing | None:
    """Which classes break l, t or the marketer's bound; None when nothing of it is asked."""
    asked = [each for each in sensitive if policy.columns[each.name].l > 1 or policy.columns[each.name].t is not None]
    if not asked and targets.marketer >= 1.0:
        return None
    places = [ranks(each)[0] for each in sensitive]
    wholes = []
    for each, place in zip(sensitive, places, strict=True):
        share = np.bincount(each.codes, minlength=len(each.values)) / len(each.codes)
        wholes.append(share[np.argsort(place)])
    trees: list[list[Ints] | None] = []
    for each, place in zip(sensitive, places, strict=True):
        column = policy.columns[each.name]
        back = np.argsort(place)
        if column.distance == "hierarchical":
            tree = hierarchy_of(each.name, _as_tree(column), each.values)
            trees.append([group[back] for group in tree.groups])
        else:
            trees.append(None)

    def fails(classes: Classes) -> Bools:
        out = np.zeros(len(classes.sizes), dtype=bool)
        first = len(classes.entries.digits) - len(sensitive)
        for at, each in enumerate(sensitive):
            column = policy.columns[each.name]
            if column.l <= 1 and column.t is None:
                continue
            values = places[at][classes.entries.digits[first + at]]
            within = diversity.inside(classes.owner, values, classes.entries.counts, wholes[at])
            out |= _too_plain(within, column) | _too_far(within, column, trees[at])
        if targets.marketer < 1.0:  # too few rows a class on the whole: then no class can stand
            kept = ~out & (classes.sizes >= smallest_class(targets))
            if int(kept.sum()) > targets.marketer * int(classes.sizes[kept].sum()) + 1e-9:
                out[:] = True
        return out

    return fails


def _as_tree(column: Column) -> Column:
    return Column(
        role="quasi", method="generalise", hierarchy=column.hierarchy, widths=column.widths, origin=column.origin,
        top=column.top, bottom=column.bottom, steps=column.steps, levels=column.levels, groups=column.groups,
        file=column.file,
    )  # fmt: skip


def _too_plain(within: diversity.Inside, column: Column) -> Bools:
    if column.l <= 1:
        return np.zeros(len(within.first), dtype=bool)
    if column.diversity == "distinct":
        return np.asarray(diversity.distinct(within) < column.l)
    if column.diversity == "entropy":
        return np.asarray(diversity.entropy(within) < column.l - 1e-9)
    return np.asarray(diversity.recursive(within, column.l) >= column.c)


def _too_far(within: diversity.Inside, column: Column, tree: list[Ints] | None) -> Bools:
    if column.t is None:
        return np.zeros(len(within.first), dtype=bool)
    if tree is not None:
        distance = diversity.closeness_tree(within, tree)
    elif column.distance == "ordered":
        distance = diversity.closeness_ordered(within)
    else:
        distance = diversity.closeness_equal(within)
    return np.asarray(distance > column.t + 1e-9)


def _blocks(
    policy: Policy, quasi: Sequence[Coded], sensitive: Sequence[Coded], trees: Sequence[Hierarchy], k: int,
    failing: Failing | None, targets: Targets, places: Sequence[int],
) -> tuple[Recoding, Solution]:  # fmt: skip
    made: Blocks = mondrian(
        quasi, sensitive, trees, k=k, failing=failing, strict=targets.search == "mondrian",
        weights=[policy.columns[each.name].weight for each in quasi],
    )  # fmt: skip
    if made.block is None:
        raise Refused(
            "The whole table in one group does not reach the targets.", remedy="Ask for a lower k, l, or a higher t."
        )
    if targets.search != "mondrian":
        remedy = 'Call privacy.release.mondrian from Python, or use search = "mondrian".'
        raise Invalid(
            "relaxed blocks part equal rows, which a stream cannot follow.", path="targets.search", remedy=remedy
        )
    whole: dict[tuple[str, ...], tuple[str, ...]] = {}
    _, rows = np.unique(np.stack([each.codes for each in quasi], axis=1), axis=0, return_index=True)
    for row in rows:
        values = tuple(each.values[int(each.codes[row])] for each in quasi)
        whole[values] = made.labels[int(made.block[row])]
    solution = Solution(
        method="Mondrian, strict (multidimensional; heuristic)", certified=False, measure="loss", loss=made.loss,
        rows=len(quasi[0].codes), suppressed=0,
    )  # fmt: skip
    return Recoding(columns=tuple(places), whole=whole), solution
