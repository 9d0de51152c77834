"""What a comparison of two versions withholds cannot be worked out from what it shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from bedrail.checks.mitigation import Change, Versions, changes, gap

LEAST = 6
STATE = np.arange(8)
CASE = STATE >= 4
SAID = (STATE & 2 > 0, STATE & 1 > 0)
COUNTS = {
    "rows": STATE >= 0,
    "cases": CASE,
    "controls": ~CASE,
    "alerts before": SAID[0],
    "alerts after": SAID[1],
    "cases found before": CASE & SAID[0],
    "cases found after": CASE & SAID[1],
}
"""What nobody may work out of a group whose lines are withheld."""


def _versions(tables: list[list[int]], threshold: float = 0.25) -> Versions:
    """Rows from counts (8,) by 4 x outcome + 2 x alert before + alert after of each group."""
    state = np.concatenate([np.repeat(STATE, table) for table in tables])
    group = np.repeat(np.arange(len(tables)), [sum(table) for table in tables])
    names = tuple(f"g={k}" for k in range(len(tables)))
    return Versions(
        (state >= 4).astype(float), state & 2 > 0, state & 1 > 0, group.astype(np.int64), names, None, threshold
    )


def _told(versions: Versions, least: int = LEAST) -> tuple[Change, ...]:
    return changes(versions, min_group=least, confidence=0.95, draws=10, rng=np.random.default_rng(1))


def _equations(change: Change, price: float) -> Iterator[tuple[np.ndarray, float]]:
    """What a line says of the counts (8,) of its group: weights (8,) and their sum."""
    if change.withheld:
        assert (change.n, change.before, change.after, change.difference, change.low) == (0, None, None, None, None)
        return
    among = {"sensitivity": CASE, "specificity": ~CASE, "ppv": SAID[0] | SAID[1]}.get(change.measure, STATE >= 0)
    yield among.astype(float), change.n
    for said, rate in zip(SAID, (change.before, change.after), strict=True):
        if rate is None:
            continue
        hit, rows = {
            "sensitivity": (CASE & said, CASE),
            "specificity": (~CASE & ~said, ~CASE),
            "ppv": (CASE & said, said),
            "alert-rate": (said, STATE >= 0),
            "missed": (1000.0 * (CASE & ~said), STATE >= 0),
            "false-alerts": (1000.0 * (~CASE & said), STATE >= 0),
            "cost": (1000.0 * ((CASE & ~said) + price * (~CASE & said)), STATE >= 0),
        }[change.measure]
        yield hit - rate * rows, 0.0


def _known(versions: Versions, found: tuple[Change, ...]) -> dict[str, list[str]]:
    """The counts of each group that only one whole number fits, given every line and that groups add up.

    Of a group with a line that is not withheld for its cases all are known without asking.
    """
    open_ = {each.group for each in found if each.measure == "sensitivity" and not each.withheld}
    groups, price = len(versions.names), versions.threshold / (1 - versions.threshold)
    left, right = [], []
    for change in found:
        for weights, total in _equations(change, price):
            row = np.zeros((groups, 8))
            row[... if change.group == "overall" else versions.names.index(change.group)] = weights
            left.append(row.ravel())
            right.append(total)
    system = LinearConstraint(np.array(left), np.array(right) - 1e-6, np.array(right) + 1e-6)
    known: dict[str, list[str]] = {}
    for at, name in enumerate(versions.names):
        if name in open_:
            known[name] = list(COUNTS)
            continue
        for count, states in COUNTS.items():
            aim = np.zeros((groups, 8))
            aim[at] = states
            ends = [
                milp(sign * aim.ravel(), constraints=system, integrality=np.ones(aim.size), bounds=Bounds(0, np.inf))
                for sign in (1, -1)
            ]
            assert all(end.success for end in ends), "the true counts fit what is shown"
            if round(ends[0].fun) == round(-ends[1].fun):
                known.setdefault(name, []).append(count)
    return known


REVIEWED = {
    "three cases beside many": [[60, 5, 6, 6, 1, 0, 1, 1], [300, 20, 20, 30, 40, 20, 20, 60]],
    "four alerts, none hidden by its rate": [[45, 1, 1, 0, 11, 0, 0, 2], [300, 20, 20, 30, 40, 20, 20, 60]],
    "few cases, cost and alerts": [[30, 4, 5, 8, 1, 1, 0, 2], [300, 20, 20, 30, 40, 20, 20, 60], [50] * 8],
    "one under the least": [[1, 0, 0, 1, 0, 0, 0, 1], [50] * 8, [70] * 8],
}


@pytest.mark.parametrize("tables", REVIEWED.values(), ids=REVIEWED)
def test_a_group_of_few_is_not_counted_from_its_lines_or_from_the_others(tables: list[list[int]]) -> None:
    """Of the small group and of the one withheld with it, no count of cases is known; of few alerts, none at all."""
    versions = _versions(tables)
    found = _told(versions, 11)
    known = _known(versions, found)
    lines = {change.group: change for change in found if change.measure == "sensitivity"}
    others = [name for name in versions.names if name not in lines or lines[name].withheld]
    assert len(others) == 2
    assert not lines["overall"].withheld
    assert all(set(known.get(name, [])) <= {"rows", "alerts before", "alerts after"} for name in others)
    if "alerts" in next(key for key, value in REVIEWED.items() if value is tables).split(",")[0]:
        assert not known.get("g=0")


def test_withholding_rates_alone_would_not_do() -> None:
    """What finds nothing above finds the three cases where only their group's rates are left out."""
    versions = _versions(REVIEWED["three cases beside many"])
    told = changes(versions, min_group=1, confidence=0.95, draws=10, rng=np.random.default_rng(1))
    rates = ("sensitivity", "specificity", "ppv", "missed", "false-alerts")
    less = tuple(each.without_figures() if each.group == "g=0" and each.measure in rates else each for each in told)
    assert _known(versions, less)["g=0"] == list(COUNTS)


@pytest.mark.slow
def test_small_tables_cannot_be_solved_for_what_is_withheld() -> None:
    """Thirty random tables: what is withheld has several whole-number solutions; what is known was large enough."""
    rng = np.random.default_rng(7)
    hidden = shown = 0
    for _ in range(30):
        sizes = rng.integers(4, 90, rng.integers(2, 4))
        tables = [rng.multinomial(n, rng.dirichlet(np.full(8, 1.5))).tolist() for n in sizes]
        versions = _versions(tables)
        found = _told(versions)
        known = _known(versions, found)
        for at, name in enumerate(versions.names):
            counts = {key: int(np.array(tables[at])[states].sum()) for key, states in COUNTS.items()}
            few = {
                "rows": counts["rows"],
                "cases": min(counts["cases"], counts["controls"]),
                "controls": min(counts["cases"], counts["controls"]),
                **{key: min(counts[key], counts["rows"] - counts[key]) for key in ("alerts before", "alerts after")},
            }
            assert all(few.get(key, LEAST) >= LEAST for key in known.get(name, [])), (tables, name, known)
            small = min(few.values()) < LEAST
            hidden, shown = hidden + small, shown + (len(known.get(name, [])) == len(COUNTS))
            if few["cases"] < LEAST:
                assert not {"cases", "controls", "cases found before", "cases found after"} & set(known.get(name, []))
    assert hidden > 10
    assert shown > 5


def test_the_gap_between_groups_gives_no_rate_that_is_withheld() -> None:
    """A rate beside its distance gives the other rate: without figures then, and yet judged."""
    versions = _versions([[30, 4, 5, 8, 1, 1, 0, 2], [300, 20, 20, 30, 40, 0, 0, 20], [300, 20, 20, 30, 0, 80, 0, 20]])
    found = {(each.group, each.measure): each for each in _told(versions, 11)}
    spread = gap(versions, "sensitivity", min_group=11, confidence=0.95, draws=200, rng=np.random.default_rng(1))
    assert [found[f"g={k}", "sensitivity"].withheld for k in range(3)] == [True, True, False]
    assert spread.withheld
    assert (spread.n, spread.before, spread.low) == (0, None, None)
    assert spread.direction == 1
    two = _versions([[30, 4, 5, 8, 1, 1, 0, 2], [300, 20, 20, 30, 40, 20, 20, 60]])
    alone = gap(two, "sensitivity", min_group=11, confidence=0.95, draws=10, rng=np.random.default_rng(1))
    assert (alone.n, alone.before) == (0, None)  # the cases of the only large group, less everybody's, are the others'
