"""Re-identification risk by class sizes: prosecutor, journalist and marketer (El Emam 2013, Guide, chapters 16-18)."""

from __future__ import annotations

import numpy as np

from bedrail.core.values import Value
from bedrail.privacy.release.tally import Ints

THRESHOLDS = (0.05, 0.09, 0.2, 0.33, 0.5)
"""Where a record is often called at risk: 0.09 (11 alike) for public release, 0.2 (5 alike) under contract; practice,
not law."""


class AtRisk(Value, frozen=True, kw_only=True):
    """The share of records whose risk is above a threshold."""

    threshold: float
    share: float


class Risk(Value, frozen=True, kw_only=True):
    """Risk to each record under one attack: the highest, the mean, and shares above thresholds; all 0..1."""

    attack: str
    highest: float
    average: float
    at_risk: tuple[AtRisk, ...]


class SampleRisks(Value, frozen=True, kw_only=True):
    """What class sizes alone tell of a table.

    `k` is the smallest class, `unique` the share of records alone in theirs. Prosecutor: the attacker knows that the
    person is in the table; each record's risk is 1 / its class. Marketer: the expected share of records that matching
    all of them would find, classes / rows.
    """

    rows: int
    classes: int
    k: int
    unique: float
    average_class: float
    prosecutor: Risk
    marketer: float


def sample_risks(sizes: Ints) -> SampleRisks:
    """Risks from the sizes of all classes of a table; all zero for an empty one."""
    rows, classes = int(sizes.sum()), len(sizes)
    if not rows:
        return SampleRisks(
            rows=0,
            classes=0,
            k=0,
            unique=0.0,
            average_class=0.0,
            prosecutor=_risk("prosecutor", sizes, sizes),
            marketer=0.0,
        )
    return SampleRisks(
        rows=rows,
        classes=classes,
        k=int(sizes.min()),
        unique=float((sizes == 1).sum()) / rows,
        average_class=rows / classes,
        prosecutor=_risk("prosecutor", sizes, sizes),
        marketer=classes / rows,
    )


def journalist_risk(sizes: Ints, population: Ints) -> Risk:
    """The attacker knows a population of which some are in the table: each record's risk is 1 / its class there.

    `sizes[i]` and `population[i]` are of the same class; a population class smaller than the table's is taken for the
    table's size (the population holds the table at least).
    """
    return _risk("journalist", sizes, np.maximum(population, sizes))


def expected_journalist_risk(sizes: Ints, sampling: float) -> Risk:
    """As `journalist_risk` where only the share of the population in the table is known: classes there are taken for
    size / sampling. Uniform sampling is assumed, and that small classes are not small by chance (see `uniqueness`)."""
    return _risk("journalist", sizes, np.maximum(np.round(sizes / sampling).astype(np.int64), sizes))


def marketer_risk(sizes: Ints, population: Ints) -> float:
    """The expected share of records that matching against the population finds (Dankar and El Emam 2010)."""
    rows = int(sizes.sum())
    return float((sizes / np.maximum(population, sizes)).sum()) / rows if rows else 0.0


def _risk(attack: str, sizes: Ints, denominators: Ints) -> Risk:
    rows = int(sizes.sum())
    if not rows:
        return Risk(attack=attack, highest=0.0, average=0.0, at_risk=())
    each = 1.0 / denominators
    shares = tuple(
        AtRisk(threshold=level, share=float(sizes[each > level + 1e-12].sum()) / rows) for level in THRESHOLDS
    )
    return Risk(attack=attack, highest=float(each.max()), average=float((each * sizes).sum()) / rows, at_risk=shares)
