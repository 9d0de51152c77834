"""Claims about scikit-learn pipelines over tables: their columns folded into our formats, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from models_samples import CONTRACT, encounters
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, PolynomialFeatures, RobustScaler
from sklearn.preprocessing import StandardScaler as Standard

from bedrail.core.errors import Invalid
from bedrail.models.contract import Contract, Feature
from bedrail.models.importers import import_own, import_sklearn, is_own
from bedrail.models.linear import LinearModel
from bedrail.models.sklearn_columns import Step, last_below
from bedrail.models.trees import TreeEnsemble

TABLE = encounters(400, 1)
X, Y = TABLE[list(CONTRACT.names)], TABLE["outcome"]
NUMBERS = ["age", "creatinine", "visits"]


def pipeline(scaler: Any, classifier: Any, encoder: Any = None) -> Any:
    before = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), scaler), NUMBERS),
            ("words", encoder or OneHotEncoder(drop="first", handle_unknown="ignore"), ["ward"]),
        ]
    )
    return make_pipeline(before, classifier).fit(X, Y)


@pytest.mark.parametrize(
    ("scaler", "classifier", "reader"),
    [
        (Standard(), LogisticRegression(max_iter=900), LinearModel),
        (MinMaxScaler(), LogisticRegression(max_iter=900), LinearModel),
        (MaxAbsScaler(), RandomForestClassifier(8, random_state=0), TreeEnsemble),
        (RobustScaler(), GradientBoostingClassifier(n_estimators=8), TreeEnsemble),
        (MinMaxScaler(), HistGradientBoostingClassifier(max_iter=8), TreeEnsemble),
        ("passthrough", RandomForestClassifier(8, random_state=0), TreeEnsemble),
    ],
    ids=["standard-logistic", "min-max-logistic", "max-abs-forest", "robust-boosting", "min-max-histogram", "bare"],
)
@pytest.mark.slow
def test_a_pipeline_over_a_table_comes_in_exactly(scaler: Any, classifier: Any, reader: Any) -> None:
    """Scalers, imputer and one-hot encoder are folded in: the answers equal the pipeline's, and travel as our JSON."""
    whole = pipeline(scaler, classifier)
    imported = import_sklearn(whole, CONTRACT)
    ours = reader.from_bytes(imported.model).scores(CONTRACT.encode_table(X))
    assert np.abs(ours - whole.predict_proba(X)[:, 1]).max() < 1e-9
    assert is_own(imported.model)
    assert import_own(imported.model, CONTRACT) == imported


def test_a_scaled_threshold_becomes_the_last_number_that_went_left() -> None:
    """For every threshold the cut goes left and the next float goes right, also for huge, tiny and negative ones."""
    rng = np.random.default_rng(1)
    thresholds = np.concatenate([rng.normal(size=200), [0.0, 1e-300, -1e300, 0.1, -0.1]])
    for steps in ([Step(60.1, 13.7)], [Step(-0.3, 1 / 3, times=True)], [Step(1e8, 1e-8), Step(0.5, 7.0)]):

        def scaled(x: np.ndarray, steps: list[Step] = steps) -> np.ndarray:
            for step in steps:
                x = step(x)
            return x

        with np.errstate(over="ignore"):
            cuts = last_below(steps, thresholds)
            assert (scaled(cuts) <= thresholds).all()
            beyond = np.nextafter(cuts, np.inf)
            assert ((scaled(beyond) > thresholds) | np.isinf(beyond)).all()


def test_what_a_pipeline_does_that_cannot_be_folded_is_refused() -> None:
    """Products of columns, rare categories put together, other levels, a number coded as words: each is named."""
    squared = pipeline(PolynomialFeatures(), RandomForestClassifier(2))
    with pytest.raises(Invalid, match="PolynomialFeatures cannot be read exactly"):
        import_sklearn(squared, CONTRACT)
    rare = pipeline(Standard(), LogisticRegression(), OneHotEncoder(min_frequency=135, handle_unknown="ignore"))
    with pytest.raises(Invalid, match="puts rare ones together"):
        import_sklearn(rare, CONTRACT)
    plain = pipeline(Standard(), LogisticRegression())
    fewer = [f if f.name != "ward" else Feature(name="ward", kind="categorical", levels=("medical", "surgical"))
             for f in CONTRACT.features]  # fmt: skip
    with pytest.raises(Invalid, match="not those of the encoder: other"):
        import_sklearn(plain, Contract(features=tuple(fewer)))
    with pytest.raises(Invalid, match="needs the contract"):
        import_sklearn(plain)
    with pytest.raises(Invalid, match="the pipeline takes"):
        import_sklearn(plain, Contract(features=CONTRACT.features[1:]))
    numbers = Contract(features=tuple(Feature(name=name, kind="numeric") for name in CONTRACT.names))
    with pytest.raises(Invalid, match="coded as a category and is a number"):
        import_sklearn(plain, numbers)


def test_a_pipeline_read_wrongly_does_not_come_in() -> None:
    """A scaler that was changed after fitting answers otherwise than its own weights say, and that shows."""

    class Off(Standard):
        def transform(self, X: Any, copy: Any = None) -> Any:
            return super().transform(X, copy) + 0.01

    with pytest.raises(Invalid, match=r"differ from the original's in \d+ of \d+ rows"):
        import_sklearn(pipeline(Off(), LogisticRegression()), CONTRACT)


def test_columns_are_taken_by_place_name_slice_and_mask() -> None:
    """However the transformer names its columns, and whatever it drops, the same come to the classifier."""
    frame = pd.DataFrame(CONTRACT.encode_table(X), columns=list(CONTRACT.columns))
    contract = Contract(features=tuple(Feature(name=name, kind="numeric") for name in CONTRACT.columns))
    for chosen in ([0, 4], slice(0, 2), np.array([True, False, False, False, True, False]), ["age", "visits"]):
        before = ColumnTransformer([("some", Standard(), chosen)], remainder="passthrough", sparse_threshold=0)
        whole = make_pipeline(before, LogisticRegression(max_iter=900)).fit(frame, Y)
        imported = import_sklearn(whole, contract)
        ours = LinearModel.from_bytes(imported.model).scores(frame)
        assert np.abs(ours - whole.predict_proba(frame)[:, 1]).max() < 1e-9
