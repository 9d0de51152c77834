"""All measures of one table in one pass: k, every l and t, and the risks, from classes counted once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.values import Value
from bedrail.privacy.release import diversity
from bedrail.privacy.release.coding import Coded, coded
from bedrail.privacy.release.hierarchies import Hierarchy
from bedrail.privacy.release.risks import (
    Risk,
    SampleRisks,
    expected_journalist_risk,
    journalist_risk,
    marketer_risk,
    sample_risks,
)
from bedrail.privacy.release.tally import Codes, Ints, narrow, pack, starts, tally

if TYPE_CHECKING:
    import pandas as pd


class Sensitivity(Value, frozen=True, kw_only=True):
    """What the classes give away about one sensitive column, each the worst of all classes.

    `l_*` are the levels reached (distinct values; effective number by entropy); `c` the smallest c of recursive
    (c, 2)-diversity; `alpha` the largest share of one value; `t_*` the largest distance from the whole table (ordered:
    values in order of size; hierarchical: None without a hierarchy); `beta`, `enhanced_beta`, `delta` as called.
    `revealed` is the share of records in classes with a single value: whoever finds the class knows it.
    `t_mean` is the mean ordered or equal distance over records, for numbers and words.
    """

    column: str
    values: int
    ordered: bool
    l_distinct: int
    l_entropy: float
    c: float | None
    alpha: float
    t_equal: float
    t_ordered: float
    t_hierarchical: float | None = None
    beta: float
    enhanced_beta: float
    delta: float | None
    revealed: float
    t_mean: float


class Measures(Value, frozen=True, kw_only=True):
    """Everything measured of a table for one set of quasi-identifiers. `None` where it was not asked for."""

    quasi: tuple[str, ...]
    risks: SampleRisks
    sensitive: tuple[Sensitivity, ...] = ()
    journalist: Risk | None = None
    population_marketer: float | None = None
    sampling: float | None = None


def measure(
    table: pd.DataFrame,
    quasi: Sequence[str],
    sensitive: Sequence[str] = (),
    *,
    population: pd.DataFrame | None = None,
    sampling: float | None = None,
    hierarchies: dict[str, Hierarchy] | None = None,
) -> Measures:
    """Measure `table` as it stands; an attacker is taken to know the columns `quasi`, exactly.

    An empty cell is a value like any other. `population` has the columns `quasi`, in the same words; without one,
    `sampling` (the share of the population that is in the table) gives the expected journalist risk. Raises `Invalid`
    for columns that are not there. Definitions: El Emam 2013; `diversity` for l, t and their kin.
    """
    _check(table, (*quasi, *sensitive), "the table")
    if not quasi:
        raise Invalid("no column is known to the attacker.", path="quasi", remedy="Name at least one.")
    columns = [coded(table[name], name) for name in quasi]
    inner = [coded(table[name], name) for name in sensitive]
    keys = [narrow(each.codes) for each in columns]
    spans = [max(1, len(each.values)) for each in columns]
    sizes: Ints | None = None
    found: list[Sensitivity] = []
    for column in inner:
        entries = tally((*keys, narrow(column.codes)), (*spans, max(1, len(column.values))))
        packed, _ = pack(entries.digits[:-1], spans)
        first = starts(packed)
        owner = np.repeat(np.arange(len(first)), np.diff(first, append=len(packed)))
        found.append(
            sensitivity(column, owner, entries.digits[-1], entries.counts, (hierarchies or {}).get(column.name))
        )
        sizes = np.add.reduceat(entries.counts, first) if len(first) else entries.counts
    if sizes is None:
        sizes = tally(keys, spans).counts
    journalist, marketer = None, None
    if population is not None:
        own, there = _matched(table, population, quasi)
        journalist, marketer = journalist_risk(own, there), marketer_risk(own, there)
    elif sampling is not None:
        journalist = expected_journalist_risk(sizes, sampling)
        marketer = marketer_risk(sizes, np.round(sizes / sampling).astype(np.int64))
    return Measures(
        quasi=tuple(quasi), risks=sample_risks(sizes), sensitive=tuple(found), journalist=journalist,
        population_marketer=marketer, sampling=sampling,
    )  # fmt: skip


def sensitivity(
    column: Coded, owner: Ints, values: Codes, counts: Ints, hierarchy: Hierarchy | None = None
) -> Sensitivity:
    """One sensitive column, from entries (class ascending, value, rows)."""
    places, ordered = ranks(column)
    whole = np.bincount(column.codes, minlength=max(1, len(column.values))).astype(float)
    within = diversity.inside(owner, places[values], counts, (whole / max(1.0, whole.sum()))[np.argsort(places)])
    if not len(within.first):
        raise Invalid("the table has no rows.", path=column.name, remedy="Give one with rows.")
    distinct = diversity.distinct(within)
    c = float(diversity.recursive(within, 2).max())
    delta = float(diversity.disclosure(within, len(column.values)).max())
    equal, in_order = diversity.closeness_equal(within), diversity.closeness_ordered(within)
    rows = float(within.sizes.sum())
    tree = None
    if hierarchy is not None:
        back = np.argsort(places)
        tree = float(diversity.closeness_tree(within, [group[back] for group in hierarchy.groups]).max())
    return Sensitivity(
        column=column.name,
        values=len(column.values),
        ordered=ordered,
        l_distinct=int(distinct.min()),
        l_entropy=float(diversity.entropy(within).min()),
        c=c if np.isfinite(c) else None,
        alpha=float(diversity.most_common(within).max()),
        t_equal=float(equal.max()),
        t_ordered=float(in_order.max()),
        t_hierarchical=tree,
        beta=float(diversity.likeness(within).max()),
        enhanced_beta=float(diversity.enhanced_likeness(within).max()),
        delta=delta if np.isfinite(delta) else None,
        revealed=float(within.sizes[distinct == 1].sum()) / rows,
        t_mean=float(((in_order if ordered else equal) * within.sizes).sum()) / rows,
    )


def ranks(column: Coded) -> tuple[Ints, bool]:
    """For each value its place in order: by size when all are numbers (True), else by the alphabet (False)."""
    try:
        numbers: Sequence[float | str] = [float(value) for value in column.values]
    except ValueError:
        numbers = ()
    keys = numbers or column.values
    order = sorted(range(len(column.values)), key=lambda at: keys[at])
    places = np.empty(max(1, len(order)), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places, bool(numbers)


def _matched(table: pd.DataFrame, population: pd.DataFrame, quasi: Sequence[str]) -> tuple[Ints, Ints]:
    """Class sizes in the table, and of the same classes in the population."""
    _check(population, quasi, "the population")
    own_codes: list[Codes] = []
    their_codes: list[Codes] = []
    spans: list[int] = []
    for name in quasi:
        own, their = coded(table[name], name), coded(population[name], name)
        places = {value: place for place, value in enumerate(own.values)}
        translate = np.array([places.setdefault(value, len(places)) for value in their.values] or [0], dtype=np.int64)
        own_codes.append(narrow(own.codes))
        their_codes.append(narrow(translate[their.codes]))
        spans.append(max(1, len(places)))
    rows = len(table)
    joined = [np.concatenate((a, b)) for a, b in zip(own_codes, their_codes, strict=True)]
    source = np.concatenate((np.zeros(rows, dtype=np.uint8), np.ones(len(population), dtype=np.uint8)))
    entries = tally((*joined, source), (*spans, 2))
    packed, _ = pack(entries.digits[:-1], spans)
    first = starts(packed)
    own_counts = np.where(entries.digits[-1] == 0, entries.counts, 0)
    sizes = np.add.reduceat(own_counts, first)
    there = np.add.reduceat(entries.counts - own_counts, first)
    return sizes[sizes > 0], there[sizes > 0]


def _check(table: pd.DataFrame, names: Sequence[str], what: str) -> None:
    for name in names:
        if name not in table.columns:
            raise Invalid(f"{what} has no column {name!r}.", path=name, remedy="Check the spelling.")
