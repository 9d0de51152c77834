"""Small groups are neither shown nor can they be worked out from what is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bedrail.checks import Cohort, Requirements, examine
from bedrail.checks.equity.suppression import hidden, layout


def cohort(rng: np.random.Generator, n: int = 900, *, repeated: bool = False) -> Cohort:
    """Random groups, some of them small, in two columns and their intersection."""
    groups = pd.DataFrame(
        {
            "race": rng.choice(["a", "b", "c", "d"], n, p=[0.55, 0.43, 0.012, 0.008]),
            "sex": rng.choice(["f", "m", "x"], n, p=[0.5, 0.494, 0.006]),
        }
    )
    score = rng.beta(2, 6, n)
    return Cohort(
        outcome=(rng.random(n) < score).astype(float),
        score=score,
        groups=groups,
        intersections=(("race", "sex"),),
        threshold=0.3,
        subject=rng.integers(0, n // 2, n) if repeated else None,
    )


def test_what_is_hidden_is_determined_by_no_published_count() -> None:
    """Two different tables agree with every published count and differ in each hidden one (found by least squares)."""
    for seed in range(12):
        made = cohort(np.random.default_rng(seed), repeated=seed % 2 == 1)
        cells, told = layout(made), hidden(made, Requirements())
        for names in (told.sizes, told.outcome, told.alert):
            unknown = [at for at, name in enumerate(cells.names) if name in names]
            system = []
            for members, whole in cells.sums:
                row = np.zeros(len(cells.names))
                row[list(members)] = 1
                if whole >= 0:
                    row[whole] = -1
                system.append(row[unknown])
            matrix = np.array(system)
            for k in range(len(unknown)):
                unit = np.zeros(len(unknown))
                unit[k] = 1
                # derivable if and only if the unit vector is a combination of equations
                combination = np.linalg.lstsq(matrix.T, unit, rcond=None)[0]
                assert np.abs(matrix.T @ combination - unit).max() > 1e-6


def test_a_single_small_group_takes_the_next_smallest_with_it() -> None:
    """With one group of 5, its size is total less the others: so the next smallest group's figures go too."""
    groups = pd.DataFrame({"race": ["a"] * 600 + ["b"] * 300 + ["c"] * 5})
    rng = np.random.default_rng(1)
    score = rng.beta(2, 5, 905)
    made = Cohort(outcome=(rng.random(905) < score).astype(float), score=score, groups=groups, threshold=0.3)
    assert hidden(made, Requirements()).sizes == {"race=b", "race=c"}
    for one in examine(made, checks=["subgroups", "fairness"]):
        for finding in one.findings:
            if finding.group in ("race=b", "race=c"):
                assert (finding.n, finding.estimate, finding.low, finding.high) == (None, None, None, None)
                assert not any(sign.isdigit() for sign in finding.reason.replace("Fewer than 11", ""))
            if finding.group == "race=*":
                assert finding.n is None


def test_a_group_with_few_outcomes_hides_its_division_and_not_its_size() -> None:
    """Five outcomes among 400: rates by outcome are withheld, also those without it, from which five would follow."""
    rng = np.random.default_rng(2)
    groups = pd.DataFrame({"sex": ["f"] * 400 + ["m"] * 400 + ["x"] * 400})
    outcome = np.concatenate((np.repeat([1.0, 0.0], [5, 395]), (rng.random(800) < 0.2).astype(float)))
    made = Cohort(outcome=outcome, score=rng.beta(2, 6, 1200), groups=groups, threshold=0.3)
    told = hidden(made, Requirements())
    assert not told.sizes
    assert "sex=f" in told.outcome
    assert len(told.outcome) == 2
    (evidence,) = examine(made, checks=["subgroups"])
    by = {(f.check, f.group): f for f in evidence.findings}
    assert by["subgroups.specificity", "sex=f"].n is None
    assert by["subgroups.alert-rate", "sex=f"].n == 400


def test_nothing_is_hidden_where_no_group_is_small() -> None:
    """Silent when not needed: two large groups keep all figures."""
    rng = np.random.default_rng(3)
    groups = pd.DataFrame({"sex": ["f"] * 500 + ["m"] * 500})
    score = rng.beta(2, 5, 1000)
    made = Cohort(outcome=(rng.random(1000) < score).astype(float), score=score, groups=groups, threshold=0.3)
    told = hidden(made, Requirements())
    assert not (told.sizes | told.outcome | told.alert)
