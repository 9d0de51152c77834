"""Malformed tables and arguments of other outcomes: a clear error that names the place, or a missing verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bedrail as br
from bedrail.checks.outcomes.examining import outcome_report
from bedrail.checks.outcomes.tables import Layout, cohort_of
from bedrail.core.errors import Invalid

Frame = pd.DataFrame
N = 60
RNG = np.random.default_rng(1)
SHARE = RNG.dirichlet((1, 1, 1), N).round(6)
SHARE[:, 2] = 1 - SHARE[:, 0] - SHARE[:, 1]
SOUND = {
    "multiclass": Frame(
        {"outcome": list("abc") * 20, "score:a": SHARE[:, 0], "score:b": SHARE[:, 1], "score:c": SHARE[:, 2]}
    ),
    "regression": Frame({"outcome": RNG.gamma(2, 2, N), "score": RNG.gamma(2, 2, N)}),
    "survival": Frame(
        {"time": RNG.gamma(2, 2, N), "event": [0, 1, 2] * 20, "risk@2": [0.2] * N, "risk@5": np.linspace(0.2, 0.9, N)}
    ),
}


def put(column: str, row: int, value: Any) -> Callable[[Frame], Frame]:
    """The table with one cell changed."""

    def change(frame: Frame) -> Frame:
        kept = frame.astype({column: object})
        kept.loc[row, column] = value
        return kept

    return change


def drop(*columns: str) -> Callable[[Frame], Frame]:
    return lambda frame: frame.drop(columns=list(columns))


def every(column: str, value: Any) -> Callable[[Frame], Frame]:
    return lambda frame: frame.assign(**{column: value})


def twice(frame: Frame) -> Frame:
    doubled = frame.copy()
    doubled.columns = [frame.columns[0], *frame.columns[:-1]]
    return doubled


CASES: list[tuple[str, str, Callable[[Frame], Frame], dict[str, Any], str]] = [
    # type, what is wrong, how, layout, part of the path that is named
    *((kind, "no rows", lambda f: f.iloc[:0], {}, "table") for kind in SOUND),
    *((kind, "a name twice", twice, {}, "table") for kind in SOUND),
    *((kind, "a group that is not there", lambda f: f, {"groups": ("ward",)}, "--groups") for kind in SOUND),
    *((kind, "a role that is none", lambda f: f, {"columns": {"colour": "x"}}, "--column") for kind in SOUND),
    *((kind, "a blank subject", every("subject", ""), {}, "table.subject") for kind in SOUND),
    ("multiclass", "no outcome", drop("outcome"), {}, "table.outcome"),
    ("multiclass", "one column of probabilities", drop("score:b", "score:c"), {}, "score:CLASS"),
    ("multiclass", "no probabilities", drop("score:a", "score:b", "score:c"), {}, "score:CLASS"),
    ("multiclass", "a class without probability", drop("score:c"), {}, "table.outcome[row 3]"),
    ("multiclass", "an outcome of another spelling", put("outcome", 4, "A"), {}, "table.outcome[row 5]"),
    ("multiclass", "a missing outcome", put("outcome", 4, None), {}, "table.outcome[row 5]"),
    ("multiclass", "rows that do not add up", every("score:a", 0.9), {}, "score["),
    ("multiclass", "a negative probability", put("score:a", 2, -0.1), {}, "score[2"),
    ("multiclass", "per cent", lambda f: f.assign(**{c: f[c] * 100 for c in f if c != "outcome"}), {}, "score["),
    ("multiclass", "text for a probability", put("score:b", 7, "high"), {}, "table.score:b[row 8]"),
    ("multiclass", "a missing probability", put("score:b", 7, np.nan), {}, "table.score:b[row 8]"),
    ("multiclass", "an infinite probability", put("score:b", 7, np.inf), {}, "table.score:b[row 8]"),
    ("multiclass", "true and false", every("score:b", True), {}, "table.score:b"),
    ("multiclass", "an order of other classes", lambda f: f, {"order": ("a", "b", "d")}, "order"),
    ("multiclass", "a predicted class unknown", every("predicted", "z"), {}, "table.predicted[row 1]"),
    ("multiclass", "a renamed column absent", lambda f: f, {"columns": {"score:d": "p_d"}}, "table.score:d"),
    ("regression", "no outcome", drop("outcome"), {}, "table.outcome"),
    ("regression", "no score", drop("score"), {}, "table.score"),
    ("regression", "a missing outcome", put("outcome", 0, None), {}, "table.outcome[row 1]"),
    ("regression", "text for an outcome", put("outcome", 3, "long"), {}, "table.outcome[row 4]"),
    ("regression", "an infinite score", put("score", 3, -np.inf), {}, "table.score[row 4]"),
    ("regression", "dates", every("outcome", pd.Timestamp("2026-01-01")), {}, "table.outcome"),
    ("regression", "a lower bound alone", every("low", 0.0), {}, "table.high"),
    ("regression", "bounds turned round", lambda f: f.assign(low=2.0, high=1.0), {}, "interval[0]"),
    (
        "regression",
        "a bound missing",
        lambda f: put("low", 5, None)(f.assign(low=0.0, high=9.0)),
        {},
        "table.low[row 6]",
    ),
    ("regression", "a coverage above one", lambda f: f, {"nominal": 90.0}, "nominal"),
    (
        "regression",
        "one column in two roles",
        lambda f: f,
        {"columns": {"outcome": "score", "score": "score"}},
        "--column",
    ),
    ("survival", "no time", drop("time"), {}, "table.time"),
    ("survival", "no event", drop("event"), {}, "table.event"),
    ("survival", "no prediction", drop("risk@2", "risk@5"), {}, "risk@TIME"),
    ("survival", "a negative time", put("time", 2, -1.0), {}, "time[2]"),
    ("survival", "a missing time", put("time", 2, None), {}, "table.time[row 3]"),
    ("survival", "an event code of three", put("event", 2, 3), {}, "table.event[row 3]"),
    ("survival", "a missing event", put("event", 2, None), {}, "table.event[row 3]"),
    ("survival", "a horizon that is no number", lambda f: f.rename(columns={"risk@5": "risk@five"}), {}, "risk@TIME"),
    ("survival", "a horizon of zero", lambda f: f.rename(columns={"risk@2": "risk@0"}), {}, "horizons"),
    ("survival", "a risk above one", put("risk@5", 2, 1.2), {}, "risks[2"),
    ("survival", "survival instead of risk", lambda f: f.assign(**{"risk@2": 0.95}), {}, "risks["),
    ("survival", "competing events said impossible", lambda f: f, {"competing": "none"}, "event"),
    ("survival", "a word that is none", lambda f: f, {"competing": "some"}, "competing"),
    ("survival", "a threshold of one", lambda f: f, {"threshold": 1.0}, "threshold"),
]


@pytest.mark.parametrize(
    ("kind", "change", "layout", "path"), [(c[0], *c[2:]) for c in CASES], ids=[c[1] for c in CASES]
)
def test_each_malformed_table_is_a_clear_error(
    kind: str, change: Callable[[Frame], Frame], layout: dict[str, Any], path: str
) -> None:
    """The error names the column and the row, says what to do, and repeats no value of a patient."""
    with pytest.raises(Invalid) as caught:
        cohort_of(change(SOUND[kind].copy()), Layout(**{"outcome_type": kind, "columns": {}, **layout}))
    assert path in caught.value.path
    assert caught.value.remedy


CALLS: list[tuple[str, Callable[[], Any], str]] = [
    ("a type that is none", lambda: br.examine([1], [1], outcome_type="ordinal"), "outcome_type"),
    ("survival without event", lambda: br.examine([1.0], [0.5], outcome_type="survival"), "event"),
    ("too few columns", lambda: br.examine(list("abc"), np.eye(3)[:, :2], outcome_type="multiclass"), "score"),
    ("rows that differ", lambda: br.examine(list("ab"), np.eye(3), outcome_type="multiclass"), "score"),
    ("no rows", lambda: br.examine([], [], outcome_type="regression"), "outcome"),
    ("an argument of another type", lambda: br.examine([1.0], [2.0], outcome_type="regression", event=[1]), "event"),
    ("an unknown argument", lambda: br.examine([0, 1], [0.1, 0.9], horizons=[1]), "horizons"),
    ("three bounds", lambda: br.examine([1.0], [2.0], outcome_type="regression", interval=[[1, 2, 3]]), "interval"),
    (
        "a threshold of a number",
        lambda: br.examine([1.0], [2.0], outcome_type="regression", threshold=0.2),
        "threshold",
    ),
    ("a baseline", lambda: br.examine([1.0], [2.0], outcome_type="regression", baseline=[1.0]), "baseline"),
    ("horizons as text", lambda: br.examine([1.0], [0.2], event=[1], horizons="30"), "horizons"),
    ("more horizons than risks", lambda: br.examine([1.0], [0.2], event=[1], horizons=[1, 2]), "score"),
    ("horizons out of order", lambda: br.examine([1.0], [[0.2, 0.3]], event=[1], horizons=[2, 1]), "horizons"),
    (
        "a check of another type",
        lambda: br.examine([1.0], [2.0], outcome_type="regression", checks=["fairness"]),
        "checks",
    ),
    (
        "a requirement of another type",
        lambda: br.examine([1.0], [2.0], outcome_type="regression", requirements={"min_auroc": 1}),
        "requirements",
    ),
    (
        "a requirement that makes no sense",
        lambda: br.examine([1.0], [2.0], outcome_type="regression", requirements={"confidence": 2.0}),
        "requirements",
    ),
]


@pytest.mark.parametrize(("call", "path"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
def test_each_malformed_call_is_a_clear_error(call: Callable[[], Any], path: str) -> None:
    """Arguments that do not belong together are refused by name."""
    with pytest.raises(Invalid) as caught:
        call()
    assert path in caught.value.path


def shuffled(frame: Frame) -> Frame:
    return frame.sample(frac=1, random_state=0)


POOR: list[tuple[str, str, Callable[[Frame], Frame]]] = [
    *((kind, "one row", lambda f: f.iloc[1:2]) for kind in SOUND),
    *((kind, "two rows", lambda f: f.iloc[1:3]) for kind in SOUND),
    *((kind, "one patient", every("subject", "p")) for kind in SOUND),
    *((kind, "a group each of one", lambda f: f.iloc[:12].assign(ward=list("abcdefghijkl"))) for kind in SOUND),
    ("multiclass", "one class only", every("outcome", "a")),
    ("multiclass", "a class that nobody has", lambda f: f[f.outcome != "c"]),
    ("multiclass", "equal probabilities", lambda f: f.assign(**{f"score:{c}": 1 / 3 for c in "abc"})),
    ("multiclass", "certain and wrong", lambda f: f.assign(outcome="a", **{"score:a": 0, "score:b": 1, "score:c": 0})),
    ("regression", "equal outcomes", every("outcome", 3.0)),
    ("regression", "equal predictions", every("score", 3.0)),
    ("regression", "empty intervals", lambda f: f.assign(low=f.score, high=f.score)),
    ("survival", "no event at all", every("event", 0)),
    ("survival", "no censoring at all", every("event", 1)),
    ("survival", "competing events only", every("event", 2)),
    ("survival", "equal times", every("time", 3.0)),
    ("survival", "times of zero", every("time", 0.0)),
    ("survival", "risks of zero", lambda f: f.assign(**{"risk@2": 0.0, "risk@5": 0.0})),
    ("survival", "risks of one", lambda f: f.assign(**{"risk@2": 1.0, "risk@5": 1.0})),
    ("survival", "horizons beyond everybody", lambda f: f.rename(columns={"risk@5": "risk@500"})),
]


@pytest.mark.parametrize(("kind", "change"), [(p[0], p[2]) for p in POOR], ids=[f"{p[0]}: {p[1]}" for p in POOR])
@pytest.mark.slow
def test_data_that_cannot_tell_give_missing_verdicts_and_never_a_crash(
    kind: str, change: Callable[[Frame], Frame]
) -> None:
    """Poor data pass nothing as a whole; what cannot be computed is absent, and every report can be written."""
    frame = change(SOUND[kind].copy())
    report = outcome_report(cohort_of(frame, Layout(outcome_type=kind, columns={})), {"draws": 20})  # type: ignore[arg-type]
    assert report.verdict != "pass"
    assert report.findings.estimate.abs().max() < float("inf") or report.findings.estimate.isna().all()
    assert report.to_json()
    assert report.to_html()
