"""Claims about linear models and their contributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from bedrail.core.errors import Invalid
from bedrail.models.linear import LinearModel
from bedrail.models.link import probabilities, probability


@pytest.fixture(scope="module")
def fitted() -> tuple[np.ndarray, LogisticRegression, LinearModel]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 5))
    y = (X @ np.array([1.0, -2.0, 0.0, 0.5, 0.0]) + rng.normal(size=400) > 0).astype(int)
    original = LogisticRegression().fit(X, y)
    return X, original, LinearModel(original.coef_[0], float(original.intercept_[0]))


def test_probabilities_are_scikit_learns(fitted):
    """Scores equal predict_proba to 1e-12, one row or many."""
    X, original, ours = fitted
    assert np.abs(ours.scores(X) - original.predict_proba(X)[:, 1]).max() <= 1e-12
    assert ours.score(X[3]) == pytest.approx(float(ours.scores(X)[3]), abs=1e-15)


@pytest.mark.slow
def test_contributions_are_those_of_shap_and_sum_to_the_margin(fitted):
    """coef * (x - mean) equals shap.LinearExplainer over the same background, and adds up from the base."""
    import shap

    X, original, ours = fitted
    mean = X.mean(axis=0)
    theirs = shap.LinearExplainer(original, shap.maskers.Independent(X, max_samples=len(X))).shap_values(X)
    parts = ours.contributions(X, mean)
    assert np.abs(parts - theirs).max() <= 1e-9
    assert np.abs(ours.base(mean) + parts.sum(axis=1) - ours.margins(X)).max() <= 1e-12
    assert (ours.contributions(X[0], mean) == parts[0]).all()


def test_bytes_read_back_to_the_same_bits(fitted):
    """Writing and reading changes no bit."""
    again = LinearModel.from_bytes(fitted[2].to_bytes())
    assert (again.coef == fitted[2].coef).all()
    assert again.to_bytes() == fitted[2].to_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[" * 2000,
        b'{"format":"bedrail-linear/1","link":"logit","intercept":0,"coef":[]}',
        b'{"format":"bedrail-linear/1","link":"probit","intercept":0,"coef":[1]}',
        b'{"format":"bedrail-linear/1","link":"logit","intercept":0,"coef":[1e999]}',
        b'{"format":"bedrail-linear/1","link":"logit","intercept":0,"coef":[1],"code":"x"}',
        b'{"format":"bedrail-linear/1","link":"logit","intercept":"0","coef":[1]}',
    ],
)
def test_other_bytes_are_refused(data):
    """Files of another shape, with other fields or numbers that are not finite raise Invalid."""
    with pytest.raises(Invalid):
        LinearModel.from_bytes(data)


def test_rows_of_another_width_are_refused(fitted):
    """Rows, matrices and means of another width raise Invalid."""
    ours = fitted[2]
    with pytest.raises(Invalid):
        ours.margin(np.zeros(4))
    with pytest.raises(Invalid):
        ours.margins(np.zeros((2, 6)))
    with pytest.raises(Invalid):
        ours.contributions(np.zeros((2, 5)), np.zeros(4))
    with pytest.raises(Invalid):
        LinearModel([1.0, float("nan")], 0.0)


@given(st.floats(-1e6, 1e6))
def test_the_logistic_neither_overflows_nor_leaves_zero_to_one(margin):
    """Every margin gives a probability, alone and in an array, and the two sides add up to one."""
    alone = probability(margin, "logit")
    assert 0.0 <= alone <= 1.0
    assert alone == pytest.approx(float(probabilities(np.array([margin]), "logit")[0]), abs=1e-15)
    assert alone + probability(-margin, "logit") == pytest.approx(1.0, abs=1e-15)
