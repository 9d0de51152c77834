"""Bring in a model that was trained elsewhere: read it without running its code, and prove that it answers the same.

Every importer returns `Imported(kind, model)`, ready for `write_package`. Nothing is returned before our predictions
equal the original's within `PARITY`: on the caller's `rows`, or else on rows made from the model's own thresholds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from bedrail.core.errors import Invalid, Unavailable
from bedrail.models.contract import Contract
from bedrail.models.decoding import frame_of, with_levels
from bedrail.models.linear import LinearModel
from bedrail.models.onnx import OnnxModel
from bedrail.models.onnx_graph import Output, with_probabilities
from bedrail.models.package import MOST_BYTES
from bedrail.models.probes import PROBES, Probes, around, given, require_risks, require_same, spread
from bedrail.models.sklearn_columns import is_pipeline, read_pipeline
from bedrail.models.tree_plan import Floats
from bedrail.models.trees import TreeEnsemble

_PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")


class Imported(NamedTuple):
    """What a package is written from: the kind of model and its bytes."""

    kind: Literal["linear", "trees", "ebm", "onnx"]
    model: bytes


def import_sklearn(estimator: Any, contract: Contract | None = None, *, rows: npt.ArrayLike | None = None) -> Imported:
    """A fitted binary scikit-learn classifier: logistic regression (scalers folded in) or any of its tree ensembles.

    Also a pipeline that takes a table apart (`ColumnTransformer` with scalers, imputers, one-hot encoders) before one.

    `rows` (n, k) stand in the contract's columns. Raises `Invalid` for what cannot be read exactly, for columns that
    are not the contract's, and for predictions that differ. A file of pickled objects is refused: loading it runs code.
    """
    if isinstance(estimator, str | bytes | Path):
        raise Invalid(
            "a pickled model is not read, since loading it runs the code inside.",
            path="estimator",
            remedy="Load it where it was trained, and export ONNX or pass the fitted estimator.",
        )
    named = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    if is_pipeline(estimator):
        return _imported_pipeline(estimator, contract, rows)
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if hasattr(last, "coef_"):
        from bedrail.models.linear_sklearn import read_sklearn_linear

        linear = read_sklearn_linear(estimator)
        _check_columns(linear.features, named, contract)
        probes = given(rows, linear.features) if rows is not None else spread(linear.coef)
        require_same(linear.scores(probes.rows), _sklearn_scores(estimator, named, probes.rows), probes)
        return Imported("linear", linear.to_bytes())
    from bedrail.models.tree_sklearn import trees_from_sklearn

    trees = trees_from_sklearn(estimator)
    _check_columns(trees.features, named, contract)
    probes = given(rows, trees.features) if rows is not None else _tree_probes(trees)
    require_same(trees.scores(probes.rows), _sklearn_scores(estimator, named, probes.rows), probes)
    return Imported("trees", trees.to_bytes())


def _imported_pipeline(estimator: Any, contract: Contract | None, rows: npt.ArrayLike | None) -> Imported:
    if contract is None:
        remedy = "Declare the pipeline's columns, with their levels."
        raise Invalid("a pipeline of columns needs the contract.", path="contract", remedy=remedy)
    model = read_pipeline(estimator, contract)
    if rows is not None:
        probes = given(rows, model.features)
    else:
        made = spread(model.coef) if isinstance(model, LinearModel) else _tree_probes(model)
        probes = Probes(with_levels(contract, made.rows), made.kinds)
    theirs = np.asarray(estimator.predict_proba(frame_of(contract, probes.rows)))[:, 1]
    require_same(model.scores(probes.rows), theirs, probes)
    return Imported("linear" if isinstance(model, LinearModel) else "trees", model.to_bytes())


def import_ebm(estimator: Any, contract: Contract, *, rows: npt.ArrayLike | None = None) -> Imported:
    """A fitted `ExplainableBoostingClassifier` of interpret, trained on the contract's features or on its columns.

    Compared on `rows` (n, k), or on rows around all its cuts with every level, a gap and a level never seen. Raises
    `Invalid` for what `read_interpret` refuses and for predictions that differ.
    """
    from bedrail.models.ebm_interpret import ask_interpret, probes_of, read_interpret

    model = read_interpret(estimator, contract)
    probes = given(rows, model.features) if rows is not None else probes_of(model)
    require_same(model.scores(probes.rows), ask_interpret(estimator, contract, probes.rows), probes)
    return Imported("ebm", model.to_bytes())


def is_own(data: bytes) -> bool:
    """Whether a file begins as Bedrail's own formats do."""
    return data.startswith(b'{"format":"bedrail-')


def import_own(data: bytes, contract: Contract | None = None) -> Imported:
    """The bytes of `Imported.model`, brought from the process in which the original was read and compared.

    Raises `Invalid` for what is none of our formats (linear, trees, ebm), or for other columns.
    """
    from bedrail.models.ebm import AdditiveModel

    readers: tuple[tuple[Literal["linear", "trees", "ebm"], Any], ...] = (
        ("linear", LinearModel),
        ("trees", TreeEnsemble),
        ("ebm", AdditiveModel),
    )
    for kind, reader in readers:
        if data.startswith(f'{{"format":"bedrail-{kind}/1"'.encode()):
            model = reader.from_bytes(data)
            _check_columns(model.features, [], contract)
            return Imported(kind, model.to_bytes())
    raise Invalid("this is no model in Bedrail's own format.", path="model", remedy="Import the original again.")


def import_lightgbm(
    source: Any,
    contract: Contract | None = None,
    *,
    rows: npt.ArrayLike | None = None,
    expected: npt.ArrayLike | None = None,
) -> Imported:
    """A LightGBM `Booster`, `LGBMClassifier`, model text, or path of a model text.

    `expected` (n,) are the original's probabilities for `rows`; without them LightGBM itself is asked.
    Raises `Invalid` for what `TreeEnsemble.from_lightgbm_text` refuses, other columns, or other predictions.
    """
    booster = getattr(source, "booster_", source)
    text = (
        booster.model_to_string() if hasattr(booster, "model_to_string") else _file(source).decode("utf-8", "replace")
    )
    trees = TreeEnsemble.from_lightgbm_text(text)
    _check_columns(trees.features, _lightgbm_names(text), contract)

    def ask(probes: Floats) -> npt.ArrayLike:
        import lightgbm

        answer: npt.ArrayLike = lightgbm.Booster(model_str=text).predict(probes, num_threads=1)
        return answer

    return _checked_trees(trees, rows, expected, ask)


def import_xgboost(
    source: Any,
    contract: Contract | None = None,
    *,
    rows: npt.ArrayLike | None = None,
    expected: npt.ArrayLike | None = None,
) -> Imported:
    """An XGBoost `Booster`, `XGBClassifier`, the bytes of its JSON or UBJSON, or the path of such a file.

    An early-stopped classifier is cut at its best iteration, as its own `predict` does. `expected` (n,) are the
    original's probabilities for `rows`; without them XGBoost itself is asked, and `Unavailable` is raised where it is
    not installed. Raises `Invalid` for what `TreeEnsemble.from_xgboost_json` refuses, other columns or predictions.
    """
    data = _xgboost_bytes(source)
    trees = TreeEnsemble.from_xgboost_json(data)
    _check_columns(trees.features, _xgboost_names(source), contract)

    def ask(probes: Floats) -> npt.ArrayLike:
        try:
            import xgboost
        except ImportError as error:
            raise Unavailable(
                "xgboost is not installed, so its predictions cannot be compared.",
                remedy="pip install xgboost, or pass rows and the expected predictions.",
            ) from error
        booster = xgboost.Booster(params={"nthread": 1}, model_file=bytearray(data))
        answer: npt.ArrayLike = booster.inplace_predict(probes, validate_features=False)
        return answer

    return _checked_trees(trees, rows, expected, ask)


def import_onnx(
    source: bytes | str | Path,
    contract: Contract | None = None,
    *,
    rows: npt.ArrayLike | None = None,
    expected: npt.ArrayLike | None = None,
    output: Output = "probabilities",
) -> Imported:
    """The bytes or the path of an ONNX binary classifier; `rows` and `expected` check it against its original.

    With `output="logits"` (one per row, or two with the outcome last, as torch models answer) a sigmoid or softmax is
    put behind it, and `expected` are the probabilities all the same. Raises `Invalid` for what `OnnxModel` refuses,
    other columns or predictions; `Unavailable` without onnxruntime.
    """
    data = source if isinstance(source, bytes) else _file(source)
    if output == "logits":
        data = with_probabilities(data)
    model = OnnxModel(data)
    if model.features:
        _check_columns(model.features, [], contract)
    if (rows is None) != (expected is None):
        raise Invalid("rows and expected come together.", path="expected")
    width = model.features or (len(contract.columns) if contract else 0)
    if rows is not None:
        probes = given(rows, width or np.shape(rows)[-1])
        require_same(model.scores(probes.rows), expected, probes, allowed=model.parity)
    elif width:
        require_risks(model.scores(spread(np.ones(width)).rows))
    return Imported("onnx", data)


def rows_around_splits(trees: TreeEnsemble, n: int = PROBES) -> Floats:
    """(n, k) rows that sit on, just beside and between the ensemble's own thresholds, where a wrong reading shows."""
    return _tree_probes(trees, n).rows


def _tree_probes(trees: TreeEnsemble, n: int = PROBES) -> Probes:
    asked: dict[int, list[Floats]] = {}
    for tree in trees.trees:
        for feature in np.unique(tree.feature[tree.feature >= 0]).tolist():
            asked.setdefault(feature, []).append(tree.threshold[tree.feature == feature])
    return around({feature: np.concatenate(cuts) for feature, cuts in asked.items()}, trees.features, n)


def _checked_trees(
    trees: TreeEnsemble, rows: npt.ArrayLike | None, expected: npt.ArrayLike | None, ask: Any
) -> Imported:
    if expected is not None and rows is None:
        raise Invalid("expected predictions need their rows.", path="rows")
    probes = given(rows, trees.features) if rows is not None else _tree_probes(trees)
    require_same(trees.scores(probes.rows), ask(probes.rows) if expected is None else expected, probes)
    return Imported("trees", trees.to_bytes())


def _check_columns(width: int, named: list[str], contract: Contract | None) -> None:
    if contract is None:
        return
    columns = list(contract.columns)
    if len(columns) != width:
        raise Invalid(
            f"the model takes {width} columns and the contract gives {len(columns)}.",
            path="contract.features",
            remedy="Declare every input of the model, categorical ones with all their levels.",
        )
    if named and named != columns:
        i = next(i for i, (name, column) in enumerate(zip(named, columns, strict=True)) if name != column)
        raise Invalid(
            f"the model's column {i} is `{named[i]}` and the contract's is `{columns[i]}`.",
            path=f"contract.features.{columns[i]}",
            remedy="Put the contract's features in the order of the model's columns.",
        )


def _sklearn_scores(estimator: Any, named: list[str], rows: Floats) -> npt.ArrayLike:
    frame: Any = rows
    if named:
        import pandas as pd

        frame = pd.DataFrame(rows, columns=named)
    answer: npt.ArrayLike = np.asarray(estimator.predict_proba(frame))[:, 1]
    return answer


def _lightgbm_names(text: str) -> list[str]:
    for line in text.splitlines():
        if line.startswith("feature_names="):
            names = line.removeprefix("feature_names=").split()
            # LightGBM's own placeholders name nothing.
            return [] if names == [f"Column_{i}" for i in range(len(names))] else names
    return []


def _xgboost_bytes(source: Any) -> bytes:
    if isinstance(source, bytes | bytearray):
        return bytes(source)
    if isinstance(source, str | Path):
        return _file(source)
    booster = source.get_booster() if hasattr(source, "get_booster") else source
    if not hasattr(booster, "save_raw"):
        raise Invalid(
            "not an XGBoost model.", path="source", remedy="Pass a Booster, an XGBClassifier, bytes or a path."
        )
    best = getattr(source, "best_iteration", None) if booster is not source else None
    if best is not None:
        booster = booster[: best + 1]
    return bytes(booster.save_raw("json"))


def _xgboost_names(source: Any) -> list[str]:
    booster = source.get_booster() if hasattr(source, "get_booster") else source
    return [str(name) for name in getattr(booster, "feature_names", None) or ()]


def _file(source: Any) -> bytes:
    """The bytes of a model file, or the text itself where `source` is one."""
    if isinstance(source, str) and "\n" in source:
        return source.encode()
    if not isinstance(source, str | Path):
        raise Invalid(f"a {type(source).__name__} is not a model that can be read here.", path="source")
    path = Path(source)
    if path.suffix.lower() in _PICKLES:
        raise Invalid(
            "a pickled model is not read, since loading it runs the code inside.",
            path=str(path),
            remedy="Save it in the library's own text format, or export ONNX.",
        )
    try:
        if path.stat().st_size > MOST_BYTES:
            said = f"the file is larger than a model may be ({MOST_BYTES // 1024**2} MiB)."
            raise Invalid(said, path=str(path), remedy="Give the model's own file, without data.")
        return path.read_bytes()
    except OSError as error:
        raise Invalid("the model file cannot be read.", path=str(path), remedy="Check the path.") from error
