"""Measures of a table, against plain implementations from the definitions, and worked examples of the papers."""

from __future__ import annotations

from collections import Counter
from math import exp, log

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from bedrail.core.errors import Invalid
from bedrail.privacy.release import diversity, measure
from bedrail.privacy.release.attacker import attack
from bedrail.privacy.release.hierarchies import tree


def classes_of(table: pd.DataFrame, quasi: list[str]) -> list[pd.DataFrame]:
    """The classes, by pandas."""
    return [part for _, part in table.groupby(quasi, dropna=False)]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Rows of two quasi-identifiers, a word and a number."""
    rows = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return pd.DataFrame(
        {
            "a": rng.integers(0, draw(st.integers(1, 5)), rows).astype(str),
            "b": rng.integers(0, draw(st.integers(1, 4)), rows),
            "word": rng.choice(list("uvwxyz")[: draw(st.integers(1, 6))], rows),
            "number": rng.integers(0, draw(st.integers(1, 9)), rows),
        }
    )


@settings(max_examples=60, deadline=None)
@given(tables())
@pytest.mark.slow
def test_every_measure_is_what_its_definition_says(table: pd.DataFrame) -> None:
    """k, l, t and their kin and the risks, each by a loop over the classes."""
    found = measure(table, ["a", "b"], ["word", "number"])
    parts = classes_of(table, ["a", "b"])
    sizes = [len(part) for part in parts]
    assert found.risks.k == min(sizes)
    assert found.risks.prosecutor.highest == pytest.approx(1 / min(sizes))
    assert found.risks.prosecutor.average == pytest.approx(len(parts) / len(table))
    assert found.risks.marketer == pytest.approx(len(parts) / len(table))
    assert found.risks.unique == pytest.approx(sizes.count(1) / len(table))
    for at_risk in found.risks.prosecutor.at_risk:
        expected = sum(size for size in sizes if 1 / size > at_risk.threshold) / len(table)
        assert at_risk.share == pytest.approx(expected)
    for one in found.sensitive:
        whole = Counter(table[one.column])
        shares = {value: count / len(table) for value, count in whole.items()}
        inside = [Counter(part[one.column]) for part in parts]
        assert one.l_distinct == min(len(counts) for counts in inside)
        assert one.l_entropy == pytest.approx(min(exp(entropy(counts)) for counts in inside))
        assert one.alpha == pytest.approx(max(max(c.values()) / c.total() for c in inside))
        assert one.t_equal == pytest.approx(max(variation(c, shares) for c in inside))
        assert one.t_ordered == pytest.approx(max(moved(c, shares) for c in inside), abs=1e-12)
        gains = [max(max(0.0, (c[v] / c.total() - shares[v]) / shares[v]) for v in c) for c in inside]
        assert one.beta == pytest.approx(max(gains))
        assert one.revealed == pytest.approx(sum(c.total() for c in inside if len(c) == 1) / len(table))
        recursive = [ranked[0] / sum(ranked[1:]) for ranked in map(in_order, inside) if len(ranked) > 1]
        assert one.c == (pytest.approx(max(recursive)) if len(recursive) == len(inside) else None)


def in_order(counts: Counter[object]) -> list[int]:
    """The counts, largest first."""
    return sorted(counts.values(), reverse=True)


def entropy(counts: Counter[object]) -> float:
    """In nats."""
    return -sum(count / counts.total() * log(count / counts.total()) for count in counts.values())


def variation(counts: Counter[object], shares: dict[object, float]) -> float:
    """Half the sum of differences."""
    return sum(abs(counts[value] / counts.total() - share) for value, share in shares.items()) / 2


def moved(counts: Counter[object], shares: dict[object, float]) -> float:
    """The earth mover's distance over places in order, by scipy."""
    values = sorted(shares)
    if len(values) < 2:
        return 0.0
    places = list(range(len(values)))
    inside = [counts[value] for value in values]
    return float(wasserstein_distance(places, places, inside, [shares[v] for v in values])) / (len(values) - 1)


def test_the_worked_example_of_t_closeness() -> None:
    """Li, Li and Venkatasubramanian 2007, table 3: salaries {3k, 4k, 5k} are 0.375 from nine, {6k, 8k, 11k} 0.167."""
    salaries = [3, 4, 5, 6, 7, 8, 9, 10, 11]
    for inside, expected in (([3, 4, 5], 0.375), ([6, 8, 11], 1 / 6)):
        values = np.array([salaries.index(each) for each in inside])
        within = diversity.inside(np.zeros(3, dtype=np.int64), values, np.ones(3, dtype=np.int64), np.full(9, 1 / 9))
        assert diversity.closeness_ordered(within)[0] == pytest.approx(expected)


def test_the_hierarchical_distance_is_the_cheapest_transport_over_the_tree() -> None:
    """Against a linear programme whose costs are heights of common ancestors (Li et al. 2007, section 5.3)."""
    from scipy.optimize import linprog

    words = [f"w{number}" for number in range(6)]
    low = {"A": ["w0", "w1"], "B": ["w2", "w3"], "C": ["w4", "w5"]}
    grown = tree("w", words, [low, {"AB": ["A", "B"]}])
    height = grown.height - 1
    cost = np.zeros((6, 6))
    for one in range(6):
        for other in range(6):
            cost[one, other] = next(
                level for level in range(height + 1) if grown.groups[level][one] == grown.groups[level][other]
            )
    rng = np.random.default_rng(3)
    for _ in range(10):
        whole = rng.dirichlet(np.ones(6))
        counts = rng.integers(0, 5, 6) + np.eye(6, dtype=int)[rng.integers(6)]
        there = np.flatnonzero(counts)
        within = diversity.inside(np.zeros(len(there), dtype=np.int64), there, counts[there], whole)
        kept = [np.eye(6)[row].repeat(6) for row in range(6)] + [np.tile(np.eye(6)[row], 6) for row in range(6)]
        best = linprog((cost / height).ravel(), A_eq=np.array(kept), b_eq=[*(counts / counts.sum()), *whole])
        assert diversity.closeness_tree(within, grown.groups)[0] == pytest.approx(best.fun, abs=1e-9)


def test_the_journalist_counts_the_population() -> None:
    """Classes of the table are looked up in the population; what is missing there counts as the table itself."""
    table = pd.DataFrame({"age": [30, 30, 40, 50], "sex": list("FFMM")})
    people = pd.DataFrame({"age": [30] * 10 + [40] * 2, "sex": ["F"] * 10 + ["M"] * 2})
    found = measure(table, ["age", "sex"], population=people)
    assert found.journalist is not None
    assert found.journalist.highest == 1.0  # the one of 50 is not in the population table
    assert found.population_marketer == pytest.approx((2 / 10 + 1 / 2 + 1) / 4)


def test_an_attacker_learns_what_all_in_a_class_share() -> None:
    """Homogeneity: known for sure without finding the record; a smaller set of columns tells less."""
    table = pd.DataFrame(
        {"zip": ["021"] * 3 + ["100"] * 2, "sex": list("FFFMF"), "dx": ["flu", "flu", "flu", "hiv", "flu"]}
    )
    both, *_ = attack(table, ["zip", "sex"], ["dx"], subsets=False)
    assert both.unique == pytest.approx(2 / 5)
    assert both.revealed[0].certain == 1.0
    assert both.revealed[0].blind == pytest.approx(4 / 5)
    sets = attack(table, ["zip", "sex"], ["dx"], subsets=True)
    assert [each.knows for each in sets][-1] == ("zip",)
    assert sets[-1].revealed[0].certain == pytest.approx(3 / 5)
    with pytest.raises(Invalid, match="no column"):
        attack(table, ["age"])
