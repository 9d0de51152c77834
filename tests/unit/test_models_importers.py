"""Claims about bringing in models that were trained elsewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler

from bedrail.core.errors import Invalid, Unavailable
from bedrail.models.contract import Contract, Feature
from bedrail.models.importers import import_lightgbm, import_onnx, import_sklearn, import_xgboost
from bedrail.models.linear import LinearModel
from bedrail.models.onnx import OnnxModel
from bedrail.models.probes import PARITY
from bedrail.models.trees import TreeEnsemble

NAMES = ["age", "creatinine", "lactate", "beds"]
PAGE = Path(__file__).parents[2] / "docs" / "import-models.md"


@pytest.fixture(scope="module")
def ward() -> tuple[pd.DataFrame, np.ndarray, Contract]:
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(500, 4)) * [20, 1, 2, 5] + [60, 1, 2, 10], columns=NAMES)
    y = (X["age"] / 20 + X["lactate"] + rng.normal(size=500) > 5).astype(int).to_numpy()
    return X, y, Contract(features=tuple(Feature(name=name, kind="numeric") for name in NAMES))


def onnx_of(estimator: object, width: int = 4, **options: object) -> bytes:
    from skl2onnx import to_onnx

    settings = {"zipmap": False, **options}
    model = to_onnx(estimator, np.zeros((1, width), dtype=np.float32), options={id(estimator): settings})
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=500),
        SGDClassifier(loss="log_loss", random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(), RobustScaler(), "passthrough", LogisticRegression()),
        make_pipeline(MaxAbsScaler(), StandardScaler(with_mean=False), LogisticRegression()),
    ],
    ids=["logistic", "sgd", "standard", "min-max-robust", "max-abs"],
)
def test_linear_classifiers_come_in_with_their_scalers_folded(ward, estimator):
    """The imported weights on raw columns give predict_proba to 1e-9."""
    X, y, contract = ward
    if not hasattr(estimator, "steps"):
        X = (X - X.mean()) / X.std()
    estimator.fit(X, y)
    kind, model = import_sklearn(estimator, contract)
    assert kind == "linear"
    assert np.abs(LinearModel.from_bytes(model).scores(X) - estimator.predict_proba(X)[:, 1]).max() <= 1e-9


def test_trees_of_every_library_come_in_with_the_originals_predictions(ward):
    """scikit-learn, LightGBM and XGBoost models answer within 1e-6 of the original on the training rows."""
    X, y, contract = ward
    forest = RandomForestClassifier(n_estimators=10, random_state=0).fit(X, y)
    light = lgb.LGBMClassifier(n_estimators=15, n_jobs=1, verbose=-1).fit(X, y)
    extreme = xgb.XGBClassifier(n_estimators=15, n_jobs=1).fit(X, y)
    for original, imported in (
        (forest, import_sklearn(forest, contract, rows=X)),
        (light, import_lightgbm(light, contract)),
        (light, import_lightgbm(light.booster_.model_to_string(), contract, rows=X)),
        (extreme, import_xgboost(extreme, contract)),
        (extreme, import_xgboost(bytes(extreme.get_booster().save_raw("ubj")), contract)),
    ):
        assert imported.kind == "trees"
        ours = TreeEnsemble.from_bytes(imported.model)
        assert np.abs(ours.scores(X) - original.predict_proba(X)[:, 1]).max() <= PARITY


def test_an_early_stopped_xgboost_classifier_is_cut_at_its_best_iteration(ward):
    """The imported model answers as the classifier's own predict_proba does."""
    X, y, contract = ward
    noise = np.random.default_rng(0).permutation(y)
    model = xgb.XGBClassifier(n_estimators=60, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:300], y[:300], eval_set=[(X[300:], noise[300:])], verbose=False)
    ours = TreeEnsemble.from_bytes(import_xgboost(model, contract).model)
    assert len(ours.trees) == model.best_iteration + 1
    assert np.abs(ours.scores(X) - model.predict_proba(X)[:, 1]).max() <= PARITY


def test_files_are_read_and_pickles_refused_with_the_reason(ward, tmp_path):
    """Model files come in by path; pickled ones are refused unread, saying that loading them runs code."""
    X, y, contract = ward
    light = lgb.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(X, y)
    light.booster_.save_model(tmp_path / "m.txt")
    assert import_lightgbm(tmp_path / "m.txt", contract).kind == "trees"
    xgb.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, y).save_model(tmp_path / "m.ubj")
    assert import_xgboost(str(tmp_path / "m.ubj")).kind == "trees"
    for read in (import_sklearn, import_lightgbm, import_xgboost, import_onnx):
        with pytest.raises(Invalid, match="runs the code"):
            read(tmp_path / "model.pkl")
    with pytest.raises(Invalid, match="cannot be read"):
        import_lightgbm(tmp_path / "absent.txt")


def test_columns_that_are_not_the_contracts_are_refused(ward):
    """Another number, or another order, of columns raises Invalid naming the first that differs."""
    X, y, contract = ward
    with pytest.raises(Invalid, match="4 columns and the contract gives 3"):
        import_sklearn(LogisticRegression(max_iter=2000).fit(X, y), Contract(features=contract.features[:3]))
    turned = X[NAMES[::-1]]
    for imported, original in (
        (import_sklearn, RandomForestClassifier(n_estimators=3).fit(turned, y)),
        (import_lightgbm, lgb.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(turned, y)),
        (import_xgboost, xgb.XGBClassifier(n_estimators=3, n_jobs=1).fit(turned, y)),
    ):
        with pytest.raises(Invalid, match="column 0 is `beds`"):
            imported(original, contract)


def test_predictions_that_differ_stop_the_import(ward):
    """Expected predictions off by more than 1e-6 in one row raise Invalid; those within it pass."""
    X, y, contract = ward
    light = lgb.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(X, y)
    expected = light.predict_proba(X)[:, 1]
    assert import_lightgbm(light, contract, rows=X, expected=expected + 5e-7).kind == "trees"
    for wrong in (expected + np.eye(500)[7] * 1e-5, np.where(np.arange(500) == 3, np.nan, expected), expected[:-1]):
        with pytest.raises(Invalid):
            import_lightgbm(light, contract, rows=X, expected=wrong)
    with pytest.raises(Invalid):
        import_lightgbm(light, contract, expected=expected)


def test_an_xgboost_file_comes_in_without_the_library_only_with_expected_predictions(ward, monkeypatch):
    """Where xgboost is absent the import is Unavailable with a remedy, unless its predictions are given."""
    X, y, contract = ward
    model = xgb.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, y)
    data, expected = bytes(model.get_booster().save_raw("json")), model.predict_proba(X)[:, 1]
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(Unavailable, match="pip install xgboost"):
        import_xgboost(data, contract)
    assert import_xgboost(data, contract, rows=X, expected=expected).kind == "trees"


def test_what_cannot_be_read_exactly_is_refused(ward):
    """Regressors, unknown steps, linear models of three classes and unfitted estimators raise Invalid."""
    X, y, _ = ward
    three = np.arange(500) % 3
    for wrong in (
        LinearRegression().fit(X, y),
        make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=5000)).fit(X / 100, y),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, three),
        LogisticRegression(),
        object(),
    ):
        with pytest.raises(Invalid):
            import_sklearn(wrong)


@pytest.mark.slow
def test_onnx_models_answer_as_their_originals(ward):
    """A forest and a logistic regression exported to ONNX come in, checked on float32 rows against the original."""
    X, y, contract = ward
    rows = X.to_numpy().astype(np.float32).astype(np.float64)
    for original in (
        RandomForestClassifier(n_estimators=8, random_state=0).fit(rows, y),
        LogisticRegression(max_iter=2000).fit(rows, y),
    ):
        data = onnx_of(original)
        expected = original.predict_proba(rows)[:, 1]
        assert import_onnx(data, contract, rows=rows, expected=expected) == ("onnx", data)
        model = OnnxModel(data)
        assert model.score(rows[0]) == pytest.approx(expected[0], abs=PARITY)
        with pytest.raises(Invalid, match="differ"):
            import_onnx(data, contract, rows=rows, expected=expected + 1e-3)


def test_what_is_no_onnx_classifier_is_refused(ward):
    """Noise, an ONNX file without a plain probability tensor, and rows of another width raise Invalid."""
    X, y, contract = ward
    forest = RandomForestClassifier(n_estimators=2, random_state=0).fit(X.to_numpy(), y)
    for wrong in (b"", b"noise", onnx_of(forest, zipmap=True)):
        with pytest.raises(Invalid):
            import_onnx(wrong, contract)
    model = OnnxModel(onnx_of(forest))
    with pytest.raises(Invalid):
        model.scores(np.zeros((2, 3)))
    with pytest.raises(Invalid):
        import_onnx(onnx_of(forest), contract, rows=X)


def test_onnx_without_onnxruntime_is_unavailable_with_the_command_to_run(ward, monkeypatch):
    """Where the extra is not installed the remedy is to install it."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Unavailable, match=re.escape("bedrail[onnx]")):
        OnnxModel(b"")


@pytest.mark.slow
def test_every_example_of_the_import_page_runs(tmp_path, monkeypatch):
    """The python blocks of docs/import-models.md run from top to bottom, and their assertions hold."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
