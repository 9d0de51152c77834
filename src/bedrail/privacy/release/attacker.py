"""What a released table tells an attacker who knows some columns of a person in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.privacy.release.coding import Coded, coded
from bedrail.privacy.release.tally import group, narrow, starts, tally

if TYPE_CHECKING:
    import pandas as pd

MOST_SETS = 500


class Revealed(Value, frozen=True, kw_only=True):
    """What knowing a set of columns gives away about one sensitive column.

    `certain` is the share of records of which the attacker then learns the value for sure (all in their class have
    it), `guessed` the share guessed right by naming the commonest value of the class, and `blind` the same without
    knowing anything: the difference is what the table adds.
    """

    column: str
    certain: float
    guessed: float
    blind: float


class Knowing(Value, frozen=True, kw_only=True):
    """An attacker who knows the columns `knows` of everybody in the table.

    `unique` records are found at once; `below_k` is the share in classes smaller than k; `success` the expected share
    of records named rightly when one of each class is picked at random (classes / rows).
    """

    knows: tuple[str, ...]
    rows: int
    classes: int
    smallest: int
    unique: float
    below_k: float
    success: float
    revealed: tuple[Revealed, ...] = ()


def attack(
    table: pd.DataFrame, knows: Sequence[str], sensitive: Sequence[str] = (), *, k: int = 11, subsets: bool = False
) -> tuple[Knowing, ...]:
    """What an attacker learns who knows all of `knows`; with `subsets`, also each smaller set; largest risk first.

    Raises `Invalid` for columns that are not there, none, or more than `MOST_SETS` sets.
    """
    for name in (*knows, *sensitive):
        if name not in table.columns:
            raise Invalid(f"the table has no column {name!r}.", path=name, remedy="Check the spelling.")
    if not knows or not len(table):
        raise Invalid("nothing is known, or of nobody.", path="knows", remedy="Name columns of a table with rows.")
    if subsets and 2 ** len(knows) - 1 > MOST_SETS:
        remedy = "Name fewer columns, or look at all together only."
        raise Invalid(f"more than {MOST_SETS} sets of columns.", path="knows", remedy=remedy)
    known = [coded(table[name], name) for name in knows]
    hidden = [coded(table[name], name) for name in sensitive]
    sets = [known]
    if subsets:
        sets = [list(each) for size in range(len(known), 0, -1) for each in combinations(known, size)]
    found = [_knowing(each, [h for h in hidden if h.name not in {e.name for e in each}], k) for each in sets]
    return tuple(sorted(found, key=lambda each: (-each.unique, -each.success, len(each.knows))))


def _knowing(known: Sequence[Coded], hidden: Sequence[Coded], k: int) -> Knowing:
    classes = group([narrow(each.codes) for each in known], [max(1, len(each.values)) for each in known])
    sizes, rows = classes.sizes, len(classes.member)
    revealed = []
    for each in hidden:
        entries = tally((narrow(classes.member), narrow(each.codes)), (len(sizes), max(1, len(each.values))))
        first = starts(entries.digits[0])
        most = np.maximum.reduceat(entries.counts, first)
        alone = np.diff(first, append=len(entries)) == 1
        revealed.append(
            Revealed(
                column=each.name,
                certain=float(sizes[alone].sum()) / rows,
                guessed=float(most.sum()) / rows,
                blind=float(np.bincount(each.codes).max()) / rows,
            )
        )
    return Knowing(
        knows=tuple(each.name for each in known),
        rows=rows,
        classes=len(sizes),
        smallest=int(sizes.min()),
        unique=float((sizes == 1).sum()) / rows,
        below_k=float(sizes[sizes < k].sum()) / rows,
        success=len(sizes) / rows,
        revealed=tuple(revealed),
    )
