"""Claims about additive models: the library's own answers, exact parts, no library at the bedside."""

from __future__ import annotations

import sys
import warnings
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd
import pytest
from models_samples import CONTRACT, encounters

from bedrail.core.errors import Corrupt, Invalid
from bedrail.models.contract import Contract, Feature
from bedrail.models.ebm import AdditiveModel, Axis, StoredEbm, Term
from bedrail.models.ebm_interpret import ask_interpret, probes_of
from bedrail.models.importers import import_ebm
from bedrail.models.package import load_package, write_package
from bedrail.models.probes import given, require_same
from bedrail.models.values import Lineage
from bedrail.models.wrap import wrap

if TYPE_CHECKING:
    from interpret.glassbox import ExplainableBoostingClassifier

TABLE = encounters(500, 1)
FEATURES = TABLE[list(CONTRACT.names)]


def fitted(X: pd.DataFrame, y: pd.Series, **settings: object) -> ExplainableBoostingClassifier:
    from interpret.glassbox import ExplainableBoostingClassifier

    told = {"random_state": 1, "n_jobs": 1, "outer_bags": 2, "max_rounds": 60, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # interpret warns of gaps, which are meant here
        return ExplainableBoostingClassifier(**told).fit(X, y)


@pytest.fixture(scope="module")
def machine() -> ExplainableBoostingClassifier:
    holed = FEATURES.copy()
    holed.loc[::17, "creatinine"] = np.nan
    return fitted(holed, TABLE["outcome"])


@pytest.fixture(scope="module")
def model(machine: ExplainableBoostingClassifier) -> AdditiveModel:
    return AdditiveModel.from_bytes(import_ebm(machine, CONTRACT).model)


def test_margins_and_terms_are_the_librarys_own(machine: ExplainableBoostingClassifier, model: AdditiveModel) -> None:
    """Margins equal interpret's to the last bit, terms within rounding, one row as many, gaps and new levels too."""
    X = CONTRACT.encode_table(FEATURES)
    assert np.array_equal(model.margins(X), machine.decision_function(FEATURES))
    assert np.abs(model.terms(X) - machine.eval_terms(FEATURES)).max() < 1e-12
    rows = np.concatenate([X[:60], probes_of(model).rows])
    assert np.array_equal(model.margins(rows), [model.margin(row) for row in rows])
    assert np.array_equal(model.terms(rows), [model.terms(row) for row in rows])
    assert np.abs(model.scores(rows) - ask_interpret(machine, CONTRACT, rows)).max() < 1e-12
    assert np.isnan(rows).any()


def test_contributions_are_shapley_values_that_sum_to_the_margin(model: AdditiveModel) -> None:
    """Base and contributions make the margin; over all orders of the features each gets what its terms bring."""
    X = CONTRACT.encode_table(FEATURES)[:40]
    parts = model.contributions(X)
    assert np.abs(model.base + parts.sum(axis=1) - model.margins(X)).max() < 1e-12
    assert np.allclose(parts, [model.contributions(row) for row in X], rtol=0, atol=1e-15)
    inputs = model.inputs_of(CONTRACT)
    assert any(len(names) == 2 for names in inputs)
    terms = model.terms(X[0])
    orders = list(permutations(CONTRACT.names))
    for feature, (start, stop) in zip(CONTRACT.names, CONTRACT.spans, strict=True):
        gained = 0.0
        for order in orders:
            before = set(order[: order.index(feature)])
            gained += sum(
                t
                for t, names in zip(terms, inputs, strict=True)
                if feature in names and set(names) <= before | {feature}
            )
        assert parts[0, start:stop].sum() == pytest.approx(gained / len(orders), abs=1e-12)
    assert np.count_nonzero(parts[0, slice(*CONTRACT.spans[1])]) == 1  # the level that is set


def test_a_package_answers_without_the_library(
    model: AdditiveModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed, written, read and asked where interpret cannot be imported; contributions come by feature."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "interpret"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "interpret", None)
    calibration = encounters(400, 2)
    X = CONTRACT.encode_table(calibration)
    lineage = Lineage(origin="imported")
    data, y = model.to_bytes(), calibration["outcome"].to_numpy()
    package = wrap("ebm", data, CONTRACT, X, y, CONTRACT.encode_table(FEATURES), name="ebm", lineage=lineage)
    write_package(tmp_path / "p", package, data)
    loaded = load_package(tmp_path / "p")
    assert loaded.additive is not None
    assert loaded.additive.to_bytes() == data
    assert loaded.score(X[0]) == pytest.approx(model.score(X[0]), abs=1e-15)
    parts = loaded.contributions(X[0])
    assert parts is not None
    assert loaded.base is not None
    assert parts.shape == (4,)
    assert loaded.base + parts.sum() == pytest.approx(model.margin(X[0]), abs=1e-12)


def test_a_machine_trained_on_the_contracts_columns_comes_in_too() -> None:
    """One-hot columns as numbers, with two values as cuts or as nominal values, and levels the machine never saw."""
    contract = Contract(
        features=(
            Feature(name="age", kind="numeric"),
            Feature(name="ward", kind="categorical", levels=("medical", "surgical", "other", "hospice")),
        )
    )
    X = pd.DataFrame(contract.encode_table(TABLE[["age", "ward"]]), columns=list(contract.columns))
    kinds = ["continuous", "continuous", "nominal", "nominal", "continuous"]
    told = fitted(X, TABLE["outcome"], feature_types=kinds, interactions=1)
    model = AdditiveModel.from_bytes(import_ebm(told, contract).model)
    assert {axis.kind for axis in model.stored.axes} == {"numbers", "values"}
    assert np.array_equal(model.margins(X), told.decision_function(X))
    named = fitted(TABLE[["age", "ward"]], TABLE["outcome"], interactions=0)
    assert import_ebm(named, contract).kind == "ebm"


def test_what_cannot_be_read_is_refused_with_the_reason(machine: ExplainableBoostingClassifier) -> None:
    """Other features, three classes, words for numbers, other estimators: each names what is wrong."""
    other = Contract(features=tuple(reversed(CONTRACT.features)))
    with pytest.raises(Invalid, match="neither the contract's features nor its columns"):
        import_ebm(machine, other)
    three = fitted(FEATURES, TABLE["patient"] % 3, interactions=0, max_rounds=5)
    with pytest.raises(Invalid, match="two classes"):
        import_ebm(three, CONTRACT)
    as_numbers = Contract(features=tuple(Feature(name=name, kind="numeric") for name in CONTRACT.names))
    with pytest.raises(Invalid, match="holds words for the model and a number in the contract"):
        import_ebm(machine, as_numbers)
    with pytest.raises(Invalid, match="not a fitted explainable boosting machine"):
        import_ebm(object(), CONTRACT)


def test_a_model_read_wrongly_is_found_on_the_rows_at_its_cuts(
    machine: ExplainableBoostingClassifier, model: AdditiveModel
) -> None:
    """A cut read as `<` instead of `<=` shows on rows that stand on it; the refusal names row, kind and size."""
    probes = probes_of(model)
    moved = []
    for axis in model.stored.axes:
        cuts = np.nextafter(axis.cuts, np.inf).tolist() if axis.kind == "numbers" else []
        moved.append(msgspec.structs.replace(axis, cuts=cuts))
    wrong = AdditiveModel(msgspec.structs.replace(model.stored, axes=moved))
    theirs = ask_interpret(machine, CONTRACT, probes.rows)
    with pytest.raises(
        Invalid, match=r"in \d+ of 512 rows, by up to [\d.e-]+ \(allowed 1e-06\): row \d+, on a threshold"
    ):
        require_same(wrong.scores(probes.rows), theirs, probes)
    X = CONTRACT.encode_table(FEATURES)
    with pytest.raises(Invalid, match=r"in 1 of 500 rows, by up to inf .*: row 3, given"):
        require_same(model.scores(X), np.where(np.arange(500) == 3, np.nan, model.scores(X)), given(X, X.shape[1]))


@pytest.mark.parametrize(
    ("axis", "term", "path"),
    [
        ({"stop": 9}, {}, r"axes\[0\]"),
        ({"cuts": [2.0, 1.0]}, {}, r"axes\[0\]"),
        ({"cuts": [1.0], "own": 3}, {}, r"axes\[0\]"),
        ({"kind": "levels", "bins": [7], "cuts": []}, {}, r"axes\[0\]"),
        ({"kind": "values", "values": [1.0, 1.0], "bins": [1, 2], "cuts": [], "own": 2}, {}, r"axes\[0\]"),
        ({}, {"scores": [0.0] * 4}, r"terms\[0\]"),
        ({}, {"scores": [0.0, 0.0, 0.0, 0.0, float("inf")]}, r"terms\[0\]"),
        ({}, {"axes": [1]}, r"terms\[0\]"),
        ({}, {"axes": [0, 0], "scores": [0.0] * 25}, r"terms\[0\]"),
        ({}, {"axes": []}, r"terms\[0\]"),
    ],
)
def test_tables_that_do_not_fit_are_refused(axis: dict[str, object], term: dict[str, object], path: str) -> None:
    """Columns outside the row, falling cuts, bins and cells that are not there, infinite scores: each by its path."""
    good = Axis(kind="numbers", start=0, stop=1, own=3, cuts=[1.0, 2.0])
    table = Term(axes=[0], scores=[0.0, 1.0, 2.0, 3.0, 4.0])
    stored = StoredEbm(
        format="bedrail-ebm/1",
        features=1,
        link="logit",
        intercept=0.0,
        axes=[msgspec.structs.replace(good, **axis)],
        terms=[msgspec.structs.replace(table, **term)],
    )
    with pytest.raises(Invalid, match=path):
        AdditiveModel(stored)


def test_bytes_that_are_no_additive_model_are_corrupt(tmp_path: Path, model: AdditiveModel) -> None:
    """A package whose model file is of another kind or width does not open."""
    from bedrail.models.scoring import open_scoring

    for data in (b"{}", b"\xff", b"[" * 100_000, model.to_bytes()):
        with pytest.raises(Corrupt):
            open_scoring("ebm", data, np.zeros(2))
