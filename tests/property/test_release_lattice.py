"""The search of the lattice gives what an exhaustive search gives, whatever the table, hierarchies and targets."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrail.privacy.release import diversity
from bedrail.privacy.release.hierarchies import Hierarchy, from_levels
from bedrail.privacy.release.lattice import Classes, Lattice
from bedrail.privacy.release.loss import MEASURES, losses
from bedrail.privacy.release.optimum import search
from bedrail.privacy.release.top_down import climb


@st.composite
def hierarchy(draw: st.DrawFn, name: str) -> Hierarchy:
    """Values, joined at random level by level."""
    values = draw(st.integers(1, 6))
    levels: list[list[str]] = []
    groups = list(range(values))
    for _ in range(draw(st.integers(0, 2))):
        into = [draw(st.integers(0, max(0, len(set(groups)) - 1))) for _ in range(max(groups) + 1)]
        groups = [into[group] for group in groups]
        levels.append([f"g{group}" for group in groups])
    return from_levels(name, [f"v{at}" for at in range(values)], levels)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[np.ndarray], list[Hierarchy], np.ndarray]:
    """Some rows over two to four columns, and a sensitive one."""
    trees = [draw(hierarchy(f"c{at}")) for at in range(draw(st.integers(2, 4)))]
    rows = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = [rng.integers(0, len(tree.labels[0]), rows) for tree in trees]
    for column, tree in zip(columns, trees, strict=True):  # every value occurs: rows of none cost nothing
        column[: len(tree.labels[0])] = np.arange(len(tree.labels[0]))[: len(column)]
    return columns, trees, rng.integers(0, 3, rows)


def slowly(columns, trees, sensitive, measure, k, most, weights, level):  # type: ignore[no-untyped-def]
    """The least loss over all nodes, each row counted by hand from the definitions."""
    rows, best = len(columns[0]), None
    for node in product(*(range(tree.height) for tree in trees)):
        labels = [
            tuple(int(tree.groups[at][column[row]]) for tree, at, column in zip(trees, node, columns, strict=True))
            for row in range(rows)
        ]
        classes = {label: [row for row in range(rows) if labels[row] == label] for label in set(labels)}
        bad = {
            label
            for label, inside in classes.items()
            if len(inside) < k or len({int(sensitive[r]) for r in inside}) < level
        }
        lost = [row for row in range(rows) if labels[row] in bad]
        if len(lost) > most:
            continue
        loss = by_definition(columns, trees, node, measure, weights, classes, bad, lost)
        best = loss if best is None else min(best, loss)
    return best


def by_definition(columns, trees, node, measure, weights, classes, bad, lost):  # type: ignore[no-untyped-def]
    """The loss of one node."""
    rows = len(columns[0])
    if measure == "discernibility":
        kept = sum(len(inside) ** 2 for label, inside in classes.items() if label not in bad)
        return (kept + len(lost) * rows) / rows**2
    if measure == "class-size":
        return 1 / max(1, len(classes) - len(bad) + bool(bad))
    total = most = 0.0
    for column, tree, level, weight in zip(columns, trees, node, weights, strict=True):
        values, group = len(tree.labels[0]), tree.groups[level]
        for row in range(rows):
            value = int(column[row])
            alike = int((column == value).sum())
            together = rows if row in lost else int((group[column] == group[value]).sum())
            joined = values if row in lost else int((group == group[value]).sum())
            if measure == "entropy":
                total += weight * -np.log2(alike / together)
                most += weight * -np.log2(alike / rows)
            elif measure == "loss":
                total += weight * (1.0 if row in lost else (joined - 1) / max(1, values - 1))
                most += weight
            else:
                total += weight * (1.0 if row in lost else level / max(1, tree.height - 1))
                most += weight
    return total / most if most else 0.0


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(MEASURES), st.integers(1, 6), st.sampled_from([0.0, 0.1, 0.4]), st.integers(1, 2))
def test_the_search_finds_what_an_exhaustive_search_finds(table, measure, k, share, level) -> None:  # type: ignore[no-untyped-def]
    """The certified node's loss is the smallest of all nodes that reach the targets; none is found when none does."""
    columns, trees, sensitive = table
    rows = len(columns[0])
    most = int(share * rows)
    weights = [1.0, 2.0, 0.5, 1.5][: len(columns)]
    counts = [np.bincount(column, minlength=len(tree.labels[0])) for column, tree in zip(columns, trees, strict=True)]

    def failing(classes: Classes) -> np.ndarray:
        values = classes.entries.digits[-1].astype(np.int64)
        within = diversity.inside(classes.owner, values, classes.entries.counts, np.bincount(sensitive) / rows)
        return np.asarray(diversity.distinct(within) < level)

    lattice = Lattice(columns, trees, [sensitive])
    cost = losses(measure, trees, counts, weights)
    found = search(lattice, cost, k=k, most_suppressed=most, failing=failing)
    expected = slowly(columns, trees, sensitive, measure, k, most, weights, level)
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.certified
        assert found.loss == pytest.approx(expected, abs=1e-9)
        assert found.suppressed <= most
    greedy = climb(Lattice(columns, trees, [sensitive]), cost, k=k, most_suppressed=most, failing=failing)
    if greedy is not None:
        assert not greedy.certified
        assert found is not None
        assert greedy.loss >= found.loss - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("measure", MEASURES)
def test_on_larger_tables_too_where_parts_of_them_decide(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roll-up, eviction, counting in parts, narrow blocks and keys that do not fit change nothing: as every node."""
    from bedrail.privacy.release import blocks
    from bedrail.privacy.release import lattice as room

    monkeypatch.setattr(room, "FEW_ROWS", 500)
    monkeypatch.setattr(room, "KEPT_ENTRIES", 3_000)
    rng = np.random.default_rng(7)
    for seed in range(6):
        monkeypatch.setattr(blocks, "BLOCK", (1 << 16, 100, 1)[seed % 3])
        monkeypatch.setattr(blocks, "MOST_BITS", (62, 9)[seed // 3])
        trees, columns = [], []
        for at, values in enumerate((40, 2, 12, 9)):
            steps = [[f"a{value // width}" for value in range(values)] for width in (3, 6)][: 1 + at % 2]
            trees.append(from_levels(f"c{at}", [str(value) for value in range(values)], steps))
            column = np.minimum(rng.geometric(0.15, 2_000) - 1, values - 1)
            column[:values] = np.arange(values)
            columns.append(column)
        sensitive = np.minimum(rng.geometric(0.5, 2_000) - 1, 3)
        counts = [
            np.bincount(column, minlength=len(tree.labels[0])) for column, tree in zip(columns, trees, strict=True)
        ]
        cost = losses(measure, trees, counts, [1.0] * 4)  # type: ignore[arg-type]
        failing = (lambda classes: np.bincount(classes.owner) < 2) if seed % 2 else None
        inner = [sensitive] if seed % 2 else []
        found = search(Lattice(columns, trees, inner), cost, k=5 + seed, most_suppressed=60, failing=failing)
        assert found is not None
        best = 2.0
        for node in product(*(range(tree.height) for tree in trees)):
            rows = np.stack([tree.groups[at][c] for tree, at, c in zip(trees, node, columns, strict=True)], axis=1)
            groups, member, sizes = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
            out = sizes < 5 + seed
            if failing:
                held = np.unique(np.stack([member.ravel(), sensitive]), axis=1)[0]
                out |= np.bincount(held) < 2
            if int(sizes[out].sum()) <= 60:
                best = min(best, cost.of(node, sizes, out, list(groups[out].T)))
        assert found.loss == pytest.approx(best, abs=1e-9)
