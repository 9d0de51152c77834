"""Each kind of model beside the library that made it: one-row latency (CPU), and EBM against XGBoost on real patients.

    .venv/bin/python bench/registry.py [--rows 20000] [--rounds 5]

Readmission within 30 days of the diabetes data that the example ships (UCI 296), split by patient. Figures are CPU
time of this process on one thread, the median of some rounds, ours and theirs in turn; ratios are what counts.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bedrail.governance.usecase import parse_charter
from bedrail.models.decoding import frame_of
from bedrail.models.importers import import_ebm, import_lightgbm, import_onnx, import_sklearn, import_xgboost
from bedrail.models.scoring import open_scoring

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "readmission-30d"


def each(call: Callable[[int], Any], n: int) -> float:
    """Microseconds of CPU a call."""
    began = time.process_time()
    for i in range(n):
        call(i)
    return (time.process_time() - began) / n * 1e6


def table(rows: int) -> tuple[Any, Any, Any]:
    """Contract, encoded rows and the table, of the example's own preparation."""
    import gzip
    import tempfile

    spec = importlib.util.spec_from_file_location("prepare", EXAMPLE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.csv"
        source.write_bytes(gzip.decompress((EXAMPLE / "data" / "diabetic_data.csv.gz").read_bytes()))
        frame = module.prepare(source)
    charter = parse_charter((EXAMPLE / "usecase.toml").read_text())
    if rows:
        frame = frame.head(rows).reset_index(drop=True)
    return charter, charter.contract().encoder().table(frame), frame


def main() -> None:
    """Print the figures."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=20_000, help="0 for all.")
    asked.add_argument("--rounds", type=int, default=5)
    told = asked.parse_args()
    warnings.simplefilter("ignore")
    import lightgbm
    import xgboost
    from interpret.glassbox import ExplainableBoostingClassifier
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    charter, X, frame = table(told.rows)
    contract, y = charter.contract(), frame[charter.data.outcome].to_numpy()
    patients = frame[charter.data.subject].to_numpy()
    known = np.random.default_rng(0).permutation(np.unique(patients))
    test = np.isin(patients, known[: len(known) // 5])
    train = ~test
    print(f"{len(X)} encounters, {X.shape[1]} columns, {y.mean():.1%} readmitted; tested on {test.sum()} rows")
    wide = frame_of(contract, X)
    scaled = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X[train], y[train])
    forest = RandomForestClassifier(50, max_depth=8, random_state=0, n_jobs=1).fit(X[train], y[train])
    light = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=15, n_jobs=1, verbose=-1).fit(X[train], y[train])
    extreme = xgboost.XGBClassifier(n_estimators=150, max_depth=3, learning_rate=0.1, n_jobs=1).fit(X[train], y[train])
    began = time.process_time()
    machine = ExplainableBoostingClassifier(
        random_state=0, n_jobs=1, outer_bags=4, interactions=10, learning_rate=0.04, max_rounds=1500
    ).fit(wide[train], y[train])
    print(f"EBM trained in {time.process_time() - began:.0f} s CPU, {len(machine.term_features_)} terms")
    graph = to_onnx(scaled, X[:1].astype(np.float32), options={"zipmap": False}).SerializeToString()
    rows32 = X.astype(np.float32)
    cases = {
        "linear": (scaled, import_sklearn(scaled, rows=X[:500]), lambda i: scaled.predict_proba(X[i : i + 1])),
        "forest": (forest, import_sklearn(forest), lambda i: forest.predict_proba(X[i : i + 1])),
        "lightgbm": (light, import_lightgbm(light), lambda i: light.booster_.predict(X[i : i + 1], num_threads=1)),
        "xgboost": (extreme, import_xgboost(extreme), lambda i: extreme.get_booster().inplace_predict(X[i : i + 1])),
        "ebm": (machine, import_ebm(machine, contract), lambda i: machine.predict_proba(wide.iloc[i : i + 1])),
        "onnx": (scaled, import_onnx(graph), lambda i: scaled.predict_proba(rows32[i : i + 1])),
    }
    mean = X[train].mean(axis=0)
    print(f"{'kind':9} {'ours us':>9} {'parts us':>9} {'theirs us':>10} {'ratio':>6} {'AUROC':>7} {'largest gap':>12}")
    for name, (model, imported, theirs) in cases.items():
        ours = open_scoring(imported.kind, imported.model, mean)
        n = 300 if name == "ebm" else 1000
        one = statistics.median(each(lambda i, s=ours: s.score(X[i]), n) for _ in range(told.rounds))
        parts = statistics.median(each(lambda i, s=ours: s.parts(X[i]), n) for _ in range(told.rounds))
        few = 40
        them = statistics.median(each(theirs, few) for _ in range(told.rounds))
        score = ours.scores(X[test])
        original = model.predict_proba(wide[test] if name == "ebm" else X[test])[:, 1]
        shown = f"{parts:9.1f}" if imported.kind != "onnx" else f"{'-':>9}"
        gap = np.abs(score - original).max()
        auroc = roc_auc_score(y[test], score)
        print(f"{name:9} {one:9.1f} {shown} {them:10.1f} {them / one:5.0f}x {auroc:7.4f} {gap:12.2g}")


if __name__ == "__main__":
    main()
