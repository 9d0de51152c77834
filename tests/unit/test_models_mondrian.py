"""Conformal prediction by category and abstention: against MAPIE, venn-abers and theory."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from bedrail.checks import Cohort, Requirements, examine
from bedrail.core.errors import Invalid
from bedrail.core.values import Verdict
from bedrail.models.calibrate import fit_venn_abers, venn_abers_bounds
from bedrail.models.mondrian import answers, coverage_band, fit_mondrian, promise_abstention

GUARDS = ("uncertainty",)


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores that are too low in group b, outcomes, groups."""
    group = rng.choice(["a", "b"], n, p=(0.7, 0.3))
    x = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(1.0 - 1.5 * x - 1.2 * (group == "b")))).astype(float)
    return 1 / (1 + np.exp(1.0 - 1.5 * x)), y, group


@pytest.mark.slow
def test_split_conformal_sets_are_mapies() -> None:
    """The sets of split conformal prediction are those of MAPIE's least ambiguous classifier at three levels."""
    from mapie.classification import SplitConformalClassifier
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Known(ClassifierMixin, BaseEstimator):
        classes_ = np.array([0, 1])

        def __init__(self) -> None:
            self.fitted_ = True

        def fit(self, X: np.ndarray, y: np.ndarray) -> Known:
            return self

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return np.column_stack((1 - X[:, 0], X[:, 0]))

        def predict(self, X: np.ndarray) -> np.ndarray:
            return (X[:, 0] >= 0.5).astype(int)

    rng = np.random.default_rng(0)
    (s, y, _), (new, _, _) = draw(rng, 357), draw(rng, 400)
    alphas = (0.05, 0.1, 0.2)
    theirs = SplitConformalClassifier(Known(), confidence_level=[1 - a for a in alphas], prefit=True)
    theirs.conformalize(s[:, None], y.astype(int))
    sets = theirs.predict_set(new[:, None])[1]
    mine = fit_mondrian(s, y).p_values(new)
    for k, alpha in enumerate(alphas):
        assert np.array_equal(mine > alpha, sets[:, :, k])


def test_venn_abers_bounds_are_those_of_the_venn_abers_package() -> None:
    """p0 and p1 of the inductive Venn-Abers predictor agree with the venn-abers package to 1e-9."""
    from venn_abers import VennAbers

    rng = np.random.default_rng(1)
    (s, y, _), (new, _, _) = draw(rng, 300), draw(rng, 200)
    theirs = VennAbers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # empty slices within the package
        theirs.fit(np.column_stack((1 - s, s)), y.astype(int), precision=None)
        _, bounds = theirs.predict_proba(np.column_stack((1 - new, new)))
    low, high = venn_abers_bounds(fit_venn_abers(s, y), new)
    assert low == pytest.approx(bounds[:, 0], abs=1e-9)
    assert high == pytest.approx(bounds[:, 1], abs=1e-9)


@pytest.mark.slow
def test_coverage_within_groups_and_classes_is_beta_binomial() -> None:
    """Over 400 calibrations the covered count of each category lies in its 90 % band in 86 to 98 % of them.

    Without categories the group whose scores are off is covered too rarely.
    """
    rng = np.random.default_rng(2)
    inside: dict[tuple[str, str], int] = {}
    short = 0
    for _ in range(400):
        (s, y, g), (t, z, h) = draw(rng, 400), draw(rng, 300)
        for word, groups, by_class in (("groups", g, False), ("both", g, True), ("all", None, False)):
            fitted = fit_mondrian(s, y, groups, by_class=by_class)
            p = fitted.p_values(t, None if groups is None else h)
            own = np.where(z == 1, p[:, 1], p[:, 0]) > 0.2
            if groups is None:
                short += own[h == "b"].mean() < 0.8
                continue
            rows = (h == "b") & ((z == 1) | (not by_class))
            low, high = coverage_band(fitted.calibrated("b", 1), int(rows.sum()), 0.2, 0.9)
            inside[word, "b"] = inside.get((word, "b"), 0) + int(low <= own[rows].mean() <= high)
    assert all(0.86 <= count / 400 <= 0.98 for count in inside.values()), inside
    assert short / 400 > 0.7


def test_a_group_that_calibration_never_saw_rules_nothing_out() -> None:
    """Unknown groups and groups too small for the level keep both outcomes; wrong lengths are invalid."""
    rng = np.random.default_rng(3)
    s, y, g = draw(rng, 200)
    fitted = fit_mondrian(s, y, g, by_class=True)
    assert (fitted.p_values(s[:5], ["c"] * 5) == 1).all()
    tiny = fit_mondrian(np.r_[s, 0.4, 0.6], np.r_[y, 1, 0], np.append(g, ["d", "d"]))
    assert (answers(tiny.p_values(s[:50], ["d"] * 50), 0.1) == -1).all()
    assert coverage_band(2, 50, 0.1, 0.95) == (1.0, 1.0)
    with pytest.raises(Invalid):
        fitted.p_values(s)


@pytest.mark.slow
def test_an_abstention_keeps_its_promise_on_new_patients() -> None:
    """Of 200 promises of at most 20 % wrong answers, at most 8 % are broken; a promise nobody can keep is not made."""
    rng = np.random.default_rng(4)
    (s, y, _), (far, truth, _) = draw(rng, 1_000), draw(rng, 40_000)
    fitted = fit_mondrian(s, y, by_class=True)
    new = fitted.p_values(far)
    broken = made = 0
    for _ in range(200):
        t, z, _ = draw(rng, 600)
        promise = promise_abstention(fitted.p_values(t), z, max_error=0.2)
        if promise is None:
            continue
        made += 1
        told = promise.answers(new)
        broken += float(np.mean(told[told >= 0] != truth[told >= 0])) > 0.2
    assert made > 100
    assert broken / made <= 0.08
    assert promise_abstention(fitted.p_values(s[:60]), y[:60], max_error=0.001) is None
    with pytest.raises(Invalid):
        promise_abstention(fitted.p_values(s), y, max_error=1.0)


def test_error_among_answered_is_held_against_the_promise_for_all_and_by_group() -> None:
    """Sets fitted for all break a promise in the group whose scores are off; those fitted by group keep it."""
    rng = np.random.default_rng(5)
    (s, y, g), (t, z, h) = draw(rng, 4_000), draw(rng, 4_000)
    verdicts = {}
    for word, groups in (("all", None), ("group", g)):
        p = fit_mondrian(s, y, groups).p_values(t, None if groups is None else h)
        cohort = Cohort(outcome=z, score=t, p_values=p, groups=pd.DataFrame({"group": h}))
        (evidence,) = examine(cohort, Requirements(max_answered_error=0.2), checks=["uncertainty"])
        verdicts[word] = {(f.check.split(".")[1], f.group): f for f in evidence.findings}
    assert verdicts["all"]["error-among-answered", "group=b"].verdict is Verdict.FAIL
    assert verdicts["all"]["error-among-answered", "group=a"].verdict is Verdict.PASS
    answered = verdicts["group"]["answered", "overall"]
    assert answered.low is not None
    assert answered.high is not None
    assert answered.estimate is not None
    assert answered.low < answered.estimate < answered.high
