"""`import bedrail as br; br.examine(...)`: quick to import, takes what people have, names what is wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bedrail as br


def data(n: int = 400) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(2)
    score = rng.beta(2, 8, n)
    outcome = (rng.random(n) < score).astype(int)
    return outcome, score, pd.DataFrame({"gender": rng.choice(["f", "m"], n), "ward": rng.integers(1, 4, n)})


class Polars:
    """Stands in for a polars column: `to_pandas` only."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def to_pandas(self) -> pd.Series:
        return pd.Series(self.values)


class PolarsFrame:
    """Stands in for a polars frame."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.columns = list(frame.columns)

    def to_pandas(self) -> pd.DataFrame:
        return self.frame


class Arrayish:
    """Knows only `__array__`."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.values, dtype=dtype)


def test_importing_bedrail_loads_nothing_but_itself() -> None:
    """The import brings one module, no room and no library, and still knows its public names."""
    code = (
        "import sys; before = set(sys.modules); import bedrail\n"
        "assert 'examine' in dir(bedrail)\n"
        "brought = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert brought <= {'bedrail'} | sys.stdlib_module_names, brought\n"
        "rooms = {name for name in sys.modules if name.startswith('bedrail.')}\n"
        "assert not rooms, rooms\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_report_has_the_promised_face() -> None:
    """findings, to_json, to_html, committee_html, verdict and the notebook view are there."""
    outcome, score, groups = data()
    report = br.examine(outcome, score, groups=groups, subject=np.arange(len(outcome)))
    columns = ["check", "group", "verdict", "estimate", "low", "high", "n", "smallest_gap", "reason", "judged"]
    assert list(report.findings.columns) == columns
    assert {"gender=f", "ward=2"} <= set(report.findings["group"])
    assert report.verdict in ("pass", "fail", "missing")
    assert report._repr_html_().startswith("<div")
    assert report.to_json().startswith("{")
    assert "<html" in report.to_html()
    assert "<html" in report.committee_html()
    assert repr(report).startswith("<Report ")


FORMS = [
    list,
    tuple,
    np.asarray,
    pd.Series,
    Polars,
    Arrayish,
    lambda v: np.asarray(v)[:, None],
    lambda v: iter(list(v)),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_any_usual_container_gives_the_same_report(form: Any) -> None:
    """Lists, tuples, arrays, columns of pandas and of polars-like libraries mean the same."""
    outcome, score, groups = data()
    expected = br.examine(outcome, score, groups=groups, checks=["calibration", "subgroups"])
    given = br.examine(form(outcome), form(score), groups=groups.to_dict("list"), checks=["calibration", "subgroups"])
    assert given.to_json() == expected.to_json()


def test_rows_are_matched_by_position_not_by_index() -> None:
    """A shuffled pandas index must not reorder rows silently."""
    outcome, score, groups = data()
    expected = br.examine(outcome, score, groups=groups, checks=["discrimination", "subgroups"])
    index = np.random.default_rng(1).permutation(len(outcome))
    given = br.examine(
        pd.Series(outcome, index=index), score, groups=groups.set_index(index), checks=["discrimination", "subgroups"]
    )
    assert given.to_json() == expected.to_json()


@pytest.mark.parametrize(
    "groups",
    [
        pd.Series(["a", "b"] * 200, name="arm"),
        {"arm": ["a", "b"] * 200},
        PolarsFrame(pd.DataFrame({"arm": ["a", "b"] * 200})),
        pd.DataFrame({"arm": pd.Categorical(["a", "b"] * 200)}),
    ],
)
def test_groups_come_in_any_form(groups: Any) -> None:
    """A named column, a mapping, a frame: each attribute keeps its name."""
    outcome, score, _ = data()
    report = br.examine(outcome, score, groups=groups, checks=["subgroups"])
    assert {"arm=a", "arm=b"} <= set(report.findings["group"]) <= {"arm=a", "arm=b", "arm=*"}


def test_truth_values_and_yes_no_are_outcomes() -> None:
    """Outcomes may be written as people write them."""
    outcome, score, _ = data()
    expected = br.examine(outcome, score, checks=["calibration"]).to_json()
    assert br.examine(outcome.astype(bool), score, checks=["calibration"]).to_json() == expected
    words = np.where(outcome == 1, "yes", "no")
    assert br.examine(words, score, checks=["calibration"]).to_json() == expected


def test_without_groups_fairness_does_not_count_but_is_shown_as_missing() -> None:
    """The verdict rests on what the data can answer; what was not examined is visible."""
    outcome, score, _ = data()
    report = br.examine(outcome, score)
    assert "fairness" not in report.required
    assert (report.findings.query("check == 'fairness'")["verdict"] == "missing").all()


def test_requirements_can_be_overruled_by_name() -> None:
    """A single number may be given as a mapping."""
    outcome, score, _ = data()
    report = br.examine(outcome, score, checks=["discrimination"], requirements={"min_auroc": 0.999})
    assert report.verdict == "fail"


GOOD = [0, 1] * 10
RISK = [0.1, 0.2] * 10
BAD: list[tuple[dict[str, Any], str]] = [
    ({"outcome": []}, "outcome"),
    ({"outcome": None}, "outcome"),
    ({"outcome": "0101"}, "outcome"),
    ({"outcome": 5}, "outcome"),
    ({"outcome": [0, 1, 2, *GOOD[3:]]}, "outcome[2]"),
    ({"outcome": [0.0, float("nan"), *GOOD[2:]]}, "outcome[1]"),
    ({"outcome": [0, None, *GOOD[2:]]}, "outcome[1]"),
    ({"outcome": ["dead", *GOOD[1:]]}, "outcome[0]"),
    ({"outcome": [[0], [1]] * 10}, "outcome"),
    ({"outcome": {"a": 1}}, "outcome"),
    ({"outcome": pd.DataFrame({"a": GOOD})}, "outcome"),
    ({"outcome": np.zeros((20, 2))}, "outcome"),
    ({"score": RISK[1:]}, "score"),
    ({"score": None}, "score"),
    ({"score": [1.5, *RISK[1:]]}, "score[0]"),
    ({"score": [-0.1, *RISK[1:]]}, "score[0]"),
    ({"score": [float("nan"), *RISK[1:]]}, "score[0]"),
    ({"score": [float("inf"), *RISK[1:]]}, "score[0]"),
    ({"score": ["high", *RISK[1:]]}, "score[0]"),
    ({"score": [True, False] * 10}, "score"),
    ({"score": np.ma.masked_array(RISK, mask=[True] + [False] * 19)}, "score[0]"),
    ({"score": np.zeros((2, 10))}, "score"),
    ({"groups": pd.DataFrame({"a": ["x"] * 3})}, "groups.a"),
    ({"groups": {"a": ["x"] * 21}}, "groups.a"),
    ({"groups": {}}, "groups"),
    ({"groups": 7}, "groups"),
    ({"groups": pd.DataFrame(np.zeros((20, 2)), columns=["a", "a"])}, "groups"),
    ({"subject": ["p"] * 3}, "subject"),
    ({"subject": [None, *["p"] * 19]}, "subject[0]"),
    ({"subject": [1.5] + [1.0] * 19}, "subject[0]"),
    ({"time": ["soon"] * 20}, "time[0]"),
    ({"time": [1, 2]}, "time"),
    ({"site": ["a"]}, "site"),
    ({"baseline": [2.0] * 20}, "baseline[0]"),
    ({"threshold": 0}, "threshold"),
    ({"threshold": 1.0}, "threshold"),
    ({"threshold": "0.2"}, "threshold"),
    ({"threshold": float("nan")}, "threshold"),
    ({"threshold": True}, "threshold"),
    ({"checks": ["beauty"]}, "checks"),
    ({"checks": "calibration"}, "checks"),
    ({"checks": []}, "checks"),
    ({"requirements": {"min_beauty": 1}}, "requirements"),
    ({"requirements": {"min_auroc": "high"}}, "requirements"),
    ({"intersections": [("race", "age")]}, "intersections[0]"),
]


@pytest.mark.parametrize(("change", "path"), BAD, ids=[f"{at}-{path}" for at, (_, path) in enumerate(BAD)])
def test_a_bad_argument_is_named_with_the_remedy(change: dict[str, Any], path: str) -> None:
    """Whatever is wrong, the error is `Invalid`, names the argument (and the row), and says what to do."""
    given = {"outcome": GOOD, "score": RISK, **change}
    outcome, score = given.pop("outcome"), given.pop("score")
    with pytest.raises(br.Invalid) as caught:
        br.examine(outcome, score, **given)
    assert caught.value.path == path
    assert caught.value.remedy


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy face answers like any module."""
    with pytest.raises(AttributeError, match="no attribute 'beauty'"):
        br.beauty  # noqa: B018


def test_arguments_that_are_no_column_are_told_by_name_too() -> None:
    """Seed, intersections, checks, a confidence of nearly one: each is named; numpy's numbers are taken."""
    y, s = [0, 1] * 40, [0.2, 0.6] * 40
    wrong: list[tuple[str, dict[str, Any]]] = [
        *(("seed", {"seed": value}) for value in (-1, 1.5, "a", None, True)),
        *(("intersections", {"intersections": value}) for value in ("g", ["ab"], [3], 3, None)),
        *(("checks", {"checks": value}) for value in (5, [], "calibration")),
        *(("requirements.confidence", {"requirements": {"confidence": v}}) for v in (1 - 1e-16, 1e-12)),
    ]
    for path, arguments in wrong:
        with pytest.raises(br.Invalid) as caught:
            br.examine(y, s, groups={"g": ["a", "b"] * 40}, **arguments)
        assert (caught.value.path, bool(caught.value.remedy)) == (path, True), arguments
    numbers = {"min_auroc": np.float64(0.6), "draws": np.int64(100)}
    assert br.examine(y, s, requirements=numbers, checks=["discrimination"], seed=np.int64(3)).verdict != "missing"
