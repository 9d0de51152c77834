"""For lattices too large for an exact search: from the top downwards, one level at a time, as long as targets hold."""

from __future__ import annotations

from bedrail.privacy.release.blocks import Node
from bedrail.privacy.release.lattice import Classes, Failing, Lattice
from bedrail.privacy.release.loss import Losses
from bedrail.privacy.release.optimum import Found


def climb(
    lattice: Lattice, losses: Losses, *, k: int, most_suppressed: int, failing: Failing | None = None
) -> Found | None:
    """A node that reaches the targets, and below which no single step does with less loss; never certified.

    Greedy: of all columns that can go one level down, the one that then loses least; so at most
    columns * total height nodes are counted. None when not even the top reaches the targets.
    """
    here: Node = tuple(height - 1 for height in lattice.shape)
    best = _measured(lattice, losses, here, k, most_suppressed, failing)
    if best is None:
        return None
    stuck: set[int] = set()
    while len(stuck) < len(here):
        steps: list[tuple[Found, int]] = []
        for column, level in enumerate(here):
            if column in stuck or level == 0:
                stuck.add(column)
                continue
            node = (*here[:column], level - 1, *here[column + 1 :])
            found = _measured(lattice, losses, node, k, most_suppressed, failing)
            if found is None:
                stuck.add(column)  # further down, classes only get smaller
            elif found.loss < best.loss:
                steps.append((found, column))
        if not steps:
            break
        best, _ = min(steps, key=lambda step: step[0].loss)
        here = best.levels
    nodes = 1
    for height in lattice.shape:
        nodes *= height
    return Found(
        levels=best.levels,
        suppressed=best.suppressed,
        loss=best.loss,
        certified=False,
        checked=lattice.checked,
        nodes=nodes,
    )


def _measured(lattice: Lattice, losses: Losses, node: Node, k: int, most: int, failing: Failing | None) -> Found | None:
    small = 0

    def too_many(part: Classes) -> bool:
        nonlocal small
        small += int(part.sizes[part.sizes < k].sum())
        return small > most

    classes = lattice.classes(node, too_many)
    if classes is None:
        return None
    out = classes.sizes < k
    if failing is not None:
        out = out | failing(classes)
    lost = int(classes.sizes[out].sum())
    if lost > most:
        return None
    loss = losses.of(node, classes.sizes, out, lattice.digits(classes, out))
    return Found(levels=node, suppressed=lost, loss=loss, certified=False, checked=0, nodes=0)
