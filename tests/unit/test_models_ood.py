"""Distance to the training patients, against scikit-learn and the plain formula."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from models_samples import CONTRACT, encounters
from sklearn.covariance import ledoit_wolf as reference

from bedrail.core.errors import Invalid
from bedrail.models.contract import Contract, Feature
from bedrail.models.ood import Distance, fit_distance, ledoit_wolf

NUMERIC = [0, 4, 5]


@pytest.mark.parametrize("n, d", [(30, 3), (50, 20), (500, 8), (12, 30)])
def test_shrinkage_is_that_of_scikit_learn(n: int, d: int) -> None:
    """Covariance and shrinkage equal sklearn's Ledoit-Wolf estimate on centred rows."""
    rng = np.random.default_rng(n + d)
    rows = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    rows -= rows.mean(axis=0)
    covariance, shrinkage = ledoit_wolf(rows)
    expected, amount = reference(rows, assume_centered=True)
    assert shrinkage == pytest.approx(amount, abs=1e-10)
    assert np.abs(covariance - expected).max() < 1e-9 * np.abs(expected).max()


def test_the_distance_is_mahalanobis_over_the_numeric_columns() -> None:
    """It equals sqrt(z' C^-1 z) with the shrunk covariance; one-hot columns change nothing."""
    X = CONTRACT.encode_table(encounters(400, 0))
    gauge = fit_distance(X, CONTRACT).compiled()
    Z = (X[:, NUMERIC] - X[:, NUMERIC].mean(axis=0)) / X[:, NUMERIC].std(axis=0)
    covariance, _ = reference(Z, assume_centered=True)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", Z, np.linalg.inv(covariance), Z))
    assert np.abs(gauge.distances(X) - expected).max() < 1e-4
    assert np.abs([gauge.distance(x) for x in X] - gauge.distances(X)).max() < 1e-12
    other = X[0].copy()
    other[1:4] = [1, 0, 0]
    assert gauge.distance(other) == pytest.approx(gauge.distance(X[0]))


def test_the_limit_is_the_stated_quantile_of_the_training_rows() -> None:
    """One in a hundred training rows lies beyond a limit at 0.99."""
    X = CONTRACT.encode_table(encounters(1000, 1))
    fitted = fit_distance(X, CONTRACT, quantile=0.99)
    assert (fitted.compiled().distances(X) > fitted.limit).sum() == 10


def test_the_strangest_input_is_named() -> None:
    """A creatinine in the wrong unit is far out, has the largest share, and lies above every percentile."""
    X = CONTRACT.encode_table(encounters(1000, 2))
    gauge = fit_distance(X, CONTRACT).compiled()
    row = X[0].copy()
    row[4] *= 88.4
    assert gauge.distance(row) > gauge.limit
    first = gauge.reasons(row)[0]
    assert first.feature == "creatinine"
    assert first.share > 0.9
    assert (first.below, first.at_most) == (1.0, 1.0)
    assert sum(each.share for each in gauge.reasons(row)) == pytest.approx(1.0)


def test_percentiles_place_a_value_among_the_training_rows() -> None:
    """The middle value stands near one half, a value below all at 0."""
    X = CONTRACT.encode_table(encounters(1001, 3))
    gauge = fit_distance(X, CONTRACT).compiled()
    row = X[0].copy()
    row[0] = np.median(X[:, 0]) + 1e-6
    row[4] = -5.0
    parts = {each.feature: each for each in gauge.reasons(row)}
    assert (parts["age"].below, parts["age"].at_most) == (0.5, 0.55)
    assert (parts["creatinine"].below, parts["creatinine"].at_most) == (0.0, 0.0)


def test_columns_without_spread_or_repeated_do_not_break_it() -> None:
    """A constant and a doubled column give finite distances, and another value of the constant is far."""
    names = ("a", "b", "c")
    contract = Contract(features=tuple(Feature(name=name, kind="numeric") for name in names))
    a = np.random.default_rng(4).normal(size=200)
    gauge = fit_distance(np.column_stack((a, a, np.full(200, 7.0))), contract).compiled()
    assert np.isfinite(gauge.limit)
    assert gauge.distance(np.array([0.1, 0.1, 7.0])) < gauge.limit
    assert gauge.distance(np.array([0.1, 0.1, 9.0])) > gauge.limit
    assert gauge.distance(np.array([1.0, -1.0, 7.0])) > gauge.limit


def test_a_model_without_numbers_has_distance_zero() -> None:
    """Only categories: nothing is far, and there are no reasons."""
    contract = Contract(features=(Feature(name="a", kind="categorical", levels=("x", "y")),))
    gauge = fit_distance(np.tile([1.0, 0.0], (20, 1)), contract).compiled()
    assert gauge.distance(np.array([0.0, 1.0])) == 0.0
    assert gauge.distances(np.zeros((3, 2))).tolist() == [0.0, 0.0, 0.0]
    assert gauge.reasons(np.array([0.0, 1.0])) == ()


def test_a_distance_survives_storage() -> None:
    """JSON and back gives an equal value."""
    fitted = fit_distance(CONTRACT.encode_table(encounters(100, 5)), CONTRACT)
    assert msgspec.json.decode(msgspec.json.encode(fitted), type=Distance) == fitted


@pytest.mark.parametrize("rows, columns, quantile", [(5, 6, 0.999), (100, 5, 0.999), (100, 6, 0.3)])
def test_too_little_to_learn_from_is_refused(rows: int, columns: int, quantile: float) -> None:
    """Few rows, another width and a senseless quantile are the caller's to mend."""
    X = np.random.default_rng(6).normal(size=(rows, columns))
    with pytest.raises(Invalid):
        fit_distance(X, CONTRACT, quantile=quantile)
    X = np.random.default_rng(6).normal(size=(100, 6))
    X[3, 0] = np.nan
    with pytest.raises(Invalid):
        fit_distance(X, CONTRACT)
