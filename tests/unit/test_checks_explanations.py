"""Explanations put to the test: what must pass does, and planted faults are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.inspection import permutation_importance as sklearn_importance
from sklearn.linear_model import LinearRegression

from bedrail.checks.explanations.asking import CHECK, Explained, close_pairs, explanation_evidence
from bedrail.checks.explanations.fidelity import fidelity_findings, r2_interval
from bedrail.checks.explanations.similarity import permutation_importance, rank_agreement
from bedrail.checks.requirements import Requirements
from bedrail.core.values import Finding, Verdict
from bedrail.models.calibrate import sigmoids
from bedrail.models.contract import Contract, Feature
from bedrail.models.explain.lime import log_odds
from bedrail.models.linear import LinearModel

GUARDS = ("explanations",)

CONTRACT = Contract(
    features=tuple(Feature(name=name, kind="numeric", missing="impute", impute=0.0) for name in "abcdef")
)
WEIGHTS = np.array([2.0, -1.4, 0.9, 0.6, 0.3, -0.15])


def explained(**changes: object) -> Explained:
    """A linear model with its exact shares."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    model, other = LinearModel(WEIGHTS, -0.5), LinearModel([-0.1, 0.05, 0.2, 0.1, -0.3, 0.2], 0.0)
    mean = X.mean(axis=0)

    def blank(name: str) -> np.ndarray:
        rows = X.copy()
        rows[:, CONTRACT.names.index(name)] = 0.0
        return rows

    made = Explained(
        contract=CONTRACT, X=X, patient=np.arange(120), ask=model.scores, base=model.base(mean), scale="log-odds",
        parts=lambda rows: model.contributions(rows, mean), exact=True, untrained="", blank=blank,
        randomised=lambda rows: other.contributions(rows, mean), answers=model.scores(X), groups={},
    )  # fmt: skip
    return replace(made, **changes)


def told(subject: Explained) -> tuple[Verdict, dict[tuple[str, str], Finding]]:
    """The verdict and findings by figure and group."""
    found = explanation_evidence(subject, Requirements(), np.random.default_rng(1))
    return found.verdict, {(f.check.removeprefix(f"{CHECK}."), f.group): f for f in found.findings}


def test_exact_shares_of_a_line_pass_every_question() -> None:
    """Sum, stability, agreement, randomised labels and gaps pass for a model that is what its reasons say."""
    verdict, figures = told(explained())
    assert verdict is Verdict.PASS
    for name in (("sum", "overall"), ("stability", "overall"), ("agreement", "with=lime"),
                 ("agreement", "with=permutation importance"), ("randomised", "labels=shuffled"),
                 ("missing-value", "input=any"), ("correlation", "inputs=any two")):  # fmt: skip
        assert figures[name].verdict is Verdict.PASS, figures[name].reason
    for figure in figures.values():
        assert figure.estimate is None or figure.low is None or figure.low <= figure.estimate


def test_shares_that_do_not_add_up_fail_with_their_error() -> None:
    """A hundredth added to one share is found and told."""
    honest = explained()

    def off(rows: np.ndarray) -> np.ndarray:
        parts = honest.parts(rows).copy()
        parts[:, 0] += 0.01
        return parts

    verdict, figures = told(replace(honest, parts=off))
    assert verdict is Verdict.FAIL
    assert figures["sum", "overall"].estimate == pytest.approx(0.01, rel=1e-6)
    assert figures["missing-value", "input=a"].verdict is Verdict.FAIL


@pytest.mark.slow
def test_reasons_that_have_nothing_to_do_with_the_model_are_found() -> None:
    """Shares dealt to the wrong inputs fail agreement; shares that do not change with the labels fail randomisation."""
    honest = explained()
    _, figures = told(replace(honest, parts=lambda rows: honest.parts(rows)[:, ::-1]))
    assert figures["agreement", "with=permutation importance"].verdict is Verdict.FAIL
    assert figures["agreement", "with=lime"].verdict is Verdict.FAIL
    _, figures = told(replace(honest, randomised=honest.parts))
    assert figures["randomised", "labels=shuffled"].verdict is Verdict.FAIL
    assert figures["randomised", "labels=shuffled"].estimate == pytest.approx(1.0)
    _, figures = told(replace(honest, randomised=None, untrained="It was not trained here."))
    assert figures["randomised", "labels=shuffled"].verdict is Verdict.MISSING


@pytest.mark.slow
def test_reasons_that_jump_at_a_touch_are_found_and_counts_are_not_touched() -> None:
    """Shares shuffled by the last digits of the inputs fail stability; inputs that are all counts leave it open."""
    honest = explained()

    def nervous(rows: np.ndarray) -> np.ndarray:
        parts = honest.parts(rows)
        seeds = (np.abs(rows[:, 0]) * 1e9).astype(np.int64)
        return np.stack([np.random.default_rng(s).permutation(p) for s, p in zip(seeds, parts, strict=True)])

    _, figures = told(replace(honest, parts=nervous))
    assert figures["stability", "overall"].verdict is Verdict.FAIL
    whole = np.round(honest.X)
    _, figures = told(replace(honest, X=whole, answers=honest.ask(whole)))
    assert figures["stability", "inputs=continuous"].verdict is Verdict.MISSING


def test_inputs_that_go_together_are_named_as_not_identifiable() -> None:
    """A near copy of an input is named with its correlation, and is a warning, not a failure."""
    honest = explained()
    X = honest.X.copy()
    X[:, 5] = X[:, 0] + 0.05 * X[:, 5]
    ((first, second, rho),) = close_pairs(CONTRACT, X)
    assert {first, second} == {"a", "f"}
    assert rho > 0.99
    _, figures = told(replace(honest, X=X, answers=honest.ask(X)))
    assert figures["correlation", "inputs=f and a"].verdict is Verdict.MISSING


def test_too_few_rows_are_said_to_be_too_few() -> None:
    """Nineteen rows give a missing verdict and no figures."""
    few = explained()
    verdict, figures = told(replace(few, X=few.X[:19], patient=few.patient[:19], answers=few.answers[:19]))
    assert verdict is Verdict.MISSING
    assert len(figures) == 1


@pytest.mark.slow
def test_fidelity_is_told_overall_and_by_group_with_intervals_that_hold() -> None:
    """A surrogate that fails one group is found there; R2 intervals hold the truth as often as told."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=3_000)
    group = np.where(np.arange(3_000) % 3 == 0, "few", "many")
    said = truth + rng.normal(size=3_000) * np.where(group == "few", 1.2, 0.1)
    found = {(f.check, f.group): f for f in fidelity_findings(
        sigmoids(truth), sigmoids(said), {"kind": group}, np.arange(3_000), 0.5, Requirements(), rng)}  # fmt: skip
    assert found["explanations.fidelity", "kind=many"].verdict is Verdict.PASS
    assert found["explanations.fidelity", "kind=few"].verdict is Verdict.FAIL
    assert "cannot be trusted" in found["explanations.fidelity", "kind=few"].reason
    assert found["explanations.same-side", "kind=many"].verdict is Verdict.PASS
    held = 0
    for _ in range(100):
        t = rng.normal(size=400)
        s = t + rng.normal(size=400) * 0.5
        _, low, high = r2_interval(t, s, np.arange(400), 0.95, rng)
        held += low <= 0.75 <= high
    assert held >= 88


def test_permutation_importance_orders_inputs_as_scikit_learn_does() -> None:
    """The order of mean moves is that of scikit-learn's permutation importance for the same model."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 6))
    margins = X @ WEIGHTS
    model = LinearRegression().fit(X, margins)
    theirs = sklearn_importance(model, X, margins, n_repeats=3, random_state=0).importances_mean
    ours = permutation_importance(margins, X, CONTRACT.spans, lambda rows: rows @ WEIGHTS, rng)
    assert np.argsort(np.abs(ours).mean(axis=0)).tolist() == np.argsort(theirs).tolist()
    assert rank_agreement(ours, ours)[0] == pytest.approx(1.0)
    assert log_odds(np.array([0.5]))[0] == 0.0
