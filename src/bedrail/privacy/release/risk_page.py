"""The risk report: measures, attackers, estimates and an expert's file together, and as a page with plain drawings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from bedrail.core.values import Value
from bedrail.privacy.release.attacker import Knowing, attack
from bedrail.privacy.release.coding import coded
from bedrail.privacy.release.expert import Determination, Terms, determine
from bedrail.privacy.release.measures import Measures, measure
from bedrail.privacy.release.tally import narrow, tally
from bedrail.privacy.release.uniqueness import Estimates, population_uniqueness

if TYPE_CHECKING:
    import pandas as pd

BINS = ((1, 1), (2, 2), (3, 4), (5, 10), (11, 20), (21, 50), (51, 100), (101, 0))
"""Class sizes drawn together; the last has no end."""

SEED = 20_260_101
"""Of the redraws behind intervals: the same table gives the same report."""


class Bar(Value, frozen=True, kw_only=True):
    """A share of records in classes of some sizes."""

    label: str
    share: float


class RiskReport(Value, frozen=True, kw_only=True):
    """Everything `deid risk` says of a table; never a value of it."""

    title: str
    k: int
    measures: Measures
    attackers: tuple[Knowing, ...]
    spread: tuple[Bar, ...]
    uniqueness: Estimates | None = None
    determination: Determination | None = None


def risk_report(
    table: pd.DataFrame,
    knows: Sequence[str],
    sensitive: Sequence[str] = (),
    *,
    k: int = 11,
    subsets: bool = False,
    population: pd.DataFrame | None = None,
    sampling: float | None = None,
    terms: Terms | None = None,
    today: date | None = None,
    title: str = "",
) -> RiskReport:
    """What a table tells whoever knows `knows`; see `measure`, `attack`, `population_uniqueness` and `determine`.

    `terms` need `today`. Raises `Invalid`.
    """
    measures = measure(table, knows, sensitive, population=population, sampling=sampling)
    columns = [coded(table[name], name) for name in knows]
    sizes = tally([narrow(c.codes) for c in columns], [max(1, len(c.values)) for c in columns]).counts
    uniqueness = None
    if sampling is not None:
        uniqueness = population_uniqueness(sizes, sampling, rng=np.random.default_rng(SEED))
    rows = max(1, int(sizes.sum()))
    spread = tuple(
        Bar(
            label=str(low) if low == high else f"{low}-{high}" if high else f"over {low - 1}",
            share=float(sizes[(sizes >= low) & ((sizes <= high) if high else True)].sum()) / rows,
        )
        for low, high in BINS
    )
    determination = None
    if terms is not None and today is not None:
        determination = determine(measures, terms, today=today, uniqueness=uniqueness)
    return RiskReport(
        title=title, k=k, measures=measures, attackers=attack(table, knows, sensitive, k=k, subsets=subsets),
        spread=spread, uniqueness=uniqueness, determination=determination,
    )  # fmt: skip


def risk_html(report: RiskReport) -> str:
    """One self-contained page; its bars carry their numbers as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bedrail.privacy.release"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("risk.html").render(report=report, m=report.measures)
